-- Pushdown: what of a query reaches the CRM, what stays here, and why.
\set SHOW_CONTEXT never
SET timezone = 'Europe/Madrid';
SET datestyle = 'ISO';
-- Without it, PostgreSQL itself sorts whatever all rows are wanted of.
SET enable_sort = off;
CREATE EXTENSION walcu_fdw;
SELECT current_setting('walcu_test.endpoint') AS endpoint \gset
CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw
  OPTIONS (endpoint :'endpoint', dealer_id '5f2b1c9e8d3a4b0012345678');
CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (username 'sandbox-app', password 'sandbox-secret');
CREATE SCHEMA crm;
IMPORT FOREIGN SCHEMA walcu LIMIT TO (cars) FROM SERVER crm INTO crm OPTIONS (import_search 'true');

-- A dealer with a dozen cars, and a list of our own
SELECT count(walcu_fdw_request('crm', 'DELETE', '/cars/' || _id)) > 0 AS deleted FROM crm.cars;
SELECT count(walcu_fdw_request('crm', 'POST', '/cars', body => jsonb_strip_nulls(jsonb_build_object(
         '_id', 'car-' || to_char(n, 'FM00'),
         'make', (ARRAY['SEAT', 'Citroën', 'Škoda', NULL])[n % 4 + 1],
         'model', chr(64 + n),
         'year', CASE WHEN n % 5 <> 0 THEN 2010 + n END,
         'mileage', n * 10000.5,
         'published', CASE WHEN n % 6 <> 0 THEN n % 2 = 0 END,
         'status', jsonb_build_object('status', CASE WHEN n < 10 THEN 'available' ELSE 'sold' END),
         'prices', jsonb_build_object('retail', jsonb_build_object('current_price', jsonb_build_object('price', 20000 - n * 1000))),
         'extras', CASE n % 3 WHEN 0 THEN '["ABS", "ESP"]'::jsonb WHEN 1 THEN '["ABS"]' END,
         'custom', jsonb_build_object('tier', CASE WHEN n % 2 = 0 THEN to_jsonb(n) ELSE to_jsonb(n::text) END,
                                      'tags', jsonb_build_array('t' || n % 3, 'all')),
         'purchase_date', CASE WHEN n > 2 THEN to_char(date '2025-05-24' + n, 'YYYY-MM-DD"T"22:30:00"Z"') END)))) AS created
  FROM generate_series(1, 12) n;
CREATE TABLE wanted (make text COLLATE "C", car_id text COLLATE "C");
INSERT INTO wanted VALUES ('SEAT', 'car-04'), ('Škoda', 'car-06'), (NULL, NULL);
ANALYZE wanted;

-- What a query costs
CREATE FUNCTION cost_of(query text, OUT requests int, OUT documents int) LANGUAGE plpgsql AS $$
DECLARE
  plan json;
BEGIN
  EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, FORMAT JSON) ' || query INTO plan;
  SELECT sum((scan -> 'Requests')::int), sum((scan -> 'Documents')::int) INTO requests, documents
    FROM jsonb_path_query(plan::jsonb, 'strict $.** ? (@.Requests >= 0)') scan;
END
$$;
-- What it begins with
CREATE FUNCTION request_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  plan json;
BEGIN
  EXECUTE 'EXPLAIN (COSTS OFF, FORMAT JSON) ' || query INTO plan;
  RETURN jsonb_path_query_first(plan::jsonb, 'strict $.** ? (@.Request starts with "GET").Request') #>> '{}';
END
$$;

--
-- A typical query: only one condition is not the service's
--
EXPLAIN (COSTS OFF)
SELECT _id, mileage FROM crm.cars
 WHERE status ->> 'status' = 'available' AND mileage < 60000 AND length(model) = 1
 ORDER BY purchase_date DESC NULLS LAST;
SELECT _id, mileage FROM crm.cars
 WHERE status ->> 'status' = 'available' AND mileage < 60000 AND length(model) = 1
 ORDER BY purchase_date DESC NULLS LAST;

