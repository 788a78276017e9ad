-- Options: what CREATE and ALTER accept, what they refuse, and what they say then.
-- Nothing here talks to a CRM.
\set SHOW_CONTEXT never
CREATE EXTENSION walcu_fdw;

--
-- Servers
--
-- All that a server can be told
CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw OPTIONS (
  endpoint 'https://api.crm.walcu.com',
  dealer_id '5f2b1c9e8d3a4b0012345678',
  fetch_size '50',
  connect_timeout '5',
  request_timeout '2min',
  max_requests '5000',
  max_requests_per_second '2.5',
  max_connections '4',
  max_retries '4',
  max_retry_wait '30s',
  max_reply_size '1GB',
  max_document_depth '100',
  connection_lifetime '5min',
  keep_connections 'true',
  async_capable 'true',
  fetch_mode 'auto',
  job_threshold '20000',
  job_timeout '10min',
  max_document_size '16MB',
  allow_http 'false',
  ca_file '/etc/ssl/certs/ca-certificates.crt',
  results_hosts 'ext.crm.walcu.com, ext2.crm.walcu.com:8443',
  results_redirects 'listed',
  updatable 'true',
  paging 'key',
  sort_format 'mongoose',
  project_format 'mongoose',
  on_type_mismatch 'error',
  pushdown 'on',
  max_url_length '8000',
  join_batch_size '1000',
  fdw_startup_cost '100',
  fdw_tuple_cost '0.2'
);
-- None of it is required
CREATE SERVER bare FOREIGN DATA WRAPPER walcu_fdw;
-- It can be changed
ALTER SERVER crm OPTIONS (SET fetch_size '10', DROP paging, DROP ca_file);
SELECT option_name, option_value
  FROM pg_foreign_server, pg_options_to_table(srvoptions)
 WHERE srvname = 'crm'
 ORDER BY option_name COLLATE "C";

-- A name with an error in it
ALTER SERVER crm OPTIONS (ADD fetchsize '10');
\echo :LAST_ERROR_SQLSTATE
ALTER SERVER crm OPTIONS (ADD dealer '5f2b1c9e8d3a4b0012345678');
ALTER SERVER crm OPTIONS (ADD "Paging" 'key');
-- A name that is like none
ALTER SERVER crm OPTIONS (ADD host 'api.crm.walcu.com');
-- A name that belongs to something else
ALTER SERVER crm OPTIONS (ADD resource 'cars');
ALTER SERVER crm OPTIONS (ADD path 'status.status');
ALTER SERVER crm OPTIONS (ADD flatten '2');

-- Credentials are no options of a server, where everybody could read them
CREATE SERVER leaky FOREIGN DATA WRAPPER walcu_fdw OPTIONS (token 'do-not-show');
ALTER SERVER crm OPTIONS (ADD username 'ana', ADD password 'do-not-show');
CREATE SERVER leaky FOREIGN DATA WRAPPER walcu_fdw OPTIONS (endpoint 'https://ana:do-not-show@api.crm.walcu.com');
CREATE SERVER leaky FOREIGN DATA WRAPPER walcu_fdw OPTIONS (endpoint 'https://api.crm.walcu.com?token=do-not-show');

