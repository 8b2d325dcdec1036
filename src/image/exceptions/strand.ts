/**
 * What exceptions keep while they are handled, and what they ask of the strand that they happen on. All of it is
 * plain data in the order in which it came to be, so that a snapshot can hold it; see
 * docs/decisions/0001-control-passing.md.
 */

import { type MachineCodeReport, UNEXPECTED_KERNEL_MODE_TRAP } from '../../kernel/index.ts';
import { type Address, KERNEL_WINDOW_HIGH, type KernelMemory } from '../../memory/index.ts';
import { FLAG_DF, FLAG_TF, R8, R9, RCX, RDX, STATE_FLAGS, STATE_GENERAL } from '../../x64/index.ts';
import {
  type HostFrame,
  type HostFrames,
  instructionPointer,
  type Registers,
  readRegisters,
  ripIsKernel,
  setInstructionPointer,
  setStackPointer,
  stackPointer,
  type Unwinder,
  type UnwoundFrame,
  writeRegisters,
} from '../unwind/index.ts';
import type { GuestException } from './guestException.ts';
import {
  CONTEXT_SIZE,
  DISPATCHER_SIZE,
  type ExceptionDescription,
  type FrameFacts,
  loadContext,
  RECORD_SIZE,
} from './records.ts';

/** The first pass: frames are asked, innermost first, whether they handle the exception. */
export interface SearchActivation {
  readonly kind: 'search';
  /** The lowest byte of its records on the guest's stack; handlers are called right below it. */
  readonly area: Address;
  /** The frame whose handler is being called. */
  frame: FrameFacts;
  /** The frame up to which an earlier exception's search had come, 0 for none. */
  nestedFrame: Address;
  /** What was raised, for people. */
  readonly text: string;
}

/** The second pass: frames are left, innermost first, up to the one that goes on. */
export interface UnwindActivation {
  readonly kind: 'unwind';
  readonly area: Address;
  frame: FrameFacts;
  readonly record: Address;
  /** The frame that goes on; 0 to leave all. */
  readonly targetFrame: Address;
  readonly targetIp: Address;
  /** rax when it goes on. */
  readonly value: readonly [low: number, high: number];
  /** The exception goes on in the TypeScript caller of the strand. */
  readonly leaving: boolean;
  readonly text: string;
  readonly report: MachineCodeReport | null;
}

/** A call of __C_specific_handler that waits for a filter or a __finally block. */
export interface HandlerActivation {
  readonly kind: 'handler';
  readonly area: Address;
  /** Where the return address of its caller lies. */
  readonly entryStack: Address;
  readonly record: Address;
  readonly establisherFrame: Address;
  readonly context: Address;
  readonly dispatcher: Address;
  /** The scope whose filter or block runs. */
  scope: number;
}

export type Activation = SearchActivation | UnwindActivation | HandlerActivation;

/** Who gets an exception that no frame of a strand handles. */
export type StrandOrigin =
  /** A TypeScript frame called this strand: the exception is thrown there. */
  | 'typescript'
  /** A system thread: SYSTEM_THREAD_EXCEPTION_NOT_HANDLED. */
  | 'thread'
  /** Anything else, a DPC: KMODE_EXCEPTION_NOT_HANDLED. */
  | 'kernel';

/** The strand that runs, as exceptions see it. */
export interface ExceptionStrand extends HostFrames {
  /** Belongs to the strand, written by exceptions only. Empty while none is handled. */
  readonly activations: Activation[];
  /** Lowest address of its stack, and one past the highest. */
  readonly stackLow: Address;
  readonly stackHigh: Address;
  readonly origin: StrandOrigin;
  /** Registers and stack as they are now, before anything is unwound. */
  report(registers: Registers): MachineCodeReport | null;
}

/** What becomes of the strand. */
export type ExceptionOutcome =
  /** The registers in memory are those to go on with. */
  | { readonly kind: 'run' }
  /** The strand is over: the exception is to be thrown in its TypeScript caller. */
  | { readonly kind: 'leave'; readonly exception: GuestException }
  /** Windows would crash. `registers` are those at the fault, for the report. */
  | {
      readonly kind: 'bugCheck';
      readonly code: number;
      readonly parameters: readonly [number, number, number, number];
      readonly text: string;
      readonly registers: Registers;
    };

export const RUN: ExceptionOutcome = { kind: 'run' };

/** Everything that the passes work with. */
export interface DispatchCore {
  /** Raises a further exception; see `raise` of search.ts. */
  readonly raise: (
    exception: ExceptionDescription,
    registers: Registers,
    top: Address,
    text: string,
  ) => ExceptionOutcome;
  readonly memory: KernelMemory;
  readonly unwinder: Unwinder;
  /** The callable address that handlers, filters and __finally blocks return to. */
  readonly returnAddress: Address;
  readonly strand: ExceptionStrand;
}

/** Bytes below an area that a call of a handler needs: home space and return address. */
const CALL_SPACE = 0x28;
/** What a handler needs at the least to do anything; less is a stack overflow. */
const SMALLEST_STACK = 0x200;

/** Offsets in the area of a first pass. */
export const SEARCH_WALK = DISPATCHER_SIZE;
export const SEARCH_RECORD = SEARCH_WALK + CONTEXT_SIZE;
export const SEARCH_CONTEXT = SEARCH_RECORD + RECORD_SIZE;
export const SEARCH_AREA = SEARCH_CONTEXT + CONTEXT_SIZE;
/** Offsets in the area of a second pass. */
export const UNWIND_CURRENT = DISPATCHER_SIZE;
export const UNWIND_RECORD = UNWIND_CURRENT + CONTEXT_SIZE;
export const UNWIND_AREA = UNWIND_RECORD + RECORD_SIZE;
/** The area of a call of __C_specific_handler holds EXCEPTION_POINTERS. */
export const HANDLER_AREA = 0x10;

