/*
 * Values of the wrong type, as imports and old software leave them. One document in fifty has one, at
 * any depth, but never in an `_id`, in `dealer_id` or in a free form. Used by document.js.
 *
 *   where the description says    there is
 *   string                        a number, a boolean, an object, an array
 *   number                        a string (of digits or not), a boolean, an object, an array
 *   boolean                       a string, a number, an object, an array
 *   date                          a string that is no date, a number, a boolean, an object, an array
 *   array                         a scalar, an object; of ids: no string
 *   object                        a scalar, an array
 *
 * So a string in the place of an id is always an id. No string is a date that only some programs accept: what would be one depends on who reads it.
 */

import { isIdSchema } from '../crm/description.js';
import { randomPlace } from './places.js';

const DAMAGED = 0.02;
const ATTEMPTS = 60;

const WRONG_VALUES = {
  string: [0, 42, -1.5, true, false, () => ({ valor: 'texto' }), () => ({}), () => [], () => ['uno', 'dos']],
  number: ['12.500 €', '42', '', 'NaN', true, false, () => ({ $numberDecimal: '12.5' }), () => [], () => [1, 2]],
  boolean: ['sí', 'true', '', 0, 1, () => ({}), () => [true]],
  date: [
    ...['mañana', 'now', 'infinity', '', '31/12/2024', '2024-13-45', '0000-00-00T00:00:00.000Z'],
    ...[0, 1719750000000, true, () => ({}), () => []],
  ],
  array: ['uno; dos', '', '[]', 7, false, () => ({ 0: 'uno' })],
  object: ['{}', '', 'texto', 7, true, () => [], () => ['texto']],
};

export function damage(random, document, schema) {
  if (!random.chance(DAMAGED)) return;
  const place = damageablePlace(random, document, schema);
  if (!place) return;
  const wrong = random.pick(wrongValues(place.schema));
  place.holder[place.key] = typeof wrong === 'function' ? wrong() : wrong;
}

/* Each type has its turn, however rare it is among the fields, if the document has it at all. */
function damageablePlace(random, document, schema) {
  const wanted = random.pick(Object.keys(WRONG_VALUES));
  const places = Array.from({ length: ATTEMPTS }, () => randomPlace(random, document, schema)).filter(
    (place) => place && place.key !== 'dealer_id' && typeOf(place.schema),
  );
  return places.find((place) => typeOf(place.schema) === wanted) ?? places[0];
}

function wrongValues(schema) {
  const values = WRONG_VALUES[typeOf(schema)];
  return isIdSchema(schema.items) ? values.filter((value) => typeof value !== 'string') : values;
}

/* Undefined for a free form, to which nothing is wrong. */
function typeOf(schema) {
  return schema?.format === 'date-time' ? 'date' : schema?.type;
}
