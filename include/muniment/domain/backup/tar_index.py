"""Where each file of a tar lies, read off its headers while the tar streams by.

Format: POSIX.1-1988 ustar as PostgreSQL's ``src/port/tar.c`` writes it (names up to 100 bytes, GNU's base-256 sizes
from 8 GiB on), and ustar's name prefix for completeness.
"""

from muniment.domain.vault.registers import TarMember

BLOCK_BYTES = 512
_REGULAR_FILE = (b"0", b"\0")
_FOLDER = b"5"
_BASE_256 = 0x80


class TarIndex:
    """Feed it the stream in pieces of any size; it looks only at headers, so its cost is per file and not per byte.

    ``members`` are regular files and folders, whose names end in ``/``: PostgreSQL does not start without its empty
    folders. It sends no links: tablespaces are in ``tablespace_map``.
    """

    def __init__(self) -> None:
        self._members: list[TarMember] = []
        self._position = 0
        self._next_header = 0
        self._head = bytearray()

    @property
    def members(self) -> tuple[TarMember, ...]:
        return tuple(self._members)

    @property
    def size_bytes(self) -> int:
        """How much was fed so far."""
        return self._position

    @property
    def is_complete(self) -> bool:
        """Whether the stream ends where a header may begin: a tar that breaks off inside a file does not."""
        return not self._head and self._position == self._next_header

    def feed(self, piece: bytes | memoryview) -> None:
        """Raises ``ValueError`` where a header should be and is none."""
        end = self._position + len(piece)
        while self._next_header < end:
            begin = max(self._next_header + len(self._head) - self._position, 0)
            self._head += piece[begin : begin + BLOCK_BYTES - len(self._head)]
            if len(self._head) < BLOCK_BYTES:
                break
            self._take_header(bytes(self._head))
            self._head.clear()
        self._position = end

    def _take_header(self, head: bytes) -> None:
        offset = self._next_header
        self._next_header += BLOCK_BYTES
        if not any(head):
            return  # two of these end a tar
        if _number(head[148:156]) != _checksum(head):
            message = f"no tar header at offset {offset}"
            raise ValueError(message)
        size = _number(head[124:136])
        self._next_header += -(-size // BLOCK_BYTES) * BLOCK_BYTES
        kind, name = head[156:157], _name(head)
        if kind in _REGULAR_FILE:
            self._members.append(TarMember(name=name, offset=offset, size_bytes=size))
        elif kind == _FOLDER:
            self._members.append(TarMember(name=name.rstrip("/") + "/", offset=offset, size_bytes=0))


def _number(field: bytes) -> int:
    if field[0] & _BASE_256:
        return int.from_bytes(field[1:])
    return int(field.rstrip(b"\0 ") or b"0", 8)


def _checksum(head: bytes) -> int:
    """The sum of all bytes with the checksum's own eight taken for blanks."""
    return sum(head[:148]) + 8 * ord(" ") + sum(head[156:])


def _name(head: bytes) -> str:
    """UTF-8, as a file system of our time has it; a byte that is not is spelled ``\\xE9``: JSON has no raw bytes."""
    prefix = _text(head[345:500]) if head[257:262] == b"ustar" else b""
    name = _text(head[:100])
    return (prefix + b"/" + name if prefix else name).decode(errors="backslashreplace")


def _text(field: bytes) -> bytes:
    return field.split(b"\0", 1)[0]
