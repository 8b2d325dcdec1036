/** Unwind data of built images, and of data that lies. Rules: "x64 exception handling" (Microsoft C++). */

import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KernelMemory, Pages } from '../../memory/index.ts';
import { mapImage } from '../load/index.ts';
import { parseImage } from '../pe/index.ts';
import { findFunction, parseUnwindInfo, readFunction, type UnwindImage } from './unwindData.ts';

const FIXTURES = new URL('../../../native/fixtures/', import.meta.url);
const images = readdirSync(FIXTURES, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.sys'),
);

const BASE = 0x2_0000;
const flat: UnwindImage = {
  name: 'test.sys',
  base: BASE,
  size: 0x1000,
  exceptionTable: { start: BASE + 0x100, end: BASE + 0x100 + 36 },
  describeAddress: (address) => `test.sys+0x${(address - BASE).toString(16)}`,
};

/** Writes UNWIND_INFO bytes at offset 0x200 of the flat image and parses them. */
function parse(...bytes: number[]) {
  const memory = new KernelMemory(0x8_0000);
  memory.u8.set(bytes, BASE + 0x200);
  return parseUnwindInfo(memory, flat, 0x200);
}

describe('unwind data', () => {
  it.each(images)('of every function of %s is understood', (name) => {
    const memory = new KernelMemory(0x40_0000);
    const bytes = new Uint8Array(readFileSync(new URL(name, FIXTURES)));
    const image = mapImage(new Pages(memory), parseImage(bytes, name), {
      resolve: () => 0x7800_0000,
      random: () => 1,
    });
    const table = image.exceptionTable;
    if (table === null) {
      // Nothing but leaf functions.
      expect(name).toBe('optimised/relay.sys');
      return;
    }
    let functions = 0;
    for (let at = table.start; at + 12 <= table.end; at += 12) {
      const entry = readFunction(memory, image, at - image.base);
      if (entry === null) throw new Error(`entry at ${at - image.base}`);
      const info = parseUnwindInfo(memory, image, entry.unwindInfo);
      expect(info, `function at ${entry.begin}`).not.toBeNull();
      expect(findFunction(memory, image, entry.begin)).toEqual(entry);
      expect(findFunction(memory, image, entry.end - 1)).toEqual(entry);
      functions++;
    }
    expect(functions).toBeGreaterThan(0);
  });

  it('lists large allocations, far saves and epilogues', () => {
    expect(parse(1, 9, 3, 0, 9, 0x11, 0x10, 0x32, 0x54, 0x00)).toMatchObject({
      codes: [{ operation: 'allocate', value: 0x543210 & 0xffffff }],
    });
    expect(parse(1, 9, 3, 0, 9, 0x35, 0x08, 0x00, 0x01, 0x00)).toMatchObject({
      codes: [{ operation: 'saveRegister', register: 3, value: 0x1_0008 }],
    });
    expect(parse(1, 9, 2, 0, 9, 0x68, 0x02, 0x00)).toMatchObject({
      codes: [{ operation: 'saveXmm', register: 6, value: 0x20 }],
    });
    expect(parse(2, 4, 3, 0, 5, 0x16, 0x20, 0x16, 4, 0x30)).toMatchObject({
      epilogueSize: 5,
      epilogueDistances: [5, 0x120],
      codes: [{ operation: 'push', register: 3 }],
    });
  });

  it.each([
    ['a version that does not exist', [3, 0, 0, 0]],
    ['an operation that does not exist', [1, 4, 1, 0, 4, 7]],
    ['a code that is longer than the array', [1, 4, 1, 0, 4, 1]],
    ['a frame register that is none', [1, 4, 1, 0, 4, 3]],
    ['a push of rsp', [1, 4, 1, 0, 4, 0x40]],
    ['an epilogue in version 1', [1, 4, 1, 0, 4, 6]],
    ['a handler outside of the image', [1 | (1 << 3), 0, 0, 0, 0, 0, 1, 0]],
    ['a handler of a part that continues another', [1 | (5 << 3), 0, 0, 0]],
    ['a continued function that ends before it begins', [1 | (4 << 3), 0, 0, 0, 8, 0, 0, 0, 4, 0, 0, 0]],
  ])('with %s is refused', (_what, bytes) => {
    expect(parse(...bytes)).toBeNull();
  });

  it('is refused where it would reach beyond the image', () => {
    const memory = new KernelMemory(0x8_0000);
    memory.u8.set([1, 0, 255, 0], BASE + 0xffc);
    for (const at of [0xffc, 0xffe, 0x1000, 0x2000_0000, -4])
      expect(parseUnwindInfo(memory, flat, at)).toBeNull();
  });

  it('leads through one indirection at most', () => {
    const memory = new KernelMemory(0x8_0000);
    const table = (BASE + 0x100) >> 2;
    memory.u32.set([0x10, 0x20, 0x201, 0x20, 0x30, 0x301, 0x30, 0x40, 0x401], table);
    memory.u32.set([0x10, 0x20, 0x500], (BASE + 0x200) >> 2);
    memory.u32.set([0x20, 0x30, 0x201], (BASE + 0x300) >> 2);
    expect(findFunction(memory, flat, 0x15)).toMatchObject({ unwindInfo: 0x500 });
    expect(findFunction(memory, flat, 0x25)).toBeNull();
    expect(findFunction(memory, flat, 0x35)).toBeNull();
  });

  it('of any bytes is understood or refused', () => {
    const memory = new KernelMemory(0x8_0000);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0x40, maxLength: 0x40 }), fc.nat(0x1000), (bytes, at) => {
        memory.u8.set(bytes, BASE + Math.min(at, 0xfc0));
        const info = parseUnwindInfo(memory, flat, at & ~3);
        if (info !== null) {
          expect(info.handler).toBeLessThan(flat.size);
          for (const code of info.codes) expect(code.register).toBeLessThan(16);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
