"""The restore kit's process: what it can import, what it is told, and how it ends."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from muniment.adapters.drill.kit_process import KitProcess, link_packages
from muniment.adapters.host import processes
from muniment.errors import ProgramFailed
from muniment.runbooks.drill.by_kit import OURS

TELLS = """
import json, os, sys
import six
try:
    import muniment
except ImportError:
    print(json.dumps([sys.argv[1:], sorted(os.environ), six.__version__]))
"""


@pytest.fixture
def kit(tmp_path: Path) -> KitProcess:
    versions = link_packages(["python-dateutil"], tmp_path / "packages")
    assert set(versions) == {"python-dateutil", "six"}
    return KitProcess(tmp_path / "kit.py", tmp_path / "packages", {"ONLY": "this"})


def test_it_finds_the_packages_that_it_names_what_they_need_and_nothing_else(kit: KitProcess) -> None:
    lines: list[str] = []
    kit.script.write_text(TELLS)
    kit.run("fetch", Path("into"), told=lines.append)
    (arguments, environment, six) = json.loads(lines[0])
    assert arguments == ["fetch", "into"]
    assert set(environment) - {"LC_CTYPE"} == {"ONLY"}
    assert six
    here = [name for name in OURS if (found := find_spec(name)) is not None and found.origin is not None]
    assert here == list(OURS), "what is no package here could not be found anyway"
    wanted = ("dateutil", "six", *OURS, "boto3", "pip")
    assert kit.importable(wanted) == ["dateutil", "six"]


def test_one_that_fails_says_why_in_its_own_words(kit: KitProcess) -> None:
    kit.script.write_text("import sys\nprint('one')\nsys.exit('it is damaged')")
    lines: list[str] = []
    with pytest.raises(ProgramFailed) as failed:
        kit.run(told=lines.append)
    assert failed.value.what == "kit.py ended with status 1: it is damaged"
    assert lines == ["one"]


def test_it_ends_with_whoever_started_it(kit: KitProcess) -> None:
    """An Airflow task that is stopped raises wherever it is."""
    kit.script.write_text("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)")
    pids: list[int] = []

    def stop(line: str) -> None:
        pids.append(int(line))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kit.run(told=stop)
    assert not processes.runs_in(pids[0], kit.script.parent)


def test_a_package_that_is_not_here_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProgramFailed, match="the restore kit ended with a missing package: no-such-package"):
        link_packages(["no-such-package==1.0"], tmp_path / "packages")
