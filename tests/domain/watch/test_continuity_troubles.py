"""What is told of a cluster that is not the one that went on before."""

from datetime import timedelta

from muniment.domain.wal.names import Lsn
from muniment.domain.watch.continuity_troubles import continuity_troubles
from tests.support.watched import NOW, firm_seen, server_seen

LATER = NOW + timedelta(minutes=5)


def test_a_log_below_what_a_vault_held_in_the_pass_before() -> None:
    """The first pass that knows of it, and each one after it."""
    low = server_seen(LATER).model_copy(update={"flush_lsn": Lsn(100)})
    before = firm_seen(server=server_seen(NOW).model_copy(update={"flush_lsn": Lsn(100)}), marks=())
    (found,) = continuity_troubles(firm_seen(at=LATER, server=low), before)
    assert (found.cause, found.severity, found.opens_at_once) == ("lsn-went-back", "critical", True)
    assert "000000010000000000000004" in found.what
    assert list(continuity_troubles(firm_seen(at=LATER), firm_seen())) == []
    assert list(continuity_troubles(firm_seen(at=LATER, server=low, server_unseen="away"), before)) == []