-- Numbers have ranges
ALTER SERVER crm OPTIONS (SET fetch_size '0');
\echo :LAST_ERROR_SQLSTATE
ALTER SERVER crm OPTIONS (SET fetch_size '1001');
ALTER SERVER crm OPTIONS (SET fetch_size '7.5');
ALTER SERVER crm OPTIONS (SET fetch_size 'many');
ALTER SERVER crm OPTIONS (SET fetch_size '');
ALTER SERVER crm OPTIONS (SET max_requests '-1');
ALTER SERVER crm OPTIONS (SET max_requests_per_second '-1');
ALTER SERVER crm OPTIONS (SET max_requests_per_second '0.0001');
ALTER SERVER crm OPTIONS (SET max_requests_per_second '10/s');
ALTER SERVER crm OPTIONS (SET max_connections '0');
ALTER SERVER crm OPTIONS (SET max_connections '65');
ALTER SERVER crm OPTIONS (SET max_retries '21');
ALTER SERVER crm OPTIONS (SET max_document_depth '0');
ALTER SERVER crm OPTIONS (SET job_threshold '-1');
ALTER SERVER crm OPTIONS (SET max_url_length '999');
ALTER SERVER crm OPTIONS (SET max_url_length '1000001');
ALTER SERVER crm OPTIONS (SET max_url_length '8kB');
ALTER SERVER crm OPTIONS (SET join_batch_size '0');
ALTER SERVER crm OPTIONS (SET join_batch_size '100001');
ALTER SERVER crm OPTIONS (SET fdw_tuple_cost '-0.1');
ALTER SERVER crm OPTIONS (SET fdw_startup_cost 'NaN');
ALTER SERVER crm OPTIONS (SET fetch_size '1');
ALTER SERVER crm OPTIONS (SET fetch_size '1000');
ALTER SERVER crm OPTIONS (SET max_requests '0', SET fdw_tuple_cost '0');
ALTER SERVER crm OPTIONS (SET max_requests_per_second '0.5');
ALTER SERVER crm OPTIONS (SET max_requests_per_second '0');
ALTER SERVER crm OPTIONS (SET max_url_length '1000');
ALTER SERVER crm OPTIONS (SET max_url_length '1000000');

-- Times and sizes have units
ALTER SERVER crm OPTIONS (SET connect_timeout '0');
ALTER SERVER crm OPTIONS (SET connect_timeout '1h30');
ALTER SERVER crm OPTIONS (SET request_timeout '25h');
ALTER SERVER crm OPTIONS (SET max_document_size '16mb');
ALTER SERVER crm OPTIONS (SET max_document_size '1GB');
ALTER SERVER crm OPTIONS (SET max_retry_wait '2d');
ALTER SERVER crm OPTIONS (SET job_timeout '10 minutes');
ALTER SERVER crm OPTIONS (SET max_reply_size '1kb');
ALTER SERVER crm OPTIONS (SET max_reply_size '1025TB');
ALTER SERVER crm OPTIONS (SET max_reply_size '16GB', SET max_retry_wait '0.5', SET job_timeout '1h');
ALTER SERVER crm OPTIONS (SET connect_timeout '1ms', SET request_timeout '1d', SET max_document_size '512MB');

-- Words are one of a few
ALTER SERVER crm OPTIONS (ADD paging 'keys');
ALTER SERVER crm OPTIONS (SET sort_format 'Mongoose');
ALTER SERVER crm OPTIONS (SET on_type_mismatch 'ignore');
ALTER SERVER crm OPTIONS (SET updatable 'perhaps');
ALTER SERVER crm OPTIONS (SET keep_connections 'sometimes');
ALTER SERVER crm OPTIONS (SET async_capable 'auto');
ALTER SERVER crm OPTIONS (SET fetch_mode 'jobs');
ALTER SERVER crm OPTIONS (ADD truncatable 'everything');
ALTER SERVER crm OPTIONS (ADD batch_size '0');
ALTER SERVER crm OPTIONS (ADD batch_size '1001');
ALTER SERVER crm OPTIONS (ADD client_ids 'some');
ALTER SERVER crm OPTIONS (ADD update_method 'post');
ALTER SERVER crm OPTIONS (ADD write_mode 'later');
ALTER SERVER crm OPTIONS (ADD timestamp_precision 'us');
ALTER SERVER crm OPTIONS (SET pushdown 'conditions');
ALTER SERVER crm OPTIONS (SET pushdown 'off');

-- Places
ALTER SERVER crm OPTIONS (SET endpoint 'api.crm.walcu.com');
ALTER SERVER crm OPTIONS (SET endpoint 'ftp://api.crm.walcu.com');
ALTER SERVER crm OPTIONS (SET endpoint 'https://api.crm.walcu.com/#top');
ALTER SERVER crm OPTIONS (SET endpoint 'https://api.crm.walcu.com:99999');
ALTER SERVER crm OPTIONS (SET endpoint 'https://api.crm.walcu.com/dealers/5f2b1c9e8d3a4b0012345678');
ALTER SERVER crm OPTIONS (ADD ca_file 'ca.pem');
ALTER SERVER crm OPTIONS (SET results_hosts 'https://ext.crm.walcu.com/');
ALTER SERVER crm OPTIONS (SET results_hosts 'ext.crm.walcu.com,');
ALTER SERVER crm OPTIONS (SET dealer_id '../5f2b1c9e8d3a4b0012345678');
ALTER SERVER crm OPTIONS (SET dealer_id '');
ALTER SERVER crm OPTIONS (SET dealer_id '..');

