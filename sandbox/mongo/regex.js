/*
 * Regular expressions as MongoDB's PCRE reads them, turned into JavaScript's; or in another dialect.
 * Used by filter.js for $regex.
 *
 * The two agree on most of the syntax and differ in small things that decide whether a document
 * matches: what '.', '$', '^' and '\s' mean, which escapes are allowed, the option x. What has no
 * counterpart in JavaScript is an error, never a guess.
 */

import { FilterError } from './errors.js';

const SPACE = ' \\t\\n\\v\\f\\r';

/** In a group of its own: V8 in Node.js 18 gets a bare one wrong next to characters above U+FFFF. */
const noneOf = (members) => `(?:[^${members}])`;

/** Escapes that mean something else in JavaScript, or nothing; and those that noneOf is for. */
const ESCAPES = {
  A: '^',
  Z: '(?=\\n?$)',
  z: '$',
  s: `[${SPACE}]`,
  S: noneOf(SPACE),
  D: noneOf('\\d'),
  W: noneOf('\\w'),
  h: '[ \\t\\u00a0]',
  v: '[\\n\\v\\f\\r\\u0085\\u2028\\u2029]',
  a: '\\x07',
  e: '\\x1b',
};
const CLASS_ESCAPES = { s: SPACE, h: ' \\t\\u00a0', v: '\\n\\v\\f\\r\\u0085\\u2028\\u2029', a: '\\x07', e: '\\x1b' };

const POSIX_CLASSES = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  blank: ' \\t',
  digit: '0-9',
  lower: 'a-z',
  punct: '!-\\/:-@\\[-`\\{-~',
  space: SPACE,
  upper: 'A-Z',
  word: '\\w',
  xdigit: '0-9A-Fa-f',
};

