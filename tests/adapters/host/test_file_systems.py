"""What is free for a folder that is perhaps not there yet."""

import shutil
from pathlib import Path

import pytest

from muniment.adapters.host.file_systems import (
    free_bytes,
    mounts_below,
    on_one_file_system,
    require_room,
    require_space,
    room_for,
)
from muniment.errors import DiskFull


def test_the_nearest_folder_that_is_there_counts(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/shm")
    for place in (tmp_path, tmp_path / "a" / "b", tmp_path / "link" / "not" / "there"):
        free_bytes(place)
    assert shutil.disk_usage("/proc").total == free_bytes(Path("/proc/not-there")) == 0


def test_each_file_system_is_summed_up_once(tmp_path: Path) -> None:
    elsewhere = Path("/dev/shm")
    if on_one_file_system(tmp_path, elsewhere):
        pytest.skip("/dev/shm is no file system of its own here")
    claims = [(tmp_path / "data", 30), (elsewhere / "space", 2**62), (tmp_path / "data", -10), (tmp_path / "more", 5)]
    here, there = room_for(claims)
    assert (here.places, here.needed_bytes, here.is_short) == ((f"{tmp_path}/data", f"{tmp_path}/more"), 25, False)
    assert (there.places, there.needed_bytes, there.is_short) == (("/dev/shm/space",), 2**62, True)
    with pytest.raises(DiskFull, match=rf"^no space left in /dev/shm/space: {2**62} bytes needed, \d+ there\n"):
        require_room(claims)


def test_mount_points_are_found_below_a_folder_and_not_above_it() -> None:
    assert Path("/proc") in mounts_below(Path("/"))
    assert Path("/proc") not in mounts_below(Path("/proc"))


def test_too_little_is_refused_and_enough_is_not(tmp_path: Path) -> None:
    require_space(tmp_path / "data", 1)
    with pytest.raises(DiskFull, match=rf"^no space left in {tmp_path}/data: {2**62} bytes needed, \d+ there\n"):
        require_space(tmp_path / "data", 2**62)
