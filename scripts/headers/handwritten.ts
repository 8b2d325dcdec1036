/** The names that the headers written by hand declare: what is written by hand is not generated. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const includeFolder = fileURLToPath(new URL('../../native/include/', import.meta.url));

function handwrittenTexts(): string[] {
  return readdirSync(includeFolder, { recursive: true, encoding: 'utf8' })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.h') && !file.startsWith('ndisbox/generated/'))
    .sort()
    .map((file) =>
      readFileSync(join(includeFolder, file), 'utf8')
        .replace(/\/\*[\s\S]*?\*\//g, '')
        .replace(/\\\n/g, ' '),
    );
}

/** Function-like and other names that follow a declaration keyword or end a typedef. */
function namesOf(text: string): string[] {
  const names: string[] = [];
  for (const match of text.matchAll(/^[ \t]*#[ \t]*define[ \t]+(\w+)/gm)) names.push(match[1]);
  for (const match of text.matchAll(/^typedef\s[^;{]*?;/gm)) {
    const inner = match[0].replace(/\([^()]*\)\s*;$/, ';');
    for (const name of inner.matchAll(/(\w+)\s*(?:\[\w*\])?\s*\)?\s*(?=[,;])/g)) names.push(name[1]);
  }
  for (const match of text.matchAll(/^}\s*([\w\s*,]+);/gm)) {
    for (const name of match[1].matchAll(/\w+/g)) names.push(name[0]);
  }
  for (const match of text.matchAll(
    /^(?:NTKERNELAPI|NTSYSAPI|NTHALAPI|NDISAPI|FORCEINLINE|DECLSPEC_NORETURN)[^;{]*?\b(\w+)\s*\(/gm,
  )) {
    names.push(match[1]);
  }
  return names;
}

const texts = handwrittenTexts();

export const handwritten: ReadonlySet<string> = new Set(texts.flatMap(namesOf));

/** Functions that headers written by hand import, with the library that their macro names. */
export const handwrittenImports: ReadonlyMap<string, 'ntoskrnl' | 'hal' | 'ndis'> = new Map(
  texts.flatMap((text) =>
    [...text.matchAll(/^(NTKERNELAPI|NTSYSAPI|NTHALAPI|NDISAPI)\b[^;{]*?\b(\w+)\s*(?:\([^;{]*)?;/gm)].map(
      (match): [string, 'ntoskrnl' | 'hal' | 'ndis'] => [
        match[2],
        match[1] === 'NDISAPI' ? 'ndis' : match[1] === 'NTHALAPI' ? 'hal' : 'ntoskrnl',
      ],
    ),
  ),
);
