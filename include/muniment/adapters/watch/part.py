"""What each part of the watch's store stands on."""

from dataclasses import dataclass

from muniment.adapters.watch.database import Database


@dataclass(frozen=True, slots=True)
class Part:
    database: Database
