-- IMPORT FOREIGN SCHEMA: the resources of the CRM become foreign tables.
\set SHOW_CONTEXT never
CREATE EXTENSION walcu_fdw;

-- The description that is installed with the extension needs no CRM: nobody listens here
CREATE SERVER offline FOREIGN DATA WRAPPER walcu_fdw
  OPTIONS (endpoint 'http://127.0.0.1:1', dealer_id '5f2b1c9e8d3a4b0012345678', max_retries '1');
CREATE SCHEMA crm;
IMPORT FOREIGN SCHEMA walcu FROM SERVER offline INTO crm OPTIONS (source 'bundled');

-- Twenty tables
CREATE VIEW imported AS
SELECT n.nspname AS schema_name, c.relname AS table_name, a.attnum AS number, a.attname AS column_name,
       format_type(a.atttypid, a.atttypmod) AS type, l.collname AS collation_name, a.attnotnull AS required,
       array_to_string(a.attfdwoptions, ', ') AS options
  FROM pg_foreign_table f
  JOIN pg_class c ON c.oid = f.ftrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
  LEFT JOIN pg_collation l ON l.oid = a.attcollation;
SELECT table_name, count(*) AS columns FROM imported WHERE schema_name = 'crm' GROUP BY 1 ORDER BY table_name COLLATE "C";

-- What is an array, an object or free in the description; what is a date or a number
SELECT column_name, type, collation_name, required, options FROM imported
 WHERE schema_name = 'crm' AND table_name = 'tasks' ORDER BY number;
SELECT column_name, type, collation_name, required, options FROM imported
 WHERE schema_name = 'crm' AND table_name = 'cars' ORDER BY number;
SELECT column_name, type, collation_name, required, options FROM imported
 WHERE schema_name = 'crm' AND table_name = 'clients' ORDER BY number;
SELECT type, collation_name, count(*) FROM imported WHERE schema_name = 'crm'
 GROUP BY 1, 2 ORDER BY type COLLATE "C";
-- Each table knows its resource
SELECT foreign_table_name, option_name, option_value
  FROM information_schema.foreign_table_options
 WHERE foreign_table_schema = 'crm'
 ORDER BY foreign_table_name COLLATE "C" LIMIT 3;

-- Once more is once too much, and leaves nothing half done
DROP FOREIGN TABLE crm.aftersaleleads, crm.appraisalleads;
IMPORT FOREIGN SCHEMA walcu FROM SERVER offline INTO crm OPTIONS (source 'bundled');
SELECT count(DISTINCT table_name) FROM imported WHERE schema_name = 'crm';

--
-- Some of them
--
CREATE SCHEMA few;
IMPORT FOREIGN SCHEMA walcu LIMIT TO (cars, saleleads) FROM SERVER offline INTO few OPTIONS (source 'bundled');
SELECT DISTINCT table_name FROM imported WHERE schema_name = 'few' ORDER BY 1;
IMPORT FOREIGN SCHEMA walcu EXCEPT (cars, saleleads) FROM SERVER offline INTO few OPTIONS (source 'bundled');
SELECT count(DISTINCT table_name) FROM imported WHERE schema_name = 'few';
-- LIMIT TO must be right; EXCEPT may name what does not exist
CREATE SCHEMA rest;
IMPORT FOREIGN SCHEMA walcu LIMIT TO (cars, salelead) FROM SERVER offline INTO rest OPTIONS (source 'bundled');
\echo :LAST_ERROR_SQLSTATE
IMPORT FOREIGN SCHEMA walcu LIMIT TO ("Cars") FROM SERVER offline INTO rest OPTIONS (source 'bundled');
IMPORT FOREIGN SCHEMA walcu LIMIT TO (users) FROM SERVER offline INTO rest OPTIONS (source 'bundled');
IMPORT FOREIGN SCHEMA walcu EXCEPT (cars, users) FROM SERVER offline INTO rest OPTIONS (source 'bundled');
SELECT count(DISTINCT table_name) FROM imported WHERE schema_name = 'rest';

--
-- Nested objects as columns
--
CREATE SCHEMA flat1;
IMPORT FOREIGN SCHEMA walcu LIMIT TO (tasks) FROM SERVER offline INTO flat1
  OPTIONS (source 'bundled', flatten '1');
SELECT column_name, type, collation_name, options FROM imported
 WHERE schema_name = 'flat1' AND options <> '' ORDER BY number;
CREATE SCHEMA flat3;
IMPORT FOREIGN SCHEMA walcu FROM SERVER offline INTO flat3
  OPTIONS (source 'bundled', flatten '3');
SELECT table_name, count(*) AS columns, count(*) FILTER (WHERE options <> '') AS nested,
       max(octet_length(column_name::text)) AS longest
  FROM imported WHERE schema_name = 'flat3' GROUP BY 1 ORDER BY table_name COLLATE "C";
SELECT column_name, type, options FROM imported
 WHERE schema_name = 'flat3' AND table_name = 'clients' AND column_name ~ '^primary_contact' ORDER BY number;

--
-- Other choices
--
CREATE SCHEMA loose;
IMPORT FOREIGN SCHEMA walcu LIMIT TO (notes) FROM SERVER offline INTO loose
  OPTIONS (source 'bundled', import_collate 'false');
SELECT column_name, type, collation_name, required FROM imported
 WHERE schema_name = 'loose' AND type = 'text' ORDER BY number LIMIT 3;
CREATE SCHEMA more;
IMPORT FOREIGN SCHEMA walcu LIMIT TO (notes) FROM SERVER offline INTO more
  OPTIONS (source 'bundled', import_document 'true', import_search 'true');
