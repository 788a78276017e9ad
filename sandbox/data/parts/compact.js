/*
 * Fields that a document does not have. Generators write `undefined` for them; JSON knows no such value.
 */

/** The object without its undefined fields. */
export function compact(object) {
  for (const key in object) if (object[key] === undefined) return withoutUndefined(object);
  return object;
}

function withoutUndefined(object) {
  const kept = {};
  for (const key in object) if (object[key] !== undefined) kept[key] = object[key];
  return kept;
}

/** A value of `make`, or undefined, which compact() drops. */
export function maybe(random, probability, make) {
  return random.chance(probability) ? make() : undefined;
}
