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
  sample boolean DEFAULT false,
  undescribed text[] DEFAULT NULL,
  OUT action text,
  OUT object text,
  OUT statement text,
  OUT detail text,
  OUT advice text)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100;
COMMENT ON FUNCTION walcu_fdw_setup(name, name, jsonb, text[], boolean, boolean, boolean, boolean, text[], boolean, text, boolean, text[]) IS
  'makes the tables of a server, or brings them up to date';

--
-- Local copies
--

-- Which copies there are, of what, and how far each is.  The functions below write it, everybody may read it:
-- so whoever may dump the database can.
CREATE TABLE walcu_fdw_copy_entries (
  copy regclass PRIMARY KEY,
  foreign_table regclass NOT NULL,
  columns text[] NOT NULL,
  all_columns boolean NOT NULL,
  refresh_every interval CHECK (refresh_every >= '1 second'),
  reconcile_every interval CHECK (reconcile_every >= '1 second'),
  overlap interval NOT NULL CHECK (overlap >= '0'),
  live_view regclass,
  watermark timestamptz,
  refreshed_at timestamptz,
  reconciled_at timestamptz,
  filling boolean NOT NULL DEFAULT true,
  fill_began_at timestamptz,
  fill_position text COLLATE "C",
  fill_rows bigint,
  fill_total bigint,
  -- One interval that no date can be moved by would fail everybody who looks what is due.
  CONSTRAINT walcu_fdw_copy_entries_intervals_check CHECK (
    greatest(refresh_every, reconcile_every, overlap) <= '1000 years'
    AND greatest(abs(extract(year FROM refresh_every)), abs(extract(year FROM reconcile_every)),
                 abs(extract(year FROM overlap))) <= 1000
    AND greatest(abs(extract(day FROM refresh_every)), abs(extract(day FROM reconcile_every)),
                 abs(extract(day FROM overlap))) <= 400000));
COMMENT ON TABLE walcu_fdw_copy_entries IS
  'local copies of foreign tables: what walcu_fdw_copy was told, and how far each is';
GRANT SELECT ON walcu_fdw_copy_entries TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('walcu_fdw_copy_entries',
  'WHERE EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = copy)'
  ' AND EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = foreign_table)');

-- What became of the last work on each copy.  Errors may quote documents, so only the view shows them.
CREATE TABLE walcu_fdw_copy_results (
  copy regclass,
  work text CHECK (work IN ('fill', 'refresh', 'reconcile')),
  began_at timestamptz,
  took interval,
  written bigint,
  deleted bigint,
  requests bigint,
  failures integer NOT NULL DEFAULT 0,
  failed_at timestamptz,
  error text,
  PRIMARY KEY (copy, work));
COMMENT ON TABLE walcu_fdw_copy_results IS
  'what became of the last work on each local copy';

-- What is to be done of the current user's copies, and when.  After a failure the wait is a minute, then two,
-- four, and so on up to an hour.
CREATE VIEW walcu_fdw_copy_due WITH (security_barrier) AS
  SELECT e.copy, w.work,
         greatest(w.due_at, r.failed_at + least(interval '1 minute' * 2 ^ least(r.failures - 1, 6), interval '1 hour'))
           AS due_at
    FROM walcu_fdw_copy_entries e
    JOIN pg_catalog.pg_class c ON c.oid = e.copy
   CROSS JOIN LATERAL (VALUES
           ('fill', CASE WHEN e.filling THEN coalesce(e.fill_began_at, now()) END),
           ('refresh', CASE WHEN e.watermark IS NOT NULL OR NOT e.filling THEN e.refreshed_at + e.refresh_every END),
           ('reconcile', CASE WHEN NOT e.filling THEN e.reconciled_at + e.reconcile_every END)) w (work, due_at)
    LEFT JOIN walcu_fdw_copy_results r ON r.copy = e.copy AND r.work = w.work
   WHERE w.due_at IS NOT NULL
     AND coalesce(e.refresh_every, e.reconcile_every) IS NOT NULL
     AND pg_catalog.pg_has_role(c.relowner, 'USAGE');
