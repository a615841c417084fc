"""Right firm first, for whatever goes from a staged cluster into the live one."""

from muniment.adapters.postgres.server import PostgresServer
from muniment.domain.firm.firm import Firm
from muniment.errors import WrongCluster


def prove_copy(firm: Firm, staged: PostgresServer, live: PostgresServer, expected: int | None = None) -> int:
    """The live one's system identifier. A restored cluster keeps its own: the same, or that of one of the firm's before
    it (``staged.may_be``, out of firm.json). Raises ``WrongCluster``.

    ``expected``: what firm.json, or a plan, says the live one's is.
    """
    actual = prove_live(firm, live, expected)
    found = staged.system_identifier()
    if found != actual and found not in staged.may_be:
        raise WrongCluster(firm=firm.id, connection="to the staged cluster", actual=found, expected=actual)
    if staged.started_at() == live.started_at():
        raise WrongCluster(
            firm=firm.id,
            connection="to the staged cluster",
            actual="the live one itself",
            expected=f"a copy of {actual}",
        )
    return actual


def prove_live(firm: Firm, live: PostgresServer, expected: int | None = None) -> int:
    """Raises ``WrongCluster``."""
    actual = live.system_identifier()
    for wanted in (expected, firm.cluster.system_identifier):
        if wanted is not None and actual != wanted:
            raise WrongCluster(firm=firm.id, connection=firm.cluster.connection, actual=actual, expected=wanted)
    return actual
