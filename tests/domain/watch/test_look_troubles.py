"""What is wrong, by what was seen: each cause from the one thing that makes it, and none from what was not seen."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from muniment.domain.incidents.trouble import Scope, Severity, Trouble
from muniment.domain.watch.document_troubles import document_troubles
from muniment.domain.watch.firm_seen import FirmSeen
from muniment.domain.watch.server import Slot
from muniment.domain.watch.server_troubles import server_troubles, space_troubles
from muniment.domain.watch.vault import VaultSide
from muniment.domain.watch.vault_troubles import vault_troubles
from tests.support.fleets import NOW, seen_nothing, seen_whole

GIB = 2**30


def all_of(seen: FirmSeen) -> list[Trouble]:
    def found() -> Iterator[Trouble]:
        yield from server_troubles(seen)
        yield from space_troubles(seen)
        yield from vault_troubles(seen)
        yield from document_troubles(seen, 20.0)

    return list(found())


def causes(seen: FirmSeen) -> list[str]:
    return sorted(each.cause for each in all_of(seen))


def well() -> FirmSeen:
    """A firm with which nothing is wrong."""
    seen = seen_whole()
    assert seen.server and seen.evidence
    vaults = tuple(
        vault.model_copy(
            update={
                "rpo_s": 0.0,
                "at_risk_since": None,
                "key_fault": None,
                "key_pending_deletion": False,
                "setting_faults": {},
                "held": vault.held
                and vault.held.model_copy(update={"missing": (), "ahead": (), "missing_since": None}),
            }
        )
        for vault in seen.vaults
    )
    server = seen.server.model_copy(
        update={"slots": (), "last_failed": None, "last_failed_at": None, "pg_wal_bytes": GIB}
    )
    evidence = seen.evidence.model_copy(
        update={"incomplete": (), "documents": 1000, "documents_before": 1000, "documents_changed": 5}
    )
    return seen.model_copy(
        update={"vaults": vaults, "server": server, "evidence": evidence, "wal_free_bytes": 80 * GIB}
    )


def with_vault(seen: FirmSeen, side: VaultSide, **changed: object) -> FirmSeen:
    vaults = (each.model_copy(update=changed) if each.side == side else each for each in seen.vaults)
    return seen.model_copy(update={"vaults": tuple(vaults)})


def with_server(seen: FirmSeen, **changed: object) -> FirmSeen:
    assert seen.server
    return seen.model_copy(update={"server": seen.server.model_copy(update=changed)})


def test_a_firm_that_is_well_has_none() -> None:
    assert all_of(well()) == []


def test_of_what_was_never_seen_only_that_is_told() -> None:
    assert causes(seen_nothing()) == ["server-unseen", "vault-unseen", "vault-unseen"]


@pytest.mark.parametrize(
    ("ratio", "weight", "severity"),
    [
        (0.4, 1.0, None),
        (0.5, 1.0, "warning"),
        (1.0, 1.0, "error"),
        (3.0, 1.0, "critical"),
        (2.0, 1.5, "critical"),
        (4.0, 0.5, "error"),
    ],
)
def test_commits_at_risk_weigh_by_promise_and_tier(ratio: float, weight: float, severity: Severity | None) -> None:
    seconds = ratio * well().rpo_promise_s
    seen = with_vault(well(), "primary", rpo_s=seconds, at_risk_since=NOW - timedelta(seconds=seconds))
    found = all_of(seen.model_copy(update={"severity_weight": weight}))
    assert [each.severity for each in found] == ([severity] if severity else [])


def test_unknown_is_not_a_breach_and_not_kept_either_until_it_stays_so() -> None:
    lately, long_ago = NOW - timedelta(minutes=20), NOW - timedelta(hours=2)
    unknown = {"rpo_s": None, "at_risk_since": None}
    assert causes(with_vault(well(), "primary", **unknown, rpo_known_at=lately)) == []
    assert causes(with_vault(well(), "primary", **unknown, rpo_known_at=long_ago)) == ["wal-at-risk"]
    assert causes(with_vault(well(), "primary", **unknown, rpo_known_at=long_ago, held=None)) == []


def test_an_archiver_that_was_tried_again_has_not_failed() -> None:
    server_at = well().server.server_at  # type: ignore[union-attr]
    failing = {"last_failed": "0001", "last_failed_at": server_at, "last_archived_at": server_at - timedelta(hours=2)}
    assert causes(with_server(well(), **failing)) == ["archiver-failing"]
    assert causes(with_server(well(), **{**failing, "last_archived_at": server_at})) == []
    assert causes(with_server(well(), **{**failing, "last_archived_at": server_at - timedelta(minutes=1)})) == []


def test_an_archiver_whose_command_cannot_be_run_counts_no_failure_and_is_told() -> None:
    """PostgreSQL: exit status 126 and 127 end the archiver, and nothing of it is in pg_stat_archiver."""
    waiting = with_server(well(), ready=2, archived_count=7)
    later = NOW - timedelta(minutes=5)

    def told(**before: object) -> list[str]:
        return [each.subject for each in server_troubles(waiting, with_server(waiting, **{"seen_at": later, **before}))]

    assert told() == ["the archiver does nothing"]
    assert told(archived_count=6) == []
    assert told(ready=0) == []
    assert told(seen_at=NOW - timedelta(minutes=1)) == []


def test_a_slot_is_told_before_it_is_lost() -> None:
    def slot(state: str, *, is_active: bool) -> Slot:
        return Slot.model_validate(
            {"name": "standby", "is_active": is_active, "state": state, "safe_bytes": 0, "retained_bytes": GIB}
        )

    told = [
        (state, is_active, [(each.cause, each.severity) for each in all_of(with_server(well(), slots=(one,)))])
        for state in ("reserved", "extended", "unreserved", "lost")
        for is_active in (True, False)
        if (one := slot(state, is_active=is_active))
    ]
    assert told == [
        ("reserved", True, []),
        ("reserved", False, []),
        ("extended", True, []),
        ("extended", False, [("slot-holds-wal", "warning")]),
        *(
            (state, active, [("slot-holds-wal", "error")])
            for state in ("unreserved", "lost")
            for active in (True, False)
        ),
    ]


@pytest.mark.parametrize(
    ("free", "used", "severity"),
    [(80 * GIB, GIB, None), (10 * GIB, 50 * GIB, "error"), (GIB, 50 * GIB, "critical"), (GIB, GIB // 2, "error")],
)
def test_space_under_pg_wal(free: int, used: int, severity: str | None) -> None:
    seen = with_server(well(), pg_wal_bytes=used).model_copy(update={"wal_free_bytes": free})
    assert [each.severity for each in all_of(seen)] == ([severity] if severity else [])
    assert all_of(seen.model_copy(update={"wal_free_bytes": None})) == []


def test_a_hole_in_one_vault_is_repaired_from_the_other_and_one_in_both_is_critical() -> None:
    hole = {"missing": ("000000010000000000000007",), "ahead": ("000000010000000000000008",)}

    def holed(*sides: VaultSide) -> FirmSeen:
        seen = well()
        for side in sides:
            vault = seen.vault(side)
            assert vault and vault.held
            seen = with_vault(seen, side, held=vault.held.model_copy(update=hole))
        return seen

    (one,) = all_of(holed("replica"))
    assert (one.cause, one.severity, "muniment repair harbor-lane" in one.hint) == ("wal-hole", "error", True)
    assert {each.severity for each in all_of(holed("primary", "replica"))} == {"critical"}


def test_what_may_be_on_its_way_is_no_trouble_and_what_is_gone_of_old_wal_is_one() -> None:
    vault = well().vault("replica")
    assert vault and vault.held
    late = {"missing": ("000000010000000000000007",), "missing_since": vault.held.seen_at}
    assert all_of(with_vault(well(), "replica", held=vault.held.model_copy(update=late))) == []
    gone = {"missing_before": ("000000010000000000000002",)}
    (old,) = all_of(with_vault(well(), "replica", held=vault.held.model_copy(update=gone)))
    assert (old.cause, old.severity, gone["missing_before"][0] in old.what) == ("wal-hole", "error", True)


def test_what_nothing_makes_good_is_critical_at_once() -> None:
    pending = with_vault(well(), "replica", key_fault="key k is pending deletion", key_pending_deletion=True)
    unlocked = with_vault(well(), "primary", setting_faults={"object lock": "Object Lock is off"})
    others = with_vault(well(), "primary", unseen="it is another firm's", unseen_kind="WrongVault")
    told = [
        [(each.cause, each.severity, each.opens_at_once) for each in all_of(x)] for x in (pending, unlocked, others)
    ]
    assert told == [
        [("key-pending-deletion", "critical", True)],
        [("vault-settings", "critical", True)],
        [("vault-unseen", "critical", True)],
    ]


def test_a_vault_that_is_silent_may_share_its_key_its_bucket_or_its_region() -> None:
    (told,) = all_of(with_vault(well(), "replica", unseen="no answer", unseen_kind="StoreUnavailable"))
    vault = well().vault("replica")
    assert vault
    assert told.scopes == (
        Scope(kind="key", name=vault.key),
        Scope(kind="bucket", name=vault.bucket),
        Scope(kind="region", name="us-west-2"),
    )


@pytest.mark.parametrize(
    ("before", "now", "changed", "severity"),
    [
        (1000, 1000, 100, None),
        (1000, 890, 0, "error"),
        (1000, 700, 0, "critical"),
        (1000, 1000, 400, "error"),
        (40, 0, 0, None),
    ],
)
def test_documents_that_go_as_under_ransomware(before: int, now: int, changed: int, severity: str | None) -> None:
    evidence = well().evidence
    assert evidence
    night = {"documents_before": before, "documents": now, "documents_changed": changed}
    seen = well().model_copy(update={"evidence": evidence.model_copy(update=night)})
    assert [each.severity for each in all_of(seen)] == ([severity] if severity else [])


def test_documents_that_are_written_anew_under_other_names_have_vanished() -> None:
    """Their number says nothing then."""
    evidence = well().evidence
    assert evidence
    night = {"documents_before": 1000, "documents": 1000, "documents_changed": 0, "documents_vanished": 150}
    seen = well().model_copy(update={"evidence": evidence.model_copy(update=night)})
    (told,) = all_of(seen)
    assert told.cause == "documents-vanishing"
    assert told.subject.endswith("of the documents vanished in one night")


def test_each_names_its_section_of_the_page() -> None:
    assert {each.runbook for each in all_of(seen_nothing())} == {
        "docs/monitoring.md#server-unseen",
        "docs/monitoring.md#vault-unseen",
    }
