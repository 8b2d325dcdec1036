/** Chains of net buffer lists, linked by Next. Implements "NET_BUFFER_LIST Structure" (network). */

import { type Address, type KernelMemory, NET_BUFFER_LIST } from '../../src/machine/index.ts';

const NBL_NEXT = NET_BUFFER_LIST.offset.Next;

/** A chain of lists that is being made. Pointers are written whole: machine code reads all 64 bits of them. */
export class Chain {
  readonly #memory: KernelMemory;
  first: Address = 0;
  #last: Address = 0;
  count = 0;

  constructor(memory: KernelMemory) {
    this.#memory = memory;
  }

  add(list: Address): void {
    this.#memory.writePointer(list + NBL_NEXT, 0);
    if (this.#last === 0) this.first = list;
    else this.#memory.writePointer(this.#last + NBL_NEXT, list);
    this.#last = list;
    this.count++;
  }
}
