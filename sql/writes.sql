-- Writes: INSERT, UPDATE, DELETE, COPY and TRUNCATE become calls of the API.
\set SHOW_CONTEXT never
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE EXTENSION walcu_fdw;
SELECT current_setting('walcu_test.endpoint') AS endpoint \gset
CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw
  OPTIONS (endpoint :'endpoint', dealer_id '5f2b1c9e8d3a4b0012345678');
CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (username 'sandbox-app', password 'sandbox-secret');
CREATE SCHEMA crm;
IMPORT FOREIGN SCHEMA walcu LIMIT TO (tasks, notes) FROM SERVER crm INTO crm;
-- All of a resource can go, if that is allowed
TRUNCATE crm.notes;
\echo :LAST_ERROR_SQLSTATE
ALTER SERVER crm OPTIONS (ADD truncatable 'true');
TRUNCATE crm.notes;
SELECT count(*) FROM crm.notes;
ALTER SERVER crm OPTIONS (DROP truncatable);

--
-- New rows; what is left out is the service's to fill
--
INSERT INTO crm.tasks (_id, description, bulk_import_ids, custom)
VALUES ('w1', 'call "Núñez" \ back', '{a,"b c",NULL}', '{"n": 1.50, "deep": {"list": [1, {"x": null}]}}')
RETURNING _id, description, bulk_import_ids, custom, dealer_id, __v, created_at = updated_at AS dated;
INSERT INTO crm.tasks (_id, description) VALUES ('w2', 'two'), ('w3', 'three'), ('w4', NULL);
SELECT _id, description, client_id FROM crm.tasks WHERE _id IN ('w1', 'w2', 'w3', 'w4') ORDER BY _id;
-- The service makes ids; with client_ids they are made here
INSERT INTO crm.tasks (description) VALUES ('nameless') RETURNING length(_id) AS digits;
ALTER FOREIGN TABLE crm.tasks OPTIONS (ADD client_ids 'true');
INSERT INTO crm.tasks (description) VALUES ('nameless') RETURNING _id ~ '^[0-9a-f]{24}$' AS is_object_id;
ALTER FOREIGN TABLE crm.tasks OPTIONS (DROP client_ids);
DELETE FROM crm.tasks WHERE description = 'nameless';
-- Once there, a document cannot be made again
INSERT INTO crm.tasks (_id, description) VALUES ('w5', 'five'), ('w1', 'again');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO crm.tasks (_id, description) VALUES ('w6', 'six'), ('w1', 'again') ON CONFLICT DO NOTHING RETURNING _id;
INSERT INTO crm.tasks (_id, description) VALUES ('w1', 'again'), ('w7', 'seven') ON CONFLICT DO NOTHING;
\echo :ROW_COUNT
-- A target needs an index, which foreign tables cannot have
INSERT INTO crm.tasks (_id) VALUES ('w1') ON CONFLICT (_id) DO NOTHING;
-- What the service refuses
ALTER FOREIGN TABLE crm.tasks ALTER COLUMN created_at OPTIONS (DROP readonly);
ALTER FOREIGN TABLE crm.tasks ALTER COLUMN created_at TYPE text;
INSERT INTO crm.tasks (_id, created_at) VALUES ('w8', 'some day');
\echo :LAST_ERROR_SQLSTATE
ALTER FOREIGN TABLE crm.tasks ALTER COLUMN created_at TYPE timestamptz;
ALTER FOREIGN TABLE crm.tasks ALTER COLUMN created_at OPTIONS (ADD readonly 'true');

