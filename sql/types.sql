-- Types: which value a column has, whatever JSON stands in the document.
\set SHOW_CONTEXT never
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE EXTENSION walcu_fdw;
SELECT current_setting('walcu_test.endpoint') AS endpoint \gset
CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw
  OPTIONS (endpoint :'endpoint', dealer_id '5f2b1c9e8d3a4b0012345678');
CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (username 'sandbox-app', password 'sandbox-secret');

-- Documents in place of those that are there; their field custom takes any JSON
CREATE FOREIGN TABLE notes (_id text COLLATE "C" NOT NULL, content text COLLATE "C", custom jsonb) SERVER crm;
WITH old AS MATERIALIZED (SELECT _id FROM notes)
SELECT count(walcu_fdw_request('crm', 'DELETE', '/notes/' || _id)) = count(*) AS deleted FROM old;
CREATE TABLE samples (_id text, value jsonb);
INSERT INTO samples VALUES
  ('string', '"SEAT León"'),
  ('string-date', '"2025-08-08"'),
  ('string-empty', '""'),
  ('string-instant', '"2025-08-08T10:11:12.345+02:00"'),
  ('string-number', '"12"'),
  ('number', '12'),
  ('number-fraction', '12.5'),
  ('number-large', '3000000000'),
  ('number-negative', '-7'),
  ('boolean', 'true'),
  ('null', 'null'),
  ('array-empty', '[]'),
  ('array-mixed', '["a", 1]'),
  ('array-numbers', '[1, null, 2.5]'),
  ('array-strings', '["a", null, "b \"c\""]'),
  ('object', '{"b": {"c": "deep"}, "a": [1]}');
INSERT INTO samples (_id) VALUES ('missing');
SELECT count(walcu_fdw_request('crm', 'POST', '/notes', body => jsonb_build_object(
         '_id', _id,
         'custom', CASE WHEN value IS NULL THEN '{}' ELSE jsonb_build_object('value', value) END))) AS created
  FROM samples;

-- One place of the document, as every type
CREATE FOREIGN TABLE read (
  _id text COLLATE "C" NOT NULL,
  as_jsonb jsonb OPTIONS (path 'custom.value'),
  as_json json OPTIONS (path 'custom.value'),
  as_text text OPTIONS (path 'custom.value') COLLATE "C",
  as_varchar varchar(4) OPTIONS (path 'custom.value') COLLATE "C",
  as_numeric numeric OPTIONS (path 'custom.value'),
  as_rounded numeric(6, 0) OPTIONS (path 'custom.value'),
  as_bigint bigint OPTIONS (path 'custom.value'),
  as_integer integer OPTIONS (path 'custom.value'),
  as_double double precision OPTIONS (path 'custom.value'),
  as_boolean boolean OPTIONS (path 'custom.value'),
  as_timestamptz timestamptz OPTIONS (path 'custom.value'),
  as_timestamp timestamp OPTIONS (path 'custom.value'),
  as_date date OPTIONS (path 'custom.value'),
  as_texts text[] OPTIONS (path 'custom.value'),
  as_numerics numeric[] OPTIONS (path 'custom.value'),
  as_integers integer[] OPTIONS (path 'custom.value')
) SERVER crm OPTIONS (resource 'notes', on_type_mismatch 'null');

-- jsonb and json take anything
SELECT _id, as_jsonb, as_json FROM read ORDER BY _id;
-- What was written is what is read
SELECT s._id, s.value, r.as_jsonb FROM samples s FULL JOIN read r USING (_id)
 WHERE nullif(s.value, 'null') IS DISTINCT FROM r.as_jsonb;
-- Text takes strings and nothing else, so that a condition means the same here and there
SELECT _id, as_text, as_varchar FROM read WHERE as_text IS NOT NULL ORDER BY _id;
SELECT _id FROM read WHERE as_text = '12';
-- Numbers
SELECT _id, as_numeric, as_rounded, as_bigint, as_integer, as_double FROM read
 WHERE as_numeric IS NOT NULL ORDER BY _id;
