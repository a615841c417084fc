"""When a firm is as promised."""

from datetime import UTC, datetime, timedelta

import pytest

from muniment.domain.recovery.standing import Standing, VaultStanding, Verdict

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
UNSEEN = "S3 did not answer"


@pytest.mark.parametrize(
    ("primary_min", "replica_min", "verdict"),
    [
        (3, 10, "ok"),
        (3, 16, "one vault"),
        (None, 3, "one vault"),
        (UNSEEN, 3, "one vault"),
        (16, 20, "late"),
        (UNSEEN, 20, "late"),
        (None, None, "nothing"),
        (None, UNSEEN, "nothing"),
        (UNSEEN, UNSEEN, "unknown"),
    ],
)
def test_the_verdict_for_an_rpo_of_fifteen_minutes(
    primary_min: int | str | None, replica_min: int | str | None, verdict: Verdict
) -> None:
    found = Standing(
        firm="acme",
        promised_s=900,
        vaults=(vault(primary_min), vault(replica_min)),
        points=1,
        newest_point="20261127T020000000Z",
        server_unseen=None,
        read_at=NOW,
    )
    assert found.verdict == verdict


def vault(minutes: int | str | None) -> VaultStanding:
    until = NOW - timedelta(minutes=minutes) if isinstance(minutes, int) else None
    unseen = minutes if isinstance(minutes, str) else None
    return VaultStanding(vault="v", region="us-east-1", recoverable_to=until, unseen=unseen)
