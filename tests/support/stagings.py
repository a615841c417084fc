"""A folder for stagings, none of which outlives its test."""

from collections.abc import Iterator
from pathlib import Path

from muniment.adapters.staging.records import StagingFolder


def stagings_folder(folder: Path) -> Iterator[Path]:
    """Whatever a test leaves running is ended."""
    place = folder / "stagings"
    place.mkdir()
    yield place
    for path in place.glob("staging-*"):
        StagingFolder(path).remove()
