"""What the last pass saw of each firm, and the words for what is wrong with it."""

from pathlib import Path

import pytest

from muniment.adapters.watch.store import WatchStore
from muniment.domain.watch.vault import WalHeld
from tests.cli.conftest import Command
from tests.registry.conftest import Files
from tests.support.watched import NOW, firm_seen

LOST = "000000010000000000000005"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WatchStore:
    monkeypatch.setenv("MUNIMENT_REGISTRY", str(Files(tmp_path / "registry").root))
    monkeypatch.setenv("MUNIMENT_WATCH_STORE", str(tmp_path / "watch.sqlite"))
    return WatchStore.open(str(tmp_path / "watch.sqlite"))


def test_wal_that_is_missing_is_named_with_its_vault(store: WatchStore, muniment: Command) -> None:
    hole = WalHeld(
        system_identifier=7,
        timeline=1,
        segment_bytes=2**24,
        number=4,
        seen_at=NOW,
        missing=(LOST,),
        missing_since=NOW,
        was_held=True,
        ahead=("000000010000000000000006",),
    )
    seen = firm_seen()
    primary, replica = seen.vaults
    store.put_firms([seen.model_copy(update={"vaults": (primary.model_copy(update={"held": hole}), replica)})])
    told = [line for line in muniment("watch", "show", "acme").out.splitlines() if LOST in line]
    assert told == [f"acme: WAL is missing from primary vault {primary.bucket}: {LOST}"]
