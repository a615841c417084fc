"""Progress in a task's log."""

import logging

from muniment.adapters.progress_lines import EVERY_S, LineProgress


class TaskLogProgress(LineProgress):
    """A line every ten seconds with rate and time left, also when nothing moves."""

    def __init__(self, log: logging.Logger, every_s: float = EVERY_S) -> None:
        super().__init__(lambda line: log.info("%s", line), every_s)
