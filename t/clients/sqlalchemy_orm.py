"""SQLAlchemy: reflection of foreign tables and of views, the ORM's unit of work, rollback, savepoints."""

import os

import sqlalchemy as sa
import tap
from sqlalchemy.orm import Session, declarative_base

URL = 'postgresql+psycopg2://{PGUSER}@{PGHOST}:{PGPORT}/{PGDATABASE}'.format(**os.environ)
engine = sa.create_engine(URL)
LEADS = ('aftersalelead', 'appraisallead', 'salelead')

# As the manual's page Tools has it, from here
SET_BY_SERVICE = ('created_at', 'updated_at', '__v', 'computed', 'dealer_id')


def mapped(engine, schema):
    metadata = sa.MetaData(schema=schema)
    table = sa.Table('notes', metadata, sa.Column('_id', sa.Text, sa.FetchedValue(), primary_key=True),
                     autoload_with=engine)
    for name in SET_BY_SERVICE:
        sa.FetchedValue()._set_parent(table.c[name])
        sa.FetchedValue(for_update=True)._set_parent(table.c[name])

    class Note(declarative_base(metadata=metadata)):
        __table__ = table
        # "__v" would be a private name of the class
        version = table.c['__v']

    return Note
# to here.


def test_reflection():
    inspector = sa.inspect(engine)
    tap.is_equal('notes' in inspector.get_foreign_table_names('crm'), True, 'foreign tables are listed as such')
    tap.is_equal(inspector.get_table_names('crm'), [], 'and not as tables')
    tap.is_equal('notes' in inspector.get_view_names('crm_app'), True, 'the views are listed')
    metadata = sa.MetaData()
    metadata.reflect(engine, schema='crm_app', views=True)
    tap.is_equal(sorted(metadata.tables), sorted(f'crm_app.{name}' for name in
                                                 inspector.get_foreign_table_names('crm')), 'all are reflected')
    types = {column['name']: str(column['type']) for column in inspector.get_columns('notes', 'crm')}
    tap.is_equal((types['custom'], types['created_at'], types['file_ids'], types['__v']),
                 ('JSONB', 'TIMESTAMP', 'ARRAY', 'NUMERIC'), 'columns have types')


def test_orm(schema):
    tap.empty()
    Note = mapped(engine, schema)
    with Session(engine) as session:
        note = Note(content='one', custom={'a': 1})
        session.add_all([note, Note(content='two', created_at=None), Note(content='three')])
        session.flush()
        tap.is_equal(tap.contents(), [], f'{schema}: a flush sends nothing yet')
        ident = note._id
        session.commit()
        tap.is_equal(tap.contents(), ['one', 'three', 'two'], f'{schema}: a commit does')
        tap.is_equal((note.created_at is not None, note.version, note.custom), (True, 0, {'a': 1}),
                     f'{schema}: what the service has set is read')
        note.content = 'changed'
        session.commit()
        note.content = 'changed again'
        note.custom = None
        session.commit()
        tap.is_equal(tap.contents(), ['changed again', 'three', 'two'], f'{schema}: update, and update again')
        session.delete(note)
        tap.is_equal([request for request in tap.requests(session.commit) if not request.startswith('GET')],
                     [f'DELETE notes/{ident}'], f'{schema}: delete')
        session.add(Note(content='lost'))
        session.query(Note).filter(Note.content == 'two').update({'content': 'lost'}, synchronize_session=False)
        session.rollback()
        tap.is_equal(tap.contents(), ['three', 'two'], f'{schema}: rollback')
        with session.begin_nested() as savepoint:
            session.add(Note(content='inner'))
            session.flush()
            savepoint.rollback()
        session.add(Note(content='outer'))
        session.commit()
        tap.is_equal(tap.contents(), ['outer', 'three', 'two'], f'{schema}: a savepoint is rolled back')


def test_what_waits(schema):
    """What the transaction has written is read, changed and deleted before it commits."""
    tap.empty()
    Note = mapped(engine, schema)
    with Session(engine) as session:
        note = Note(content='new')
        session.add_all([note, Note(content='gone')])
        session.flush()
        session.refresh(note)
        tap.is_equal(note.content, 'new', f'{schema}: a new row is read again')
        note.content = 'newer'
        session.delete(session.query(Note).filter(Note.content == 'gone').one())
        session.flush()
        tap.is_equal(session.query(Note).count(), 1, f'{schema}: rows are counted')
        session.commit()
        tap.is_equal(tap.contents(), ['newer'], f'{schema}: a new row is changed, another one deleted')
        note.custom = {'stage': 'won', 'price': 1}
        session.flush()
        note.custom = {'stage': 'new', 'b': 2}
        session.commit()
        tap.is_equal([document['custom'] for document in tap.documents('notes')], [{'stage': 'new', 'b': 2}],
                     f'{schema}: of two objects the second is left')


def test_queries(schema):
    Note = mapped(engine, schema)
    tap.empty()
    with Session(engine) as session:
        session.bulk_save_objects([Note(content=f'note {i:02}', lead_type=LEADS[i % 3]) for i in range(20)])
        session.commit()
        page = session.query(Note).order_by(Note._id.desc()).offset(5).limit(3)
        ids = sorted((document['_id'] for document in tap.documents('notes')), reverse=True)
        tap.is_equal([note._id for note in page], ids[5:8], f'{schema}: LIMIT and OFFSET')
        tap.is_equal(session.query(Note).filter(Note.content.ilike('NOTE 1%'), Note.lead_type.in_(LEADS[:2]))
                     .count(), 7, f'{schema}: ilike, in_ and count')
        groups = session.query(Note.lead_type, sa.func.count()).group_by(Note.lead_type).order_by(Note.lead_type)
        tap.is_equal([tuple(group) for group in groups], list(zip(LEADS, (7, 7, 6))), f'{schema}: groups')
        tap.is_equal(session.get(Note, ids[0])._id, ids[0], f'{schema}: get by the key')
        tap.is_equal(session.query(Note).filter(Note.lead_type == LEADS[2]).delete(synchronize_session=False), 6,
                     f'{schema}: delete by a condition')
        session.commit()
        tap.is_equal(len(tap.documents('notes')), 14, f'{schema}: they are gone')
        tap.is_equal(len(list(session.execute(sa.select(Note).execution_options(yield_per=4)).scalars())), 14,
                     f'{schema}: rows by a server-side cursor')


def test():
    test_reflection()
    for schema in ('crm', 'crm_app'):
        test_orm(schema)
        test_what_waits(schema)
        test_queries(schema)


tap.run(test)
