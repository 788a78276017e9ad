// Sequelize: models over foreign tables, create, save, bulk writes, lookups, transactions.
import { DataTypes, Op, Sequelize } from 'sequelize';
import { connection, contents, documents, empty, isEqual, run, writes } from './tap.js';

const LEADS = ['aftersalelead', 'appraisallead', 'salelead'];

// As the manual's page Tools has it.
function defineNote(db, schema) {
  return db.define('Note', {
    _id: { type: DataTypes.TEXT, primaryKey: true },
    content: DataTypes.TEXT,
    lead_type: DataTypes.TEXT,
    custom: DataTypes.JSONB,
    created_at: DataTypes.DATE,
    updated_at: DataTypes.DATE,
  }, { schema, tableName: 'notes', timestamps: false });
}

async function testRows(Note, schema) {
  await empty();
  const note = await Note.create({ content: 'one', custom: { a: 1 }, created_at: null });
  isEqual([note._id.length, note.created_at === null], [24, true], `${schema}: create knows the new id`);
  await note.reload();
  isEqual([await contents(), note.created_at instanceof Date], [['one'], true], `${schema}: it is written`);
  note.content = 'changed';
  isEqual(await writes(() => note.save()), [`PATCH notes/${note._id}`], `${schema}: save`);
  note.content = 'whole';
  await note.save({ fields: ['content', 'lead_type', 'custom'] });
  const whole = await Note.findByPk(note._id);
  whole.content = 'all columns';
  whole.changed('created_at', true);
  whole.changed('updated_at', true);
  isEqual(await writes(() => whole.save()), [`PATCH notes/${note._id}`], `${schema}: save of a whole row`);
  isEqual((await documents('notes')).map((row) => [row.content, row.custom]), [['all columns', { a: 1 }]],
    `${schema}: and nothing is lost`);
  await note.destroy();
  isEqual(await documents('notes'), [], `${schema}: destroy`);
}

async function testMany(Note, schema) {
  const made = await Note.bulkCreate(
    Array.from({ length: 20 }, (_, i) => ({ content: `note ${10 + i}`, lead_type: LEADS[i % 3] })));
  const ids = (await documents('notes')).map((document) => document._id).sort();
  isEqual(made.map((note) => note._id).sort(), ids, `${schema}: bulkCreate`);
  const page = await Note.findAndCountAll({ order: [['_id', 'ASC']], limit: 3, offset: 4 });
  isEqual([page.count, page.rows.map((note) => note._id)], [20, ids.slice(4, 7)], `${schema}: findAndCountAll`);
  const some = { content: { [Op.iLike]: 'NOTE 1%' }, lead_type: { [Op.notIn]: [LEADS[0]] } };
  isEqual(await Note.count({ where: some }), 6, `${schema}: count`);
  isEqual((await Note.update({ content: 'changed' }, { where: some }))[0], 6, `${schema}: update`);
  isEqual(await Note.destroy({ where: { _id: ids.slice(0, 5) } }), 5, `${schema}: destroy of several`);
  isEqual((await documents('notes')).length, 15, `${schema}: they are gone`);
  const found = () => Note.findOrCreate({ where: { content: 'found' }, defaults: { lead_type: LEADS[0] } });
  isEqual([(await found())[1], (await found())[1]], [true, false], `${schema}: findOrCreate`);
}

async function testTransactions(db, Note, schema) {
  await empty();
  await db.transaction(async (transaction) => {
    await Note.create({ content: 'lost' }, { transaction });
    throw new Error('on purpose');
  }).catch(() => {});
  isEqual(await contents(), [], `${schema}: a transaction that is rolled back`);
  await db.transaction(async (transaction) => {
    await Note.create({ content: 'outer' }, { transaction });
    await db.transaction({ transaction }, async (inner) => {
      await Note.create({ content: 'inner' }, { transaction: inner });
      throw new Error('on purpose');
    }).catch(() => {});
  });
  isEqual(await contents(), ['outer'], `${schema}: a savepoint`);
}

await run(async () => {
  const { host, port, user, database } = connection;
  const db = new Sequelize(database, user, '', { dialect: 'postgres', host, port, logging: false });
  for (const schema of ['crm', 'crm_app']) {
    const Note = defineNote(db, schema);
    await testRows(Note, schema);
    await testMany(Note, schema);
    await testTransactions(db, Note, schema);
    const columns = await db.getQueryInterface().describeTable({ tableName: 'notes', schema });
    isEqual([columns._id.type, columns.custom.type], ['TEXT', 'JSONB'], `${schema}: describeTable`);
  }
  await db.close();
});
