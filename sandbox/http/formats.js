/*
 * The three ways to write `sort` and `project`. The public description leaves the syntax open, so
 * the sandbox can be told which one it understands; it refuses the other two, or takes them for
 * names of fields that no document has, as a program does that only splits the text.
 *
 *   mongoose   -created_at _id             make model status.status
 *   comma      -created_at,_id             make,model,status.status
 *   json       {"created_at":-1,"_id":1}   {"make":1,"model":1}
 */

import { HttpError } from './errors.js';

const readList = (separator, foreign) => (text, misreads) => {
  const strange = !misreads && foreign.exec(text);
  if (strange) throw new Error(`unexpected ${JSON.stringify(strange[0])}`);
  return text.split(separator).filter(Boolean).map(readField);
};

function readField(field) {
  const path = field.replace(/^[-+]/, '');
  if (path === '') throw new Error('a field without a name');
  return [path, field.startsWith('-') ? -1 : 1];
}

const READERS = {
  mongoose: readList(/\s+/, /[,{}]/),
  comma: readList(',', /[\s{}]/),
  json: (text) => {
    const value = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('not an object');
    return Object.entries(value);
  },
};

function read(name, text, format, misreads) {
  try {
    return READERS[format](text.trim(), misreads);
  } catch (error) {
    throw new HttpError(400, `${name} is not in the format "${format}", which this service expects: ${error.message}`);
  }
}

/** [[path, 1 or -1], ...]; empty when there is none. */
export function parseSort(text = '', format, misreads = false) {
  if (text === '') return [];
  const sort = read('sort', text, format, misreads);
  const wrong = sort.find(([, direction]) => direction !== 1 && direction !== -1);
  if (wrong) throw new HttpError(400, `sort: the direction of ${wrong[0]} must be 1 or -1`);
  return sort;
}

/** {path: true to send it, false to leave it out}; null when there is none. */
export function parseProjection(text = '', format, misreads = false) {
  if (text === '') return null;
  const fields = read('project', text, format, misreads).map(([path, value]) => {
    if (![1, 0, -1, true, false].includes(value)) throw new HttpError(400, `project: ${path} must be 1 or 0`);
    return [path, value === 1 || value === true];
  });
  return fields.length > 0 ? Object.fromEntries(fields) : null;
}
