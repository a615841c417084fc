"""The wheel, installed where nothing else of ours is: what a database host and an Airflow without this tree have."""

import shutil
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pypdf
import pytest

from tests.fixtures.clusters import ROOT
from tests.registry.conftest import Files
from tests.support.drills import drill

KINDS = ("adopt", "backup", "restore", "restore_test")
UV = Path(sys.executable).with_name("uv")


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel in it. ``folder`` is where its programs run: it is empty at first."""

    environment: Path
    folder: Path

    def muniment(self, *arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
        return self._run("muniment", *arguments, env=env)

    def python(self, script: str, *arguments: str | Path) -> str:
        done = self._run("python", "-c", script, *arguments, env={})
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _run(self, program: str, *arguments: str | Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.environment / "bin" / program, *arguments],
            cwd=self.folder,
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.folder), **env},
            capture_output=True,
            text=True,
            check=False,
        )


def uv(*arguments: str | Path) -> None:
    subprocess.run([UV, *arguments, "--quiet"], check=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `make wheel` does it, from a copy: what a build leaves beside the sources would get into the next one."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "include", source / "include", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    uv("build", "--build-constraints", ROOT / "tests" / "requirements.txt", "--out-dir", built, source)
    return next(built.glob("*.whl"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Without the extra, in the versions that everything else is tested with."""
    found = tmp_path_factory.mktemp("bare") / "venv"
    uv("venv", "--python", sys.executable, found)
    uv("pip", "install", "--python", found, "--constraints", ROOT / "tests" / "requirements.txt", wheel)
    return found


@pytest.fixture
def installed(environment: Path, tmp_path: Path) -> Installed:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return Installed(environment, folder)


