"""A restore that was undone on the host: the firm's contact hears of it from the run that comes by all the time."""

import json
from datetime import UTC, datetime
from email import message_from_string
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowException

from muniment.adapters.restore.records import records, untold, write_rolled_back
from muniment.adapters.site.site import Site
from muniment.domain.recovery.roll_back import RecordedStep, RolledBack
from muniment.domain.restore.record import ContactTold
from muniment.domain.vault import keys
from muniment.ports import utc_now
from muniment_airflow.failure_report import what_happened
from muniment_airflow.firms import recovery_point_asset
from muniment_airflow.wal_operators import ReplicateWal
from tests.fixtures.airflow import register
from tests.fixtures.on_call import SMTP
from tests.fixtures.sites import site_env
from tests.support.asset_events import NoEvents

pytestmark = [pytest.mark.timeout(360), pytest.mark.filterwarnings("default")]

ID = "20261121T100000000Z"
AT = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
CONTACT = {"name": "Dana Okafor", "told_by": [{"notifier": SMTP, "arguments": {"to": ["dana@firm.example"]}}]}


def undone(site: Site, **changes: Any) -> None:
    """On the record of both vaults, as the cluster's host writes it."""
    start = RecordedStep(name="start", began_at=AT.replace(hour=10), ended_at=AT.replace(hour=10))
    told = {"id": ID, "firm": site.firm.id, "run": "muniment live roll-back by root", "why": "the wrong night"}
    facts = {"was_live": True, "abandoned": 2, "timeline": 1, "answers": True, "steps": (start,), "ended_at": AT}
    for vault in site.vaults:
        write_rolled_back(vault, RolledBack(**{**told, **facts, **changes}), locked_until=utc_now())


@pytest.fixture
def firm(site17: Site, registry_folder: Any, monkeypatch: pytest.MonkeyPatch) -> Site:
    register(registry_folder, site17.firm, contact=CONTACT)
    for name, value in site_env(site17).items():
        monkeypatch.setenv(name, value)
    return site17


def replicate(site: Site) -> None:
    with DAG(f"{site.firm.id}__wal", schedule=None) as dag:
        step = ReplicateWal(task_id="replicate_wal", firm_id=site.firm.id)
    run = {"dag": dag, "dag_run": SimpleNamespace(run_after=AT), "run_id": "r", "ti": SimpleNamespace()}
    step.execute({**run, "inlet_events": {recovery_point_asset(site.firm.id): NoEvents()}})


def test_the_contact_is_told_once_and_that_is_on_the_record(firm: Site, mails: list[str]) -> None:
    replicate(firm)
    assert mails == []
    undone(firm)
    for _ in range(2):
        replicate(firm)
    [mail] = map(message_from_string, mails)
    assert mail["To"] == "dana@firm.example"
    assert mail["Subject"] == f"{firm.firm.name}: the restore of your data was undone"
    [body] = [part.get_payload(decode=True) for part in mail.walk() if part.get_content_type() == "text/html"]
    text = str(body, "utf-8")  # type: ignore[arg-type]
    assert "At 2026-11-21 12:30 UTC this was undone:" in text
    assert "What was entered from 2026-11-21 10:30 UTC until 2026-11-21 12:30 UTC is not in it." in text
    assert "Why: the wrong night" in text
    for vault in firm.vaults:
        told = ContactTold.from_json(vault.get(keys.rolled_back_told(ID)))
        assert told.contact == f"Dana Okafor: told by {SMTP}"
    assert records(firm.primary) == ()


def test_one_that_was_never_live_is_no_news_to_the_contact(firm: Site, mails: list[str]) -> None:
    undone(firm, was_live=False)
    replicate(firm)
    assert mails == []


def test_where_the_contact_is_not_reached_on_call_hears_of_it_and_it_is_tried_again(
    firm: Site, mails: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    undone(firm)
    with monkeypatch.context() as broken:
        broken.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps({"conn_type": "smtp", "host": "127.0.0.1", "port": 1}))
        with pytest.raises(AirflowException) as failed:
            replicate(firm)
    told = what_happened(failed.value, None)
    assert told.startswith(f"nobody at firm {firm.firm.id} could be told that restore {ID} was undone: ")
    assert told.endswith(
        "HINT: call Dana Okafor; it is tried again with the next WAL until contact.told_by gets through."
    )
    assert len(untold(firm.primary)) == 1
    replicate(firm)
    assert (len(mails), untold(firm.primary)) == (1, ())