-- Unencrypted is for this machine only, unless somebody says that it is safe
ALTER SERVER crm OPTIONS (DROP allow_http, SET endpoint 'http://crm.example.com');
\echo :LAST_ERROR_SQLSTATE
ALTER SERVER crm OPTIONS (SET endpoint 'http://127.0.0.1.example.com');
ALTER SERVER crm OPTIONS (SET allow_http 'true', SET endpoint 'http://crm.example.com');
ALTER SERVER crm OPTIONS (SET allow_http 'false');
ALTER SERVER crm OPTIONS (DROP allow_http);
ALTER SERVER crm OPTIONS (DROP allow_http, SET endpoint 'http://localhost:8080');
ALTER SERVER crm OPTIONS (SET endpoint 'http://127.0.0.2');
ALTER SERVER crm OPTIONS (SET endpoint 'http://[::1]:8080/crm');
ALTER SERVER crm OPTIONS (SET endpoint 'HTTPS://CRM.example.com/');

--
-- User mappings: one kind of credentials, and whole
--
CREATE ROLE regress_ana;
CREATE ROLE regress_berta;
CREATE ROLE regress_carla;
CREATE ROLE regress_diego;
CREATE USER MAPPING FOR regress_ana SERVER crm OPTIONS (token 'do-not-show');
CREATE USER MAPPING FOR regress_berta SERVER crm OPTIONS (username 'berta', password 'do not show');
CREATE USER MAPPING FOR regress_carla SERVER crm OPTIONS (header_name 'X-Api-Key', header_value 'do-not-show');
-- A dump restored by somebody who may not see credentials has none
CREATE USER MAPPING FOR regress_diego SERVER crm;

ALTER USER MAPPING FOR regress_diego SERVER crm OPTIONS (ADD username 'diego');
\echo :LAST_ERROR_SQLSTATE
ALTER USER MAPPING FOR regress_diego SERVER crm OPTIONS (ADD password 'do-not-show');
ALTER USER MAPPING FOR regress_diego SERVER crm OPTIONS (ADD header_value 'do-not-show');
ALTER USER MAPPING FOR regress_berta SERVER crm OPTIONS (ADD token 'do-not-show');
ALTER USER MAPPING FOR regress_carla SERVER crm OPTIONS (DROP header_value);
ALTER USER MAPPING FOR regress_ana SERVER crm OPTIONS (DROP token, ADD username 'ana', ADD password '');

-- What cannot be sent, without showing it
ALTER USER MAPPING FOR regress_diego SERVER crm OPTIONS (ADD token '');
ALTER USER MAPPING FOR regress_diego SERVER crm OPTIONS (ADD token 'do-not-show ');
ALTER USER MAPPING FOR regress_diego SERVER crm OPTIONS (ADD token E'do-not-show\n');
ALTER USER MAPPING FOR regress_diego SERVER crm OPTIONS (ADD token 'Bearer do-not-show');
ALTER USER MAPPING FOR regress_diego SERVER crm OPTIONS (ADD username 'di:ego', ADD password 'do-not-show');
ALTER USER MAPPING FOR regress_diego SERVER crm OPTIONS (ADD username 'diego', ADD password E'do\rnot-show');
ALTER USER MAPPING FOR regress_diego SERVER crm OPTIONS (ADD header_name 'do not show', ADD header_value 'x');
ALTER USER MAPPING FOR regress_diego SERVER crm OPTIONS (ADD header_name 'Host', ADD header_value 'do-not-show');

