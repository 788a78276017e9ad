-- Connections: which ones this session has, and how they are closed.
\set SHOW_CONTEXT never
CREATE EXTENSION walcu_fdw;
SELECT current_setting('walcu_test.endpoint') AS endpoint \gset
CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw
  OPTIONS (endpoint :'endpoint', dealer_id '5f2b1c9e8d3a4b0012345678', fetch_size '10');
CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (username 'sandbox-app', password 'sandbox-secret');
CREATE FOREIGN TABLE tasks (_id text COLLATE "C" NOT NULL) SERVER crm;

-- None before the first request
SELECT * FROM walcu_fdw_get_connections();
EXPLAIN (COSTS OFF) SELECT _id FROM tasks;
SELECT * FROM walcu_fdw_get_connections();
-- Then they stay open
SELECT count(*) > 10 AS some FROM tasks;
SELECT * FROM walcu_fdw_get_connections();
-- That of a scan which is not at its end is in use
BEGIN;
DECLARE c CURSOR FOR SELECT _id FROM tasks;
MOVE 3 FROM c;
SELECT * FROM walcu_fdw_get_connections();
SELECT walcu_fdw_disconnect('crm');
SELECT walcu_fdw_disconnect_all();
CLOSE c;
SELECT * FROM walcu_fdw_get_connections();
SELECT walcu_fdw_disconnect('crm');
COMMIT;
SELECT * FROM walcu_fdw_get_connections();

--
-- Closing them
--
-- There is none now, and none of a server that was never asked
SELECT walcu_fdw_disconnect('crm');
CREATE SERVER unused FOREIGN DATA WRAPPER walcu_fdw;
SELECT walcu_fdw_disconnect('unused');
SELECT walcu_fdw_disconnect_all();
SELECT walcu_fdw_disconnect(NULL);
SELECT walcu_fdw_disconnect('nowhere');
\echo :LAST_ERROR_SQLSTATE
-- A server of another kind has none either
CREATE FOREIGN DATA WRAPPER other;
CREATE SERVER other FOREIGN DATA WRAPPER other;
SELECT walcu_fdw_disconnect('other');
-- All of them
CREATE SERVER twin FOREIGN DATA WRAPPER walcu_fdw OPTIONS (endpoint :'endpoint', dealer_id '5f2b1c9e8d3a4b0012345678');
CREATE USER MAPPING FOR CURRENT_USER SERVER twin OPTIONS (username 'sandbox-app', password 'sandbox-secret');
CREATE FOREIGN TABLE twins_tasks (_id text COLLATE "C" NOT NULL) SERVER twin OPTIONS (resource 'tasks');
SELECT (SELECT count(*) FROM tasks) = (SELECT count(*) FROM twins_tasks) AS equal;
SELECT * FROM walcu_fdw_get_connections() ORDER BY server_name COLLATE "C";
SELECT walcu_fdw_disconnect_all();
SELECT * FROM walcu_fdw_get_connections();
-- All but those in use
BEGIN;
DECLARE c CURSOR FOR SELECT _id FROM tasks;
MOVE 3 FROM c;
SELECT count(*) > 10 AS some FROM twins_tasks;
SELECT walcu_fdw_disconnect_all();
SELECT * FROM walcu_fdw_get_connections();
ROLLBACK;
SELECT * FROM walcu_fdw_get_connections();

