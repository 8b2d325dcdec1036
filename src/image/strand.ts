/**
 * Strands: what runs machine code. A strand is a set of registers and a kernel stack of its own; a thread has one, or
 * several while functions of the host lie between its activations of machine code.
 * Implements the word "strand" of docs/decisions/0001-control-passing.md.
 */

import {
  type Address,
  type KernelMemory,
  PAGE_NONE,
  PAGE_READ_WRITE,
  PAGE_SIZE,
  type Pages,
  type Shadow,
} from '../memory/index.ts';
import { STATE, STATE_SIZE } from '../x64/index.ts';
import type { Activation } from './exceptions/index.ts';

/** Bytes of a kernel stack on x64. */
export const KERNEL_STACK_SIZE = 0x6000;
/** Stacks of one machine: as many nested or waiting activations of machine code. */
export const STRAND_LIMIT = 4096;

/** Why a strand left machine code. */
export type Leave = 'returned' | 'waiting' | 'split' | 'ended';

/** An activation on the stack of another one. */
export interface NestedActivation {
  readonly name: string;
  /** The stack pointer when it returns, and that of the machine code that called the host before. */
  readonly end: Address;
  readonly stack: Address;
}

export class Strand {
  /** Lowest usable byte of its stack. */
  readonly stackLow: Address;
  /** One past the highest byte. */
  readonly stackHigh: Address;
  /** Its registers while another strand runs. */
  readonly saved = new Uint8Array(STATE_SIZE);
  /** It was entered by a function of the host that cannot wait for it. */
  synchronous = false;
  /** The activation of machine code above which it was entered, for stack walks. */
  below: Strand | null = null;
  /** Handlers that may not wait, its own left out, that were running when it was entered. */
  handlersBelow = 0;
  /** How often it is counted itself. */
  ownHandlers = 0;
  /** What was called, `MiniportInitializeEx of ringport.sys`. */
  name = '';
  /** Instructions since it last called the host, for the report of an endless loop. */
  spinning = 0;
  /** Instructions since it last let anything else run, for the same. */
  holding = 0;
  /** Machine time since which it was seen at DISPATCH_LEVEL each time, -1 when it was not. */
  raisedSince = -1;
  /** Exceptions that are being handled; written by them only. */
  readonly activations: Activation[] = [];
  /** Activations of machine code that share this strand's stack, outermost first; functions of the host lie between. */
  readonly nested: NestedActivation[] = [];
  /** Ends its activation: given the result, or what was thrown. Set while a promise stands for it. */
  settle: ((result: number | bigint) => void) | null = null;
  fail: ((error: unknown) => void) | null = null;

  constructor(stackLow: Address) {
    this.stackLow = stackLow;
    this.stackHigh = stackLow + KERNEL_STACK_SIZE;
  }
}

/** The strands of a machine; free ones are used again, the last one first. */
export class StrandPool {
  readonly #memory: KernelMemory;
  readonly #pages: Pages;
  /** Told which stacks are in use; null where memory safety is not checked. */
  readonly #shadow: Shadow | null;
  readonly #free: Strand[] = [];
  #count = 0;

  constructor(memory: KernelMemory, pages: Pages, shadow: Shadow | null) {
    this.#shadow = shadow;
    this.#memory = memory;
    this.#pages = pages;
  }

  /** A strand with an empty stack, or null when STRAND_LIMIT are in use or memory is out. */
  take(): Strand | null {
    const free = this.#free.pop();
    if (free !== undefined) {
      this.#shadow?.allow(free.stackLow, KERNEL_STACK_SIZE);
      return free;
    }
    if (this.#count >= STRAND_LIMIT) return null;
    const pages = KERNEL_STACK_SIZE / PAGE_SIZE;
    // A page that nobody may touch on either side: a stack that overflows hits it.
    const guard = this.#pages.allocate(pages + 2, PAGE_NONE);
    if (guard === 0) return null;
    this.#pages.protect(guard + PAGE_SIZE, pages, PAGE_READ_WRITE);
    this.#count++;
    return new Strand(guard + PAGE_SIZE);
  }

  give(strand: Strand): void {
    this.#shadow?.forbid(strand.stackLow, KERNEL_STACK_SIZE, 'emptyStack');
    strand.below = null;
    // Setting a length costs more than looking at it, and they are nearly always empty.
    if (strand.activations.length > 0) strand.activations.length = 0;
    if (strand.nested.length > 0) strand.nested.length = 0;
    strand.settle = null;
    strand.fail = null;
    this.#free.push(strand);
  }

  /** Keeps the registers of a strand that stops running. */
  save(strand: Strand): void {
    strand.saved.set(this.#memory.u8.subarray(STATE, STATE + STATE_SIZE));
  }

  restore(strand: Strand): void {
    this.#memory.u8.set(strand.saved, STATE);
  }
}
