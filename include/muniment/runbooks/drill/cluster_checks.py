"""What a drill asks of a cluster that was restored: is it whole, does it answer, are the numbers right?"""

import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import psycopg
from psycopg import sql

from muniment.adapters.host.programs import PostgresPrograms
from muniment.adapters.postgres.server import PostgresServer
from muniment.adapters.restore.visibility import count_both_ways, has_pg_visibility, wrong_maps
from muniment.adapters.site.site import Site
from muniment.domain.drill.rules import balance_check, totals_checks
from muniment.domain.evidence import Check
from muniment.domain.firm.firm import ControlTotalsPolicy
from muniment.domain.vault.registers import ControlTotals
from muniment.errors import InvalidConfiguration, ProgramFailed, ProgramMissing
from muniment.ports import Clock
from muniment.runbooks.control_totals import read_control_totals

READ_TIMEOUT_S = 6 * 3600.0
_SAID_CHARS = 2000
_DATABASES = "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname"
_AMCHECK = "SELECT count(*) AS n FROM pg_available_extensions WHERE name = 'amcheck'"
_EXTENSIONS = (
    "SELECT e.extname AS name, a.name IS NOT NULL AS there FROM pg_extension e"
    " LEFT JOIN pg_available_extensions a ON a.name = e.extname ORDER BY 1"
)
# Columns of pgvector's type, or of a domain over it, in tables that hold rows of their own.
_VECTORS = (
    "SELECT n.nspname AS schema, c.relname AS table, a.attname AS column"
    " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON b.oid = t.typbasetype"
    " WHERE c.relkind = 'r' AND NOT a.attisdropped AND 'vector' IN (t.typname, b.typname) ORDER BY 1, 2, 3"
)


@dataclass(frozen=True, slots=True)
class Inspection:
    """One restored cluster. ``conninfo`` (of libpq) reaches it as a superuser; it names files and holds no secret."""

    site: Site
    server: PostgresServer
    programs: PostgresPrograms

    def relations(self) -> Check:
        """Every relation of every database read: by amcheck where it is installed, else by a dump to nowhere."""
        databases = self._databases()
        faults = [fault for name in databases if (fault := self._unreadable(name))]
        how = "amcheck" if self._has_amcheck else "a dump to nowhere"
        found = "; ".join(faults) or f"{len(databases)} databases read by {how}"
        return Check(
            name="every relation can be read", expected=f"{len(databases)} databases", found=found, passed=not faults
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
            try:
                found = count_both_ways(self.server, table)
            except psycopg.errors.UndefinedTable:
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
        databases = self._databases()
        faults = [f"{database}: {wrong}" for database in databases for wrong in wrong_maps(self.server, database)]
        found = f"wrong: {', '.join(faults)}"[:_SAID_CHARS] if faults else f"asked in {len(databases)} databases"
        return Check(name=name, expected=expected, found=found, passed=not faults)

    def _counting(self, wanted: ControlTotalsPolicy) -> Site:
        """What the point counted, whatever the policy counts today; of a sum only the policy knows the column."""
        policy = self.site.policy.model_copy(update={"control_totals": wanted})
        return replace(self.site, postgres=self.server, firm=self.site.firm.model_copy(update={"policy": policy}))

    def balances(self) -> Iterator[Check]:
        for name, query in self.site.policy.drills.balances.items():
            yield balance_check(name, self._answer(query))

    def smoke_queries(self) -> Iterator[Check]:
        for name, query in self.site.policy.drills.smoke_queries.items():
            found = self._answer(query)
            yield Check(name=name, expected="True", found=str(found), passed=found == "True")

    def extensions(self) -> Iterator[Check]:
        """Installed in the database, and their files on the machine that restored it."""
        for database in self._databases():
            with self.server.connect(database) as connection:
                found = connection.execute(_EXTENSIONS).fetchall()
            missing = [row["name"] for row in found if not row["there"]]
            told = f"not on this machine: {', '.join(missing)}" if missing else f"{len(found)} present"
            names = ", ".join(row["name"] for row in found)
            yield Check(name=f"extensions of {database}", expected=names, found=told, passed=not missing)

    def vectors(self) -> Iterator[Check]:
        """Each column of embeddings: no row without one, and the nearest neighbour of a row is found."""
        with self.server.connect() as connection:
            for row in connection.execute(_VECTORS).fetchall():
                table, column = sql.Identifier(row["schema"], row["table"]), sql.Identifier(row["column"])
                query = sql.SQL(
                    "SELECT count(*) AS rows, count({column}) AS embedded, (SELECT count(*) FROM (SELECT 1 FROM {table}"
                    " WHERE {column} IS NOT NULL ORDER BY {column} <-> (SELECT {column} FROM {table} WHERE {column}"
                    " IS NOT NULL LIMIT 1) LIMIT 1) nearest) AS nearest FROM {table}"
                ).format(table=table, column=column)
                found = connection.execute(query).fetchone() or {}
                rows, embedded, nearest = (int(found.get(name, 0)) for name in ("rows", "embedded", "nearest"))
                yield Check(
                    name=f"embeddings of {row['schema']}.{row['table']}.{row['column']}",
                    expected="embeddings, and a neighbour found" if rows else "no row",
                    found=f"{embedded} of {rows} rows embedded, {nearest} neighbour found",
                    passed=rows == 0 or (embedded > 0 and nearest == 1),
                )

    @property
    def _has_amcheck(self) -> bool:
        return bool(self.server.row(_AMCHECK)["n"]) and (self.programs.bin_dir / "pg_amcheck").exists()

    def _unreadable(self, database: str) -> str | None:
        env, dsn = self._environment(database), f"dbname={database}"
        try:
            if self._has_amcheck:
                self._amcheck(database, env)
            else:
                self.programs.run("pg_dump", "--file=/dev/null", dsn, timeout_s=READ_TIMEOUT_S, env=env)
        except (ProgramFailed, ProgramMissing) as failure:
            return f"{database}: {failure.what}"
        return None

    def _amcheck(self, database: str, env: Mapping[str, str]) -> None:
        """What it finds it says on stdout, where other programs have their results."""
        argv = self.programs.argv("pg_amcheck", "--install-missing", "--heapallindexed", "--database", database)
        done = subprocess.run(
            argv, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            timeout=READ_TIMEOUT_S, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            said = done.stdout.strip()[:_SAID_CHARS]
            raise ProgramFailed(program="pg_amcheck", status=f"status {done.returncode}", stderr=said)

    def _environment(self, database: str) -> Mapping[str, str]:
        """libpq's variables: an argument list is everybody's to read."""
        known = {
            "host": "PGHOST",
            "port": "PGPORT",
            "user": "PGUSER",
            "password": "PGPASSWORD",
            "passfile": "PGPASSFILE",
        }
        told = psycopg.conninfo.conninfo_to_dict(self.server.conninfo.reveal())
        named = {variable: str(told[name]) for name, variable in known.items() if told.get(name)}
        return {**os.environ, **named, "PGDATABASE": database}

    def _databases(self) -> list[str]:
        with self.server.connect() as connection:
            return [row["datname"] for row in connection.execute(_DATABASES).fetchall()]

    def _answer(self, query: str) -> str | None:
        """The first value of the first row as text; an error of PostgreSQL's in its own words."""
        with self.server.connect() as connection:
            try:
                connection.execute("BEGIN READ ONLY")
                # The query is the registry's own, written by whoever writes its policies.
                found = connection.execute(query.encode()).fetchone()
            except psycopg.Error as error:
                return str(error).strip()
        return None if found is None else str(next(iter(found.values())))
