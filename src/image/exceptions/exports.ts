/**
 * What the kernel exports for exceptions, for machine code only: these functions see and change registers. Implements
 * RtlLookupFunctionEntry, RtlVirtualUnwind, RtlUnwind, RtlUnwindEx, RtlRaiseException, RtlRaiseStatus,
 * RtlCaptureContext, RtlRestoreContext, RtlPcToFileHeader (winnt.h), RtlCaptureStackBackTrace (ntifs.h),
 * __C_specific_handler, _local_unwind and __chkstk. Arguments are in rcx, rdx, r8, r9 and on the stack.
 */

import { STATUS_ACCESS_VIOLATION } from '../../kernel/index.ts';
import { type Address, KERNEL_WINDOW_HIGH } from '../../memory/index.ts';
import { R8, R9, RAX, RCX, RDX } from '../../x64/index.ts';
import {
  isKernelMemory,
  type Registers,
  readFunction,
  readRegisters,
  setInstructionPointer,
  stackPointer,
  walkStack,
  writeRegisters,
} from '../unwind/index.ts';
import type { ExceptionDispatcher } from './dispatcher.ts';
import {
  addressOf,
  CONTEXT_SIZE,
  EXCEPTION_NONCONTINUABLE,
  loadContext,
  loadRecord,
  RECORD_SIZE,
  storeContext,
} from './records.ts';
import { raise } from './search.ts';
import { unwindTo } from './secondPass.ts';
import { type ExceptionOutcome, type ExceptionStrand, RUN, resume, stackOverflow } from './strand.ts';

/** An export: the registers in memory are those at its first instruction. */
export type MachineExport = (dispatcher: ExceptionDispatcher, strand: ExceptionStrand) => ExceptionOutcome;

const REGISTER_ARGUMENTS = [RCX, RDX, R8, R9];

/** A call of an export in progress. */
class Call {
  readonly dispatcher: ExceptionDispatcher;
  readonly strand: ExceptionStrand;
  /** Registers at the first instruction. */
  readonly registers: Registers;
  /** Registers of the caller after the call. */
  readonly caller: Registers;
  /** A pointer was given that leads nowhere. */
  wild = false;

  constructor(dispatcher: ExceptionDispatcher, strand: ExceptionStrand, caller: Registers) {
    this.dispatcher = dispatcher;
    this.strand = strand;
    this.registers = readRegisters(dispatcher.memory);
    this.caller = caller;
  }

  /** Low half of argument `index`. */
  low(index: number): number {
    return this.#word(index, 0);
  }

  high(index: number): number {
    return this.#word(index, 1);
  }

  #word(index: number, half: number): number {
    if (index < 4) return this.registers[REGISTER_ARGUMENTS[index] * 2 + half];
    const { memory } = this.dispatcher;
    const at = stackPointer(this.registers) + 8 + index * 8 + half * 4;
    return isKernelMemory(memory, at, KERNEL_WINDOW_HIGH, 4) ? memory.data.getInt32(at, true) : 0;
  }

  /** Argument `index` as the address of `size` bytes of kernel memory; 0 for NULL, and `wild` for anything else. */
  pointer(index: number, size: number): Address {
    const low = this.low(index);
    const high = this.high(index);
    if (low === 0 && high === 0) return 0;
    if (isKernelMemory(this.dispatcher.memory, low, high, size)) return low >>> 0;
    this.wild = true;
    return 0;
  }

  writePointer(at: Address, value: Address): void {
    if (at === 0) return;
    const { data } = this.dispatcher.memory;
    data.setInt32(at, value, true);
    data.setInt32(at + 4, value === 0 ? 0 : KERNEL_WINDOW_HIGH, true);
  }

  /** Returns `value` to the caller. */
  answer(value: Address, isPointer: boolean): ExceptionOutcome {
    if (this.wild) {
      const text = 'a function of the kernel was given a pointer that leads nowhere';
      return this.dispatcher.raiseInCaller(this.strand, STATUS_ACCESS_VIOLATION, [], text);
    }
    this.caller[RAX * 2] = value;
    this.caller[RAX * 2 + 1] = isPointer && value !== 0 ? KERNEL_WINDOW_HIGH : 0;
    writeRegisters(this.dispatcher.memory, this.caller);
    return RUN;
  }
}

function declare(run: (call: Call) => ExceptionOutcome): MachineExport {
  return (dispatcher, strand) => {
    const caller = dispatcher.callerRegisters();
    if (caller === null) return dispatcher.lostStack();
    return run(new Call(dispatcher, strand, caller));
  };
}

