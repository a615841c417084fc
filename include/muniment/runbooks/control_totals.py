"""Numbers of the live database at a known position, so that a restore can be compared with them to the cent."""

from muniment.adapters.postgres.control_totals import TotalsReader, counting
from muniment.adapters.site.site import Site
from muniment.domain.firm.application import ControlTotalsPolicy
from muniment.domain.vault.registers import ControlTotals
from muniment.errors import InvalidConfiguration
from muniment.ports import Clock


def read_control_totals(site: Site, *, clock: Clock) -> ControlTotals:
    """The policy's counts and sums in one snapshot.

    Raises ``InvalidConfiguration`` for a table or column that does not exist, ``RightMissing`` for one that may not be
    read whole.
    """
    wanted = site.policy.control_totals
    with counting(site.postgres) as totals:
        _prove_tables(totals, wanted)
        return _read(totals, wanted, clock)


def read_those_there(site: Site, *, clock: Clock) -> ControlTotals:
    """Of a restored cluster, which may be from before a table or a column that the policy names today was made.

    Raises ``RightMissing`` as ``read_control_totals`` does.
    """
    wanted = site.policy.control_totals
    with counting(site.postgres) as totals:
        there = ControlTotalsPolicy(
            tables=tuple(name for name in wanted.tables if totals.has_table(name)),
            sums={name: path for name, path in wanted.sums.items() if totals.has_column(path)},
        )
        return _read(totals, there, clock)


def _read(totals: TotalsReader, wanted: ControlTotalsPolicy, clock: Clock) -> ControlTotals:
    with totals.at_an_instant() as instant:
        return ControlTotals(
            lsn=instant.lsn,
            exact=instant.exact,
            read_at=clock(),
            counts={str(name): totals.count(name) for name in wanted.tables},
            sums={name: totals.sum(column) for name, column in wanted.sums.items()},
        )


def _prove_tables(totals: TotalsReader, wanted: ControlTotalsPolicy) -> None:
    """All that is missing at once."""
    named = [*wanted.tables, *(column.table for column in wanted.sums.values())]
    missing = [name for name in dict.fromkeys(named) if not totals.has_table(name)]
    if missing:
        faults = "\n".join(f"policy.control_totals: table {name} does not exist" for name in missing)
        raise InvalidConfiguration(count=len(missing), faults=faults)