const QUANTIFIER = /^\{\d+(,\d*)?\}/;
const GROUP_OPENINGS = /^\(\?(:|=|!|<=|<!|<[A-Za-z_]\w*>)/;

/** Who reads a $regex: MongoDB, JavaScript, or nobody. */
export const DIALECTS = ['pcre', 'javascript', 'refused'];

export function compileRegex(pattern, options = '', dialect = 'pcre') {
  if (typeof pattern !== 'string') throw new FilterError('$regex has to be a string');
  if (dialect === 'refused') throw new FilterError('$regex is not allowed');
  return dialect === 'javascript' ? compileJavaScript(pattern, options) : compilePcre(pattern, options);
}

function compileJavaScript(pattern, options) {
  try {
    return new RegExp(pattern, options);
  } catch (error) {
    throw new FilterError(error.message);
  }
}

/** options: MongoDB's, any of i, m, s, x, u. */
function compilePcre(pattern, options) {
  if (typeof options !== 'string' || /[^imsxu]/.test(options)) {
    throw new FilterError(`invalid flag in regex options: ${options}`);
  }
  const inline = /^\(\?([imsx]+)\)/.exec(pattern);
  const body = inline ? pattern.slice(inline[0].length) : pattern;
  const flags = new Set(options + (inline?.[1] ?? ''));
  try {
    return new RegExp(new Translation(body, flags).run(), flags.has('i') ? 'iu' : 'u');
  } catch (error) {
    if (error instanceof FilterError) throw error;
    throw new FilterError(`Regular expression is invalid: ${error.message}`);
  }
}

class Translation {
  constructor(pattern, flags) {
    this.pattern = pattern;
    this.flags = flags;
    this.at = 0;
    this.characters = {
      '.': flags.has('s') ? '[\\s\\S]' : noneOf('\\n'),
      $: flags.has('m') ? '(?=\\n|$)' : ESCAPES.Z,
      '^': flags.has('m') ? '(?:^|(?<=\\n)(?!$))' : ESCAPES.A,
      ']': '\\]',
      '}': '\\}',
    };
  }

  run() {
    let output = '';
    while (this.at < this.pattern.length) output += this.next();
    return output;
  }

  get rest() {
    return this.pattern.slice(this.at);
  }

  take(length) {
    this.at += length;
    return this.pattern.slice(this.at - length, this.at);
  }

  /** One whole character, which may be two code units. */
  takeCharacter() {
    return this.take(this.pattern.codePointAt(this.at) > 0xffff ? 2 : 1);
  }

  next() {
    const character = this.takeCharacter();
    switch (character) {
      case '\\':
        return this.escape(ESCAPES);
      case '[':
        return this.characterClass();
      case '(':
        return this.group();
      case '{':
        return this.braces();
      case '*':
      case '+':
      case '?':
        return character + this.refusePossessive();
    }
    if (this.flags.has('x') && /\s/.test(character)) return '';
    if (this.flags.has('x') && character === '#') return this.comment();
    return this.characters[character] ?? character;
  }

  /** What follows a backslash. */
  escape(meanings) {
    if (this.at === this.pattern.length) throw new FilterError('Regular expression is invalid: \\ at end of pattern');
    const character = this.takeCharacter();
    if (Object.hasOwn(meanings, character)) return meanings[character];
    if (character === 'Q') return this.quotation();
    if (character === 'E') return '';
    if (character === 'x' && this.rest.startsWith('{')) return `\\u${this.take(this.rest.indexOf('}') + 1)}`;
    if (/[pP]/.test(character)) return `\\${character}${this.propertyName()}`;
    if (/[0-9bBcdDfknrtwWxS]/.test(character)) return `\\${character}`;
    if (/[A-Za-z]/.test(character)) throw new FilterError(`the sandbox does not know \\${character} in a $regex`);
    return literal(character);
  }

  /** Of a Unicode property: one letter may stand without braces. */
  propertyName() {
    return this.rest.startsWith('{') ? this.take(this.rest.indexOf('}') + 1) : `{${this.takeCharacter()}}`;
  }

  /** \Q...\E: everything between stands for itself. */
  quotation() {
    const end = this.rest.indexOf('\\E');
    const text = end < 0 ? this.take(this.rest.length) : this.take(end + 2).slice(0, -2);
    return Array.from(text, literal).join('');
  }

  characterClass() {
    const isNegated = this.rest.startsWith('^');
    if (isNegated) this.take(1);
    let members = this.rest.startsWith(']') ? literal(this.take(1)) : '';
    while (!this.rest.startsWith(']')) {
      if (this.at >= this.pattern.length) throw new FilterError('Regular expression is invalid: missing ]');
      members += this.classMember();
    }
    this.take(1);
    return isNegated ? noneOf(members) : `[${members}]`;
  }

  classMember() {
    const posix = /^\[:([a-z]+):\]/.exec(this.rest);
    if (posix) {
      if (!Object.hasOwn(POSIX_CLASSES, posix[1])) throw new FilterError(`unknown POSIX class name: ${posix[1]}`);
      this.take(posix[0].length);
      return POSIX_CLASSES[posix[1]];
    }
    const character = this.takeCharacter();
    return character === '\\' ? this.escape(CLASS_ESCAPES) : character;
  }

  group() {
    if (this.rest.startsWith('?P<')) this.at += 2;
    else if (this.rest.startsWith('?#')) return this.skipPast(')');
    else if (!this.rest.startsWith('?')) return '(';
    else this.at += 1;
    const opening = GROUP_OPENINGS.exec(`(?${this.rest}`);
    if (!opening) throw new FilterError(`the sandbox does not know (?${this.rest[0] ?? ''} in a $regex`);
    this.take(opening[1].length);
    return opening[0];
  }

  /** A brace that does not begin a quantifier stands for itself. */
  braces() {
    const quantifier = QUANTIFIER.exec(`{${this.rest}`);
    if (!quantifier) return '\\{';
    this.take(quantifier[0].length - 1);
    return quantifier[0] + this.refusePossessive();
  }

  refusePossessive() {
    if (this.rest.startsWith('+')) throw new FilterError('the sandbox does not know possessive quantifiers');
    return this.rest.startsWith('?') ? this.take(1) : '';
  }

  comment() {
    return this.skipPast('\n');
  }

  skipPast(mark) {
    const end = this.rest.indexOf(mark);
    this.take(end < 0 ? this.rest.length : end + 1);
    return '';
  }
}

/** Inside and outside of a class. The hyphen matters inside only, where JavaScript allows to escape it. */
function literal(character) {
  if (character === '-') return '\\u002d';
  return /[\^$\\.*+?()[\]{}|/]/.test(character) ? `\\${character}` : character;
}
