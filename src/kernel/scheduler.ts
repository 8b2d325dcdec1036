/**
 * The run loop: threads, DPCs and timers of N logical processors under one deterministic scheduler. One thread at a
 * time holds the token; only it may call the kernel.
 * Implements decisions 4 and 5 of the design; see docs/decisions/0001-control-passing.md.
 */

import type { Address } from '../memory/index.ts';
import { DpcQueues } from './dpcQueues.ts';
import { NdisboxError } from './errors.ts';
import { DISPATCH_LEVEL, PASSIVE_LEVEL } from './generated/constants/basic.ts';
import type { Kernel } from './kernel.ts';
import { macrotask } from './macrotask.ts';
import { createFrame, type Procedure, step } from './procedure.ts';
import { type Processor, SYSTEM_PROCESS, type Thread } from './thread.ts';
import { ThreadRunner } from './threadRunner.ts';
import { WaitTable } from './waits.ts';

/** Microtask turns a TypeScript handler gets before the scheduler looks at the macrotask queue. */
const MICROTASK_TURNS = 32;
/** Pieces of work between two looks at the event loop, for signals and live wires. */
const TURNS_PER_MACROTASK = 1024;

/** Thrown before anything happened: the caller has to wait, and its host frames do not let it. Never seen by drivers. */
export class MustSplitError extends Error {
  constructor(what: string) {
    super(`${what} has to wait`);
    this.name = 'MustSplitError';
  }
}

/** What ran, or why nothing could. */
export type RunOutcome = 'idle' | 'stopped' | 'done';

export class Scheduler {
  readonly processors: readonly Processor[];
  readonly waits: WaitTable;
  readonly #kernel: Kernel;
  readonly #threads = new Map<number, Thread>();
  /** Ready threads, in order of becoming ready. */
  readonly #ready: Thread[] = [];
  /** DPCs, and which processor runs now. */
  readonly dpcs: DpcQueues;
  readonly #runner: ThreadRunner;
  #nextThreadId = 1;
  /** Above 0 while machine code that cannot be suspended calls: what would wait throws MustSplitError instead. */
  mustNotWait = 0;
  #deferring = false;
  #deferred: Thread | null = null;
  /** Resolves when the thread that runs TypeScript code gives the token back. */
  #tokenReturned: (() => void) | null = null;
  #running = false;
  /** Set by whoever keeps the processor for long: the event loop of the host runs before the next piece of work. */
  hostIsDue = false;
  /** Sources of interrupts that may be delivered; 0 without hardware. */
  interruptsPending = 0;
  /**
   * Delivers interrupts, where the seed says so or certainly; set by who knows the hardware. The run loop runs the DPCs
   * that they queue by itself, elsewhere they run before it returns if the IRQL lets them.
   */
  deliverInterrupts: (by: 'chance' | 'certain' | 'loop') => void = () => {};

