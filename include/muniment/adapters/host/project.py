"""Where a project's own files are, unless an option or a variable names another place.

The package may lie in the project itself (``include/``, whose neighbours are the project's files) or, from a wheel, in
an environment that knows nothing of one. So the places are, the first one first: the project that this code runs from,
Airflow's home (an Astro project's folder is that), the working folder.
"""

import os
from collections.abc import Iterator
from pathlib import Path

_SOURCE_ROOT = Path(__file__).resolve().parents[3]  # include/, or an environment's site-packages


def project_folders() -> list[Path]:
    """Absolute, each one once. They need not exist."""
    return list(dict.fromkeys(folder.absolute() for folder in _folders()))


def _folders() -> Iterator[Path]:
    if _SOURCE_ROOT.name == "include":
        yield _SOURCE_ROOT.parent
    if home := os.environ.get("AIRFLOW_HOME"):
        yield Path(home)
    yield Path()
