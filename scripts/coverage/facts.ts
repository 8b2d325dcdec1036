/** The documented entries as `facts/ddi.json` lists them. */

import { readFileSync } from 'node:fs';

/** A parameter of an entry. */
export interface DdiParameter {
  readonly name: string;
  readonly type?: string;
}

/** One documented function, callback, macro, structure or enumeration. */
export interface DdiEntry {
  readonly name: string;
  readonly kind: 'function' | 'callback' | 'macro' | 'struct' | 'enum';
  readonly group: string;
  readonly header?: string;
  readonly irql?: string;
  readonly ret?: string | null;
  readonly params?: readonly DdiParameter[];
  readonly returns?: readonly string[];
  readonly returnsVia?: string;
  /** Of enumerations. */
  readonly values?: readonly { readonly name: string }[];
  /** Of callbacks: members of structures that register them. */
  readonly registeredIn?: readonly string[];
}

/** Reads a fact file, a JSON array. */
export function readFacts<T>(name: string): readonly T[] {
  // The fact files are part of the repository; the tests check what is made of them.
  return JSON.parse(readFileSync(new URL(`../../facts/${name}.json`, import.meta.url), 'utf8')) as T[];
}

export const ddiEntries: readonly DdiEntry[] = readFacts<DdiEntry>('ddi');
