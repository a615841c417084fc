"""airflow_settings.yaml, in the Astro CLI's schema, into a running Airflow without that CLI.

Over the REST API, in one call a kind, so that everything stands in the UI's lists; what is there is overwritten.
As that CLI does, an entry without a name is passed over: its template ships one empty entry a list.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from muniment.adapters.site.logins import Login
from muniment.errors import InvalidConfiguration

type Entry = Mapping[str, Any]
type Patch = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""(path, body) → the answer; raises where it is not a success."""


def load_settings(file: Path, patch: Patch) -> dict[str, int]:
    """How many of each kind are there now. Raises ``InvalidConfiguration`` with everything that Airflow refused."""
    loaded: dict[str, int] = {}
    refused: list[str] = []
    for kind, entities in read_settings(file).items():
        action = {"action": "create", "action_on_existence": "overwrite", "entities": entities}
        done = patch(f"/api/v2/{kind}", {"actions": [action]}).get("create") or {}
        refused += [f"{file}: {kind}: {fault.get('error')}" for fault in done.get("errors", ())]
        loaded[kind] = len(done.get("success", ()))
    if refused:
        raise InvalidConfiguration(count=len(refused), faults="\n".join(refused))
    return loaded


def read_settings(file: Path) -> dict[str, list[dict[str, Any]]]:
    """Kind → the bodies that Airflow's API takes; a kind without entries is left out."""
    told = (yaml.safe_load(file.read_text()) or {}).get("airflow") or {}
    kinds = {
        "connections": [_connection(entry) for entry in _named(told, "connections", "conn_id")],
        "pools": [_pool(entry) for entry in _named(told, "pools", "pool_name") if entry.get("pool_slot")],
        "variables": [_variable(entry) for entry in _named(told, "variables", "variable_name")],
    }
    return {kind: entities for kind, entities in kinds.items() if entities}


def _named(told: Entry, kind: str, name: str) -> Iterator[Entry]:
    return (entry for entry in told.get(kind) or () if entry and entry.get(name))


def _connection(entry: Entry) -> dict[str, Any]:
    if entry.get("conn_uri"):
        return _connection_of_uri(entry["conn_id"], entry["conn_uri"])
    extra = entry.get("conn_extra") or {}
    return {
        "connection_id": entry["conn_id"],
        "conn_type": entry.get("conn_type") or "generic",
        "host": entry.get("conn_host"),
        "schema": entry.get("conn_schema"),
        "login": entry.get("conn_login"),
        "password": entry.get("conn_password"),
        "port": int(entry["conn_port"]) if entry.get("conn_port") else None,
        "extra": extra if isinstance(extra, str) else json.dumps(extra),
    }


def _connection_of_uri(connection_id: str, uri: str) -> dict[str, Any]:
    login = Login.from_uri(connection_id, uri)
    kind = urlsplit(uri).scheme.replace("-", "_")
    return {
        "connection_id": connection_id,
        "conn_type": "postgres" if kind == "postgresql" else kind,
        "host": login.host or None,
        "schema": login.schema or None,
        "login": login.user or None,
        "password": login.password.reveal() or None,
        "port": login.port,
        "extra": json.dumps(dict(login.extra)),
    }


def _pool(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry["pool_name"],
        "slots": int(entry["pool_slot"]),
        "description": entry.get("pool_description"),
        "include_deferred": False,
    }


def _variable(entry: Entry) -> dict[str, Any]:
    return {"key": entry["variable_name"], "value": str(entry.get("variable_value") or "")}
