-- Errors: what the service or the network does wrong, in SQL's terms.
\set SHOW_CONTEXT never
CREATE EXTENSION walcu_fdw;
SELECT current_setting('walcu_test.endpoint') AS endpoint \gset
CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw
  OPTIONS (endpoint :'endpoint', dealer_id '5f2b1c9e8d3a4b0012345678', max_retries '4');
CREATE FOREIGN TABLE tasks (_id text COLLATE "C" NOT NULL, description text COLLATE "C", custom jsonb) SERVER crm;

--
-- Credentials
--
-- PostgreSQL's own words differ between its versions
\set VERBOSITY sqlstate
SELECT count(*) FROM tasks;
\set VERBOSITY default
CREATE USER MAPPING FOR CURRENT_USER SERVER crm;
SELECT count(*) FROM tasks;
\echo :LAST_ERROR_SQLSTATE
ALTER USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (ADD username 'sandbox-app', ADD password 'do-not-show');
SELECT count(*) FROM tasks;
\echo :LAST_ERROR_SQLSTATE
ALTER USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (SET password 'sandbox-secret');
SELECT count(*) > 0 AS readable FROM tasks;

--
-- What the service does not have, or does not understand
--
ALTER FOREIGN TABLE tasks OPTIONS (ADD dealer_id '5f2b1c9e8d3a4b0087654321');
SELECT count(*) FROM tasks;
\echo :LAST_ERROR_SQLSTATE
ALTER FOREIGN TABLE tasks OPTIONS (DROP dealer_id, ADD resource 'chores');
SELECT count(*) FROM tasks;
\echo :LAST_ERROR_SQLSTATE
ALTER FOREIGN TABLE tasks OPTIONS (DROP resource);
SELECT walcu_fdw_request('crm', 'GET', '/tasks', '{"q": {"created_at": "some day"}}');
\echo :LAST_ERROR_SQLSTATE
SELECT walcu_fdw_request('crm', 'GET', '/tasks', '{"limit": "all"}');
ALTER SERVER crm OPTIONS (ADD project_format 'json');
SELECT count(*) FROM tasks;
ALTER SERVER crm OPTIONS (DROP project_format);
-- Writes
SELECT walcu_fdw_request('crm', 'POST', '/tasks', body => '{"_id": "twice"}') ->> '_id' AS made;
SELECT walcu_fdw_request('crm', 'POST', '/tasks', body => '{"_id": "twice"}');
\echo :LAST_ERROR_SQLSTATE
SELECT walcu_fdw_request('crm', 'POST', '/tasks', body => '{"created_at": "some day"}');
\echo :LAST_ERROR_SQLSTATE
SELECT walcu_fdw_request('crm', 'DELETE', '/tasks/never-made');
\echo :LAST_ERROR_SQLSTATE
-- A document that is not there is no error of a table
SELECT count(*) FROM tasks WHERE _id = 'never-made';

--
-- Places where no CRM is; the words after the colon are libcurl's, and differ
--
CREATE FUNCTION failure(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  state text;
  message text;
BEGIN
  EXECUTE query;
  RETURN 'no error';
EXCEPTION WHEN others THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
  RETURN state || ' ' || split_part(message, ':', 1);
END
$$;
ALTER SERVER crm OPTIONS (SET endpoint 'http://127.0.0.1:1');
SELECT failure('SELECT count(*) FROM tasks');
ALTER SERVER crm OPTIONS (SET endpoint 'https://no-such-host.invalid');
SELECT failure('SELECT count(*) FROM tasks');
SELECT failure($$ SELECT walcu_fdw_request('crm', 'DELETE', '/tasks/twice') $$);
SELECT failure('IMPORT FOREIGN SCHEMA walcu FROM SERVER crm INTO public');
SELECT replace(:'endpoint', 'http:', 'https:') AS not_tls \gset
ALTER SERVER crm OPTIONS (SET endpoint :'not_tls');
SELECT failure('SELECT count(*) FROM tasks');
-- A path at which there is something else
SELECT :'endpoint' || '/crm' AS elsewhere \gset
ALTER SERVER crm OPTIONS (SET endpoint :'elsewhere');
SELECT failure('SELECT count(*) FROM tasks');
ALTER SERVER crm OPTIONS (SET endpoint :'endpoint');

--
-- Limits
--
ALTER SERVER crm OPTIONS (ADD max_requests '1', ADD fetch_size '1');
SELECT count(*) FROM tasks;
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM tasks WHERE _id = 'twice';
ALTER SERVER crm OPTIONS (DROP max_requests, DROP fetch_size);
SELECT walcu_fdw_request('crm', 'PUT', '/tasks/twice',
         body => jsonb_build_object('_id', 'twice', 'description', repeat('x', 3000), 'custom', 7)) ->> '_id' AS made;
ALTER FOREIGN TABLE tasks OPTIONS (ADD max_document_size '2kB');
SELECT description FROM tasks WHERE _id = 'twice';
\echo :LAST_ERROR_SQLSTATE
ALTER FOREIGN TABLE tasks OPTIONS (DROP max_document_size);

--
-- Values that do not fit
--
ALTER FOREIGN TABLE tasks ALTER COLUMN custom TYPE text;
SELECT custom FROM tasks WHERE _id = 'twice';
\echo :LAST_ERROR_SQLSTATE
ALTER FOREIGN TABLE tasks ALTER COLUMN description TYPE varchar(10);
SELECT description FROM tasks WHERE _id = 'twice';
ALTER SERVER crm OPTIONS (ADD on_type_mismatch 'null');
SELECT _id, description, custom FROM tasks WHERE _id = 'twice';

--
-- After each of them the session goes on, and so does a transaction from its savepoint
--
BEGIN;
SAVEPOINT before;
SELECT walcu_fdw_request('crm', 'GET', '/chores');
ROLLBACK TO before;
SELECT walcu_fdw_request('crm', 'DELETE', '/tasks/twice');
COMMIT;

SET client_min_messages = warning;
DROP EXTENSION walcu_fdw CASCADE;
DROP FUNCTION failure;
