/**
 * Interlocked arithmetic on LONGs, 64-bit integers and pointers in kernel memory. TypeScript code is not interrupted
 * between two calls, so plain reads and writes are atomic. Implements InterlockedIncrement and its kin (wdm).
 */

import type { Address, KernelMemory } from '../../memory/index.ts';
import type { Context, OutPointer } from '../edge.ts';
import { inlined, synchronous } from './declare.ts';
import { readContext, writeContext } from './memoryAccess.ts';

/** Changes a LONG and returns what it was before. */
function exchange(memory: KernelMemory, target: Address, change: (before: number) => number): number {
  const before = memory.i32[target >> 2];
  memory.i32[target >> 2] = change(before);
  return before;
}

function exchange64(memory: KernelMemory, target: Address, change: (before: bigint) => bigint): bigint {
  const before = memory.i64[target >> 3];
  memory.i64[target >> 3] = change(before);
  return before;
}

const page = (name: string): string => `wdm/nf-wdm-${name.toLowerCase()}`;

/** Adds 1 and returns the sum. Any IRQL. wdm/nf-wdm-interlockedincrement */
export const InterlockedIncrement = inlined(
  'LONG InterlockedIncrement(PLONG Addend)',
  'any',
  '2000',
  page('InterlockedIncrement'),
  ({ memory: { i32 } }) =>
    (Addend: OutPointer) =>
      (i32[Addend >> 2] += 1) | 0,
);
/** Subtracts 1 and returns the difference. Any IRQL. wdm/nf-wdm-interlockeddecrement */
export const InterlockedDecrement = inlined(
  'LONG InterlockedDecrement(PLONG Addend)',
  'any',
  '2000',
  page('InterlockedDecrement'),
  ({ memory: { i32 } }) =>
    (Addend: OutPointer) =>
      (i32[Addend >> 2] -= 1) | 0,
);
/** Stores `Value` and returns what was there. Any IRQL. wdm/nf-wdm-interlockedexchange */
export const InterlockedExchange = inlined(
  'LONG InterlockedExchange(PLONG Target, LONG Value)',
  'any',
  '2000',
  page('InterlockedExchange'),
  ({ memory }) =>
    (Target: OutPointer, Value: number) =>
      exchange(memory, Target, () => Value),
);
/** Adds `Value` and returns what was there. Any IRQL. wdm/nf-wdm-interlockedexchangeadd */
export const InterlockedExchangeAdd = inlined(
  'LONG InterlockedExchangeAdd(PLONG Addend, LONG Value)',
  'any',
  '2000',
  page('InterlockedExchangeAdd'),
  ({ memory }) =>
    (Addend: OutPointer, Value: number) =>
      exchange(memory, Addend, (before) => before + Value),
);
/** Stores `ExChange` where `Comperand` is found; returns what was there. Any IRQL. wdm/nf-wdm-interlockedcompareexchange */
export const InterlockedCompareExchange = inlined(
  'LONG InterlockedCompareExchange(PLONG Destination, LONG ExChange, LONG Comperand)',
  'any',
  '2000',
  page('InterlockedCompareExchange'),
  ({ memory }) =>
    (Destination: OutPointer, ExChange: number, Comperand: number) =>
      exchange(memory, Destination, (before) => (before === (Comperand | 0) ? ExChange : before)),
);
/** Bitwise AND; returns what was there. Any IRQL. wdm/nf-wdm-interlockedand */
export const InterlockedAnd = inlined(
  'LONG InterlockedAnd(PLONG Destination, LONG Value)',
  'any',
  '2000',
  page('InterlockedAnd'),
  ({ memory }) =>
    (Destination: OutPointer, Value: number) =>
      exchange(memory, Destination, (before) => before & Value),
);
/** Bitwise OR; returns what was there. Any IRQL. wdm/nf-wdm-interlockedor */
export const InterlockedOr = inlined(
  'LONG InterlockedOr(PLONG Destination, LONG Value)',
  'any',
  '2000',
  page('InterlockedOr'),
  ({ memory }) =>
    (Destination: OutPointer, Value: number) =>
      exchange(memory, Destination, (before) => before | Value),
);
/** Bitwise exclusive OR; returns what was there. Any IRQL. wdm/nf-wdm-interlockedxor */
export const InterlockedXor = inlined(
  'LONG InterlockedXor(PLONG Destination, LONG Value)',
  'any',
  '2000',
  page('InterlockedXor'),
  ({ memory }) =>
    (Destination: OutPointer, Value: number) =>
      exchange(memory, Destination, (before) => before ^ Value),
);
/** Adds 1 to a 64-bit integer and returns the sum. Any IRQL. wdm/nf-wdm-interlockedincrement */
export const InterlockedIncrement64 = inlined(
  'LONG64 InterlockedIncrement64(PLONG64 Addend)',
  'any',
  '2000',
  page('InterlockedIncrement'),
  ({ memory }) =>
    (Addend: OutPointer) =>
      BigInt.asIntN(64, exchange64(memory, Addend, (before) => before + 1n) + 1n),
);
/** Subtracts 1 from a 64-bit integer and returns the difference. Any IRQL. wdm/nf-wdm-interlockeddecrement */
export const InterlockedDecrement64 = inlined(
  'LONG64 InterlockedDecrement64(PLONG64 Addend)',
  'any',
  '2000',
  page('InterlockedDecrement'),
  ({ memory }) =>
    (Addend: OutPointer) =>
      BigInt.asIntN(64, exchange64(memory, Addend, (before) => before - 1n) - 1n),
);
/** Stores a 64-bit integer and returns what was there. Any IRQL. wdm/nf-wdm-interlockedexchange */
export const InterlockedExchange64 = inlined(
  'LONG64 InterlockedExchange64(PLONG64 Target, LONG64 Value)',
  'any',
  '2000',
  page('InterlockedExchange'),
  ({ memory }) =>
    (Target: OutPointer, Value: bigint) =>
      exchange64(memory, Target, () => Value),
);
/** Adds to a 64-bit integer and returns what was there. Any IRQL. wdm/nf-wdm-interlockedexchangeadd */
export const InterlockedExchangeAdd64 = inlined(
  'LONG64 InterlockedExchangeAdd64(PLONG64 Addend, LONG64 Value)',
  'any',
  '2000',
  page('InterlockedExchangeAdd'),
  ({ memory }) =>
    (Addend: OutPointer, Value: bigint) =>
      exchange64(memory, Addend, (before) => before + Value),
);
/** As InterlockedCompareExchange on a 64-bit integer. Any IRQL. wdm/nf-wdm-interlockedcompareexchange */
export const InterlockedCompareExchange64 = inlined(
  'LONG64 InterlockedCompareExchange64(PLONG64 Destination, LONG64 ExChange, LONG64 Comperand)',
  'any',
  '2000',
  page('InterlockedCompareExchange'),
  ({ memory }) =>
    (Destination: OutPointer, ExChange: bigint, Comperand: bigint) =>
      exchange64(memory, Destination, (before) =>
        before === BigInt.asIntN(64, Comperand) ? ExChange : before,
      ),
);
/** Stores a pointer and returns what was there. Any IRQL. wdm/nf-wdm-interlockedexchangepointer */
export const InterlockedExchangePointer = inlined(
  'PVOID InterlockedExchangePointer(PVOID* Target, PVOID Value)',
  'any',
  '2000',
  page('InterlockedExchangePointer'),
  ({ memory }) =>
    (Target: OutPointer, Value: Context): Address => {
      const before = readContext(memory, Target);
      writeContext(memory, Target, Value);
      return before;
    },
);
/** Stores `Exchange` where `Comperand` is found; returns what was there. Any IRQL. wdm/nf-wdm-interlockedcompareexchangepointer */
export const InterlockedCompareExchangePointer = inlined(
  'PVOID InterlockedCompareExchangePointer(PVOID* Destination, PVOID Exchange, PVOID Comperand)',
  'any',
  '2000',
  page('InterlockedCompareExchangePointer'),
  ({ memory }) =>
    (Destination: OutPointer, Exchange: Context, Comperand: Context): Address => {
      const before = readContext(memory, Destination);
      if (before === Number(Comperand)) writeContext(memory, Destination, Exchange);
      return before;
    },
);
/** Adds to a ULONG under a lock; returns what was there. Any IRQL. wdm/nf-wdm-exinterlockedaddulong */
export const ExInterlockedAddUlong = synchronous(
  'ULONG ExInterlockedAddUlong(PULONG Addend, ULONG Increment, PKSPIN_LOCK Lock)',
  'any',
  '2000',
  page('ExInterlockedAddUlong'),
  ({ memory: { u32 } }) =>
    (Addend: OutPointer, Increment: number, _Lock: Address) => {
      const before = u32[Addend >> 2];
      u32[Addend >> 2] = before + Increment;
      return before;
    },
);
/** Adds to a LARGE_INTEGER under a lock; returns what was there. Any IRQL. wdm/nf-wdm-exinterlockedaddlargeinteger */
export const ExInterlockedAddLargeInteger = synchronous(
  'LARGE_INTEGER ExInterlockedAddLargeInteger(PLARGE_INTEGER Addend, LARGE_INTEGER Increment, PKSPIN_LOCK Lock)',
  'any',
  '2000',
  page('ExInterlockedAddLargeInteger'),
  ({ memory }) =>
    (Addend: OutPointer, Increment: bigint, _Lock: Address) =>
      exchange64(memory, Addend, (before) => before + Increment),
);
