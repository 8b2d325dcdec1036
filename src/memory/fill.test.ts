/** Filling structures from literals: every kind of field, and refusals that name what was wrong. */

import { describe, expect, test } from 'vitest';
import type { Fields, Marshaller } from './fill.ts';
import {
  array,
  bits,
  boolean,
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
import type { View } from './view.ts';

interface UNICODE_STRING extends View {
  Length: number;
  MaximumLength: number;
  Buffer: number;
}
const UNICODE_STRING: Structure<UNICODE_STRING> = structure('UNICODE_STRING', {
  size: 16,
  align: 8,
  members: { Length: u16(0), MaximumLength: u16(2), Buffer: pointer(8, 'WCHAR') },
});
interface POINT extends View {
  X: number;
  Y: number;
}
const POINT: Structure<POINT> = structure('POINT', { size: 8, align: 4, members: { X: u32(0), Y: u32(4) } });
const THING: Structure<View> = structure('THING', {
  size: 128,
  align: 8,
  members: {
    Flags: bits('u32', 0, 4, 8),
    Enabled: boolean(4),
    Total: u64(8),
    Next: pointer(16, 'THING'),
    Handler: callback(24, 'THING_HANDLER'),
    Context: context(32),
    Name: nested(40, 16, () => UNICODE_STRING),
    Origin: nested(56, 8, () => POINT),
    Corners: structures(64, 16, 2, () => POINT),
    Bytes: array('u8', 80, 4),
    Handlers: array('callback', 88, 2),
    Choice: group(104, 4, { Whole: u32(104), Half: u16(106) }),
    Tail: array('u32', 112, 0),
  },
});
const AT = 0x1_0100;
const handler = () => 0;
const mine = { mine: true };
const marshaller: Marshaller = {
  callableAddress: (_handler, typedef) => (typedef === 'THING_HANDLER' ? 0x7800_0010 : 0x7800_0020),
  objectAddress: () => 0x7000_0030,
  unicodeString: (text) => ({ Buffer: 0x1_2000, Length: text.length * 2 }),
};

/** Fills THING as a JavaScript driver would, unchecked by types. */
function fill(fields: object, memory = new KernelMemory(0x2_0000), given: Marshaller | null = marshaller) {
  THING.fill(memory, AT, fields as Fields<View>, given ?? undefined);
  return { memory, plain: THING.describe(memory, AT) };
}

test('every kind of field is written and the rest is zero', () => {
  const memory = new KernelMemory(0x2_0000);
  memory.u8.fill(0xff);
  const { plain } = fill(
    {
      Flags: 0xab,
      Enabled: true,
      Total: 5n,
      Next: 0x1_3000,
      Handler: handler,
      Context: mine,
      Name: 'name',
      Origin: { Y: 2 },
      Corners: [{ X: 1 }],
      Bytes: [1, 2],
      Handlers: [handler],
      Choice: { Half: 7 },
    },
    memory,
  );
  expect(plain).toEqual({
    Flags: 0xab,
    Enabled: true,
    Total: 5,
    Next: '0x13000',
    Handler: '0x78000010',
    Context: '0x70000030',
    Name: { Length: 8, MaximumLength: 8, Buffer: '0x12000' },
    Origin: { X: 0, Y: 2 },
    Corners: [
      { X: 1, Y: 0 },
      { X: 0, Y: 0 },
    ],
    Bytes: [1, 2, 0, 0],
    Handlers: ['0x78000020', '0x0'],
    Choice: { Whole: 0x7_0000, Half: 7 },
    Tail: [],
  });
  expect(memory.u8[AT - 1]).toBe(0xff);
  expect(memory.u8[AT + 128]).toBe(0xff);
});

test('fields that are undefined are left out, NULL is given as null', () => {
  expect(fill({ Flags: undefined, Next: null, Handler: null, Context: null }).plain).toEqual(fill({}).plain);
});

test('without a marshaller the memory keeps functions and objects', () => {
  const { memory } = fill({ Handler: handler, Context: mine }, undefined, null);
  expect(memory.callables.valueAt(memory.readPointer(AT + 24))).toBe(handler);
  expect(memory.objects.valueAt(memory.readPointer(AT + 32))).toBe(mine);
});

test('a view is copied, also one of what the structure held before', () => {
  const memory = new KernelMemory(0x2_0000);
  const other = POINT.fill(memory, AT + 0x200, { X: 3, Y: 4 });
  expect(fill({ Origin: other }, memory).plain['Origin']).toEqual({ X: 3, Y: 4 });
  const own = POINT.at(memory, AT + 56);
  expect(fill({ Origin: own, Corners: [own, other] }, memory).plain).toMatchObject({
    Origin: { X: 3, Y: 4 },
    Corners: [
      { X: 3, Y: 4 },
      { X: 3, Y: 4 },
    ],
  });
  expect(() => fill({ Origin: POINT.at(new KernelMemory(0x2_0000), AT) }, memory)).toThrow(/another machine/);
});

describe('is refused with the path of the field', () => {
  test.each<[object, RegExp]>([
    [{ Flag: 1 }, /^THING has no member Flag: did you mean Flags\?$/],
    [{ Zebra: 1 }, /^THING has no member Zebra$/],
    [{ constructor: 1 }, /^THING has no member constructor/],
    [{ Origin: { Z: 1 } }, /^THING\.Origin has no member Z/],
    [{ Corners: [{}, {}, {}] }, /^THING\.Corners has 2 elements, 3 were given/],
    [{ Corners: [{}, { Q: 1 }] }, /^THING\.Corners\[1\] has no member Q/],
    [{ Tail: [1] }, /^THING\.Tail has 0 elements, 1 were given/],
    [{ Bytes: 5 }, /^THING\.Bytes takes an object, not number/],
    [{ Bytes: ['a'] }, /^THING\.Bytes\[0\] takes a number, not string/],
    [{ Total: 'a' }, /^THING\.Total takes a number, not string/],
    [{ Total: 0.5 }, /expected a bigint or an integer/],
    [{ Flags: null }, /^THING\.Flags takes a number, not null/],
    [{ Origin: 'text' }, /^THING\.Origin is a POINT and takes no text/],
    [{ Next: 'text' }, /^THING\.Next: a pointer member takes an address or a view, not string/],
    [{ Next: handler }, /^THING\.Next: a pointer member/],
    [{ Handler: {} }, /^THING\.Handler: a callback member takes an address or a function/],
    [{ Choice: 7 }, /^THING\.Choice takes an object, not number/],
  ])('%j', (fields, message) => {
    expect(() => fill(fields)).toThrow(message);
  });

  test('a text without a marshaller', () => {
    expect(() => THING.fill(new KernelMemory(0x2_0000), AT, { Name: 'x' } as Fields<View>)).toThrow(
      /^THING\.Name: a text needs a marshaller/,
    );
  });

  test('an address outside of memory, before anything is written', () => {
    const memory = new KernelMemory(0x2_0000);
    expect(() => POINT.fill(memory, memory.size - 4, { X: 1 })).toThrow(/does not lie in kernel memory/);
    expect(memory.u32[(memory.size - 4) >> 2]).toBe(0);
  });

  test('a wrong name leaves what was there', () => {
    const memory = new KernelMemory(0x2_0000);
    POINT.fill(memory, AT, { X: 1 });
    expect(() => POINT.fill(memory, AT, { x: 2 } as Fields<POINT>)).toThrow(/did you mean X/);
    expect(memory.u32[AT >> 2]).toBe(1);
  });
});
