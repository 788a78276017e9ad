-- Functions: the library's version, and any call of the API.
\set SHOW_CONTEXT never
CREATE EXTENSION walcu_fdw;
SELECT current_setting('walcu_test.endpoint') AS endpoint \gset
CREATE SERVER crm FOREIGN DATA WRAPPER walcu_fdw
  OPTIONS (endpoint :'endpoint', dealer_id '5f2b1c9e8d3a4b0012345678');
CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (username 'sandbox-app', password 'sandbox-secret');

--
-- walcu_fdw_version()
--
SELECT walcu_fdw_version() = extversion AS same FROM pg_extension WHERE extname = 'walcu_fdw';
-- What there is, and whether everybody may use it
SELECT oid::regprocedure AS function, provolatile AS volatile, proparallel AS parallel, proisstrict AS strict,
       has_function_privilege('public', oid, 'EXECUTE') AS public
  FROM pg_proc
 WHERE proname ~ '^walcu_fdw_'
 ORDER BY proname COLLATE "C";

--
-- walcu_fdw_request(): reading and writing
--
-- POST makes a document; the service adds what every document has
SELECT made - '{created_at,updated_at}'::text[] AS made, made ? 'created_at' AS dated
  FROM walcu_fdw_request('crm', 'POST', '/tasks', body => '{"_id": "call", "description": "call \"Ana\" back", "lead_type": "salelead"}') made;
-- GET of one is a list of one
SELECT task ->> 'description' AS description
  FROM jsonb_array_elements(walcu_fdw_request('crm', 'GET', '/tasks/call')) task;
-- PATCH takes a JSON Patch
SELECT walcu_fdw_request('crm', 'PATCH', '/tasks/call',
         body => '[{"op": "add", "path": "/custom", "value": {"urgent": true}}, {"op": "remove", "path": "/lead_type"}]')
       - '{created_at,updated_at}'::text[] AS patched;
-- PUT replaces it
SELECT walcu_fdw_request('crm', 'PUT', '/tasks/call', body => '{"_id": "call", "description": "written to"}')
       ->> 'description' AS replaced;
-- DELETE says what it has deleted
SELECT walcu_fdw_request('crm', 'DELETE', '/tasks/call');
SELECT walcu_fdw_request('crm', 'GET', '/tasks/call');
\echo :LAST_ERROR_SQLSTATE

-- Methods are written as one likes; the first slash may be missing
SELECT walcu_fdw_request('crm', 'post', 'tasks', body => '{"_id": "a/b?c", "description": "odd"}') ->> '_id' AS made;
-- Parameters: strings as they are, the rest as JSON
SELECT walcu_fdw_request('crm', 'GET', '/tasks',
         '{"q": {"_id": {"$in": ["a/b?c", "none"]}}, "project": "description -_id", "limit": 2}');
SELECT walcu_fdw_request('crm', 'GET', '/tasks',
         '{"q": "{\"_id\": \"a/b?c\"}", "group_by": {"text": "$description"}}') AS groups;
-- All at once, with names
SELECT jsonb_array_length(walcu_fdw_request(
         server => 'crm', method => 'GET', path => '/tasks', query => '{"q": {"description": "odd"}}', body => NULL)) AS found;

--
-- What it refuses before anything is sent
--
SELECT walcu_fdw_request('nobody', 'GET', '/tasks');
SELECT walcu_fdw_request('crm', 'TRACE', '/tasks');
\echo :LAST_ERROR_SQLSTATE
SELECT walcu_fdw_request('crm', 'GET', '/../5f2b1c9e8d3a4b0087654321/tasks');
SELECT walcu_fdw_request('crm', 'GET', '/tasks/');
SELECT walcu_fdw_request('crm', 'GET', '');
SELECT walcu_fdw_request('crm', 'GET', '/tasks', '["limit", 1]');
SELECT walcu_fdw_request('crm', 'GET', NULL);
\echo :LAST_ERROR_SQLSTATE
-- A path is a path: what looks like parameters is part of a name
SELECT walcu_fdw_request('crm', 'GET', '/tasks?limit=1');
CREATE SERVER nowhere FOREIGN DATA WRAPPER walcu_fdw;
SELECT walcu_fdw_request('nowhere', 'GET', '/tasks');

--
-- Who may call it
--
CREATE ROLE regress_integrator;
SET ROLE regress_integrator;
SELECT walcu_fdw_version() IS NOT NULL AS allowed;
SELECT walcu_fdw_request('crm', 'GET', '/tasks');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
GRANT EXECUTE ON FUNCTION walcu_fdw_request(name, text, text, jsonb, jsonb) TO regress_integrator;
SET ROLE regress_integrator;
SELECT walcu_fdw_request('crm', 'GET', '/tasks');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER crm TO regress_integrator;
SET ROLE regress_integrator;
-- The caller's own credentials count; PostgreSQL's words for none differ between its versions
\set VERBOSITY sqlstate
SELECT walcu_fdw_request('crm', 'GET', '/tasks');
\set VERBOSITY default
CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (username 'sandbox-app', password 'not-this-one');
SELECT walcu_fdw_request('crm', 'GET', '/tasks');
\echo :LAST_ERROR_SQLSTATE
ALTER USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (SET password 'sandbox-secret');
SELECT jsonb_array_length(walcu_fdw_request('crm', 'GET', '/tasks', '{"q": {"_id": "a/b?c"}}')) AS found;
DROP USER MAPPING FOR CURRENT_USER SERVER crm;
RESET ROLE;
REVOKE EXECUTE ON FUNCTION walcu_fdw_request(name, text, text, jsonb, jsonb) FROM regress_integrator;
-- Allow one call, and nothing else: a function with the rights and credentials of its owner
CREATE FUNCTION describe_task(id text, description text) RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
  SELECT walcu_fdw_request('crm', 'PATCH', '/tasks/' || replace(id, '/', ''),
           body => jsonb_build_array(jsonb_build_object('op', 'add', 'path', '/description', 'value', description)))
         ->> 'description'
$$;
SELECT walcu_fdw_request('crm', 'POST', '/tasks', body => '{"_id": "shared"}') ->> '_id' AS made;
SET ROLE regress_integrator;
SELECT describe_task('shared', 'by a guest');
SELECT walcu_fdw_request('crm', 'DELETE', '/tasks/shared');
RESET ROLE;

SET client_min_messages = warning;
DROP EXTENSION walcu_fdw CASCADE;
DROP FUNCTION describe_task;
DROP ROLE regress_integrator;
