/** Turns members of `layouts.json` into member kinds: what a C type is to a view. */

import type { ScalarKind } from '../../src/memory/index.ts';
import { callbackNames, type Layout, layoutByName, type MemberFact } from './facts.ts';

/** What a member's C type comes to. */
export type MemberType =
  | { readonly is: 'scalar'; readonly kind: ScalarKind; readonly type?: string }
  | { readonly is: 'structure'; readonly layout: Layout };

/** Of a member: its element type and, for arrays, the number of elements. */
export interface ResolvedMember {
  readonly element: MemberType;
  /** undefined: no array; 0: flexible tail. */
  readonly count: number | undefined;
}

const C_TYPES: Readonly<Record<string, ScalarKind>> = {
  'unsigned long': 'u32',
  'unsigned short': 'u16',
  'unsigned char': 'u8',
  'long long': 'i64',
  double: 'u64',
  int: 'i32',
};
const SIZED: Readonly<Record<number, ScalarKind>> = { 1: 'u8', 2: 'u16', 4: 'u32', 8: 'u64' };

/** Structures whose pointers of unknown type are functions: tables of interfaces. */
const FUNCTION_TABLE =
  /^(DMA_OPERATIONS|HAL_DISPATCH|FAST_IO_DISPATCH|.*_INTERFACE(_STANDARD)?(_\d)?|INTERFACE)$/;
const CALLBACK_TYPE =
  /(_HANDLER(_EX)?|_ROUTINE|_CALLBACK|P(ALLOCATE|FREE)_FUNCTION(_EX)?|_HANDLERS?_EX|_COMPLETE|_INDICATE|_START_SENDS|_INTERRUPT_SERVICE|_DEFERRED_PROCESSING)$|^(NDK_FN_|PDRIVER_|PFAST_IO_|pHal|PIO_CSQ_[A-Z]|PWMI_|IFP_|NDIS_PROC$|MINIPORT_DRIVER_UNLOAD$)/;
const NO_CALLBACK = /^PIO_CSQ$|^PDRIVER_(OBJECT|EXTENSION)$/;

/** @throws Error when the size of the type and of the member disagree in a way that this does not know. */
export function resolveMember(layout: Layout, member: MemberFact): ResolvedMember {
  const match = /^(.*?)((?:\s*\[\d*\])*)$/.exec(member.type);
  const base = (match?.[1] ?? member.type).trim();
  const dimensions = [...(match?.[2] ?? '').matchAll(/\[(\d*)\]/g)].map((found) => found[1]);
  const flexible = dimensions.includes('');
  let count: number | undefined = flexible
    ? 0
    : dimensions.length === 0
      ? undefined
      : dimensions.reduce((product, dimension) => product * Number(dimension), 1);
  if (member.bits !== undefined) {
    return { element: { is: 'scalar', kind: SIZED[member.size] }, count: undefined };
  }
  const element = resolveType(layout, base, flexible ? undefined : member.size / (count ?? 1));
  const size = element.is === 'structure' ? element.layout.size : sizeOf(element.kind);
  if (!flexible && size * (count ?? 1) !== member.size) {
    // A typedef of an array (addresses, rates, arrays of handlers): the element size tells the number.
    if (member.size % size !== 0)
      throw new Error(`${layout.name}.${member.name}: ${member.type} of ${member.size}`);
    count = member.size / size;
  }
  return { element, count };
}

export function sizeOf(kind: ScalarKind): number {
  if (kind === 'u8' || kind === 'i8' || kind === 'boolean') return 1;
  if (kind === 'u16' || kind === 'i16') return 2;
  return kind === 'u32' || kind === 'i32' || kind === 'status' ? 4 : 8;
}

function resolveType(layout: Layout, name: string, size: number | undefined): MemberType {
  if (name.includes('*')) return { is: 'scalar', kind: 'pointer', type: pointee(name) };
  if (name === 'BOOLEAN') return { is: 'scalar', kind: 'boolean' };
  if (name === 'NTSTATUS' || name === 'NDIS_STATUS') return { is: 'scalar', kind: 'status', type: name };
  if (name === 'PVOID' || name === 'NDIS_HANDLE') return { is: 'scalar', kind: 'context', type: name };
  const plain = C_TYPES[name];
  if (plain !== undefined) return { is: 'scalar', kind: plain };
  const known = layoutByName.get(name);
  if (known?.kind === 'scalar') return scalarType(known);
  if (known !== undefined) return { is: 'structure', layout: known };
  return unknownType(layout, name, size);
}

function scalarType(known: Layout): MemberType {
  const type = known.type ?? 'u8';
  if (type === 'ptr') return { is: 'scalar', kind: 'handle', type: known.name };
  if (type === 'enum') return { is: 'scalar', kind: 'u32', type: known.name };
  if (type.startsWith('unsigned char')) return { is: 'scalar', kind: 'u8', type: known.name };
  // The remaining representations of the facts are named as our kinds are.
  return { is: 'scalar', kind: type as ScalarKind };
}

function unknownType(layout: Layout, name: string, size: number | undefined): MemberType {
  if (size === undefined || size % 8 === 0) {
    const target = /^(?:PC|P|LPC|LP)(.+)$/.exec(name)?.[1] ?? '';
    if (layoutByName.has(target) || layoutByName.has(name.slice(1))) {
      const type = layoutByName.has(name.slice(1)) ? name.slice(1) : target;
      return { is: 'scalar', kind: 'pointer', type };
    }
    if (isCallback(layout, name)) return { is: 'scalar', kind: 'callback', type: name };
    if (/^(P|LP|HDRV)/.test(name)) return { is: 'scalar', kind: 'pointer', type: name };
    if (name.endsWith('_HANDLE')) return { is: 'scalar', kind: 'handle', type: name };
  }
  const kind = size === undefined ? undefined : SIZED[size];
  return kind === undefined || kind === 'u64'
    ? { is: 'scalar', kind: 'u8', type: name }
    : { is: 'scalar', kind, type: name };
}

function isCallback(layout: Layout, name: string): boolean {
  if (NO_CALLBACK.test(name)) return false;
  if (CALLBACK_TYPE.test(name) || callbackNames.has(name) || callbackNames.has(name.slice(1))) return true;
  return FUNCTION_TABLE.test(layout.name) && name.startsWith('P');
}

function pointee(name: string): string {
  return name
    .replaceAll(/\b(const|volatile|struct)\b/g, '')
    .replace(/\s*\*\s*$/, '')
    .trim()
    .replace(/^_/, '');
}