-- Secrets in files, which superusers alone may name
ALTER USER MAPPING FOR regress_diego SERVER crm OPTIONS (ADD token_file 'crm-token');
ALTER USER MAPPING FOR regress_diego SERVER crm OPTIONS (ADD token_file '/run/secrets/crm-token', ADD token 'do-not-show');
ALTER USER MAPPING FOR regress_diego SERVER crm OPTIONS (ADD password_file '/run/secrets/crm-password');
ALTER USER MAPPING FOR regress_diego SERVER crm OPTIONS (ADD header_name 'Authorization', ADD header_value_file '/run/secrets/crm-key', ADD token_file '/run/secrets/crm-token');
ALTER USER MAPPING FOR regress_diego SERVER crm OPTIONS (ADD header_name 'Authorization', ADD header_value_file '/run/secrets/crm-key');
ALTER USER MAPPING FOR regress_diego SERVER crm OPTIONS (DROP header_name, DROP header_value_file, ADD username 'diego', ADD password_file '/run/secrets/crm-password');
GRANT USAGE ON FOREIGN DATA WRAPPER walcu_fdw TO regress_diego;
GRANT USAGE ON FOREIGN SERVER crm TO regress_diego;
SET ROLE regress_diego;
ALTER USER MAPPING FOR regress_diego SERVER crm OPTIONS (SET password_file '/etc/passwd');
\echo :LAST_ERROR_SQLSTATE
ALTER USER MAPPING FOR regress_diego SERVER crm OPTIONS (SET username 'other');
ALTER USER MAPPING FOR regress_diego SERVER crm OPTIONS (DROP username, DROP password_file, ADD token_file '/etc/passwd');
CREATE SERVER diegos FOREIGN DATA WRAPPER walcu_fdw OPTIONS (ca_file '/etc/passwd');
ALTER USER MAPPING FOR regress_diego SERVER crm OPTIONS (DROP username, DROP password_file);
RESET ROLE;
REVOKE USAGE ON FOREIGN DATA WRAPPER walcu_fdw FROM regress_diego;
REVOKE USAGE ON FOREIGN SERVER crm FROM regress_diego;

-- Names
ALTER USER MAPPING FOR regress_diego SERVER crm OPTIONS (ADD user 'diego', ADD password 'do-not-show');
ALTER USER MAPPING FOR regress_diego SERVER crm OPTIONS (ADD tocken 'do-not-show');
ALTER USER MAPPING FOR regress_diego SERVER crm OPTIONS (ADD fetch_size '10');

--
-- Tables: the resource, and what shall be different from the server
--
CREATE FOREIGN TABLE stock (_id text COLLATE "C" NOT NULL)
  SERVER crm OPTIONS (
    resource 'cars',
    dealer_id '5f2b1c9e8d3a4b0087654321',
    fetch_size '20',
    max_reply_size '100MB',
    max_document_depth '20',
    async_capable 'false',
    fetch_mode 'job',
    job_threshold '0',
    job_timeout '1min',
    max_document_size '1MB',
    updatable 'false',
    paging 'skip',
    on_type_mismatch 'null',
    pushdown 'off',
    max_url_length '4000',
    join_batch_size '200',
    fdw_startup_cost '50',
    fdw_tuple_cost '0.1'
  );
ALTER FOREIGN TABLE stock OPTIONS (SET resource 'cars/all');
\echo :LAST_ERROR_SQLSTATE
ALTER FOREIGN TABLE stock OPTIONS (SET resource 'all');
ALTER FOREIGN TABLE stock OPTIONS (SET dealer_id '321/cars');
ALTER FOREIGN TABLE stock OPTIONS (SET fetch_size '5000');
ALTER FOREIGN TABLE stock OPTIONS (SET pushdown 'never');
ALTER FOREIGN TABLE stock OPTIONS (SET max_url_length '0');
ALTER FOREIGN TABLE stock OPTIONS (ADD resorce 'cars');
ALTER FOREIGN TABLE stock OPTIONS (ADD endpoint 'https://api.crm.walcu.com');
ALTER FOREIGN TABLE stock OPTIONS (ADD max_requests_per_second '1');
ALTER FOREIGN TABLE stock OPTIONS (SET fetch_mode 'all');
ALTER FOREIGN TABLE stock OPTIONS (ADD max_connections '2');
ALTER FOREIGN TABLE stock OPTIONS (ADD max_retries '2');
ALTER FOREIGN TABLE stock OPTIONS (ADD keep_connections 'false');
ALTER FOREIGN TABLE stock OPTIONS (ADD token 'do-not-show');

