-- The role that the Recovery page reads the watch's store with (read_store in watch.yaml): it reads and changes nothing.
-- As a superuser, or as the store's own role where that may make roles, in the store's database and once its schema
-- muniment_watch is there; store_role is the role of `store` in watch.yaml:
--     psql -v password="$PASSWORD" -v store_role=muniment_watch -f docs/iam/watch-store-role.sql
CREATE ROLE muniment_page LOGIN PASSWORD :'password';
ALTER ROLE muniment_page SET default_transaction_read_only = on;
GRANT USAGE ON SCHEMA muniment_watch TO muniment_page;
GRANT SELECT ON ALL TABLES IN SCHEMA muniment_watch TO muniment_page;
-- Tables that a later Muniment makes there.
ALTER DEFAULT PRIVILEGES FOR ROLE :"store_role" IN SCHEMA muniment_watch GRANT SELECT ON TABLES TO muniment_page;
