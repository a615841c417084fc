"""CRC-32C of two pieces joined, from the checksums of each: so a file's pieces may be written in any order.

As zlib's ``crc32_combine`` does it, with Castagnoli's polynomial, bits reflected: a checksum is a polynomial over
GF(2), and n bytes behind it multiply it by x^8n.
"""

from collections.abc import Iterable
from functools import cache

_POLYNOMIAL = 0x82F63B78
_ONE = 1 << 31
"""x^0: bits are reflected."""


def joined(pieces: Iterable[tuple[int, int]]) -> int:
    """``pieces``: (checksum, length in bytes) in the order of the file."""
    total = 0
    for checksum, size_bytes in pieces:
        total = _multiply(_shift(size_bytes), total) ^ checksum
    return total


def _multiply(left: int, right: int) -> int:
    """Modulo the polynomial."""
    product, bit = 0, _ONE
    while left:
        if left & bit:
            product ^= right
            left ^= bit
        bit >>= 1
        right = right >> 1 ^ (_POLYNOMIAL if right & 1 else 0)
    return product


def _shift(size_bytes: int) -> int:
    """x^(8 * size_bytes)."""
    result, power = _ONE, 3
    while size_bytes:
        if size_bytes & 1:
            result = _multiply(_squared(power), result)
        size_bytes >>= 1
        power += 1
    return result


@cache
def _squared(times: int) -> int:
    """x, squared ``times`` times."""
    return _ONE >> 1 if times == 0 else _multiply(_squared(times - 1), _squared(times - 1))
