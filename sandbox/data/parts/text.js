/*
 * What people write. Used by generators/.
 */

import { AWKWARD_ENDINGS, OPENINGS, SENTENCES } from '../vocabulary/texts.js';

const AWKWARD = 0.06;

/** One sentence, as in a note. */
export function remark(random) {
  const sentence = random.pick(SENTENCES);
  const ending = random.chance(AWKWARD) ? random.pick(AWKWARD_ENDINGS) : '.';
  return capitalize(sentence) + ending;
}

/** A short letter, as in an inquiry or a message. */
export function letter(random) {
  const sentences = random.sample(SENTENCES, random.integer(1, 3));
  const ending = random.chance(AWKWARD) ? random.pick(AWKWARD_ENDINGS) : '. Un saludo.';
  return `${random.pick(OPENINGS)} ${sentences.join('; ')}${ending}`;
}

function capitalize(text) {
  return /^[a-zñáéíóú]/.test(text) ? text[0].toUpperCase() + text.slice(1) : text;
}
