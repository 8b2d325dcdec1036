/** Bitmaps, single bits, byte order and random numbers. Implements their Rtl pages of wdm.h and ntifs.h. */

import { type Address, FIRST_MAPPED_ADDRESS, type KernelMemory } from '../../memory/index.ts';
import { declareFunction } from '../declaration.ts';
import { RTL_BITMAP } from '../generated/structures/index.ts';
import type { Kernel } from '../kernel.ts';
import { Random } from '../random.ts';
import type { Wide } from './poolFunctions.ts';

const { SizeOfBitMap, Buffer } = RTL_BITMAP.offset;
const anyLevel = { irql: 'any', waits: 'never', since: '2000' } as const;
/** What the search routines answer when there is no such run. */
const NOT_FOUND = 0xffff_ffff;

/** Number of bits, never more than memory holds. */
function sizeOf(memory: KernelMemory, map: Address): number {
  const buffer = bufferOf(memory, map);
  // A wild buffer, or a header behind the end of memory, holds no bits.
  if (buffer < FIRST_MAPPED_ADDRESS || buffer >= memory.size) return 0;
  return Math.min(memory.u32[(map + SizeOfBitMap) >> 2] || 0, (memory.size - buffer) * 8);
}
const bufferOf = (memory: KernelMemory, map: Address): Address => memory.readPointer(map + Buffer);
const bitAt = (memory: KernelMemory, buffer: Address, bit: number): number =>
  (memory.u8[buffer + (bit >>> 3)] >> (bit & 7)) & 1;

/** How many bits are set in each byte. */
const SET_BITS = Uint8Array.from({ length: 256 }, (_, byte) => {
  let count = 0;
  for (let rest = byte; rest !== 0; rest >>= 1) count += rest & 1;
  return count;
});

/** Number of bits with this value from `start` on, up to `end`; whole bytes at once. */
function runFrom(memory: KernelMemory, buffer: Address, start: number, end: number, value: number): number {
  const full = value === 0 ? 0 : 0xff;
  let bit = start;
  while (bit < end) {
    if ((bit & 7) === 0 && end - bit >= 8 && memory.u8[buffer + bit / 8] === full) bit += 8;
    else if (bitAt(memory, buffer, bit) === value) bit++;
    else break;
  }
  return bit - start;
}

function setRange(memory: KernelMemory, map: Address, start: number, count: number, value: number): void {
  const buffer = bufferOf(memory, map);
  const end = Math.min(start + count, sizeOf(memory, map));
  for (let bit = start; bit < end; ) {
    // Whole bytes at once: a bitmap may be as large as memory.
    if ((bit & 7) === 0 && end - bit >= 8) {
      const bytes = Math.floor((end - bit) / 8);
      memory.u8.fill(value === 0 ? 0 : 0xff, buffer + bit / 8, buffer + bit / 8 + bytes);
      bit += bytes * 8;
      continue;
    }
    const mask = 1 << (bit & 7);
    if (value === 0) memory.u8[buffer + (bit >>> 3)] &= ~mask;
    else memory.u8[buffer + (bit >>> 3)] |= mask;
    bit++;
  }
}

function allAre(memory: KernelMemory, map: Address, start: number, count: number, value: number): boolean {
  const size = sizeOf(memory, map);
  if (count === 0 || start >= size || count > size - start) return false;
  const buffer = bufferOf(memory, map);
  return runFrom(memory, buffer, start, start + count, value) === count;
}

function countOf(memory: KernelMemory, map: Address, value: number): number {
  const buffer = bufferOf(memory, map);
  const size = sizeOf(memory, map);
  const whole = Math.floor(size / 8);
  let set = 0;
  for (let at = buffer; at < buffer + whole; at++) set += SET_BITS[memory.u8[at]];
  for (let bit = whole * 8; bit < size; bit++) set += bitAt(memory, buffer, bit);
  return value === 0 ? Math.max(size - set, 0) : set;
}

/** The first run of `count` equal bits at or after the hint, else before it. */
function findRun(memory: KernelMemory, map: Address, count: number, hint: number, value: number): number {
  const size = sizeOf(memory, map);
  const from = hint >= size ? 0 : hint & ~7;
  if (count === 0) return from;
  const buffer = bufferOf(memory, map);
  const search = (start: number): number => {
    for (let bit = start; bit + count <= size; ) {
      const run = runFrom(memory, buffer, bit, Math.min(size, bit + count), value);
      if (run === count) return bit;
      bit += run;
      bit += runFrom(memory, buffer, bit, size, 1 - value);
    }
    return NOT_FOUND;
  };
  const found = search(from);
  return found === NOT_FOUND && from > 0 ? search(0) : found;
}

