/**
 * The kernel of one machine: memory, clock, scheduler, and the places where everything else attaches. There is no
 * module-level state: two kernels in one process share nothing.
 */

import { type Address, KernelMemory, type PoolOptions, Shadow } from '../memory/index.ts';
import type { EventBody, TraceEvent, TraceSink } from '../trace/index.ts';
import type { MachineCodeHandlers } from './callback.ts';
import { Clock } from './clock.ts';
import type { Driver } from './driver.ts';
import { BugCheckError, MachineStoppedError, NdisboxError } from './errors.ts';
import { KMODE_EXCEPTION_NOT_HANDLED, PAGE_FAULT_IN_NONPAGED_AREA } from './generated/constants/bugCheck.ts';
import type { Irql } from './irql.ts';
import { RaisedStatusError } from './raisedStatus.ts';
import { Random } from './random.ts';
import { Scheduler } from './scheduler.ts';
import type { Thread } from './thread.ts';
import { ThreadObject } from './waitableObject.ts';

/** Something a driver did that the documentation forbids, or that its author should know. */
export interface Finding {
  /** Stable code, for example `STATUS_PENDING_FROM_DRIVER_ENTRY`. */
  readonly code: string;
  /** Name of the driver, `-` where none is to blame. */
  readonly driver: string;
  /** What happened, where, and what to do. */
  readonly text: string;
  /** Page of the documentation. */
  readonly page: string;
  /** Machine time in units of 100 ns. */
  readonly time: number;
}

export interface KernelOptions {
  /** Bytes of kernel memory; default 256 MiB. */
  readonly memorySize?: number;
  /** Logical processors, 1 to 64; default 1. */
  readonly processors?: number;
  /** Seed of every choice that the documentation leaves open; default 1. */
  readonly seed?: number;
  /** Checks, limits and failures of the pool; default none. */
  readonly pool?: PoolOptions;
  /**
   * Check every access of compiled drivers byte by byte against blocks, stacks and sections; the pool keeps freed blocks
   * back and surrounds each block. Default false.
   */
  readonly memorySafety?: boolean;
  /** Where events go; null (the default) records nothing. */
  readonly trace?: TraceSink | null;
}

/** Findings kept; later ones are counted only. */
const FINDING_LIMIT = 10_000;
/** Events of a trace that are kept for a dump. */
const RECENT_EVENTS = 32;
/** Notes kept, with and without a trace. */
const RECENT_NOTES = 10;

/** What arrays and structures over memory say of an address that lies outside. */
const OUT_OF_MEMORY_RANGE = /does not lie in|do not lie in|out of bounds|outside the bounds|outside of/;

/** Something worth reading: who or what it is about, and the text. */
export interface Note {
  readonly subject: string;
  readonly text: string;
}

export class Kernel {
  readonly memory: KernelMemory;
  readonly clock = new Clock();
  readonly random: Random;
  readonly seed: number;
  readonly poolOptions: PoolOptions;
  readonly scheduler: Scheduler;
  readonly trace: TraceSink | null;
  readonly findings: Finding[] = [];
  /** Findings beyond the limit that were not kept. */
  findingsDropped = 0;
  /** Drivers by id - 1; unloaded ones stay. */
  readonly drivers: Driver[] = [];
  /** Why the machine stopped, or null while it runs. */
  stopReason: NdisboxError | null = null;
  readonly #parts = new Map<symbol, unknown>();
  readonly #recent: TraceEvent[] = [];
  #recentCount = 0;
  readonly #notes: Note[] = [];
  readonly #stopListeners = new Set<(reason: NdisboxError) => void>();

  /** Calls machine code; null while no compiled driver was loaded. */
  machineCode: MachineCodeHandlers | null = null;

  /** The machine is being stopped: the last callbacks of drivers run. */
  stopping = false;

  /** How many handlers that may not wait run now, one inside the other: code in them cannot await a call. */
  synchronousDepth = 0;

  /** Runs the DPC whose KDPC is at `address`, at DISPATCH_LEVEL. Set by the DPC concern. */
  runDpc: (address: Address) => void = () => missing('DPCs');
  /** Expires the KTIMER at `address`. Set by the timer concern. */
  expireTimer: (address: Address) => void = () => missing('timers');

  constructor(options: KernelOptions = {}) {
    const processors = options.processors ?? 1;
    if (!Number.isInteger(processors) || processors < 1 || processors > 64) {
      throw new NdisboxError('BAD_OPTION', `processors is ${processors}; give a whole number from 1 to 64`);
    }
    this.seed = options.seed ?? 1;
    const { memorySafety = false } = options;
    this.memory = new KernelMemory(options.memorySize, { memorySafety });
    this.poolOptions = memorySafety ? this.#carefulPool(options.pool) : (options.pool ?? {});
    this.random = new Random(this.seed);
    this.trace = options.trace ?? null;
    this.scheduler = new Scheduler(this, processors);
  }

