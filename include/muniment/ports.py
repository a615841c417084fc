"""What a runbook asks of the world where there is more than one implementation."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from muniment.domain.wal.names import SystemIdentifier, WalSegment

if TYPE_CHECKING:
    from muniment.domain.progress import Unit  # brings pydantic along: `muniment --help` answers without

type Clock = Callable[[], datetime]
"""Tells the present instant, aware and in UTC. Only a runbook's caller owns one; pure rules get ``now``."""


def utc_now() -> datetime:
    """The clock of every caller that has no other."""
    return datetime.now(UTC)


class WalSource(Protocol):
    """WAL of one cluster: one vault's archive, or what two vaults hold together."""

    @property
    def system_identifier(self) -> SystemIdentifier: ...

    def read(self, name: str) -> bytes:
        """The plain file, found to be what was pushed."""
        ...

    def written_at(self, segment: WalSegment) -> datetime:
        """When the server wrote to this segment last: no commit in it is younger."""
        ...


class Step(Protocol):
    """One running piece of long work. ``advance`` may be called from any thread."""

    def advance(self, amount: int) -> None: ...

    def expect(self, total: int) -> None:
        """Corrects the total, when it becomes known or turns out to be an estimate."""


class Progress(Protocol):
    """Where long work reports: a bar on the terminal, lines in a task's log, or nowhere."""

    @contextmanager
    def step(self, name: str, total: int | None, unit: "Unit") -> Iterator[Step]:
        """``total`` is ``None`` while it is not known."""
        ...

    def note(self, text: str) -> None:
        """One line that a person should see."""


class Silent:
    """Reports nowhere."""

    @contextmanager
    def step(self, name: str, total: int | None, unit: "Unit") -> Iterator["Silent"]:
        yield self

    def advance(self, amount: int) -> None: ...

    def expect(self, total: int) -> None: ...

    def note(self, text: str) -> None: ...
