"""What is free for a folder that is perhaps not there yet."""

import shutil
from pathlib import Path

import pytest

from muniment.adapters.host.file_systems import free_bytes, require_space
from muniment.errors import DiskFull


def test_the_nearest_folder_that_is_there_counts(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/shm")
    for place in (tmp_path, tmp_path / "a" / "b", tmp_path / "link" / "not" / "there"):
        free_bytes(place)
    assert shutil.disk_usage("/proc").total == free_bytes(Path("/proc/not-there")) == 0


def test_too_little_is_refused_and_enough_is_not(tmp_path: Path) -> None:
    require_space(tmp_path / "data", 1)
    with pytest.raises(DiskFull, match=rf"^no space left in {tmp_path}/data: {2**62} bytes needed, \d+ there\n"):
        require_space(tmp_path / "data", 2**62)