--
-- Conditions of each kind
--
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE make = 'SEAT';
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE make <> 'SEAT';
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE make BETWEEN 'A' AND 'T' AND model NOT IN ('A', 'B');
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE make LIKE 'C%n' AND make NOT ILIKE '%x%';
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE upper(make) LIKE upper('%se%') AND lower(model) = 'ibiza';
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE model ~ '^[A-F]$';
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE mileage = 0.1 OR year > 2020;
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE mileage::int = 50002;
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE published AND NOT (make = 'SEAT' AND year < 2015);
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE published IS NOT TRUE;
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE year IS NULL AND make IS DISTINCT FROM 'SEAT';
-- The session's time zone counts
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE purchase_date >= '2025-06-01' AND purchase_date < '2025-06-02';
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE purchase_date::date = '2025-06-01';
-- Lists, in which each value stands once
SELECT request_of('SELECT _id FROM crm.cars WHERE year IN (12, 13, 112, 12, 13.0, -1, 1e3)');
SELECT request_of('SELECT _id FROM crm.cars WHERE year NOT IN (12, 13, 12, 1, 13)');
SELECT request_of($$SELECT _id FROM crm.cars WHERE make IN ('ab', 'a', 'b', 'ab', 'a b', 'a')$$);
SELECT request_of($$SELECT _id FROM crm.cars WHERE make NOT IN ('b', 'a', 'b')$$);
SELECT request_of($$SELECT _id FROM crm.cars WHERE custom ->> 'tier' IN ('12', 'true', '13', 'x', '12', 'true', '9')$$);
SELECT request_of('SELECT _id FROM crm.cars WHERE published IN (true, false, true)');
SELECT _id, purchase_date FROM crm.cars WHERE purchase_date >= '2025-06-01' AND purchase_date < '2025-06-02';
SELECT _id, purchase_date FROM crm.cars WHERE purchase_date::date = '2025-06-01';
-- Arrays
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE 'ESP' = ANY (extras);
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE extras && ARRAY['ESP', 'ABS'] AND NOT extras @> ARRAY['ESP'];
SELECT _id, extras FROM crm.cars WHERE extras && ARRAY['ESP', 'ABS'] AND NOT extras @> ARRAY['ESP'] ORDER BY _id LIMIT 2;
-- Places in jsonb
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE (prices -> 'retail' -> 'current_price' -> 'price')::numeric > 15000;
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE custom ->> 'tier' = '4';
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE status['status'] = '"sold"';
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE custom @> '{"tags": ["t1", "all"]}';
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE custom ? 'tier';
-- Names that no filter can have
SELECT name, request_of(format('SELECT _id FROM crm.cars WHERE custom ->> %L > %L', name, 'x')) ~ '[?]q=' AS is_sent
  FROM unnest(ARRAY['_', '__', '__proto', '__proto__', '__proto__x', 'proto', 'constructor', 'x_', '$x', 'a.b', '']) name;
SELECT _id FROM crm.cars WHERE (prices -> 'retail' -> 'current_price' -> 'price')::numeric > 15000 ORDER BY _id;
SELECT _id FROM crm.cars WHERE custom ->> 'tier' IN ('4', '5') ORDER BY _id;
SELECT _id FROM crm.cars WHERE custom @> '{"tags": ["t1", "all"]}' ORDER BY _id;
-- A search, with a condition
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE _search = 'make = SEAT' AND year > 2015;
SELECT _id FROM crm.cars WHERE _search = 'make = SEAT' AND year > 2015;

