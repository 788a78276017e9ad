// TypeORM: entities over foreign tables, save, remove, query builder, transactions.
import { DataSource, EntitySchema, ILike, In, Not } from 'typeorm';
import { connection, contents, documents, empty, isEqual, run, writes } from './tap.js';

const LEADS = ['aftersalelead', 'appraisallead', 'salelead'];

// As the manual's page Tools has it.
function noteOf(schema) {
  const setByService = { insert: false, update: false, nullable: true };
  return new EntitySchema({
    name: `${schema}_note`,
    tableName: 'notes',
    schema,
    columns: {
      id: { name: '_id', type: 'text', primary: true, generated: 'uuid' },
      content: { type: 'text', nullable: true },
      lead_type: { type: 'text', nullable: true },
      custom: { type: 'jsonb', nullable: true },
      created_at: { type: 'timestamptz', ...setByService },
      updated_at: { type: 'timestamptz', ...setByService },
    },
  });
}

async function testRows(db, schema) {
  await empty();
  const notes = db.getRepository(`${schema}_note`);
  const note = await notes.save(notes.create({ content: 'one', custom: { a: 1 } }));
  isEqual([note.id.length, await contents()], [24, ['one']], `${schema}: save of a new one knows its id`);
  note.content = 'changed';
  isEqual(await writes(() => notes.save(note)), [`PATCH notes/${note.id}`], `${schema}: save of a change`);
  isEqual(await writes(() => notes.save(note)), [], `${schema}: save of none`);
  const found = await notes.findOneBy({ id: note.id });
  isEqual([found.content, found.custom, found.created_at instanceof Date], ['changed', { a: 1 }, true],
    `${schema}: findOneBy`);
  isEqual((await notes.update(note.id, { content: 'again' })).affected, 1, `${schema}: update`);
  await notes.remove(found);
  isEqual(await documents('notes'), [], `${schema}: remove`);
}

async function testMany(db, schema) {
  const notes = db.getRepository(`${schema}_note`);
  await notes.save(notes.create(
    Array.from({ length: 20 }, (_, i) => ({ content: `note ${10 + i}`, lead_type: LEADS[i % 3] }))));
  const ids = (await documents('notes')).map((document) => document._id).sort();
  const [page, count] = await notes.findAndCount({ order: { id: 'ASC' }, take: 3, skip: 4 });
  isEqual([count, page.map((note) => note.id)], [20, ids.slice(4, 7)], `${schema}: findAndCount`);
  isEqual(await notes.countBy({ content: ILike('NOTE 1%'), lead_type: Not(In([LEADS[0]])) }), 6, `${schema}: ILike`);
  const groups = await notes.createQueryBuilder('n').select('n.lead_type', 'lead').addSelect('count(*)', 'count')
    .groupBy('n.lead_type').orderBy('n.lead_type').getRawMany();
  isEqual(groups.map((group) => Number(group.count)), [7, 7, 6], `${schema}: the query builder`);
  isEqual((await notes.delete({ id: In(ids.slice(0, 5)) })).affected, 5, `${schema}: delete`);
}

async function testTransactions(db, schema) {
  await empty();
  const name = `${schema}_note`;
  await db.transaction(async (manager) => {
    await manager.save(name, { content: 'lost' });
    throw new Error('on purpose');
  }).catch(() => {});
  isEqual(await contents(), [], `${schema}: a transaction that is rolled back`);
  await db.transaction(async (manager) => {
    await manager.save(name, { content: 'outer' });
    await manager.transaction(async (inner) => {
      await inner.save(name, { content: 'inner' });
      throw new Error('on purpose');
    }).catch(() => {});
  });
  isEqual(await contents(), ['outer'], `${schema}: a savepoint`);
}

await run(async () => {
  const { host, port, user: username, database } = connection;
  const db = new DataSource({
    type: 'postgres', host, port, username, database, installExtensions: false,
    entities: ['crm', 'crm_app'].map(noteOf), logging: process.env.SHOW ? ['query'] : false,
  });
  await db.initialize();
  for (const schema of ['crm', 'crm_app']) {
    await testRows(db, schema);
    await testMany(db, schema);
    await testTransactions(db, schema);
  }
  await db.destroy();
});
