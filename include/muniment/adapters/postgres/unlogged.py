"""Whether a table's rows are in no WAL, so that no backup has them."""

from psycopg import sql

# Of ``c``, a row of pg_class. Any partition will do; and a plain table is in no partition tree, not even its own.
IS_UNLOGGED = sql.SQL("""
    (c.relpersistence = 'u' OR EXISTS (SELECT FROM pg_partition_tree(c.oid) t JOIN pg_class p ON p.oid = t.relid
                                        WHERE p.relpersistence = 'u'))
""")
