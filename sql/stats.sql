-- Statistics: what this session has asked of the CRM.
\set SHOW_CONTEXT never
CREATE EXTENSION walcu_fdw;
SELECT current_setting('walcu_test.endpoint') AS endpoint \gset
CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw
  OPTIONS (endpoint :'endpoint', dealer_id '5f2b1c9e8d3a4b0012345678');
CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (username 'sandbox-app', password 'sandbox-secret');
CREATE SCHEMA crm;

-- Nothing was asked yet
SELECT * FROM walcu_fdw_stats;
-- An import is a call that belongs to no table
IMPORT FOREIGN SCHEMA walcu LIMIT TO (offers) FROM SERVER crm INTO crm;
SELECT server, resource, requests_get, replies_2xx, documents, bytes > 0 AS bytes, wait_time >= 0 AS waited FROM walcu_fdw_stats;

-- A dealer with a dozen offers
SELECT count(walcu_fdw_request('crm', 'DELETE', '/offers/' || _id)) > 0 AS deleted FROM crm.offers;
SELECT count(walcu_fdw_request('crm', 'POST', '/offers', body => jsonb_build_object('_id', 'offer-' || to_char(n, 'FM00')))) AS created
  FROM generate_series(1, 12) n;

--
-- Scans
--
SELECT walcu_fdw_stats_reset();
SELECT count(*) FROM crm.offers;
SELECT _id FROM crm.offers WHERE _id = 'offer-07';
SELECT _id FROM crm.offers WHERE _id = 'offer-13';
SELECT resource, requests_get, replies_2xx, replies_4xx, failures, documents, jobs FROM walcu_fdw_stats WHERE resource IS NOT NULL;

--
-- Calls
--
SELECT walcu_fdw_request('crm', 'PATCH', '/offers/offer-07', body => '[{"op": "add", "path": "/custom", "value": "x"}]') IS NOT NULL AS patched;
SELECT walcu_fdw_request('crm', 'PUT', '/offers/offer-07', body => '{"_id": "offer-07"}') IS NOT NULL AS put;
SELECT walcu_fdw_request('crm', 'DELETE', '/offers/offer-07');
SELECT walcu_fdw_request('crm', 'POST', '/offers', body => '{"_id": "offer-08"}');
SELECT requests_get, requests_post, requests_patch, requests_put, requests_delete, replies_2xx, replies_4xx, failures
  FROM walcu_fdw_stats WHERE resource IS NULL;

--
-- Nobody there
--
CREATE SERVER nobody FOREIGN DATA WRAPPER walcu_fdw OPTIONS (endpoint 'http://127.0.0.1:1', dealer_id 'x', max_retries '1');
CREATE USER MAPPING FOR CURRENT_USER SERVER nobody OPTIONS (token 'x');
\set VERBOSITY sqlstate
SELECT walcu_fdw_request('nobody', 'GET', '/offers');
\set VERBOSITY default
SELECT server, requests_get > 0 AS requests, replies_2xx + replies_3xx + replies_4xx + replies_5xx AS replies, failures = requests_get AS failures
  FROM walcu_fdw_stats WHERE server = 'nobody';

--
-- Servers come and go
--
ALTER SERVER nobody RENAME TO somebody;
SELECT server, resource FROM walcu_fdw_stats ORDER BY server COLLATE "C", resource;
DROP SERVER somebody CASCADE;
SELECT server, resource FROM walcu_fdw_stats ORDER BY server COLLATE "C", resource;

--
-- Everybody has a look, at what is his own
--
CREATE ROLE regress_reader;
SET ROLE regress_reader;
SELECT resource, documents FROM walcu_fdw_stats WHERE resource = 'offers';
SELECT walcu_fdw_stats_reset();
SELECT server, resource, requests_get, documents, bytes, wait_time FROM walcu_fdw_stats ORDER BY resource;
RESET ROLE;
\connect
SELECT count(*) FROM walcu_fdw_stats;

SET client_min_messages = warning;
DROP EXTENSION walcu_fdw CASCADE;
DROP SCHEMA crm CASCADE;
DROP ROLE regress_reader;
