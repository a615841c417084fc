"""botocore's sessions as we need them: they share what is dear to read, and one may assume a role while it works.

botocore assumes a role by itself where ``~/.aws/config`` names one, and documents no way for a program that names one.
So this module, and no other, rests on names of botocore's that are public and undocumented: a session's parts are
exchanged, its hooks, its reader of descriptions and of times, and its chain of providers, the latter for one with the
fetcher that botocore itself uses. The locks hold its version, and tests/test_isolation.py assumes a role on a server
that asks for it.
"""

import copy
import functools
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import botocore.session
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    Credentials,
    DeferredRefreshableCredentials,
)
from botocore.hooks import HierarchicalEmitter
from botocore.utils import parse_timestamp


def new_session() -> botocore.session.Session:
    """Not thread-safe, none beside another either: they share what has been read."""
    first, hooks = _first()
    session = botocore.session.Session(event_hooks=copy.copy(hooks), include_builtin_handlers=False)
    session.register_component("data_loader", first.get_component("data_loader"))
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=instant)
    return session


@functools.cache
def _first() -> tuple[botocore.session.Session, HierarchicalEmitter]:
    """Each service's description is read once for all sessions, and their hooks are copies of this one's: the one takes
    ten times as long as all else of a client, the other as long as several clients."""
    hooks = HierarchicalEmitter()
    hooks.register("before-send", _SENT.count)
    return botocore.session.Session(event_hooks=hooks), hooks


class _Sent:
    """``requests``: of all sessions of this process, repeated ones too. From many threads: about."""

    requests = 0

    def count(self, **_: Any) -> None:
        self.requests += 1


_SENT = _Sent()


def requests_sent() -> int:
    """To AWS by this process so far: what a run has sent is the difference."""
    return _SENT.requests


def instant(told: Any) -> datetime:
    """As botocore reads an answer's times, but ISO 8601 by Python's own parser: half of what a listing costs is a
    parser that takes any form."""
    if isinstance(told, str) and told[4:5] == "-":
        try:
            return datetime.fromisoformat(told)
        except ValueError:
            pass
    return parse_timestamp(told)


class _AssumedRole(CredentialProvider):
    METHOD = "assume-role"

    def __init__(self, fetcher: AssumeRoleCredentialFetcher) -> None:
        super().__init__()
        self._fetcher = fetcher

    def load(self) -> DeferredRefreshableCredentials:
        return DeferredRefreshableCredentials(self._fetcher.fetch_credentials, self.METHOD)


def session_as(
    role: str, source: Credentials, arguments: Mapping[str, Any], sts: Mapping[str, Any]
) -> botocore.session.Session:
    """Assumes ``role`` when it is first needed and again before that ends: it lasts an hour, a backup may not.

    ``source``: who may assume it. ``arguments``: AssumeRole's own. ``sts``: those of STS's client.
    """
    session = new_session()
    create_client = functools.partial(session.create_client, **sts)
    fetcher = AssumeRoleCredentialFetcher(create_client, source, role, extra_args=dict(arguments))
    session.register_component("credential_provider", CredentialResolver([_AssumedRole(fetcher)]))
    return session
