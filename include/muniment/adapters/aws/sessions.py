"""botocore's sessions as we need them: they share what is dear to read, and one may assume a role while it works.

botocore assumes a role by itself where ``~/.aws/config`` names one, and documents no way for a program that names one.
So this module, and no other, rests on names of botocore's that are public and undocumented: two of a session's parts
are exchanged, its reader of descriptions and its chain of providers, the latter for one with the fetcher that botocore
itself uses. The locks hold its version, and tests/test_isolation.py assumes a role on a server that asks for it.
"""

import functools
from collections.abc import Mapping
from typing import Any

import botocore.session
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    Credentials,
    DeferredRefreshableCredentials,
)


def new_session() -> botocore.session.Session:
    """Not thread-safe, none beside another either: they share what has been read."""
    session = botocore.session.get_session()
    session.register_component("data_loader", _descriptions())
    return session


@functools.cache
def _descriptions() -> Any:
    """Reads each service's description once for all sessions: it takes ten times as long as all else of a client."""
    return botocore.session.get_session().get_component("data_loader")


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
