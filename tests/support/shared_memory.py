"""What a server leaves of its shared memory."""

from pathlib import Path

from muniment.adapters.host.shared_memory import Segments


def left_of(segments: Segments) -> Segments:
    """What is there of them, by the kernel's own word and not by that of what removes them."""
    ids = [int(line.split()[1]) for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]
    there = tuple(name for name in segments.posix if Path("/dev/shm", name).exists())
    return Segments(segments.system_v if segments.system_v in ids else 0, there)


NOTHING = Segments(0, ())
