/** Memory for the arguments of tests: cells, texts and structures in non-paged pool. */

import { type Kernel, poolOf } from '../../src/kernel/index.ts';
import { type Address, poolType, writeUtf16 } from '../../src/memory/index.ts';

const TAG = 0x7473_6554;

/** Zeroed bytes of non-paged pool that belong to the machine. */
export function bytesAt(kernel: Kernel, size: number): Address {
  const address = poolOf(kernel).allocateZeroed(poolType.nonPagedNx, Math.max(size, 16), TAG, 0);
  if (address === 0) throw new Error('the pool of the test is full');
  return address;
}

/** A zero-terminated UTF-16 text. */
export function wideText(kernel: Kernel, text: string): Address {
  const address = bytesAt(kernel, text.length * 2 + 2);
  writeUtf16(kernel.memory, address, text);
  return address;
}

/** A UNICODE_STRING. */
export function unicodeString(kernel: Kernel, text: string): Address {
  const address = bytesAt(kernel, 16);
  kernel.memory.u16[address >> 1] = text.length * 2;
  kernel.memory.u16[(address + 2) >> 1] = text.length * 2 + 2;
  kernel.memory.writePointer(address + 8, wideText(kernel, text));
  return address;
}
