/**
 * The second pass of an exception, and unwinding on demand: leaves the frames of the stack, innermost first, calls
 * their termination handlers, and goes on in the target frame. Implements RtlUnwindEx, RtlUnwind (winnt.h) and
 * "x64 exception handling", language specific handler (Microsoft C++).
 */

import {
  KMODE_EXCEPTION_NOT_HANDLED,
  type MachineCodeReport,
  ntstatusName,
  STATUS_INVALID_DISPOSITION,
  STATUS_INVALID_UNWIND_TARGET,
  STATUS_UNWIND,
} from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { RAX } from '../../x64/index.ts';
import {
  passHostFrame,
  type Registers,
  setInstructionPointer,
  stackPointer,
  UNWIND_TERMINATION_HANDLER,
  writeRegisters,
} from '../unwind/index.ts';
import { GuestException } from './guestException.ts';
import {
  addressOf,
  changeRecordFlags,
  DISPATCHER_SCOPE_INDEX,
  EXCEPTION_COLLIDED_UNWIND,
  EXCEPTION_CONTINUE_SEARCH,
  EXCEPTION_EXIT_UNWIND,
  EXCEPTION_NONCONTINUABLE,
  EXCEPTION_TARGET_UNWIND,
  EXCEPTION_UNWINDING,
  type FrameFacts,
  hostNumber,
  loadContext,
  loadRecord,
  storeContext,
  storeDispatcher,
  storeRecord,
} from './records.ts';
import {
  callGuest,
  type DispatchCore,
  dropBelow,
  type ExceptionOutcome,
  factsOf,
  frameBelow,
  isOnStack,
  NO_FRAME,
  resume,
  SEARCH_CONTEXT,
  SEARCH_RECORD,
  type SearchActivation,
  stackOverflow,
  takeArea,
  UNWIND_AREA,
  UNWIND_CURRENT,
  UNWIND_RECORD,
  type UnwindActivation,
} from './strand.ts';

/** What an unwind is asked to do. */
export interface UnwindRequest {
  /** Base of the frame that goes on; 0 leaves all frames. */
  readonly targetFrame: Address;
  readonly targetIp: Address;
  /** The EXCEPTION_RECORD, 0 for none. */
  readonly record: Address;
  /** rax in the target frame. */
  readonly value: readonly [low: number, high: number];
  readonly leaving: boolean;
  readonly text: string;
  /** Where the exception was raised, for the case that TypeScript does not handle it either. */
  readonly report?: MachineCodeReport | null;
}

/**
 * Starts to unwind.
 * @param registers of the innermost frame that is left.
 * @param top the records go on the stack below this address.
 */
export function unwindTo(
  core: DispatchCore,
  request: UnwindRequest,
  registers: Registers,
  top: Address,
): ExceptionOutcome {
  const { memory, strand } = core;
  const area = takeArea(core, top, UNWIND_AREA);
  if (area === null) return stackOverflow(registers, request.text);
  const record = request.record === 0 ? area + UNWIND_RECORD : request.record;
  if (request.record === 0) {
    const address = addressOf(registers);
    storeRecord(memory, record, { code: STATUS_UNWIND, flags: 0, nested: 0, address, information: [] });
  }
  const exit = request.targetFrame === 0 ? EXCEPTION_EXIT_UNWIND : 0;
  changeRecordFlags(memory, record, EXCEPTION_UNWINDING | exit);
  const { targetFrame, targetIp, value, leaving, text } = request;
  const activation: UnwindActivation = {
    kind: 'unwind',
    area,
    frame: NO_FRAME,
    record,
    targetFrame,
    targetIp,
    value,
    leaving,
    text,
    report: request.report ?? null,
  };
  strand.activations.push(activation);
  return unwind(core, activation, registers.slice());
}

/** Nothing handles the exception of `search` on this strand: all its frames are left, then TypeScript gets it. */
export function leaveStrand(
  core: DispatchCore,
  search: SearchActivation,
  registers: Registers,
): ExceptionOutcome {
  const request: UnwindRequest = {
    targetFrame: 0,
    targetIp: 0,
    record: search.area + SEARCH_RECORD,
    value: [0, 0],
    leaving: true,
    text: search.text,
    report: core.strand.report(registers),
  };
  return unwindTo(core, request, registers, search.area);
}

/** A termination handler returned `disposition`. */
export function continueUnwind(
  core: DispatchCore,
  activation: UnwindActivation,
  disposition: number,
): ExceptionOutcome {
  if (disposition !== EXCEPTION_CONTINUE_SEARCH)
    return raiseInUnwind(core, activation, STATUS_INVALID_DISPOSITION);
  changeRecordFlags(core.memory, activation.record, 0, EXCEPTION_COLLIDED_UNWIND);
  const current = loadContext(core.memory, activation.area + UNWIND_CURRENT);
  if (current === null) return broken(core, activation);
  if (activation.frame.establisherFrame === activation.targetFrame) return arrive(core, activation, current);
  const before = stackPointer(current);
  if (core.unwinder.unwind(current, 0) === null || stackPointer(current) <= before)
    return broken(core, activation);
  return unwind(core, activation, current);
}

