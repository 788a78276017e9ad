"""PostgREST's statements, as it makes them of requests: its reading, its writing of JSON, its look at the catalog."""

import json

import psycopg
import tap

# What it wraps each statement in
REPORT = """ SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total,
 coalesce(json_agg(_postgrest_t), '[]')::text AS body,
 nullif(current_setting('response.headers', true), '') AS response_headers
 FROM (SELECT * FROM pgrst_source) _postgrest_t"""
PAYLOAD = """WITH pgrst_payload AS (SELECT %s::json AS json_data),
 pgrst_body AS (SELECT CASE WHEN json_typeof(json_data) = 'array' THEN json_data
 ELSE json_build_array(json_data) END AS val FROM pgrst_payload), pgrst_source AS ("""

# Of its introspection: relations, whether they can be written, and what view columns stand for
RELATIONS = """SELECT n.nspname, c.relname, c.relkind IN ('r', 'p')
 OR (c.relkind IN ('v', 'f') AND (pg_relation_is_updatable(c.oid::regclass, TRUE) & 8) = 8) AS insertable,
 (c.relkind IN ('r', 'p') OR (c.relkind IN ('v', 'f') AND (pg_relation_is_updatable(c.oid::regclass, TRUE) & 4) = 4))
 AS updatable,
 (c.relkind IN ('r', 'p') OR (c.relkind IN ('v', 'f') AND (pg_relation_is_updatable(c.oid::regclass, TRUE) & 16) = 16))
 AS deletable
 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('v', 'r', 'm', 'f', 'p') AND n.nspname = ANY(%s) AND c.relname = 'notes' ORDER BY 1"""


class Api:
    def __init__(self, connection, schema):
        self.connection, self.schema = connection, schema

    def call(self, sql, *parameters):
        with self.connection.transaction():
            self.connection.execute("SELECT set_config('search_path', %s, true), set_config('role', current_user, true),"
                                    " set_config('request.method', 'GET', true)", (self.schema,))
            row = self.connection.execute(sql, parameters, prepare=True).fetchone()
        return json.loads(row[2])

    def get(self, query, *parameters):
        return self.call(f'WITH pgrst_source AS ({query}){REPORT}', *parameters)

    def post(self, rows, columns, what='*'):
        names = ', '.join(f'"{column}"' for column in columns)
        return self.call(f'{PAYLOAD} INSERT INTO "{self.schema}"."notes"({names}) SELECT {names} FROM'
                         f' json_populate_recordset(null::"{self.schema}"."notes", (SELECT val FROM pgrst_body)) _'
                         f' RETURNING "{self.schema}"."notes".{what}){REPORT}', json.dumps(rows))

    def patch(self, values, where, *parameters):
        pairs = ', '.join(f'"{column}" = _."{column}"' for column in values)
        return self.call(f'{PAYLOAD} UPDATE "{self.schema}"."notes" SET {pairs} FROM (SELECT * FROM'
                         f' json_populate_recordset(null::"{self.schema}"."notes", (SELECT val FROM pgrst_body))) _'
                         f' WHERE {where} RETURNING "{self.schema}"."notes".*){REPORT}', json.dumps(values), *parameters)

    def delete(self, where, *parameters):
        return self.get(f'DELETE FROM "{self.schema}"."notes" WHERE {where} RETURNING "{self.schema}"."notes".*',
                        *parameters)


def test_schema(connection, schema):
    tap.empty()
    api = Api(connection, schema)
    notes = f'"{schema}"."notes"'
    made = api.post([{'content': 'one', 'custom': {'a': 1}, 'created_at': None}, {'content': 'two'}, {}],
                    ['content', 'custom', 'created_at'])
    tap.is_equal([row['content'] for row in made], ['one', 'two', None], f'{schema}: POST')
    tap.is_equal((tap.contents(), len(made[0]['_id'])), (['', 'one', 'two'], 24), f'{schema}: and they are there')
    tap.is_equal([request for request in tap.requests(lambda: api.patch(
        {'content': 'changed'}, f'{notes}."_id" = %s', made[0]['_id'])) if not request.startswith('GET')],
        [f"PATCH notes/{made[0]['_id']}"], f'{schema}: PATCH')
    tap.is_equal(api.get(f'SELECT {notes}.* FROM {notes} WHERE {notes}."_id" = %s LIMIT %s OFFSET %s',
                         made[0]['_id'], None, 0)[0]['custom'], {'a': 1}, f'{schema}: GET by the key')
    page = api.get(f'SELECT {notes}."_id", {notes}."custom"->%s AS "a" FROM {notes} ORDER BY {notes}."_id" DESC'
                   ' LIMIT %s OFFSET %s', 'a', 1, 1)
    tap.is_equal([row['_id'] for row in page], sorted((row['_id'] for row in made), reverse=True)[1:2],
                 f'{schema}: a page')
    tap.is_equal(len(api.get(f'SELECT {notes}.* FROM {notes} WHERE {notes}."content" ilike %s AND'
                             f' NOT {notes}."content" = ANY(%s)', 'T%', ['none'])), 1, f'{schema}: filters')
    embedded = api.get(f'SELECT {notes}."content", row_to_json("notes_clients_1".*) AS "clients" FROM {notes}'
                       f' LEFT JOIN LATERAL (SELECT "clients_1"."_id" FROM "{schema}"."clients" AS "clients_1"'
                       f' WHERE "clients_1"."_id" = {notes}."client_id") AS "notes_clients_1" ON TRUE')
    tap.is_equal(sorted(str(row['clients']) for row in embedded), ['None'] * 3, f'{schema}: what is embedded')
    tap.is_equal(len(api.delete(f'{notes}."_id" = ANY(%s)', [row['_id'] for row in made[1:]])), 2, f'{schema}: DELETE')
    tap.is_equal(tap.contents(), ['changed'], f'{schema}: and they are gone')


def test():
    with psycopg.connect(tap.DSN, autocommit=True) as connection:
        tap.is_equal(connection.execute(RELATIONS, (['crm', 'crm_app'],)).fetchall(),
                     [('crm', 'notes', True, True, True), ('crm_app', 'notes', True, True, True)],
                     'foreign tables and views can be written')
        for schema in ('crm', 'crm_app'):
            test_schema(connection, schema)


tap.run(test)
