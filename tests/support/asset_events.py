"""What a step sees of Airflow's assets where it is called without Airflow."""

from typing import Any


class NoEvents(list[Any]):
    """Of an asset that nobody has told of anything."""

    def ascending(self, _: bool) -> "NoEvents":
        return self

    def limit(self, _: int) -> "NoEvents":
        return self
