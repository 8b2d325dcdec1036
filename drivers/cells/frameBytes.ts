/** The bytes of received lists, copied out: each net buffer is a frame. */

import { type Address, type KernelMemory, NET_BUFFER, NET_BUFFER_LIST } from '../../src/machine/index.ts';
import { frameAddress } from '../support/frameBytes.ts';

/** One array a frame. The miniports of this network give every frame in one piece. */
export function frameBytes(memory: KernelMemory, lists: Address): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let list = lists; list !== 0; list = memory.readPointer(list + NET_BUFFER_LIST.offset.Next)) {
    let buffer = memory.readPointer(list + NET_BUFFER_LIST.offset.FirstNetBuffer);
    for (; buffer !== 0; buffer = memory.readPointer(buffer + NET_BUFFER.offset.Next)) {
      const at = frameAddress(memory, buffer);
      const length = memory.u32[(buffer + NET_BUFFER.offset.DataLength) >> 2];
      if (at !== 0) frames.push(memory.u8.slice(at, at + length));
    }
  }
  return frames;
}
