-- Scans: foreign tables in the queries that PostgreSQL users write.
\set SHOW_CONTEXT never
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE EXTENSION walcu_fdw;
SELECT current_setting('walcu_test.endpoint') AS endpoint \gset
CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw
  OPTIONS (endpoint :'endpoint', dealer_id '5f2b1c9e8d3a4b0012345678', fetch_size '5');
CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (username 'sandbox-app', password 'sandbox-secret');
CREATE SCHEMA crm;
IMPORT FOREIGN SCHEMA walcu LIMIT TO (cars, saleleads) FROM SERVER crm INTO crm OPTIONS (import_search 'true');

-- A dealer who has twelve cars and a few leads, instead of what the sandbox has;
-- requests are sent while a scan is under way
SELECT count(walcu_fdw_request('crm', 'DELETE', '/cars/' || _id)) > 0 AS deleted FROM crm.cars;
SELECT count(walcu_fdw_request('crm', 'DELETE', '/saleleads/' || _id)) > 0 AS deleted FROM crm.saleleads;
SELECT count(*) FROM crm.cars;
SELECT count(walcu_fdw_request('crm', 'POST', '/cars', body => jsonb_build_object(
         '_id', 'car-' || to_char(n, 'FM00'),
         'make', (ARRAY['SEAT', 'Citroën', 'Škoda'])[n % 3 + 1],
         'model', chr(64 + n),
         'mileage', CASE WHEN n % 4 = 0 THEN NULL ELSE n * 10000.5 END,
         'published', n % 2 = 0,
         'status', jsonb_build_object('status', CASE WHEN n < 10 THEN 'stock' ELSE 'sold' END),
         'extras', CASE n % 3 WHEN 0 THEN '["ABS", "ESP"]'::jsonb WHEN 1 THEN '[]' END,
         'created_at', to_char(date '2025-01-31' + n, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')))) AS created
  FROM generate_series(1, 12) n;
SELECT count(walcu_fdw_request('crm', 'POST', '/saleleads', body => jsonb_build_object(
         '_id', 'lead-' || n,
         'car_list', jsonb_build_array(jsonb_build_object('car_id', 'car-' || to_char(13 - n * n, 'FM00')))))) AS created
  FROM generate_series(1, 3) n;
CREATE TABLE prices (car_id text PRIMARY KEY, price numeric);
INSERT INTO prices VALUES ('car-02', 9900), ('car-04', 12500), ('car-09', 7400), ('elsewhere', 1);

--
-- Rows, conditions, orders, limits
--
SELECT count(*), count(mileage), sum(mileage), min(created_at), max(make) FROM crm.cars;
SELECT _id, make, model, mileage, published, extras, created_at FROM crm.cars ORDER BY _id;
SELECT _id FROM crm.cars WHERE mileage > 60000 AND published ORDER BY mileage DESC;
SELECT _id FROM crm.cars WHERE mileage IS NULL ORDER BY _id;
SELECT _id FROM crm.cars WHERE 'ABS' = ANY (extras) ORDER BY _id;
SELECT _id FROM crm.cars WHERE status ->> 'status' = 'sold' ORDER BY _id;
SELECT _id, make FROM crm.cars WHERE make LIKE 'Citro_n' ORDER BY _id;
SELECT _id, created_at FROM crm.cars WHERE created_at >= '2025-02-10' ORDER BY created_at;
-- "C" compares bytes
SELECT DISTINCT make FROM crm.cars ORDER BY make;
SELECT _id, mileage FROM crm.cars ORDER BY mileage DESC NULLS LAST, _id LIMIT 2 OFFSET 1;
SELECT make, published, count(*), avg(mileage)::numeric(10, 2) FROM crm.cars
 GROUP BY ROLLUP (make, published) ORDER BY make, published;
SELECT _id, rank() OVER (PARTITION BY make ORDER BY mileage) FROM crm.cars WHERE make = 'SEAT' ORDER BY _id;

--
-- One document
--
SELECT make, model FROM crm.cars WHERE _id = 'car-07';
SELECT make FROM crm.cars WHERE _id = 'car-07' AND NOT published AND make = 'Citroën';
SELECT make FROM crm.cars WHERE _id = 'car-07' AND published;
SELECT make FROM crm.cars WHERE _id = 'car-13';
SELECT make FROM crm.cars WHERE _id = NULL;
SELECT _id FROM crm.cars WHERE _id = '../cars/car-07';
SELECT _id FROM crm.cars WHERE _id IN ('car-07', 'car-08', 'car-13') ORDER BY _id;
PREPARE car(text) AS SELECT _id, make FROM crm.cars WHERE _id = $1;
EXECUTE car('car-01');
SET plan_cache_mode = force_generic_plan;
EXECUTE car('car-02');
EXECUTE car('car-13');
EXECUTE car(NULL);
EXPLAIN (COSTS OFF) EXECUTE car('car-02');
RESET plan_cache_mode;
EXPLAIN (COSTS OFF) EXECUTE car('car-02');
DEALLOCATE car;

--
-- What is asked of the service
--
EXPLAIN (COSTS OFF) SELECT count(*) FROM crm.cars;
EXPLAIN (COSTS OFF) SELECT make, status ->> 'status' FROM crm.cars WHERE mileage > 60000 LIMIT 3;
EXPLAIN (VERBOSE, COSTS OFF) SELECT _id, make FROM crm.cars WHERE _id = 'car-02';
EXPLAIN (COSTS OFF) SELECT make FROM crm.cars WHERE _search = 'make = SEAT';
SELECT _id, _search FROM crm.cars WHERE _search = 'make = SEAT' ORDER BY _id;
SELECT count(*), count(_search) FROM crm.cars;

--
-- Joins, subqueries, sets
--
SELECT c._id, c.make, p.price FROM crm.cars c JOIN prices p ON p.car_id = c._id ORDER BY p.price;
SELECT p.car_id, c.make FROM prices p LEFT JOIN crm.cars c ON c._id = p.car_id ORDER BY 1;
SELECT l._id, c.model FROM crm.saleleads l
 CROSS JOIN LATERAL jsonb_array_elements(l.car_list) wanted
  JOIN crm.cars c ON c._id = wanted ->> 'car_id' ORDER BY 1;
SELECT _id FROM crm.cars c
 WHERE EXISTS (SELECT FROM crm.saleleads l WHERE l.car_list @> jsonb_build_array(jsonb_build_object('car_id', c._id)))
 ORDER BY 1;
SELECT count(*) FROM crm.cars WHERE _id NOT IN (SELECT car_id FROM prices);
SELECT p.car_id, (SELECT c.model FROM crm.cars c WHERE c._id = p.car_id) FROM prices p ORDER BY 1;
SELECT p.car_id, c.model FROM prices p
 CROSS JOIN LATERAL (SELECT model FROM crm.cars c WHERE c._id = p.car_id LIMIT 1) c ORDER BY 1;
SELECT make FROM crm.cars UNION SELECT 'SEAT' UNION SELECT 'Audi' ORDER BY 1;
SELECT _id FROM crm.cars INTERSECT SELECT car_id FROM prices ORDER BY 1;
WITH RECURSIVE chain(car_id, depth) AS (
  SELECT 'car-01' COLLATE "C", 1
  UNION ALL
  SELECT c._id, depth + 1 FROM chain JOIN crm.cars c ON c._id > chain.car_id
   WHERE depth < 3 AND c.make = 'SEAT'
)
SELECT depth, count(*) FROM chain GROUP BY 1 ORDER BY 1;
-- Again for each row of the other side
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SET walcu_fdw.enable_batched_join = off;
EXPLAIN (COSTS OFF)
SELECT c._id, p.price FROM prices p JOIN crm.cars c ON c._id = p.car_id;
SELECT c._id, p.price FROM prices p JOIN crm.cars c ON c._id = p.car_id ORDER BY 1;
SELECT count(*) FROM crm.cars a JOIN crm.cars b ON a.model < b.model;
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_material;
RESET walcu_fdw.enable_batched_join;

--
-- Cursors
--
BEGIN;
DECLARE by_id CURSOR FOR SELECT _id FROM crm.cars ORDER BY _id;
DECLARE unordered SCROLL CURSOR FOR SELECT _id FROM crm.cars;
FETCH 3 FROM by_id;
FETCH 2 FROM unordered;
MOVE 6 FROM by_id;
FETCH ALL FROM by_id;
FETCH BACKWARD 1 FROM unordered;
MOVE ABSOLUTE 11 FROM unordered;
FETCH ALL FROM unordered;
CLOSE by_id;
-- A change at the service during the scan is seen or not, but does not disturb it
DECLARE held CURSOR WITH HOLD FOR SELECT _id FROM crm.cars;
FETCH 1 FROM held;
SELECT walcu_fdw_request('crm', 'DELETE', '/cars/car-06') ->> '_id' AS deleted;
COMMIT;
FETCH 4 FROM held;
CLOSE held;
SELECT count(*) FROM crm.cars;

--
-- Errors leave a transaction in order
--
BEGIN;
DECLARE before_error CURSOR FOR SELECT _id FROM crm.cars;
FETCH 1 FROM before_error;
SAVEPOINT here;
SELECT _id, 1 / (mileage - 10000.5) FROM crm.cars;
ROLLBACK TO here;
SELECT make FROM crm.cars WHERE _id = 'car-01';
FETCH 2 FROM before_error;
COMMIT;

--
-- Views, and tables made of several
--
CREATE VIEW stock AS
SELECT _id, make, mileage FROM crm.cars WHERE status ->> 'status' = 'stock';
SELECT make, count(*) FROM stock GROUP BY 1 ORDER BY 1;
CREATE MATERIALIZED VIEW stock_copy AS SELECT * FROM stock;
SELECT count(*) FROM stock_copy;
CREATE TABLE sold AS SELECT _id, make FROM crm.cars WHERE status ->> 'status' = 'sold';
SELECT * FROM sold ORDER BY _id;
COPY (SELECT _id, extras FROM crm.cars WHERE extras IS NOT NULL ORDER BY _id LIMIT 3) TO STDOUT;
SELECT 'car' AS kind, _id FROM crm.cars WHERE make = 'SEAT'
UNION ALL
SELECT 'lead', _id FROM crm.saleleads ORDER BY 1, 2;
-- This dealer's cars are at the CRM, another's in an archive
CREATE TABLE all_cars (_id text COLLATE "C" NOT NULL, dealer_id text COLLATE "C", model text COLLATE "C")
  PARTITION BY LIST (dealer_id);
CREATE FOREIGN TABLE crm_cars PARTITION OF all_cars FOR VALUES IN ('5f2b1c9e8d3a4b0012345678')
  SERVER crm OPTIONS (resource 'cars');
CREATE TABLE archived_cars PARTITION OF all_cars FOR VALUES IN ('archive');
INSERT INTO archived_cars VALUES ('old-1', 'archive', 'Z');
SELECT tableoid::regclass, count(*), min(model) FROM all_cars GROUP BY 1 ORDER BY 1;
EXPLAIN (COSTS OFF) SELECT model FROM all_cars WHERE dealer_id = 'archive';
EXPLAIN (COSTS OFF) SELECT model FROM all_cars;
-- Inheritance
CREATE TABLE vehicles (_id text COLLATE "C", model text COLLATE "C");
CREATE FOREIGN TABLE vehicles_crm () INHERITS (vehicles) SERVER crm OPTIONS (resource 'cars');
INSERT INTO vehicles VALUES ('car-99', 'X');
SELECT tableoid::regclass, _id, model FROM vehicles WHERE _id > 'car-10' ORDER BY _id;

--
-- Rows as a whole, and the columns that every table has
--
CREATE FOREIGN TABLE small (_id text COLLATE "C" NOT NULL, make text COLLATE "C", dropped text, mileage numeric)
  SERVER crm OPTIONS (resource 'cars');
ALTER FOREIGN TABLE small DROP COLUMN dropped;
SELECT s FROM small s ORDER BY _id LIMIT 2;
SELECT row_to_json(s) FROM small s WHERE _id = 'car-04';
SELECT tableoid::regclass, _id FROM small WHERE _id = 'car-04';
SELECT s, p FROM small s JOIN prices p ON p.car_id = s._id ORDER BY 1 LIMIT 1;
SELECT _id FROM small ORDER BY _id LIMIT 1 FOR UPDATE;
-- A table without columns has rows, too
CREATE FOREIGN TABLE nothing () SERVER crm OPTIONS (resource 'cars');
SELECT count(*) FROM nothing;

--
-- Changes of the table are changes of what is read
--
ALTER FOREIGN TABLE small ADD COLUMN sold boolean OPTIONS (path 'nowhere.to.be.found');
ALTER FOREIGN TABLE small ADD COLUMN published text;
SELECT * FROM small WHERE _id = 'car-04';
ALTER FOREIGN TABLE small ALTER COLUMN published TYPE boolean;
SELECT * FROM small WHERE _id = 'car-04';
ALTER FOREIGN TABLE small RENAME COLUMN make TO brand;
SELECT brand FROM small WHERE _id = 'car-04';
ALTER FOREIGN TABLE small ALTER COLUMN brand OPTIONS (ADD path 'make');
SELECT brand FROM small WHERE _id = 'car-04';
PREPARE brands AS SELECT count(brand) FROM small;
EXECUTE brands;
ALTER FOREIGN TABLE small OPTIONS (SET resource 'saleleads');
EXECUTE brands;
DEALLOCATE brands;
-- The other way to page gives the same
ALTER SERVER crm OPTIONS (ADD paging 'skip');
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars;
SELECT count(*), min(_id), max(_id) FROM crm.cars;
ALTER SERVER crm OPTIONS (SET fetch_size '1', SET paging 'key');
SELECT count(*), min(_id), max(_id) FROM crm.cars;

--
-- In functions
--
CREATE FUNCTION model_of(car text) RETURNS text LANGUAGE sql STABLE AS 'SELECT model FROM crm.cars WHERE _id = car';
SELECT model_of('car-03'), model_of('car-13');
DO $$
DECLARE
  car record;
  models text = '';
BEGIN
  FOR car IN SELECT _id, model FROM crm.cars ORDER BY _id LOOP
    models = models || model_of(car._id);
    EXIT WHEN car._id = 'car-09';
  END LOOP;
  RAISE NOTICE 'models: %', models;
END
$$;

SET client_min_messages = warning;
DROP EXTENSION walcu_fdw CASCADE;
DROP SCHEMA crm;
DROP TABLE prices, sold, all_cars, vehicles;
DROP FUNCTION model_of;
