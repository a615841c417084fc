"""The room that a restore needs, on each file system that it writes to."""

from muniment.domain.record import Record


class RoomNeeded(Record):
    """``places`` are folders of one file system, perhaps not there yet."""

    places: tuple[str, ...]
    needed_bytes: int
    there_bytes: int

    @property
    def is_short(self) -> bool:
        return self.there_bytes < self.needed_bytes
