// Drizzle: tables that are declared, returning, transactions; it asks PostgreSQL for none of them.
import { and, asc, count, eq, ilike, inArray, ne } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { jsonb, pgSchema, text, timestamp } from 'drizzle-orm/pg-core';
import pg from 'pg';
import { connection, contents, documents, empty, isEqual, run, writes } from './tap.js';

const LEADS = ['aftersalelead', 'appraisallead', 'salelead'];

// As the manual's page Tools has it.
function notesOf(schema) {
  return pgSchema(schema).table('notes', {
    id: text('_id').primaryKey().default(null),
    content: text('content'),
    leadType: text('lead_type'),
    custom: jsonb('custom'),
    createdAt: timestamp('created_at', { withTimezone: true }),
  });
}

async function testSchema(db, schema) {
  await empty();
  const notes = notesOf(schema);
  const [note] = await db.insert(notes).values({ content: 'one', custom: { a: 1 } }).returning();
  isEqual([note.id.length, note.custom, await contents()], [24, { a: 1 }, ['one']], `${schema}: insert`);
  isEqual(await writes(() => db.update(notes).set({ content: 'changed' }).where(eq(notes.id, note.id))),
    [`PATCH notes/${note.id}`], `${schema}: update`);
  await db.delete(notes).where(eq(notes.id, note.id));
  isEqual(await documents('notes'), [], `${schema}: delete`);
  await db.insert(notes).values(
    Array.from({ length: 20 }, (_, i) => ({ content: `note ${10 + i}`, leadType: LEADS[i % 3] })));
  const ids = (await documents('notes')).map((document) => document._id).sort();
  const page = await db.select({ id: notes.id }).from(notes).orderBy(asc(notes.id)).limit(3).offset(4);
  isEqual(page.map((row) => row.id), ids.slice(4, 7), `${schema}: a page`);
  const [found] = await db.select({ n: count() }).from(notes)
    .where(and(ilike(notes.content, 'NOTE 1%'), ne(notes.leadType, LEADS[0])));
  isEqual(found.n, 6, `${schema}: count`);
  isEqual((await db.delete(notes).where(inArray(notes.id, ids.slice(0, 18))).returning({ id: notes.id })).length, 18,
    `${schema}: delete of several`);
  await db.transaction(async (tx) => {
    await tx.delete(notes);
    await tx.transaction(async (inner) => {
      await inner.insert(notes).values({ content: 'inner' });
      inner.rollback();
    }).catch(() => {});
    tx.rollback();
  }).catch(() => {});
  isEqual((await documents('notes')).length, 2, `${schema}: transactions that are rolled back`);
}

await run(async () => {
  const pool = new pg.Pool(connection);
  const db = drizzle(pool);
  for (const schema of ['crm', 'crm_app']) await testSchema(db, schema);
  await pool.end();
});
