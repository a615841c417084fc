"""A word with the form that it is drawn with: no colour tells anything alone."""

from dataclasses import dataclass

from muniment.domain.fleet.standing import Shape


@dataclass(frozen=True, slots=True)
class ShownWord:
    """As a template's ``state(…)`` takes it, like a ``Standing``."""

    state: str
    shape: Shape
