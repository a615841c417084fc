"""What a drill asks of a cluster that was restored: is it whole, does it answer, are the numbers right?"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from muniment.adapters.drill.extensions import embeddings, installed_extensions
from muniment.adapters.drill.relations import read_all_relations
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.postgres.registry_query import answer
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.restore.visibility import count_both_ways, has_pg_visibility, wrong_maps
from muniment.adapters.site.site import Site
from muniment.domain.drill.rules import balance_check, totals_checks
from muniment.domain.evidence import Check
from muniment.domain.firm.firm import ControlTotalsPolicy
from muniment.domain.vault.registers import ControlTotals
from muniment.errors import InvalidConfiguration
from muniment.ports import Clock
from muniment.runbooks.control_totals import read_control_totals
from muniment.runbooks.restore.collation_checks import collation_checks

_SAID_CHARS = 2000


@dataclass(frozen=True, slots=True)
class Inspection:
    """One restored cluster. ``conninfo`` (of libpq) reaches it as a superuser; it names files and holds no secret."""

    site: Site
    server: PostgresServer
    programs: PostgresPrograms

    def relations(self) -> Check:
        """Every relation of every database read: by amcheck where it is installed, else by a dump to nowhere."""
        read = read_all_relations(self.server, self.programs)
        found = "; ".join(read.faults) or f"{read.databases} databases read by {read.how}"
        return Check(
            name="every relation can be read",
            expected=f"{read.databases} databases",
            found=found,
            passed=not read.faults,
        )

    def totals(self, before: ControlTotals, after: ControlTotals | None, clock: Clock) -> Iterator[Check]:
        sums = {name: column for name, column in self.site.policy.control_totals.sums.items() if name in before.sums}
        wanted = ControlTotalsPolicy(tables=tuple(before.counts), sums=sums)
        before = before.model_copy(update={"sums": {name: before.sums[name] for name in sums}})
        try:
            found = read_control_totals(self._counting(wanted), clock=clock)
        except InvalidConfiguration as missing:
            yield Check(name="control totals", expected="all tables", found=missing.what, passed=False)
            return
        yield from totals_checks(found, before, after)

    def indexes(self, before: ControlTotals) -> Iterator[Check]:
        """A table counted by an index alone has as many rows as it really has: what a stale visibility map breaks."""
        for table in before.counts:
            found = count_both_ways(self.server, table)
            if found is None:
                continue  # totals() has said so
            told = "no index of it answers alone" if found.by_index is None else f"{found.by_index} by an index alone"
            yield Check(
                name=f"{table} by its index",
                expected=f"{found.by_rows} rows, as they are read one by one",
                found=told,
                passed=found.agree,
            )

    def visibility_maps(self) -> Check:
        """pg_visibility's own word on each map of each database, where it is on the machine."""
        name, expected = "visibility maps", "no map says more than is so, where pg_visibility can tell"
        if not has_pg_visibility(self.server):
            return Check(name=name, expected=expected, found="not asked: pg_visibility is not here", passed=True)
        databases = self.server.databases()
        faults = [f"{database}: {wrong}" for database in databases for wrong in wrong_maps(self.server, database)]
        found = f"wrong: {', '.join(faults)}"[:_SAID_CHARS] if faults else f"asked in {len(databases)} databases"
        return Check(name=name, expected=expected, found=found, passed=not faults)

    def _counting(self, wanted: ControlTotalsPolicy) -> Site:
        """What the point counted, whatever the policy counts today; of a sum only the policy knows the column."""
        policy = self.site.policy.model_copy(update={"control_totals": wanted})
        return replace(self.site, postgres=self.server, firm=self.site.firm.model_copy(update={"policy": policy}))

    def balances(self) -> Iterator[Check]:
        for name, query in self.site.policy.drills.balances.items():
            yield balance_check(name, answer(self.server, query))

    def smoke_queries(self) -> Iterator[Check]:
        for name, query in self.site.policy.drills.smoke_queries.items():
            found = answer(self.server, query)
            yield Check(name=name, expected="True", found=str(found), passed=found == "True")

    def extensions(self) -> Iterator[Check]:
        """Installed in the database, and their files on the machine that restored it."""
        for database in self.server.databases():
            found = installed_extensions(self.server, database)
            missing = [each.name for each in found if not each.is_there]
            told = f"not on this machine: {', '.join(missing)}" if missing else f"{len(found)} present"
            names = ", ".join(each.name for each in found)
            yield Check(name=f"extensions of {database}", expected=names, found=told, passed=not missing)

    def collations(self) -> Iterator[Check]:
        """Told and not judged: the restored files are right, and this machine sorts otherwise than the firm's does."""
        yield from collation_checks(self.server, passed=True)

    def vectors(self) -> Iterator[Check]:
        """Each column of embeddings: no row without one, and the nearest neighbour of a row is found."""
        for found in embeddings(self.server):
            yield Check(
                name=f"embeddings of {found.column}",
                expected="embeddings, and a neighbour found" if found.rows else "no row",
                found=f"{found.embedded} of {found.rows} rows embedded, {found.nearest} neighbour found",
                passed=found.rows == 0 or (found.embedded > 0 and found.nearest == 1),
            )
