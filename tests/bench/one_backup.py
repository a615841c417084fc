"""One backup, measured from the inside: time, processor time and the most memory that the process ever had."""

import time

BEGAN = time.monotonic()

import json  # noqa: E402
import pickle  # noqa: E402
import re  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

from muniment.adapters.site.logins import open_site  # noqa: E402
from muniment.domain.record import new_id  # noqa: E402
from muniment.ports import utc_now  # noqa: E402
from muniment.runbooks.backup.back_up_cluster import back_up_cluster  # noqa: E402


def peak_bytes() -> int:
    """VmHWM: the high-water mark of resident memory."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def main() -> None:
    site = open_site(pickle.loads(sys.stdin.buffer.read()))
    ready, cpu = time.monotonic(), time.process_time()
    backup = back_up_cluster(site, point_id=new_id(utc_now()), full=sys.argv[1] == "full", clock=utc_now)
    said = {
        "seconds": time.monotonic() - ready,
        "start_s": ready - BEGAN,
        "peak_bytes": peak_bytes(),
        "cpu_s": time.process_time() - cpu,
        "size_bytes": backup.size_bytes,
        "stored_bytes": backup.stored_bytes,
        "chunks": sum(len(archive.chunks) for archive in backup.archives),
        "backup_id": backup.id,
    }
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    main()
