/** Views: canonical, checked, without room for fields, and plain data where they leave the machine. */

import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { FIRST_MAPPED_ADDRESS } from './addressSpace.ts';
import {
  array,
  bits,
  callback,
  context,
  group,
  nested,
  pointer,
  type Structure,
  structure,
  structures,
  u16,
  u32,
  u64,
} from './layout.ts';
import { KernelMemory } from './memory.ts';
import type { PointerArray, StructureArray, View } from './view.ts';

interface POINT extends View {
  X: number;
  Y: number;
}
const POINT: Structure<POINT> = structure('POINT', { size: 8, align: 4, members: { X: u32(0), Y: u32(4) } });

interface SHAPE extends View {
  Kind: number;
  Low: number;
  High: number;
  Area: bigint;
  Next: number;
  Handler: number | (() => number);
  Context: unknown;
  readonly Origin: POINT;
  readonly Corners: StructureArray<POINT>;
  readonly Links: PointerArray;
  readonly Bytes: Uint8Array;
  readonly Words: Uint16Array;
  readonly Overlay: { Whole: number; Half: number };
  readonly Tail: number;
}
const SHAPE = structure<SHAPE, 'Overlay' | 'Overlay.Half' | 'Area'>('SHAPE', {
  size: 104,
  align: 8,
  members: () => ({
    Kind: u32(0),
    Low: bits('u32', 4, 0, 4),
    High: bits('u32', 4, 4, 28),
    Area: u64(8),
    Next: pointer(16, 'SHAPE'),
    Handler: callback(24, 'SHAPE_HANDLER'),
    Context: context(32, 'PVOID'),
    Origin: nested(40, 8, () => POINT),
    Corners: structures(48, 16, 2, () => POINT),
    Links: array('pointer', 64, 2),
    Bytes: array('u8', 80, 4),
    Words: array('u16', 84, 2),
    Overlay: group(88, 4, { Whole: u32(88), Half: u16(90) }),
    Tail: array('u32', 96, 0),
  }),
});
const AT = FIRST_MAPPED_ADDRESS + 0x100;
const machine = () => new KernelMemory(0x2_0000);

describe('canonical views', () => {
  test('are one object for one address and structure', () => {
    const memory = machine();
    expect(SHAPE.at(memory, AT)).toBe(SHAPE.at(memory, AT));
    expect(SHAPE.at(memory, AT)).not.toBe(SHAPE.at(memory, AT + 8));
    expect(POINT.at(memory, AT)).not.toBe(SHAPE.at(memory, AT));
    expect(SHAPE.at(memory, AT).Origin).toBe(POINT.at(memory, AT + 40));
    expect(SHAPE.at(memory, AT).Corners.at(1)).toBe(POINT.at(memory, AT + 56));
  });

  test('differ between machines', () => {
    expect(SHAPE.at(machine(), AT)).not.toBe(SHAPE.at(machine(), AT));
  });

  test('are new ones when the block was freed and reused', () => {
    const memory = machine();
    let generation = 1;
    memory.generations = { generationAt: () => generation };
    const before = SHAPE.at(memory, AT);
    expect(before.generation).toBe(1);
    generation = 2;
    const after = SHAPE.at(memory, AT);
    expect(after).not.toBe(before);
    expect(after.generation).toBe(2);
    expect(SHAPE.at(memory, AT)).toBe(after);
  });

  test('have no room for fields of the driver, and no member can be replaced', () => {
    const view = SHAPE.at(machine(), AT);
    expect(() => Object.assign(view, { mine: 1 })).toThrow(TypeError);
    expect(() => Object.assign(view, { Origin: {} })).toThrow(TypeError);
    expect(() => Object.assign(view, { address: 5 })).toThrow(TypeError);
  });

  test('are refused where the structure does not lie in mapped memory', () => {
    const memory = machine();
    for (const address of [
      0,
      -8,
      FIRST_MAPPED_ADDRESS - 1,
      memory.size - 103,
      memory.size,
      1.5,
      Number.NaN,
    ]) {
      expect(() => SHAPE.at(memory, address)).toThrow(/SHAPE at .* does not lie in kernel memory/);
    }
    expect(SHAPE.at(memory, memory.size - 104).address).toBe(memory.size - 104);
    expect(SHAPE.at(memory, FIRST_MAPPED_ADDRESS).address).toBe(FIRST_MAPPED_ADDRESS);
  });
});

