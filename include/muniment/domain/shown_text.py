"""Anybody's text, fit for a page: what cannot be seen, or would change what is seen, is shown by its code point.

A document's name is whatever bytes S3 took: control characters, marks that turn the reading direction round. None of
them may end a page, or make it say something else than the evidence.
"""

import re
import unicodedata
from collections.abc import Sequence

_KEPT = "\n\t"
_INVISIBLE = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_VARIANTS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"


def code_points(text: str) -> str:
    """``[U+0007]`` for each character: nothing but ASCII, which every font has."""
    return "".join(f"[U+{ord(character):04X}]" for character in text)


def shown(text: str) -> str:
    """``text`` as a page shows it."""
    if text.isascii() and text.isprintable():
        return text
    around = f" {text} "
    return "".join(
        each if _is_shown(before, each, after) else code_points(each)
        for before, each, after in zip(around, text, around[2:], strict=False)
    )


def storable(text: str) -> str:
    """What UTF-8, and so JSON, can hold: half of a surrogate pair, as a file's undecodable name has it, is spelled."""
    return "".join(code_points(each) if unicodedata.category(each) == "Cs" else each for each in text)


def first_lines(lines: Sequence[str], at_most: int) -> list[str]:
    """``lines``, or the first of them and how many there are beside."""
    beside = len(lines) - at_most
    return [*lines[:at_most], f"  and {beside} more"] if beside > 0 else list(lines)


def _is_shown(before: str, character: str, after: str) -> bool:
    """Persian and the scripts of India write with joiners between letters; a variant is one of what stands before."""
    if character in _JOINERS:
        return all(unicodedata.category(each)[0] in "LM" for each in (before, after))
    if _VARIANTS.match(character):
        return unicodedata.category(before)[0] in "LSN"
    return character in _KEPT or unicodedata.category(character) not in _INVISIBLE
