/** Wild, half-valid and NULL pointers that machine code hands to functions. */

import { describe, expect, test } from 'vitest';
import { createTestKernel } from '../../../test/support/kernel.ts';
import { addressFromHalves, KERNEL_WINDOW_HIGH, USER_WINDOW_HIGH } from '../../memory/index.ts';
import type { FunctionDeclaration } from '../declaration.ts';
import { BugCheckError } from '../errors.ts';
import * as functions from '../functions.ts';
import { STATUS_ACCESS_VIOLATION } from '../generated/constants/ntstatus.ts';
import { kernelStructures } from '../generated/structures/all.ts';
import { RaisedStatusError } from '../raisedStatus.ts';
import { argumentRules, withCheckedArguments } from './index.ts';

type AnyDeclaration = FunctionDeclaration<unknown, unknown>;

const facts = {
  structureOf: (name: string) => kernelStructures[name],
  isRequired: (_name: string, parameter: string) => parameter === 'Event',
};

function setup() {
  const { kernel, driver } = createTestKernel(functions);
  const calls: unknown[][] = [];
  const checked = (declaration: unknown) =>
    withCheckedArguments(kernel, declaration as AnyDeclaration, facts, (...args) => {
      calls.push(args);
      return 0;
    });
  const outcome = (declaration: unknown, ...args: unknown[]): string => {
    const before = calls.length;
    try {
      checked(declaration)(...args);
    } catch (error) {
      expect(calls.length).toBe(before);
      if (error instanceof RaisedStatusError && error.status === STATUS_ACCESS_VIOLATION) return 'raised';
      if (error instanceof BugCheckError) return `0x${error.bugCheckCode.toString(16)}`;
      throw error;
    }
    return 'called';
  };
  const pointer = (low: number, high: number) => addressFromHalves(kernel.memory, low, high);
  return { kernel, driver, outcome, pointer };
}

const rulesOf = (declaration: unknown) => argumentRules(declaration as AnyDeclaration, facts);

test('rules come from the declared types', () => {
  expect(rulesOf(functions.KeSetEvent)).toEqual([
    { index: 0, name: 'Event', size: 24, counted: false, lengthIndex: -1, objects: false, required: true },
  ]);
  expect(rulesOf(functions.RtlInitUnicodeString).map(({ size, counted }) => [size, counted])).toEqual([
    [16, false],
    [2, false],
  ]);
  expect(rulesOf(functions.KeWaitForSingleObject).map(({ name }) => name)).toEqual(['Object', 'Timeout']);
  expect(rulesOf(functions.ZwSetValueKey).map(({ name, lengthIndex }) => [name, lengthIndex])).toEqual([
    ['ValueName', -1],
    ['Data', 5],
  ]);
  expect(rulesOf(functions.PsGetThreadId)).toEqual([]);
  expect(rulesOf(functions.MmIsAddressValid)).toEqual([]);
});

describe('a pointer to', () => {
  test('memory passes, and so does NULL where it has a meaning', () => {
    const { outcome } = setup();
    expect(outcome(functions.KeSetEvent, 0x2_0000, 0, 0)).toBe('called');
    expect(outcome(functions.KeSetTimerEx, 0x2_0000, 0n, 0, 0)).toBe('called');
    expect(outcome(functions.KeSetEvent, 0, 0, 0)).toBe('raised');
  });

  test('user space or no canonical address is an exception that the driver can catch', () => {
    const { outcome, pointer } = setup();
    for (const [low, high] of [
      [0x2_0000, 0],
      [0x2_0000, USER_WINDOW_HIGH],
      [8, 0],
      [0x2_0000, 0x1234_5678],
    ]) {
      expect(outcome(functions.KeSetEvent, pointer(low, high), 0, 0)).toBe('raised');
    }
  });

  test('kernel space without memory stops the machine (Bug Check 0x50)', () => {
    for (const [low, high] of [
      [0x1000, KERNEL_WINDOW_HIGH],
      [0x5000_0000, KERNEL_WINDOW_HIGH],
      [0x7000_0010, KERNEL_WINDOW_HIGH],
      [0x2_0000, -1],
    ]) {
      const { outcome, pointer } = setup();
      expect(outcome(functions.KeSetEvent, pointer(low, high), 0, 0)).toBe('0x50');
    }
    const { outcome, kernel } = setup();
    expect(outcome(functions.KeSetEvent, kernel.memory.size - 23, 0, 0)).toBe('0x50');
  });

  test('anywhere else stops the machine at DISPATCH_LEVEL (Bug Check 0xA)', () => {
    const { outcome, kernel } = setup();
    kernel.irql = 2;
    expect(outcome(functions.KeSetEvent, 8, 0, 0)).toBe('0xa');
  });

  test('a counted string needs its characters', () => {
    const { outcome, kernel } = setup();
    const { memory } = kernel;
    memory.u16[0x2_0000 >> 1] = 8;
    memory.i32[0x2_0008 >> 2] = 0x2_0010;
    memory.i32[0x2_000c >> 2] = 0x55;
    const append = (string: number) => outcome(functions.RtlAppendUnicodeStringToString, 0x2_0100, string);
    expect(append(0x2_0000)).toBe('raised');
    memory.i32[0x2_000c >> 2] = KERNEL_WINDOW_HIGH;
    expect(append(0x2_0000)).toBe('called');
    memory.i32[0x2_0008 >> 2] = memory.size - 4;
    expect(append(0x2_0000)).toBe('0x50');
  });

  test('a buffer is there for its whole length', () => {
    const { outcome, kernel } = setup();
    const { size } = kernel.memory;
    const set = (data: number, length: number) =>
      outcome(functions.ZwSetValueKey, 4, 0x2_0000, 0, 3, data, length);
    expect([set(0x2_0100, 16), set(0, 0), set(8, 0), set(8, 1)]).toEqual([
      'called',
      'called',
      'called',
      'raised',
    ]);
    expect(set(size - 16, 16)).toBe('called');
    expect(set(size - 16, 17)).toBe('0x50');
  });

  test('what is waited for is memory or a thread', () => {
    const { outcome, kernel } = setup();
    const wait = (object: number) => outcome(functions.KeWaitForSingleObject, object, 0, 0, 0, 0);
    expect(wait(kernel.createThreadObject(7))).toBe('called');
    expect(wait(0x1234)).toBe('raised');
  });
});

test.each([
  [functions.memcpy, 0x2_0000, 8, 4],
  [functions.memcpy, 8, 0x2_0000, 4],
  [functions.memmove, 0x6000_0000, 0x2_0000, 4],
  [functions.memset, 0x1000, 0, 0x200],
  [functions.memset, -16, 0, 16],
  [functions.memcmp, 0x2_0000, -16, 16],
  [functions.RtlMoveMemory, -16, 0x2_0000, 16],
  [functions.RtlZeroMemory, 0x1000, 16, 0],
  [functions.RtlFillMemory, 0x1000, 16, 1],
  [functions.RtlCompareMemory, 0x1000, 0x2_0000, 16],
] as const)('%# a range that is no memory faults and changes nothing', (declaration, a, b, c) => {
  const { kernel, driver, seam } = createTestKernel(functions);
  const call = seam.importFunction<unknown>(declaration as AnyDeclaration, kernel, driver);
  const before = kernel.memory.u8.slice();
  expect(() => call(a, b, c)).toThrow();
  expect(Buffer.compare(before, kernel.memory.u8)).toBe(0);
});
