/*
 * The documents that the replay server sends: cars of the sandbox's generator, as one run of bytes in
 * the order of their ids, so that a page is a slice of it. Used by server.mjs.
 *
 * What json_to_recordset would refuse is left out, for the benchmarks compare with it: values of the
 * wrong type in the columns that are read, and the character that PostgreSQL has not.
 */

import { createDataset } from '../../sandbox/data/index.js';

const DEALER = '5f2b1c9e8d3a4b0012345678';

/* More than are wanted are made, for some are left out. */
const SPARE = 1.1;

const isText = (value) => typeof value === 'string';
const isDate = (value) => isText(value) && !Number.isNaN(Date.parse(value));

/* The columns that the benchmarks read. */
const READ = {
  make: isText,
  model: isText,
  mileage: (value) => typeof value === 'number',
  published: (value) => typeof value === 'boolean',
  created_at: isDate,
};

/** {ids, bytes, slice(from, to), backwards(from, to)}: positions in the order of the ids. */
export function makeCars(count) {
  const made = Math.ceil(count * SPARE) + 10;
  const data = createDataset({ counts: { cars: made }, dealerId: DEALER });
  const documents = [];
  for (let i = 0; i < made && documents.length < count; i++) {
    const document = data.document('cars', i);
    const text = JSON.stringify(document);
    if (isClean(document, text)) documents.push([document._id, text]);
  }
  documents.sort(([a], [b]) => (a < b ? -1 : 1));
  return run(documents);
}

/** The same with the top-level fields alone that are named; made once for each list of names. */
export function projected(cars, project) {
  if (!project) return cars;
  cars.projections ??= new Map();
  if (!cars.projections.has(project)) {
    const names = new Set(['_id', ...project.split(/[ ,]+/).map((path) => path.split('.')[0])]);
    const select = (document) => Object.fromEntries(Object.entries(document).filter(([name]) => names.has(name)));
    const documentAt = (i) => JSON.parse(cars.slice(i, i + 1));
    cars.projections.set(project, run(cars.ids.map((id, i) => [id, JSON.stringify(select(documentAt(i)))])));
  }
  return cars.projections.get(project);
}

function isClean(document, text) {
  return (
    !text.includes('\\u0000') &&
    Object.entries(READ).every(([name, fits]) => document[name] == null || fits(document[name]))
  );
}

/* A comma stands between documents, and so within a slice of more than one. */
function run(documents) {
  const starts = new Float64Array(documents.length + 1);
  documents.forEach(([, text], i) => (starts[i + 1] = starts[i] + Buffer.byteLength(text) + 1));
  const bytes = Buffer.alloc(Math.max(0, starts[documents.length] - 1), ',');
  documents.forEach(([, text], i) => bytes.write(text, starts[i]));

  const slice = (from, to) => bytes.subarray(starts[from], Math.max(starts[from], starts[to] - 1));
  return {
    ids: documents.map(([id]) => id),
    bytes,
    slice,
    *backwards(from, to) {
      for (let i = to - 1; i >= from; i--) {
        yield slice(i, i + 1);
        if (i > from) yield ',';
      }
    },
  };
}