--
-- Changes
--
UPDATE crm.tasks SET description = 'changed' WHERE _id = 'w1' RETURNING _id, description, custom;
UPDATE crm.tasks SET description = upper(description) WHERE _id IN ('w2', 'w3', 'nobody') RETURNING _id, description;
UPDATE crm.tasks SET description = NULL, client_id = 'c' WHERE _id = 'w2';
UPDATE crm.tasks SET custom = jsonb_set(custom, '{deep,new}', '"x"') - 'n' WHERE _id = 'w1' RETURNING custom;
UPDATE crm.tasks SET bulk_import_ids = bulk_import_ids || 'c'::text WHERE _id = 'w1' RETURNING bulk_import_ids;
SELECT _id, description, client_id FROM crm.tasks WHERE _id LIKE 'w_' ORDER BY _id;
UPDATE crm.tasks SET description = 'nobody is there' WHERE _id IN ('nobody', 'w7', 'w7', NULL);
\echo :ROW_COUNT
UPDATE crm.tasks SET description = description || '?' WHERE description = 'nobody is there';
\echo :ROW_COUNT
UPDATE crm.tasks SET description = description WHERE _id LIKE 'w_';
\echo :ROW_COUNT
-- Joins; a row that is met twice is changed once
CREATE TABLE calls (task text, result text);
INSERT INTO calls VALUES ('w3', 'no answer'), ('w6', 'sold'), ('w6', 'not sold'), ('w0', 'wrong number');
UPDATE crm.tasks t SET description = t.description || ': done' FROM calls c WHERE c.task = t._id AND t._id LIKE 'w_';
\echo :ROW_COUNT
SELECT _id, description FROM crm.tasks WHERE _id IN ('w3', 'w6') ORDER BY _id;
-- CTEs
WITH called AS (DELETE FROM calls RETURNING task),
     gone AS (DELETE FROM crm.tasks USING called WHERE _id = task AND _id LIKE 'w_' RETURNING _id, description)
SELECT * FROM gone ORDER BY _id;
-- Plans
EXPLAIN (COSTS OFF) INSERT INTO crm.tasks (_id, description) VALUES ('w9', 'nine');
EXPLAIN (COSTS OFF) UPDATE crm.tasks SET description = 'x' WHERE _id = 'w1';
EXPLAIN (COSTS OFF) UPDATE crm.tasks SET description = 'x' WHERE _id IN ('w1', 'w2');
EXPLAIN (COSTS OFF) UPDATE crm.notes SET content = content || 'x' WHERE _id = 'w1';
EXPLAIN (COSTS OFF) DELETE FROM crm.tasks WHERE _id = 'w1' AND description = 'x';
EXPLAIN (COSTS OFF) DELETE FROM crm.tasks WHERE _id = 'w1';
PREPARE rename (text, text) AS UPDATE crm.tasks SET description = $2 WHERE _id = $1;
EXPLAIN (COSTS OFF) EXECUTE rename('w1', 'prepared');
EXECUTE rename('w1', 'prepared');
EXECUTE rename(NULL, 'x');
SELECT description FROM crm.tasks WHERE _id = 'w1';

--
-- What may not be written
--
INSERT INTO crm.tasks (_id, created_at) VALUES ('w9', now());
\echo :LAST_ERROR_SQLSTATE
UPDATE crm.tasks SET updated_at = now();
UPDATE crm.tasks SET _id = 'other' WHERE _id = 'w1';
UPDATE crm.tasks SET dealer_id = 'other' WHERE _id = 'w1';
UPDATE crm.tasks SET computed = '{}' WHERE _id = 'w1';
INSERT INTO crm.tasks (_id, dealer_id) VALUES ('w9', 'other');
\echo :LAST_ERROR_SQLSTATE
DELETE FROM crm.tasks WHERE _id = '';
DELETE FROM crm.tasks WHERE _id IN ('a/b', '..');
ALTER SERVER crm OPTIONS (ADD updatable 'false');
INSERT INTO crm.tasks (_id) VALUES ('w9');
UPDATE crm.tasks SET description = 'x' WHERE _id = 'w1';
DELETE FROM crm.tasks WHERE _id = 'w1';
TRUNCATE crm.tasks;
\echo :LAST_ERROR_SQLSTATE
ALTER FOREIGN TABLE crm.tasks OPTIONS (ADD updatable 'true');
UPDATE crm.tasks SET description = 'x' WHERE _id = 'w1';
ALTER FOREIGN TABLE crm.tasks OPTIONS (DROP updatable);
ALTER SERVER crm OPTIONS (DROP updatable);
CREATE FOREIGN TABLE crm.idless (description text COLLATE "C") SERVER crm OPTIONS (resource 'tasks');
DELETE FROM crm.idless;
UPDATE crm.idless SET description = 'x';
INSERT INTO crm.idless VALUES ('without id');
DELETE FROM crm.tasks WHERE description = 'without id';