-- Truth
SELECT _id, as_boolean FROM read WHERE as_boolean IS NOT NULL ORDER BY _id;
-- Dates and times: an instant, or the clock and the day of UTC
SELECT _id, as_timestamptz, as_timestamp, as_date FROM read WHERE as_timestamptz IS NOT NULL ORDER BY _id;
SET timezone = 'Europe/Madrid';
SET datestyle = 'SQL, DMY';
SELECT _id, as_timestamptz, as_timestamp, as_date FROM read WHERE as_timestamptz IS NOT NULL ORDER BY _id;
SET timezone = 'UTC';
SET datestyle = 'ISO';
-- Arrays: all of their elements fit, or they do not
SELECT _id, as_texts, as_numerics, as_integers FROM read
 WHERE as_texts IS NOT NULL OR as_numerics IS NOT NULL ORDER BY _id;

-- The other way to deal with values that do not fit, and the default: an error that says where
ALTER FOREIGN TABLE read OPTIONS (DROP on_type_mismatch);
SELECT as_integer FROM read WHERE _id = 'number-fraction';
\echo :LAST_ERROR_SQLSTATE
SELECT as_integer FROM read WHERE _id = 'number-large';
SELECT as_integer FROM read WHERE _id = 'string-number';
SELECT as_text FROM read WHERE _id = 'number';
SELECT as_varchar FROM read WHERE _id = 'string';
SELECT as_boolean FROM read WHERE _id = 'string';
SELECT as_timestamptz FROM read WHERE _id = 'string';
SELECT as_texts FROM read WHERE _id = 'array-mixed';
SELECT as_texts FROM read WHERE _id = 'object';
-- Nothing and null fit everywhere, and what nobody asks for disturbs nobody
SELECT as_integer, as_texts, as_jsonb FROM read WHERE _id = 'missing';
SELECT as_integer, as_texts, as_jsonb FROM read WHERE _id = 'null';
SELECT count(*), count(as_jsonb) FROM read;
-- Another type is a matter of the table alone
ALTER FOREIGN TABLE read ALTER COLUMN as_integer TYPE numeric;
SELECT as_integer FROM read WHERE _id = 'number-fraction';

-- Further types read values through their own input: numeric ones numbers, the others strings
CREATE TYPE size AS ENUM ('small', 'large');
CREATE DOMAIN positive AS numeric CHECK (VALUE > 0);
CREATE FOREIGN TABLE further (
  _id text COLLATE "C" NOT NULL,
  size size OPTIONS (path 'custom.size'),
  weight positive OPTIONS (path 'custom.weight'),
  address inet OPTIONS (path 'custom.address')
) SERVER crm OPTIONS (resource 'notes');
SELECT walcu_fdw_request('crm', 'PUT', '/notes/object', body =>
         '{"_id": "object", "custom": {"size": "large", "weight": 7.5, "address": "10.0.0.1"}}') ->> '_id' AS replaced;
SELECT * FROM further WHERE _id = 'object';
SELECT walcu_fdw_request('crm', 'PUT', '/notes/object', body =>
         '{"_id": "object", "custom": {"size": "huge", "weight": -7.5, "address": "here"}}') ->> '_id' AS replaced;
SELECT size FROM further WHERE _id = 'object';
SELECT weight FROM further WHERE _id = 'object';
SELECT address FROM further WHERE _id = 'object';

-- Paths lead through objects only; a single point is the document
CREATE FOREIGN TABLE paths (
  _id text COLLATE "C" NOT NULL,
  deep text OPTIONS (path 'custom.value.b.c') COLLATE "C",
  too_deep text OPTIONS (path 'custom.value.b.c.d') COLLATE "C",
  element numeric OPTIONS (path 'custom.value.a.0'),
  document jsonb OPTIONS (path '.')
) SERVER crm OPTIONS (resource 'notes');
SELECT walcu_fdw_request('crm', 'PUT', '/notes/object', body =>
         '{"_id": "object", "custom": {"value": {"b": {"c": "deep"}, "a": [1]}}}') ->> '_id' AS replaced;
SELECT _id, deep, too_deep, element, document -> 'custom' AS custom FROM paths
 WHERE deep IS NOT NULL OR document @> '{"custom": {"value": "12"}}' ORDER BY _id;

SET client_min_messages = warning;
DROP EXTENSION walcu_fdw CASCADE;
DROP TABLE samples;
DROP TYPE size;
DROP DOMAIN positive;
