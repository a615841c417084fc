"""Memory that is freed goes back to the operating system."""

import ctypes
from functools import cache

_M_MMAP_THRESHOLD = -3  # malloc.h of glibc
LARGE_BLOCK_BYTES = 4 * 2**20


@cache
def give_back_large_blocks() -> bool:
    """Once a process. False where the C library is not glibc, which then keeps its own habits.

    glibc serves blocks from its heaps up to the size of the largest one that was ever freed, 32 MiB at most, and each
    thread's heap keeps what was freed: a backup's eight threads then hold 100 MiB that nobody uses. A fixed threshold
    maps every large block alone and unmaps it when it is freed.
    """
    try:
        return bool(ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES))
    except AttributeError:
        return False