--
-- Values
--
CREATE TYPE size AS ENUM ('small', 'large');
CREATE FOREIGN TABLE crm.vals (
  _id text COLLATE "C" NOT NULL,
  a_numeric numeric OPTIONS (path 'custom.numeric'),
  a_bigint bigint OPTIONS (path 'custom.bigint'),
  a_double double precision OPTIONS (path 'custom.double'),
  a_real real OPTIONS (path 'custom.real'),
  a_boolean boolean OPTIONS (path 'custom.boolean'),
  a_timestamptz timestamptz OPTIONS (path 'custom.timestamptz'),
  a_timestamp timestamp OPTIONS (path 'custom.timestamp'),
  a_date date OPTIONS (path 'custom.date'),
  a_uuid uuid OPTIONS (path 'custom.uuid'),
  a_size size OPTIONS (path 'custom.size'),
  a_char char(5) OPTIONS (path 'custom.char'),
  a_json json OPTIONS (path 'custom.json'),
  a_jsonb jsonb OPTIONS (path 'custom.jsonb'),
  a_money money OPTIONS (path 'custom.money'),
  numerics numeric[] OPTIONS (path 'custom.numerics'),
  dates timestamptz[] OPTIONS (path 'custom.dates')
) SERVER crm OPTIONS (resource 'notes', timestamp_precision 'error');
\x
INSERT INTO crm.vals VALUES ('v1', 12345678.5678, 9007199254740991, 0.1::float8 + 0.2, 0.1, true,
  '2025-08-08 10:11:12.345+02', '2025-08-08 10:11:12.345', '2025-08-08', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'large',
  'ab', '{"b": 1,"a":1}', '["\"", {"ñ\n": "😀"}]', NULL, '{1,NULL,-0.5}', '{2025-01-01,NULL}') RETURNING *;
\x
SET extra_float_digits = 0;
SET datestyle = 'SQL, DMY';
INSERT INTO crm.vals (_id, a_double, a_date, a_timestamptz) VALUES ('v2', 1.0::float8 / 3, '31/12/0099 BC', '01/02/12025 03:04');
SET datestyle = 'ISO';
RESET extra_float_digits;
SELECT a_double = 1.0::float8 / 3 AS same, a_date, a_timestamptz FROM crm.vals WHERE _id = 'v2';
INSERT INTO crm.vals (_id, a_numeric) VALUES ('v3', 'NaN');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO crm.vals (_id, a_double) VALUES ('v3', '-Infinity');
INSERT INTO crm.vals (_id, a_timestamptz) VALUES ('v3', 'infinity');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO crm.vals (_id, a_date) VALUES ('v3', '5874897-01-01');
INSERT INTO crm.vals (_id, a_money) VALUES ('v3', 1);
INSERT INTO crm.vals (_id, numerics) VALUES ('v3', '{{1,2},{3,4}}');
INSERT INTO crm.vals (_id, a_timestamptz) VALUES ('v3', '2025-08-08 10:11:12.3456Z');
ALTER FOREIGN TABLE crm.vals OPTIONS (SET timestamp_precision 'round');
INSERT INTO crm.vals (_id, a_timestamptz, dates) VALUES ('v3', '2025-08-08 10:11:12.3456Z', '{1969-12-31 23:59:59.9994Z}')
RETURNING a_timestamptz, dates;
UPDATE crm.vals SET a_timestamptz = '2025-08-08 10:11:12.3461Z' WHERE _id = 'v3' AND a_boolean IS NULL;
-- A column may mind where its table does not, and the other way round
ALTER FOREIGN TABLE crm.vals ALTER COLUMN dates OPTIONS (ADD timestamp_precision 'error');
INSERT INTO crm.vals (_id, dates) VALUES ('v4', '{1969-12-31 23:59:59.9994Z}');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO crm.vals (_id, a_timestamptz) VALUES ('v4', '2025-08-08 10:11:12.3456Z');
ALTER FOREIGN TABLE crm.vals OPTIONS (SET timestamp_precision 'error');
ALTER FOREIGN TABLE crm.vals ALTER COLUMN dates OPTIONS (SET timestamp_precision 'round');
UPDATE crm.vals SET a_timestamptz = '2025-08-08 10:11:12.3461Z' WHERE _id = 'v4';
UPDATE crm.vals SET dates = '{1969-12-31 23:59:59.9994Z}' WHERE _id = 'v4' RETURNING a_timestamptz, dates;

