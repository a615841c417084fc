"""What a run tells a person."""

from muniment.ports import Silent


class Told(Silent):
    """Keeps the notes that a person should see."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)
