"""``python isolation_launcher.py [--no-calls] [--write-below FOLDER]… PROGRAM ARGUMENT…``: becomes a fenced-in program.

``--no-calls``: it may answer and may not call. A filter of the kernel's (seccomp) refuses connect(2), messages with an
address of their own, and io_uring, which would go round it. Listening and accepting stay as they are. Nor does the
program get our environment, where a worker keeps credentials. ADR 10 tells why this and nothing else.

``--write-below``: it may read everything and change nothing but what lies below the folders named, whatever path, link
or setting leads it elsewhere (Landlock). Landlock does not know of modes, owners, times and attributes; the filter
keeps the program from changing any. ADR 16 tells more.

Each fence holds for whatever the program starts in turn, cannot be taken off, and needs neither root nor a namespace,
so it works in a container as well. Where the kernel cannot set it, the program is not started.

One file of the standard library alone: PostgreSQL starts through it, and waits for it.
"""

import argparse
import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

# Classic BPF (linux/filter.h): load a word of struct seccomp_data, compare, return.
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
# Offsets in struct seccomp_data (linux/seccomp.h): the call's number, the ABI, and the two halves of args[4].
_NUMBER, _ABI, _ADDRESS = 0, 4, (48, 52)
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EACCES
_FORBID, _PRETEND = 0x00050000 | errno.EPERM, 0x00050000
_FOREIGN_ABI = 0x40000000  # x32: the same calls under other numbers
# prctl(2)
_SET_SECCOMP, _MODE_FILTER, _SET_NO_NEW_PRIVS = 22, 2, 38

# AUDIT_ARCH_* of linux/audit.h; numbers of the kernel's syscall tables.
_ABIS = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CALLING = {"x86_64": (42, 46, 307, 425), "aarch64": (203, 211, 269, 425)}
"""connect, sendmsg, sendmmsg, io_uring_setup"""
_SENDTO = {"x86_64": 44, "aarch64": 206}
"""send(3) is sendto(2) without an address, and allowed."""
_CHMOD = {"x86_64": (90, 91, 268, 452), "aarch64": (52, 53, 452)}
"""chmod, fchmod, fchmodat, fchmodat2. PostgreSQL does not start where the mode of its socket cannot be set, and its
umask has set it already: so the call succeeds, and changes nothing."""
_ATTRIBUTES = {
    "x86_64": (92, 93, 94, 260, 188, 189, 190, 197, 198, 199, 132, 235, 261, 280, 463, 466, 469),
    "aarch64": (54, 55, 5, 6, 7, 14, 15, 16, 88, 463, 466, 469),
}
"""chown and its like, setxattr and removexattr and theirs, utime and its like, setxattrat, removexattrat,
file_setattr"""

# linux/landlock.h
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH = 1, 1
_WRITE_FILE, _TRUNCATE, _IOCTL_DEV = 1 << 1, 1 << 14, 1 << 15
_DEVICES = 1 << 6 | 1 << 11
_ENTRIES = 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 12 | 1 << 13
"""Remove a folder, a file; make a folder, a file, a socket, a pipe, a link; move or link into another folder."""
_ABSTRACT_SOCKETS, _SIGNALS = 1 << 0, 1 << 1
LEAST_LANDLOCK = 3
"""Linux 6.2. One that is older lets truncate(2) through, which is what PostgreSQL does with a table that is dropped."""
_KNOWS_DEVICES, _KNOWS_SCOPES = 5, 6
_HARMLESS = ("/dev/null", "/dev/zero", "/dev/full")

_KEPT = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "MUNIMENT_PG_BIN", "PATH", "PYTHONPATH", "TMPDIR", "TZ")


def no_calls_filter(machine: str) -> bytes:
    """The program that the kernel runs at each system call. Raises ``KeyError`` for a machine that we do not know."""
    steps = [*_known_abi(machine), *_answered(_CALLING[machine], _REFUSE)]
    steps += [_step(_IF_EQUAL, _SENDTO[machine], 1, 0), _step(_RETURN, _ALLOW)]
    for half in _ADDRESS:
        steps += [_step(_LOAD, half), _step(_IF_EQUAL, 0, 1, 0), _step(_RETURN, _REFUSE)]
    return b"".join([*steps, _step(_RETURN, _ALLOW)])


