"""A night is worth more than a letter: where nobody can be told it goes on, and what it found waits for the watch."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from muniment.domain.incidents.trouble import Trouble
from muniment.domain.vault.registers import WalHole
from muniment.domain.watch.night_troubles import hole_trouble
from muniment.domain.watch.settings import WatchSettings
from muniment_airflow.night_troubles import try_to_tell
from muniment_airflow.on_call import open_store
from tests.fixtures.airflow import tell_by
from tests.fixtures.on_call import Pager, nobody, topic
from tests.support.firms import paper_firm

# The notifiers' own libraries.
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning")

NIGHT = datetime(2026, 11, 20, 8, tzinfo=UTC)


@pytest.fixture
def hole() -> Trouble:
    found = WalHole(start_at=NIGHT - timedelta(hours=9), end_at=NIGHT - timedelta(hours=6))
    trouble = hole_trouble(paper_firm(), [found], "p1", NIGHT, {})
    assert trouble is not None
    return trouble


def test_on_call_hears_of_it_once_however_many_steps_find_it(
    registry_folder: Path, pager: Pager, hole: Trouble
) -> None:
    tell_by(registry_folder, topic(pager))
    try_to_tell([hole, None])
    try_to_tell([hole])
    (page,) = pager.messages()
    assert page["Subject"] == f"[muniment] {paper_firm().id}: WAL is missing from the archive"


def test_what_no_channel_took_is_kept_and_the_night_goes_on(
    registry_folder: Path, pager: Pager, hole: Trouble, caplog: pytest.LogCaptureFixture
) -> None:
    tell_by(registry_folder, nobody(pager))
    try_to_tell([hole])
    assert f"NOBODY WAS TOLD, and the night goes on:\n{hole.what}" in caplog.text
    (incident,) = [each for each in open_store(WatchSettings()).incidents(open_only=True) if each.cause == "wal-hole"]
    assert incident.state == "open"


def test_without_the_store_and_without_a_channel_the_night_goes_on(
    registry_folder: Path, hole: Trouble, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MUNIMENT_WATCH_STORE", "/proc/nowhere/watch.sqlite")
    try_to_tell([hole])
    assert f"NOBODY WAS TOLD, and the night goes on:\n{hole.what}" in caplog.text
    (registry_folder / "watch.yaml").write_text("channels: 3\n")
    try_to_tell([hole])
