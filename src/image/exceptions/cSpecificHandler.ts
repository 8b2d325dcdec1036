/**
 * The language handler of C: scopes with filters, __except and __finally blocks. Implements __C_specific_handler
 * (Win32 developer notes) and "x64 exception handling" (Microsoft C++). Filters and blocks are machine code that is
 * called; the handler's state lies in its activation meanwhile.
 */

import { type Address, KERNEL_WINDOW_HIGH, type KernelMemory } from '../../memory/index.ts';
import { R8, R9, RAX, RCX, RDX } from '../../x64/index.ts';
import {
  instructionPointer,
  isKernelMemory,
  popWords,
  type Registers,
  RIP_WORD,
  readRegisters,
  stackPointer,
  writeRegisters,
} from '../unwind/index.ts';
import {
  CONTEXT_SIZE,
  DISPATCHER_SCOPE_INDEX,
  DISPATCHER_SIZE,
  EXCEPTION_CONTINUE_EXECUTION,
  EXCEPTION_CONTINUE_SEARCH,
  EXCEPTION_EXIT_UNWIND,
  EXCEPTION_TARGET_UNWIND,
  EXCEPTION_UNWINDING,
  RECORD_SIZE,
  recordFlags,
} from './records.ts';
import { unwindTo } from './secondPass.ts';
import {
  callGuest,
  type DispatchCore,
  type ExceptionOutcome,
  HANDLER_AREA,
  type HandlerActivation,
  RUN,
  readKernelPointer,
  stackOverflow,
  takeArea,
} from './strand.ts';

/** A scope: offsets from the base of the image. */
interface Scope {
  readonly begin: number;
  readonly end: number;
  /** The filter, 1 for one that is always EXCEPTION_EXECUTE_HANDLER, or the __finally block. */
  readonly handler: number;
  /** The __except block; 0 for __finally. */
  readonly target: number;
}

const SCOPE_SIZE = 16;
/** Scopes of one function that are looked at. */
const SCOPE_LIMIT = 0x1_0000;
const EXECUTE_HANDLER = 1;

/** Where machine code is in a function with scopes, as its DISPATCHER_CONTEXT says. */
interface ScopeTable {
  readonly imageBase: Address;
  readonly scopes: readonly Scope[];
  readonly controlRva: number;
  readonly targetRva: number;
}

/** Machine code called __C_specific_handler: its four arguments are in registers. */
export function enterHandler(core: DispatchCore): ExceptionOutcome {
  const { memory, strand } = core;
  const registers = readRegisters(memory);
  const record = pointerArgument(memory, registers, RCX, RECORD_SIZE);
  const context = pointerArgument(memory, registers, R8, CONTEXT_SIZE);
  const dispatcher = pointerArgument(memory, registers, R9, DISPATCHER_SIZE);
  const entryStack = stackPointer(registers);
  if (record === 0 || context === 0 || dispatcher === 0) return answer(core, EXCEPTION_CONTINUE_SEARCH);
  const area = takeArea(core, entryStack, HANDLER_AREA);
  if (area === null) return stackOverflow(registers, 'an exception in __C_specific_handler');
  const activation: HandlerActivation = {
    kind: 'handler',
    area,
    entryStack,
    record,
    establisherFrame: registers[RDX * 2] >>> 0,
    context,
    dispatcher,
    scope: memory.data.getUint32(dispatcher + DISPATCHER_SCOPE_INDEX, true),
  };
  strand.activations.push(activation);
  return lookOn(core, activation);
}

/** A filter or a __finally block returned `value`. */
export function continueHandler(
  core: DispatchCore,
  activation: HandlerActivation,
  value: number,
): ExceptionOutcome {
  if (isUnwinding(core, activation)) {
    activation.scope++;
    return lookOn(core, activation);
  }
  if (value < 0) return leaveHandler(core, activation, EXCEPTION_CONTINUE_EXECUTION);
  if (value > 0) return execute(core, activation);
  activation.scope++;
  return lookOn(core, activation);
}

