/** Every generated structure against the compiler's facts, and the lookups by name. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as kernelMore from '../kernel/generated/constants/more.ts';
import { kernelStructures } from '../kernel/generated/structures/all.ts';
import * as kernel from '../kernel/index.ts';
import { type AnyStructure, compareLayout, type LayoutFact } from '../memory/index.ts';
import * as ndisMore from './generated/constants/more.ts';
import { ndisStructures } from './generated/structures/all.ts';
import * as ndis from './index.ts';

function facts<T>(name: string): T[] {
  // The fact file is a JSON array of the stated shape; a wrong shape fails the tests below.
  return JSON.parse(readFileSync(new URL(`../../facts/${name}.json`, import.meta.url), 'utf8')) as T[];
}

const layouts = facts<LayoutFact>('layouts').filter((layout) => layout.kind !== 'scalar');
const declared: Readonly<Record<string, AnyStructure>> = { ...kernelStructures, ...ndisStructures };

describe('declared structures', () => {
  it('are exactly those of the facts', () => {
    expect(Object.keys(declared).sort()).toEqual(layouts.map((layout) => layout.name).sort());
  });

  it.each(layouts.map((layout) => [layout.name, layout] as const))(
    '%s agrees with the facts',
    (name, layout) => {
      expect(compareLayout(declared[name], layout)).toEqual([]);
      expect(declared[name].versions).toEqual(layout.versions ?? []);
      expect(declared[name].header).toBe(layout.header ?? '');
    },
  );

  it('have the sizes every driver is compiled with', () => {
    expect(ndis.NET_BUFFER_LIST.size).toBe(368);
    expect(ndis.NET_BUFFER_LIST.sizeAt('6.20')).toBe(288);
    expect(ndis.NET_BUFFER_LIST.sizeAt('6.0')).toBe(240);
    expect(ndis.NET_BUFFER_LIST.offset.Status).toBe(140);
    expect(kernel.IRP.offset['Tail.Overlay.CurrentStackLocation']).toBe(184);
    expect(kernel.DRIVER_OBJECT.offset.MajorFunction).toBe(112);
    expect(ndis.NDIS_STRING).toBe(kernel.UNICODE_STRING);
  });
});

describe('constants', () => {
  const all: Readonly<Record<string, unknown>> = { ...kernel, ...kernelMore, ...ndis, ...ndisMore };
  it('have the values of the facts', () => {
    const wrong = facts<{ name: string; value: string }>('constants')
      .filter(({ name, value }) => name !== 'NULL' && BigInt(value) !== BigInt(all[name] as number | bigint))
      .map(({ name }) => name);
    expect(wrong).toEqual([]);
  });

  it('are found by value', () => {
    expect(ndis.statusName(0xc0010005)).toBe('NDIS_STATUS_BAD_CHARACTERISTICS');
    expect(ndis.statusName(0xc0010005 | 0)).toBe('NDIS_STATUS_BAD_CHARACTERISTICS');
    expect(ndis.statusName(0x12345)).toBe('0x00012345');
    expect(ndis.oidName(0x00010101)).toBe('OID_GEN_SUPPORTED_LIST');
    expect(kernel.bugCheckName(0xd1)).toBe('DRIVER_IRQL_NOT_LESS_OR_EQUAL');
    expect(kernel.ntstatusName(0xc0000001)).toBe('STATUS_UNSUCCESSFUL');
  });
});
