"""The process behind tests.support.warm: ``python -m tests.support.warm_server LISTENER FOLDER``"""

import gc
import marshal
import os
import selectors
import shutil
import signal
import socket
import sys
import threading
from typing import NoReturn

from muniment.adapters.site.logins import Login
from muniment.adapters.vault.envelope import kms_keyring
from muniment.cli import entry
from muniment.cli.wal import push, push_many
from muniment.domain.secret import Secret

_LONGEST_REQUEST = 2**18
_PRELOADED = (push, push_many)
_ARN = "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-0000-0000-000000000000"


class _Server:
    """One thread: a fork of several would hang now and then."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._asking: dict[int, socket.socket] = {}
        """Who waits for the end of which process."""
        self._woken, self._wakes = socket.socketpair()
        for each in (self._woken, self._wakes):
            each.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wakes.fileno(), warn_on_full_buffer=False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._selector.register(sys.stdin.buffer, selectors.EVENT_READ)

    def run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is sys.stdin.buffer:
                    self._end_all()
                    return
                if key.fileobj is self._listener:
                    self._begin(self._listener.accept()[0])
                elif key.fileobj is self._woken:
                    self._woken.recv(4096)
                    self._tell_who_has_ended()
                elif key.data in self._asking:  # PostgreSQL has ended its archive_command
                    os.kill(key.data, signal.SIGKILL)

    def _end_all(self) -> None:
        for pid in self._asking:
            os.kill(pid, signal.SIGKILL)

    def _begin(self, asking: socket.socket) -> None:
        request, descriptors, *_ = socket.recv_fds(asking, _LONGEST_REQUEST, 3)
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _become(request, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        self._asking[pid] = asking
        self._selector.register(asking, selectors.EVENT_READ, pid)

    def _tell_who_has_ended(self) -> None:
        while self._asking:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            with self._asking.pop(pid) as asking:
                self._selector.unregister(asking)
                try:
                    asking.send(str(abs(os.waitstatus_to_exitcode(status))).encode())
                except BrokenPipeError:
                    continue


def _become(request: bytes, descriptors: list[int]) -> NoReturn:
    """``muniment`` in the place of whoever has asked: his folder, environment, arguments, input and output."""
    folder, environment, arguments = marshal.loads(request)
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    os.chdir(folder)
    os.umask(0o077)  # as PostgreSQL's children have it
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["muniment", *arguments]
    code: object = 1
    try:
        code = entry.main()
    except SystemExit as end:
        code = end.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


def _warm_up() -> None:
    """Reads the services' descriptions, and does once what a keyring does first."""
    clients = Login("nobody", user="nobody", password=Secret("-")).clients()
    clients("s3", "us-east-1")
    kms_keyring(_ARN, clients("kms", "us-east-1"))
    assert threading.active_count() == 1
    gc.freeze()


def _serve(descriptor: int, folder: str) -> None:
    _warm_up()
    with socket.socket(fileno=descriptor) as listener:
        _Server(listener).run()
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    _serve(int(sys.argv[1]), sys.argv[2])
