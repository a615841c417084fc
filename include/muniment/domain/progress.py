"""How far long work is, how fast, and how long it will still take, in one line for a person."""

from dataclasses import dataclass
from typing import Literal

from muniment.domain.units import human_duration, human_size

type Unit = Literal["bytes", "objects", "segments"]


@dataclass(frozen=True, slots=True)
class Pace:
    """``total`` is ``None`` while it is not known."""

    done: int
    total: int | None
    unit: Unit
    elapsed_s: float

    def __str__(self) -> str:
        return f"{self._amount()}, {self._written(self.rate)}/s{self._left()}"

    @property
    def rate(self) -> float:
        """A second, over the whole step: it does not jump about."""
        return self.done / max(self.elapsed_s, 0.001)

    @property
    def summary(self) -> str:
        return f"{self._written(self.done)} in {human_duration(self.elapsed_s)}"

    def _amount(self) -> str:
        if not self.total:
            return self._written(self.done)
        return f"{self._written(self.done)} of {self._written(self.total)} ({100 * self.done / self.total:.0f} %)"

    def _left(self) -> str:
        if not self.total or not self.rate or self.done >= self.total:
            return ""
        return f", {human_duration((self.total - self.done) / self.rate)} left"

    def _written(self, amount: float) -> str:
        return human_size(amount) if self.unit == "bytes" else f"{amount:,.0f} {self.unit}"
