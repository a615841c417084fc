"""How much room a copy's server gets; the restore kit's ``finish.sh`` writes the same settings."""

import re

from muniment.domain.restore.room import room
from muniment.restore_kit.restore import FINISH

NAMES = set(room({}, 1 << 24))


def test_what_the_firms_server_had_and_no_less_than_the_defaults() -> None:
    control = {"max_connections": "500", "max_prepared_transactions": "0", "max_locks_per_transaction": "256"}
    told = room({**control, "track_commit_timestamp": "on"}, 1 << 30)
    assert (told["max_connections"], told["max_prepared_transactions"]) == (500, 1000)
    assert (told["max_locks_per_transaction"], told["max_worker_processes"]) == (256, 8)
    assert (told["min_wal_size"], told["max_wal_size"]) == ("2048MB", "2048MB")
    assert told["track_commit_timestamp"] == "on"
    small = room({}, 1 << 24)
    assert (small["min_wal_size"], small["max_wal_size"], small["track_commit_timestamp"]) == ("80MB", "1024MB", "off")


def test_the_restore_kit_gives_room_to_the_same() -> None:
    written = dict(re.findall(r"^(\w+) = \$\((.*)\)(?:MB)?$", FINISH, re.MULTILINE))
    assert written.keys() == NAMES
    floors = {name: int(told.rpartition(" ")[2]) for name, told in written.items() if told.startswith("larger")}
    ours = {name: int(str(value).removesuffix("MB")) for name, value in room({}, 1 << 24).items() if value != "off"}
    assert floors == ours
