"""psycopg 2 and 3: parameters, pipelines of rows, server-side cursors, binary values, COPY, savepoints, errors."""

import psycopg
import psycopg2
import psycopg2.extras
import tap
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb


def test_psycopg3():
    with psycopg.connect(tap.DSN, row_factory=dict_row) as connection:
        with connection.transaction():
            row = connection.execute('INSERT INTO crm.notes (content, custom, bulk_import_ids, created_at)'
                                     ' VALUES (%s, %s, %s, %s) RETURNING *',
                                     ('one', Jsonb({'a': [1, None]}), ['64f000000000000000000001'], None)).fetchone()
        tap.is_equal(tap.contents(), ['one'], 'psycopg 3: a row is written when the transaction ends')
        tap.is_equal(len(row['_id']), 24, 'psycopg 3: RETURNING has the new id')
        found = connection.execute('SELECT * FROM crm.notes WHERE _id = %s', (row['_id'],), prepare=True,
                                   binary=True).fetchone()
        tap.is_equal((found['content'], found['custom'], found['bulk_import_ids']),
                     ('one', {'a': [1, None]}, ['64f000000000000000000001']), 'psycopg 3: binary values')
        tap.is_equal((found['created_at'].tzinfo is not None, int(found['__v'])), (True, 0),
                     'psycopg 3: a date and a number that are binary')
        connection.commit()

        with connection.cursor() as cursor:
            cursor.executemany('INSERT INTO crm.notes (content) VALUES (%s)', [(f'many {i}',) for i in range(5)])
        connection.rollback()
        tap.is_equal(tap.contents(), ['one'], 'psycopg 3: executemany that is rolled back leaves nothing')

        with connection.transaction():
            with connection.transaction():
                connection.execute("INSERT INTO crm.notes (content) VALUES ('inner')")
                raise psycopg.Rollback()
            with connection.cursor().copy('COPY crm.notes (content) FROM STDIN') as copy:
                copy.write_row(('copied',))
        tap.is_equal(tap.contents(), ['copied', 'one'], 'psycopg 3: a transaction within one is rolled back; COPY')

        with connection.pipeline():
            first = connection.execute('SELECT count(*) AS n FROM crm.cars')
            second = connection.execute('SELECT _id FROM crm.notes WHERE content = ANY(%s)', (['one', 'no'],))
        tap.is_equal((first.fetchone()['n'], len(second.fetchall())), (len(tap.documents('cars')), 1),
                     'psycopg 3: a pipeline of queries')

        with connection.cursor('by_pages') as cursor:
            cursor.itersize = 7
            ids = [row['_id'] for row in cursor.execute('SELECT _id FROM crm.cars ORDER BY _id')]
        tap.is_equal(ids, sorted(car['_id'] for car in tap.documents('cars')), 'psycopg 3: a server-side cursor')
        connection.commit()
        error = tap.raises(psycopg.errors.GeneratedAlways, lambda: connection.execute(
            'UPDATE crm.notes SET created_at = now() WHERE _id = %s', (row['_id'],)), 'psycopg 3: an error by its name')
        tap.is_equal('created_at' in error.diag.message_primary, True, 'psycopg 3: and its words')
        connection.rollback()


def test_psycopg2():
    connection = psycopg2.connect(tap.DSN)
    with connection, connection.cursor() as cursor:
        psycopg2.extras.execute_values(cursor, 'INSERT INTO crm.notes (content, client_id) VALUES %s',
                                       [(f'v{i}', None) for i in range(30)])
    tap.is_equal(len(tap.documents('notes')), 30, 'psycopg 2: execute_values')
    with connection, connection.cursor('named') as cursor:
        cursor.itersize = 4
        cursor.execute("SELECT content FROM crm.notes WHERE content LIKE %s ORDER BY content", ('v1%',))
        tap.is_equal(len(list(cursor)), 11, 'psycopg 2: a named cursor')
    with connection, connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
        cursor.execute('DELETE FROM crm.notes WHERE content IN %s', (('v1', 'v2', 'none'),))
        tap.is_equal(cursor.rowcount, 2, 'psycopg 2: rowcount of DELETE')
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("UPDATE crm.notes SET content = 'changed'")
            raise KeyError
    except KeyError:
        pass
    tap.is_equal([content for content in tap.contents() if content == 'changed'], [],
                 'psycopg 2: an exception leaves nothing')
    connection.close()


def test():
    tap.empty()
    test_psycopg3()
    tap.empty()
    test_psycopg2()


tap.run(test)
