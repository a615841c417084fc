"""Connections without Airflow: the same ids, read from ``AIRFLOW_CONN_<ID>`` or from ``airflow_settings.yaml``.

Airflow's own connections become the same values in ``plugins/muniment_airflow/hooks.py``.
"""

import json
import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import botocore.session
import yaml
from botocore.config import Config
from botocore.credentials import Credentials, ReadOnlyCredentials
from psycopg.conninfo import make_conninfo

from muniment.adapters.aws.sessions import new_session, session_as
from muniment.adapters.host.project import project_folders
from muniment.adapters.site.site import Clients, Site, build_site
from muniment.domain.firm.firm import Firm
from muniment.domain.secret import Secret
from muniment.errors import CredentialsUnusable, InvalidConfiguration

_ONE_AT_A_TIME = threading.Lock()

# Standard mode backs off with jitter and stops; the read timeout bounds a store that accepts and never answers.
STORE_CONFIG = Config(
    retries={"mode": "standard", "max_attempts": 5},
    connect_timeout=5,
    read_timeout=60,
    max_pool_connections=64,
    s3={"addressing_style": "path"},
)

HASTY_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 2},
    connect_timeout=3,
    read_timeout=15,
)
"""Over the other, for a vault that only helps out: when its whole region is away, a restore must not wait for it."""

BRIEF_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 2},
    connect_timeout=2,
    read_timeout=2,
)
"""For the other region while PostgreSQL's archiver waits: somebody else comes by later."""


@dataclass(frozen=True, slots=True)
class Login:
    """One Airflow connection's fields."""

    id: str
    host: str = ""
    port: int | None = None
    user: str = ""
    password: Secret = field(default_factory=lambda: Secret(""))
    schema: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    def conninfo(self) -> Secret:
        """libpq's keyword string; ``extra`` is passed on, as Airflow's PostgresHook does."""
        parts: dict[str, Any] = {"host": self.host, "port": self.port, "user": self.user, "dbname": self.schema}
        options = {key: value for key, value in self.extra.items() if isinstance(value, str | int)}
        parts = {**parts, "password": self.password.reveal(), **options}
        return Secret(make_conninfo(**{key: value for key, value in parts.items() if value}))

    def clients(self, *, hasty: bool = False, brief: bool = False) -> Clients:
        """boto3 clients with this login's key, or with the role that ``extra.role_arn`` names."""
        patience = BRIEF_CONFIG if brief else HASTY_CONFIG if hasty else Config()
        return _LoginClients(self, _session(self), _config(self, patience))

    @classmethod
    def from_fields(cls, connection_id: str, fields: Mapping[str, Any]) -> "Login":
        """From the JSON form of ``AIRFLOW_CONN_…``: conn_type, host, login, password, schema, port, extra."""
        extra = fields.get("extra") or {}
        extra = json.loads(extra) if isinstance(extra, str) else extra
        if not isinstance(extra, Mapping):
            raise TypeError(type(extra))
        return cls(
            id=connection_id,
            host=fields.get("host") or "",
            port=int(fields["port"]) if fields.get("port") else None,
            user=fields.get("login") or "",
            password=Secret(fields.get("password") or ""),
            schema=fields.get("schema") or "",
            extra=extra,
        )

    @classmethod
    def from_uri(cls, connection_id: str, uri: str) -> "Login":
        """From the URI form of ``AIRFLOW_CONN_…``."""
        parts = urlsplit(uri)
        extra = dict(parse_qsl(parts.query))
        return cls(
            id=connection_id,
            host=unquote(parts.hostname or ""),
            port=parts.port,
            user=unquote(parts.username or ""),
            password=Secret(unquote(parts.password or "")),
            schema=unquote(parts.path.lstrip("/")),
            extra=json.loads(extra["__extra__"]) if "__extra__" in extra else extra,
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)  # a site is printed with what it has: no session token
class _LoginClients:
    login: Login
    session: botocore.session.Session
    config: Config
    made: dict[tuple[str, str], Any] = field(default_factory=dict)

    def __call__(self, service: str, region: str) -> Any:
        with _ONE_AT_A_TIME:  # a session is not thread-safe as its clients are
            if (service, region) not in self.made:
                self.made[service, region] = self.session.create_client(
                    service, region_name=region, endpoint_url=_endpoint(self.login, service), config=self.config
                )
            return self.made[service, region]

    def credentials(self) -> ReadOnlyCredentials:
        return _credentials(self.session, "AWS", "signing", self.login.id).get_frozen_credentials()


def _credentials(session: botocore.session.Session, service: str, operation: str, place: str) -> Credentials:
    found = session.get_credentials()
    if found is None:
        raise CredentialsUnusable(service=service, operation=operation, place=place, reason="there are no credentials")
    return found


def _config(login: Login, patience: Config) -> Config:
    """``extra.config_kwargs``, as Airflow's AWS connections have it, over our own."""
    return STORE_CONFIG.merge(patience).merge(Config(**login.extra.get("config_kwargs", {})))


