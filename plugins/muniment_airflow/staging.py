"""Where stagings lie on a worker."""

from pathlib import Path


def staging_root() -> Path:
    from include.muniment.runbooks.drill_restore import scratch_root

    return scratch_root()
