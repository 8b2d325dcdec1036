/**
 * Spin locks as drivers import them, with and without raising the IRQL.
 * Implements KeInitializeSpinLock, KeAcquireSpinLock, KeReleaseSpinLock and their kin (wdm).
 */

import type { Address } from '../../memory/index.ts';
import { declareFunction } from '../declaration.ts';
import type { OutPointer } from '../edge.ts';
import { DISPATCH_LEVEL } from '../generated/constants/basic.ts';
import type { Kernel } from '../kernel.ts';
import {
  acquireSpinLock,
  acquireSpinLockAtDpcLevel,
  initializeSpinLock,
  releaseSpinLock,
  releaseSpinLockFromDpcLevel,
  tryAcquireSpinLockAtDpcLevel,
} from './spinLock.ts';

/** Makes the word at `SpinLock` a free spin lock. Any IRQL. wdm/nf-wdm-keinitializespinlock */
export const KeInitializeSpinLock = declareFunction('ntoskrnl', {
  prototype: 'VOID KeInitializeSpinLock(PKSPIN_LOCK SpinLock)',
  irql: 'any',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-keinitializespinlock',
  implement: (kernel: Kernel) => (SpinLock: Address) => initializeSpinLock(kernel, SpinLock),
});

/**
 * Raises to DISPATCH_LEVEL, takes the lock and stores the IRQL before in `OldIrql` (one byte). Bug check
 * SPIN_LOCK_ALREADY_OWNED when this processor holds it. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-keacquirespinlock
 */
export const KeAcquireSpinLock = declareFunction('ntoskrnl', {
  prototype: 'VOID KeAcquireSpinLock(PKSPIN_LOCK SpinLock, PKIRQL OldIrql)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-keacquirespinlock',
  inline: true,
  implement: (kernel: Kernel) => (SpinLock: Address, OldIrql: OutPointer) => {
    kernel.memory.u8[OldIrql] = acquireSpinLock(kernel, SpinLock);
  },
});

/** As KeAcquireSpinLock, but returns the IRQL before. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-keacquirespinlockraisetodpc */
export const KeAcquireSpinLockRaiseToDpc = declareFunction('ntoskrnl', {
  prototype: 'KIRQL KeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK SpinLock)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-keacquirespinlockraisetodpc',
  implement: (kernel: Kernel) => (SpinLock: Address) => acquireSpinLock(kernel, SpinLock),
});

/**
 * Gives the lock back and returns to `NewIrql`, the IRQL that the acquire gave. Bug check SPIN_LOCK_NOT_OWNED when
 * this processor does not hold it. DISPATCH_LEVEL. wdm/nf-wdm-kereleasespinlock
 */
export const KeReleaseSpinLock = declareFunction('ntoskrnl', {
  prototype: 'VOID KeReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL NewIrql)',
  irql: 'DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-kereleasespinlock',
  implement: (kernel: Kernel) => (SpinLock: Address, NewIrql: number) =>
    releaseSpinLock(kernel, SpinLock, NewIrql),
});

/** Takes the lock without changing the IRQL. IRQL >= DISPATCH_LEVEL. wdm/nf-wdm-keacquirespinlockatdpclevel */
export const KeAcquireSpinLockAtDpcLevel = declareFunction('ntoskrnl', {
  prototype: 'VOID KeAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock)',
  irql: '>=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-keacquirespinlockatdpclevel',
  implement: (kernel: Kernel) => (SpinLock: Address) => acquireSpinLockAtDpcLevel(kernel, SpinLock),
});

/** Gives the lock back without changing the IRQL. IRQL >= DISPATCH_LEVEL. wdm/nf-wdm-kereleasespinlockfromdpclevel */
export const KeReleaseSpinLockFromDpcLevel = declareFunction('ntoskrnl', {
  prototype: 'VOID KeReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock)',
  irql: '>=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-kereleasespinlockfromdpclevel',
  implement: (kernel: Kernel) => (SpinLock: Address) => releaseSpinLockFromDpcLevel(kernel, SpinLock),
});

/** Takes the lock if it is free and says whether it did. IRQL >= DISPATCH_LEVEL. wdm/nf-wdm-ketrytoacquirespinlockatdpclevel */
export const KeTryToAcquireSpinLockAtDpcLevel = declareFunction('ntoskrnl', {
  prototype: 'BOOLEAN KeTryToAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock)',
  irql: '>=DISPATCH_LEVEL',
  waits: 'never',
  since: 'Server 2003 SP1',
  page: 'wdm/nf-wdm-ketrytoacquirespinlockatdpclevel',
  implement: (kernel: Kernel) => (SpinLock: Address) =>
    tryAcquireSpinLockAtDpcLevel(kernel, SpinLock) ? 1 : 0,
});

/** TRUE while nobody holds the lock. IRQL >= DISPATCH_LEVEL. wdm/nf-wdm-ketestspinlock */
export const KeTestSpinLock = declareFunction('ntoskrnl', {
  prototype: 'BOOLEAN KeTestSpinLock(PKSPIN_LOCK SpinLock)',
  irql: '>=DISPATCH_LEVEL',
  waits: 'never',
  since: 'Server 2003',
  page: 'wdm/nf-wdm-ketestspinlock',
  implement: (kernel: Kernel) => (SpinLock: Address) => (kernel.memory.i32[SpinLock >> 2] === 0 ? 1 : 0),
});

/** For threaded DPCs, which may run at PASSIVE_LEVEL: as the RaiseToDpc form. wdm/nf-wdm-keacquirespinlockfordpc */
export const KeAcquireSpinLockForDpc = declareFunction('ntoskrnl', {
  prototype: 'KIRQL KeAcquireSpinLockForDpc(PKSPIN_LOCK SpinLock)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: 'Vista',
  page: 'wdm/nf-wdm-keacquirespinlockfordpc',
  implement: (kernel: Kernel) => (SpinLock: Address) => acquireSpinLock(kernel, SpinLock),
});

/** Releases what KeAcquireSpinLockForDpc took. DISPATCH_LEVEL. wdm/nf-wdm-kereleasespinlockfordpc */
export const KeReleaseSpinLockForDpc = declareFunction('ntoskrnl', {
  prototype: 'VOID KeReleaseSpinLockForDpc(PKSPIN_LOCK SpinLock, KIRQL OldIrql)',
  irql: 'DISPATCH_LEVEL',
  waits: 'never',
  since: 'Vista',
  page: 'wdm/nf-wdm-kereleasespinlockfordpc',
  implement: (kernel: Kernel) => (SpinLock: Address, OldIrql: number) =>
    releaseSpinLock(kernel, SpinLock, OldIrql < DISPATCH_LEVEL ? OldIrql : DISPATCH_LEVEL),
});
