"""What whoever follows RESTORE.md types: the commands of its steps, and the settings that step 5 uncomments."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

_STEP = re.compile(r"^\*\*(\d+)\. ", re.MULTILINE)
_BLOCK = re.compile(r"^```\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SUPERUSER = re.compile(r"^\| log in as \| `(.+)` \|$", re.MULTILINE)
_FETCH = ["venv/bin/python", "restore.py", "fetch"]
START, LOOK = "ready. Start it:", "Then look inside:"
"""How the last two lines of step 6 begin."""


class NotOnThePage(Exception):
    """A step does not say, or print, what whoever follows it needs."""

    def __init__(self, step: int, missing: str) -> None:
        super().__init__(f"step {step} has no {missing}")


@dataclass(frozen=True, slots=True)
class KitSteps:
    """``fetch`` of step 4 and ``finish`` of step 6 as a shell reads them; ``superuser``: who logs in."""

    fetch: tuple[str, ...]
    finish: tuple[str, ...]
    superuser: str

    @classmethod
    def of(cls, page: str) -> Self:
        """Raises ``NotOnThePage``."""
        fetch, finish, superuser = _command(page, 4), _command(page, 6), _SUPERUSER.search(page)
        if fetch[:3] != _FETCH:
            raise NotOnThePage(4, f"`{' '.join(_FETCH)} …`")
        if finish[:1] != ["sh"] or len(finish) != 3:
            raise NotOnThePage(6, "`sh SCRIPT FOLDER`")
        if superuser is None:
            raise NotOnThePage(7, "user who logs in, in the table above the steps")
        return cls(tuple(fetch[2:]), tuple(finish), superuser[1])

    def fetching(self, point: str, only: str, folder: str) -> list[str]:
        """Arguments of the script: the point's id in place of ``latest``, and one of ``--into`` and ``--documents``."""
        told = [part.replace("$PWD", folder) for part in self.fetch]
        left_out = "--documents" if only == "--into" else "--into"
        options = dict(zip(told[1::2], told[2::2], strict=True))
        if options.pop("--point", None) != "latest" or only not in options:
            raise NotOnThePage(4, f"`--point latest` and `{only}`")
        options.pop(left_out, None)
        return [told[0], "--point", point, *(part for option in options.items() for part in option)]


def _command(page: str, number: int) -> list[str]:
    """The only command of a step's first block. Raises ``NotOnThePage``."""
    parts = _STEP.split(page)
    steps = dict(zip(parts[1::2], parts[2::2], strict=True))
    block = _BLOCK.search(steps.get(str(number), ""))
    if block is None:
        raise NotOnThePage(number, "command")
    return shlex.split(block[1].replace("\\\n", ""))


def stopping_at(staging: str, target: Mapping[str, str]) -> str:
    """Step 5: a line of ``staging.conf`` uncommented for each setting, with its value. Raises ``NotOnThePage``."""
    for name, value in target.items():
        staging, found = re.subn(rf"^# {name} = .*$", f"{name} = '{value}'", staging, flags=re.MULTILINE)
        if found != 1:
            raise NotOnThePage(5, f"line of {name} in staging.conf that could be uncommented")
    return staging


def last_lines(said: str) -> tuple[list[str], list[str]]:
    """The two commands that step 6 prints for step 7. Raises ``NotOnThePage``."""
    return _printed(said, START), _printed(said, LOOK)


def _printed(said: str, beginning: str) -> list[str]:
    found: Sequence[str] = [line for line in said.splitlines() if line.startswith(beginning)]
    if len(found) != 1:
        raise NotOnThePage(6, f"line that begins with {beginning!r} among what it prints")
    return shlex.split(found[0].removeprefix(beginning))
