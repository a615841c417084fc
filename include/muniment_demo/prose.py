"""Sentences as law firms write them: made from a vocabulary, the same for the same seed, compressing like text."""

import random
from functools import cache, cached_property
from pathlib import Path

import yaml

AREAS = ("litigation", "real estate", "employment", "family", "immigration", "mergers", "estate planning", "patents")


@cache
def _vocabulary() -> dict[str, list[str]]:
    words: dict[str, list[str]] = yaml.safe_load(Path(__file__).with_name("vocabulary.yaml").read_text("utf-8"))
    return words


class Prose:
    """One author. Two with the same seed write the same."""

    def __init__(self, seed: int | str) -> None:
        self.random = random.Random(seed)
        self._words = _vocabulary()

    def sentence(self) -> str:
        number = self.random.randrange(100, 99_999)
        text = f"{self._event()} {self._pick('reasons')}"
        kind = self.random.randrange(4)
        if kind == 0:
            text = f"{text}; the amount in question is ${number:,}.{number % 100:02d}"
        elif kind == 1:
            text = f"{text} and {self._event()}, see Bates no. {number:06d}"
        elif kind == 2:
            return f"{text[0].upper()}{text[1:]}. {self._pick('follow_ups')}"
        return f"{text[0].upper()}{text[1:]}."

    @cached_property
    def _stock(self) -> list[str]:
        """Enough sentences that none comes back within a compressor's window of 2 MiB."""
        return [self.sentence() for _ in range(15_000)]

    def paragraph(self, least: int, most: int) -> str:
        """From the stock, which is four times as quick as writing anew."""
        return " ".join(self.random.choices(self._stock, k=self.random.randint(least, most)))

    def person(self) -> str:
        return f"{self._pick('first_names')} {self._pick('last_names')}"

    def company(self) -> str:
        return f"{self._pick('companies')} {self._pick('company_forms')}"

    def address(self) -> str:
        return f"{self.random.randrange(1, 2400)} {self._pick('streets')}, {self._pick('cities')}"

    def thing(self) -> str:
        return self._pick("things")

    def _event(self) -> str:
        return f"{self._pick('actors')} {self._pick('verbs')} the {self._pick('things')}"

    def _pick(self, kind: str) -> str:
        return self.random.choice(self._words[kind])
