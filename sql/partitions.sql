-- Partitions: the tables of several dealers under one name.
\set SHOW_CONTEXT never
SET timezone = 'UTC';
CREATE EXTENSION walcu_fdw;
SELECT current_setting('walcu_test.endpoint') AS endpoint \gset
CREATE SERVER north FOREIGN DATA WRAPPER walcu_fdw
  OPTIONS (endpoint :'endpoint', dealer_id '5f2b1c9e8d3a4b0012345678');
CREATE SERVER south FOREIGN DATA WRAPPER walcu_fdw
  OPTIONS (endpoint :'endpoint', dealer_id '5f2b1c9e8d3a4b0012345678');
CREATE USER MAPPING FOR CURRENT_USER SERVER north OPTIONS (username 'sandbox-app', password 'sandbox-secret');
CREATE USER MAPPING FOR CURRENT_USER SERVER south OPTIONS (username 'sandbox-app', password 'sandbox-secret');

-- A partition for each dealer, one of which has its columns in another order, and one for those without a CRM
CREATE TABLE tasks (_id text COLLATE "C", description text COLLATE "C", created_by text COLLATE "C")
  PARTITION BY LIST (created_by);
CREATE FOREIGN TABLE tasks_north PARTITION OF tasks FOR VALUES IN ('north') SERVER north OPTIONS (resource 'dates');
ALTER FOREIGN TABLE tasks_north ALTER description OPTIONS (ADD path 'title');
CREATE FOREIGN TABLE tasks_south (created_by text COLLATE "C", gone int, description text COLLATE "C", _id text COLLATE "C")
  SERVER south OPTIONS (resource 'notes');
ALTER FOREIGN TABLE tasks_south ALTER description OPTIONS (ADD path 'content');
ALTER FOREIGN TABLE tasks_south DROP COLUMN gone;
ALTER TABLE tasks ATTACH PARTITION tasks_south FOR VALUES IN ('south');
CREATE TABLE tasks_paper PARTITION OF tasks DEFAULT;
DELETE FROM tasks;

--
-- Rows find their way
--
INSERT INTO tasks VALUES ('n1', 'call', 'north'), ('s1', 'write', 'south'), ('p1', 'visit', 'paper'), ('n2', 'ask', 'north'),
  ('s2', 'bill', 'south') RETURNING tableoid::regclass, *;
COPY tasks FROM STDIN;
n3	wait	north
s3	\N	south
\.
SELECT tableoid::regclass, * FROM tasks ORDER BY _id;

--
-- Changes by _id need no scan, and none of them is asynchronous
--
EXPLAIN (COSTS OFF) UPDATE tasks SET description = 'done' WHERE _id = 'n1';
EXPLAIN (COSTS OFF) UPDATE tasks SET description = 'done' WHERE _id = 'n1' RETURNING *;
UPDATE tasks SET description = 'done' WHERE _id = 'n1' RETURNING tableoid::regclass, *;
UPDATE tasks SET description = 'done' WHERE _id IN ('n2', 's2', 'p1', 's2', 'none') RETURNING tableoid::regclass, *;
UPDATE tasks SET description = 'lost' WHERE _id IN ('n2', 's2', 'p1', 'none');
\echo :ROW_COUNT
DELETE FROM tasks WHERE _id = 's2' RETURNING *;
DELETE FROM tasks WHERE _id IN ('n2', 's2');
\echo :ROW_COUNT
SELECT tableoid::regclass, * FROM tasks ORDER BY _id;
-- A table alone returns what one of several does
UPDATE tasks_north SET description = 'done' WHERE _id = 'n1' RETURNING tableoid::regclass, *;
-- Partitions that a plan leaves out when it is run
SET plan_cache_mode = force_generic_plan;
PREPARE finish(text, text) AS UPDATE tasks SET description = 'finished' WHERE created_by = $1 AND _id = $2 RETURNING tableoid::regclass, *;
EXECUTE finish('south', 's1');
EXECUTE finish('paper', 'p1');
EXECUTE finish('north', 's1');
PREPARE finish_any(text) AS UPDATE tasks SET description = 'over' WHERE _id = $1 RETURNING tableoid::regclass, *;
EXECUTE finish_any('s1');
EXECUTE finish_any('n1');
DEALLOCATE ALL;
RESET plan_cache_mode;
-- One of the partitions has its documents replaced, and so reads them first
ALTER FOREIGN TABLE tasks_south OPTIONS (ADD update_method 'put');
EXPLAIN (COSTS OFF) UPDATE tasks SET description = 'once more' WHERE _id IN ('n1', 'n3', 's1', 's3', 'p1') RETURNING *;
WITH changed AS (
  UPDATE tasks SET description = 'once more' WHERE _id IN ('n1', 'n3', 's1', 's3', 'p1') RETURNING tableoid::regclass, *
) SELECT * FROM changed ORDER BY _id;
ALTER FOREIGN TABLE tasks_south OPTIONS (DROP update_method);

--
-- An order over partitions is the service's, and merged
--
INSERT INTO tasks SELECT left(dealer, 1) || n, NULL, dealer FROM generate_series(11, 15) n, unnest(ARRAY['north', 'south', 'paper']) dealer;
EXPLAIN (COSTS OFF) SELECT * FROM tasks ORDER BY description DESC NULLS LAST, _id LIMIT 2;
EXPLAIN (COSTS OFF) SELECT _id FROM tasks ORDER BY _id LIMIT 2;
SELECT * FROM tasks ORDER BY _id DESC LIMIT 3;
SELECT * FROM tasks ORDER BY description NULLS FIRST, _id DESC LIMIT 4;

DELETE FROM tasks;
SET client_min_messages = warning;
DROP EXTENSION walcu_fdw CASCADE;
DROP TABLE tasks;
