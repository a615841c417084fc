"""Work that ends in time or is left behind: a library's own time-outs are minutes, with tries in between."""

import contextvars
import queue
import threading
from collections.abc import Callable


def within[T](deadline_s: float, work: Callable[[], T]) -> T:
    """What ``work`` returns or raises. Raises ``TimeoutError`` at the deadline; the work goes on in a thread that
    nobody waits for, and that ends with the process at the latest."""
    ended: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            ended.put((work(), None))
        except BaseException as error:  # whatever it is, it is raised where it is waited for
            ended.put((None, error))

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(run,), name="muniment-channel", daemon=True).start()
    try:
        value, error = ended.get(timeout=deadline_s)
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value]
