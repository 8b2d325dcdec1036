/**
 * Copying, filling and comparing memory, as kernel routines and as the C runtime names that compilers emit.
 * Implements the Rtl*Memory pages of wdm.h.
 */

import { type Address, type KernelMemory } from '../../memory/index.ts';
import { declareFunction } from '../declaration.ts';
import type { Kernel } from '../kernel.ts';
import { requireRange } from '../process/pageFault.ts';
import type { Wide } from './poolFunctions.ts';

/** Up to this many bytes a loop over words is faster than copyWithin. */
const LOOP_LIMIT = 64;

/** Copies bytes; the ranges may overlap. */
export function copyBytes(memory: KernelMemory, to: Address, from: Address, length: number): void {
  if (length <= LOOP_LIMIT && ((to | from) & 3) === 0 && (to <= from || to >= from + length)) {
    const { i32, u8 } = memory;
    const words = length >> 2;
    const target = to >> 2;
    const source = from >> 2;
    for (let index = 0; index < words; index++) i32[target + index] = i32[source + index];
    for (let index = words << 2; index < length; index++) u8[to + index] = u8[from + index];
    return;
  }
  memory.u8.copyWithin(to, from, from + length);
}

/** Number of equal bytes at the start of two ranges. */
export function equalBytes(memory: KernelMemory, left: Address, right: Address, length: number): number {
  const { u8 } = memory;
  let index = 0;
  while (index < length && u8[left + index] === u8[right + index]) index++;
  return index;
}

/** Less than, equal to or greater than 0, as the first bytes that differ are. */
export function compareBytes(memory: KernelMemory, left: Address, right: Address, length: number): number {
  const at = equalBytes(memory, left, right, Math.min(length, memory.size));
  return at >= length ? 0 : memory.u8[left + at] - memory.u8[right + at];
}

const common = { irql: 'any', waits: 'never', since: '2000' } as const;

/** A copy of ranges that lie in memory; wild addresses fault. */
function checkedCopy(kernel: Kernel, name: string): (to: Address, from: Address, length: number) => void {
  const { memory } = kernel;
  const [reads, writes] = [`${name}: its source`, `${name}: its destination`];
  return (to, from, length) => {
    requireRange(kernel, reads, from, length, 'read');
    requireRange(kernel, writes, to, length, 'write');
    copyBytes(memory, to, from, length);
  };
}

/** A fill of a range that lies in memory. */
function checkedFill(kernel: Kernel, name: string): (to: Address, length: number, byte: number) => void {
  const { u8 } = kernel.memory;
  const writes = `${name}: its destination`;
  return (to, length, byte) => {
    requireRange(kernel, writes, to, length, 'write');
    u8.fill(byte & 0xff, to, to + length);
  };
}

/** A comparison of ranges that lie in memory. */
function checkedComparison<R>(
  kernel: Kernel,
  name: string,
  compare: typeof compareBytes,
  result: (outcome: number) => R,
): (left: Address, right: Address, length: Wide) => R {
  const { memory } = kernel;
  const reads = `${name}: its source`;
  return (left, right, length) => {
    const size = Number(length);
    requireRange(kernel, reads, left, size, 'read');
    requireRange(kernel, reads, right, size, 'read');
    return result(compare(memory, left, right, size));
  };
}

function declareCopy(name: string, page: string, inline: boolean) {
  return declareFunction('ntoskrnl', {
    ...common,
    inline,
    prototype: `VOID ${name}(VOID *Destination, VOID *Source, SIZE_T Length)`,
    page,
    implement: (kernel: Kernel) => {
      const copy = checkedCopy(kernel, name);
      return (Destination: Address, Source: Address, Length: Wide) =>
        copy(Destination, Source, Number(Length));
    },
  });
}

/** Copies bytes. Any IRQL at which both ranges are resident. wdm/nf-wdm-rtlcopymemory */
export const RtlCopyMemory = declareCopy('RtlCopyMemory', 'wdm/nf-wdm-rtlcopymemory', true);
/** Copies bytes; the ranges may overlap. wdm/nf-wdm-rtlmovememory */
export const RtlMoveMemory = declareCopy('RtlMoveMemory', 'wdm/nf-wdm-rtlmovememory', false);
/** RtlCopyMemory past the caches. wdm/nf-wdm-rtlcopymemorynontemporal */
export const RtlCopyMemoryNonTemporal = declareCopy(
  'RtlCopyMemoryNonTemporal',
  'wdm/nf-wdm-rtlcopymemorynontemporal',
  false,
);

