"""A law firm at work: notes, transfers and documents keep changing while the backup runs.

Runs as a process of its own, `python -m muniment_demo.writer FOLDER SECONDS`, until it gets SIGTERM: the world's
folder, and how long it rests between two turns.
"""

import itertools
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import boto3
import psycopg
from botocore.config import Config

from muniment.adapters.postgres.session import open_session
from muniment_demo.cloud import ROOT
from muniment_demo.documents import Paper
from muniment_demo.prose import Prose
from muniment_demo.world import World

PAUSE_S = 0.5
DOCUMENT_EVERY = 8
# Papers of the writer are numbered from here: no day of documents.py touches them.
_FIRST_PAPER = 500


def start_writer(world: World, pause_s: float = PAUSE_S) -> subprocess.Popen[bytes]:
    """In a session of its own, remembered by the world."""
    with (world.root / "writer.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "muniment_demo.writer", str(world.root), str(pause_s)],
            cwd=world.root,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    world.remember_session(process.pid)
    return process


def stop_writer(process: subprocess.Popen[bytes]) -> int:
    """The exit code; 0 is an ordinary end."""
    process.terminate()
    return process.wait(20)


class Office:
    """One firm's people."""

    def __init__(self, firm: dict[str, Any], endpoint_url: str) -> None:
        self._firm = firm
        self._prose = Prose(f"{firm['id']} writer")
        self._numbers = itertools.count()
        self._endpoint_url = endpoint_url
        self._s3 = boto3.session.Session().client(
            "s3",
            region_name=firm["region"],
            endpoint_url=endpoint_url,
            aws_access_key_id=ROOT.access_key_id,
            aws_secret_access_key=ROOT.secret_access_key.reveal(),
            config=Config(s3={"addressing_style": "path"}),
        )

    def work(self) -> None:
        """A little of everything; a server that is away for a moment is tried again at the next turn."""
        number = next(self._numbers)
        try:
            with open_session(self._firm["conninfo"], autocommit=False) as connection:
                self._write_note(connection)
                self._move_money(connection)
        except psycopg.OperationalError as error:
            print(f"{self._firm['id']}: {error}", flush=True)
        if number % DOCUMENT_EVERY == 0:
            paper = Paper(self._firm["id"], _FIRST_PAPER + number // DOCUMENT_EVERY)
            self._s3.put_object(Bucket=self._firm["bucket"], Key=paper.key, Body=paper.body())

    def _write_note(self, connection: psycopg.Connection) -> None:
        connection.execute(
            "INSERT INTO practice.notes (matter_id, author_id, written_at, body)"
            " SELECT id, lead_id, now(), %s FROM practice.matters WHERE id = %s",
            (f"{self._prose.sentence()} {self._prose.sentence()}", self._prose.random.randint(1, 500)),
        )

    def _move_money(self, connection: psycopg.Connection) -> None:
        cents = self._prose.random.randint(1_000, 90_000)
        matter = self._prose.random.randint(1, 500)
        connection.execute("SELECT practice.transfer(%s, %s, 'retainer received into trust')", (matter, cents))


def _until_stopped() -> Iterator[None]:
    stopped = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopped
        stopped = True

    signal.signal(signal.SIGTERM, stop)
    while not stopped:
        yield


def main(root: Path, pause_s: float) -> None:
    facts = World(root).description()
    if facts is None:
        message = f"{root} holds no demonstration"
        raise SystemExit(message)
    offices = [Office(firm, facts["endpoint_url"]) for firm in facts["firms"]]
    for _ in _until_stopped():
        for office in offices:
            office.work()
        time.sleep(pause_s)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
