"""`python -m muniment_demo demo|up|told|cause|mend|down`: what `make demo`, `make up` and `make down` run.

`told` shows what who is on call was told meanwhile. `cause NAME [FIRM]` breaks something in what is up, and `mend` puts
it right again: docs/on-call.md.
"""

import argparse
import errno
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

from muniment.adapters.host import file_systems
from muniment.errors import DiskFull, MunimentError
from muniment_demo import commands
from muniment_demo.causes import CAUSES
from muniment_demo.world import World

# Measured for a firm of the largest tier: its cluster, last night, tonight and a restore.
_BYTES_A_FIRM = 400 * 2**20
_BYTES_FOR_THE_REST = 600 * 2**20
_INTERRUPTED = 128 + signal.SIGINT


def main() -> int:
    asked = _arguments()
    # A terminal that closes and `kill` end it as Ctrl-C does: in order.
    for each in commands.ENDING_SIGNALS:
        signal.signal(each, _interrupt)
    world = World(asked.folder.absolute()) if asked.folder else World.named("demo" if asked.what == "demo" else "up")
    try:
        _run(asked, world)
    except MunimentError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print(f"error: {_disk_full(world, _needed(asked.firms))}", file=sys.stderr)
        return DiskFull.exit_code
    except KeyboardInterrupt:
        print("stopped: nothing runs any more", file=sys.stderr)
        return _INTERRUPTED
    return 0


def _run(asked: argparse.Namespace, world: World) -> None:
    if asked.what in ("demo", "up"):
        require_space(world, _needed(asked.firms))
    acts: dict[str, Callable[[], None]] = {
        "demo": lambda: commands.demo(world, asked.firms),
        "up": lambda: commands.up(world, asked.firms),
        "told": lambda: commands.told(world),
        "cause": lambda: commands.cause(world, asked.name, asked.firm),
        "mend": lambda: commands.mend(world, asked.name, asked.firm),
        "down": lambda: commands.down(world),
    }
    acts[asked.what]()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m muniment_demo", description="Muniment on this machine alone.")
    which = parser.add_subparsers(dest="what", required=True)
    everywhere = argparse.ArgumentParser(add_help=False)
    everywhere.add_argument(
        "--in", dest="folder", type=Path, metavar="FOLDER", help="default .muniment/demo or .muniment/up"
    )
    of_count = argparse.ArgumentParser(add_help=False)
    of_count.add_argument(
        "--firms", type=_count, default=3, metavar="N", help="how many law firms, 1 to 50 (default 3)"
    )
    of_cause = argparse.ArgumentParser(add_help=False)
    of_cause.add_argument("name", choices=tuple(CAUSES))
    of_cause.add_argument("firm", nargs="?", help="default: the firm that is promised the most")
    for name, does, own in (
        ("demo", "everything from nothing, tonight's run, a lost server; nothing is left running", of_count),
        ("up", "the same world, left running, in which not every firm is well", of_count),
        ("told", "what who is on call was told so far", None),
        ("cause", "break something in what is up, as docs/on-call.md rehearses it", of_cause),
        ("mend", "put right what `cause` broke", of_cause),
        ("down", "stop and remove what is up", None),
    ):
        which.add_parser(name, help=does, description=does, parents=[everywhere, *([own] if own else [])])
    return parser.parse_args()


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 50:
        message = f"{text!r} is not a number from 1 to 50"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _needed(firms: int) -> int:
    return _BYTES_FOR_THE_REST + firms * _BYTES_A_FIRM


def require_space(world: World, needed: int) -> None:
    """Raises `DiskFull` where fewer bytes are free."""
    file_systems.require_space(world.root.parent, needed)


def _disk_full(world: World, needed: int) -> DiskFull:
    return DiskFull(place=world.root.parent, needed=needed, free=file_systems.free_bytes(world.root.parent))


if __name__ == "__main__":
    sys.exit(main())
