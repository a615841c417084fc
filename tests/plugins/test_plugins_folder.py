"""The plugin loader leaves our package alone: it would import each module again under its bare file name."""

import subprocess
import sys
from pathlib import Path

from tests.fixtures.clusters import ROOT

LOAD = """
import sys
from airflow.plugins_manager import _get_plugins
plugins, errors = _get_plugins()[:2]
assert not errors, errors
import muniment_airflow.operators
print(*sorted(name for name in sys.modules if name in NAMES))
"""


def test_no_module_of_ours_is_loaded_under_its_bare_name(airflow_home: Path) -> None:
    names = [file.stem for file in (ROOT / "plugins" / "muniment_airflow").glob("*.py")]
    assert "operators" in names
    done = subprocess.run(
        [sys.executable, "-c", f"NAMES = {names!r}\n{LOAD}"], capture_output=True, text=True, check=True, timeout=720
    )
    assert done.stdout.split("\n")[-2] == ""
