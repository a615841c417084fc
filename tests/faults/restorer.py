"""A restore that kills itself with SIGKILL: ``python -m tests.faults.restorer TOLD.pickle MODULE FUNCTION COUNT``.

It dies as the function of that module, or method ``Class.name``, is called for the COUNTth time.
"""

import importlib
import os
import pickle
import signal
import sys
from pathlib import Path
from typing import Any

from muniment.adapters.site.site import build_vault
from muniment.runbooks.restore.restore_cluster import restore_cluster


def die_in(module: str, function: str, count: int) -> None:
    *owners, name = function.split(".")
    owner: Any = importlib.import_module(module)
    for each in owners:
        owner = getattr(owner, each)
    real, calls = getattr(owner, name), iter(range(1, sys.maxsize))

    def counted(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **kwargs)

    setattr(owner, name, counted)


def main() -> None:
    told, module, function, count = sys.argv[1:]
    firm, aws, plan, command, delta = pickle.loads(Path(told).read_bytes())
    die_in(module, function, int(count))
    vault = build_vault(firm, "primary", aws.clients())
    restore_cluster(vault, plan, restore_command=command, delta=delta)


if __name__ == "__main__":
    main()
