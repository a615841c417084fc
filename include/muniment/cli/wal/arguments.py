"""The few arguments of ``wal push`` and ``wal fetch``, read without click."""

import os
import sys
from collections.abc import Iterator


class Arguments:
    """What was written behind ``muniment wal push``; ``fault`` says what is wrong with it."""

    def __init__(self, command: str, names: str, written: list[str]) -> None:
        self.firm = os.environ.get("MUNIMENT_FIRM", "")
        self.side = os.environ.get("MUNIMENT_FROM", "primary")
        self.positional: list[str] = []
        self._read(iter(written))
        self.fault = self._fault(command, names)

    def complain(self) -> None:
        print(self.fault, file=sys.stderr)

    def _read(self, written: Iterator[str]) -> None:
        for argument in written:
            option, equals, value = argument.partition("=")
            if option == "--firm":
                self.firm = value if equals else next(written, "")
            elif option == "--from":
                self.side = value if equals else next(written, "")
            else:
                self.positional.append(argument)

    def _fault(self, command: str, names: str) -> str:
        options = " [--from primary|replica]" if command == "fetch" else ""
        if len(self.positional) != len(names.split()) or self.side not in {"primary", "replica"}:
            return f"usage: muniment wal {command} [--firm FIRM]{options} {names}"
        if not self.firm:
            return (
                f"muniment wal {command} does not know whose WAL this is\n"
                f"HINT: write `muniment wal {command} --firm FIRM {names}`, or set MUNIMENT_FIRM for the server."
            )
        return ""
