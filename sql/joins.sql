-- Joins: CRM tables asked for what the other side's rows say, many at a time.
\set SHOW_CONTEXT never
SET timezone = 'UTC';
CREATE EXTENSION walcu_fdw;
SELECT current_setting('walcu_test.endpoint') AS endpoint \gset
CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw
  OPTIONS (endpoint :'endpoint', dealer_id '5f2b1c9e8d3a4b0012345678');
CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (username 'sandbox-app', password 'sandbox-secret');
CREATE SCHEMA crm;
IMPORT FOREIGN SCHEMA walcu LIMIT TO (clients, saleleads) FROM SERVER crm INTO crm;

-- A dealer with twenty clients and some leads, and a table of visits of our own
SELECT count(walcu_fdw_request('crm', 'DELETE', '/clients/' || _id)) > 0 AS deleted FROM crm.clients;
SELECT count(walcu_fdw_request('crm', 'DELETE', '/saleleads/' || _id)) > 0 AS deleted FROM crm.saleleads;
SELECT count(walcu_fdw_request('crm', 'POST', '/clients', body => jsonb_build_object(
         '_id', 'client-' || to_char(n, 'FM00'),
         'created_by', 'user-' || n % 3,
         'custom', jsonb_build_object('code', n))))
  FROM generate_series(1, 20) n;
SELECT count(walcu_fdw_request('crm', 'POST', '/saleleads', body => jsonb_build_object(
         '_id', 'lead-' || to_char(n, 'FM00'),
         'client_id', 'client-' || to_char(n % 8, 'FM00'),
         'cost', n * 10)))
  FROM generate_series(1, 24) n;
CREATE TABLE visits (visit int, client_id text, code int, lead_cost numeric);
INSERT INTO visits VALUES
  (1, 'client-01', 1, 10), (2, 'client-02', 2, 20), (3, 'client-01', 1, 90), (4, NULL, NULL, NULL),
  (5, 'client-99', 99, 1), (6, 'client-20', 20, NULL);