--
-- No condition has another answer when it is pushed
--
CREATE TABLE conditions (condition text);
INSERT INTO conditions VALUES
  ($$make = 'SEAT'$$), ($$make <> 'SEAT'$$), ($$make > 'Citroën'$$), ($$make IS NULL$$), ($$make IS DISTINCT FROM 'SEAT'$$),
  ($$make IN ('SEAT', NULL)$$), ($$make NOT IN ('SEAT', 'Škoda')$$), ($$make LIKE '_koda'$$), ($$make !~ '[aeiou]T?$'$$),
  ($$mileage < 30001.5$$), ($$mileage >= 30001.5$$), ($$mileage::int = 30002$$), ($$year IS NULL OR year NOT BETWEEN 2012 AND 2018$$),
  ($$published$$), ($$NOT published$$), ($$published IS NOT FALSE$$), ($$published IS UNKNOWN$$), ($$(published AND year > 2015) IS NOT TRUE$$),
  ($$purchase_date > '2025-05-30 00:30'$$), ($$purchase_date <= '2025-05-30 00:30:00.0001'$$), ($$purchase_date::date <> '2025-06-01'$$),
  ($$'ABS' = ANY (extras)$$), ($$'ABS' <> ALL (extras)$$), ($$extras @> '{ESP,ABS}'$$), ($$extras IS NULL$$),
  ($$custom ->> 'tier' > '3' COLLATE "C"$$), ($$(custom ->> 'tier')::int = 5$$), ($$custom -> 'tier' = '6'$$), ($$custom -> 'tags' ->> 0 = 't1'$$),
  ($$custom -> 'nothing' IS NULL$$), ($$custom @> '{"tags": ["t2"]}'$$), ($$NOT custom @> '{"tags": ["t2"]}'$$), ($$custom ?| '{tags,x}'$$),
  ($$custom -> '_' IS NULL$$), ($$custom -> '__proto' IS NULL$$), ($$custom -> '__proto__' IS NULL$$), ($$custom -> 'constructor' IS NULL$$),
  ($$custom ->> 'toString' IS NULL$$), ($$NOT custom ? 'constructor'$$), ($$custom -> 'tags' -> 'length' IS NULL$$), ($$custom ->> 'prototype' IS NULL$$);
DO $$
DECLARE
  condition text;
  pushed text[];
  here text[];
BEGIN
  FOR condition IN SELECT c.condition FROM conditions c LOOP
    EXECUTE 'SELECT array_agg(_id ORDER BY _id) FROM crm.cars WHERE ' || condition INTO pushed;
    SET LOCAL walcu_fdw.enable_pushdown = off;
    EXECUTE 'SELECT array_agg(_id ORDER BY _id) FROM crm.cars WHERE ' || condition INTO here;
    SET LOCAL walcu_fdw.enable_pushdown = on;
    IF pushed IS DISTINCT FROM here THEN
      RAISE WARNING '% finds %, and should find %', condition, pushed, here;
    END IF;
  END LOOP;
END
$$;

--
-- What stays here, and why
--
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE initcap(make) = 'Seat';
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE make = model;
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE extras <@ ARRAY['abs'] AND make <> random()::text;
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE make = 'SEAT' OR length(model) = 1;
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE custom ->> 'a.b' = 'x' AND custom ->> make = 'x';
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE custom -> 'tags' ->> 1 <> 'all' AND custom -> 'tier' > '5';
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE mileage::text LIKE '1%' AND published > false;
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE _search LIKE 'SEAT';
-- What a column is declared as counts
CREATE FOREIGN TABLE crm.odd (
  _id text COLLATE "C" NOT NULL,
  make text COLLATE "en-x-icu",
  model char(1),
  mileage numeric(9, 1),
  engine_size text COLLATE "C",
  equipment json,
  location text OPTIONS (pushdown 'off') COLLATE "C"
) SERVER crm OPTIONS (resource 'cars');
EXPLAIN (COSTS OFF) SELECT _id FROM crm.odd WHERE make > 'S' AND make ILIKE 's%' AND make = 'SEAT';
EXPLAIN (COSTS OFF) SELECT _id FROM crm.odd WHERE model = 'A' AND mileage = 5 AND engine_size LIKE '1%';
EXPLAIN (COSTS OFF) SELECT _id FROM crm.odd WHERE equipment IS NULL AND location = 'Madrid';
EXPLAIN (COSTS OFF) SELECT _id FROM crm.odd WHERE make < ALL (ARRAY['T', 'U']) AND odd IS DISTINCT FROM NULL;
RESET enable_sort;
EXPLAIN (COSTS OFF) SELECT _id FROM crm.odd ORDER BY make;
SET enable_sort = off;