def _endpoint(login: Login, service: str) -> str | None:
    own = login.extra.get("service_config", {}).get(service, {}).get("endpoint_url")
    return own or login.extra.get("endpoint_url")


def _region(login: Login) -> str:
    return login.extra.get("region_name") or "us-east-1"


def _session(login: Login) -> botocore.session.Session:
    own = new_session()
    # A profile or a web identity is a role of its own, which STS gives in this region: another partition's elsewhere.
    own.set_config_variable("region", _region(login))
    key = (login.user, login.password.reveal(), login.extra.get("aws_session_token"))
    if any(key):
        own.set_credentials(*key)
    return _assuming(login, own) if login.extra.get("role_arn") else own


def _assuming(login: Login, own: botocore.session.Session) -> botocore.session.Session:
    role = login.extra["role_arn"]
    arguments = {"RoleSessionName": "muniment", **login.extra.get("assume_role_kwargs", {})}
    sts = {"region_name": _region(login), "endpoint_url": _endpoint(login, "sts"), "config": STORE_CONFIG}
    return session_as(role, _credentials(own, "STS", "AssumeRole", role), arguments, sts)


def find_login(connection_id: str, settings: Path | None = None) -> Login:
    """The environment first, then ``airflow_settings.yaml``. Raises ``InvalidConfiguration`` naming both places."""
    name = f"AIRFLOW_CONN_{connection_id.upper()}"
    text = os.environ.get(name)
    if text:
        return _parsed(connection_id, text)
    files = [settings] if settings else _default_settings()
    for fields in _connections_of(files[0]):
        if fields.get("conn_id") == connection_id:
            return _of_settings(connection_id, fields, files[0])
    fault = f"connection {connection_id}: neither {name} nor {' nor '.join(map(str, files))} has it"
    raise InvalidConfiguration(count=1, faults=fault)


def connection_variables(ids: Iterable[str], settings: Path | None = None) -> dict[str, str]:
    """``AIRFLOW_CONN_<ID>`` of those that the environment lacks and ``airflow_settings.yaml`` has, as Airflow reads it:
    for its own notifiers, outside of it. Raises ``InvalidConfiguration`` where the file is not as it should be."""
    file = settings or _default_settings()[0]
    known = {fields.get("conn_id"): fields for fields in _connections_of(file)}
    wanted = {f"AIRFLOW_CONN_{each.upper()}": known.get(each) for each in ids}
    return {name: _for_airflow(fields) for name, fields in wanted.items() if fields and not os.environ.get(name)}


def _for_airflow(fields: Mapping[str, Any]) -> str:
    if fields.get("conn_uri"):
        return str(fields["conn_uri"])
    own = {key if key == "conn_type" else key.removeprefix("conn_"): value for key, value in fields.items()}
    return json.dumps({key: value for key, value in own.items() if value is not None and key not in ("id", "uri")})


def _default_settings() -> list[Path]:
    """``MUNIMENT_SETTINGS``, or a project's first ``airflow_settings.yaml``; where none is, all of them."""
    if named := os.environ.get("MUNIMENT_SETTINGS"):
        return [Path(named)]
    looked = [folder / "airflow_settings.yaml" for folder in project_folders()]
    return [file for file in looked if file.exists()][:1] or looked


def _parsed(connection_id: str, text: str) -> Login:
    try:
        if text.startswith("{"):
            return Login.from_fields(connection_id, json.loads(text))
        return Login.from_uri(connection_id, text)
    except (TypeError, ValueError):
        # Without the cause: a traceback would show the text, and with it the password.
        fault = f"connection {connection_id}: AIRFLOW_CONN_{connection_id.upper()} is neither a URI nor JSON"
        raise InvalidConfiguration(count=1, faults=fault) from None


def _of_settings(connection_id: str, fields: Mapping[str, Any], settings: Path) -> Login:
    try:
        return Login.from_fields(connection_id, {key.removeprefix("conn_"): value for key, value in fields.items()})
    except (TypeError, ValueError):
        # Without the cause, as above.
        fault = f"{settings}: connection {connection_id}: its port is no number, or its extra is no JSON object"
        raise InvalidConfiguration(count=1, faults=fault) from None


def _connections_of(settings: Path) -> list[dict[str, Any]]:
    try:
        if not settings.exists():
            return []
        airflow = (yaml.safe_load(settings.read_text("utf-8")) or {}).get("airflow") or {}
        return [dict(fields) for fields in airflow.get("connections") or []]
    except OSError as error:
        why = f"it cannot be read: {error.strerror}"
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        why = f"not YAML: {str(error).splitlines()[0]}"
    except (AttributeError, TypeError, ValueError):
        why = "airflow.connections is to be a list, each with its conn_id and what else it has"
    raise InvalidConfiguration(count=1, faults=f"{settings}: {why}")


def open_site(firm: Firm, settings: Path | None = None) -> Site:
    """A firm's site with connections from outside Airflow."""
    conninfo = find_login(firm.cluster.connection, settings).conninfo()
    aws = find_login(firm.aws_connection, settings)
    return build_site(firm, conninfo, aws.clients(), aws.clients(hasty=True))
