"""airflow_settings.yaml as the Astro CLI reads it: nulls, empty entries and both spellings of a connection."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from muniment.errors import InvalidConfiguration
from muniment_demo.settings import load_settings, read_settings
from tests.fixtures.clusters import ROOT

# What `astro dev init` writes: one empty entry a list.
TEMPLATE = """
airflow:
  connections:
    - conn_id:
      conn_type:
      conn_host:
      conn_schema:
      conn_login:
      conn_password:
      conn_port:
      conn_uri:
      conn_extra:
        example_extra_field: example-value
  pools:
    - pool_name:
      pool_slot:
      pool_description:
  variables:
    - variable_name:
      variable_value:
"""


def settings(tmp_path: Path, told: Any) -> Path:
    file = tmp_path / "airflow_settings.yaml"
    file.write_text(told if isinstance(told, str) else yaml.safe_dump({"airflow": told}))
    return file


@pytest.mark.parametrize("text", [TEMPLATE, "", "airflow:", "airflow: {connections: , pools: [], variables: [null]}"])
def test_entries_without_a_name_are_passed_over(tmp_path: Path, text: str) -> None:
    assert read_settings(settings(tmp_path, text)) == {}


def test_the_projects_own_file_is_read_whole() -> None:
    kinds = read_settings(ROOT / "airflow_settings.yaml")
    told = yaml.safe_load((ROOT / "airflow_settings.yaml").read_text())["airflow"]
    assert len(kinds["connections"]) == len(told["connections"])
    assert {pool["name"] for pool in kinds["pools"]} >= {"muniment_heavy", "muniment_light"}


def test_a_connection_has_airflows_fields(tmp_path: Path) -> None:
    told = {
        "conn_id": "acme_pg",
        "conn_type": "postgres",
        "conn_host": "db",
        "conn_port": "5433",
        "conn_password": None,
        "conn_extra": {"sslmode": "require"},
    }
    assert read_settings(settings(tmp_path, {"connections": [told]}))["connections"] == [
        {
            "connection_id": "acme_pg",
            "conn_type": "postgres",
            "host": "db",
            "schema": None,
            "login": None,
            "password": None,
            "port": 5433,
            "extra": '{"sslmode": "require"}',
        }
    ]


def test_a_connection_may_be_a_uri(tmp_path: Path) -> None:
    told = {"conn_id": "acme_pg", "conn_uri": "postgresql://u:p%40ss@db:5433/practice?sslmode=require"}
    [found] = read_settings(settings(tmp_path, {"connections": [told]}))["connections"]
    assert found["conn_type"] == "postgres"
    assert found["password"] == "p@ss"
    assert found["extra"] == '{"sslmode": "require"}'


def test_a_pool_without_slots_is_passed_over_as_the_cli_does(tmp_path: Path) -> None:
    told = {"pools": [{"pool_name": "none", "pool_slot": 0}, {"pool_name": "two", "pool_slot": 2}]}
    assert [pool["name"] for pool in read_settings(settings(tmp_path, told))["pools"]] == ["two"]


def test_what_airflow_refuses_is_told_and_no_value_with_it(tmp_path: Path) -> None:
    file = settings(tmp_path, {"variables": [{"variable_name": "a", "variable_value": "secret"}]})

    def refuse(path: str, body: Any) -> dict[str, Any]:
        assert path == "/api/v2/variables"
        return {"create": {"success": [], "errors": [{"error": "no such team", "status_code": 400}]}}

    with pytest.raises(InvalidConfiguration) as raised:
        load_settings(file, refuse)
    assert raised.value.facts == {"count": 1, "faults": f"{file}: variables: no such team"}
