// Knex: the query builder, with schemas, returning, transactions and savepoints.
import knex from 'knex';
import { connection, contents, documents, empty, isEqual, run } from './tap.js';

const LEADS = ['aftersalelead', 'appraisallead', 'salelead'];

async function testWrites(db, schema) {
  await empty();
  const notes = () => db.withSchema(schema).table('notes');
  // rows of different columns: Knex fills what is missing with DEFAULT
  const made = await notes().insert([{ content: 'one', created_at: null }, { content: 'two', lead_type: LEADS[0] }, {}])
    .returning(['_id', 'content']);
  isEqual(made.map((row) => row.content), ['one', 'two', null], `${schema}: insert of several rows`);
  isEqual(await notes().where({ _id: made[0]._id }).update({ content: 'changed' }), 1, `${schema}: update`);
  isEqual(await contents(), ['', 'changed', 'two'], `${schema}: and all is there`);
  isEqual(await notes().whereIn('_id', made.map((row) => row._id)).whereNull('content').del(), 1, `${schema}: del`);
  await db.transaction(async (trx) => {
    await trx.withSchema(schema).table('notes').insert({ content: 'lost' });
    throw new Error('on purpose');
  }).catch(() => {});
  isEqual(await contents(), ['changed', 'two'], `${schema}: a transaction that is rolled back`);
  await db.transaction(async (trx) => {
    await trx.withSchema(schema).table('notes').insert({ content: 'outer' });
    await trx.transaction(async (inner) => {
      await inner.withSchema(schema).table('notes').insert({ content: 'inner' });
      throw new Error('on purpose');
    }).catch(() => {});
  });
  isEqual(await contents(), ['changed', 'outer', 'two'], `${schema}: a savepoint`);
}

async function testReads(db, schema) {
  await empty();
  const notes = () => db.withSchema(schema).table('notes');
  await db.batchInsert(`${schema}.notes`,
    Array.from({ length: 20 }, (_, i) => ({ content: `note ${10 + i}`, lead_type: LEADS[i % 3] })), 6);
  const ids = (await documents('notes')).map((document) => document._id).sort().reverse();
  isEqual(await notes().orderBy('_id', 'desc').offset(4).limit(3).pluck('_id'), ids.slice(4, 7), `${schema}: a page`);
  isEqual((await notes().whereILike('content', 'NOTE 1%').whereNot('lead_type', LEADS[0])).length, 6, `${schema}: ilike`);
  const groups = await notes().select('lead_type').count('* as n').groupBy('lead_type').orderBy('lead_type');
  isEqual(groups.map((group) => Number(group.n)), [7, 7, 6], `${schema}: groups`);
  isEqual((await notes().first('content').where('_id', ids[0])).content.slice(0, 5), 'note ', `${schema}: first`);
  isEqual('custom' in (await db.withSchema(schema).table('notes').columnInfo()), true, `${schema}: columnInfo`);
  const rows = [];
  for await (const row of notes().select('_id').stream({ batchSize: 3 })) rows.push(row._id);
  isEqual(rows.length, 20, `${schema}: a stream`);
}

await run(async () => {
  const db = knex({ client: 'pg', connection });
  isEqual(await db.schema.withSchema('crm_app').hasTable('notes'), true, 'hasTable finds a view');
  for (const schema of ['crm', 'crm_app']) {
    await testWrites(db, schema);
    await testReads(db, schema);
  }
  await db.destroy();
});