function isUnwinding(core: DispatchCore, activation: HandlerActivation): boolean {
  return (recordFlags(core.memory, activation.record) & (EXCEPTION_UNWINDING | EXCEPTION_EXIT_UNWIND)) !== 0;
}

function lookOn(core: DispatchCore, activation: HandlerActivation): ExceptionOutcome {
  const table = readTable(core, activation);
  if (table === null) return leaveHandler(core, activation, EXCEPTION_CONTINUE_SEARCH);
  return isUnwinding(core, activation)
    ? runTermination(core, activation, table)
    : askFilters(core, activation, table);
}

/** First pass: the next filter of a scope around the place. */
function askFilters(core: DispatchCore, activation: HandlerActivation, table: ScopeTable): ExceptionOutcome {
  const { memory } = core;
  const { scopes, controlRva, imageBase } = table;
  for (; activation.scope < scopes.length; activation.scope++) {
    const scope = scopes[activation.scope];
    if (controlRva < scope.begin || controlRva >= scope.end || scope.target === 0) continue;
    if (scope.handler === EXECUTE_HANDLER) return execute(core, activation);
    memory.writePointer(activation.area, activation.record);
    memory.writePointer(activation.area + 8, activation.context);
    const filter = imageBase + scope.handler;
    return callGuest(core, activation.area, filter, activation.area, activation.establisherFrame);
  }
  return leaveHandler(core, activation, EXCEPTION_CONTINUE_SEARCH);
}

/** Second pass: the next __finally block of a scope that is left. */
function runTermination(
  core: DispatchCore,
  activation: HandlerActivation,
  table: ScopeTable,
): ExceptionOutcome {
  const { memory } = core;
  const { scopes, controlRva, targetRva, imageBase } = table;
  const isTarget = (recordFlags(memory, activation.record) & EXCEPTION_TARGET_UNWIND) !== 0;
  for (; activation.scope < scopes.length; activation.scope++) {
    const scope = scopes[activation.scope];
    if (controlRva < scope.begin || controlRva >= scope.end) continue;
    // Scopes around the place that goes on are not left; inner ones come first.
    if (isTarget && staysInside(scopes, scope, targetRva)) break;
    if (scope.target !== 0) {
      if (isTarget && scope.target === targetRva) break;
      continue;
    }
    // An exception in the block, or an unwind out of it, goes on with the scopes after this one.
    memory.data.setUint32(activation.dispatcher + DISPATCHER_SCOPE_INDEX, activation.scope + 1, true);
    const block = imageBase + scope.handler;
    const ABNORMAL_TERMINATION = 1;
    return callTermination(core, activation, block, ABNORMAL_TERMINATION);
  }
  return leaveHandler(core, activation, EXCEPTION_CONTINUE_SEARCH);
}

/** A scope may be listed in several parts; it stays if the target lies in any of them. */
function staysInside(scopes: readonly Scope[], scope: Scope, targetRva: number): boolean {
  return scopes.some(
    (other) =>
      targetRva >= other.begin &&
      targetRva < other.end &&
      other.handler === scope.handler &&
      other.target === scope.target,
  );
}

function callTermination(
  core: DispatchCore,
  activation: HandlerActivation,
  block: Address,
  abnormal: number,
): ExceptionOutcome {
  const outcome = callGuest(core, activation.area, block, 0, activation.establisherFrame);
  // The first argument is a BOOLEAN, no pointer.
  const registers = readRegisters(core.memory);
  registers[RCX * 2] = abnormal;
  registers[RCX * 2 + 1] = 0;
  writeRegisters(core.memory, registers);
  return outcome;
}

