"""Who is at this machine, as the kernel knows it: no variable of the environment is asked."""

import os
import pwd
from pathlib import Path

_UNSET = 2**32 - 1  # pam_loginuid(8): nobody logged in, as in a container or under cron


def login_name() -> str:
    """Who logged in, whoever that became by sudo or su since; else the user that this process runs as."""
    uid = _audit_uid()
    return _name(os.getuid() if uid is None else uid)


def _audit_uid() -> int | None:
    """Once it is set, only the right to set up auditing can set it anew (audit_setloginuid(3))."""
    try:
        uid = int(Path("/proc/self/loginuid").read_text())
    except (OSError, ValueError):
        return None
    return None if uid == _UNSET else uid


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
