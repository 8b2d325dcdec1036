/**
 * Checks that docs/errors.md has advice for every error code of the sources. Codes are found where errors are made:
 * the first argument of an error's constructor, `super('CODE'`, `code = 'CODE'`, and unions of codes.
 * Run: npx tsx scripts/checkErrors.ts
 */

import { sourceFiles, textOf } from './files.ts';

const CODE = '([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)';
const PATTERNS: readonly RegExp[] = [
  new RegExp(`new \\w+Error\\(\\s*'${CODE}'`, 'g'),
  new RegExp(`super\\(\\s*'${CODE}'`, 'g'),
  new RegExp(`\\bcode(?:: string)? = '${CODE}'`, 'g'),
];
/** A type of codes: `export type WireErrorCode = | 'A' | 'B';` */
const UNION = /type \w*Code =([^;]*);/g;

const codes = new Map<string, string>();
for (const file of sourceFiles(['src', 'drivers'])) {
  const text = textOf(file);
  const found = PATTERNS.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1]));
  for (const [, union] of text.matchAll(UNION)) {
    found.push(...[...union.matchAll(new RegExp(`'${CODE}'`, 'g'))].map((match) => match[1]));
  }
  for (const code of found) if (!codes.has(code)) codes.set(code, file);
}

const page = textOf('docs/errors.md');
const sections = new Map(
  [...page.matchAll(/^### `([A-Z0-9_]+)`\n([^#]*)/gm)].map((match) => [match[1], match[2].trim()]),
);
const problems = [...codes].flatMap(([code, file]) => {
  const advice = sections.get(code);
  if (advice === undefined) return [`${code} (${file}) has no section in docs/errors.md`];
  return advice === '' ? [`${code} has a section in docs/errors.md, but no advice`] : [];
});
const unused = [...sections.keys()].filter((code) => !codes.has(code));
if (unused.length > 0) console.log(`docs/errors.md has codes that no source has: ${unused.join(', ')}`);
for (const problem of problems) console.error(problem);
console.log(`${codes.size} error codes, ${problems.length} without advice`);
if (problems.length > 0) process.exitCode = 1;