/** EXCEPTION_EXECUTE_HANDLER: everything up to this frame is left, and its __except block goes on. */
function execute(core: DispatchCore, activation: HandlerActivation): ExceptionOutcome {
  const { memory, strand } = core;
  const table = readTable(core, activation);
  const registers = callerOf(core, activation);
  if (table === null || registers === null) return leaveHandler(core, activation, EXCEPTION_CONTINUE_SEARCH);
  const target = table.imageBase + table.scopes[activation.scope].target;
  const code = memory.data.getInt32(activation.record, true);
  strand.activations.splice(strand.activations.indexOf(activation), 1);
  const request = {
    targetFrame: activation.establisherFrame,
    targetIp: target,
    record: activation.record,
    value: [code, 0] as const,
    leaving: false,
    text: `an exception with code 0x${(code >>> 0).toString(16)}`,
  };
  return unwindTo(core, request, registers, activation.area);
}

/** Registers of the machine code that called the handler. */
function callerOf(core: DispatchCore, activation: HandlerActivation): Registers | null {
  const registers = readRegisters(core.memory);
  registers[4 * 2] = activation.entryStack;
  registers[4 * 2 + 1] = KERNEL_WINDOW_HIGH;
  return popWords(core.memory, registers, RIP_WORD) ? registers : null;
}

/** Returns `disposition` to the machine code that called the handler. */
function leaveHandler(
  core: DispatchCore,
  activation: HandlerActivation,
  disposition: number,
): ExceptionOutcome {
  const { strand, memory } = core;
  const registers = callerOf(core, activation);
  strand.activations.splice(strand.activations.indexOf(activation), 1);
  if (registers === null) return stackOverflow(readRegisters(memory), 'a lost return address');
  registers[RAX * 2] = disposition;
  registers[RAX * 2 + 1] = 0;
  writeRegisters(memory, registers);
  return RUN;
}

/** Returns at once. */
function answer(core: DispatchCore, disposition: number): ExceptionOutcome {
  const registers = readRegisters(core.memory);
  const entry = instructionPointer(registers);
  if (!popWords(core.memory, registers, RIP_WORD))
    return stackOverflow(registers, `a call of 0x${entry.toString(16)}`);
  registers[RAX * 2] = disposition;
  registers[RAX * 2 + 1] = 0;
  writeRegisters(core.memory, registers);
  return RUN;
}

/** A pointer in a register to `size` bytes; 0 where it points to none. */
function pointerArgument(
  memory: KernelMemory,
  registers: Registers,
  register: number,
  size: number,
): Address {
  const low = registers[register * 2];
  return isKernelMemory(memory, low, registers[register * 2 + 1], size) ? low >>> 0 : 0;
}

/** The scopes of the function, read anew each time: its DISPATCHER_CONTEXT is machine code's to change. */
function readTable(core: DispatchCore, activation: HandlerActivation): ScopeTable | null {
  const { memory } = core;
  const { dispatcher } = activation;
  const controlPc = readKernelPointer(memory, dispatcher);
  const imageBase = readKernelPointer(memory, dispatcher + 8);
  const data = readKernelPointer(memory, dispatcher + 56);
  if (controlPc === null || imageBase === null || data === null) return null;
  if (!isKernelMemory(memory, data, KERNEL_WINDOW_HIGH, 4)) return null;
  const count = memory.data.getUint32(data, true);
  if (count > SCOPE_LIMIT || !isKernelMemory(memory, data + 4, KERNEL_WINDOW_HIGH, count * SCOPE_SIZE))
    return null;
  const scopes = Array.from({ length: count }, (_, index): Scope => {
    const at = data + 4 + index * SCOPE_SIZE;
    const word = (offset: number): number => memory.data.getUint32(at + offset, true);
    return { begin: word(0), end: word(4), handler: word(8), target: word(12) };
  });
  const targetIp = readKernelPointer(memory, dispatcher + 32) ?? 0;
  return { imageBase, scopes, controlRva: controlPc - imageBase, targetRva: targetIp - imageBase };
}
