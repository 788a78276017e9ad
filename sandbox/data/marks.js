/*
 * Characters in texts that few expect: control characters, line separators, U+0000. Used by
 * document.js. (Emoji, quotes, backslashes and line breaks are in the vocabulary already.)
 *
 * They stand where people's texts do, also in free forms, not in references or dates: those must
 * still find and be found.
 */

import { randomLeaf, valueAt } from './places.js';

const ATTEMPTS = 20;

/* [share of the documents, the marks]; PostgreSQL cannot store the last one */
const MARKS = [
  [0.03, ['\u0001', '\u007f', '\u2028', '\u2029', '\u001b[0m', '\b\f', '\u0085', '\ufeff', '\u202e', 'e\u0301']],
  [0.012, ['\u0000']],
];

const REFERENCE = /(^|_)(ids?|by|to|at|date|user|users|dealer|sid|type|status|direction)$/;
const MACHINE_TEXT = /^([0-9a-f]{24}|\d{4}-\d\d-\d\d.*|https?:.*)$/;

export function leaveMarks(random, document, schema) {
  for (const [share, marks] of MARKS) {
    if (random.chance(share)) leaveMark(random, random.pick(marks), document, schema);
  }
}

function leaveMark(random, mark, document, schema) {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const place = randomLeaf(random, document, schema);
    if (!place || !isPeoplesText(place)) continue;
    const characters = [...valueAt(place)];
    characters.splice(random.integer(0, characters.length), 0, mark);
    place.holder[place.key] = characters.join('');
    return;
  }
}

function isPeoplesText(place) {
  const value = valueAt(place);
  return typeof value === 'string' && !REFERENCE.test(place.key) && !MACHINE_TEXT.test(value);
}
