// node-postgres: parameters, named statements, cursors, transactions, errors.
import pg from 'pg';
import Cursor from 'pg-cursor';
import { connection, contents, documents, empty, fails, isEqual, run, writes } from './tap.js';

async function testRows(client) {
  await client.query('BEGIN');
  const made = await client.query(
    'INSERT INTO crm.notes (content, custom, bulk_import_ids, created_at) VALUES ($1, $2, $3, $4) RETURNING *',
    ['one', { a: [1, null] }, ['64f000000000000000000001'], null]);
  await client.query('COMMIT');
  const { _id } = made.rows[0];
  isEqual(await contents(), ['one'], 'a row is written');
  const find = { name: 'find', text: 'SELECT * FROM crm.notes WHERE _id = $1', values: [_id] };
  for (const round of ['first', 'second']) {
    const { rows } = await client.query(find);
    isEqual([rows[0].content, rows[0].custom, rows[0].created_at instanceof Date], ['one', { a: [1, null] }, true],
      `a named statement, the ${round} time`);
  }
  const update = 'UPDATE crm.notes SET content = $1, created_at = $2, updated_at = $3 WHERE _id = $4 RETURNING content';
  const { created_at: created, updated_at: updated } = (await client.query(find)).rows[0];
  isEqual(await writes(() => client.query(update, ['changed', created, updated, _id])), [`PATCH notes/${_id}`],
    'a row that is sent whole');
  await fails(() => client.query(update, ['no', new Date(0), null, _id]), '428C9', 'another date is an error');
  await client.query('BEGIN');
  await client.query('DELETE FROM crm.notes WHERE _id = ANY($1)', [[_id]]);
  await client.query('ROLLBACK');
  isEqual(await contents(), ['changed'], 'a delete that is rolled back');
  isEqual((await client.query('DELETE FROM crm.notes WHERE _id = ANY($1)', [[_id]])).rowCount, 1, 'one that is not');
}

async function testCursor(client) {
  const cursor = client.query(new Cursor('SELECT _id FROM crm.cars WHERE make IS NOT NULL ORDER BY _id'));
  const ids = [];
  for (let rows; (rows = await cursor.read(7)).length > 0;) ids.push(...rows.map((row) => row._id));
  const wanted = (await documents('cars')).filter((car) => typeof car.make === 'string').map((car) => car._id).sort();
  isEqual(ids, wanted, 'pg-cursor');
  const early = client.query(new Cursor('SELECT _id FROM crm.cars'));
  isEqual((await early.read(2)).length, 2, 'a cursor that is closed early');
  await early.close();
  isEqual((await client.query('SELECT 1 AS one')).rows, [{ one: 1 }], 'the connection can go on');
}

await run(async () => {
  await empty();
  const pool = new pg.Pool(connection);
  const client = await pool.connect();
  await testRows(client);
  await testCursor(client);
  client.release();
  const counts = await Promise.all(['cars', 'clients', 'tasks'].map(async (name) =>
    [Number((await pool.query(`SELECT count(*) FROM crm.${name}`)).rows[0].count), (await documents(name)).length]));
  isEqual(counts.map(([got]) => got), counts.map(([, wanted]) => wanted), 'several connections of a pool at once');
  await pool.end();
});
