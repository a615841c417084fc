"""What a drill asks of a cluster that was restored: is it whole, does it answer, are the numbers right?"""

from collections.abc import Iterator
from dataclasses import dataclass

from muniment.adapters.drill.extensions import embeddings, installed_extensions
from muniment.adapters.drill.relations import read_all_relations
from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.postgres.control_totals import read_each
from muniment.adapters.postgres.registry_query import answer
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.restore.visibility import BothWays, count_both_ways, has_pg_visibility, wrong_maps
from muniment.adapters.site.site import Site
from muniment.domain.drill.answers import balance_check, smoke_check
from muniment.domain.drill.totals import totals_checks
from muniment.domain.evidence import Check
from muniment.domain.sql_names import TableName
from muniment.domain.vault.registers import ControlTotals
from muniment.runbooks.restore.collation_checks import collation_checks

_SAID_CHARS = 2000


@dataclass(frozen=True, slots=True)
class Inspection:
    """One restored cluster. ``conninfo`` (of libpq) reaches it as a superuser; it names files and holds no secret."""

    site: Site
    server: PostgresServer
    programs: PostgresPrograms

    def relations(self) -> Iterator[Check]:
        """Every relation of every database read: by amcheck where it is installed, else by a dump to nowhere."""
        read = read_all_relations(self.server, self.programs)
        found = "; ".join(read.faults) or f"{read.databases} databases read by {read.how}"
        yield Check(
            name="every relation can be read",
            expected=f"{read.databases} databases",
            found=found,
            passed=(not read.faults) if read.databases else None,
        )
        for name, why in read.unjudged.items():
            yield Check(name=name, expected="is so", found=f"not judged: {why}", passed=None)

    def totals(self, before: ControlTotals, after: ControlTotals | None) -> Iterator[Check]:
        """What the point counted, whatever the policy counts today; of a sum only the policy knows the column."""
        sums = {name: path for name, path in self.site.policy.control_totals.sums.items() if name in before.sums}
        yield from totals_checks(read_each(self.server, before.counts, sums), before, after)

    def indexes(self, before: ControlTotals) -> Iterator[Check]:
        """A table counted by an index alone has as many rows as it really has: what a stale visibility map breaks."""
        for table in before.counts:
            found = self._both_ways(table)
            if found is None:
                continue  # totals() has said so
            told = "no index of it answers alone" if found.by_index is None else f"{found.by_index} by an index alone"
            yield Check(
                name=f"{table} by its index",
                expected=f"{found.by_rows} rows, as they are read one by one",
                found=told,
                passed=None if found.by_index is None else found.agree,
            )

    def _both_ways(self, table: str) -> BothWays | None:
        try:
            return count_both_ways(self.server, TableName.parse(table))
        except ValueError:
            return None

    def visibility_maps(self) -> Check:
        """pg_visibility's own word on each map of each database, where it is on the machine."""
        name, expected = "visibility maps", "no map says more than is so, where pg_visibility can tell"
        if not has_pg_visibility(self.server):
            return Check(name=name, expected=expected, found="not asked: pg_visibility is not here", passed=None)
        databases = self.server.databases()
        faults = [f"{database}: {wrong}" for database in databases for wrong in wrong_maps(self.server, database)]
        found = f"wrong: {', '.join(faults)}"[:_SAID_CHARS] if faults else f"asked in {len(databases)} databases"
        return Check(name=name, expected=expected, found=found, passed=not faults)

    def balances(self) -> Iterator[Check]:
        if not self.site.policy.drills.balances:
            told = "none: the policy names no balance"
            yield Check(name="ledgers", expected="the balances of the policy are 0", found=told, passed=None)
        for name, query in self.site.policy.drills.balances.items():
            yield balance_check(name, answer(self.server, query))

    def smoke_queries(self) -> Iterator[Check]:
        for name, query in self.site.policy.drills.smoke_queries.items():
            yield smoke_check(name, answer(self.server, query))

    def extensions(self) -> Iterator[Check]:
        """Installed in the database, and their files on the machine that restored it. Asked before anything installs
        one in the restored copy."""
        for database in self.server.databases():
            found = installed_extensions(self.server, database)
            missing = [each.name for each in found if not each.is_there]
            told = f"not on this machine: {', '.join(missing)}" if missing else f"{len(found)} present"
            names = ", ".join(each.name for each in found)
            yield Check(name=f"extensions of {database}", expected=names, found=told, passed=not missing)

    def collations(self) -> Iterator[Check]:
        """Told and not judged: the restored files are right, and this machine sorts otherwise than the firm's does."""
        yield from collation_checks(self.server, passed=None)

    def vectors(self) -> Iterator[Check]:
        """Each column of embeddings: the nearest neighbour of a row is found, where any row has one."""
        for found in embeddings(self.server):
            nothing = found.of_values or (not found.fault and not found.embedded)
            told = f"{found.embedded} of {found.rows} rows embedded, {found.nearest} neighbour found"
            yield Check(
                name=f"embeddings of {found.column}",
                expected="a neighbour found",
                found=found.fault or told,
                passed=None if nothing else found.nearest == 1,
            )
