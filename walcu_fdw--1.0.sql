-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION walcu_fdw" to load this file. \quit

CREATE FUNCTION walcu_fdw_handler()
RETURNS fdw_handler
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT;
COMMENT ON FUNCTION walcu_fdw_handler() IS
  'callbacks with which PostgreSQL plans and runs queries on Walcu CRM tables';

CREATE FUNCTION walcu_fdw_validator(options text[], catalog oid)
RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT;
COMMENT ON FUNCTION walcu_fdw_validator(text[], oid) IS
  'checks the options of walcu_fdw servers, user mappings, tables and columns';

CREATE FOREIGN DATA WRAPPER walcu_fdw
  HANDLER walcu_fdw_handler
  VALIDATOR walcu_fdw_validator;
COMMENT ON FOREIGN DATA WRAPPER walcu_fdw IS
  'the resources of a Walcu CRM as tables';

CREATE FUNCTION walcu_fdw_version()
RETURNS text
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT STABLE PARALLEL SAFE;
COMMENT ON FUNCTION walcu_fdw_version() IS
  'version of the loaded walcu_fdw library';

CREATE FUNCTION walcu_fdw_stats(
  OUT server name,
  OUT resource text,
  OUT requests_get bigint,
  OUT requests_post bigint,
  OUT requests_patch bigint,
  OUT requests_put bigint,
  OUT requests_delete bigint,
  OUT replies_2xx bigint,
  OUT replies_3xx bigint,
  OUT replies_4xx bigint,
  OUT replies_5xx bigint,
  OUT failures bigint,
  OUT retries bigint,
  OUT documents bigint,
  OUT bytes bigint,
  OUT jobs bigint,
  OUT wait_time double precision)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED ROWS 20;
COMMENT ON FUNCTION walcu_fdw_stats() IS
  'what this session has asked of each server and resource';

CREATE VIEW walcu_fdw_stats AS SELECT * FROM walcu_fdw_stats();
COMMENT ON VIEW walcu_fdw_stats IS
  'what this session has asked of each server and resource';
GRANT SELECT ON walcu_fdw_stats TO PUBLIC;

CREATE FUNCTION walcu_fdw_stats_reset()
RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION walcu_fdw_stats_reset() IS
  'sets the counters of walcu_fdw_stats back to zero';

-- Not STRICT: query and body are usually NULL.
CREATE FUNCTION walcu_fdw_request(
  server name,
  method text,
  path text,
  query jsonb DEFAULT NULL,
  body jsonb DEFAULT NULL)
RETURNS jsonb
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION walcu_fdw_request(name, text, text, jsonb, jsonb) IS
  'any call of the CRM''s API, with the credentials of the user mapping';
REVOKE EXECUTE ON FUNCTION walcu_fdw_request(name, text, text, jsonb, jsonb) FROM PUBLIC;

CREATE FUNCTION walcu_fdw_get_connections(
  OUT server_name text,
  OUT valid boolean,
  OUT in_use boolean)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION walcu_fdw_get_connections() IS
  'the servers that this session has connections to';

CREATE FUNCTION walcu_fdw_disconnect(server_name text)
RETURNS boolean
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION walcu_fdw_disconnect(text) IS
  'closes this session''s connections to a server';

CREATE FUNCTION walcu_fdw_disconnect_all()
RETURNS boolean
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION walcu_fdw_disconnect_all() IS
  'closes all of this session''s connections';

-- Not STRICT: resource is usually NULL.
CREATE FUNCTION walcu_fdw_check(
  server name,
  resource name DEFAULT NULL,
  writes boolean DEFAULT false,
  OUT "check" text,
  OUT result text,
  OUT detail text,
  OUT advice text)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 60;
COMMENT ON FUNCTION walcu_fdw_check(name, name, boolean) IS
  'what the service is like, what does not fit it, and which command mends that';

CREATE FUNCTION walcu_fdw_check_apply(
  server name,
  OUT "check" text,
  OUT command text,
  OUT result text,
  OUT detail text)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION walcu_fdw_check_apply(name) IS
  'runs a check, and the commands that it advises for the server';

-- Not STRICT: schema and resources are usually NULL.
CREATE FUNCTION walcu_fdw_setup(
  server name,
  schema name DEFAULT NULL,
  options jsonb DEFAULT NULL,
  resources text[] DEFAULT NULL,
  dry_run boolean DEFAULT false,
  comments boolean DEFAULT true,
  statistics boolean DEFAULT false,
  arrays boolean DEFAULT true,
  dealers text[] DEFAULT NULL,
  views boolean DEFAULT false,
  graphql text DEFAULT NULL,
  OUT action text,
  OUT object text,
  OUT statement text,
  OUT detail text,
  OUT advice text)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100;
COMMENT ON FUNCTION walcu_fdw_setup(name, name, jsonb, text[], boolean, boolean, boolean, boolean, text[], boolean, text) IS
  'makes the tables of a server, or brings them up to date';
