/** Reading and writing members that hold a context: a pointer, or a small integer cast to one, as C drivers do. */

import { type Address, FIRST_MAPPED_ADDRESS, type KernelMemory } from '../../memory/index.ts';

/** Stores a context; what is no kernel address is kept as an integer. `at` is aligned to 8. */
export function writeContext(memory: KernelMemory, at: Address, value: number): void {
  if (value >= FIRST_MAPPED_ADDRESS) {
    memory.writePointer(at, value);
    return;
  }
  memory.i32[at >> 2] = value;
  memory.i32[(at >> 2) + 1] = value < 0 ? -1 : 0;
}

/** The low half of a context. */
export function readContext(memory: KernelMemory, at: Address): number {
  return memory.i32[at >> 2];
}
