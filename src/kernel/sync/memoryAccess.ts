/** Reading and writing members that hold a context: a pointer, or any value cast to one, as C drivers do. */

import type { Address, KernelMemory } from '../../memory/index.ts';

/** Stores a context, bit for bit as the driver gave it. `at` is aligned to 8. */
export function writeContext(memory: KernelMemory, at: Address, value: number): void {
  memory.writePointer(at, value);
}

/** The number of a context. */
export function readContext(memory: KernelMemory, at: Address): number {
  return memory.readPointer(at);
}
