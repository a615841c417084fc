"""Who is at this machine: the kernel's word, and nobody else's."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from muniment.adapters.host import login


def test_no_variable_makes_anybody_somebody_else() -> None:
    argv = [sys.executable, "-c", "from muniment.adapters.host.login import login_name; print(login_name())"]
    liar = {**os.environ, "USER": "partner", "LOGNAME": "partner", "SUDO_USER": "partner", "USERNAME": "partner"}
    here = Path(login.__file__).parents[3]
    done = subprocess.run(argv, env={**liar, "PYTHONPATH": str(here)}, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == login.login_name()


def test_whoever_logged_in_stays_that_person(monkeypatch: pytest.MonkeyPatch) -> None:
    """What sudo and su change is the user, and not who logged in; a user without a name is a number."""
    monkeypatch.setattr(login, "_audit_uid", lambda: 0)
    assert login.login_name() == "root"
    monkeypatch.setattr(login, "_audit_uid", lambda: 4_000_000_123)
    assert login.login_name() == "uid 4000000123"
    monkeypatch.setattr(login, "_audit_uid", lambda: None)
    assert login.login_name() == pwd.getpwuid(os.getuid()).pw_name
