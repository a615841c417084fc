"""What makes a region go away: every request of the firms comes through here on its way to the cloud.

``python -m muniment_demo.region_gate PORT UPSTREAM``, in its own folder. A region is away while ``away/<region>`` is
there: whoever is connected for it is cut off, and whoever calls is hung up on, as at the end of a line that is down.
A connection of botocore's carries one region's requests alone, so the first one tells, and the bytes are not looked at.
"""

import asyncio
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from muniment.adapters.host.local_cluster import free_port
from muniment.errors import ProgramFailed

_AWAY = Path("away")
_START_TIMEOUT_S = 120
_LOOKS_EVERY_S = 0.2
_BLOCK = 2**18
# Of a signed request: KEY/DAY/REGION/SERVICE/aws4_request, in a header or, of a link, in its address.
_REGION = re.compile(rb"[Cc]redential=[^/%\s]+(?:/|%2F)\d{8}(?:/|%2F)([a-z0-9-]+)(?:/|%2F)")


def start_region_gate(folder: Path, upstream: str, remember: Callable[[int], None]) -> str:
    """``upstream``: the cloud's address. Returns its own. Raises ``ProgramFailed`` where it does not answer."""
    (folder / _AWAY).mkdir(parents=True)
    port, log = free_port(), folder.with_suffix(".log")
    with log.open("ab") as out:
        gate = subprocess.Popen(
            [sys.executable, "-m", "muniment_demo.region_gate", str(port), upstream.rpartition(":")[2]],
            cwd=folder,
            env={"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": str(Path(__file__).parents[1])},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    remember(gate.pid)
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not _listens(port):
        if gate.poll() is not None or time.monotonic() > deadline:
            raise ProgramFailed(program="region_gate", status="no answer", stderr=log.read_text()[-2000:])
        time.sleep(0.1)
    return f"http://127.0.0.1:{port}"


def take_away(folder: Path, region: str) -> None:
    """Raises ``FileNotFoundError`` where no gate was started there."""
    (folder / _AWAY / region).touch()


def bring_back(folder: Path, region: str) -> None:
    (folder / _AWAY / region).unlink(missing_ok=True)


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10):
            return True
    except OSError:
        return False


class _Gate:
    def __init__(self, upstream_port: int) -> None:
        self._upstream_port = upstream_port
        self._open: dict[asyncio.StreamWriter, str] = {}

    async def takes(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = await reader.readuntil(b"\r\n\r\n")
            found = _REGION.search(head)
            region = found[1].decode() if found else ""
            if not (region and (_AWAY / region).exists()):
                self._open[writer] = region
                await self._carry(head, reader, writer)
        self._open.pop(writer, None)
        writer.transport.abort()

    async def _carry(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_cloud, to_cloud = await asyncio.open_connection("127.0.0.1", self._upstream_port, limit=_BLOCK)
        try:
            to_cloud.write(head)
            ways = {
                asyncio.ensure_future(_pass_on(reader, to_cloud)),
                asyncio.ensure_future(_pass_on(from_cloud, writer)),
            }
            _, left = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for each in left:
                each.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        finally:
            to_cloud.transport.abort()

    async def cuts_off(self) -> None:
        while True:
            away = {each.name for each in _AWAY.iterdir()}
            for writer, region in list(self._open.items()):
                if region in away:
                    writer.transport.abort()
            await asyncio.sleep(_LOOKS_EVERY_S)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while block := await reader.read(_BLOCK):
        writer.write(block)
        await writer.drain()


async def _serve(port: int, upstream_port: int) -> None:
    gate = _Gate(upstream_port)
    server = await asyncio.start_server(gate.takes, "127.0.0.1", port, limit=_BLOCK, backlog=1000)
    async with server:
        await asyncio.gather(server.serve_forever(), gate.cuts_off())


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2])))