  #carefulPool(options: PoolOptions = {}): PoolOptions {
    return {
      caller: () => this.machineCode?.stackText() ?? '',
      ...options,
      redZones: true,
      shadow: shadowOf(this) ?? undefined,
    };
  }

  /** IRQL of the processor that runs now. */
  get irql(): Irql {
    return this.scheduler.processor.irql;
  }

  /** Sets the IRQL of the processor that runs now; what becomes due by lowering it is the caller's to run. */
  set irql(irql: Irql) {
    this.scheduler.processor.irql = irql;
  }

  /** A part of the kernel that another file supplies; made at its first use. */
  part<T>(key: symbol, create: (kernel: Kernel) => T): T {
    let part = this.#parts.get(key);
    if (part === undefined) {
      part = create(this);
      this.#parts.set(key, part);
    }
    // Only `create` of the same key made it: `perKernel` makes one key for one type.
    return part as T;
  }

  /** Sends an event to the trace, stamped. Costs nothing worth counting while no trace is on. */
  emit(body: EventBody): void {
    if (this.trace === null) return;
    const { processor } = this.scheduler;
    const event: TraceEvent = {
      time: this.clock.now,
      processor: processor.number,
      thread: processor.thread?.id ?? 0,
      irql: processor.irql,
      ...body,
    };
    this.#recent[this.#recentCount++ % RECENT_EVENTS] = event;
    this.trace.emit(event);
  }

  /** The last events of the trace, oldest first; none while no trace is on. */
  recentEvents(): readonly TraceEvent[] {
    const start = this.#recentCount % RECENT_EVENTS;
    return [...this.#recent.slice(start), ...this.#recent.slice(0, start)];
  }

  /** The last notes, oldest first, also while no trace is on: they say why something was refused. */
  recentNotes(): readonly Note[] {
    return [...this.#notes];
  }

  /** Notes something worth reading in a trace. */
  note(subject: string, text: string): void {
    this.#notes.push({ subject, text });
    if (this.#notes.length > RECENT_NOTES) this.#notes.shift();
    this.emit({ kind: 'note', subject, text });
  }

  /** Reports what a driver did wrong. The machine goes on. */
  report(code: string, driver: Driver | null, text: string, page: string): void {
    const name = driver?.name ?? '-';
    this.emit({ kind: 'finding', code, driver: name, text, page });
    if (this.findings.length >= FINDING_LIMIT) this.findingsDropped++;
    else this.findings.push({ code, driver: name, text, page, time: this.clock.now });
  }

  /**
   * Stops the machine as Windows would crash. Never returns: the error unwinds the driver that runs.
   * @param code the documented bug check code. @param parameters its four parameters.
   * @param message what happened, where, and what to do.
   */
  bugCheck(
    code: number,
    parameters: readonly [number, number, number, number],
    message: string,
    cause?: unknown,
  ): never {
    const error = new BugCheckError(code, parameters, message, cause === undefined ? undefined : { cause });
    this.stop(error);
    throw error;
  }

  /** Stops the machine; every further call of a driver is refused. */
  stop(reason: NdisboxError): void {
    if (this.stopReason !== null) return;
    this.stopReason = reason;
    if (reason instanceof BugCheckError) {
      this.emit({
        kind: 'bugCheck',
        code: reason.bugCheckCode,
        parameters: reason.parameters,
        text: reason.message,
      });
    }
    this.stopping = true;
    for (const listener of this.#stopListeners) listener(reason);
    this.stopping = false;
  }

  /** Calls `listener` when the machine stops. The function it gives takes the listener away again. */
  onStop(listener: (reason: NdisboxError) => void): () => void {
    this.#stopListeners.add(listener);
    return () => {
      this.#stopListeners.delete(listener);
    };
  }

  /** Stops the machine because of what was thrown in it: an exception that nothing handled is a bug check. */
  stopForError(error: unknown, where: string): void {
    if (this.stopReason !== null) return;
    if (error instanceof NdisboxError) return this.stop(error);
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    // What no check of arguments saw: a pointer inside of a structure that leads out of memory.
    const fault = error instanceof RangeError && OUT_OF_MEMORY_RANGE.test(error.message);
    this.stop(
      new BugCheckError(
        fault ? PAGE_FAULT_IN_NONPAGED_AREA : KMODE_EXCEPTION_NOT_HANDLED,
        error instanceof RaisedStatusError ? [error.status, ...error.details] : [0, 0, 0, 0],
        `an exception that nothing handles was thrown in ${where}: ${text}`,
        { cause: error },
      ),
    );
  }

  /** Refuses a call of a stopped machine. */
  refuse(): never {
    throw new MachineStoppedError(this.stopReason?.message ?? 'not started');
  }

  /** The opaque address that drivers know a thread by. */
  createThreadObject(id: number): Address {
    return this.memory.objects.addressOf(new ThreadObject(id), 'kernel');
  }

  /** A thread is over: whoever waits for it goes on. Replaced by the thread concern. */
  threadEnded: (thread: Thread) => void = () => {};
}

/**
 * Declares a part of the kernel that lives in its own file: the returned function gives that part of a kernel and
 * makes it at the first call.
 */
export function perKernel<T>(name: string, create: (kernel: Kernel) => T): (kernel: Kernel) => T {
  const key = Symbol(name);
  return (kernel) => kernel.part(key, create);
}

/** What may be touched, byte by byte; null where memory safety is not checked. */
export const shadowOf: (kernel: Kernel) => Shadow | null = perKernel('shadow', (kernel) =>
  kernel.memory.hasShadow ? new Shadow(kernel.memory) : null,
);

function missing(what: string): never {
  throw new NdisboxError('NOT_ATTACHED', `${what} are not attached to this kernel`);
}
