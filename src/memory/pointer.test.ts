/** The 64-bit forms of pointers: each window, integers in pointers, and values that are no address. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KERNEL_WINDOW_HIGH, SHARED_DATA_WINDOW_HIGH, USER_WINDOW_HIGH } from './addressSpace.ts';
import { KernelMemory } from './memory.ts';
import {
  addressFromHalves,
  highHalfOf,
  isOpaque,
  lowHalfOf,
  OPAQUE_VALUE_LIMIT,
  OpaqueValues,
  pointerText,
} from './pointer.ts';
import { scalars } from './scalar.ts';

const SIZE = 0x20_0000;
const AT = 0x1_0000;

function store(memory: KernelMemory, low: number, high: number): number {
  memory.i32[AT >> 2] = low;
  memory.i32[(AT >> 2) + 1] = high;
  return memory.readPointer(AT);
}

describe('the number of a pointer', () => {
  const memory = new KernelMemory(SIZE);
  test.each([
    ['NULL', 0, 0, 0],
    ['an address of the kernel window', 0x1_2340, KERNEL_WINDOW_HIGH, 0x1_2340],
    ['a handler', 0x7800_0010, KERNEL_WINDOW_HIGH, 0x7800_0010],
    ['an integer below 64 KiB', 5, 0, 5],
    ['the largest such integer', 0xffff, 0, 0xffff],
    ['(HANDLE)-1', -1, -1, -1],
    ['a kernel handle', 0x8000_0004 | 0, -1, 0x8000_0004 | 0],
  ])('for %s', (_what, low, high, expected) => {
    expect(store(memory, low, high)).toBe(expected);
  });

  test.each([
    ['the right low half in no window', 0x1_2340, 0],
    ['a user address of no process', 0x1_2340, USER_WINDOW_HIGH],
    ['the page of KUSER_SHARED_DATA', 0, SHARED_DATA_WINDOW_HIGH],
    ['the unmapped start of the kernel window', 0x1000, KERNEL_WINDOW_HIGH],
    ['NULL of the kernel window', 0, KERNEL_WINDOW_HIGH],
    ['a low half beyond 2^31', -16, KERNEL_WINDOW_HIGH],
    ['a value that is not canonical', 0x1234_5678, 0x1234_5678],
    ['two equal halves', 0x1_0000, 0x1_0000],
  ])('is no address for %s', (_what, low, high) => {
    const number = store(memory, low, high);
    expect(isOpaque(number)).toBe(true);
    expect(memory.u8[number]).toBeUndefined();
    expect(store(memory, low, high)).toBe(number);
  });

  test('is the low half in the user window, where a process has the page', () => {
    const own = new KernelMemory(SIZE);
    own.userSpace = { isUser: (low) => low >>> 12 === 0x12 };
    expect(store(own, 0x1_2340, USER_WINDOW_HIGH)).toBe(0x1_2340);
    expect(isOpaque(store(own, 0x1_3340, USER_WINDOW_HIGH))).toBe(true);
  });
});

test('every 64-bit value comes back bit for bit through both forms of access', () => {
  const memory = new KernelMemory(SIZE);
  const half = fc.oneof(
    fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }),
    fc.constantFrom(0, -1, 1, KERNEL_WINDOW_HIGH, USER_WINDOW_HIGH, 0xffff, 0x1_0000, 0x7fff_ffff),
  );
  fc.assert(
    fc.property(half, half, (low, high) => {
      // What no address of the host can be: numbers of the opaque range in the kernel window.
      fc.pre(!(high === KERNEL_WINDOW_HIGH && isOpaque(low)));
      const number = store(memory, low, high);
      expect(scalars.pointer.read(memory, AT)).toBe(number);
      memory.writePointer(AT + 8, number);
      expect([memory.i32[(AT + 8) >> 2], memory.i32[(AT + 12) >> 2]]).toEqual([low, high]);
      scalars.pointer.write(memory, AT + 16, number);
      expect([memory.i32[(AT + 16) >> 2], memory.i32[(AT + 20) >> 2]]).toEqual([low, high]);
      expect(addressFromHalves(memory, lowHalfOf(memory, number), highHalfOf(memory, number))).toBe(number);
    }),
  );
});

test('an offset from a value that is no address stays beside it', () => {
  const memory = new KernelMemory(SIZE);
  const number = addressFromHalves(memory, -8, 0x55);
  expect(pointerText(memory, number)).toBe('0x00000055_FFFFFFF8');
  expect(pointerText(memory, number + 0x10)).toBe('0x00000056_00000008');
});

test('the oldest value makes room at the limit', () => {
  const values = new OpaqueValues();
  const first = values.numberOf(0x1_0000, 0);
  for (let low = 1; low < OPAQUE_VALUE_LIMIT; low++) values.numberOf(0x1_0000 + low, 0);
  expect(values.size).toBe(OPAQUE_VALUE_LIMIT);
  expect(values.numberOf(7, 7)).toBe(first);
  expect([values.lowOf(first), values.highOf(first)]).toEqual([7, 7]);
  expect(values.size).toBe(OPAQUE_VALUE_LIMIT);
});
