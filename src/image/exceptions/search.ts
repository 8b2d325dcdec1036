/**
 * The first pass of an exception: asks the frames of the stack, innermost first, whether they handle it. Implements
 * "x64 exception handling", language specific handler (Microsoft C++), and "Handling Exceptions" (kernel).
 */

import {
  KMODE_EXCEPTION_NOT_HANDLED,
  ntstatusName,
  STATUS_INVALID_DISPOSITION,
  STATUS_NONCONTINUABLE_EXCEPTION,
  SYSTEM_THREAD_EXCEPTION_NOT_HANDLED,
} from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import {
  passHostFrame,
  type Registers,
  stackPointer,
  UNWIND_EXCEPTION_HANDLER,
  type UnwoundFrame,
} from '../unwind/index.ts';
import {
  changeRecordFlags,
  DISPATCHER_SCOPE_INDEX,
  EXCEPTION_CONTINUE_EXECUTION,
  EXCEPTION_CONTINUE_SEARCH,
  EXCEPTION_NESTED_CALL,
  EXCEPTION_NONCONTINUABLE,
  EXCEPTION_STACK_INVALID,
  type ExceptionDescription,
  type FrameFacts,
  hostNumber,
  loadContext,
  loadRecord,
  recordFlags,
  storeContext,
  storeDispatcher,
  storeRecord,
} from './records.ts';
import { leaveStrand } from './secondPass.ts';
import {
  callGuest,
  type DispatchCore,
  type ExceptionOutcome,
  factsOf,
  frameBelow,
  isOnStack,
  NO_FRAME,
  resume,
  SEARCH_AREA,
  SEARCH_CONTEXT,
  SEARCH_RECORD,
  SEARCH_WALK,
  type SearchActivation,
  stackOverflow,
  takeArea,
  UNWIND_CURRENT,
  type UnwindActivation,
} from './strand.ts';

/**
 * Raises an exception.
 * @param registers those that execution continues with where a filter says so.
 * @param top the records go on the stack below this address.
 */
export function raise(
  core: DispatchCore,
  exception: ExceptionDescription,
  registers: Registers,
  top: Address,
  text: string,
): ExceptionOutcome {
  const { memory, strand } = core;
  const area = takeArea(core, top, SEARCH_AREA);
  if (area === null) return stackOverflow(registers, text);
  storeRecord(memory, area + SEARCH_RECORD, exception);
  storeContext(memory, area + SEARCH_CONTEXT, registers);
  const activation: SearchActivation = { kind: 'search', area, frame: NO_FRAME, nestedFrame: 0, text };
  strand.activations.push(activation);
  return search(core, activation, registers.slice());
}

/** A language handler of the first pass returned `disposition`. */
export function continueSearch(
  core: DispatchCore,
  activation: SearchActivation,
  disposition: number,
): ExceptionOutcome {
  const { memory } = core;
  const { area, frame } = activation;
  const record = area + SEARCH_RECORD;
  if (disposition === EXCEPTION_CONTINUE_EXECUTION) {
    const registers = loadContext(memory, area + SEARCH_CONTEXT);
    if (registers === null) return unhandled(core, activation);
    if ((recordFlags(memory, record) & EXCEPTION_NONCONTINUABLE) !== 0)
      return raiseInDispatch(core, activation, STATUS_NONCONTINUABLE_EXCEPTION);
    return resume(core, registers);
  }
  if (disposition !== EXCEPTION_CONTINUE_SEARCH)
    return raiseInDispatch(core, activation, STATUS_INVALID_DISPOSITION);
  if (activation.nestedFrame === frame.establisherFrame) {
    activation.nestedFrame = 0;
    changeRecordFlags(memory, record, 0, EXCEPTION_NESTED_CALL);
  }
  const walk = loadContext(memory, area + SEARCH_WALK);
  return walk === null ? unhandled(core, activation) : search(core, activation, walk);
}

/** Walks on from `walk`; bounded, because every caller lies above its callee on the stack. */
function search(core: DispatchCore, activation: SearchActivation, walk: Registers): ExceptionOutcome {
  let outermostCode = activation.frame === NO_FRAME;
  for (;;) {
    const before = stackPointer(walk);
    const below = frameBelow(core, walk);
    if (below === null) {
      const frame = core.unwinder.unwind(walk, UNWIND_EXCEPTION_HANDLER);
      if (frame === null || !isSound(core, frame, outermostCode)) return brokenStack(core, activation);
      if (frame.handler !== 0) return callHandler(core, activation, factsOf(frame), walk, 0);
    } else if (below.kind === 'end') {
      return unhandled(core, activation);
    } else if (below.kind === 'search') {
      const context = passNested(core, activation, below);
      if (context === null) return brokenStack(core, activation);
      walk.set(context);
    } else if (below.kind === 'unwind') {
      return searchCollided(core, activation, below);
    } else if (!passHostFrame(core.unwinder, walk, below)) return brokenStack(core, activation);
    if (stackPointer(walk) <= before) return brokenStack(core, activation);
    outermostCode = false;
  }
}

