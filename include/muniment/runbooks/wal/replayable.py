"""A WAL file as a restored server is given it: what it says of tablespaces leads nowhere outside of the restore."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from muniment.domain.wal.names import WalSegment, is_segment
from muniment.domain.wal.tablespaces import Emptied, emptied

type Read = Callable[[str], bytes | None]
"""A file as it was archived; ``None`` where no archive has it whole."""


@dataclass(frozen=True, slots=True)
class Archived:
    """Where the segments beside one are found; ``names``, of the whole archive, is asked only where it has to be."""

    read: Read
    names: Callable[[], Iterable[str]]

    def replayable(self, name: str, content: bytes) -> Emptied:
        """Raises what ``read`` raises: half of a record must not be changed."""
        if not is_segment(name):
            return Emptied(content, (), ())
        segment = WalSegment.parse(name, len(content))
        return emptied(content, self._at(segment, segment.number - 1), self._at(segment, segment.number + 1))

    def _at(self, segment: WalSegment, number: int) -> Iterator[bytes]:
        """On its own timeline first; a record may begin on one timeline and end on the next."""
        own = WalSegment(segment.timeline, number, segment.size_bytes).name
        if (content := self.read(own)) is not None:
            yield content
        for name in self.names():
            if is_segment(name) and name[8:] == own[8:] and name != own and (content := self.read(name)) is not None:
                yield content