def no_attributes_filter(machine: str) -> bytes:
    """Raises ``KeyError`` for a machine that we do not know."""
    steps = [*_known_abi(machine), *_answered(_CHMOD[machine], _PRETEND), *_answered(_ATTRIBUTES[machine], _FORBID)]
    return b"".join([*steps, _step(_RETURN, _ALLOW)])


def _known_abi(machine: str) -> list[bytes]:
    return [
        _step(_LOAD, _ABI),
        _step(_IF_EQUAL, _ABIS[machine], 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
        _step(_IF_AT_LEAST, _FOREIGN_ABI, 0, 1),
        _step(_RETURN, _REFUSE),
    ]


def _answered(numbers: Iterable[int], answer: int) -> list[bytes]:
    return [step for number in numbers for step in (_step(_IF_EQUAL, number, 0, 1), _step(_RETURN, answer))]


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def set_filter(steps: bytes) -> None:
    """For this process and all that it starts. Raises ``OSError``."""
    # Without this only root may set a fence: a program with setuid could be fooled by it.
    _called("prctl", _SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _called("prctl", _SET_SECCOMP, _MODE_FILTER, ctypes.byref(_Program(len(steps) // 8, steps)), 0, 0)


def landlock_version() -> int:
    """The kernel's; 0 where it has none, or none that is switched on."""
    try:
        return _landlock(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)
    except OSError:
        return 0


def write_below(folders: Sequence[Path]) -> None:
    """For this process and all that it starts. Raises ``OSError`` where the kernel lets writing elsewhere through."""
    version = landlock_version()
    if version < LEAST_LANDLOCK:
        has = f"version {version}" if version else "none that is switched on"
        reason = f"the kernel's Landlock must have version {LEAST_LANDLOCK}, and has {has}"
        raise OSError(errno.EOPNOTSUPP, reason)
    files = _WRITE_FILE | _TRUNCATE | (_IOCTL_DEV if version >= _KNOWS_DEVICES else 0)
    scopes = _ABSTRACT_SOCKETS | _SIGNALS if version >= _KNOWS_SCOPES else 0
    attributes = struct.pack("=QQQ", files | _ENTRIES | _DEVICES, 0, scopes)
    size = len(attributes) if scopes else 8
    ruleset = _landlock(_CREATE_RULESET, attributes, ctypes.c_size_t(size), 0)
    for folder in folders:
        _allow(ruleset, folder, (files | _ENTRIES) & ~_IOCTL_DEV)
    for device in map(Path, _HARMLESS):
        _allow(ruleset, device, files)
    _called("prctl", _SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _landlock(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    set_filter(no_attributes_filter(platform.machine()))


def _allow(ruleset: int, place: Path, rights: int) -> None:
    handle = os.open(place, os.O_PATH | os.O_CLOEXEC)
    try:
        _landlock(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, handle), 0)
    finally:
        os.close(handle)


def _landlock(number: int, *arguments: object) -> int:
    return _called("syscall", ctypes.c_long(number), *arguments)


def _called(name: str, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    answer: int = getattr(libc, name)(*arguments)
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), name)
    return answer


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="isolation_launcher.py", allow_abbrev=False)
    parser.add_argument("--no-calls", action="store_true")
    parser.add_argument("--write-below", action="append", type=Path, default=[], metavar="FOLDER")
    parser.add_argument("program", nargs=argparse.REMAINDER)
    asked = parser.parse_args(argv)
    if not asked.program or not (asked.no_calls or asked.write_below):
        parser.error("name a fence, and a program to start behind it")
    environment = dict(os.environ)
    if asked.no_calls:
        environment = {name: value for name, value in environment.items() if name in _KEPT}
    if asked.write_below:
        environment["TMPDIR"] = str(asked.write_below[0])
        write_below(asked.write_below)
    if asked.no_calls:
        set_filter(no_calls_filter(platform.machine()))
    os.execvpe(asked.program[0], asked.program, environment)


if __name__ == "__main__":
    main(sys.argv[1:])
