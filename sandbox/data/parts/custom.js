/*
 * The free fields, `custom` and `..._customs`: strings in the API's description, anything in life.
 * Used by generators/ and the other parts.
 */

import { AWKWARD_KEYS, CUSTOM_KEYS, CUSTOM_TEXTS } from '../vocabulary/texts.js';

const AWKWARD = 0.08;

/* [share, what it is]; without any of them it is absent */
const FORMS = [
  [0.12, () => null],
  [0.2, (random) => random.pick(CUSTOM_TEXTS)],
  [0.3, customObject],
];

/** A string, an object, null, or undefined for an absent field. */
export function custom(random) {
  let draw = random.fraction();
  const form = FORMS.find(([share]) => (draw -= share) < 0);
  return form?.[1](random);
}

function customObject(random) {
  const fields = {};
  for (const key of random.sample(CUSTOM_KEYS, random.integer(0, 3))) fields[key] = customValue(random, 2);
  if (random.chance(AWKWARD)) fields[random.pick(AWKWARD_KEYS)] = customValue(random, 1);
  return fields;
}

function customValue(random, depth) {
  const kind = random.integer(0, depth > 0 ? 6 : 4);
  const makers = [
    () => random.pick(CUSTOM_TEXTS),
    () => random.decimal(-100, 100, 3),
    () => random.integer(0, 5),
    () => random.chance(0.5),
    () => null,
    () => random.list(0, 3, () => customValue(random, depth - 1)),
    () => ({ valor: customValue(random, depth - 1), nota: random.pick(CUSTOM_TEXTS) }),
  ];
  return makers[kind]();
}