COMMENT ON VIEW walcu_fdw_copy_due IS
  'what is to be done of the current user''s local copies, and when';
GRANT SELECT ON walcu_fdw_copy_due TO PUBLIC;

-- For whoever may read the copy; what its owner alone may see is NULL for others.
CREATE VIEW walcu_fdw_copies WITH (security_barrier) AS
  SELECT e.copy, e.foreign_table, pg_catalog.pg_get_userbyid(c.relowner) AS owner,
         CASE WHEN NOT e.filling THEN 'ready'
              WHEN e.fill_rows IS NULL THEN 'filling'
              ELSE format('filling, %s of %s', e.fill_rows, coalesce(e.fill_total::text, '?')) END AS state,
         pg_catalog.pg_stat_get_live_tuples(e.copy) AS rows,
         now() - e.refreshed_at AS age,
         e.refresh_every, e.reconcile_every,
         e.refreshed_at, last.written, last.requests, last.took,
         e.reconciled_at, reconciled.deleted,
         failed.failed_at,
         CASE WHEN pg_catalog.pg_has_role(c.relowner, 'USAGE') THEN failed.work || ': ' || failed.error END AS error,
         (SELECT min(due_at) FROM walcu_fdw_copy_due d WHERE d.copy = e.copy AND d.work <> 'reconcile') AS next_refresh,
         (SELECT min(due_at) FROM walcu_fdw_copy_due d WHERE d.copy = e.copy AND d.work = 'reconcile') AS next_reconcile
    FROM walcu_fdw_copy_entries e
    JOIN pg_catalog.pg_class c ON c.oid = e.copy
    LEFT JOIN LATERAL (SELECT * FROM walcu_fdw_copy_results r WHERE r.copy = e.copy AND r.began_at IS NOT NULL
                        ORDER BY r.began_at DESC LIMIT 1) last ON true
    LEFT JOIN walcu_fdw_copy_results reconciled ON reconciled.copy = e.copy AND reconciled.work = 'reconcile'
    LEFT JOIN LATERAL (SELECT * FROM walcu_fdw_copy_results r WHERE r.copy = e.copy AND r.failed_at IS NOT NULL
                        ORDER BY r.failed_at DESC LIMIT 1) failed ON true
   WHERE pg_catalog.pg_has_role(c.relowner, 'USAGE') OR pg_catalog.has_table_privilege(e.copy, 'SELECT');
COMMENT ON VIEW walcu_fdw_copies IS
  'local copies of foreign tables: how old each is, what was done last, and what is next';
GRANT SELECT ON walcu_fdw_copies TO PUBLIC;

-- Not STRICT: most arguments may be NULL.
CREATE FUNCTION walcu_fdw_copy(
  foreign_table regclass,
  copy text DEFAULT NULL,
  refresh_every interval DEFAULT '5 minutes',
  reconcile_every interval DEFAULT '1 day',
  columns text[] DEFAULT NULL,
  indexes text[] DEFAULT NULL,
  live_view boolean DEFAULT false,
  fill boolean DEFAULT true,
  overlap interval DEFAULT '10 minutes')
RETURNS regclass
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION walcu_fdw_copy(regclass, text, interval, interval, text[], text[], boolean, boolean, interval) IS
  'makes a local copy of a foreign table, or changes what is known of one';

CREATE PROCEDURE walcu_fdw_fill(
  copy regclass,
  step integer DEFAULT 5000)
AS 'MODULE_PATHNAME'
LANGUAGE C;
COMMENT ON PROCEDURE walcu_fdw_fill(regclass, integer) IS
  'reads the documents of a local copy in steps, each of which is committed';

CREATE FUNCTION walcu_fdw_refresh(
  copy regclass,
  OUT written bigint,
  OUT deleted bigint,
  OUT requests bigint)
RETURNS record
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION walcu_fdw_refresh(regclass) IS
  'takes into a local copy what has changed since the last time';

CREATE FUNCTION walcu_fdw_reconcile(
  copy regclass,
  most_deleted double precision DEFAULT 0.1,
  OUT written bigint,
  OUT deleted bigint,
  OUT requests bigint)
