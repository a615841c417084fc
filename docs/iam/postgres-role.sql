-- The role that a firm's PostgreSQL connection logs in with: no superuser, and nothing that writes.
-- As a superuser, in the database that the firm's file names under cluster.database:
--     psql -v password="$PASSWORD" -f docs/iam/postgres-role.sql
CREATE ROLE muniment LOGIN REPLICATION PASSWORD :'password';
-- Base backups come over the replication protocol; these are for what surrounds them.
GRANT pg_monitor TO muniment;                                 -- the archiver's backlog, pg_stat_archiver
GRANT pg_checkpoint TO muniment;                              -- CHECKPOINT before the segment switch
GRANT EXECUTE ON FUNCTION pg_switch_wal() TO muniment;        -- verify_wal_checkpoint
-- Control totals and settings tables. Narrow it to those tables where the policy of the house wants that:
--     GRANT SELECT ON ledger.entries, public.settings TO muniment;
GRANT pg_read_all_data TO muniment;
-- Where postgresql.conf, pg_hba.conf and the like lie outside of the data directory or are links, as on Debian, no base backup
-- holds them. With these two the night's configuration does; they let the role read whatever the server's user may:
--     GRANT pg_read_server_files TO muniment;
--     GRANT EXECUTE ON FUNCTION pg_read_binary_file(text) TO muniment;
