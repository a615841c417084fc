"""``python no_outbound.py PROGRAM ARGUMENT…``: becomes a program that may answer and may not call.

A filter of the kernel's (seccomp) refuses connect(2), messages with an address of their own, and io_uring, which would
go round it. Listening and accepting stay as they are. It holds for whatever the program starts in turn, cannot be taken
off, and needs neither root nor a namespace, so it works in a container as well. ADR 10 tells why this and nothing else.
Nor does the program get our environment, where a worker keeps credentials.

One file of the standard library alone: PostgreSQL starts through it, and waits for it.
"""

import ctypes
import errno
import os
import platform
import struct
import sys

# Classic BPF (linux/filter.h): load a word of struct seccomp_data, compare, return.
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
# Offsets in struct seccomp_data (linux/seccomp.h): the call's number, the ABI, and the two halves of args[4].
_NUMBER, _ABI, _ADDRESS = 0, 4, (48, 52)
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EACCES
_FOREIGN_ABI = 0x40000000  # x32: the same calls under other numbers
# prctl(2)
_SET_SECCOMP, _MODE_FILTER, _SET_NO_NEW_PRIVS = 22, 2, 38

# AUDIT_ARCH_* of linux/audit.h; numbers of the kernel's syscall tables.
_ABIS = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CALLING = {"x86_64": (42, 46, 307, 425), "aarch64": (203, 211, 269, 425)}
"""connect, sendmsg, sendmmsg, io_uring_setup"""
_SENDTO = {"x86_64": 44, "aarch64": 206}
"""send(3) is sendto(2) without an address, and allowed."""


_KEPT = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "MUNIMENT_PG_BIN", "PATH", "PYTHONPATH", "TMPDIR", "TZ")


def filter_for(machine: str) -> bytes:
    """The program that the kernel runs at each system call. Raises ``KeyError`` for a machine that we do not know."""
    steps = [
        _step(_LOAD, _ABI),
        _step(_IF_EQUAL, _ABIS[machine], 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
        _step(_IF_AT_LEAST, _FOREIGN_ABI, 0, 1),
        _step(_RETURN, _REFUSE),
    ]
    for number in _CALLING[machine]:
        steps += [_step(_IF_EQUAL, number, 0, 1), _step(_RETURN, _REFUSE)]
    steps += [_step(_IF_EQUAL, _SENDTO[machine], 1, 0), _step(_RETURN, _ALLOW)]
    for half in _ADDRESS:
        steps += [_step(_LOAD, half), _step(_IF_EQUAL, 0, 1, 0), _step(_RETURN, _REFUSE)]
    return b"".join([*steps, _step(_RETURN, _ALLOW)])


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def refuse_outbound() -> None:
    """For this process and all that it starts. Raises ``OSError``, or ``KeyError`` on a machine that we do not know."""
    steps = filter_for(platform.machine())
    program = _Program(len(steps) // 8, steps)
    # Without this only root may set a filter: a program with setuid could be fooled by it.
    _prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _prctl(_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0)


def _prctl(*arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), "seccomp")


if __name__ == "__main__":
    refuse_outbound()
    os.execvpe(sys.argv[1], sys.argv[1:], {name: os.environ[name] for name in _KEPT if name in os.environ})
