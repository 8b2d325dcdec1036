/** Every declared function and callback against the documented entry of its name. */

import { describe, expect, test } from 'vitest';
import { compareDeclaration, plainIrql, plainType } from '../scripts/coverage/compareDeclaration.ts';
import { declarations } from '../scripts/coverage/declared.ts';
import { DIFFERENCES } from '../scripts/coverage/differences.ts';
import { ddiEntries } from '../scripts/coverage/facts.ts';

const entries = new Map(
  ddiEntries
    .filter(({ kind }) => kind === 'function' || kind === 'callback' || kind === 'macro')
    // Of two entries with one name the first is the current one.
    .toReversed()
    .map((entry) => [entry.name, entry] as const),
);

describe('declarations', () => {
  test('agree with the documented prototype, IRQL and page', () => {
    const differences = [...declarations].flatMap(([name, declared]) => {
      const entry = entries.get(name);
      return entry === undefined ? [] : compareDeclaration(declared, entry);
    });
    expect(
      differences.map(({ text }) => text),
      'fix the declaration, or say in scripts/coverage/differences.ts why it differs',
    ).toEqual([]);
  });

  test('of ndis are documented', () => {
    const unknown = [...declarations].filter(
      ([name, declared]) => declared.kind === 'function' && declared.library === 'ndis' && !entries.has(name),
    );
    expect(unknown.map(([name]) => name)).toEqual([]);
  });

  test('are on the list of differences under names of entries', () => {
    expect(Object.keys(DIFFERENCES).filter((name) => !entries.has(name))).toEqual([]);
  });
});

test.each([
  ['PVOID', 'VOID *'],
  ['PNDIS_HANDLE', 'NDIS_HANDLE*'],
  ['PCNDIS_STRING', 'CONST NDIS_STRING *'],
  ['IN PVOID *', 'void **'],
  ['_Use_decl_annotations_ VOID', 'void'],
])('%s is the type %s', (left, right) => {
  expect(plainType(left)).toBe(plainType(right));
});

test('types that differ stay different', () => {
  expect(plainType('PNDIS_HANDLE')).not.toBe(plainType('NDIS_HANDLE'));
  expect(plainType('PHYSICAL_ADDRESS')).toBe('PHYSICAL_ADDRESS');
  expect(plainType('ULONG')).not.toBe(plainType('USHORT'));
});

test.each([
  ['IRQL <= DISPATCH_LEVEL', '<=DISPATCH_LEVEL'],
  ['= DISPATCH_LEVEL', 'DISPATCH_LEVEL'],
  ['< DISPATCH_LEVEL', '<=APC_LEVEL'],
  ['Any level (see Remarks section)', 'any'],
  ['Greater than or equal to DISPATCH_LEVEL', '>=DISPATCH_LEVEL'],
  ['See Remarks section', undefined],
])('the IRQL %s is %s', (text, rule) => {
  expect(plainIrql(text)).toBe(rule);
});
