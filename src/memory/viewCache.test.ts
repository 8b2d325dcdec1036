/** The cache of views keeps nothing alive, and its tables do not grow with the views that are gone. */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { structure, u32 } from './layout.ts';
import { KernelMemory } from './memory.ts';
import type { View } from './view.ts';

interface CELL extends View {
  Value: number;
}
const CELL = structure<CELL>('CELL', { size: 8, align: 4, members: { Value: u32(0) } });
const AT = 0x1_0000;

test('views that nobody holds are dropped; those held stay the same objects', async () => {
  setFlagsFromString('--expose-gc');
  // The function that the flag adds to new contexts.
  const collect = runInNewContext('gc') as () => void;
  const memory = new KernelMemory(0x20_0000);
  const held = CELL.at(memory, AT);
  for (let round = 0; round < 20; round++) {
    for (let index = 1; index < 5000; index++) CELL.at(memory, AT + (round * 5000 + index) * 8);
    // A view lives at least until the running job ends.
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
  for (let index = 1; index < 20_000; index++) CELL.at(memory, AT + index * 8);
  expect(memory.views.table(CELL).size).toBeLessThan(50_000);
  expect(CELL.at(memory, AT)).toBe(held);
});

test('structures do not share a table', () => {
  const memory = new KernelMemory(0x2_0000);
  const other = structure<CELL>('OTHER', { size: 8, align: 4, members: { Value: u32(0) } });
  expect(memory.views.table(CELL)).toBe(memory.views.table(CELL));
  expect(memory.views.table(CELL)).not.toBe(memory.views.table(other));
});