/** Takes `size` bytes of the guest's stack below `top`; null where the stack has no room for that and a call. */
export function takeArea(core: DispatchCore, top: Address, size: number): Address | null {
  const { stackLow, stackHigh } = core.strand;
  if (top > stackHigh) return null;
  const area = ((top - size) >> 4) << 4;
  return area - SMALLEST_STACK < stackLow ? null : area;
}

/** Calls machine code with up to four arguments, right below `area`; it returns to `returned`. */
export function callGuest(
  core: DispatchCore,
  area: Address,
  target: Address,
  ...values: readonly Address[]
): ExceptionOutcome {
  const { memory } = core;
  const stack = area - CALL_SPACE;
  memory.writePointer(stack, core.returnAddress);
  const places = [RCX, RDX, R8, R9];
  for (let i = 0; i < values.length; i++) memory.writePointer(STATE_GENERAL + places[i] * 8, values[i]);
  const registers = readRegisters(memory);
  setStackPointer(registers, stack);
  setInstructionPointer(registers, target);
  writeRegisters(memory, registers);
  memory.i32[STATE_FLAGS >> 2] &= ~(FLAG_DF | FLAG_TF);
  return RUN;
}

/** The activation whose call returns with this stack pointer. */
export function activationAt(strand: ExceptionStrand, stack: Address): Activation | null {
  return strand.activations.findLast(({ area }) => area - CALL_SPACE + 8 === stack) ?? null;
}

/** What machine code returns to, of exceptions or of the rest of the host. */
export type FrameBelow = HostFrame | SearchActivation | UnwindActivation;

/** The host frame that the registers are about to return to; null where they are in machine code. */
export function frameBelow(core: DispatchCore, registers: Registers): FrameBelow | null {
  if (!ripIsKernel(registers)) return null;
  const address = instructionPointer(registers);
  const stack = stackPointer(registers);
  if (address !== core.returnAddress) return core.strand.hostFrame(address, stack);
  const activation = activationAt(core.strand, stack);
  if (activation?.kind !== 'handler') return activation;
  return { kind: 'library', name: '__C_specific_handler', stackPointer: activation.entryStack };
}

/** The same for a stack walk, which wants to know where the interrupted code goes on. */
export function hostFrameOf(core: DispatchCore, address: Address, stack: Address): HostFrame | null {
  if (address !== core.returnAddress) return core.strand.hostFrame(address, stack);
  const activation = activationAt(core.strand, stack);
  if (activation === null) return null;
  if (activation.kind === 'handler')
    return { kind: 'library', name: '__C_specific_handler', stackPointer: activation.entryStack };
  const searching = activation.kind === 'search';
  const registers = loadContext(core.memory, activation.area + (searching ? SEARCH_CONTEXT : UNWIND_CURRENT));
  if (registers === null) return null;
  return { kind: 'interrupted', name: searching ? 'exception dispatch' : 'RtlUnwindEx', registers };
}

/** Whether a frame's base lies on the strand's stack where a frame's base can. */
export function isOnStack(strand: ExceptionStrand, frame: Address): boolean {
  return frame >= strand.stackLow && frame <= strand.stackHigh - 8 && frame % 8 === 0;
}

/** Reads a pointer that machine code wrote: its low half, or null where it is no kernel pointer. */
export function readKernelPointer(memory: KernelMemory, at: Address): Address | null {
  const high = memory.data.getInt32(at + 4, true);
  return high === KERNEL_WINDOW_HIGH ? memory.data.getUint32(at, true) : null;
}

/** Forgets what was being handled below `stack`: machine code goes on there. */
export function dropBelow(strand: ExceptionStrand, stack: Address): void {
  const kept = strand.activations.filter(({ area }) => area >= stack);
  strand.activations.splice(0, strand.activations.length, ...kept);
}

/** Machine code goes on with these registers. */
export function resume(core: DispatchCore, registers: Registers): ExceptionOutcome {
  dropBelow(core.strand, stackPointer(registers));
  writeRegisters(core.memory, registers);
  return RUN;
}

/** What a language handler is told of a frame. */
export function factsOf(frame: UnwoundFrame): FrameFacts {
  return {
    controlPc: frame.controlPc,
    imageBase: frame.image?.base ?? 0,
    functionEntry: frame.entry?.address ?? 0,
    establisherFrame: frame.establisherFrame,
    handler: frame.handler,
    handlerData: frame.handlerData,
  };
}

/** No frame yet. */
export const NO_FRAME: FrameFacts = {
  controlPc: 0,
  imageBase: 0,
  functionEntry: 0,
  establisherFrame: 0,
  handler: 0,
  handlerData: 0,
};

/** The stack has no room for an exception: the processor would find none for its own frame either. */
export function stackOverflow(registers: Registers, text: string): ExceptionOutcome {
  const DOUBLE_FAULT = 8;
  return {
    kind: 'bugCheck',
    code: UNEXPECTED_KERNEL_MODE_TRAP,
    parameters: [DOUBLE_FAULT, 0, 0, 0],
    text: `${text}; the kernel stack has no room left to handle it`,
    registers,
  };
}
