"""What a task's log says while long work goes on; the words themselves are tested with the command's."""

import logging
import time

import pytest

from muniment_airflow.progress import TaskLogProgress


def test_a_task_logs_lines_while_nothing_moves_and_one_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with TaskLogProgress(logging.getLogger("task"), every_s=0.05).step("wait", 3, "segments"):
        while len(caplog.records) < 3:
            time.sleep(0.05)
        logged = len(caplog.records)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) > logged
    assert all(line.startswith("wait: 0 ") for line in lines)


def test_a_note_is_a_line_as_it_stands(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    TaskLogProgress(logging.getLogger("task")).note("100 %s of the chain limit")
    assert [record.getMessage() for record in caplog.records] == ["100 %s of the chain limit"]