/** PRUNTIME_FUNCTION RtlLookupFunctionEntry(DWORD64 ControlPc, PDWORD64 ImageBase, PUNWIND_HISTORY_TABLE) */
const lookupFunctionEntry = declare((call) => {
  const imageBase = call.pointer(1, 8);
  const inKernel = call.high(0) === KERNEL_WINDOW_HIGH;
  const location = inKernel ? call.dispatcher.unwinder.locate(call.low(0) >>> 0) : null;
  call.writePointer(imageBase, location?.image.base ?? 0);
  return call.answer(location?.entry?.address ?? 0, true);
});

/** PVOID RtlPcToFileHeader(PVOID PcValue, PVOID *BaseOfImage) */
const pcToFileHeader = declare((call) => {
  const inKernel = call.high(0) === KERNEL_WINDOW_HIGH;
  const location = inKernel ? call.dispatcher.unwinder.locate(call.low(0) >>> 0) : null;
  const base = location?.image.base ?? 0;
  call.writePointer(call.pointer(1, 8), base);
  return call.answer(base, true);
});

/**
 * PEXCEPTION_ROUTINE RtlVirtualUnwind(DWORD HandlerType, DWORD64 ImageBase, DWORD64 ControlPc, PRUNTIME_FUNCTION
 * FunctionEntry, PCONTEXT ContextRecord, PVOID *HandlerData, PDWORD64 EstablisherFrame, PVOID ContextPointers)
 */
const virtualUnwind = declare((call) => {
  const { memory, unwinder } = call.dispatcher;
  const imageBase = call.pointer(1, 4);
  const controlPc = call.pointer(2, 1);
  const entryAt = call.pointer(3, 12);
  const context = call.pointer(4, CONTEXT_SIZE);
  const handlerData = call.pointer(5, 8);
  const establisherFrame = call.pointer(6, 8);
  const image = unwinder.locate(imageBase)?.image;
  const registers = loadContext(memory, context);
  if (image === undefined || registers === null || context === 0) {
    call.wild = true;
    return call.answer(0, true);
  }
  setInstructionPointer(registers, controlPc);
  const entry = readFunction(memory, image, entryAt - image.base);
  const frame =
    entry === null ? null : unwinder.unwindFunction(registers, controlPc, image, entry, call.low(0) & 3);
  if (frame === null) {
    call.wild = true;
    return call.answer(0, true);
  }
  storeContext(memory, context, registers);
  call.writePointer(handlerData, frame.handlerData);
  call.writePointer(establisherFrame, frame.establisherFrame);
  return call.answer(frame.handler, true);
});

/** VOID RtlCaptureContext(PCONTEXT ContextRecord) */
const captureContext = declare((call) => {
  const at = call.pointer(0, CONTEXT_SIZE);
  if (at === 0 || at % 8 !== 0) call.wild = true;
  else storeContext(call.dispatcher.memory, at, call.caller);
  return call.answer(call.registers[RAX * 2], false);
});

/** VOID RtlRestoreContext(PCONTEXT ContextRecord, EXCEPTION_RECORD *ExceptionRecord) */
const restoreContext = declare((call) => {
  const { dispatcher, strand } = call;
  const registers = loadContext(dispatcher.memory, call.pointer(0, CONTEXT_SIZE));
  if (registers === null) {
    call.wild = true;
    return call.answer(0, false);
  }
  return resume(dispatcher.core(strand), registers);
});

/** VOID RtlRaiseException(PEXCEPTION_RECORD ExceptionRecord) */
const raiseException = declare((call) => {
  const { dispatcher, strand, caller } = call;
  const record = loadRecord(dispatcher.memory, call.pointer(0, RECORD_SIZE - 8));
  if (record === null) {
    call.wild = true;
    return call.answer(0, false);
  }
  const exception = { ...record, address: addressOf(caller) };
  const text = `exception 0x${record.code.toString(16)}, raised at ${dispatcher.describe(caller)}`;
  return raise(dispatcher.core(strand), exception, caller, stackPointer(call.registers), text);
});

/** VOID RtlRaiseStatus(NTSTATUS Status) */
const raiseStatus = declare((call) => {
  const { dispatcher, strand, caller } = call;
  const code = call.low(0) >>> 0;
  const exception = {
    code,
    flags: EXCEPTION_NONCONTINUABLE,
    nested: 0,
    address: addressOf(caller),
    information: [],
  };
  const text = `status 0x${code.toString(16)}, raised at ${dispatcher.describe(caller)}`;
  return raise(dispatcher.core(strand), exception, caller, stackPointer(call.registers), text);
});

/**
 * VOID RtlUnwindEx(PVOID TargetFrame, PVOID TargetIp, PEXCEPTION_RECORD ExceptionRecord, PVOID ReturnValue,
 * PCONTEXT OriginalContext, PUNWIND_HISTORY_TABLE HistoryTable), and RtlUnwind with its first four parameters
 */
