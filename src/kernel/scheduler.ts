/**
 * The run loop: threads, DPCs and timers of N logical processors under one deterministic scheduler. One thread at a
 * time holds the token; only it may call the kernel.
 * Implements decisions 4 and 5 of the design; see docs/decisions/0001-control-passing.md.
 */

import type { Address } from '../memory/index.ts';
import { NdisboxError } from './errors.ts';
import { DISPATCH_LEVEL, PASSIVE_LEVEL } from './generated/constants/basic.ts';
import type { Kernel } from './kernel.ts';
import { macrotask } from './macrotask.ts';
import {
  createFrame,
  type Frame,
  type Procedure,
  type StepResult,
  step,
  type WaitRequest,
} from './procedure.ts';
import type { Processor, Thread, TypeScriptActivation } from './thread.ts';
import { WaitTable } from './waits.ts';

/** Microtask turns a TypeScript handler gets before the scheduler looks at the macrotask queue. */
const MICROTASK_TURNS = 32;
/** Steps of one thread between two looks at other work; a thread that goes on longer is preempted at a step. */
const STEPS_PER_TURN = 10_000;

/** DPCs that may wait in the queue of one processor; each KDPC is queued once, so a driver needs as many KDPCs. */
const DPC_QUEUE_LIMIT = 65_536;
/** DPCs that one processor may run before a thread runs or time goes on. */
const DPC_CHAIN_LIMIT = 1_000_000;
/** Bug check of a processor that stays at DISPATCH_LEVEL too long (bug check reference). */
export const DPC_WATCHDOG_VIOLATION = 0x133;

/** What ran, or why nothing could. */
export type RunOutcome = 'idle' | 'stopped' | 'done';

