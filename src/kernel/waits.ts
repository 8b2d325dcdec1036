/**
 * Waits of threads for dispatcher objects, one or many, with time-outs.
 * Implements KeWaitForSingleObject, KeWaitForMultipleObjects and KeDelayExecutionThread (wdm) for the scheduler.
 */

import { type Address, OBJECT_RANGE_START } from '../memory/index.ts';
import {
  DISPATCHER_TYPE,
  type DispatcherBehaviour,
  dispatcherBehaviours,
  namedBehaviours,
} from './dispatcherObjects.ts';
import { NdisboxError } from './errors.ts';
import { STATUS_ABANDONED_WAIT_0, STATUS_TIMEOUT, STATUS_WAIT_0 } from './generated/constants/ntstatus.ts';
import type { Kernel } from './kernel.ts';
import type { WaitRequest } from './procedure.ts';
import type { Thread } from './thread.ts';
import { WaitableObject } from './waitableObject.ts';

export class WaitTable {
  readonly #kernel: Kernel;
  readonly #wake: (thread: Thread, status: number) => void;
  /** Threads that wait for an object, in order of arrival. */
  readonly #waiters = new Map<Address, Thread[]>();

  constructor(kernel: Kernel, wake: (thread: Thread, status: number) => void) {
    this.#kernel = kernel;
    this.#wake = wake;
  }

  /** Starts a wait: the status when it is satisfied or times out at once, null when the thread has to wait. */
  begin(thread: Thread, request: WaitRequest): number | null {
    const status = this.#trySatisfy(thread, request);
    if (status !== null) return status;
    if (request.timeout === 0) return STATUS_TIMEOUT;
    const due = request.timeout === null ? null : this.#kernel.clock.now + request.timeout;
    const timers = this.#kernel.clock.timers;
    const timer = due === null ? 0 : timers.add(due, { kind: 'waitTimeout', thread: thread.id });
    thread.wait = { request, due, timer };
    for (const object of request.objects) {
      const queue = this.#waiters.get(object);
      if (queue === undefined) this.#waiters.set(object, [thread]);
      else queue.push(thread);
    }
    this.#kernel.emit({ kind: 'wait', reason: request.reason, objects: request.objects });
    return null;
  }

  /** Tries a wait once, for a caller that cannot wait: the status, STATUS_TIMEOUT if it is not satisfied. */
  poll(thread: Thread | null, request: WaitRequest): number {
    if (request.timeout !== 0) {
      throw new NdisboxError('UNEXPECTED_WAIT', `${request.reason} had to wait where its caller cannot`);
    }
    return this.#trySatisfy(thread, request) ?? STATUS_TIMEOUT;
  }

  /** An object may have become signaled: wakes those whose wait it satisfies, first come first served. */
  signaled(object: Address): void {
    const queue = this.#waiters.get(object);
    if (queue === undefined) return;
    for (const thread of queue.slice()) {
      if (thread.wait === null) continue;
      const status = this.#trySatisfy(thread, thread.wait.request);
      if (status !== null) this.#end(thread, status);
    }
  }

  /** The time of a wait is over. */
  timeOut(thread: Thread): void {
    if (thread.wait === null) return;
    this.#end(thread, thread.wait.request.objects.length === 0 ? 0 : STATUS_TIMEOUT);
  }

  /** Whether a thread that waits under the name `as` stands before `thread` (anywhere, if that does not wait). */
  isBehind(object: Address, thread: Thread | null, as: string): boolean {
    for (const waiter of this.#waiters.get(object) ?? []) {
      if (waiter === thread) return false;
      if (waiter.wait?.request.as === as) return true;
    }
    return false;
  }

  /** How many threads wait for an object under a name. */
  waiterCountAs(object: Address, as: string): number {
    return (this.#waiters.get(object) ?? []).filter((waiter) => waiter.wait?.request.as === as).length;
  }

  /** How many threads wait for an object. */
  waiterCount(object: Address): number {
    return this.#waiters.get(object)?.length ?? 0;
  }

  #end(thread: Thread, status: number): void {
    const wait = thread.wait;
    if (wait === null) return;
    thread.wait = null;
    if (wait.timer !== 0) this.#kernel.clock.timers.cancel(wait.timer);
    for (const object of wait.request.objects) {
      const queue = this.#waiters.get(object);
      if (queue === undefined) continue;
      const index = queue.indexOf(thread);
      if (index >= 0) queue.splice(index, 1);
      if (queue.length === 0) this.#waiters.delete(object);
    }
    this.#wake(thread, status);
  }

  #trySatisfy(thread: Thread | null, request: WaitRequest): number | null {
    const kernel = this.#kernel;
    const { objects } = request;
    if (objects.length === 0) return null;
    if (request.type === 'all') {
      for (const object of objects)
        if (!this.#behaviour(object, request).signaled(kernel, object, thread)) return null;
      let abandoned = -1;
      for (const [index, object] of objects.entries())
        if (this.#behaviour(object, request).satisfy(kernel, object, thread) && abandoned < 0)
          abandoned = index;
      return abandoned < 0 ? STATUS_WAIT_0 : STATUS_ABANDONED_WAIT_0 + abandoned;
    }
    for (const [index, object] of objects.entries()) {
      const behaviour = this.#behaviour(object, request);
      if (!behaviour.signaled(kernel, object, thread)) continue;
      const abandoned = behaviour.satisfy(kernel, object, thread);
      return (abandoned ? STATUS_ABANDONED_WAIT_0 : STATUS_WAIT_0) + index;
    }
    return null;
  }

  #behaviour(object: Address, request: WaitRequest): DispatcherBehaviour {
    if (request.as !== undefined) {
      const named = namedBehaviours.get(request.as);
      if (named !== undefined) return named;
    }
    if (object >= OBJECT_RANGE_START) {
      const value = this.#kernel.memory.objects.valueAt(object);
      if (value instanceof WaitableObject) return value.behaviour;
    }
    const type = object >= OBJECT_RANGE_START ? -1 : this.#kernel.memory.u8[object + DISPATCHER_TYPE];
    const behaviour = dispatcherBehaviours.get(type);
    if (behaviour === undefined) {
      throw new NdisboxError(
        'NOT_A_DISPATCHER_OBJECT',
        `0x${object.toString(16)} is no dispatcher object (type ${type}); initialize it before it is waited for`,
      );
    }
    return behaviour;
  }
}
