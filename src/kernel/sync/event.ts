/**
 * Event objects: a KEVENT in kernel memory.
 * Implements "Event Objects" (windows-driver-docs-pr/kernel) and KeInitializeEvent, KeSetEvent and their kin (wdm).
 */

import type { Address } from '../../memory/index.ts';
import { declareFunction } from '../declaration.ts';
import { DISPATCHER_SIGNAL_STATE, DispatcherType, initializeDispatcherHeader } from '../dispatcherObjects.ts';
import type { Pointer } from '../edge.ts';
import { KEVENT } from '../generated/structures/common.ts';
import type { Kernel } from '../kernel.ts';

/** Makes the KEVENT at `event`. `synchronization`: one wait takes the signal; else it stays until it is reset. */
export function initializeEvent(
  kernel: Kernel,
  event: Address,
  synchronization: boolean,
  signaled: boolean,
): void {
  const type = synchronization ? DispatcherType.synchronizationEvent : DispatcherType.notificationEvent;
  initializeDispatcherHeader(kernel, event, type, KEVENT.size, signaled ? 1 : 0);
}

/** Signals an event; returns the state before. IRQL <= DISPATCH_LEVEL. */
export function setEvent(kernel: Kernel, event: Address): number {
  const index = (event + DISPATCHER_SIGNAL_STATE) >> 2;
  const { i32 } = kernel.memory;
  const before = i32[index];
  i32[index] = 1;
  if (before <= 0) kernel.scheduler.waits.signaled(event);
  return before;
}

/** Makes an event not-signaled; returns the state before. IRQL <= DISPATCH_LEVEL. */
export function resetEvent(kernel: Kernel, event: Address): number {
  const index = (event + DISPATCHER_SIGNAL_STATE) >> 2;
  const { i32 } = kernel.memory;
  const before = i32[index];
  i32[index] = 0;
  return before;
}

/** The state of an event: nonzero while it is signaled. */
export function readStateEvent(kernel: Kernel, event: Address): number {
  return kernel.memory.i32[(event + DISPATCHER_SIGNAL_STATE) >> 2];
}

/**
 * Makes an event object: `Type` 0 a notification event, 1 a synchronization event. Any IRQL.
 * wdm/nf-wdm-keinitializeevent
 */
export const KeInitializeEvent = declareFunction('ntoskrnl', {
  prototype: 'VOID KeInitializeEvent(PKEVENT Event, EVENT_TYPE Type, BOOLEAN State)',
  irql: 'any',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-keinitializeevent',
  implement: (kernel: Kernel) => (Event: Pointer<KEVENT>, Type: number, State: boolean) =>
    initializeEvent(kernel, Event, Type === 1, Boolean(State)),
});

/**
 * Signals an event and returns its state before. `Wait` is accepted: a driver thread is not preempted before its
 * next wait. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-kesetevent
 */
export const KeSetEvent = declareFunction('ntoskrnl', {
  prototype: 'LONG KeSetEvent(PKEVENT Event, KPRIORITY Increment, BOOLEAN Wait)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-kesetevent',
  implement: (kernel: Kernel) => (Event: Pointer<KEVENT>, _Increment: number, _Wait: boolean) =>
    setEvent(kernel, Event),
});

/** Makes an event not-signaled and returns its state before. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-keresetevent */
export const KeResetEvent = declareFunction('ntoskrnl', {
  prototype: 'LONG KeResetEvent(PKEVENT Event)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-keresetevent',
  implement: (kernel: Kernel) => (Event: Pointer<KEVENT>) => resetEvent(kernel, Event),
});

/** Makes an event not-signaled. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-keclearevent */
export const KeClearEvent = declareFunction('ntoskrnl', {
  prototype: 'VOID KeClearEvent(PKEVENT Event)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-keclearevent',
  implement: (kernel: Kernel) => (Event: Pointer<KEVENT>) => {
    resetEvent(kernel, Event);
  },
});

/** The state of an event: nonzero while it is signaled. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-kereadstateevent */
export const KeReadStateEvent = declareFunction('ntoskrnl', {
  prototype: 'LONG KeReadStateEvent(PKEVENT Event)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-kereadstateevent',
  implement: (kernel: Kernel) => (Event: Pointer<KEVENT>) => readStateEvent(kernel, Event),
});

/**
 * Wakes who waits now (one thread for a synchronization event), then leaves the event not-signaled. Returns the
 * state before. IRQL <= DISPATCH_LEVEL. ntddk/nf-ntddk-kepulseevent
 */
export const KePulseEvent = declareFunction('ntoskrnl', {
  prototype: 'LONG KePulseEvent(PKEVENT Event, KPRIORITY Increment, BOOLEAN Wait)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'ntddk/nf-ntddk-kepulseevent',
  implement: (kernel: Kernel) => (Event: Pointer<KEVENT>, _Increment: number, _Wait: boolean) => {
    const before = setEvent(kernel, Event);
    resetEvent(kernel, Event);
    return before;
  },
});