/** Describes a bitmap over a buffer. wdm/nf-wdm-rtlinitializebitmap */
export const RtlInitializeBitMap = declareFunction('ntoskrnl', {
  ...anyLevel,
  prototype: 'VOID RtlInitializeBitMap(PRTL_BITMAP BitMapHeader, PULONG BitMapBuffer, ULONG SizeOfBitMap)',
  page: 'wdm/nf-wdm-rtlinitializebitmap',
  implement: (kernel: Kernel) => (BitMapHeader: Address, BitMapBuffer: Address, Size: number) => {
    kernel.memory.u32[(BitMapHeader + SizeOfBitMap) >> 2] = Size;
    kernel.memory.writePointer(BitMapHeader + Buffer, BitMapBuffer);
  },
});

function declareWhole(name: string, value: number) {
  return declareFunction('ntoskrnl', {
    ...anyLevel,
    prototype: `VOID ${name}(PRTL_BITMAP BitMapHeader)`,
    page: `wdm/nf-wdm-${name.toLowerCase()}`,
    implement: (kernel: Kernel) => (BitMapHeader: Address) =>
      setRange(kernel.memory, BitMapHeader, 0, sizeOf(kernel.memory, BitMapHeader), value),
  });
}
/** Clears every bit. wdm/nf-wdm-rtlclearallbits */
export const RtlClearAllBits = declareWhole('RtlClearAllBits', 0);
/** Sets every bit. wdm/nf-wdm-rtlsetallbits */
export const RtlSetAllBits = declareWhole('RtlSetAllBits', 1);

function declareRange(name: string, value: number) {
  return declareFunction('ntoskrnl', {
    ...anyLevel,
    prototype: `VOID ${name}(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG NumberToChange)`,
    page: `wdm/nf-wdm-${name.toLowerCase()}`,
    implement: (kernel: Kernel) => (BitMapHeader: Address, StartingIndex: number, NumberToChange: number) =>
      setRange(kernel.memory, BitMapHeader, StartingIndex, NumberToChange, value),
  });
}
/** Clears bits; those beyond the bitmap are left alone. wdm/nf-wdm-rtlclearbits */
export const RtlClearBits = declareRange('RtlClearBits', 0);
/** Sets bits; those beyond the bitmap are left alone. wdm/nf-wdm-rtlsetbits */
export const RtlSetBits = declareRange('RtlSetBits', 1);

function declareSingle(name: string, value: number) {
  return declareFunction('ntoskrnl', {
    ...anyLevel,
    prototype: `VOID ${name}(PRTL_BITMAP BitMapHeader, ULONG BitNumber)`,
    page: `wdm/nf-wdm-${name.toLowerCase()}`,
    implement: (kernel: Kernel) => (BitMapHeader: Address, BitNumber: number) =>
      setRange(kernel.memory, BitMapHeader, BitNumber, 1, value),
  });
}
/** Clears one bit. wdm/nf-wdm-rtlclearbit */
export const RtlClearBit = declareSingle('RtlClearBit', 0);
/** Sets one bit. wdm/nf-wdm-rtlsetbit */
export const RtlSetBit = declareSingle('RtlSetBit', 1);

/** Whether a bit is set. wdm/nf-wdm-rtltestbit */
export const RtlTestBit = declareFunction('ntoskrnl', {
  ...anyLevel,
  prototype: 'BOOLEAN RtlTestBit(PRTL_BITMAP BitMapHeader, ULONG BitNumber)',
  page: 'wdm/nf-wdm-rtltestbit',
  implement: (kernel: Kernel) => (BitMapHeader: Address, BitNumber: number) =>
    allAre(kernel.memory, BitMapHeader, BitNumber, 1, 1) ? 1 : 0,
});

function declareAll(name: string, value: number) {
  return declareFunction('ntoskrnl', {
    ...anyLevel,
    prototype: `BOOLEAN ${name}(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG Length)`,
    page: `wdm/nf-wdm-${name.toLowerCase()}`,
    implement: (kernel: Kernel) => (BitMapHeader: Address, StartingIndex: number, Length: number) =>
      allAre(kernel.memory, BitMapHeader, StartingIndex, Length, value) ? 1 : 0,
  });
}
/** Whether all bits of a range are clear; FALSE for an empty range or one beyond the bitmap. wdm/nf-wdm-rtlarebitsclear */
export const RtlAreBitsClear = declareAll('RtlAreBitsClear', 0);
/** Whether all bits of a range are set; FALSE for an empty range or one beyond the bitmap. wdm/nf-wdm-rtlarebitsset */
export const RtlAreBitsSet = declareAll('RtlAreBitsSet', 1);

function declareCount(name: string, value: number) {
  return declareFunction('ntoskrnl', {
    ...anyLevel,
    prototype: `ULONG ${name}(PRTL_BITMAP BitMapHeader)`,
    page: `wdm/nf-wdm-${name.toLowerCase()}`,
    implement: (kernel: Kernel) => (BitMapHeader: Address) => countOf(kernel.memory, BitMapHeader, value),
  });
}
/** Number of clear bits. wdm/nf-wdm-rtlnumberofclearbits */
export const RtlNumberOfClearBits = declareCount('RtlNumberOfClearBits', 0);
/** Number of set bits. wdm/nf-wdm-rtlnumberofsetbits */
export const RtlNumberOfSetBits = declareCount('RtlNumberOfSetBits', 1);

