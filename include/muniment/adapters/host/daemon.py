"""A process that outlives whoever started it."""

import os


def become_daemon() -> None:
    """Ends this process with 0 and goes on as another one: of a session of its own, in ``/``, without any terminal.

    Whoever waits for the first one waits for nobody.
    """
    if os.fork() != 0:
        os._exit(0)
    os.setsid()
    os.chdir("/")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
