"""A value that never shows itself."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Secret:
    """A password or key. Its printed form is ``**redacted**``; ``reveal`` is the one way to the value."""

    _value: str = field(repr=False)

    def reveal(self) -> str:
        return self._value

    def __str__(self) -> str:
        return "**redacted**"

    def __repr__(self) -> str:
        return "Secret(**redacted**)"