/** Fills bytes with zero. wdm/nf-wdm-rtlzeromemory */
export const RtlZeroMemory = declareFunction('ntoskrnl', {
  ...common,
  prototype: 'VOID RtlZeroMemory(VOID *Destination, SIZE_T Length)',
  page: 'wdm/nf-wdm-rtlzeromemory',
  implement: (kernel: Kernel) => {
    const fill = checkedFill(kernel, 'RtlZeroMemory');
    return (Destination: Address, Length: Wide) => fill(Destination, Number(Length), 0);
  },
});

/** RtlZeroMemory that no compiler removes. wdm/nf-wdm-rtlsecurezeromemory */
export const RtlSecureZeroMemory = declareFunction('ntoskrnl', {
  ...common,
  inline: true,
  prototype: 'PVOID RtlSecureZeroMemory(PVOID ptr, SIZE_T cnt)',
  page: 'wdm/nf-wdm-rtlsecurezeromemory',
  implement: (kernel: Kernel) => {
    const fill = checkedFill(kernel, 'RtlSecureZeroMemory');
    return (ptr: Address, cnt: Wide) => {
      fill(ptr, Number(cnt), 0);
      return ptr;
    };
  },
});

/** Fills bytes. wdm/nf-wdm-rtlfillmemory */
export const RtlFillMemory = declareFunction('ntoskrnl', {
  ...common,
  prototype: 'VOID RtlFillMemory(VOID *Destination, SIZE_T Length, INT Fill)',
  page: 'wdm/nf-wdm-rtlfillmemory',
  implement: (kernel: Kernel) => {
    const fill = checkedFill(kernel, 'RtlFillMemory');
    return (Destination: Address, Length: Wide, Fill: number) => fill(Destination, Number(Length), Fill);
  },
});

/** Number of bytes that are equal before the first that differs. wdm/nf-wdm-rtlcomparememory */
export const RtlCompareMemory = declareFunction('ntoskrnl', {
  ...common,
  prototype: 'SIZE_T RtlCompareMemory(VOID *Source1, VOID *Source2, SIZE_T Length)',
  page: 'wdm/nf-wdm-rtlcomparememory',
  implement: (kernel: Kernel) => checkedComparison(kernel, 'RtlCompareMemory', equalBytes, (equal) => equal),
});

/** Whether two ranges are equal. wdm/nf-wdm-rtlequalmemory */
export const RtlEqualMemory = declareFunction('ntoskrnl', {
  ...common,
  inline: true,
  prototype: 'BOOLEAN RtlEqualMemory(VOID *Destination, VOID *Source, SIZE_T Length)',
  page: 'wdm/nf-wdm-rtlequalmemory',
  implement: (kernel: Kernel) =>
    checkedComparison(kernel, 'RtlEqualMemory', compareBytes, (outcome) => (outcome === 0 ? 1 : 0)),
});

/** The C runtime's copy, which returns the destination. */
export const memcpy = declareFunction('ntoskrnl', {
  ...common,
  prototype: 'PVOID memcpy(VOID *dest, VOID *src, SIZE_T count)',
  page: 'wdm/nf-wdm-rtlcopymemory',
  implement: (kernel: Kernel) => {
    const copy = checkedCopy(kernel, 'memcpy');
    return (dest: Address, src: Address, count: Wide) => {
      copy(dest, src, Number(count));
      return dest;
    };
  },
});

/** The C runtime's copy of ranges that may overlap. */
export const memmove = declareFunction('ntoskrnl', {
  ...common,
  prototype: 'PVOID memmove(VOID *dest, VOID *src, SIZE_T count)',
  page: 'wdm/nf-wdm-rtlmovememory',
  implement: (kernel: Kernel) => {
    const copy = checkedCopy(kernel, 'memmove');
    return (dest: Address, src: Address, count: Wide) => {
      copy(dest, src, Number(count));
      return dest;
    };
  },
});

/** The C runtime's fill. */
export const memset = declareFunction('ntoskrnl', {
  ...common,
  prototype: 'PVOID memset(VOID *dest, INT c, SIZE_T count)',
  page: 'wdm/nf-wdm-rtlfillmemory',
  implement: (kernel: Kernel) => {
    const fill = checkedFill(kernel, 'memset');
    return (dest: Address, c: number, count: Wide) => {
      fill(dest, Number(count), c);
      return dest;
    };
  },
});

/** The C runtime's comparison: negative, 0 or positive. */
export const memcmp = declareFunction('ntoskrnl', {
  ...common,
  prototype: 'INT memcmp(VOID *buffer1, VOID *buffer2, SIZE_T count)',
  page: 'wdm/nf-wdm-rtlequalmemory',
  implement: (kernel: Kernel) => checkedComparison(kernel, 'memcmp', compareBytes, (outcome) => outcome),
});
