/** Decides for every documented entry how far it is done, from the declarations and from what tests called. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { declarations, importable, layoutNames } from './declared.ts';
import { type DdiEntry, ddiEntries, readFacts } from './facts.ts';
import { documentsFailure } from './outcome.ts';
import {
  GROUPS_DUE,
  GROUPS_OUT_OF_SCOPE,
  ISSUE_OF_COMPILED_DRIVERS,
  OUT_OF_SCOPE,
  PLANNED_GROUPS,
} from './outOfScope.ts';

/** How far an entry is done. `missing` is due and not proven. */
export type State = 'implemented' | 'inline' | 'structure' | 'planned' | 'out of scope' | 'missing';

/** One line of the page. */
export interface Row {
  readonly entry: DdiEntry;
  readonly state: State;
  /** The tests that prove it, the reason, the issue, or what is missing. */
  readonly remark: string;
}

/** What the tests of one file showed of one entry. */
export interface Observation {
  readonly success?: string;
  readonly failure?: string;
}

/** What the tests of one file called, as `test/support/observed.ts` writes it. */
export interface ObservedFile {
  readonly file: string;
  readonly entries: Readonly<Record<string, Observation>>;
}

/** The observations of the last run, in the order of file names. */
export function readObservations(folder: string): ObservedFile[] {
  if (!existsSync(folder)) return [];
  return (
    readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      // Written by test/support/observed.ts in this shape.
      .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as ObservedFile)
      .sort((left, right) => (left.file < right.file ? -1 : 1))
  );
}

const constantValues = new Map(
  readFacts<{ name: string; value: string }>('constants').map(({ name, value }) => [name, Number(value)]),
);
const imported = new Set(readFacts<{ name: string }>('driver-imports').map(({ name }) => name));

/** Values of NDIS_NET_BUFFER_LIST_INFO that fill places only where a pointer has 32 bits. */
const NOT_ON_X64 = /^(NetBufferListInfoReserved\d|SwitchForwardingDetail_b\d+_to_b\d+)$/;

/** A row for every entry, in the order of the facts. */
export function coverageRows(files: readonly ObservedFile[]): Row[] {
  return ddiEntries.map((entry) => ({ entry, ...stateOf(entry, files) }));
}

function stateOf(entry: DdiEntry, files: readonly ObservedFile[]): Pick<Row, 'state' | 'remark'> {
  if (entry.kind === 'struct' || entry.kind === 'enum') {
    const unknown = (entry.values ?? []).filter(
      ({ name }) => !constantValues.has(name) && !NOT_ON_X64.test(name),
    );
    if (layoutNames.has(entry.name) || (entry.kind === 'enum' && unknown.length === 0)) {
      return { state: 'structure', remark: '' };
    }
    return notDone(entry, `not declared ${unknown.map(({ name }) => name).join(', ')}`.trim());
  }
  const declaration = declarations.get(entry.name);
  if (declaration === undefined) return notDone(entry, 'not declared');
  if (declaration.kind === 'function' && !importable.has(entry.name)) {
    return notDone(entry, 'declared, but in no table of imports');
  }
  const success = firstTest(entry.name, 'success', files);
  const failure = firstTest(entry.name, 'failure', files);
  if (success === undefined && failure === undefined) return notDone(entry, 'no test calls it');
  if (success === undefined) return notDone(entry, 'no test shows a success');
  const needsFailure = documentsFailure(entry, (name) => constantValues.get(name));
  if (failure === undefined && needsFailure) return notDone(entry, 'no test shows a documented failure');
  const inline = declaration.kind === 'function' && declaration.inline;
  const remark = failure === undefined ? success : `${success}; fails: ${failure}`;
  return { state: inline ? 'inline' : 'implemented', remark };
}

function firstTest(
  name: string,
  outcome: keyof Observation,
  files: readonly ObservedFile[],
): string | undefined {
  for (const { file, entries } of files) {
    const test = entries[name]?.[outcome];
    if (test !== undefined) return `${file}: ${test}`;
  }
  return undefined;
}

function notDone(entry: DdiEntry, what: string): Pick<Row, 'state' | 'remark'> {
  const { name, group } = entry;
  const single = OUT_OF_SCOPE[name];
  if (single !== undefined) return { state: 'out of scope', remark: single };
  if (GROUPS_DUE.has(group)) return { state: 'missing', remark: what };
  const issue = PLANNED_GROUPS[group];
  if (issue !== undefined) return { state: 'planned', remark: `issue ${issue}` };
  if (group === 'undocumented-export' && imported.has(name)) {
    return { state: 'planned', remark: `issue ${ISSUE_OF_COMPILED_DRIVERS}` };
  }
  const reason = GROUPS_OUT_OF_SCOPE[group];
  if (reason !== undefined) return { state: 'out of scope', remark: reason };
  return { state: 'missing', remark: what };
}