const unwindEx = declare((call) => {
  const { dispatcher, strand, caller } = call;
  const targetFrame = call.pointer(0, 8);
  const targetIp = call.pointer(1, 1);
  const record = call.pointer(2, RECORD_SIZE - 8);
  if (call.wild) return call.answer(0, false);
  const request = {
    targetFrame,
    targetIp,
    record,
    value: [call.low(3), call.high(3)] as const,
    leaving: false,
    text: `an unwind asked for at ${dispatcher.describe(caller)}`,
  };
  return unwindTo(dispatcher.core(strand), request, caller, stackPointer(call.registers));
});

/** VOID _local_unwind(PVOID TargetFrame, PVOID TargetIp): a jump out of a __finally block */
const localUnwind = declare((call) => {
  const { dispatcher, strand, caller } = call;
  const targetFrame = call.pointer(0, 8);
  const targetIp = call.pointer(1, 1);
  if (call.wild || targetFrame === 0) {
    call.wild = true;
    return call.answer(0, false);
  }
  const text = `a jump out of a __finally block at ${dispatcher.describe(caller)}`;
  const request = { targetFrame, targetIp, record: 0, value: [0, 0] as const, leaving: false, text };
  return unwindTo(dispatcher.core(strand), request, caller, stackPointer(call.registers));
});

/** Frames that a back trace may have. */
const BACK_TRACE_LIMIT = 63;

/**
 * USHORT RtlCaptureStackBackTrace(ULONG FramesToSkip, ULONG FramesToCapture, PVOID *BackTrace, PULONG BackTraceHash):
 * the number of frames captured. The hash is the sum of the low halves. @source ntifs/nf-ntifs-rtlcapturestackbacktrace
 */
const captureStackBackTrace = declare((call) => {
  const { dispatcher, strand, caller } = call;
  const skip = Math.min(call.low(0) >>> 0, BACK_TRACE_LIMIT);
  const wanted = Math.min(call.low(1) >>> 0, BACK_TRACE_LIMIT - skip);
  const host = {
    hostFrame: (address: Address, stack: Address) => dispatcher.hostFrame(strand, address, stack),
  };
  const addresses = walkStack(dispatcher.unwinder, host, caller, BACK_TRACE_LIMIT)
    .filter(({ kind }) => kind === 'code')
    .map(({ address }) => address)
    .slice(skip, skip + wanted);
  const trace = call.pointer(2, addresses.length * 8);
  const hash = call.pointer(3, 4);
  if (trace === 0) return call.answer(0, false);
  for (const [index, address] of addresses.entries()) call.writePointer(trace + index * 8, address);
  const sum = addresses.reduce((total, address) => (total + address) >>> 0, 0);
  if (hash !== 0) dispatcher.memory.data.setUint32(hash, sum, true);
  return call.answer(addresses.length, false);
});

/**
 * VOID __chkstk(VOID): touches the stack that the caller is about to allocate, rax bytes. Changes no register. Kernel
 * stacks do not grow, so what is left is to see whether there is as much.
 */
const checkStack: MachineExport = (dispatcher, strand) => {
  const caller = dispatcher.callerRegisters();
  if (caller === null) return dispatcher.lostStack();
  const room = stackPointer(caller) - strand.stackLow;
  const wanted = (caller[RAX * 2 + 1] >>> 0) * 2 ** 32 + (caller[RAX * 2] >>> 0);
  if (wanted > room)
    return stackOverflow(caller, `${wanted} bytes of stack at ${dispatcher.describe(caller)}`);
  writeRegisters(dispatcher.memory, caller);
  return RUN;
};

/** The exports by name. */
export const EXCEPTION_EXPORTS: ReadonlyMap<string, MachineExport> = new Map<string, MachineExport>([
  ['__C_specific_handler', (dispatcher, strand) => dispatcher.enterCSpecificHandler(strand)],
  ['RtlLookupFunctionEntry', lookupFunctionEntry],
  ['RtlVirtualUnwind', virtualUnwind],
  ['RtlUnwind', unwindEx],
  ['RtlUnwindEx', unwindEx],
  ['_local_unwind', localUnwind],
  ['RtlRaiseException', raiseException],
  ['RtlRaiseStatus', raiseStatus],
  ['RtlCaptureContext', captureContext],
  ['RtlRestoreContext', restoreContext],
  ['RtlPcToFileHeader', pcToFileHeader],
  ['RtlCaptureStackBackTrace', captureStackBackTrace],
  ['__chkstk', checkStack],
]);

/** The value behind the callable address of such an export. */
export class MachineExportTarget {
  readonly name: string;
  readonly run: MachineExport;
  constructor(name: string, run: MachineExport) {
    this.name = name;
    this.run = run;
  }
}