--
-- What is changed
--
-- Old connections are no longer valid, and closed before the next request or at the transaction's end
BEGIN;
ALTER SERVER crm OPTIONS (SET fetch_size '20');
SELECT * FROM walcu_fdw_get_connections();
COMMIT;
SELECT * FROM walcu_fdw_get_connections();
SELECT count(*) > 10 AS some FROM tasks;
SELECT * FROM walcu_fdw_get_connections();
-- Whose credentials were changed is not known
SELECT count(*) > 10 AS some FROM twins_tasks;
BEGIN;
ALTER USER MAPPING FOR CURRENT_USER SERVER twin OPTIONS (SET password 'another-secret');
SELECT * FROM walcu_fdw_get_connections() ORDER BY server_name COLLATE "C";
COMMIT;
-- A scan that has begun goes on
BEGIN;
DECLARE c CURSOR FOR SELECT _id FROM tasks;
MOVE 3 FROM c;
ALTER SERVER crm OPTIONS (SET fetch_size '30');
SELECT * FROM walcu_fdw_get_connections() WHERE server_name = 'crm';
MOVE 10 FROM c;
COMMIT;
-- A new name
SELECT count(*) > 10 AS some FROM tasks;
BEGIN;
ALTER SERVER crm RENAME TO crm2;
SELECT * FROM walcu_fdw_get_connections() WHERE server_name LIKE 'crm%';
COMMIT;
SELECT walcu_fdw_disconnect('crm');
SELECT walcu_fdw_disconnect('crm2');
-- A server that is dropped has no name, and no connection once that is committed
SELECT count(*) > 10 AS some FROM tasks;
SET client_min_messages = warning;
BEGIN;
DROP SERVER twin CASCADE;
DROP SERVER crm2 CASCADE;
SELECT * FROM walcu_fdw_get_connections();
COMMIT;
RESET client_min_messages;
SELECT * FROM walcu_fdw_get_connections();
SELECT walcu_fdw_disconnect_all();
SELECT * FROM walcu_fdw_get_connections();

--
-- Connections that are not kept
--
CREATE SERVER brief FOREIGN DATA WRAPPER walcu_fdw
  OPTIONS (endpoint :'endpoint', dealer_id '5f2b1c9e8d3a4b0012345678', fetch_size '10', keep_connections 'false');
CREATE USER MAPPING FOR CURRENT_USER SERVER brief OPTIONS (username 'sandbox-app', password 'sandbox-secret');
CREATE FOREIGN TABLE tasks (_id text COLLATE "C" NOT NULL) SERVER brief;
SELECT count(*) > 10 AS some FROM tasks;
SELECT * FROM walcu_fdw_get_connections();
-- They live as long as the transaction, however it ends
BEGIN;
SELECT count(*) > 10 AS some FROM tasks;
SELECT * FROM walcu_fdw_get_connections();
SAVEPOINT s;
SELECT count(*) > 10 AS some FROM tasks;
ROLLBACK TO SAVEPOINT s;
SELECT * FROM walcu_fdw_get_connections();
COMMIT;
SELECT * FROM walcu_fdw_get_connections();
BEGIN;
SELECT 1 / (count(*) - count(*)) FROM tasks;
ROLLBACK;
SELECT * FROM walcu_fdw_get_connections();
-- A cursor that outlives its transaction has read everything before
BEGIN;
DECLARE c CURSOR WITH HOLD FOR SELECT _id FROM tasks;
MOVE 3 FROM c;
COMMIT;
SELECT * FROM walcu_fdw_get_connections();
MOVE 3 FROM c;
CLOSE c;
-- Those of scans that are not at their end go with them
BEGIN;
DECLARE c CURSOR FOR SELECT _id FROM tasks;
MOVE 3 FROM c;
COMMIT;
SELECT * FROM walcu_fdw_get_connections();
BEGIN;
DECLARE c CURSOR FOR SELECT _id FROM tasks;
MOVE 3 FROM c;
ROLLBACK;
SELECT * FROM walcu_fdw_get_connections();

--
-- Everybody sees the session's own, and may close them
--
BEGIN;
SELECT count(*) > 10 AS some FROM tasks;
CREATE ROLE regress_closer;
SET ROLE regress_closer;
SELECT * FROM walcu_fdw_get_connections();
SELECT walcu_fdw_disconnect('brief');
RESET ROLE;
COMMIT;

SET client_min_messages = warning;
DROP EXTENSION walcu_fdw CASCADE;
DROP FOREIGN DATA WRAPPER other CASCADE;
DROP ROLE regress_closer;
