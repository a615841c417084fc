"""Tables, columns and foreign keys as PostgreSQL's own catalogue has them."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import sql

from muniment.adapters.postgres.unlogged import IS_UNLOGGED
from muniment.domain.rows.foreign_keys import Catalogue, Column, ForeignKey, Table

type Connection = psycopg.Connection[dict[str, Any]]

# Partitions are left out: their rows are read, and written, through their root.
_TABLES = sql.SQL("""
    SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name, n.nspname AS schema, c.relname AS relation,
           c.relkind = 'p' AS is_partitioned,
           {} AS is_unlogged,
           coalesce((SELECT array_agg(a.attname::text ORDER BY place) FROM pg_index i,
                     unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place), pg_attribute a
                     WHERE i.indrelid = c.oid AND i.indisprimary AND place <= i.indnkeyatts
                     AND a.attrelid = c.oid AND a.attnum = k.number),
                    '{{}}') AS primary_key,
           coalesce((SELECT array_agg(format('OPERATOR(%I.%s)', coalesce(s.nspname, 'pg_catalog'),
                                             coalesce(o.oprname, '=')) ORDER BY place)
                     FROM pg_index i, unnest(i.indclass::oid[]) WITH ORDINALITY AS k(opclass, place)
                     JOIN pg_opclass p ON p.oid = k.opclass
                     LEFT JOIN pg_amop m ON m.amopfamily = p.opcfamily AND m.amopstrategy = 3
                         AND m.amopmethod = (SELECT oid FROM pg_am WHERE amname = 'btree')
                         AND (m.amoplefttype, m.amoprighttype) = (p.opcintype, p.opcintype)
                     LEFT JOIN pg_operator o ON o.oid = m.amopopr LEFT JOIN pg_namespace s ON s.oid = o.oprnamespace
                     WHERE i.indrelid = c.oid AND i.indisprimary),
                    '{{}}') AS key_operators,
           coalesce((SELECT array_agg(t.tgname::text ORDER BY t.tgname) FROM pg_trigger t
                     WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')), '{{}}') AS triggers
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
      AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
""").format(IS_UNLOGGED)
_COLUMNS = """
    SELECT a.attrelid AS oid, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
           NOT a.attnotnull AS is_nullable, a.attgenerated <> '' AS is_computed,
           a.atthasdef OR a.attidentity <> '' OR NOT a.attnotnull AS fills_itself,
           'oid'::regtype IN (t.oid, t.typbasetype) AS is_oid
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
    WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum
"""
# conparentid: PostgreSQL repeats a partitioned table's keys for each partition. Read as JSON, what only 18 knows is
# NULL before it. Of pg_get_constraintdef what follows the columns is kept.
_LIST = """(SELECT string_agg(CASE WHEN k.is_period AND place = cardinality(k.conkey) THEN 'PERIOD ' ELSE '' END
                              || quote_ident(a.attname), ', ' ORDER BY place)
            FROM unnest({numbers}) WITH ORDINALITY AS n(number, place)
            JOIN pg_attribute a ON a.attrelid = {table} AND a.attnum = n.number)"""
_KEYS = f"""
    SELECT k.conname AS name, coalesce(pg_partition_root(k.conrelid)::oid, k.conrelid) AS child,
           coalesce(pg_partition_root(k.confrelid)::oid, k.confrelid) AS parent,
           k.condeferrable AS is_deferrable, k.confmatchtype = 'f' AS is_match_full, k.is_period,
           NOT coalesce((to_jsonb(k) ->> 'conenforced')::bool, true) AS is_link,
           substr(pg_get_constraintdef(k.oid), 1 + length(format('FOREIGN KEY (%s) REFERENCES %s(%s)',
               {_LIST.format(numbers="k.conkey", table="k.conrelid")}, k.confrelid::regclass,
               {_LIST.format(numbers="k.confkey", table="k.confrelid")}))) AS rules,
           (SELECT array_agg(a.attname::text ORDER BY place) FROM unnest(k.conkey) WITH ORDINALITY AS n(number, place)
            JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = n.number) AS columns,
           (SELECT array_agg(a.attname::text ORDER BY place) FROM unnest(k.confkey) WITH ORDINALITY AS n(number, place)
            JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = n.number) AS referenced,
           (SELECT array_agg(format('OPERATOR(%I.%s)', s.nspname, o.oprname) ORDER BY place)
            FROM unnest(k.conpfeqop) WITH ORDINALITY AS n(number, place) JOIN pg_operator o ON o.oid = n.number
            JOIN pg_namespace s ON s.oid = o.oprnamespace) AS operators,
           (SELECT array_agg(CASE WHEN l.oid IS NOT NULL THEN format('%I.%I', s.nspname, l.collname) END ORDER BY place)
            FROM unnest(k.confkey) WITH ORDINALITY AS n(number, place)
            JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = n.number
            LEFT JOIN pg_collation l ON l.oid = a.attcollation LEFT JOIN pg_namespace s ON s.oid = l.collnamespace
           ) AS collations,
           EXISTS (SELECT FROM pg_index i WHERE i.indrelid = k.conrelid AND i.indisvalid AND i.indpred IS NULL
                   AND i.indnkeyatts >= cardinality(k.conkey)
                   AND (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey) AS is_indexed
    FROM (SELECT *, coalesce((to_jsonb(c) ->> 'conperiod')::bool, false) AS is_period FROM pg_constraint c) k
    WHERE k.contype = 'f' AND k.conparentid = 0 ORDER BY k.conrelid, k.conname
"""  # noqa: S608 - of constants alone


def read_catalogue(connection: Connection) -> Catalogue:
    """Every table of the database that may hold a firm's rows, and every foreign key between them."""
    columns: dict[int, list[Column]] = defaultdict(list)
    for row in connection.execute(_COLUMNS):
        oid = row.pop("oid")
        columns[oid].append(Column(**row))
    by_oid = {table["oid"]: _table(table, columns) for table in connection.execute(_TABLES)}
    keys = tuple(_keys(connection, by_oid))
    return Catalogue({table.name: table for table in by_oid.values()}, keys)


def _table(row: dict[str, Any], columns: dict[int, list[Column]]) -> Table:
    return Table(
        name=row["name"],
        schema=row["schema"],
        relation=row["relation"],
        columns=tuple(columns[row["oid"]]),
        primary_key=tuple(row["primary_key"]),
        key_operators=tuple(row["key_operators"]),
        is_partitioned=row["is_partitioned"],
        is_unlogged=row["is_unlogged"],
        triggers=tuple(row["triggers"]),
    )


def _keys(connection: Connection, tables: dict[int, Table]) -> Iterator[ForeignKey]:
    for row in connection.execute(_KEYS):
        child, parent = tables.get(row["child"]), tables.get(row["parent"])
        if child is not None and parent is not None:
            lists = {name: tuple(row[name]) for name in ("columns", "referenced", "operators", "collations")}
            yield ForeignKey(**{**row, **lists, "child": child.name, "parent": parent.name})
