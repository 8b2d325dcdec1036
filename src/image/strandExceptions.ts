/**
 * Exceptions and the strands of a machine: what the run loop does when machine code faults, when a function of the
 * host raises a status, and when machine code calls what the kernel exports for exceptions. Implements "Exceptions" of
 * docs/decisions/0001-control-passing.md.
 */

import {
  DISPATCH_LEVEL,
  type Kernel,
  type MachineCodeReport,
  pagesOf,
  type RaisedStatusError,
} from '../kernel/index.ts';
import { type Address, PAGE_EXECUTE, PAGE_NONE, PAGE_READ, PAGE_WRITE } from '../memory/index.ts';
import { CALL_JUMP, CALL_STOP, type CallOutcome, type ProcessorException } from '../x64/index.ts';
import { type ReportedStrand, reportMachineCode } from './bugCheckReport.ts';
import {
  classifyFault,
  EXCEPTION_EXPORTS,
  ExceptionDispatcher,
  type ExceptionOutcome,
  type ExceptionStrand,
  GuestException,
  HandlerReturn,
  MachineExportTarget,
} from './exceptions/index.ts';
import type { Strand } from './strand.ts';
import { HostFunction } from './thunks.ts';
import {
  frameName,
  type HostFrame,
  type HostFrames,
  instructionPointer,
  type MappedImages,
  popWords,
  REGISTER_WORDS,
  type Registers,
  RIP_WORD,
  readRegisters,
  ripIsKernel,
  Unwinder,
  walkStack,
} from './unwind/index.ts';

export class StrandExceptions {
  readonly unwinder: Unwinder;
  readonly #kernel: Kernel;
  readonly #dispatcher: ExceptionDispatcher;
  /** Where the outermost function of an activation returns to. */
  readonly #back: Address;
  readonly #exports = new Map<string, Address>();
  /** Registers at the fault that stops the machine, for the dump. */
  #stoppedAt: Registers | null = null;
  /** What became of the strand that the engine was told to stop for. */
  #pending: ExceptionOutcome | null = null;

  constructor(kernel: Kernel, images: MappedImages, back: Address) {
    this.#kernel = kernel;
    this.#back = back;
    this.unwinder = new Unwinder(kernel.memory, images);
    this.#dispatcher = new ExceptionDispatcher(kernel.memory, this.unwinder);
  }

  /** The callable address of an export that only machine code can call; null where `name` is none. */
  exportAt(name: string): Address | null {
    const known = this.#exports.get(name);
    if (known !== undefined) return known;
    const run = EXCEPTION_EXPORTS.get(name);
    if (run === undefined) return null;
    const target = new MachineExportTarget(name, run);
    const address = this.#kernel.memory.callables.addressOf(target, 'kernel');
    this.#exports.set(name, address);
    return address;
  }

  /** rip reached a callable address whose value may be one of exceptions; null where it is none. */
  call(strand: Strand, value: unknown): CallOutcome | null {
    if (value instanceof HandlerReturn)
      return this.#leaveEngine(this.#dispatcher.returned(this.#view(strand)));
    if (value instanceof MachineExportTarget)
      return this.#leaveEngine(value.run(this.#dispatcher, this.#view(strand)));
    return null;
  }

  /** The engine stopped: if for an exception, the strand is over or the machine stops. */
  stopped(): void {
    const outcome = this.#pending;
    this.#pending = null;
    if (outcome !== null) this.#settle(outcome);
  }

  /**
   * A function of the host that machine code called raised a status: the registers change so that a handler runs.
   * @throws what was raised where no frame of the strand handles it.
   */
  raise(strand: Strand, error: RaisedStatusError): void {
    // Handlers that count themselves while they run are gone without having said so.
    this.#kernel.synchronousDepth = strand.handlersBelow + strand.ownHandlers;
    const information = error instanceof GuestException ? error.information : [];
    const view = this.#view(strand);
    this.#settle(this.#dispatcher.raiseInCaller(view, error.status, information, error.message));
  }

