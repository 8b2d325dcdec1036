/** The C headers in native/include: a compiler compares them with the facts, and takes them in every combination. */

import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { declarations } from '../scripts/coverage/declared.ts';
import { ddiEntries } from '../scripts/coverage/facts.ts';
import { assertionText } from '../scripts/headers/assertions.ts';
import { handwritten, includeFolder } from '../scripts/headers/handwritten.ts';
import { compile, hasClang } from './support/clang.ts';

const VERSIONS = [
  '60',
  '61',
  '620',
  '630',
  '640',
  '650',
  '651',
  '660',
  '670',
  '680',
  '682',
  '683',
  '684',
  '685',
  '686',
];
/** All but those that change the packing of structures, for whoever includes them. */
const headers = readdirSync(includeFolder).filter((file) => /^(?!.*pack).*\.h$/.test(file));

describe.skipIf(!hasClang)('headers', () => {
  test('have the sizes, offsets, alignments and values of the facts in the newest version', () => {
    expect(compile(assertionText())).toBe('');
  });

  test.each(VERSIONS)('have the sizes that the facts give for NDIS %s', (version) => {
    expect(compile(assertionText(), [`-DNDIS${version}`])).toBe('');
  });

  test('a wrong size does not compile', () => {
    const text = '#include <ndis.h>\n_Static_assert(sizeof(NET_BUFFER_LIST) == 240, "size");';
    expect(compile(text)).toContain('static assertion failed');
    expect(compile(text, ['-DNDIS60'])).toBe('');
  });

  test.each(headers)('%s compiles alone', (header) => {
    expect(compile(`#include <${header}>\n`)).toBe('');
  });

  test.each(['c', 'c++'] as const)('all compile together in %s, in both orders and twice', (language) => {
    const includes = headers.map((header) => `#include <${header}>\n`);
    const text = [...includes, ...includes].join('');
    expect(compile(text, [], language)).toBe('');
    expect(compile([...includes].reverse().join(''), [], language)).toBe('');
    expect(compile(text, ['-DDBG=1', '-DPOOL_NX_OPTIN=1'], language)).toBe('');
  });
});

/** What drivers for NDIS 5 build with the headers of mingw-w64. */
const ofNdis5 = new Set(ddiEntries.filter(({ group }) => group === 'legacy-5x').map(({ name }) => name));

test('every macro and inline function that ndisbox declares stands in a header', () => {
  const missing = [...declarations.values()]
    .filter((declaration) => declaration.kind === 'function' && declaration.inline)
    .map((declaration) => declaration.parsed.name)
    .filter((name) => !handwritten.has(name) && !ofNdis5.has(name));
  expect(missing).toEqual([]);
});