RETURNS record
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION walcu_fdw_reconcile(regclass, double precision) IS
  'compares a local copy with all documents, and deletes the rows of those that are gone';

CREATE FUNCTION walcu_fdw_refresh_one(
  copy regclass,
  id text,
  OUT written bigint,
  OUT deleted bigint,
  OUT requests bigint)
RETURNS record
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION walcu_fdw_refresh_one(regclass, text) IS
  'takes one document into a local copy as it is now';

CREATE FUNCTION walcu_fdw_drop_copy(
  copy regclass,
  keep_table boolean DEFAULT false)
RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION walcu_fdw_drop_copy(regclass, boolean) IS
  'drops a local copy, or lets its table be as it is from now on';

CREATE FUNCTION walcu_fdw_copy_columns(copy regclass)
RETURNS text[]
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION walcu_fdw_copy_columns(regclass) IS
  'adds to a local copy the columns that its foreign table has got';

CREATE PROCEDURE walcu_fdw_copies_run()
AS 'MODULE_PATHNAME'
LANGUAGE C;
COMMENT ON PROCEDURE walcu_fdw_copies_run() IS
  'does what is due of the current user''s local copies, each in a transaction of its own';

CREATE FUNCTION walcu_fdw_copies_next()
RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT min(due_at) FROM walcu_fdw_copy_due;
END;
COMMENT ON FUNCTION walcu_fdw_copies_next() IS
  'when walcu_fdw_copies_run has something to do; NULL for never';

CREATE FUNCTION walcu_fdw_copy_since(copy regclass)
RETURNS timestamptz
LANGUAGE sql STABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
  SELECT e.watermark - e.overlap FROM walcu_fdw_copy_entries e WHERE e.copy = walcu_fdw_copy_since.copy;
END;
COMMENT ON FUNCTION walcu_fdw_copy_since(regclass) IS
  'changes from this moment on may be missing in a local copy';
-- What write_mode 'outbox' records.  The library writes and reads it, with the rights of its owner: nobody else
-- has any.  src/modify/outbox_table.h knows the columns.
CREATE TABLE walcu_fdw_outbox_entries (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  owner regrole NOT NULL,
  relation regclass NOT NULL,
  relation_name text NOT NULL,
  server oid NOT NULL,
  dealer_id text NOT NULL,
  resource text NOT NULL,
  document text NOT NULL,
  method text NOT NULL,
  body text,
  leaves text,
  sets text,
  is_sure boolean NOT NULL,
  made_here boolean NOT NULL,
  conflict_is_none boolean NOT NULL,
  state text NOT NULL CHECK (state IN ('waiting', 'sending', 'refused')),
  is_doubtful boolean NOT NULL,
  attempts integer NOT NULL,
  recorded_at timestamptz NOT NULL,
  next_attempt_at timestamptz NOT NULL,
  last_error text);
CREATE INDEX walcu_fdw_outbox_entries_document ON walcu_fdw_outbox_entries (document, resource, dealer_id, id);
COMMENT ON TABLE walcu_fdw_outbox_entries IS
  'writes of tables with write_mode ''outbox'' that are still to be sent';
SELECT pg_catalog.pg_extension_config_dump('walcu_fdw_outbox_entries', '');
SELECT pg_catalog.pg_extension_config_dump('walcu_fdw_outbox_entries_id_seq', '');

-- Entries are recorded without it, and restored with it: a server has another number in another database.
CREATE FUNCTION walcu_fdw_outbox_entry_restored()
RETURNS trigger
AS 'MODULE_PATHNAME'
LANGUAGE C;
COMMENT ON FUNCTION walcu_fdw_outbox_entry_restored() IS
  'gives a write that is restored into the outbox its server of this database';
REVOKE EXECUTE ON FUNCTION walcu_fdw_outbox_entry_restored() FROM PUBLIC;
CREATE TRIGGER restored BEFORE INSERT ON walcu_fdw_outbox_entries
  FOR EACH ROW EXECUTE FUNCTION walcu_fdw_outbox_entry_restored();
ALTER TABLE walcu_fdw_outbox_entries ENABLE ALWAYS TRIGGER restored;

