-- The role that `muniment matter` logs in with to write a matter's rows back. It exists for as long as that takes.
-- `muniment tables` and `muniment database` make and rename schemas, tables and databases, which rights alone do not
-- allow: log in as their owner (with CREATEDB, for a database) or as a superuser for as long as that takes.
-- As a superuser, in the database that the firm's file names under cluster.database:
--     psql -v password="$PASSWORD" -f docs/iam/postgres-restore-role.sql
-- and AIRFLOW_CONN_<the firm's cluster.connection> of whoever restores names it. Afterwards: DROP ROLE muniment_restore;
CREATE ROLE muniment_restore LOGIN BYPASSRLS PASSWORD :'password';
-- To find what hangs on a matter, to lock it and to write it, and to move a sequence forward. Narrow it to the firm's
-- own tables where the policy of the house wants that.
GRANT pg_read_all_data, pg_write_all_data TO muniment_restore;
-- Turning triggers off (--without-triggers) needs the tables' owner, or a superuser.
