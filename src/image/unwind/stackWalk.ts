/**
 * The call stack of a strand, for traces and bug checks: machine code frame by frame, with what the library and
 * TypeScript drivers have in between. Implements "x64 exception handling", unwind procedure (Microsoft C++).
 */

import { type Address, halvesText, KERNEL_WINDOW_HIGH } from '../../memory/index.ts';
import { RSP } from '../../x64/index.ts';
import {
  instructionPointer,
  popWords,
  type Registers,
  RIP_WORD,
  ripIsKernel,
  setStackPointer,
  stackPointer,
} from './registers.ts';
import type { Unwinder } from './unwinder.ts';

/** What a frame of machine code returns to where it returns to the host. */
export type HostFrame =
  /** Work of the library: at `stackPointer` lies the return address of the machine code that called it. */
  | { readonly kind: 'library'; readonly name: string; readonly stackPointer: Address }
  /** The library stopped machine code and called some of its own accord: these are the registers it stopped at. */
  | { readonly kind: 'interrupted'; readonly name: string; readonly registers: Registers }
  /** The strand's first frame. */
  | { readonly kind: 'end'; readonly name: string };

/** What the host has on the stack of a strand. */
export interface HostFrames {
  /**
   * The frame that machine code returns to when it reaches the callable address `returnAddress` with the stack pointer
   * `stackPointer`; null where no frame of the strand is there.
   */
  hostFrame(returnAddress: Address, stackPointer: Address): HostFrame | null;
}

/** One line of a call stack. */
export interface StackFrame {
  /** Where it executes: an instruction for the innermost frame, a return address for the others. */
  readonly address: Address;
  readonly stackPointer: Address;
  /** What the host has there; `''` for machine code, which `frameName` names. */
  readonly name: string;
  readonly kind: 'code' | 'library' | 'end' | 'unknown';
}

/** Frames of a walk where the caller names no limit. */
const FRAME_LIMIT = 64;

/**
 * The call stack from the given registers, innermost first. Ends at the strand's first frame, at `limit`, or where the
 * stack makes no sense any more, which the last frame says.
 */
export function walkStack(
  unwinder: Unwinder,
  host: HostFrames,
  start: Registers,
  limit: number = FRAME_LIMIT,
): StackFrame[] {
  const registers = start.slice();
  const frames: StackFrame[] = [];
  while (frames.length < limit) {
    const address = instructionPointer(registers);
    const stack = stackPointer(registers);
    const below = frames.length === 0 || !ripIsKernel(registers) ? null : host.hostFrame(address, stack);
    if (below !== null) {
      frames.push({
        address,
        stackPointer: stack,
        name: below.name,
        kind: below.kind === 'end' ? 'end' : 'library',
      });
      if (below.kind === 'end' || !passHostFrame(unwinder, registers, below)) return frames;
    } else if (!walkCode(unwinder, registers, frames)) return frames;
    // Every caller lies above its callee on the stack; anything else would go round in circles.
    if (stackPointer(registers) <= stack || registers[RSP * 2 + 1] !== KERNEL_WINDOW_HIGH) return frames;
  }
  return frames;
}

/** Goes on below a host frame; false where the stack cannot be read. */
export function passHostFrame(unwinder: Unwinder, registers: Registers, below: HostFrame): boolean {
  if (below.kind === 'end') return false;
  if (below.kind === 'interrupted') {
    registers.set(below.registers);
    return true;
  }
  setStackPointer(registers, below.stackPointer);
  return popWords(unwinder.memory, registers, RIP_WORD);
}

function walkCode(unwinder: Unwinder, registers: Registers, frames: StackFrame[]): boolean {
  const frame = {
    address: instructionPointer(registers),
    stackPointer: stackPointer(registers),
    high: registers[RIP_WORD + 1],
  };
  const undone = unwinder.unwind(registers, 0);
  const inImage = undone === null ? ripImage(unwinder, frame) : undone.image !== null;
  frames.push({
    address: frame.address,
    stackPointer: frame.stackPointer,
    name: inImage ? '' : halvesText(frame.address, frame.high),
    kind: inImage ? 'code' : 'unknown',
  });
  // Execution itself may have gone astray, by a call through a wild pointer; no return address can.
  return undone !== null && (inImage || frames.length === 1);
}

function ripImage(unwinder: Unwinder, frame: { readonly address: Address; readonly high: number }): boolean {
  return frame.high === KERNEL_WINDOW_HIGH && unwinder.locate(frame.address) !== null;
}

/** The name of a frame: `echo.sys+0x1a20` for machine code. */
export function frameName(unwinder: Unwinder, frame: StackFrame): string {
  if (frame.name !== '') return frame.name;
  const location = unwinder.locate(frame.address);
  return location === null
    ? halvesText(frame.address, KERNEL_WINDOW_HIGH)
    : unwinder.describe(location.image, frame.address);
}
