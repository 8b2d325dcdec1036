/** The coverage page: what counts as proven, what does not, and that every entry has a place. */

import { describe, expect, test } from 'vitest';
import { declarations } from '../scripts/coverage/declared.ts';
import { RETURNS_NOTHING, WRITES_NULL } from '../scripts/coverage/documentedFailures.ts';
import { ddiEntries, readFacts } from '../scripts/coverage/facts.ts';
import { documentsFailure, type ObservedCall, outcomeOf } from '../scripts/coverage/outcome.ts';
import {
  GROUPS_DUE,
  GROUPS_OUT_OF_SCOPE,
  OUT_OF_SCOPE,
  PLANNED_GROUPS,
} from '../scripts/coverage/outOfScope.ts';
import { coveragePage } from '../scripts/coverage/page.ts';
import { coverageRows } from '../scripts/coverage/rows.ts';

const entry = (name: string) => {
  const found = ddiEntries.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`${name} is no entry`);
  return found;
};
const call = (name: string, result: unknown, more: Partial<ObservedCall> = {}): ObservedCall => ({
  name,
  returns: entry(name).ret ?? 'VOID',
  parameters: entry(name).params ?? [],
  args: [],
  result,
  read: () => 0,
  ...more,
});
const statuses = new Map(
  readFacts<{ name: string; value: string }>('constants').map(({ name, value }) => [name, Number(value)]),
);

describe('the outcome of a call', () => {
  test.each<[string, unknown, string]>([
    ['NdisOpenAdapterEx', 0, 'success'],
    ['NdisOpenAdapterEx', 0x103, 'success'],
    ['NdisOpenAdapterEx', 0xc000009a, 'failure'],
    ['NdisOpenAdapterEx', 0x80010001, 'failure'],
    ['NdisAllocateNetBufferList', 0x1_2340, 'success'],
    ['NdisAllocateNetBufferList', 0, 'failure'],
    ['NdisCancelTimerObject', 0, 'failure'],
    ['NdisCancelTimerObject', true, 'success'],
    ['NdisFreeNetBufferList', undefined, 'success'],
    ['NET_BUFFER_NEXT_NB', 0, 'success'],
    ['NET_BUFFER_DATA_LENGTH', 0xffff_ffff, 'success'],
    ['PROTOCOL_BIND_ADAPTER_EX', 0xc0000001, 'failure'],
  ])('%s with %s is a %s', (name, result, outcome) => {
    expect(outcomeOf(call(name, result))).toBe(outcome);
  });

  test('is read where the status is written', () => {
    const read = (value: number) => ({ args: [0x1_0000], read: () => value });
    expect(outcomeOf(call('NdisReadConfiguration', 0, read(0xc0000001)), 'Status')).toBe('failure');
    expect(outcomeOf(call('NdisReadConfiguration', 0, read(0)), 'Status')).toBe('success');
    const memory = { args: [1, 2, 0, 0x1_0000, 0x1_0008], read: () => 0 };
    expect(outcomeOf(call('NdisMAllocateSharedMemory', 0, memory))).toBe('failure');
    expect(outcomeOf(call('NdisMAllocateSharedMemory', 0, { ...memory, read: () => 8 }))).toBe('success');
  });
});

test.each<[string, boolean]>([
  ['NdisOpenAdapterEx', true],
  ['NdisReadConfiguration', true],
  ['NdisAllocateNetBufferList', true],
  ['NdisWaitEvent', true],
  ['MINIPORT_PAUSE', false],
  ['NdisFreeNetBufferList', false],
  ['NET_BUFFER_NEXT_NB', false],
])('%s documents a failure: %s', (name, expected) => {
  expect(documentsFailure(entry(name), (status) => statuses.get(status))).toBe(expected);
});

describe('the lists that were reviewed by hand', () => {
  const names = new Set(ddiEntries.map(({ name }) => name));
  const groups = new Set(ddiEntries.map(({ group }) => group));
  test('name entries and groups that exist', () => {
    const listed = [...RETURNS_NOTHING, ...WRITES_NULL.keys(), ...Object.keys(OUT_OF_SCOPE)];
    expect(listed.filter((name) => !names.has(name))).toEqual([]);
    const placed = [...GROUPS_DUE, ...Object.keys(GROUPS_OUT_OF_SCOPE), ...Object.keys(PLANNED_GROUPS)];
    expect(placed.filter((name) => !groups.has(name))).toEqual([]);
    expect(new Set(placed).size).toBe(placed.length);
  });
  test('put nothing out of scope that is declared', () => {
    expect(Object.keys(OUT_OF_SCOPE).filter((name) => declarations.has(name))).toEqual([]);
  });
});

describe('the page', () => {
  test('has every entry, once, whatever was observed', () => {
    const rows = coverageRows([]);
    expect(rows.map((row) => row.entry)).toEqual(ddiEntries);
    const page = coveragePage(rows);
    expect(page).toContain(`| ${ddiEntries.length} |\n`);
    for (const { name } of ddiEntries) expect(page).toMatch(new RegExp(`\\b${name}\\b`));
  });
  test('leaves no group without a place', () => {
    const lost = coverageRows([]).filter(
      (row) => row.state === 'missing' && !GROUPS_DUE.has(row.entry.group),
    );
    expect(lost.map((row) => `${row.entry.name}: ${row.remark}`)).toEqual([]);
  });
  test('takes no call for proven that nothing declares, and names the tests of what is', () => {
    const observed = { success: 'works', failure: 'fails' };
    const all = Object.fromEntries(ddiEntries.map(({ name }) => [name, observed]));
    const rows = coverageRows([{ file: 'a.test.ts', entries: all }]);
    for (const { entry: of, state, remark } of rows) {
      if (state !== 'implemented' && state !== 'inline') continue;
      expect(declarations.has(of.name)).toBe(true);
      expect(remark).toBe('a.test.ts: works; fails: a.test.ts: fails');
    }
  });
});