SELECT column_name, type, collation_name, options FROM imported
 WHERE schema_name = 'more' AND column_name LIKE '\_%' ORDER BY number;

--
-- What it refuses
--
CREATE SCHEMA none;
IMPORT FOREIGN SCHEMA public FROM SERVER offline INTO none OPTIONS (source 'bundled');
\echo :LAST_ERROR_SQLSTATE
IMPORT FOREIGN SCHEMA walcu FROM SERVER offline INTO none OPTIONS (source 'Bundled');
\echo :LAST_ERROR_SQLSTATE
IMPORT FOREIGN SCHEMA walcu FROM SERVER offline INTO none OPTIONS (flatten '11');
IMPORT FOREIGN SCHEMA walcu FROM SERVER offline INTO none OPTIONS (flatten 'all');
IMPORT FOREIGN SCHEMA walcu FROM SERVER offline INTO none OPTIONS (import_collate 'C');
IMPORT FOREIGN SCHEMA walcu FROM SERVER offline INTO none OPTIONS (import_documents 'true');
\echo :LAST_ERROR_SQLSTATE
IMPORT FOREIGN SCHEMA walcu FROM SERVER offline INTO none OPTIONS (fetch_size '10');
SELECT count(*) FROM imported WHERE schema_name = 'none';

--
-- Lists of objects as tables: in each table the id of the document, the position, and what is in an element
--
CREATE SCHEMA lists;
IMPORT FOREIGN SCHEMA walcu FROM SERVER offline INTO lists OPTIONS (source 'bundled', flatten '3', arrays 'true');
SELECT count(DISTINCT table_name) AS tables, count(DISTINCT table_name) FILTER (WHERE options ~ 'ordinality') AS lists
  FROM imported WHERE schema_name = 'lists';
SELECT foreign_table_name, max(option_value) FILTER (WHERE option_name = 'resource') AS resource,
       max(option_value) FILTER (WHERE option_name = 'array') AS array
  FROM information_schema.foreign_table_options WHERE foreign_table_schema = 'lists'
 GROUP BY 1 HAVING count(*) = 2 ORDER BY 1;
SELECT column_name, type, collation_name, required, options FROM imported
 WHERE schema_name = 'lists' AND table_name = 'saleleads_status_history' ORDER BY number;
SELECT column_name, type, options FROM imported
 WHERE schema_name = 'lists' AND table_name = 'saleleads_car_list' ORDER BY number;
-- Without flatten, what is nested in an element is jsonb
CREATE SCHEMA flat;
IMPORT FOREIGN SCHEMA walcu LIMIT TO (saleleads_car_list, cars) FROM SERVER offline INTO flat OPTIONS (source 'bundled', arrays 'true');
SELECT table_name, count(*) AS columns FROM imported WHERE schema_name = 'flat' GROUP BY 1 ORDER BY 1;
SELECT column_name, type, options FROM imported WHERE schema_name = 'flat' AND table_name = 'saleleads_car_list' ORDER BY number;
-- The columns of the documents' own tables are the same with it and without
IMPORT FOREIGN SCHEMA walcu LIMIT TO (saleleads) FROM SERVER offline INTO flat OPTIONS (source 'bundled', arrays 'true');
SELECT column_name, type, options FROM imported WHERE schema_name = 'flat' AND table_name IN ('saleleads', 'cars')
EXCEPT SELECT column_name, type, options FROM imported WHERE schema_name = 'few' AND table_name IN ('saleleads', 'cars');
CREATE SCHEMA others;
IMPORT FOREIGN SCHEMA walcu EXCEPT (saleleads_car_list, cars) FROM SERVER offline INTO others OPTIONS (source 'bundled', arrays 'true');
SELECT count(DISTINCT table_name) AS tables, bool_or(table_name = 'saleleads_car_list') AS has_it FROM imported WHERE schema_name = 'others';
-- A list's name is one only where it is asked for
IMPORT FOREIGN SCHEMA walcu LIMIT TO (saleleads_car_list) FROM SERVER offline INTO others OPTIONS (source 'bundled');
IMPORT FOREIGN SCHEMA walcu LIMIT TO (saleleads_cars) FROM SERVER offline INTO others OPTIONS (source 'bundled', arrays 'true');

--
-- The live description
--
-- Where nobody answers, the error tells of the bundled one
DO $$
DECLARE
  hint text;
BEGIN
  IMPORT FOREIGN SCHEMA walcu FROM SERVER offline INTO none;
EXCEPTION WHEN sqlclient_unable_to_establish_sqlconnection THEN
  GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
  RAISE NOTICE 'the CRM cannot be reached: %', hint;
END
$$;
-- Credentials are not needed: the description is public
SELECT current_setting('walcu_test.endpoint') AS endpoint \gset
CREATE SERVER online FOREIGN DATA WRAPPER walcu_fdw
  OPTIONS (endpoint :'endpoint', dealer_id '5f2b1c9e8d3a4b0012345678');
CREATE SCHEMA live;
IMPORT FOREIGN SCHEMA walcu FROM SERVER online INTO live OPTIONS (flatten '3');
-- The sandbox serves the same description as is bundled
SELECT table_name, column_name, type, collation_name, required, options FROM imported WHERE schema_name = 'live'
EXCEPT
SELECT table_name, column_name, type, collation_name, required, options FROM imported WHERE schema_name = 'flat3';
SELECT count(*) FILTER (WHERE schema_name = 'live') = count(*) FILTER (WHERE schema_name = 'flat3') AS same FROM imported;

SET client_min_messages = warning;
DROP EXTENSION walcu_fdw CASCADE;
DROP VIEW imported;
DROP SCHEMA crm, few, rest, flat1, flat3, loose, more, none, live, lists, flat, others;