--
-- Columns that meet in one object, and those that are within each other
--
CREATE FOREIGN TABLE crm.parts (
  _id text COLLATE "C" NOT NULL,
  whole jsonb OPTIONS (path 'custom'),
  color text OPTIONS (path 'custom.paint.color'),
  metallic boolean OPTIONS (path 'custom.paint.metallic'),
  slashed text OPTIONS (path 'custom.a/b'),
  doc jsonb OPTIONS (path '.'),
  find text OPTIONS (parameter 'search')
) SERVER crm OPTIONS (resource 'notes');
INSERT INTO crm.parts (_id, color, metallic) VALUES ('p1', 'red', true) RETURNING whole;
UPDATE crm.parts SET color = 'blue' WHERE _id = 'p1' RETURNING whole;
UPDATE crm.parts SET metallic = NULL WHERE _id = 'p1' AND color = 'blue' RETURNING whole;
INSERT INTO crm.parts (_id, whole, color) VALUES ('p2', '{}', 'red');
\echo :LAST_ERROR_SQLSTATE
UPDATE crm.parts SET color = 'red', whole = '{}' WHERE _id = 'p1';
UPDATE crm.parts SET find = 'x' WHERE _id = 'p1';
UPDATE crm.parts SET slashed = 'x' WHERE _id = 'p1';
\echo :LAST_ERROR_SQLSTATE
UPDATE crm.parts SET doc = doc || '{"content": "by document"}' WHERE _id = 'p1' RETURNING doc->>'content' AS content;
UPDATE crm.parts SET doc = doc - '_id' WHERE _id = 'p1';
-- PUT sends the whole document, and loses nothing that no column shows
ALTER FOREIGN TABLE crm.parts OPTIONS (ADD update_method 'put');
EXPLAIN (COSTS OFF) UPDATE crm.parts SET color = 'green' WHERE _id = 'p1';
UPDATE crm.parts SET slashed = 'x', color = 'green' WHERE _id = 'p1' RETURNING whole, doc->>'content' AS content;
UPDATE crm.parts SET slashed = NULL WHERE _id = 'p1' RETURNING whole;
ALTER FOREIGN TABLE crm.parts OPTIONS (DROP update_method);

--
-- COPY, INSERT ... SELECT, generated columns, triggers, views, partitions
--
COPY crm.tasks (_id, description) FROM STDIN;
c1	copied one
c2	copied two
c3	\N
\.
INSERT INTO crm.tasks (_id, description) SELECT 'd' || _id, description FROM crm.tasks WHERE _id LIKE 'c_';
SELECT _id, description FROM crm.tasks WHERE _id IN ('c1', 'c2', 'c3', 'c4', 'dc1', 'dc2', 'dc3') ORDER BY _id;
COPY crm.tasks (_id, description) FROM STDIN;
c4	copied four
c1	copied again
\.
DELETE FROM crm.tasks WHERE _id IN ('c1', 'c2', 'c3', 'c4', 'dc1', 'dc2', 'dc3') RETURNING _id;

