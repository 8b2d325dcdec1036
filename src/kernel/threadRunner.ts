/**
 * Running the frames of one thread: steps of procedures, handlers of TypeScript drivers, waits. It keeps no state but
 * in the thread, so that a thread can be suspended between any two steps.
 * Implements decision 4 of the design; see docs/decisions/0001-control-passing.md.
 */

import { NdisboxError } from './errors.ts';
import type { Kernel } from './kernel.ts';
import { type Frame, type StepResult, step, type WaitRequest } from './procedure.ts';
import { RaisedStatusError } from './raisedStatus.ts';
import type { Thread, TypeScriptActivation } from './thread.ts';

/** Steps of one thread between two looks at other work; a thread that goes on longer is preempted at a step. */
const STEPS_PER_TURN = 10_000;

/** What the driver of a thread asks of the scheduler. */
export interface ThreadHost {
  /** Begins a wait: the status when it is over at once, null when the thread has to wait. */
  readonly beginWait: (thread: Thread, request: WaitRequest) => number | null;
  /** Whether the thread may be preempted now. */
  readonly mayPreempt: () => boolean;
  /** The thread goes on in a later turn. */
  readonly requeue: (thread: Thread) => void;
  /** The thread does not hold the token any more. */
  readonly returnToken: () => void;
  /** The thread is over. */
  readonly finish: (thread: Thread) => void;
}

export class ThreadRunner {
  readonly #kernel: Kernel;
  readonly #host: ThreadHost;

  constructor(kernel: Kernel, host: ThreadHost) {
    this.#kernel = kernel;
    this.#host = host;
  }

  /** Runs the frames of a thread until it waits, is handed to TypeScript, or is over. */
  drive(thread: Thread): void {
    try {
      for (let steps = 0; thread.frames.length > 0; steps++) {
        const frame = thread.frames[thread.frames.length - 1];
        if (frame.kind === 'typescript') return;
        if (steps >= STEPS_PER_TURN && this.#host.mayPreempt()) {
          this.#host.requeue(thread);
          this.#host.returnToken();
          return;
        }
        const state = frame.procedure.states[frame.state];
        if (!this.#advance(thread, frame, state(frame.context, frame.locals, step, thread.result))) return;
      }
      this.#host.finish(thread);
    } catch (error) {
      this.#raised(thread, error, `thread ${thread.id} (${thread.name})`);
    }
  }

  /**
   * Something was thrown that nobody in the frames above has caught. A raised status goes on to whoever awaits a
   * procedure further down; what that procedure and those above it had begun stays as it is, as in Windows, where
   * the library has no handlers. Everything else, and what nobody awaits, stops the machine.
   */
  #raised(thread: Thread, error: unknown, where: string): void {
    const { frames } = thread;
    const index = frames.findLastIndex((frame) => frame.kind === 'procedure' && frame.fail !== null);
    const awaited = frames[index];
    if (!(error instanceof RaisedStatusError) || awaited?.kind !== 'procedure' || awaited.fail === null) {
      this.#kernel.stopForError(error, where);
      this.#host.returnToken();
      return;
    }
    frames.length = index;
    // Handlers that count themselves while they run are gone without having said so.
    this.#kernel.synchronousDepth = 0;
    thread.inTypeScript = frames.at(-1)?.kind === 'typescript';
    awaited.fail(error);
    if (!thread.inTypeScript) this.drive(thread);
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
      case 'yield':
        frame.state = asked.next;
        thread.result = 0;
        this.#host.requeue(thread);
        this.#host.returnToken();
        return false;
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
        (error: unknown) => this.#raised(thread, error, name),
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
    if (this.#kernel.stopReason !== null) return this.#host.returnToken();
    try {
      this.#leave(thread, activation, value);
    } catch (error) {
      return this.#raised(thread, error, activation.name);
    }
    this.drive(thread);
  }

  #wait(thread: Thread, request: WaitRequest): boolean {
    const status = this.#host.beginWait(thread, request);
    if (status !== null) {
      thread.result = status;
      return true;
    }
    thread.state = 'waiting';
    this.#host.returnToken();
    return false;
  }
}