--
-- Values that only the execution knows
--
PREPARE cars_of(text, timestamptz) AS
  SELECT _id FROM crm.cars WHERE make = $1 AND purchase_date > $2 - interval '1 day' ORDER BY _id;
EXPLAIN (COSTS OFF) EXECUTE cars_of('SEAT', '2025-05-29');
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE cars_of('SEAT', '2025-05-29');
EXECUTE cars_of('SEAT', '2025-05-29');
EXECUTE cars_of(NULL, '2025-05-29');
-- NULL costs nothing, and neither does what no number can be
SELECT * FROM cost_of($$EXECUTE cars_of('SEAT', '2025-05-29')$$);
SELECT * FROM cost_of($$EXECUTE cars_of(NULL, '2025-05-29')$$);
SELECT * FROM cost_of($$SELECT _id FROM crm.cars WHERE mileage > 'NaN'$$);
RESET plan_cache_mode;
DEALLOCATE cars_of;
-- Now is a value, too, and so is what a subquery finds
SELECT * FROM cost_of($$SELECT _id FROM crm.cars WHERE purchase_date > now() - interval '1 day'$$);
SELECT * FROM cost_of($$SELECT _id FROM crm.cars WHERE make = (SELECT max(make) FROM wanted)$$);
SELECT * FROM cost_of($$SELECT _id FROM crm.cars WHERE make = ANY (ARRAY(SELECT make FROM wanted))$$);
-- A nested loop asks for what the outer rows say
SET enable_memoize = off;
SET walcu_fdw.enable_batched_join = off;
SELECT request_of($$SELECT w.make, c._id FROM wanted w, LATERAL (SELECT * FROM crm.cars WHERE make = w.make AND year > 2015 OFFSET 0) c$$);
SELECT w.make, c._id FROM wanted w, LATERAL (SELECT * FROM crm.cars WHERE make = w.make AND year > 2015 OFFSET 0) c ORDER BY 2;
SELECT * FROM cost_of($$SELECT c._id FROM wanted w, LATERAL (SELECT * FROM crm.cars WHERE make = w.make OFFSET 0) c$$);
SELECT w.car_id, c.make FROM wanted w LEFT JOIN crm.cars c ON c._id = w.car_id ORDER BY 1;
SELECT * FROM cost_of($$SELECT w.car_id, c.make FROM wanted w LEFT JOIN LATERAL (SELECT * FROM crm.cars WHERE _id = w.car_id OFFSET 0) c ON true$$);
RESET enable_memoize;
RESET walcu_fdw.enable_batched_join;

--
-- ORDER BY
--
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars ORDER BY make DESC NULLS LAST, _id DESC;
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars ORDER BY make NULLS FIRST, year NULLS FIRST;
-- NULLs where the service does not have them are asked for apart
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars ORDER BY purchase_date, _id;
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars ORDER BY purchase_date DESC, _id;
SELECT _id, purchase_date FROM crm.cars ORDER BY purchase_date, _id LIMIT 2 OFFSET 9;
SELECT _id, purchase_date FROM crm.cars ORDER BY purchase_date DESC, _id LIMIT 4;
SELECT * FROM cost_of('SELECT _id FROM crm.cars ORDER BY purchase_date');
-- but not when no condition lets them through
SELECT * FROM cost_of($$SELECT _id FROM crm.cars WHERE purchase_date > '2025-01-01' ORDER BY purchase_date$$);
-- The first key is sent, the second sorted here
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars ORDER BY make, model;
SELECT make, model FROM crm.cars ORDER BY make, model DESC;
RESET enable_sort;
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars ORDER BY lower(make), status ->> 'status';
-- The last of all
SELECT max(purchase_date), min(year) FROM crm.cars;
SELECT * FROM cost_of('SELECT max(purchase_date) FROM crm.cars');