ANALYZE visits;

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
-- Is it joined in batches?
CREATE FUNCTION is_batched(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  plan text;
BEGIN
  EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
  RETURN plan LIKE '%Batched Key Join%';
END
$$;

--
-- Each kind of join
--
EXPLAIN (COSTS OFF) SELECT visit, created_by FROM visits JOIN crm.clients ON _id = client_id;
SELECT visit, created_by FROM visits JOIN crm.clients ON _id = client_id ORDER BY 1;
SELECT * FROM cost_of('SELECT visit, created_by FROM visits JOIN crm.clients ON _id = client_id');
EXPLAIN (COSTS OFF) SELECT visit, created_by FROM crm.clients RIGHT JOIN visits ON _id = client_id AND created_by > 'user-0';
SELECT visit, created_by FROM crm.clients RIGHT JOIN visits ON _id = client_id AND created_by > 'user-0' ORDER BY 1;
EXPLAIN (COSTS OFF) SELECT visit FROM visits v WHERE EXISTS (SELECT FROM crm.saleleads s WHERE s.client_id = v.client_id);
SELECT visit FROM visits v WHERE EXISTS (SELECT FROM crm.saleleads s WHERE s.client_id = v.client_id) ORDER BY 1;
EXPLAIN (COSTS OFF) SELECT visit FROM visits v WHERE NOT EXISTS (SELECT FROM crm.saleleads s WHERE s.client_id = v.client_id);
SELECT visit FROM visits v WHERE NOT EXISTS (SELECT FROM crm.saleleads s WHERE s.client_id = v.client_id) ORDER BY 1;
SELECT is_batched('SELECT _id FROM crm.clients WHERE _id IN (SELECT client_id FROM visits)');
SELECT _id FROM crm.clients WHERE _id IN (SELECT client_id FROM visits) ORDER BY 1;

--
-- Keys
--
-- Several equalities: one is asked for, the others are checked here
EXPLAIN (COSTS OFF)
SELECT visit, s._id FROM visits v LEFT JOIN crm.saleleads s ON s.client_id = v.client_id AND s.cost = v.lead_cost;
SELECT visit, s._id FROM visits v LEFT JOIN crm.saleleads s ON s.client_id = v.client_id AND s.cost = v.lead_cost ORDER BY 1;
-- A place within a jsonb
EXPLAIN (COSTS OFF) SELECT visit, _id FROM visits JOIN crm.clients ON custom ->> 'code' = code::text;
SELECT visit, _id FROM visits JOIN crm.clients ON custom ->> 'code' = code::text ORDER BY 1;
-- NULL is no key, and costs nothing
SELECT * FROM cost_of('SELECT visit, created_by FROM visits LEFT JOIN crm.clients ON _id = client_id WHERE client_id IS NULL');
-- What an earlier batch has brought is not asked for again
ALTER SERVER crm OPTIONS (ADD join_batch_size '1');
SELECT * FROM cost_of('SELECT visit, created_by FROM visits JOIN crm.clients ON _id = client_id');
ALTER SERVER crm OPTIONS (SET join_batch_size '2');
SELECT * FROM cost_of('SELECT visit, created_by FROM visits JOIN crm.clients ON _id = client_id');
SELECT visit, created_by FROM visits LEFT JOIN crm.clients ON _id = client_id ORDER BY 1;
ALTER SERVER crm OPTIONS (DROP join_batch_size);

--
-- CRM tables with each other
--
EXPLAIN (COSTS OFF)
SELECT visit, c._id, s._id FROM visits v JOIN crm.clients c ON c._id = v.client_id JOIN crm.saleleads s ON s.client_id = c._id;
SELECT visit, c._id, s._id FROM visits v JOIN crm.clients c ON c._id = v.client_id JOIN crm.saleleads s ON s.client_id = c._id
 ORDER BY 1, 3;

--
-- Prepared, and in subqueries
--
SET plan_cache_mode = force_generic_plan;
PREPARE visitors(int) AS SELECT visit, created_by FROM visits JOIN crm.clients ON _id = client_id AND visit < $1 ORDER BY 1;
EXECUTE visitors(3);
EXECUTE visitors(7);
-- The setting counts when a plan is made
SET walcu_fdw.enable_batched_join = off;
DISCARD PLANS;
EXECUTE visitors(3);
RESET walcu_fdw.enable_batched_join;
RESET plan_cache_mode;
DEALLOCATE visitors;
SELECT v.visit, (SELECT string_agg(c._id, ',' ORDER BY c._id) FROM visits w JOIN crm.clients c ON c._id = w.client_id
                  WHERE w.visit <= v.visit) AS seen
  FROM visits v ORDER BY 1;

-- An array of keys
EXPLAIN (COSTS OFF) SELECT ids, _id FROM (VALUES ('{client-03,client-99,client-03}'::text[]), ('{}'), (NULL), ('{client-04,NULL,client-03}')) v (ids)
  LEFT JOIN crm.clients ON _id = ANY (ids);
SELECT ids, _id FROM (VALUES ('{client-03,client-99,client-03}'::text[]), ('{}'), (NULL), ('{client-04,NULL,client-03}')) v (ids)
  LEFT JOIN crm.clients ON _id = ANY (ids);
-- Rows that are locked or changed
SELECT is_batched('SELECT visit FROM visits JOIN crm.clients ON _id = client_id FOR UPDATE OF visits');
UPDATE visits SET code = code + 1 FROM crm.clients WHERE _id = client_id AND visit < 3 RETURNING visit, code, created_by;

--
-- Parents of other tables
--
-- A parent's rows are those of its children: it is read as it is, on either side, and asked for no keys
CREATE FOREIGN TABLE people (_id text COLLATE "C" NOT NULL) SERVER crm OPTIONS (resource 'clients');
CREATE FOREIGN TABLE other_people () INHERITS (people) SERVER crm OPTIONS (resource 'saleleads');
SELECT is_batched('SELECT visit FROM visits JOIN people ON _id = client_id');
SELECT visit, _id FROM visits JOIN people ON _id = client_id ORDER BY 1;
SELECT visit, _id FROM visits LEFT JOIN ONLY people ON _id = client_id ORDER BY 1, 2;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SELECT is_batched('SELECT p._id FROM people p JOIN crm.saleleads s ON s._id = p._id');
RESET enable_hashjoin;
RESET enable_mergejoin;
SELECT count(*) FROM people p JOIN crm.saleleads s ON s._id = p._id;
SELECT count(*) FROM people;
DROP FOREIGN TABLE people CASCADE;

--
-- Where it cannot be had
--
-- What the service does not compare
SELECT is_batched('SELECT visit FROM visits JOIN crm.clients ON length(_id) = code');
-- Where it is switched off
SHOW walcu_fdw.enable_batched_join;
SET walcu_fdw.enable_batched_join = off;
SELECT is_batched('SELECT visit, created_by FROM visits JOIN crm.clients ON _id = client_id');
RESET walcu_fdw.enable_batched_join;

--
-- The rights are those of any query
--
CREATE ROLE regress_diego;
GRANT USAGE ON SCHEMA crm TO regress_diego;
GRANT SELECT ON visits TO regress_diego;
CREATE VIEW visitors AS SELECT visit, created_by FROM visits JOIN crm.clients ON _id = client_id;
GRANT SELECT ON visitors TO regress_diego;
SET ROLE regress_diego;
SELECT visit, created_by FROM visits JOIN crm.clients ON _id = client_id;
-- the view's owner has a user mapping
SELECT * FROM visitors ORDER BY 1;
RESET ROLE;
-- and this user has none
GRANT SELECT ON crm.clients TO regress_diego;
SET ROLE regress_diego;
\set VERBOSITY sqlstate
SELECT visit, created_by FROM visits JOIN crm.clients ON _id = client_id;
\set VERBOSITY default
RESET ROLE;

DROP VIEW visitors;
REVOKE ALL ON SCHEMA crm FROM regress_diego;
SET client_min_messages = warning;
DROP EXTENSION walcu_fdw CASCADE;
DROP SCHEMA crm;
DROP TABLE visits;
DROP FUNCTION cost_of, is_batched;
DROP ROLE regress_diego;
