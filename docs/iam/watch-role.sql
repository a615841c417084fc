-- The role that the watch looks at a firm's PostgreSQL with, every five minutes: it sees and changes nothing.
-- As a superuser, in the database that the firm's file names under cluster.database:
--     psql -v password="$PASSWORD" -f docs/iam/watch-role.sql
-- The limit: a watch that goes wrong takes no more of the server's connections.
CREATE ROLE muniment_watch LOGIN CONNECTION LIMIT 4 PASSWORD :'password';
-- pg_wal, its archive status, the archiver, slots. It sees what others run (pg_stat_activity), and no table's rows.
GRANT pg_monitor TO muniment_watch;
