/**
 * What machine code may reach outside of itself: the host's functions behind callable addresses, IRQL, ports and
 * time. Everything else is guest memory. Implements decisions 1 and 4 of the design;
 * see docs/decisions/0001-control-passing.md.
 */

import type { Address } from '../memory/index.ts';

/** The host did the call: the engine pops the return address and goes on there. */
export const CALL_RETURN = 0;
/** The host changed rip (a tail transfer): the engine goes on there, nothing is popped. */
export const CALL_JUMP = 1;
/** The strand cannot go on now: `run` returns `stopped`. Registers are as the host left them. */
export const CALL_STOP = 2;
export type CallOutcome = typeof CALL_RETURN | typeof CALL_JUMP | typeof CALL_STOP;

/** Who serves machine code. All functions find the registers in memory, at STATE. */
export interface EngineHost {
  /**
   * rip reached a callable address (an import, a handler of a TypeScript driver, the return address of the run loop).
   * All registers are in memory, the return address is on top of the guest's stack. The host may run other strands
   * before it returns, if it restores the registers that it does not change.
   * @param target low half of the address.
   */
  call(target: Address): CallOutcome;
  /** mov r64, cr8. */
  readIrql(): number;
  /** mov cr8, r64. Like `call`: CALL_RETURN goes on with the next instruction. */
  writeIrql(irql: number): CallOutcome;
  /** in: `size` bytes from `port`. */
  readPort(port: number, size: 1 | 2 | 4): number;
  writePort(port: number, size: 1 | 2 | 4, value: number): void;
  /** rdtsc: ticks since the machine started, an integer below 2^53. STATE_FUEL is up to date. */
  readTimestamp(): number;
  /**
   * An address outside of the kernel window, or in a page that does not allow the access.
   * @param low @param high halves of the 64-bit address.
   * @returns the address in kernel memory that it stands for, or -1: the instruction faults.
   */
  translate(low: number, high: number, size: number, access: Access): Address;
}

/** What an instruction does with memory. */
export type Access = 'read' | 'write' | 'execute';

/** Why `run` returned. rip is the instruction that did not run, or after which the engine stopped. */
export type Exit =
  /** The host said CALL_STOP. */
  | { readonly kind: 'stopped' }
  /** No fuel is left. rip is the next instruction. */
  | { readonly kind: 'fuel' }
  /** Exploration: rip is an instruction before which another processor may run. */
  | { readonly kind: 'preemption' }
  /** A processor exception: rip is the instruction, nothing of it has happened. */
  | ProcessorException;

/** Vectors as the Intel manual numbers them, volume 3, chapter 6. */
export interface ProcessorException {
  readonly kind: 'exception';
  /**
   * 0 divide, 1 single step, 3 breakpoint, 6 invalid opcode, 13 general protection, 14 page fault, 17 alignment,
   * 19 SIMD; 0x29 fast fail and 0x2C assertion are the software interrupts of that number, 0x101 a violation of
   * memory safety, 0x102 execution of changed or freed code.
   */
  readonly vector: number;
  readonly access: Access;
  /** Both halves of the address of a page fault; signed 32-bit numbers. */
  readonly low: number;
  readonly high: number;
  /** Bytes of the access. */
  readonly size: number;
}