/** Walks on from the frame of `current`; bounded, because every caller lies above its callee on the stack. */
function unwind(core: DispatchCore, activation: UnwindActivation, current: Registers): ExceptionOutcome {
  let walk = current;
  for (;;) {
    const before = stackPointer(walk);
    const below = frameBelow(core, walk);
    if (below === null) {
      const caller = walk.slice();
      const frame = core.unwinder.unwind(caller, UNWIND_TERMINATION_HANDLER);
      if (frame === null || !isOnStack(core.strand, frame.establisherFrame)) return broken(core, activation);
      const facts = factsOf(frame);
      const { targetFrame } = activation;
      if (targetFrame !== 0 && facts.establisherFrame > targetFrame)
        return raiseInUnwind(core, activation, STATUS_INVALID_UNWIND_TARGET);
      if (facts.handler !== 0) return callHandler(core, activation, facts, walk, 0);
      if (facts.establisherFrame === targetFrame) return arrive(core, activation, walk);
      walk = caller;
    } else if (below.kind === 'end') {
      return activation.leaving ? leave(core, activation, walk) : broken(core, activation);
    } else if (below.kind === 'unwind') {
      return unwindCollided(core, activation, below);
    } else if (below.kind === 'search') {
      const context = loadContext(core.memory, below.area + SEARCH_CONTEXT);
      if (context === null) return broken(core, activation);
      walk.set(context);
    } else if (!passHostFrame(core.unwinder, walk, below)) return broken(core, activation);
    if (stackPointer(walk) <= before) return broken(core, activation);
  }
}

/** This unwind leaves a __finally block of another one: it goes on with what that one had left to do. */
function unwindCollided(
  core: DispatchCore,
  activation: UnwindActivation,
  other: UnwindActivation,
): ExceptionOutcome {
  const { memory } = core;
  const current = loadContext(memory, other.area + UNWIND_CURRENT);
  if (current === null) return broken(core, activation);
  const scope = memory.u32[(other.area + DISPATCHER_SCOPE_INDEX) >> 2];
  changeRecordFlags(memory, activation.record, EXCEPTION_COLLIDED_UNWIND);
  return callHandler(core, activation, other.frame, current, scope);
}

function callHandler(
  core: DispatchCore,
  activation: UnwindActivation,
  frame: FrameFacts,
  current: Registers,
  scope: number,
): ExceptionOutcome {
  const { memory } = core;
  const { area, record } = activation;
  activation.frame = frame;
  if (frame.establisherFrame === activation.targetFrame)
    changeRecordFlags(memory, record, EXCEPTION_TARGET_UNWIND);
  [current[RAX * 2], current[RAX * 2 + 1]] = activation.value;
  storeContext(memory, area + UNWIND_CURRENT, current);
  storeDispatcher(memory, area, frame, activation.targetIp, area + UNWIND_CURRENT, scope);
  return callGuest(core, area, frame.handler, record, frame.establisherFrame, area + UNWIND_CURRENT, area);
}

/** The target frame goes on. */
function arrive(core: DispatchCore, activation: UnwindActivation, registers: Registers): ExceptionOutcome {
  [registers[RAX * 2], registers[RAX * 2 + 1]] = activation.value;
  setInstructionPointer(registers, activation.targetIp);
  return resume(core, registers);
}

/** All frames are left: the TypeScript caller of the strand gets the exception. */
function leave(core: DispatchCore, activation: UnwindActivation, registers: Registers): ExceptionOutcome {
  const { memory, strand } = core;
  const exception = loadRecord(memory, activation.record);
  dropBelow(strand, stackPointer(registers));
  // Whatever shares the stack with what is over finds the registers that a callee keeps.
  writeRegisters(memory, registers);
  return {
    kind: 'leave',
    exception: new GuestException(
      exception?.code ?? 0,
      activation.text,
      exception?.address ?? 0n,
      exception?.information ?? [],
      activation.report,
    ),
  };
}

function raiseInUnwind(core: DispatchCore, activation: UnwindActivation, code: number): ExceptionOutcome {
  const registers = loadContext(core.memory, activation.area + UNWIND_CURRENT);
  if (registers === null) return broken(core, activation);
  const exception = {
    code,
    flags: EXCEPTION_NONCONTINUABLE,
    nested: activation.record,
    address: addressOf(registers),
    information: [],
  };
  return core.raise(exception, registers, activation.area, `${ntstatusName(code)} after ${activation.text}`);
}

/** The stack cannot be unwound to the target. */
function broken(core: DispatchCore, activation: UnwindActivation): ExceptionOutcome {
  const exception = loadRecord(core.memory, activation.record);
  const [first = 0n, second = 0n] = exception?.information ?? [];
  return {
    kind: 'bugCheck',
    code: KMODE_EXCEPTION_NOT_HANDLED,
    parameters: [
      exception?.code ?? 0,
      hostNumber(exception?.address ?? 0n),
      hostNumber(first),
      hostNumber(second),
    ],
    text: `${activation.text}; unwinding cannot reach the frame that handles it`,
    registers: loadContext(core.memory, activation.area + UNWIND_CURRENT) ?? new Int32Array(0),
  };
}
