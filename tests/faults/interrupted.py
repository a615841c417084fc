"""A test run that the tests interrupt: ``pytest tests/faults/interrupted.py``; no run of the suite collects it."""

import os
import sys
import time
from pathlib import Path

from muniment.adapters.host.programs import PostgresPrograms
from tests.fixtures.clusters import ClusterFactory


def test_it_waits(programs17: PostgresPrograms, cluster_factory: ClusterFactory) -> None:
    cluster = cluster_factory(programs17)
    Path(os.environ["MUNIMENT_TELL"]).write_text(str(cluster.data_dir))
    time.sleep(600)
    sys.exit("nobody has interrupted it")
