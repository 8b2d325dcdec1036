/**
 * The names of structures and of every other type that a declaration refers to, so that headers need no order among
 * structures that only point at each other.
 */

import { layoutByName, layoutFloor } from '../tables/facts.ts';
import { isNdisName } from '../tables/structures.ts';
import { callbacks, cleanType } from './callbacks.ts';
import { enumerationNames } from './enumerations.ts';
import { type Layout, layouts } from './facts.ts';
import { functions } from './functions.ts';
import { handwritten } from './handwritten.ts';

export type Floor = 'kernel' | 'ndis';

export const structures: readonly Layout[] = layouts.filter(
  (layout) => layout.kind !== 'scalar' && !handwritten.has(layout.name),
);

export function tagOf(layout: Layout): string {
  return layout.tag ?? `_${layout.name}`;
}

const used = new Set<string>(enumerationNames);
const lines: Record<Floor, string[]> = { kernel: [], ndis: [] };
/** Names that are declared before any structure is defined. */
const known = new Set<string>([...handwritten, ...enumerationNames]);

function declare(floor: Floor, layout: Layout, name: string): void {
  if (known.has(name)) return;
  const kind = layout.kind === 'union' ? 'union' : 'struct';
  const pointer = `P${name}`;
  known.add(name);
  const withPointer = !known.has(pointer) && !layoutByName.has(pointer);
  if (withPointer) known.add(pointer);
  lines[floor].push(`typedef ${kind} ${tagOf(layout)} ${name}${withPointer ? `, *${pointer}` : ''};`);
}

for (const enumeration of enumerationNames) known.add(`P${enumeration}`);
for (const layout of structures) {
  const floor = layoutFloor(layout);
  declare(floor, layout, layout.name);
  for (const name of layout.aka ?? []) {
    if (!name.startsWith('_')) declare(isNdisName(name) ? 'ndis' : floor, layout, name);
  }
}
for (const callback of callbacks) {
  known.add(callback.name);
  for (const pointer of callback.pointers) known.add(pointer);
}

const SCALARS: Readonly<Record<string, string>> = {
  u8: 'UCHAR',
  i8: 'CHAR',
  u16: 'USHORT',
  i16: 'SHORT',
  u32: 'ULONG',
  i32: 'LONG',
  u64: 'ULONGLONG',
  i64: 'LONGLONG',
  ptr: 'PVOID',
};
const KERNEL_SCALARS =
  /^(ACCESS_MASK|DEVPROPID|ERESOURCE|K[A-Z]|LCID|NODE|POOL_NODE|PACCESS|PSECURITY|PSID|SECURITY|HANDLE|CSHORT)/;

for (const layout of layouts) {
  if (layout.kind !== 'scalar' || layout.type === 'enum' || known.has(layout.name)) continue;
  const array = /^unsigned char(\[\d+\])$/.exec(layout.type ?? '');
  const floor = KERNEL_SCALARS.test(layout.name) ? 'kernel' : 'ndis';
  const base = array === null ? SCALARS[layout.type ?? ''] : 'UCHAR';
  if (base === undefined) throw new Error(`${layout.name} is a ${layout.type}`);
  const pointer = array === null && !known.has(`P${layout.name}`) ? `, *P${layout.name}` : '';
  lines[floor].push(`typedef ${base} ${layout.name}${array?.[1] ?? ''}${pointer};`);
  known.add(layout.name);
  if (pointer !== '') known.add(`P${layout.name}`);
}

/** What an unknown name is for, from how it is spelled. */
const FUNCTION_POINTER =
  /(_HANDLER(_EX)?|_ROUTINE|_CALLBACK|_FUNCTION(_EX)?|_COMPLETE|_INDICATE|_REFERENCE|_DEREFERENCE)$|^(NDK_FN_|pHal|IFP_|PFAST_IO_|PWMI_|PP?CI_|PGET_|PSET_|PPUT_|PALLOCATE_|PFREE_|PFLUSH_|PMAP_T|PREAD_|PBUILD_|PCALCULATE_|PCANCEL_|PCONFIGURE_|PINITIALIZE_|PJOIN_|PLEAVE_|PTRANSLATE_|PENABLE_|PREENUMERATE_|PCREATE_|PCW_CALLBACK|PDRIVER_(CONTROL|STARTIO)|PDEVICE_)/;

function refer(floor: Floor, type: string, size: number | undefined): void {
  const words = cleanType(type)
    .replace(/\[[^\]]*\]/g, '')
    .match(/\w+/g);
  for (const word of words ?? []) {
    if (
      /^(const|volatile|struct|union|enum|unsigned|signed|void|char|short|int|long|double|va_list)$/.test(
        word,
      )
    )
      continue;
    if (word.startsWith('_') || known.has(word) || used.has(word)) continue;
    known.add(word);
    const isPointer = type.includes('*');
    if (!isPointer && FUNCTION_POINTER.test(word)) {
      lines[floor].push(`typedef VOID (*${word})(VOID); /* signature is not in the facts */`);
    } else if (!isPointer && /^PC[A-Z]/.test(word) && known.has(word.slice(2))) {
      lines[floor].push(`typedef const ${word.slice(2)} *${word};`);
    } else if (!isPointer && /^P[A-Z]/.test(word) && known.has(word.slice(1))) {
      lines[floor].push(`typedef ${word.slice(1)} *${word};`);
    } else if (!isPointer && size === 4) {
      lines[floor].push(`typedef ULONG ${word};`);
    } else if (!isPointer && /^(P|LP|HDRV)/.test(word)) {
      lines[floor].push(`typedef struct _${word.replace(/^(LP|P)/, '')} *${word};`);
    } else if (isPointer) {
      lines[floor].push(`typedef struct _${word} ${word};`);
    } else {
      lines[floor].push(`typedef PVOID ${word}; /* not in the facts */`);
    }
    guesses.push(`${word} (${floor}, ${type})`);
  }
}

/** Types that no fact describes; for a look at what is missing. */
export const guesses: string[] = [];

for (const layout of structures) {
  for (const member of layout.members) {
    refer(layoutFloor(layout), member.type, member.bits === undefined ? member.size : 4);
  }
}
for (const callback of callbacks) {
  refer(callback.floor, callback.returns, undefined);
  for (const { type } of callback.parameters) if (type !== '...') refer(callback.floor, type, undefined);
}
for (const one of functions) {
  const floor = one.library === 'ndis' ? 'ndis' : 'kernel';
  refer(floor, one.returns, undefined);
  for (const { type } of one.parameters) if (type !== '...') refer(floor, type, undefined);
}

export const nameLines: Readonly<Record<Floor, readonly string[]>> = lines;
