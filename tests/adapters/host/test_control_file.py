"""pg_control as it lies on the disk is what PostgreSQL's own program prints of it."""

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from muniment.adapters.host.control_file import ControlFile, path_of, read_header
from muniment.adapters.host.data_directory import has_recovered, is_in_production, is_in_recovery, system_identifier_of
from muniment.adapters.host.programs import PostgresPrograms
from muniment.errors import ControlFileDamaged, Damaged
from tests.fixtures.clusters import ROOT, ClusterFactory

SETTINGS = {
    "max_connections": "21",
    "max_worker_processes": "5",
    "max_prepared_transactions": "7",
    "max_locks_per_transaction": "99",
    "track_commit_timestamp": "on",
}


def test_it_is_what_the_server_says(programs: PostgresPrograms, cluster_factory: ClusterFactory) -> None:
    cluster = cluster_factory(programs, **SETTINGS)
    with psycopg.connect(cluster.conninfo()) as connection:
        (asked,) = connection.execute("SELECT system_identifier FROM pg_control_system()").fetchone() or (None,)
    header, whole = read_header(cluster.data_dir), ControlFile.read(cluster.data_dir, programs)
    assert header is not None
    assert header.system_identifier == whole.system_identifier == system_identifier_of(cluster.data_dir) == asked
    assert (header.is_in_production, whole.state, whole.is_clean) == (True, "in production", False)
    assert (whole.major, whole.timeline, whole.segment_bytes) == (programs.major, 1, 16 << 20)
    assert whole.segment == "000000010000000000000001"
    assert whole.settings == SETTINGS
    cluster.stop()
    assert ControlFile.read(cluster.data_dir, programs).is_clean
    assert not is_in_production(cluster.data_dir)
    assert has_recovered(cluster.data_dir)
    assert not is_in_recovery(cluster.data_dir)


@pytest.mark.parametrize("length", [0, 19])
def test_one_that_was_cut_off_is_said_to_be_damaged(tmp_path: Path, length: int) -> None:
    path_of(tmp_path).parent.mkdir()
    path_of(tmp_path).write_bytes(bytes(length))
    for read in (system_identifier_of, is_in_recovery, has_recovered, is_in_production):
        with pytest.raises(ControlFileDamaged) as refused:
            read(tmp_path)
    assert isinstance(refused.value, Damaged)
    assert str(refused.value) == (
        f"{tmp_path}/global/pg_control is damaged: it has {length} bytes, of which PostgreSQL wants 20 before anything"
        " else\n"
        "KEPT: every recovery point; nothing in that data directory was changed\n"
        "HINT: no server starts from it: set the folder aside, then restore the cluster with `muniment restore`."
    )


def test_a_folder_without_one_is_no_data_directory(tmp_path: Path) -> None:
    assert read_header(tmp_path) is None
    assert not has_recovered(tmp_path)


def test_whoever_is_started_once_a_segment_pays_for_no_class_whose_code_is_generated() -> None:
    asked = "import sys, muniment.adapters.host.data_directory; print(sys.modules.keys() & {'dataclasses', 'inspect'})"
    said = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert said == "set()\n"
