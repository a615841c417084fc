"""A demonstration's folder: one owner at a time, nobody else's folder, and nothing left of a half-made one."""

import json
import os
import signal
from pathlib import Path

import pytest

from muniment.adapters.host import processes
from muniment.adapters.host.local_cluster import LocalCluster
from muniment.errors import TargetNotEmpty
from muniment_demo.cloud import Cloud
from muniment_demo.commands import _stopped_at_the_end
from muniment_demo.errors import DemonstrationFailed, DemonstrationIsBusy
from muniment_demo.firms import firm_files
from muniment_demo.show import Show
from muniment_demo.stack import Stack
from muniment_demo.world import World, demo_programs


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    world = World(tmp_path / "world")
    with world.locked():
        with pytest.raises(DemonstrationIsBusy) as refused, world.locked():
            pass
        assert str(refused.value) == (
            f"the demonstration in {tmp_path}/world is being started, shown or stopped by another process\n"
            "KEPT: everything that the other process has made\n"
            "HINT: wait until it has finished, or stop it with Ctrl-C where it runs."
        )
    with world.locked():
        pass


def test_a_folder_that_is_somebody_elses_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(TargetNotEmpty):
        World(tmp_path).create()
    assert (tmp_path / "thesis.txt").exists()


def test_what_an_earlier_one_left_is_removed(tmp_path: Path) -> None:
    world = World(tmp_path / "world")
    world.create()
    (world.root / "old.log").touch()
    world.create()
    assert not (world.root / "old.log").exists()


def test_a_stale_description_stops_nobody(tmp_path: Path) -> None:
    """After a reboot, every number in the files is somebody else's, or nobody's."""
    world = World(tmp_path / "world")
    world.create()
    world.remember_session(os.getsid(0))
    world.cloud.mkdir()
    (world.cloud / "cloud.json").write_text(json.dumps({"pid": os.getpid(), "port": 1}))
    world.stop()
    world.remove()
    assert not world.root.exists()


def test_what_a_killed_one_left_running_is_ended(run_dir: Path) -> None:
    """Nobody had time to write down where the cloud is."""
    world = World(run_dir / "half-made")
    world.create()
    cloud = Cloud.start(world.cloud)
    (world.cloud / "cloud.json").unlink()
    cluster = LocalCluster(world.firm("acme") / "data", demo_programs())
    cluster.create(sync=False)
    cluster.start()
    world.stop()
    assert cloud._process is not None
    assert cloud._process.wait(30) == -signal.SIGKILL
    assert not processes.working_in(world.cloud)
    assert not processes.working_in(cluster.data_dir)
    world.remove()


def test_a_demonstration_that_failed_keeps_its_vaults(run_dir: Path) -> None:
    """Whoever looks for the reason starts the cloud again in the folder that the error names."""
    world = World(run_dir / "different")
    with pytest.raises(DemonstrationFailed) as failed, _stopped_at_the_end(world, Show()):
        stack = Stack(world, Show().phase)
        stack._make_cloud(firm_files(1))
        (firm,) = stack.registry.values()
        place = firm.documents[0]
        key = firm.vaults.primary.kms_key
        sealed = stack.cloud.client("kms", key.split(":")[3]).encrypt(KeyId=key, Plaintext=b"1")["CiphertextBlob"]
        stack.cloud.client("s3", place.region).put_object(Bucket=place.bucket, Key="a", Body=sealed)
        raise DemonstrationFailed(what="what was restored differs in ['matters, rows']", place=world.root)
    stack.cloud.stop()  # reaps it
    assert f"KEPT: its folder, logs and vaults included: {world.root}" in str(failed.value)
    again = Cloud.start(world.cloud, persist=True)
    try:
        found = again.client("s3", place.region).get_object(Bucket=place.bucket, Key="a")["Body"].read()
        assert again.client("kms", key.split(":")[3]).decrypt(CiphertextBlob=found)["Plaintext"] == b"1"
    finally:
        again.stop()
