"""What each part of the watch's store stands on."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pydantic import ValidationError

from muniment.adapters.watch.database import Database
from muniment.domain.record import Record
from muniment.errors import WatchStoreDamaged


@dataclass(frozen=True, slots=True)
class Part:
    database: Database

    def read[R: Record](
        self, kind: type[R], records: Iterable[str], parsed: Callable[[str], R] | None = None
    ) -> list[R]:
        """``parsed``: what makes a ``kind`` of one; ``None``: the kind. Raises ``WatchStoreDamaged`` where one of
        them is none, without a word of what stands in it."""
        parse = parsed or kind.model_validate_json
        try:
            return [parse(record) for record in records]
        except ValidationError as error:
            [fault, *_] = error.errors(include_url=False, include_input=False, include_context=False)
            where = ".".join(map(str, fault["loc"])) or "it"
            reason = f"a record is no {kind.__name__}: {where}: {fault['type']}"
        raise WatchStoreDamaged(place=self.database.place, reason=reason)