function declareFind(name: string, value: number, change: boolean) {
  return declareFunction('ntoskrnl', {
    ...anyLevel,
    prototype: `ULONG ${name}(PRTL_BITMAP BitMapHeader, ULONG NumberToFind, ULONG HintIndex)`,
    page: `wdm/nf-wdm-${name.toLowerCase()}`,
    implement: (kernel: Kernel) => (BitMapHeader: Address, NumberToFind: number, HintIndex: number) => {
      const found = findRun(kernel.memory, BitMapHeader, NumberToFind, HintIndex, value);
      if (change && found !== NOT_FOUND)
        setRange(kernel.memory, BitMapHeader, found, NumberToFind, 1 - value);
      return found;
    },
  });
}
/** Start of a run of clear bits, 0xFFFFFFFF for none. wdm/nf-wdm-rtlfindclearbits */
export const RtlFindClearBits = declareFind('RtlFindClearBits', 0, false);
/** Start of a run of set bits, 0xFFFFFFFF for none. wdm/nf-wdm-rtlfindsetbits */
export const RtlFindSetBits = declareFind('RtlFindSetBits', 1, false);
/** RtlFindClearBits that sets what it found. wdm/nf-wdm-rtlfindclearbitsandset */
export const RtlFindClearBitsAndSet = declareFind('RtlFindClearBitsAndSet', 0, true);
/** RtlFindSetBits that clears what it found. wdm/nf-wdm-rtlfindsetbitsandclear */
export const RtlFindSetBitsAndClear = declareFind('RtlFindSetBitsAndClear', 1, true);

const unsigned = (value: Wide): bigint => BigInt.asUintN(64, BigInt(value));

/** Number of the lowest set bit, -1 for 0. wdm/nf-wdm-rtlfindleastsignificantbit */
export const RtlFindLeastSignificantBit = declareFunction('ntoskrnl', {
  ...anyLevel,
  prototype: 'CCHAR RtlFindLeastSignificantBit(ULONGLONG Set)',
  page: 'wdm/nf-wdm-rtlfindleastsignificantbit',
  implement: () => (Set: Wide) => {
    const value = unsigned(Set);
    return value === 0n ? -1 : (value & -value).toString(2).length - 1;
  },
});

/** Number of the highest set bit, -1 for 0. wdm/nf-wdm-rtlfindmostsignificantbit */
export const RtlFindMostSignificantBit = declareFunction('ntoskrnl', {
  ...anyLevel,
  prototype: 'CCHAR RtlFindMostSignificantBit(ULONGLONG Set)',
  page: 'wdm/nf-wdm-rtlfindmostsignificantbit',
  implement: () => (Set: Wide) => (unsigned(Set) === 0n ? -1 : unsigned(Set).toString(2).length - 1),
});

/** Number of set bits of a ULONG_PTR. wdm/nf-wdm-rtlnumberofsetbitsulongptr */
export const RtlNumberOfSetBitsUlongPtr = declareFunction('ntoskrnl', {
  ...anyLevel,
  prototype: 'ULONG RtlNumberOfSetBitsUlongPtr(ULONG_PTR Target)',
  page: 'wdm/nf-wdm-rtlnumberofsetbitsulongptr',
  implement: () => (Target: Wide) => unsigned(Target).toString(2).replaceAll('0', '').length,
});

/** A USHORT with its bytes exchanged. wdm/nf-wdm-rtlushortbyteswap */
export const RtlUshortByteSwap = declareFunction('ntoskrnl', {
  ...anyLevel,
  inline: true,
  prototype: 'USHORT RtlUshortByteSwap(USHORT Source)',
  page: 'wdm/nf-wdm-rtlushortbyteswap',
  implement: () => (Source: number) => ((Source & 0xff) << 8) | ((Source >> 8) & 0xff),
});

/** A ULONG with its bytes reversed. wdm/nf-wdm-rtlulongbyteswap */
export const RtlUlongByteSwap = declareFunction('ntoskrnl', {
  ...anyLevel,
  inline: true,
  prototype: 'ULONG RtlUlongByteSwap(ULONG Source)',
  page: 'wdm/nf-wdm-rtlulongbyteswap',
  implement: () => (Source: number) =>
    ((Source << 24) | ((Source & 0xff00) << 8) | ((Source >>> 8) & 0xff00) | (Source >>> 24)) >>> 0,
});

/** A random number below 2^31 - 1, made of the seed and the machine's; the seed is advanced. ntifs/nf-ntifs-rtlrandomex */
export const RtlRandomEx = declareFunction('ntoskrnl', {
  ...anyLevel,
  since: 'XP',
  prototype: 'ULONG RtlRandomEx(PULONG Seed)',
  page: 'ntifs/nf-ntifs-rtlrandomex',
  implement: (kernel: Kernel) => (Seed: Address) => {
    const random = new Random(kernel.seed ^ kernel.memory.data.getUint32(Seed, true));
    kernel.memory.data.setUint32(Seed, random.below(0x7fff_ffff), true);
    return random.below(0x7fff_ffff);
  },
});
