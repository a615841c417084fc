"""PostgreSQL's ``server_version_num``, and which versions leave changes out of incremental backups.

Sources, read in November 2026 in Debian's postgresql-doc-17 17.12 and postgresql-doc-18 18.6, appendix "Release Notes":
17.11 and 18.6 mend "WAL logging of operations that clear bits in tables' visibility maps"; 17.12 mends stale maps after
a heap's truncation, the order in which WAL summaries are merged and which of them are used, and advises a full backup
after the update, because increments from before "should not be trusted". No later release of 18 was to be had: whether
18.7 mends the same is not known here. Tried with PostgreSQL's own programs: 17.9 and 17.10 have the first fault, 18.6
has not.
"""

# The first release of a major version that is not known to lose changes.
_MENDED_IN = {17: 170012}
# Where none is known: the newest release that is known to lose them.
_FAULTY_UP_TO = {18: 180006}


def version_text(version: int) -> str:
    """``17.9`` of 170009."""
    return f"{version // 10_000}.{version % 10_000}"


def loses_changes(version: int) -> bool:
    """Whether an incremental backup that this server takes may lack what was changed."""
    major = version // 10_000
    return version < _MENDED_IN.get(major, 0) or version <= _FAULTY_UP_TO.get(major, 0)


def mended_in(version: int) -> str:
    """Which one does not, to stand behind the word PostgreSQL."""
    major = version // 10_000
    if major in _MENDED_IN:
        return f" {version_text(_MENDED_IN[major])} or later"
    return f", a release after {version_text(_FAULTY_UP_TO[major])} whose notes mend incremental backups"
