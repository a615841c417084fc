"""As systemd runs it: a process that says where it listens, and ends in order."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from muniment.adapters.watch.store import WatchStore
from tests.cli.conftest import MUNIMENT, Command
from tests.fixtures.clusters import ROOT

TEXT = b"muniment_x 1.0\n# EOF\n"
COMMAND = [str(MUNIMENT), "--registry", str(ROOT / "include"), "watch", "serve"]


@contextmanager
def served(file: Path) -> Iterator[str]:
    process = subprocess.Popen(
        [*COMMAND, "--port", "0"],
        env={**os.environ, "MUNIMENT_WATCH_STORE": str(file)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout as out:
        url = re.fullmatch(r"(http://127\.0\.0\.1:\d+)/metrics\n", out.readline())
        assert url
        try:
            yield url[1]
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 0


def health(url: str) -> tuple[int, str]:
    try:
        with urlopen(f"{url}/healthz", timeout=60) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def test_it_serves_what_each_pass_leaves_and_says_what_is_late(tmp_path: Path) -> None:
    store, now = WatchStore.open(str(tmp_path / "watch.sqlite")), datetime.now(UTC)
    with served(tmp_path / "watch.sqlite") as url:
        store.put_exposition(TEXT, now)
        with urlopen(f"{url}/metrics", timeout=60) as answer:
            assert answer.read() == TEXT
        code, said = health(url)
    assert code == 503
    assert "no pass of the watch has ended yet" in said


def test_a_port_that_somebody_else_has(muniment: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUNIMENT_WATCH_STORE", str(tmp_path / "watch.sqlite"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = muniment("--registry", ROOT / "include", "watch", "serve", "--port", str(port))
    assert ended.code == 2
    assert f"nothing can listen on 127.0.0.1, port {port}: Address already in use" in ended.err