describe('members', () => {
  test('of a named union overlap and are found by path', () => {
    const memory = machine();
    const view = SHAPE.at(memory, AT);
    view.Overlay.Whole = 0x1234_5678;
    expect(view.Overlay.Half).toBe(0x1234);
    expect(SHAPE.offset['Overlay.Half']).toBe(90);
  });

  test('that are arrays write through', () => {
    const memory = machine();
    const view = SHAPE.at(memory, AT);
    view.Bytes[3] = 7;
    view.Words[1] = 0xbeef;
    expect(memory.u8[AT + 83]).toBe(7);
    expect(memory.u16[(AT + 86) >> 1]).toBe(0xbeef);
    expect(view.Tail).toBe(AT + 96);
  });

  test('that are arrays check their index', () => {
    const view = SHAPE.at(machine(), AT);
    view.Links.set(1, 0x1_2340);
    expect(view.Links.get(1)).toBe(0x1_2340);
    for (const index of [-1, 2, 0.5, Number.NaN]) {
      expect(() => view.Links.get(index)).toThrow(RangeError);
      expect(() => view.Links.set(index, 0)).toThrow(RangeError);
      expect(() => view.Corners.at(index)).toThrow(RangeError);
    }
  });

  test('that are typed arrays refuse an address their elements are not aligned to', () => {
    expect(() => SHAPE.at(machine(), AT + 1).Words).toThrow(/not aligned/);
  });

  test('that hold pointers take views, functions and objects where these make sense', () => {
    const memory = machine();
    const view = SHAPE.at(memory, AT);
    const handler = () => 1;
    const mine = { name: 'mine' };
    Object.assign(view, { Next: SHAPE.at(memory, AT + 104), Handler: handler, Context: mine });
    expect(view.Next).toBe(AT + 104);
    expect(memory.callables.valueAt(Number(view.Handler))).toBe(handler);
    expect(memory.objects.valueAt(Number(view.Context))).toBe(mine);
    expect(memory.u32[(AT + 20) >> 2]).toBe(0xffff8000);
    Object.assign(view, { Next: null, Handler: null, Context: null });
    expect(memory.u8.subarray(AT + 16, AT + 40).every((byte) => byte === 0)).toBe(true);
  });

  test('that hold pointers refuse everything else', () => {
    const view = SHAPE.at(machine(), AT);
    expect(() => Object.assign(view, { Next: 'text' })).toThrow(TypeError);
    expect(() => Object.assign(view, { Next: {} })).toThrow(TypeError);
    expect(() => Object.assign(view, { Next: () => 0 })).toThrow(TypeError);
    expect(() => Object.assign(view, { Handler: {} })).toThrow(TypeError);
    expect(() => Object.assign(view, { Next: Number.NaN })).toThrow(TypeError);
    expect(() => Object.assign(view, { Kind: undefined })).toThrow(TypeError);
  });
});

describe('outside of the machine', () => {
  test('views and their parts are plain data in JSON, never the memory behind them', () => {
    const memory = machine();
    const view = SHAPE.at(memory, AT);
    view.Area = 2n ** 60n;
    view.Next = AT;
    view.Corners.at(1).Y = 9;
    view.Overlay.Whole = 3;
    view.Links.set(0, AT);
    const plain = JSON.parse(JSON.stringify(view)) as Record<string, unknown>;
    expect(plain).toEqual(SHAPE.describe(memory, AT));
    expect(plain).toMatchObject({
      Area: '1152921504606846976',
      Next: `0x${AT.toString(16)}`,
      Corners: [
        { X: 0, Y: 0 },
        { X: 0, Y: 9 },
      ],
      Overlay: { Whole: 3, Half: 0 },
    });
    expect(JSON.parse(JSON.stringify(view.Overlay))).toEqual({ Whole: 3, Half: 0 });
    expect(JSON.parse(JSON.stringify(view.Corners))).toEqual(plain['Corners']);
    expect(JSON.parse(JSON.stringify(view.Links))).toEqual(plain['Links']);
  });

  test('a console shows the same', () => {
    const memory = machine();
    expect(inspect(POINT.at(memory, AT))).toBe('{ X: 0, Y: 0 }');
  });
});