  /**
   * A processor exception: the registers change so that a handler runs, or the machine stops.
   * @returns false where it is no exception that Windows knows.
   * @throws GuestException where no frame of the strand handles it, but TypeScript below may.
   */
  fault(strand: Strand, exit: ProcessorException): boolean {
    const kernel = this.#kernel;
    const registers = readRegisters(kernel.memory);
    const pages = pagesOf(kernel);
    const protection = (address: Address): number => {
      const allowed = (access: number): number => (pages.allows(address, 1, access) ? access : 0);
      return allowed(PAGE_READ) | allowed(PAGE_WRITE) | allowed(PAGE_EXECUTE) || PAGE_NONE;
    };
    const { memory, irql } = kernel;
    const situation = { memory, irql, stackLow: strand.stackLow, protection };
    const where = this.#dispatcher.describe(registers);
    const fault = classifyFault(exit, registers, situation, where);
    if (fault === null) return false;
    const text = `${strand.name}: ${fault.text}`;
    this.#settle(
      fault.kind === 'raise'
        ? this.#dispatcher.raiseAt(this.#view(strand), fault.exception, text)
        : { ...fault, text, registers },
    );
    return true;
  }

  /** Where machine code is: the strand that runs, and those below it. */
  report(current: Strand | null): MachineCodeReport | null {
    const cause: unknown = this.#kernel.stopReason?.cause;
    if (cause instanceof GuestException && cause.report !== null) return cause.report;
    if (current === null) return null;
    const { memory } = this.#kernel;
    const innermost = this.#stoppedAt ?? readRegisters(memory);
    return reportMachineCode(this.unwinder, this.#chain(current, innermost));
  }

  /** The call stack in one line, innermost first, at most `limit` places in machine code. */
  stackText(current: Strand, limit: number): string {
    const { unwinder } = this;
    const innermost = this.#reported(current, readRegisters(this.#kernel.memory));
    return walkStack(unwinder, innermost.host, innermost.registers, limit)
      .map((frame) => frameName(unwinder, frame))
      .join(' < ');
  }

  #chain(current: Strand, registers: Registers): ReportedStrand[] {
    const chain = [this.#reported(current, registers)];
    for (let strand = current.below; strand !== null; strand = strand.below) {
      const saved = new Int32Array(REGISTER_WORDS);
      new Uint8Array(saved.buffer).set(strand.saved);
      chain.push(this.#reported(strand, saved));
    }
    return chain;
  }

  /** A strand that called the host stands at the callable address, its own place is on top of the stack. */
  #reported(strand: Strand, registers: Registers): ReportedStrand {
    const { memory } = this.#kernel;
    const called = this.#calledName(registers);
    const caller = registers.slice();
    if (called !== null) popWords(memory, caller, RIP_WORD);
    return { registers: caller, host: this.#walkHost(strand), name: strand.name, called };
  }

  #calledName(registers: Registers): string | null {
    if (!ripIsKernel(registers)) return null;
    const value = this.#kernel.memory.callables.valueAt(instructionPointer(registers));
    if (value instanceof HostFunction || value instanceof MachineExportTarget) return value.name;
    return typeof value === 'function' ? value.name || 'a function of the host' : null;
  }

  #walkHost(strand: Strand): HostFrames {
    return {
      hostFrame: (address, stack) => {
        const nested = address === this.#back ? strand.nested.find(({ end }) => end === stack) : undefined;
        if (nested !== undefined) return { kind: 'library', name: nested.name, stackPointer: nested.stack };
        return this.#dispatcher.hostFrame(this.#view(strand), address, stack);
      },
    };
  }

  /** The strand as exceptions see it. */
  #view(strand: Strand): ExceptionStrand {
    const end: HostFrame = { kind: 'end', name: strand.name };
    return {
      activations: strand.activations,
      stackLow: strand.stackLow,
      stackHigh: strand.stackHigh,
      origin: this.#origin(strand),
      hostFrame: (address) => (address === this.#back ? end : null),
      report: (registers) => reportMachineCode(this.unwinder, this.#chain(strand, registers)),
    };
  }

  /** Whether somebody below the strand can handle an exception: machine code or a TypeScript driver. */
  #origin(strand: Strand): ExceptionStrand['origin'] {
    const { scheduler, irql } = this.#kernel;
    const { thread } = scheduler;
    if (strand.below !== null || strand.nested.length > 0 || strand.handlersBelow > 0) return 'typescript';
    // The scheduler marks handlers of TypeScript and of machine code alike; this strand's own is the last one.
    const handlers = (thread?.frames ?? []).filter((frame) => frame.kind === 'typescript');
    if (handlers.at(-1)?.name === strand.name) handlers.pop();
    if (handlers.length > 0) return 'typescript';
    return thread !== null && irql < DISPATCH_LEVEL ? 'thread' : 'kernel';
  }

  #leaveEngine(outcome: ExceptionOutcome): CallOutcome {
    if (outcome.kind === 'run') return CALL_JUMP;
    this.#pending = outcome;
    return CALL_STOP;
  }

  #settle(outcome: ExceptionOutcome): void {
    if (outcome.kind === 'run') return;
    if (outcome.kind === 'leave') throw outcome.exception;
    const { code, parameters, text, registers } = outcome;
    this.#stoppedAt = registers.length === REGISTER_WORDS ? registers : null;
    this.#kernel.bugCheck(code, parameters, text);
  }
}
