/**
 * Recognizes that a function is in its epilogue, by the bytes of its code, and undoes what is left of it. Implements
 * "Prolog and epilog" (Microsoft C++): the only instructions that an epilogue may have, so that unwinding needs no
 * data for it.
 */

import type { Address, KernelMemory } from '../../memory/index.ts';
import { RSP } from '../../x64/index.ts';
import { popWords, type Registers, RIP_WORD } from './registers.ts';

/** Which bytes belong to the function, and what its jumps may lead to. */
export interface EpilogueFunction {
  /** First byte of the function's part, and one past the last. */
  readonly begin: Address;
  readonly end: Address;
  /** Whether a jump to `target`, outside of this part, stays within the same function: then it ends nothing. */
  readonly continuesAt: (target: Address) => boolean;
}

/** What is left of an epilogue. */
export interface Epilogue {
  /** The stack pointer is `register` plus `displacement` before anything is popped. */
  readonly register: number;
  readonly displacement: number;
  /** Registers popped, in order. */
  readonly pops: readonly number[];
}

/** An epilogue pops each register at most once. */
const MOST_POPS = 16;

/** The rest of the epilogue that starts at `rip`; null where the code there is no epilogue. */
export function matchEpilogue(memory: KernelMemory, target: EpilogueFunction, rip: Address): Epilogue | null {
  const release = matchRelease(memory, target, rip);
  const pops: number[] = [];
  let at = rip + release.length;
  while (pops.length < MOST_POPS) {
    const prefix = byteAt(memory, target, at);
    const extended = prefix === 0x41 || prefix === 0x49;
    const plain = prefix === 0x40 || prefix === 0x48;
    const code = extended || plain ? byteAt(memory, target, at + 1) : prefix;
    if ((code & 0xf8) !== 0x58) break;
    pops.push((code & 7) | (extended ? 8 : 0));
    at += extended || plain ? 2 : 1;
  }
  return isEnd(memory, target, at)
    ? { register: release.register, displacement: release.displacement, pops }
    : null;
}

/** Runs what is left of an epilogue, and returns; false where the stack cannot be read. */
export function undoEpilogue(memory: KernelMemory, registers: Registers, epilogue: Epilogue): boolean {
  const from = epilogue.register * 2;
  const low = (registers[from] >>> 0) + epilogue.displacement;
  registers[RSP * 2 + 1] = registers[from + 1] + Math.floor(low / 2 ** 32);
  registers[RSP * 2] = low;
  for (const register of epilogue.pops) if (!popWords(memory, registers, register * 2)) return false;
  return popWords(memory, registers, RIP_WORD);
}

interface Release {
  readonly length: number;
  readonly register: number;
  readonly displacement: number;
}

const NOTHING: Release = { length: 0, register: RSP, displacement: 0 };

/** `add rsp, constant` or `lea rsp, [register + constant]`. */
function matchRelease(memory: KernelMemory, target: EpilogueFunction, at: Address): Release {
  const prefix = byteAt(memory, target, at);
  const operation = byteAt(memory, target, at + 1);
  const form = byteAt(memory, target, at + 2);
  if (prefix === 0x48 && operation === 0x83 && form === 0xc4)
    return { length: 4, register: RSP, displacement: signedByte(memory, target, at + 3) };
  if (prefix === 0x48 && operation === 0x81 && form === 0xc4)
    return { length: 7, register: RSP, displacement: signedWord(memory, target, at + 3) };
  // lea with rsp as destination; a base of 4 would need a second byte of form, which epilogues do not have.
  const isLea = (prefix === 0x48 || prefix === 0x49) && operation === 0x8d && (form & 0x38) === 0x20;
  if (!isLea || (form & 7) === 4) return NOTHING;
  const register = (form & 7) | (prefix === 0x49 ? 8 : 0);
  if (form >> 6 === 1) return { length: 4, register, displacement: signedByte(memory, target, at + 3) };
  if (form >> 6 === 2) return { length: 7, register, displacement: signedWord(memory, target, at + 3) };
  return NOTHING;
}

/** `ret`, or a jump that leaves the function. */
function isEnd(memory: KernelMemory, target: EpilogueFunction, at: Address): boolean {
  const first = byteAt(memory, target, at);
  const second = byteAt(memory, target, at + 1);
  switch (first) {
    case 0xc3:
    case 0xc2:
      return true;
    case 0xf3:
      return second === 0xc3;
    case 0xeb:
      return leaves(target, at + 2 + signedByte(memory, target, at + 1));
    case 0xe9:
      return leaves(target, at + 5 + signedWord(memory, target, at + 1));
    // jmp through memory at a fixed address.
    case 0xff:
      return second === 0x25;
  }
  // jmp through a register or memory; only with REX.W does it end a function, jump tables do without.
  return (first & 0xf8) === 0x48 && second === 0xff && (byteAt(memory, target, at + 2) & 0x38) === 0x20;
}

function leaves(target: EpilogueFunction, to: Address): boolean {
  if (to > target.begin && to < target.end) return false;
  return !target.continuesAt(to);
}

function byteAt(memory: KernelMemory, target: EpilogueFunction, at: Address): number {
  return at >= target.begin && at < target.end ? memory.u8[at] : 0;
}

function signedByte(memory: KernelMemory, target: EpilogueFunction, at: Address): number {
  return (byteAt(memory, target, at) << 24) >> 24;
}

function signedWord(memory: KernelMemory, target: EpilogueFunction, at: Address): number {
  return at + 4 <= target.end ? memory.data.getInt32(at, true) : 0;
}
