"""Histories of documents as a bucket lists them: versions and delete markers, second by second."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from muniment.domain.documents.sync import (
    SourceVersion,
    newest_first,
)
from tests.fixtures.sites import make_policy

EPOCH = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
POLICY = make_policy()


def at(second: int) -> datetime:
    return EPOCH + timedelta(seconds=second)


def version(
    key: str, number: int, second: int, *, mark: bool = False, latest: bool = False, etag: str = "", bucket: str = "b"
) -> SourceVersion:
    return SourceVersion(
        bucket=bucket,
        key=key,
        version_id=f"{key}-{number}",
        size_bytes=0 if mark else 10,
        etag=etag or f"{key}-{number}",
        modified_at=at(second),
        is_latest=latest,
        is_delete_marker=mark,
    )


@st.composite
def histories(draw: st.DrawFn, *, same_second: bool) -> list[list[SourceVersion]]:
    """Up to four documents, each as it happened: oldest first. Seconds are shared between events only where asked."""
    all_of_them = []
    for key in ("a", "b", "c", "d"):
        steps = draw(st.lists(st.tuples(st.integers(0 if same_second else 1, 4), st.booleans()), max_size=6))
        second, history = 0, []
        for number, (step, mark) in enumerate(steps):
            second += step
            history.append(version(key, number, second, mark=mark, latest=number == len(steps) - 1))
        all_of_them.append(history)
    return [history for history in all_of_them if history]


def as_listed(history: list[SourceVersion]) -> list[SourceVersion]:
    newest = history[::-1]
    return newest_first(
        (each for each in newest if not each.is_delete_marker), (each for each in newest if each.is_delete_marker)
    )
