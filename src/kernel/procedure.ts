/**
 * Procedures: library work that calls a driver or waits, written as named states over plain data, so that the run
 * loop can suspend it anywhere, no host frame lies between two drivers, and a snapshot can hold it.
 * Implements decisions 3, 4 and 6 of the design; see docs/decisions/0001-control-passing.md.
 */

import type { Address } from '../memory/index.ts';
import type { DriverCallback } from './callback.ts';

/** A wait of the running thread: the arguments of KeWaitForMultipleObjects. */
export interface WaitRequest {
  /** Addresses of dispatcher objects; none for a plain delay. */
  readonly objects: readonly Address[];
  readonly type: 'any' | 'all';
  /** Units of 100 ns from now; 0 polls; null waits for ever. */
  readonly timeout: number | null;
  /** Shown in traces and dumps, for example `KeWaitForSingleObject`. */
  readonly reason: string;
  /** Names the behaviour of objects that have no DISPATCHER_HEADER (locks); see `namedBehaviours`. */
  readonly as?: string;
}

/** What a state asks the run loop to do next. */
export type StepResult =
  | { readonly kind: 'done'; readonly value: number }
  | {
      readonly kind: 'call';
      readonly next: string;
      readonly callback: DriverCallback;
      readonly args: readonly unknown[];
    }
  | { readonly kind: 'run'; readonly next: string; readonly frame: Frame }
  | { readonly kind: 'wait'; readonly next: string; readonly request: WaitRequest }
  | { readonly kind: 'yield'; readonly next: string };

/** The verbs with which a state ends. `S` is the union of the state names of its procedure. */
export interface Step<S extends string> {
  /** The procedure is over; `value` goes to whoever ran it. */
  done(value: number): StepResult;
  /** Calls a driver; the state `next` receives what it returned. */
  call(next: S, callback: DriverCallback, ...args: readonly unknown[]): StepResult;
  /** Runs another procedure first; the state `next` receives its value. */
  run<C, L extends object>(next: S, procedure: Procedure<C, L>, context: C, locals: L): StepResult;
  /** Waits; the state `next` receives STATUS_SUCCESS, STATUS_WAIT_0 + n, or STATUS_TIMEOUT. */
  wait(next: S, request: WaitRequest): StepResult;
  /** Lets other threads run first; the state `next` receives 0. */
  yield(next: S): StepResult;
  /** Goes on with another state at once; it receives `result`. */
  go(next: S, result?: number): StepResult;
}

/** One state: receives the library it belongs to, its data, the verbs, and the result of what it asked for. */
export type State<C, L extends object, S extends string> = (
  context: C,
  locals: L,
  step: Step<S>,
  result: number,
) => StepResult;

/** A named set of states. `start` is the first. */
export interface Procedure<C, L extends object> {
  readonly name: string;
  // The state names are checked where the procedure is written; the run loop only looks names up.
  readonly states: Readonly<Record<string, State<C, L, string>>>;
}

/** A running procedure: plain data but for `context`, which a restored machine supplies anew. */
export interface Frame {
  readonly kind: 'procedure';
  readonly procedure: Procedure<unknown, object>;
  readonly context: unknown;
  state: string;
  readonly locals: object;
  /** Set where TypeScript awaits the procedure. */
  settle: ((value: number) => void) | null;
  /** Set with `settle`: an exception that a callback raised and nobody above handled ends the procedure. */
  fail: ((error: unknown) => void) | null;
}

/** Declares a procedure. */
export function procedure<C, L extends object, const S extends string = string>(
  name: string,
  states: Readonly<Record<S | 'start', State<C, L, S | 'start'>>>,
): Procedure<C, L> {
  // Widening the state names is safe: the run loop only passes back names that a state of this procedure gave it.
  return { name, states: states as unknown as Procedure<C, L>['states'] };
}

/** A new activation of `procedure`, about to run its state `start`. */
export function createFrame<C, L extends object>(target: Procedure<C, L>, context: C, locals: L): Frame {
  // A frame forgets the types of its procedure; `context` and `locals` go back to that same procedure only.
  const forgetful = target as unknown as Procedure<unknown, object>;
  return {
    kind: 'procedure',
    procedure: forgetful,
    context,
    state: 'start',
    locals,
    settle: null,
    fail: null,
  };
}

/** The verbs, shared by all procedures: they keep nothing. */
export const step: Step<string> = {
  done: (value) => ({ kind: 'done', value }),
  call: (next, callback, ...args) => ({ kind: 'call', next, callback, args }),
  run: (next, target, context, locals) => ({
    kind: 'run',
    next,
    frame: createFrame(target, context, locals),
  }),
  wait: (next, request) => ({ kind: 'wait', next, request }),
  yield: (next) => ({ kind: 'yield', next }),
  go: (next, result = 0) => ({ kind: 'run', next, frame: createFrame(passThrough, null, { result }) }),
};

/** Lets other threads run: what a thread does whose time slice is over. */
export const preempt: Procedure<unknown, object> = procedure('Preempt', {
  start: (_context, _locals, verbs) => verbs.yield('over'),
  over: (_context, _locals, verbs) => verbs.done(0),
});

const passThrough: Procedure<null, { result: number }> = {
  name: 'go',
  states: { start: (_context, locals, verbs) => verbs.done(locals.result) },
};
