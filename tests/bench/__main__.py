"""``python -m tests.bench [names]``: how fast Muniment is on this machine, beside its peers. Nothing is kept."""

import importlib
import sys

from rich.console import Console

NAMES = (
    "full_backup",
    "incremental",
    "restore",
    "delta",
    "replay",
    "wal",
    "documents",
    "one_document",
    "matter",
    "drill",
    "dag_parse",
    "watch",
    "page",
)


def main(names: list[str]) -> None:
    """Each name is a module of this package with ``run(console)``."""
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        sys.exit(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(NAMES)}")
    console = Console()
    for name in names or NAMES:
        console.rule(name)
        importlib.import_module(f"tests.bench.{name}").run(console)


if __name__ == "__main__":
    main(sys.argv[1:])
