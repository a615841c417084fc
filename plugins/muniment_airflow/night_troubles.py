"""What a step of the night finds and goes on in spite of: told as any trouble is, from a task that does not fail."""

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from muniment.errors import InvalidConfiguration
from muniment.ports import utc_now
from muniment_airflow.on_call import NOBODY, NobodyToldError, tell_on_call

if TYPE_CHECKING:
    from muniment.adapters.site.site import Site
    from muniment.domain.incidents.trouble import Trouble
    from muniment.domain.vault.registers import Point

log = logging.getLogger(__name__)


def tell_of_the_night(site: "Site", point: "Point", context: Mapping[str, Any]) -> None:
    """What ``point``, just registered, lacks: its copy, where the other region is away, or what could not be read."""
    from muniment.domain.watch.night_troubles import incomplete_trouble, region_away_trouble
    from muniment.runbooks.identity import replica_away

    away = replica_away(site) if point.verified_replica_at is None else None
    now, links = utc_now(), links_of(context)
    try_to_tell(
        (
            region_away_trouble(site.firm, away.what, now, links) if away else None,
            incomplete_trouble(site.firm, point, now, links),
        )
    )


def links_of(context: Mapping[str, Any]) -> dict[str, str]:
    url = getattr(context["ti"], "log_url", "")
    return {"log": url} if url else {}


def try_to_tell(troubles: "Iterable[Trouble | None]") -> None:
    """A night is worth more than a letter: the watch sees the same with its next pass, and tells it then."""
    for trouble in filter(None, troubles):
        try:
            log.warning("%s\n%s", tell_on_call(trouble), trouble.what)
        except (NobodyToldError, InvalidConfiguration):
            log.exception("%s, and the night goes on:\n%s", NOBODY, trouble.what)
