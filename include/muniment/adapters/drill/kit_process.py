"""The restore kit as a program of its own: a process that finds its published packages and nothing else of ours.

No virtual environment is made, which would want a network: links to the packages that the script names, and to what
they need in turn, are laid into a folder, and Python is told of that folder alone.
"""

import importlib.metadata
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

from muniment.adapters.site.site import Clients
from muniment.errors import ProgramFailed

# -I: no environment variables of Python's, no user's packages, nothing of the working folder. -S: no site-packages.
_ISOLATED = ("-I", "-S", "-B")
_RUN = (
    "import runpy, sys; sys.path.append(sys.argv[1]); del sys.argv[:2]; runpy.run_path(sys.argv[0], None, '__main__')"
)
_FIND = (
    "import importlib.util, sys; sys.path.append(sys.argv[1])\n"
    "for name in sys.argv[2:]:\n    if importlib.util.find_spec(name): print(name)"
)
_OF_THE_NETWORK = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy", "AWS_CA_BUNDLE")
_PROBE_TIMEOUT_S = 60
_STDERR_TAIL_CHARS = 2000


@dataclass(frozen=True, slots=True)
class KitProcess:
    """``script`` is run in its own folder; ``packages`` is all that it can import beside Python's own library."""

    script: Path
    packages: Path
    environment: Mapping[str, str]

    def importable(self, names: Sequence[str]) -> list[str]:
        """Those of ``names`` that the script could import."""
        argv = [*self._python(_FIND), *names]
        done = subprocess.run(
            argv, cwd=self.script.parent, env=self.environment, capture_output=True, text=True, check=True,
            timeout=_PROBE_TIMEOUT_S,
        )  # fmt: skip
        return done.stdout.split()

    def run(self, *arguments: str | Path, told: Callable[[str], None]) -> None:
        """Each line that it prints is ``told`` as it comes. Raises ``ProgramFailed`` with the end of its errors."""
        argv = [*self._python(_RUN), str(self.script), *map(str, arguments)]
        errors = self.script.with_suffix(".errors")
        with errors.open("wb") as stderr, subprocess.Popen(
            argv, cwd=self.script.parent, env=self.environment, stdout=subprocess.PIPE, stderr=stderr, text=True
        ) as process:  # fmt: skip
            try:
                for line in process.stdout or ():
                    told(line.rstrip("\n"))
            except BaseException:
                process.kill()  # whoever stops us does not want it to go on
                raise
        if process.returncode != 0:
            said = errors.read_text(errors="replace")[-_STDERR_TAIL_CHARS:].strip()
            raise ProgramFailed(program=self.script.name, status=f"status {process.returncode}", stderr=said)

    def _python(self, code: str) -> list[str]:
        return [sys.executable, *_ISOLATED, "-c", code, str(self.packages)]


def link_packages(requirements: Sequence[str], folder: Path) -> dict[str, str]:
    """Links the files of these published packages and of all that they need into ``folder``: name → version there.

    Raises ``ProgramFailed`` where this machine lacks one.
    """
    found: dict[str, str] = {}
    folder.mkdir(parents=True, mode=0o755)
    wanted = [Requirement(text) for text in requirements]
    while wanted:
        name = _canonical(wanted.pop().name)
        if name not in found:
            package = _distribution(name)
            found[name] = package.version
            _link(package, folder)
            wanted += _needs(package)
    return found


def _distribution(name: str) -> importlib.metadata.Distribution:
    try:
        return importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError as missing:
        raise ProgramFailed(program="the restore kit", status="a missing package", stderr=name) from missing


def _needs(package: importlib.metadata.Distribution) -> Iterator[Requirement]:
    for text in package.requires or ():
        needed = Requirement(text)
        if needed.marker is None or needed.marker.evaluate({"extra": ""}):
            yield needed


def _link(package: importlib.metadata.Distribution, folder: Path) -> None:
    for file in package.files or ():
        if ".." in file.parts:
            continue  # a program of the package's, beside its modules
        link = folder.joinpath(*file.parts)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(Path(str(package.locate_file(file))).absolute())


def _canonical(name: str) -> str:
    """PyPI's spelling: https://packaging.python.org/en/latest/specifications/name-normalization/"""
    return re.sub(r"[-_.]+", "-", name).lower()


def kit_environment(clients: Clients, region: str, home: Path) -> dict[str, str]:
    """What the script is given: the firm's credentials, the region's addresses, and how this machine reaches the
    network."""
    credentials = clients.credentials()
    own = {
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_SESSION_TOKEN": credentials.token,
        "AWS_ENDPOINT_URL_S3": clients("s3", region).meta.endpoint_url,
        "AWS_ENDPOINT_URL_KMS": clients("kms", region).meta.endpoint_url,
    }
    machine = {name: os.environ.get(name) for name in _OF_THE_NETWORK}
    return {
        "PATH": os.defpath,
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "AWS_EC2_METADATA_DISABLED": "true",
        **{name: value for name, value in (own | machine).items() if value},
    }
