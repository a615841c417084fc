"""A failed task as a trouble: whose vault it is about, what is at stake, and when the promise breaks."""

from datetime import UTC, datetime, timedelta

from muniment.domain.incidents.trouble import Scope
from muniment.domain.watch.owed import night_before
from muniment.domain.watch.task_failure import FailedTask, failure_trouble
from tests.support.firms import paper_firm

NOW = datetime(2026, 11, 28, 9, tzinfo=UTC)
FIRM = paper_firm()


def failed(kind: str, what: str = "it broke", began_at: datetime | None = None) -> FailedTask:
    return FailedTask(f"acme__{kind}", "manual__1", "a step failed", what, "all", "look.", began_at)


def test_a_night_that_failed_breaks_its_promise_when_its_grace_ends() -> None:
    found = failure_trouble(FIRM, failed("backup"), NOW)
    assert (found.severity, found.opens_at_once) == ("error", True)
    assert found.breaks_at == night_before(FIRM, NOW).grace_until
    assert found.at_stake.startswith("the night's recovery point: ")
    assert found.scopes == (Scope(kind="dag", name="acme__backup"),)


def test_who_waits_for_a_restore_is_promised_an_end_and_each_run_is_its_own() -> None:
    found = failure_trouble(FIRM, failed("restore", began_at=NOW - timedelta(hours=2)), NOW)
    assert found.severity == "critical"
    assert found.breaks_at == NOW - timedelta(hours=1)
    assert found.scopes == (Scope(kind="dag", name="acme__restore/manual__1"),)


def test_only_the_vault_that_the_error_names_is_its_place() -> None:
    """Else a second region that is away would explain whatever else fails."""
    primary, replica = FIRM.vaults.primary, FIRM.vaults.replica
    found = failure_trouble(FIRM, failed("backup", f"S3 PutObject on {replica.bucket}/base did not succeed"), NOW)
    assert {each.kind: each.name for each in found.scopes[1:]} == {
        "key": replica.kms_key,
        "bucket": replica.bucket,
        "region": replica.region,
    }
    by_key = failure_trouble(FIRM, failed("backup", f"KMS Decrypt on {primary.kms_key} was refused"), NOW)
    assert Scope(kind="region", name=primary.region) in by_key.scopes
    assert Scope(kind="region", name=replica.region) not in by_key.scopes
