/** Reads the fact files and decides which floor holds what. */

import { readFileSync } from 'node:fs';
import type { LayoutFact, MemberFact } from '../../src/memory/index.ts';

export type { LayoutFact, MemberFact };

export interface Layout extends LayoutFact {
  readonly tag?: string;
  /** Of scalars: their representation. */
  readonly type?: string;
  readonly from?: string;
}

export interface ConstantFact {
  readonly name: string;
  readonly value: string;
  readonly group: string;
  readonly since?: string;
  readonly legacy?: boolean;
}

export interface DdiFact {
  readonly name: string;
  readonly kind: string;
  readonly group?: string;
}

export type Floor = 'kernel' | 'ndis';

function read<T>(name: string): readonly T[] {
  // The fact files are part of the repository; the tests check what is generated from them.
  return JSON.parse(readFileSync(new URL(`../../facts/${name}.json`, import.meta.url), 'utf8')) as T[];
}

/**
 * The layouts, without the two members that stand for an element of an inline array (Range[4] of the PCI
 * bridge header): the array itself is a member, of bytes.
 */
export const layouts: readonly Layout[] = read<Layout>('layouts').map((layout) => ({
  ...layout,
  members: layout.members.filter((member) => !(member.in ?? '').includes('[')),
}));
export const constants: readonly ConstantFact[] = read<ConstantFact>('constants');
/** Pointer parameters for which NULL has no documented meaning. */
export const requiredPointers = read<{ readonly name: string; readonly parameters: readonly string[] }>(
  'required-pointers',
);
export const ddis: readonly DdiFact[] = read<DdiFact>('ddi');

/** Layouts by every name they go by: name, other names, tag. */
export const layoutByName: ReadonlyMap<string, Layout> = (() => {
  const map = new Map<string, Layout>();
  for (const layout of layouts) map.set(layout.name, layout);
  for (const layout of layouts) {
    for (const name of [...(layout.aka ?? []), layout.tag ?? layout.name]) {
      if (!map.has(name)) map.set(name, layout);
    }
  }
  return map;
})();

/** Names of documented callback types. */
export const callbackNames: ReadonlySet<string> = new Set(
  ddis.filter((ddi) => ddi.kind === 'callback').map((ddi) => ddi.name),
);

/** Group of `ddi.json` by structure name. */
export const groupByName: ReadonlyMap<string, string> = new Map(
  ddis
    .filter((ddi) => ddi.kind === 'struct' && ddi.group !== undefined)
    .map((ddi) => [ddi.name, ddi.group ?? '']),
);

const KERNEL_HEADERS: ReadonlySet<string> = new Set([
  'wdm.h',
  'ntddk.h',
  'ntifs.h',
  'ntdef.h',
  'guiddef.h',
  'evntprov.h',
  'devpropdef.h',
  'ntimage.h',
  'wmilib.h',
  'wmistr.h',
  'winnt.h',
]);

/** The floor of a structure; those without header belong to exception unwinding of machine code. */
export function layoutFloor(layout: Layout): Floor {
  return layout.header === undefined || KERNEL_HEADERS.has(layout.header) ? 'kernel' : 'ndis';
}
