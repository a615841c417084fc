"""Into which vaults a firm's server pushes its WAL."""

from datetime import timedelta
from typing import Any

import pytest

from tests.support.firms import paper_firm


@pytest.mark.parametrize(
    ("rpo", "push_to", "both"),
    [
        (timedelta(minutes=1), None, True),
        (timedelta(minutes=15), None, True),
        (timedelta(minutes=16), None, False),
        (timedelta(hours=24), "both", True),
        (timedelta(minutes=5), "primary", False),
    ],
)
def test_the_class_decides_where_the_file_says_nothing(rpo: timedelta, push_to: Any, both: bool) -> None:
    policy = {
        "recovery_class": {"name": "mid-size", "rpo": rpo, "rto": timedelta(hours=1)},
        "wal_archive": {"push_to": push_to},
    }
    assert paper_firm(policy=policy).policy.pushes_to_both is both
