"""The command as people and programs meet it: in this process for speed, as a process where that is the point."""

import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Protocol

import pytest
import yaml

from muniment.cli import groups
from muniment.domain.firm.firm import Firm
from tests.registry.conftest import Files, watch_values

MUNIMENT = Path(sys.executable).parent / "muniment"


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


class Command(Protocol):
    def __call__(self, *arguments: str | Path) -> Ended: ...


@pytest.fixture
def muniment(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command in this process."""

    def run(*arguments: str | Path) -> Ended:
        capsys.readouterr()
        code = groups.main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    return run


def in_this_process(*arguments: str | Path, env: dict[str, str]) -> Ended:
    """The same without the second that the imports take."""
    out, err = StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for name, value in env.items():
            patch.setenv(name, value)
        code = groups.main([str(argument) for argument in arguments])
    return Ended(code, out.getvalue(), err.getvalue())


def in_a_shell(*arguments: str | Path, env: dict[str, str] | None = None) -> Ended:
    """Runs the installed script, from a folder that is not the project's."""
    done = subprocess.run(
        [str(MUNIMENT), *map(str, arguments)],
        env={**os.environ, **(env or {})},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=720,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "registry")


def write_registry(firm: Firm, root: Path) -> Path:
    """The registry of one firm, as its file and its tier's would be, and of a watch that mails."""
    values: dict[str, Any] = firm.model_dump(mode="json")
    policy = values.pop("policy")
    for folder, name, content in (("firms", firm.id, values), ("policies", firm.tier, policy)):
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / f"{name}.yaml").write_text(yaml.safe_dump(content))
    (root / "watch.yaml").write_text(yaml.safe_dump(watch_values()))
    return root
