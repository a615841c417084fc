"""Airflow's connections become a firm's site: the only place on this side where secrets are unwrapped."""

import dataclasses
import functools
from typing import Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials

from muniment.adapters.site.logins import HASTY_CONFIG, STORE_CONFIG, Login
from muniment.adapters.site.site import Clients, Site, build_site
from muniment.domain.firm.firm import Firm
from muniment.domain.secret import Secret
from muniment.errors import InvalidConfiguration


def firm_site(firm: Firm, application: str) -> Site:
    """``application`` names our sessions in ``pg_stat_activity``, so that they can be ended. Nothing is opened yet."""
    aws = firm.aws_connection
    site = build_site(firm, conninfo(firm.cluster.connection), aws_clients(aws), aws_clients(aws, HASTY_CONFIG))
    return dataclasses.replace(site, postgres=dataclasses.replace(site.postgres, application=application))


def conninfo(connection_id: str) -> Secret:
    """What the Postgres connection says."""
    return login(connection_id).conninfo()


def login(connection_id: str) -> Login:
    """A connection's fields, without the extras that only PostgresHook itself understands. Raises
    ``InvalidConfiguration``."""
    found = connection(connection_id)
    extra = {k: v for k, v in found.extra_dejson.items() if k not in PostgresHook.ignored_extra_options}
    return Login(
        id=connection_id,
        host=found.host or "",
        port=found.port,
        user=found.login or "",
        password=Secret(found.password or ""),
        schema=found.schema or "",
        extra=extra,
    )


def connection(connection_id: str) -> Connection:
    """Raises ``InvalidConfiguration``. The Amazon provider would go on with the worker's own credentials instead."""
    try:
        return BaseHook.get_connection(connection_id)
    except AirflowNotFoundException:
        fault = f"connection {connection_id}: Airflow has none of this id"
        raise InvalidConfiguration(count=1, faults=fault) from None


def aws_clients(connection_id: str, more: Config | None = None) -> Clients:
    """Sessions are the Amazon provider's: a role that the connection names is assumed, and again before it expires."""

    connection(connection_id)
    return _ProviderClients(connection_id, STORE_CONFIG.merge(more) if more else STORE_CONFIG)


class _ProviderClients:
    def __init__(self, connection_id: str, config: Config) -> None:
        self._connection_id = connection_id
        self._config = config
        self._client = functools.cache(self._make)

    def __call__(self, service: str, region: str) -> Any:
        return self._client(service, region)

    def credentials(self) -> ReadOnlyCredentials:
        hook: AwsGenericHook[Any] = AwsGenericHook(aws_conn_id=self._connection_id, client_type="sts")
        found: ReadOnlyCredentials = hook.get_credentials(hook.region_name or "us-east-1")
        return found

    def _make(self, service: str, region: str) -> Any:
        hook: AwsGenericHook[Any] = AwsGenericHook(
            aws_conn_id=self._connection_id, client_type=service, region_name=region, config=self._config
        )
        return hook.get_client_type(region_name=region)