/** Only the innermost frame may be outside of all images: there a call through a wild pointer went. */
function isSound(core: DispatchCore, frame: UnwoundFrame, innermost: boolean): boolean {
  return (innermost || frame.image !== null) && isOnStack(core.strand, frame.establisherFrame);
}

/** An exception in a handler or filter of another one's first pass: the frames below that have been asked once. */
function passNested(
  core: DispatchCore,
  activation: SearchActivation,
  other: SearchActivation,
): Registers | null {
  changeRecordFlags(core.memory, activation.area + SEARCH_RECORD, EXCEPTION_NESTED_CALL);
  activation.nestedFrame = Math.max(activation.nestedFrame, other.frame.establisherFrame);
  return loadContext(core.memory, other.area + SEARCH_CONTEXT);
}

/** An exception in a __finally block: the search goes on in its frame, with the scopes around that block. */
function searchCollided(
  core: DispatchCore,
  activation: SearchActivation,
  other: UnwindActivation,
): ExceptionOutcome {
  const { memory, unwinder } = core;
  const walk = loadContext(memory, other.area + UNWIND_CURRENT);
  if (walk === null || unwinder.unwind(walk, 0) === null) return brokenStack(core, activation);
  const scope = memory.u32[(other.area + DISPATCHER_SCOPE_INDEX) >> 2];
  return callHandler(core, activation, other.frame, walk, scope);
}

function callHandler(
  core: DispatchCore,
  activation: SearchActivation,
  frame: FrameFacts,
  caller: Registers,
  scope: number,
): ExceptionOutcome {
  const { memory } = core;
  const { area } = activation;
  activation.frame = frame;
  storeContext(memory, area + SEARCH_WALK, caller);
  storeDispatcher(memory, area, frame, 0, area + SEARCH_WALK, scope);
  const record = area + SEARCH_RECORD;
  return callGuest(core, area, frame.handler, record, frame.establisherFrame, area + SEARCH_CONTEXT, area);
}

/** An answer that a handler must not give is an exception of its own, which cannot be continued. */
function raiseInDispatch(core: DispatchCore, activation: SearchActivation, code: number): ExceptionOutcome {
  const registers = loadContext(core.memory, activation.area + SEARCH_CONTEXT);
  if (registers === null) return unhandled(core, activation);
  const record = activation.area + SEARCH_RECORD;
  const exception: ExceptionDescription = {
    code,
    flags: EXCEPTION_NONCONTINUABLE,
    nested: record,
    address: loadRecord(core.memory, record)?.address ?? 0n,
    information: [],
  };
  return raise(core, exception, registers, activation.area, `${ntstatusName(code)} after ${activation.text}`);
}

function brokenStack(core: DispatchCore, activation: SearchActivation): ExceptionOutcome {
  changeRecordFlags(core.memory, activation.area + SEARCH_RECORD, EXCEPTION_STACK_INVALID);
  return bugCheck(core, activation, 'the stack below it cannot be unwound');
}

/** No frame handles it: TypeScript may, otherwise nobody does. */
function unhandled(core: DispatchCore, activation: SearchActivation): ExceptionOutcome {
  const registers = loadContext(core.memory, activation.area + SEARCH_CONTEXT);
  if (core.strand.origin !== 'typescript' || registers === null)
    return bugCheck(core, activation, 'nothing handles it');
  return leaveStrand(core, activation, registers);
}

/** KMODE_EXCEPTION_NOT_HANDLED and SYSTEM_THREAD_EXCEPTION_NOT_HANDLED ("Bug Check Code Reference"). */
function bugCheck(core: DispatchCore, activation: SearchActivation, why: string): ExceptionOutcome {
  const record = activation.area + SEARCH_RECORD;
  const context = activation.area + SEARCH_CONTEXT;
  const registers = loadContext(core.memory, context) ?? new Int32Array(0);
  const exception = loadRecord(core.memory, record);
  const code = exception?.code ?? 0;
  const address = hostNumber(exception?.address ?? 0n);
  const text = `${activation.text}; ${why}`;
  if (core.strand.origin === 'thread') {
    return {
      kind: 'bugCheck',
      code: SYSTEM_THREAD_EXCEPTION_NOT_HANDLED,
      parameters: [code, address, record, context],
      text,
      registers,
    };
  }
  const [first = 0n, second = 0n] = exception?.information ?? [];
  return {
    kind: 'bugCheck',
    code: KMODE_EXCEPTION_NOT_HANDLED,
    parameters: [code, address, hostNumber(first), hostNumber(second)],
    text,
    registers,
  };
}
