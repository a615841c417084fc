"""The restore kit as an engineer runs it: a Python without Muniment and Airflow, an empty folder, no settings."""

import fcntl
import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from muniment.domain.restore.kit_page import packages_of
from muniment.runbooks.restore.publish_kit import KIT, SCRIPT
from muniment_demo.cloud import Cloud, Credentials
from tests.fixtures.clusters import ROOT

UV = Path(sys.executable).with_name("uv")


@dataclass(frozen=True, slots=True)
class Kit:
    python: Path
    folder: Path
    """Empty but for the script."""
    cloud: Cloud

    def run(self, *args: str | Path, who: Credentials, expect: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [self.python, "restore.py", *args, "--endpoint-url", self.cloud.endpoint_url],
            cwd=self.folder,
            env=self._env(who),
            capture_output=True,
            text=True,
            timeout=360,
            check=False,
        )
        assert done.returncode == expect, f"{done.returncode}: {done.stdout}\n{done.stderr}"
        return done

    def _env(self, who: Credentials) -> dict[str, str]:
        return {
            "PATH": os.defpath,
            "HOME": str(self.folder),
            "AWS_ACCESS_KEY_ID": who.access_key_id,
            "AWS_SECRET_ACCESS_KEY": who.secret_access_key.reveal(),
            "AWS_EC2_METADATA_DISABLED": "true",
        }


def kit_python() -> Path:
    """Made once for these versions and kept: .muniment/ is not the repository's."""
    packages = packages_of((KIT / SCRIPT).read_text())
    name = hashlib.sha256(f"{sys.version}{packages}".encode()).hexdigest()[:12]
    folder = ROOT / ".muniment" / "restore-kit" / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as one_at_a_time:
        # Several of pytest's workers want it in the same moment.
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        if not (folder / "whole").exists():
            constraints = ROOT / "tests" / "requirements.txt"
            _uv("venv", "--clear", "--python", sys.executable, folder)
            _uv("pip", "install", "--python", folder / "bin" / "python", "--constraint", constraints, *packages)
            (folder / "whole").touch()
    return folder / "bin" / "python"


def _uv(*args: str | Path) -> None:
    subprocess.run([UV, "--quiet", *args], check=True, timeout=720, env={**os.environ, "UV_LINK_MODE": "copy"})
