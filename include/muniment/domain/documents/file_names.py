"""Where a document of any key lies in a folder: inside it, and under a name that no other document has.

A key may be ``../../etc/passwd``, 1,024 bytes long, or a folder of another key. What every usual file system takes
keeps its name; the rest gets one made of its digest. manifest.json maps each back.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator

from muniment.domain.documents.sync import DocumentName

DOCUMENTS = "documents"
RENAMED = "_renamed"
MANIFEST = "manifest.json"

# What a document is written under until it is whole (adapters/host/durable_files.py): none may bear such a name.
_UNFINISHED = re.compile(r"\..*\.unfinished", re.IGNORECASE)
_PART_BYTES = 200  # file systems take 255; what is written first has a suffix
_PATH_BYTES = 900
_FORBIDDEN = re.compile(r'[<>:"|?*\\\x00-\x1f\x7f]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def safe_paths(names: Iterable[DocumentName]) -> dict[DocumentName, str]:
    """``documents/<bucket>/<key>``, relative and with ``/``; the same for the same names in whatever order."""
    ordered = sorted(set(names))
    folders = {fold for bucket, key in ordered if _is_safe(key) for fold in _folders(bucket, key)}
    taken: set[str] = set()
    paths: dict[DocumentName, str] = {}
    for bucket, key in ordered:
        folded = _folded(bucket, key)
        if not _is_safe(key) or folded in taken or folded in folders:
            paths[bucket, key] = f"{DOCUMENTS}/{bucket}/{RENAMED}/{_digest_name(bucket, key)}"
        else:
            taken.add(folded)
            paths[bucket, key] = f"{DOCUMENTS}/{bucket}/{key}"
    return paths


def _is_safe(key: str) -> bool:
    parts = key.split("/")
    return len(key.encode()) <= _PATH_BYTES and parts[0].casefold() != RENAMED and all(map(_is_safe_part, parts))


def _is_safe_part(part: str) -> bool:
    if not part.strip(". ") or part[-1] in ". " or part[0] == " ":
        return False
    if not part.isprintable() or unicodedata.normalize("NFC", part) != part:
        return False
    if _DEVICES.fullmatch(part) or _UNFINISHED.fullmatch(part):
        return False
    return len(part.encode()) <= _PART_BYTES and not _FORBIDDEN.search(part)


def _folded(bucket: str, key: str) -> str:
    """Some file systems tell neither case nor the way an accent is written apart."""
    return f"{bucket}/{unicodedata.normalize('NFKD', unicodedata.normalize('NFKD', key).casefold())}"


def _folders(bucket: str, key: str) -> Iterator[str]:
    parts = _folded(bucket, key).split("/")
    for count in range(2, len(parts)):
        yield "/".join(parts[:count])


def _digest_name(bucket: str, key: str) -> str:
    """A digest, and as much of the name's end as a person can read."""
    digest = hashlib.sha256(f"{bucket}\0{key}".encode()).hexdigest()[:32]
    readable = re.sub(r"[^A-Za-z0-9]+", "-", key.rstrip("/").rpartition("/")[2].rpartition(".")[0])[:40].strip("-")
    ending = re.search(r"\.[A-Za-z0-9]{1,8}\Z", key)
    return digest + (f"-{readable}" if readable else "") + (ending[0] if ending else "")