def files_in(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def test_it_holds_the_package_whole_and_nothing_else(wheel: Path) -> None:
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    ours = {f"muniment/{name}" for name in files_in(ROOT / "include" / "muniment") if "__pycache__" not in name}
    assert held == ours


def test_airflow_does_not_come_with_it(installed: Installed) -> None:
    packages = installed.python("import importlib.metadata as m; print(*sorted(d.name for d in m.distributions()))")
    assert "muniment" in packages.split()
    assert [name for name in packages.split() if "airflow" in name] == []


def test_the_command_helps(installed: Installed) -> None:
    ended = installed.muniment("--help")
    assert ended.returncode == 0
    assert "firms check" in ended.stdout
    assert installed.muniment("--version").stdout.startswith("muniment, version ")


def test_it_checks_a_registry(installed: Installed, tmp_path: Path) -> None:
    files = Files(tmp_path / "registry")
    ended = installed.muniment("--registry", files.root, "firms", "check")
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (
        0,
        f"1 sound firm, 0 faults, 3 warnings in {files.root}",
    )
    files.firm(lambda values: values.update(tierr="gold"))
    ended = installed.muniment("firms", "check", MUNIMENT_REGISTRY=str(files.root))
    assert ended.returncode == 2
    assert "firms/acme.yaml: tierr: unknown key; did you mean 'tier'?" in ended.stdout


def test_where_no_registry_is_it_says_where_it_looked(installed: Installed, tmp_path: Path) -> None:
    ended = installed.muniment("firms", "check", AIRFLOW_HOME=str(tmp_path / "airflow"))
    assert ended.returncode == 2
    assert ended.stderr == (
        "there is no registry: no firms/ and no policies/ in "
        f"{tmp_path / 'airflow' / 'include'}, {installed.folder / 'include'}\n"
        "KEPT: everything; nothing was started\n"
        "HINT: name the folder that holds both: MUNIMENT_REGISTRY in the environment, "
        "or `muniment --registry FOLDER`.\n"
    )


def test_a_shell_completes_nothing_where_no_registry_is(installed: Installed) -> None:
    asked = {"_MUNIMENT_COMPLETE": "bash_complete", "COMP_WORDS": "muniment check a", "COMP_CWORD": "2"}
    ended = installed.muniment(**asked)
    assert (ended.stdout.strip(), ended.stderr) == ("", "")


FOUND = """
import os, sys
from pathlib import Path
from muniment.adapters.site.logins import find_login
from muniment.errors import InvalidConfiguration
from muniment.registry import default_root
os.environ["AIRFLOW_HOME"], here = sys.argv[1], Path.cwd()
for project in (here, Path(sys.argv[1])):
    for name in ("include/firms", "include/policies"):
        (project / name).mkdir(parents=True)
        print(default_root())
    try:
        print(find_login("acme_pg").host)
    except InvalidConfiguration as none:
        print(none.facts["faults"])
    settings = "airflow: {connections: [{conn_id: acme_pg, conn_host: %s}]}" % project
    (project / "airflow_settings.yaml").write_text(settings)
    print(find_login("acme_pg").host)
"""


def test_airflows_home_comes_before_the_working_folder(installed: Installed, tmp_path: Path) -> None:
    here, home = installed.folder, tmp_path / "airflow"
    neither = "connection acme_pg: neither AIRFLOW_CONN_ACME_PG nor"
    assert installed.python(FOUND, home).splitlines() == [
        *(f"{here}/include",) * 2,
        f"{neither} {home}/airflow_settings.yaml nor {here}/airflow_settings.yaml has it",
        str(here),
        *(f"{home}/include",) * 2,
        str(here),
        str(home),
    ]


def test_archive_command_answers(installed: Installed) -> None:
    ended = installed.muniment("wal", "push")
    assert (ended.returncode, ended.stderr) == (2, "usage: muniment wal push [--firm FIRM] PATH\n")


PDF = """
import sys
from pathlib import Path
from muniment.adapters.drill.page import page_of
from muniment.adapters.drill.pdf import pdf_of
from muniment.domain.drill.evidence import Drill
drill = Drill.from_json(Path(sys.argv[1]).read_bytes())
Path(sys.argv[2]).write_bytes(pdf_of(drill))
print(page_of(drill))
"""


def test_a_drills_evidence_is_set(installed: Installed, tmp_path: Path) -> None:
    evidence, paper = tmp_path / "drill.json", tmp_path / "drill.pdf"
    evidence.write_bytes(drill().to_json())
    page = installed.python(PDF, evidence, paper)
    assert "Alder &amp; Söhne" in page
    pdf = paper.read_bytes()
    assert pdf.startswith(b"%PDF")
    assert "Alder & Söhne" in " ".join(sheet.extract_text() for sheet in pypdf.PdfReader(BytesIO(pdf)).pages)


READ_ON_DISK = """
from muniment.adapters.aws import iam_policies
from muniment.adapters.staging import isolation_launcher
from muniment.runbooks.restore import publish_kit
import pathlib
for file in (publish_kit.KIT / publish_kit.SCRIPT, publish_kit.KIT / publish_kit.PAGE,
             iam_policies._BUCKET_POLICY, pathlib.Path(isolation_launcher.__file__)):
    print(file.name, len(file.read_bytes()))
"""


def test_what_the_vaults_and_stagings_get_from_disk_is_there(installed: Installed) -> None:
    found = dict(line.split() for line in installed.python(READ_ON_DISK).splitlines())
    assert found.keys() == {"restore.py", "RESTORE.md", "vault_bucket_policy.json", "isolation_launcher.py"}
    assert "0" not in found.values()


PARSE = """
import muniment
from airflow.dag_processing.dagbag import DagBag
bag = DagBag()
print("FROM", muniment.__file__)
print("DAGS", *sorted(bag.dags))
print("ERRORS", bag.import_errors)
"""


@pytest.mark.parametrize("package", ["wheel", "folder"])
def test_an_airflow_elsewhere_finds_it(wheel: Path, tmp_path: Path, package: str) -> None:
    """dags/, plugins/ and the firms were copied into Airflow's home; the package is a wheel, or lies in include/."""
    home, environment = tmp_path / "home", tmp_path / "venv"
    for name in ("dags", "plugins"):
        shutil.copytree(ROOT / name, home / name)
    Files(home / "include")
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "AIRFLOW_HOME": str(home)}
    env |= {"AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    uv("venv", "--python", sys.executable, environment)
    if package == "wheel":
        uv("pip", "install", "--python", environment, "--no-deps", wheel)
    else:
        shutil.copytree(ROOT / "include" / "muniment", home / "include" / "muniment")
        env["PYTHONPATH"] = str(home / "include")
    _lend_packages(environment)
    done = subprocess.run(
        [environment / "bin" / "python", "-c", PARSE], cwd="/", env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = dict(line.split(" ", 1) for line in done.stdout.splitlines() if line[:4] in ("FROM", "DAGS", "ERRO"))
    assert told["ERRORS"] == "{}"
    assert told["DAGS"].split() == [*(f"acme__{kind}" for kind in KINDS), "fleet__watch"]
    assert Path(told["FROM"]).is_relative_to(environment if package == "wheel" else home)


def _lend_packages(environment: Path) -> None:
    """Airflow and all the others, which nobody wants to install again: a folder that a .pth file names is searched
    last, and its own .pth files are not read, so the editable installation of this tree stays out."""
    lent = sysconfig.get_path("purelib")
    [own] = environment.glob("lib/python*/site-packages")
    (own / "lent.pth").write_text(f"{lent}\n")