export class Scheduler {
  readonly processors: readonly Processor[];
  readonly waits: WaitTable;
  readonly #kernel: Kernel;
  readonly #threads = new Map<number, Thread>();
  /** Ready threads, in order of becoming ready. */
  readonly #ready: Thread[] = [];
  #nextThreadId = 1;
  #current: Processor;
  /** Resolves when the thread that runs TypeScript code gives the token back. */
  #tokenReturned: (() => void) | null = null;
  #running = false;
  /** Machine time when the chain of DPCs that the watchdog counts began. */
  #chainBegan = -1;

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
    }));
    this.#current = this.processors[0];
    this.waits = new WaitTable(kernel, (thread, status) => this.#makeReady(thread, status));
  }

  /** The processor that runs now. */
  get processor(): Processor {
    return this.#current;
  }

  get threads(): Iterable<Thread> {
    return this.#threads.values();
  }

  /** The thread that holds the token, or null. */
  get thread(): Thread | null {
    return this.#current.thread;
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
    const thread = this.#callingThread(target.name);
    const frame = createFrame(target, context, locals);
    return new Promise((resolve) => {
      frame.settle = resolve;
      thread.frames.push(frame);
      thread.inTypeScript = false;
      this.#drive(thread);
    });
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
      for (;;) {
        if (this.#kernel.stopReason !== null) return 'stopped';
        if (done()) return 'done';
        if (!this.#fireTimer() && !this.#runDpc()) {
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

  /**
   * Queues a DPC on a processor; the caller did the bookkeeping in the KDPC.
   * @throws NdisboxError DPC_QUEUE_FULL at DPC_QUEUE_LIMIT.
   */
  queueDpc(address: Address, processor: number, first: boolean): void {
    const queue = this.processors[processor].dpcs;
    if (queue.length >= DPC_QUEUE_LIMIT) {
      throw new NdisboxError(
        'DPC_QUEUE_FULL',
        `${DPC_QUEUE_LIMIT} DPCs wait on processor ${processor}; let it run below DISPATCH_LEVEL or use fewer KDPCs`,
      );
    }
    if (first) queue.unshift(address);
    else queue.push(address);
  }

  /** Runs the DPCs of the current processor; called where its IRQL drops below DISPATCH_LEVEL. */
  drainDpcs(): void {
    const processor = this.#current;
    while (processor.irql < DISPATCH_LEVEL && processor.dpcs.length > 0 && !processor.dpcActive) {
      this.#runDpcOn(processor);
      // The driver that lowered the IRQL must not go on in a stopped machine.
      if (this.#kernel.stopReason !== null) this.#kernel.refuse();
    }
  }

  /** Takes a DPC out of the queue of a processor; false if it is not there. */
  removeDpc(address: Address, processor: number): boolean {
    const queue = this.processors[processor].dpcs;
    const index = queue.indexOf(address);
    if (index < 0) return false;
    queue.splice(index, 1);
    return true;
  }

  /** Runs every DPC that is queued now, on all processors, before it returns. The caller runs below DISPATCH_LEVEL. */
  flushDpcs(): void {
    const caller = this.#current;
    for (const processor of this.processors) {
      const queued = new Set(processor.dpcs);
      for (const address of queued) {
        if (
          processor.dpcActive ||
          processor.irql >= DISPATCH_LEVEL ||
          !this.removeDpc(address, processor.number)
        )
          continue;
        processor.dpcs.unshift(address);
        this.#current = processor;
        this.#runDpcOn(processor);
        this.#current = caller;
        if (this.#kernel.stopReason !== null) this.#kernel.refuse();
      }
    }
  }

  /**
   * A place where another processor may run: called by the seam at the DDI calls of TypeScript code. Runs one DPC of
   * another processor to completion, nested, when the seed says so and the caller holds no spin lock.
   */
  preemptionPoint(): void {
    if (this.processors.length === 1 || this.#current.spinLocksHeld > 0) return;
    for (const other of this.processors) {
      if (
        other === this.#current ||
        other.dpcActive ||
        other.irql >= DISPATCH_LEVEL ||
        other.dpcs.length === 0
      )
        continue;
      if (!this.#kernel.random.chance(1, 2)) continue;
      const interrupted = this.#current;
      this.#current = other;
      this.#runDpcOn(other);
      this.#current = interrupted;
      return;
    }
  }

  /** Runs `action` on another processor at `irql`, as an interrupt of it, and gives what it returned. */
  runOn<R>(processor: Processor, irql: number, action: () => R): R {
    const interrupted = this.#current;
    const before = processor.irql;
    this.#current = processor;
    processor.irql = irql;
    try {
      return action();
    } finally {
      processor.irql = before;
      this.#current = interrupted;
    }
  }

  /** Moves the running thread to a processor that its affinity allows, if it is on another. */
  applyAffinity(): void {
    const from = this.#current;
    const { thread } = from;
    if (thread === null || thread.affinity === null || (thread.affinity >> BigInt(from.number)) & 1n) return;
    const to = this.#chooseProcessor(thread);
    to.thread = thread;
    to.irql = from.irql;
    from.thread = null;
    from.irql = PASSIVE_LEVEL;
    this.#current = to;
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
    const thread = this.#current.thread;
    if (this.#kernel.stopReason !== null) this.#kernel.refuse();
    if (thread === null) {
      throw new NdisboxError(
        'NO_THREAD',
        `${what} was called outside of any driver thread; call it from a handler`,
      );
    }
    if (this.#current.dpcActive) {
      throw new NdisboxError(
        'WAIT_IN_DPC',
        `${what} may have to wait and was called from a DPC on processor ${this.#current.number}; queue a work item`,
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

  #runDpc(): boolean {
    const candidates = this.processors.filter(
      (p) => p.dpcs.length > 0 && !p.dpcActive && p.irql < DISPATCH_LEVEL,
    );
    if (candidates.length === 0) return false;
    const chosen =
      candidates.length === 1 ? candidates[0] : candidates[this.#kernel.random.below(candidates.length)];
    this.#current = chosen;
    this.#runDpcOn(chosen);
    return true;
  }

  #runDpcOn(processor: Processor): void {
    const address = processor.dpcs.shift();
    if (address === undefined) return;
    const before = processor.irql;
    processor.irql = DISPATCH_LEVEL;
    processor.dpcActive = true;
    try {
      if (++processor.dpcChain > DPC_CHAIN_LIMIT) this.#reportDpcChain(processor, address);
      this.#kernel.runDpc(address);
    } catch (error) {
      this.#kernel.stopForError(error, `a DPC on processor ${processor.number}`);
    }
    processor.dpcActive = false;
    processor.irql = before;
  }

  /** Counts from 0 again if time went on since the chain began, else stops the machine. */
  #reportDpcChain(processor: Processor, address: Address): void {
    const { now } = this.#kernel.clock;
    processor.dpcChain = 0;
    if (now !== this.#chainBegan) {
      this.#chainBegan = now;
      return;
    }
    this.#kernel.bugCheck(
      DPC_WATCHDOG_VIOLATION,
      [1, DPC_CHAIN_LIMIT, DPC_CHAIN_LIMIT, address],
      `processor ${processor.number} ran ${DPC_CHAIN_LIMIT} DPCs in a row while no time passed; ` +
        `a DPC (now 0x${address.toString(16)}) queues itself for ever`,
    );
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
    this.#current = this.#chooseProcessor(thread);
    const processor = this.#current;
    processor.dpcChain = 0;
    processor.thread = thread;
    processor.irql = thread.irql;
    thread.state = 'running';
    this.#kernel.emit({ kind: 'resume', status: thread.result });
    this.#drive(thread);
    if (thread.state === 'running') await this.#awaitToken(thread);
    // Its affinity may have moved it.
    const last = this.processors.find((p) => p.thread === thread) ?? processor;
    thread.irql = last.irql;
    last.irql = PASSIVE_LEVEL;
    last.thread = null;
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

  /** Runs the frames of a thread above `floor` until it waits, is handed to TypeScript, or is over. */
  #drive(thread: Thread, floor = 0): void {
    try {
      for (let steps = 0; thread.frames.length > floor; steps++) {
        const frame = thread.frames[thread.frames.length - 1];
        if (frame.kind === 'typescript') return;
        if (steps >= STEPS_PER_TURN && floor === 0 && this.#current.irql < DISPATCH_LEVEL) {
          thread.state = 'ready';
          this.#ready.push(thread);
          this.#returnToken();
          return;
        }
        const state = frame.procedure.states[frame.state];
        if (!this.#advance(thread, frame, state(frame.context, frame.locals, step, thread.result))) return;
      }
      if (thread.frames.length === 0) this.#finish(thread);
    } catch (error) {
      this.#kernel.stopForError(error, `thread ${thread.id} (${thread.name})`);
      this.#returnToken();
      if (floor > 0) throw error;
    }
  }

  /** Does what a state asked for; false when the thread cannot go on now. */
  #advance(thread: Thread, frame: Frame, asked: StepResult): boolean {
    switch (asked.kind) {
      case 'done': {
        thread.frames.pop();
        thread.result = asked.value;
        if (frame.settle === null) return true;
        const below = thread.frames[thread.frames.length - 1];
        thread.inTypeScript = below !== undefined && below.kind === 'typescript';
        frame.settle(asked.value);
        return !thread.inTypeScript;
      }
      case 'run':
        frame.state = asked.next;
        thread.frames.push(asked.frame);
        return true;
      case 'wait':
        frame.state = asked.next;
        return this.#wait(thread, asked.request);
      case 'call':
        frame.state = asked.next;
        return this.#call(thread, asked.callback.invoke as (...args: readonly unknown[]) => unknown, asked);
    }
  }

  #call(
    thread: Thread,
    invoke: (...args: readonly unknown[]) => unknown,
    asked: StepResult & { kind: 'call' },
  ): boolean {
    const name = `${asked.callback.declaration.role} of ${asked.callback.driver.name}`;
    const activation = { kind: 'typescript', name } as const;
    thread.frames.push(activation);
    thread.inTypeScript = true;
    const value = invoke(...asked.args);
    if (value instanceof Promise) {
      if (asked.callback.declaration.waits === 'never') {
        throw new NdisboxError(
          'ASYNC_HANDLER',
          `${name} returned a promise, but it may not wait; make it synchronous`,
        );
      }
      value.then(
        (settled: unknown) => this.#returned(thread, activation, settled),
        (error: unknown) => {
          this.#kernel.stopForError(error, name);
          this.#returnToken();
        },
      );
      return false;
    }
    this.#leave(thread, activation, value);
    return true;
  }

  /** A TypeScript handler is over: what it called must be over too. */
  #leave(thread: Thread, activation: TypeScriptActivation, value: unknown): void {
    const top = thread.frames.pop();
    if (top !== activation) {
      const pending = top?.kind === 'procedure' ? top.procedure.name : 'a call';
      throw new NdisboxError(
        'NOT_AWAITED',
        `${activation.name} returned before ${pending} was finished; await that call`,
      );
    }
    thread.inTypeScript = false;
    thread.result = typeof value === 'number' ? value : Number(value === true);
  }

  /** A promise of a TypeScript handler settled: its thread goes on. */
  #returned(thread: Thread, activation: TypeScriptActivation, value: unknown): void {
    if (this.#kernel.stopReason !== null) return this.#returnToken();
    try {
      this.#leave(thread, activation, value);
    } catch (error) {
      this.#kernel.stopForError(error, activation.name);
      return this.#returnToken();
    }
    this.#drive(thread);
  }

  #wait(thread: Thread, request: WaitRequest): boolean {
    const status = this.waits.begin(thread, request);
    if (status !== null) {
      thread.result = status;
      return true;
    }
    thread.state = 'waiting';
    this.#returnToken();
    return false;
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