  constructor(kernel: Kernel, processorCount: number) {
    this.#kernel = kernel;
    this.processors = Array.from({ length: processorCount }, (_, number) => ({
      number,
      irql: PASSIVE_LEVEL,
      thread: null,
      dpcs: [],
      spinLocksHeld: 0,
      dpcActive: false,
      dpcChain: 0,
      busyTime: 0,
    }));
    this.dpcs = new DpcQueues(kernel, this.processors);
    this.waits = new WaitTable(kernel, (thread, status) => this.#makeReady(thread, status));
    this.#runner = new ThreadRunner(kernel, {
      beginWait: (thread, request) => this.waits.begin(thread, request),
      mayPreempt: () => this.processor.irql < DISPATCH_LEVEL,
      requeue: (thread) => this.#makeReady(thread, thread.result),
      returnToken: () => this.#returnToken(),
      finish: (thread) => this.#finish(thread),
    });
  }

  /** Told when another thread, or none, runs on a processor; set by who keeps a record of it in memory. */
  threadSwitched: ((processor: Processor) => void) | null = null;

  /** The processor that runs now. */
  get processor(): Processor {
    return this.dpcs.current;
  }

  get threads(): Iterable<Thread> {
    return this.#threads.values();
  }

  /** The thread that holds the token, or null. */
  get thread(): Thread | null {
    return this.dpcs.current.thread;
  }

  /** The id that the next thread will get. */
  get nextThreadId(): number {
    return this.#nextThreadId;
  }

  /** Creates a thread that runs `procedure`; it is ready at once. */
  createThread<C, L extends object>(
    name: string,
    target: Procedure<C, L>,
    context: C,
    locals: L,
    options: {
      readonly priority?: number;
      readonly affinity?: bigint;
      /** Its object address, where the caller made one with `nextThreadId`. */
      readonly address?: Address;
      /** Id of the process that it belongs to; default System. */
      readonly process?: number;
      readonly finished?: (value: number) => void;
    } = {},
  ): Thread {
    const id = this.#nextThreadId++;
    const frame = createFrame(target, context, locals);
    frame.settle = options.finished ?? null;
    const thread: Thread = {
      id,
      name,
      priority: options.priority ?? 8,
      state: 'ready',
      frames: [frame],
      result: 0,
      wait: null,
      address: options.address ?? this.#kernel.createThreadObject(id),
      irql: PASSIVE_LEVEL,
      criticalRegionDepth: 0,
      guardedRegionDepth: 0,
      exitStatus: 0,
      process: options.process ?? SYSTEM_PROCESS,
      addressSpace: options.process ?? SYSTEM_PROCESS,
      affinity: options.affinity ?? null,
      mutexes: [],
      inTypeScript: false,
    };
    this.#threads.set(id, thread);
    this.#ready.push(thread);
    return thread;
  }

  /**
   * Runs a procedure on the thread that holds the token, for a TypeScript caller. The promise settles when the
   * procedure is done; the caller must await it before it calls anything else.
   */
  execute<C, L extends object>(target: Procedure<C, L>, context: C, locals: L): Promise<number> {
    if (this.mustNotWait > 0) throw new MustSplitError(target.name);
    const thread = this.#callingThread(target.name);
    const frame = createFrame(target, context, locals);
    return new Promise((resolve, reject) => {
      frame.settle = resolve;
      frame.fail = reject;
      thread.frames.push(frame);
      thread.inTypeScript = false;
      if (this.#deferring) this.#deferred = thread;
      else this.#runner.drive(thread);
    });
  }

  /**
   * Calls `call` for machine code: procedures that it executes begin when `driveDeferred` is called, after the frames
   * of the host under the machine code are gone.
   */
  deferring<R>(call: () => R): R {
    this.#deferring = true;
    try {
      return call();
    } finally {
      this.#deferring = false;
    }
  }

  /** Begins what was executed under `deferring`. */
  driveDeferred(): void {
    const thread = this.#deferred;
    this.#deferred = null;
    if (thread !== null) this.#runner.drive(thread);
  }

  /** Runs a procedure that cannot wait with its present arguments, at any IRQL, and returns its value. */
  executeNow<C, L extends object>(target: Procedure<C, L>, context: C, locals: L): number {
    const frames = [createFrame(target, context, locals)];
    for (let result = 0; ; ) {
      const frame = frames[frames.length - 1];
      const asked = frame.procedure.states[frame.state](frame.context, frame.locals, step, result);
      if (asked.kind === 'done') {
        frames.pop();
        result = asked.value;
        if (frames.length === 0) return result;
        continue;
      }
      frame.state = asked.next;
      if (asked.kind === 'run') frames.push(asked.frame);
      else if (asked.kind === 'wait') result = this.waits.poll(this.thread, asked.request);
      else if (asked.kind === 'yield') result = 0;
      else {
        throw new NdisboxError(
          'UNEXPECTED_CALL',
          `${target.name} had to call a driver where its caller cannot wait`,
        );
      }
    }
  }

  /**
   * Runs until `done` says so or nothing is left to do.
   * @param done looked at between two pieces of work.
   * @param until machine time in units of 100 ns at which to stop; timers beyond it do not fire.
   */
  async run(done: () => boolean, until = Number.POSITIVE_INFINITY): Promise<RunOutcome> {
    if (this.#running)
      throw new NdisboxError('ALREADY_RUNNING', 'the machine is running; await the earlier call first');
    this.#running = true;
    try {
      for (let turns = 1; ; turns++) {
        if (this.hostIsDue || turns % TURNS_PER_MACROTASK === 0) {
          this.hostIsDue = false;
          await macrotask();
        }
        if (this.#kernel.stopReason !== null) return 'stopped';
        if (done()) return 'done';
        if (this.interruptsPending > 0) this.deliverInterrupts('loop');
        if (!this.#fireTimer() && !this.dpcs.runOne()) {
          const thread = this.#takeReady();
          if (thread !== null) await this.#runThread(thread);
          else if (!this.#advanceTime(until)) return 'idle';
        }
      }
    } finally {
      this.#running = false;
    }
  }

  /** True while `run` is on. */
  get running(): boolean {
    return this.#running;
  }

  /** Runs `action` on another processor at `irql`, as an interrupt of it, and gives what it returned. */
  runOn<R>(processor: Processor, irql: number, action: () => R): R {
    const interrupted = this.dpcs.current;
    const before = processor.irql;
    this.dpcs.current = processor;
    processor.irql = irql;
    try {
      return action();
    } finally {
      processor.irql = before;
      this.dpcs.current = interrupted;
    }
  }

  /** Moves the running thread to a processor that its affinity allows, if it is on another. */
  applyAffinity(): void {
    const from = this.dpcs.current;
    const { thread } = from;
    if (thread === null || thread.affinity === null || (thread.affinity >> BigInt(from.number)) & 1n) return;
    const to = this.#chooseProcessor(thread);
    to.thread = thread;
    to.irql = from.irql;
    from.thread = null;
    from.irql = PASSIVE_LEVEL;
    this.dpcs.current = to;
    this.threadSwitched?.(from);
    this.threadSwitched?.(to);
  }

  /** Called by a thread procedure when it ends early (PsTerminateSystemThread). */
  terminate(thread: Thread, status: number): void {
    thread.exitStatus = status;
    const bottom = thread.frames[0];
    thread.frames.length = 0;
    if (bottom?.kind === 'procedure') bottom.settle?.(status);
    this.#finish(thread);
  }

  #callingThread(what: string): Thread {
    const thread = this.dpcs.current.thread;
    if (this.#kernel.stopReason !== null) this.#kernel.refuse();
    if (thread === null) {
      throw new NdisboxError(
        'NO_THREAD',
        `${what} was called outside of any driver thread; call it from a handler`,
      );
    }
    if (this.dpcs.current.dpcActive) {
      throw new NdisboxError(
        'WAIT_IN_DPC',
        `${what} may have to wait and was called from a DPC on processor ${this.dpcs.current.number}; queue a work item`,
      );
    }
    if (!thread.inTypeScript) {
      throw new NdisboxError(
        'TWO_WAITS',
        `${what} was called by thread ${thread.id} (${thread.name}) while an earlier call of it is not finished; await that first`,
      );
    }
    return thread;
  }

  #fireTimer(): boolean {
    const entry = this.#kernel.clock.timers.takeDue(this.#kernel.clock.now);
    if (entry === null) return false;
    const { action } = entry;
    if (action.kind === 'waitTimeout') {
      const thread = this.#threads.get(action.thread);
      if (thread !== undefined) this.waits.timeOut(thread);
    } else if (action.kind === 'timer') this.#kernel.expireTimer(action.address);
    else this.#guard('host timer', action.run);
    return true;
  }

  #advanceTime(until: number): boolean {
    const { timers } = this.#kernel.clock;
    const due = timers.nextDue();
    if (!Number.isFinite(until) && timers.onlyBackground) return false;
    if (due === null || due > until) {
      if (Number.isFinite(until)) this.#kernel.clock.jumpTo(until);
      return false;
    }
    return this.#kernel.clock.jumpTo(due);
  }

  #takeReady(): Thread | null {
    const ready = this.#ready;
    if (ready.length === 0) return null;
    let best = 0;
    for (let i = 1; i < ready.length; i++) if (ready[i].priority > ready[best].priority) best = i;
    return ready.splice(best, 1)[0];
  }

  #makeReady(thread: Thread, status: number): void {
    thread.result = status;
    thread.state = 'ready';
    this.#ready.push(thread);
  }

  /** A processor that the thread may run on, by the seed. */
  #chooseProcessor(thread: Thread): Processor {
    const { processors } = this;
    if (processors.length === 1) return processors[0];
    const { affinity } = thread;
    const allowed =
      affinity === null ? processors : processors.filter((p) => (affinity >> BigInt(p.number)) & 1n);
    return allowed.length === 1 ? allowed[0] : allowed[this.#kernel.random.below(allowed.length)];
  }

  async #runThread(thread: Thread): Promise<void> {
    this.dpcs.current = this.#chooseProcessor(thread);
    const processor = this.dpcs.current;
    processor.dpcChain = 0;
    processor.thread = thread;
    processor.irql = thread.irql;
    this.threadSwitched?.(processor);
    thread.state = 'running';
    this.#kernel.emit({ kind: 'resume', status: thread.result });
    this.#runner.drive(thread);
    if (thread.state === 'running') await this.#awaitToken(thread);
    // Its affinity may have moved it.
    const last = this.processors.find((p) => p.thread === thread) ?? processor;
    thread.irql = last.irql;
    last.irql = PASSIVE_LEVEL;
    last.thread = null;
    this.threadSwitched?.(last);
  }

  async #awaitToken(thread: Thread): Promise<void> {
    const returned = new Promise<'returned'>((resolve) => {
      this.#tokenReturned = () => resolve('returned');
    });
    while (thread.state === 'running' && this.#kernel.stopReason === null) {
      for (let turn = 0; turn < MICROTASK_TURNS && thread.state === 'running'; turn++)
        await Promise.resolve();
      if (thread.state !== 'running' || this.#kernel.stopReason !== null) break;
      const outcome = await Promise.race([returned, macrotask()]);
      if (outcome === 'macrotask' && thread.state === 'running' && thread.inTypeScript) {
        this.#kernel.stop(
          new NdisboxError(
            'FOREIGN_AWAIT',
            `thread ${thread.id} (${thread.name}), in ${activationName(thread)}, awaits something that is no call of the machine; ` +
              'a driver may only await what its imports return',
          ),
        );
      }
    }
    this.#tokenReturned = null;
  }

  #returnToken(): void {
    const resolve = this.#tokenReturned;
    this.#tokenReturned = null;
    resolve?.();
  }

  #finish(thread: Thread): void {
    thread.state = 'terminated';
    this.#threads.delete(thread.id);
    this.#kernel.threadEnded(thread);
    this.#returnToken();
  }

  #guard(what: string, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#kernel.stopForError(error, what);
    }
  }
}

function activationName(thread: Thread): string {
  const top = thread.frames[thread.frames.length - 1];
  if (top === undefined) return 'no frame';
  return top.kind === 'typescript' ? top.name : top.procedure.name;
}