--
-- Columns: a place in the document, or a parameter of the query
--
ALTER FOREIGN TABLE stock
  ADD COLUMN status text OPTIONS (path 'status.status') COLLATE "C",
  ADD COLUMN document jsonb OPTIONS (path '.'),
  ADD COLUMN search text OPTIONS (parameter 'search');
ALTER FOREIGN TABLE stock ALTER COLUMN status OPTIONS (SET path '');
\echo :LAST_ERROR_SQLSTATE
ALTER FOREIGN TABLE stock ALTER COLUMN status OPTIONS (SET path '.status');
ALTER FOREIGN TABLE stock ALTER COLUMN status OPTIONS (SET path 'status..status');
ALTER FOREIGN TABLE stock ALTER COLUMN search OPTIONS (SET parameter 'q');
ALTER FOREIGN TABLE stock ALTER COLUMN search OPTIONS (ADD path 'search');
ALTER FOREIGN TABLE stock ALTER COLUMN status OPTIONS (ADD paht 'status');
ALTER FOREIGN TABLE stock ALTER COLUMN status OPTIONS (ADD column_name 'status');
ALTER FOREIGN TABLE stock ALTER COLUMN status OPTIONS (ADD fetch_size '10');
ALTER FOREIGN TABLE stock ALTER COLUMN status OPTIONS (ADD max_url_length '4000');
ALTER FOREIGN TABLE stock ALTER COLUMN status OPTIONS (ADD pushdown 'never');
ALTER FOREIGN TABLE stock ALTER COLUMN status OPTIONS (ADD pushdown 'off');
SELECT attname, attfdwoptions
  FROM pg_attribute
 WHERE attrelid = 'stock'::regclass AND attnum > 0
 ORDER BY attnum;

-- What nobody could check before: names that stand in for options
CREATE FOREIGN TABLE "used cars" (_id text) SERVER crm;
EXPLAIN (COSTS OFF) SELECT _id FROM "used cars";
CREATE FOREIGN TABLE cars (_id text, "status." text) SERVER crm;
EXPLAIN (COSTS OFF) SELECT "status." FROM cars;
CREATE FOREIGN TABLE nobodys_cars (_id text) SERVER bare OPTIONS (resource 'cars');
EXPLAIN (COSTS OFF) SELECT _id FROM nobodys_cars;
\echo :LAST_ERROR_SQLSTATE

--
-- Settings for a session
--
SHOW walcu_fdw.enable_pushdown;
SET walcu_fdw.enable_pushdown = 'sometimes';
SET walcu_fdw.enable_pushdown = off;
RESET walcu_fdw.enable_pushdown;
SELECT boot_val, unit FROM pg_settings WHERE name = 'walcu_fdw.progress_interval';
SET walcu_fdw.progress_interval = 'often';
SET walcu_fdw.progress_interval = '2500ms';
SHOW walcu_fdw.progress_interval;
SET walcu_fdw.progress_interval = 0;
RESET walcu_fdw.progress_interval;

--
-- The wrapper itself has no options
--
ALTER FOREIGN DATA WRAPPER walcu_fdw OPTIONS (ADD fetch_size '10');
ALTER FOREIGN DATA WRAPPER walcu_fdw OPTIONS (ADD no_such_option '10');

-- Only their users and superusers see credentials
GRANT USAGE ON FOREIGN SERVER crm TO regress_ana, regress_berta;
SELECT usename, umoptions IS NOT NULL AS has_options
  FROM pg_user_mappings
 WHERE srvname = 'crm'
 ORDER BY usename COLLATE "C";
SET ROLE regress_ana;
SELECT usename, umoptions
  FROM pg_user_mappings
 WHERE srvname = 'crm'
 ORDER BY usename COLLATE "C";
RESET ROLE;

SET client_min_messages = warning;
DROP EXTENSION walcu_fdw CASCADE;
DROP ROLE regress_ana, regress_berta, regress_carla, regress_diego;