-- Servers that are not asked for a while, as they do not answer, or do not take the credentials.
CREATE TABLE walcu_fdw_outbox_pauses (
  server oid,
  owner oid,
  until timestamptz NOT NULL,
  failures integer NOT NULL,
  PRIMARY KEY (server, owner));
COMMENT ON TABLE walcu_fdw_outbox_pauses IS
  'servers to which the outbox sends nothing for a while';

CREATE VIEW walcu_fdw_outbox WITH (security_barrier) AS
SELECT e.id,
       e.relation AS "table",
       s.srvname AS server,
       CASE e.method WHEN 'POST' THEN 'INSERT' WHEN 'DELETE' THEN 'DELETE' ELSE 'UPDATE' END AS operation,
       e.document AS _id,
       e.state,
       e.attempts,
       date_trunc('milliseconds', clock_timestamp() - e.recorded_at) AS age,
       CASE WHEN e.state = 'waiting' THEN
         greatest(e.next_attempt_at, (SELECT p.until FROM walcu_fdw_outbox_pauses p
                                       WHERE p.server = e.server AND p.owner = e.owner::oid)) END AS next_attempt_at,
       e.last_error,
       (SELECT min(o.id) FROM walcu_fdw_outbox_entries o
         WHERE o.document = e.document AND o.resource = e.resource AND o.dealer_id = e.dealer_id
           AND o.server = e.server AND o.id < e.id) AS waits_for,
       (SELECT format('an earlier write of this document, of role %s, %s', o.owner,
                      CASE o.state WHEN 'refused' THEN 'was refused' WHEN 'sending' THEN 'is being sent'
                                   ELSE 'is to be sent' END)
          FROM walcu_fdw_outbox_entries o
         WHERE o.document = e.document AND o.resource = e.resource AND o.dealer_id = e.dealer_id
           AND o.server = e.server AND o.id < e.id
         ORDER BY o.id LIMIT 1) AS blocked_by,
       e.owner,
       e.recorded_at,
       CASE WHEN pg_has_role(e.owner::oid, 'USAGE') THEN e.body END AS body
  FROM walcu_fdw_outbox_entries e
  LEFT JOIN pg_foreign_server s ON s.oid = e.server
 WHERE pg_has_role(e.owner::oid, 'USAGE') OR pg_has_role(s.srvowner, 'USAGE');
COMMENT ON VIEW walcu_fdw_outbox IS
  'your writes, and those to servers of yours, that are still to be sent, and what hinders them';
GRANT SELECT ON walcu_fdw_outbox TO PUBLIC;

-- A procedure, as it commits before and after what it sends.
CREATE PROCEDURE walcu_fdw_outbox_send(
  max integer DEFAULT NULL,
  INOUT sent bigint DEFAULT NULL,
  INOUT failed bigint DEFAULT NULL,
  INOUT refused bigint DEFAULT NULL,
  INOUT waiting bigint DEFAULT NULL)
AS 'MODULE_PATHNAME'
LANGUAGE C;
COMMENT ON PROCEDURE walcu_fdw_outbox_send(integer, bigint, bigint, bigint, bigint) IS
  'sends what is due of your writes in the outbox';

CREATE FUNCTION walcu_fdw_outbox_retry(id bigint)
RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION walcu_fdw_outbox_retry(bigint) IS
  'has a write in the outbox sent by the next walcu_fdw_outbox_send';

CREATE FUNCTION walcu_fdw_outbox_discard(id bigint)
RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION walcu_fdw_outbox_discard(bigint) IS
  'takes a write out of the outbox, which is not sent then';

CREATE FUNCTION walcu_fdw_outbox_next()
RETURNS timestamptz
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION walcu_fdw_outbox_next() IS
  'when there is something to send in the outbox; NULL when nothing waits';

CREATE FUNCTION walcu_fdw_worker_start()
RETURNS integer
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION walcu_fdw_worker_start() IS
  'starts a background worker for this database, which refreshes copies and sends the outbox, and returns its process id';
REVOKE EXECUTE ON FUNCTION walcu_fdw_worker_start() FROM PUBLIC;
