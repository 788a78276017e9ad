/* $regex as PCRE reads it: where JavaScript differs, and what is refused. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { compileRegex } from '../mongo/regex.js';

/** Pattern, options, strings that match, strings that do not. */
const TABLE = [
  ['^ab', '', ['abc'], ['xab', 'x\nab']],
  ['^ab', 'm', ['x\nab', 'ab'], ['x\rab']],
  ['^$', 'm', ['', 'a\n\nb'], ['a', 'a\n']],
  ['b$', '', ['ab', 'ab\n'], ['ab\nc', 'ab\n\n', 'ab\r']],
  ['b$', 'm', ['ab\nc'], ['ab\rc']],
  ['\\Aab\\z', '', ['ab'], ['ab\n']],
  ['ab\\Z', '', ['ab', 'ab\n'], ['ab ']],
  ['a.c', '', ['abc', 'a\rc', 'a\u2028c', 'a\u{1F600}c'], ['a\nc', 'ac']],
  ['a.c', 's', ['a\nc'], ['ac']],
  ['ABÉ', 'i', ['abé', 'xABÉ'], ['abe']],
  ['a\\s', '', ['a ', 'a\t', 'a\n'], ['a\u00a0', 'a\u2003']],
  ['[\\s]', '', [' ', '\n'], ['\u00a0']],
  ['a\\S', '', ['a\u00a0'], ['a ']],
  ['a\\-b\\_c\\é', '', ['a-b_cé'], ['ab']],
  ['\\/\\"\\\'\\#\\ ', '', ['/"\'# '], ['x']],
  ['\\Q.*(\\E+', '', ['.*(((', '.*('], ['abc']],
  ['\\Q.*(', '', ['.*('], ['x']],
  ['[]a]+z', '', [']az', ']z'], ['bz']],
  ['[^]a]', '', ['b'], [']', 'a', ']a']],
  ['a[^x]c', '', ['abc', 'a\nc', 'a\u{1F600}c'], ['axc', 'ac']],
  ['^...$', '', ['abc', '\u{1F600}\u{1F600}\u{1F600}'], ['\u{1F600}\u{1F600}', 'a\u{1F600}']],
  ['^\\W\\D\\S$', '', ['-a_', '\u{1F600}\u{1F600}\u{1F600}'], ['aaa', '-1-', '-a ', '\u{1F600}\u{1F600}']],
  ['[[:alpha:]_]+[[:digit:]]', '', ['ab_1'], ['-1', 'é1']],
  ['[a\\-c]', '', ['-', 'a', 'c'], ['b']],
  ['a{2}', '', ['aa'], ['a']],
  ['a{,2}', '', ['a{,2}'], ['aa']],
  ['a{x}', '', ['a{x}'], ['a']],
  ['}', '', ['}'], ['{']],
  ['a]', '', ['a]'], ['a']],
  ['a b # c', 'x', ['ab'], ['a b # c']],
  ['a\\ b[ ]c', 'x', ['a b c'], ['abc']],
  ['(?i)ab', '', ['AB'], ['a']],
  ['(?:a|b)c(?=d)(?!x)', '', ['acd', 'bcd'], ['ac', 'cd']],
  ['(?<=a)b(?<!c)', '', ['ab'], ['b']],
  ['(?P<n>a)(?#note)b', '', ['ab'], ['a']],
  ['(a)\\1', '', ['aa'], ['a']],
  ['a*?b+?', '', ['b', 'aab'], ['a']],
  ['\\x{e9}\\x41', '', ['éA'], ['eA']],
  ['\\pL\\p{Lu}', '', ['aB', 'éÉ'], ['ab', '1B']],
  ['\\u{1F600}'.replace('\\u', '\\x'), '', ['\u{1F600}'], ['x']],
  ['^\u{1F600}{2}$', '', ['\u{1F600}\u{1F600}'], ['\u{1F600}']],
  ['a\\.b', '', ['a.b'], ['axb']],
  ['^\\z', '', [''], ['\u{1F600}', '\n']],
  ['^.\\z', 's', ['\u{1F600}', '\n'], ['', '\u{1F600}\u{1F600}']],
  ['', '', ['', 'x'], []],
];

for (const [pattern, options, matching, others] of TABLE) {
  test(`regex: /${pattern}/${options}`, () => {
    const regex = compileRegex(pattern, options);
    for (const text of matching) assert.ok(regex.test(text), `matches ${JSON.stringify(text)}`);
    for (const text of others) assert.ok(!regex.test(text), `does not match ${JSON.stringify(text)}`);
  });
}

for (const pattern of ['(', '[', 'a\\', '*', 'a**', 'a++', '(?>a)', '\\Ka', '\\y', '[[:nope:]]', '(?i-s)a', 'a)']) {
  test(`regex refused: ${pattern}`, () => {
    assert.throws(() => compileRegex(pattern), { message: /Regular expression|the sandbox|POSIX/ });
  });
}