CREATE FOREIGN TABLE crm.loud (
  _id text COLLATE "C" NOT NULL,
  description text COLLATE "C",
  shout text OPTIONS (path 'custom.shout') GENERATED ALWAYS AS (upper(description)) STORED
) SERVER crm OPTIONS (resource 'tasks');
CREATE FUNCTION announce() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE NOTICE '% % %: % -> %', TG_WHEN, TG_OP, TG_LEVEL, OLD.description, NEW.description;
  IF TG_WHEN = 'BEFORE' AND TG_OP <> 'DELETE' THEN
    NEW.description := NEW.description || '!';
  END IF;
  RETURN coalesce(NEW, OLD);
END
$$;
CREATE TRIGGER before BEFORE INSERT OR UPDATE OR DELETE ON crm.loud FOR EACH ROW EXECUTE FUNCTION announce();
CREATE TRIGGER after AFTER INSERT OR UPDATE OR DELETE ON crm.loud FOR EACH ROW EXECUTE FUNCTION announce();
INSERT INTO crm.loud VALUES ('l1', 'hello'), ('l2', 'bye');
UPDATE crm.loud SET description = 'again' WHERE _id = 'l1' RETURNING *;
SELECT custom FROM crm.tasks WHERE _id = 'l1';
DELETE FROM crm.loud WHERE _id = 'l1' RETURNING *;
DELETE FROM crm.loud WHERE _id = 'nobody';

CREATE FOREIGN TABLE crm.owned (_id text COLLATE "C", created_by text COLLATE "C") SERVER crm OPTIONS (resource 'tasks');
CREATE VIEW mine AS SELECT * FROM crm.owned WHERE created_by = 'me' WITH CHECK OPTION;
INSERT INTO mine VALUES ('m1', 'me');
-- What the row itself decides is checked before it is sent
INSERT INTO mine VALUES ('m2', 'you');
UPDATE mine SET created_by = 'you' WHERE _id = 'm1';
SELECT _id, created_by FROM crm.tasks WHERE _id IN ('m1', 'm2') ORDER BY _id;

CREATE TABLE dealers (dealer_id text, _id text, description text) PARTITION BY LIST (dealer_id);
CREATE FOREIGN TABLE dealers_here PARTITION OF dealers FOR VALUES IN ('5f2b1c9e8d3a4b0012345678') SERVER crm OPTIONS (resource 'tasks');
CREATE TABLE dealers_local PARTITION OF dealers FOR VALUES IN ('local');
INSERT INTO dealers VALUES ('5f2b1c9e8d3a4b0012345678', 'r1', 'routed'), ('local', 'r2', 'stays') RETURNING dealer_id, _id;
WITH changed AS (UPDATE dealers SET description = description || ' again' WHERE _id IN ('r1', 'r2') RETURNING _id, description) SELECT * FROM changed ORDER BY _id;
UPDATE dealers SET dealer_id = 'local' WHERE _id = 'r1';
WITH deleted AS (DELETE FROM dealers WHERE _id IN ('r1', 'r2') RETURNING _id) SELECT * FROM deleted ORDER BY _id;
EXPLAIN (COSTS OFF, VERBOSE OFF) SELECT 1 FROM crm.tasks WHERE _id = 'w1' FOR UPDATE;

DELETE FROM crm.tasks WHERE _id ~ '^(w|l|m)\d$';
SET client_min_messages = warning;
DROP EXTENSION walcu_fdw CASCADE;
DROP TABLE dealers, calls;
DROP SCHEMA crm CASCADE;
DROP FUNCTION announce;
DROP TYPE size;