--
-- LIMIT and OFFSET
--
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE make = 'SEAT' LIMIT 1;
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE length(make) = 4 LIMIT 1;
SELECT * FROM cost_of($$SELECT EXISTS (SELECT FROM crm.cars WHERE make = 'SEAT')$$);
PREPARE page(int, int) AS SELECT _id FROM crm.cars ORDER BY _id LIMIT $1 OFFSET $2;
EXPLAIN (COSTS OFF) EXECUTE page(3, 6);
EXECUTE page(3, 6);
SET plan_cache_mode = force_generic_plan;
EXECUTE page(2, 10);
EXECUTE page(2, NULL);
EXECUTE page(NULL, 11);
RESET plan_cache_mode;
-- What the service passes over could not be checked here
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE published ORDER BY _id LIMIT 2 OFFSET 3;
SELECT _id FROM crm.cars WHERE published ORDER BY _id LIMIT 2 OFFSET 3;

--
-- Values that do not fit are NULL, if they are not errors
--
ALTER SERVER crm OPTIONS (ADD on_type_mismatch 'null');
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE make IS NULL;
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE status IS NULL;
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars ORDER BY make NULLS FIRST, year NULLS FIRST;
SELECT _id FROM crm.cars WHERE make IS NULL;
SELECT _id FROM crm.cars WHERE year IS NULL OR make = 'Škoda' ORDER BY purchase_date NULLS FIRST;
ALTER SERVER crm OPTIONS (DROP on_type_mismatch);

--
-- Long lists
--
ALTER SERVER crm OPTIONS (ADD max_url_length '1000');
SELECT * FROM cost_of($$SELECT _id FROM crm.cars WHERE _id IN ('car-01', 'car-02', 'car-03')$$);
SELECT requests > 1 AS several_requests, documents
  FROM cost_of($$SELECT _id FROM crm.cars WHERE _id = ANY (ARRAY(SELECT 'car-' || to_char(n, 'FM00') FROM generate_series(5, 99) n))$$);
SELECT _id FROM crm.cars
 WHERE _id = ANY (ARRAY(SELECT 'car-' || to_char(n % 95 + 5, 'FM00') FROM generate_series(1, 200) n)) ORDER BY _id DESC;
-- What is too long and cannot be cut is checked here
SELECT * FROM cost_of($$SELECT _id FROM crm.cars WHERE _id <> ALL (ARRAY(SELECT 'car-' || to_char(n, 'FM00') FROM generate_series(5, 99) n))$$);
ALTER SERVER crm OPTIONS (DROP max_url_length);

--
-- Off
--
RESET enable_sort;
PREPARE kept AS SELECT _id FROM crm.cars WHERE make = 'SEAT' ORDER BY _id LIMIT 2;
EXPLAIN (COSTS OFF) EXECUTE kept;
SET walcu_fdw.enable_pushdown = off;
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE make = 'SEAT' ORDER BY purchase_date LIMIT 2;
EXPLAIN (COSTS OFF) SELECT _id FROM crm.cars WHERE _id = 'car-04';
-- A plan keeps the setting that it was made with
EXPLAIN (COSTS OFF) EXECUTE kept;
DISCARD PLANS;
EXPLAIN (COSTS OFF) EXECUTE kept;
RESET walcu_fdw.enable_pushdown;
-- but a changed option counts at once
DISCARD PLANS;
EXECUTE kept;
ALTER SERVER crm OPTIONS (ADD pushdown 'off');
EXPLAIN (COSTS OFF) EXECUTE kept;
ALTER FOREIGN TABLE crm.cars OPTIONS (ADD pushdown 'on');
EXPLAIN (COSTS OFF) EXECUTE kept;
ALTER FOREIGN TABLE crm.cars ALTER COLUMN make OPTIONS (ADD pushdown 'off');
EXPLAIN (COSTS OFF) EXECUTE kept;
EXECUTE kept;

SET client_min_messages = warning;
DROP EXTENSION walcu_fdw CASCADE;
DROP SCHEMA crm CASCADE;
DROP TABLE wanted, conditions;
DROP FUNCTION cost_of, request_of;
