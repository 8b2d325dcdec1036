import { describe, expect, test } from 'vitest';
import { bugCheckOf, syncMachine as machine } from '../../../test/support/syncMachine.ts';

const A = 0x10_0000;
const B = 0x10_0100;
const C = 0x10_0200;
const DPC = 0x10_0300;
const BLOCKS = 0x10_0500;

describe.each([1, 2, 4])('synchronization with %i processors', (processors) => {
  describe('IRQL', () => {
    test('raising returns the level before, lowering goes back to it (wdm/nf-wdm-keraiseirql)', async () => {
      const m = machine(processors);
      await m.run(() => {
        m.imports.KeRaiseIrql(2, A);
        expect(m.kernel.memory.u8[A]).toBe(0);
        expect(m.imports.KfRaiseIrql(5)).toBe(2);
        expect(m.imports.KeGetCurrentIrql()).toBe(5);
        m.imports.KeLowerIrql(2);
        m.imports.KfLowerIrql(0);
        expect(m.imports.KeRaiseIrqlToDpcLevel()).toBe(0);
        m.imports.KeLowerIrql(0);
      });
    });

    test('raising to a lower level is IRQL_NOT_GREATER_OR_EQUAL (wdm/nf-wdm-keraiseirql)', async () => {
      const m = machine(processors);
      const run = m.run(() => {
        m.imports.KfRaiseIrql(5);
        m.imports.KfRaiseIrql(2);
      });
      expect(await bugCheckOf(run)).toBe(0x9);
    });

    test('lowering to a higher level is IRQL_NOT_LESS_OR_EQUAL (wdm/nf-wdm-kelowerirql)', async () => {
      const m = machine(processors);
      expect(await bugCheckOf(m.run(() => m.imports.KeLowerIrql(2)))).toBe(0xa);
    });

    test('lowering below DISPATCH_LEVEL with a spin lock held is a finding (wdm/nf-wdm-kelowerirql)', async () => {
      const m = machine(processors);
      await m.run(() => {
        m.imports.KeInitializeSpinLock(A);
        m.imports.KeAcquireSpinLockRaiseToDpc(A);
        m.imports.KeLowerIrql(0);
        m.imports.KeRaiseIrqlToDpcLevel();
        m.imports.KeReleaseSpinLock(A, 0);
      });
      expect(m.kernel.findings.map((f) => f.code)).toEqual(['IRQL_LOWERED_WITH_SPIN_LOCK']);
    });
  });

  describe('spin locks', () => {
    test('acquiring raises to DISPATCH_LEVEL and releasing restores (wdm/nf-wdm-keacquirespinlock)', async () => {
      const m = machine(processors);
      await m.run(() => {
        m.imports.KeInitializeSpinLock(A);
        m.imports.KeAcquireSpinLock(A, B);
        expect([m.kernel.memory.u8[B], m.imports.KeGetCurrentIrql()]).toEqual([0, 2]);
        expect(m.imports.KeTestSpinLock(A)).toBe(0);
        expect(m.imports.KeTryToAcquireSpinLockAtDpcLevel(A)).toBe(0);
        m.imports.KeReleaseSpinLock(A, 0);
        expect(m.imports.KeGetCurrentIrql()).toBe(0);
        expect(m.imports.KeAcquireSpinLockForDpc(A)).toBe(0);
        m.imports.KeReleaseSpinLockFromDpcLevel(A);
        expect(m.imports.KeTestSpinLock(A)).toBe(1);
        expect(m.imports.KeTryToAcquireSpinLockAtDpcLevel(A)).toBe(1);
        m.imports.KeReleaseSpinLockForDpc(A, 0);
        expect(m.kernel.scheduler.processor.spinLocksHeld).toBe(0);
      });
      expect(m.kernel.findings).toEqual([]);
    });

    test('acquiring twice on one processor is SPIN_LOCK_ALREADY_OWNED (wdm/nf-wdm-keacquirespinlockatdpclevel)', async () => {
      const m = machine(processors);
      const run = m.run(() => {
        m.imports.KeInitializeSpinLock(A);
        m.imports.KeAcquireSpinLockRaiseToDpc(A);
        m.imports.KeAcquireSpinLockAtDpcLevel(A);
      });
      expect(await bugCheckOf(run)).toBe(0xf);
    });

    test('releasing what is not held is SPIN_LOCK_NOT_OWNED (wdm/nf-wdm-kereleasespinlock)', async () => {
      const m = machine(processors);
      const run = m.run(() => {
        m.imports.KeInitializeSpinLock(A);
        m.imports.KeRaiseIrqlToDpcLevel();
        m.imports.KeReleaseSpinLock(A, 0);
      });
      expect(await bugCheckOf(run)).toBe(0x10);
    });

    test('a DPC that returns with a spin lock held is a finding (wdm/nc-wdm-kdeferred_routine)', async () => {
      const m = machine(processors);
      await m.run(() => {
        m.imports.KeInitializeSpinLock(A);
        m.imports.KeInitializeDpc(DPC, () => m.imports.KeAcquireSpinLockAtDpcLevel(A), null);
        m.imports.KeInsertQueueDpc(DPC, null, null);
      });
      expect(m.kernel.findings.map((f) => f.code)).toContain('SPIN_LOCK_NOT_RELEASED');
    });
  });

  describe('events', () => {
    test('a notification event stays signaled, a synchronization event serves one wait (wdm/nf-wdm-keinitializeevent)', async () => {
      const m = machine(processors);
      await m.run(async () => {
        m.imports.KeInitializeEvent(A, 0, false);
        m.imports.KeInitializeEvent(B, 1, true);
        expect(m.imports.KeSetEvent(A, 0, false)).toBe(0);
        expect(m.imports.KeSetEvent(A, 0, false)).not.toBe(0);
        expect(await m.imports.KeWaitForSingleObject(A, 0, 0, false, null)).toBe(0);
        expect(m.imports.KeReadStateEvent(A)).not.toBe(0);
        expect(m.imports.KeResetEvent(A)).not.toBe(0);
        expect(m.imports.KeReadStateEvent(A)).toBe(0);
        expect(m.imports.KeWaitForSingleObject(B, 0, 0, false, m.time(0n))).toBe(0);
        expect(m.imports.KeWaitForSingleObject(B, 0, 0, false, m.time(0n))).toBe(0x102);
        m.imports.KeSetEvent(B, 0, false);
        m.imports.KeClearEvent(B);
        expect(m.imports.KeReadStateEvent(B)).toBe(0);
      });
    });

    test('setting a synchronization event wakes one waiter, a notification event all (wdm/nf-wdm-kesetevent)', async () => {
      const m = machine(processors);
      const woken: number[] = [];
      await m.run(() => {
        m.imports.KeInitializeEvent(A, 1, false);
        m.imports.KeInitializeEvent(B, 0, false);
        for (const id of [1, 2, 3]) {
          m.start(async () => {
            await m.imports.KeWaitForSingleObject(A, 0, 0, false, null);
            woken.push(id);
            await m.imports.KeWaitForSingleObject(B, 0, 0, false, null);
            woken.push(id);
          });
        }
      });
      await m.runAll();
      m.start(() => m.imports.KeSetEvent(A, 0, false));
      await m.runAll();
      expect(woken).toEqual([1]);
      m.start(() => {
        m.imports.KeSetEvent(B, 0, false);
        m.imports.KeSetEvent(A, 0, false);
        m.imports.KeSetEvent(A, 0, false);
      });
      await m.runAll();
      expect(woken.toSorted((a, b) => a - b)).toEqual([1, 1, 2, 2, 3, 3]);
    });

    test('pulsing wakes who waits and leaves the event not signaled (ntddk/nf-ntddk-kepulseevent)', async () => {
      const m = machine(processors);
      const woken: number[] = [];
      m.start(() => m.imports.KeInitializeEvent(A, 0, false));
      await m.runAll();
      for (const id of [1, 2]) {
        m.start(async () => {
          await m.imports.KeWaitForSingleObject(A, 0, 0, false, null);
          woken.push(id);
        });
      }
      await m.runAll();
      await m.run(() => {
        expect(m.imports.KePulseEvent(A, 0, false)).toBe(0);
        expect(m.imports.KeReadStateEvent(A)).toBe(0);
      });
      await m.runAll();
      expect(woken.toSorted((a, b) => a - b)).toEqual([1, 2]);
    });
  });

  describe('waits', () => {
    test('a wait times out after its interval, relative or absolute (wdm/nf-wdm-kewaitforsingleobject)', async () => {
      const m = machine(processors);
      await m.run(async () => {
        m.imports.KeInitializeEvent(A, 0, false);
        const before = m.kernel.clock.now;
        expect(await m.imports.KeWaitForSingleObject(A, 0, 0, false, m.time(-50_000n))).toBe(0x102);
        expect(m.kernel.clock.now - before).toBe(50_000);
        const until = m.kernel.clock.readSystemTime() + 70_000n;
        expect(await m.imports.KeWaitForSingleObject(A, 0, 0, false, m.time(until))).toBe(0x102);
        expect(m.kernel.clock.readSystemTime()).toBe(until + 1n);
        expect(await m.imports.KeWaitForSingleObject(A, 0, 0, false, m.time(1n))).toBe(0x102);
      });
    });

    test('waiting with a time-out at DISPATCH_LEVEL is a bug check, polling is not (wdm/nf-wdm-kewaitforsingleobject)', async () => {
      const m = machine(processors);
      const run = m.run(async () => {
        m.imports.KeInitializeEvent(A, 0, false);
        m.imports.KeRaiseIrqlToDpcLevel();
        expect(m.imports.KeWaitForSingleObject(A, 0, 0, false, m.time(0n))).toBe(0x102);
        await m.imports.KeWaitForSingleObject(A, 0, 0, false, null);
      });
      expect(await bugCheckOf(run)).toBe(0xa);
    });

    test('waiting in a DPC is ATTEMPTED_SWITCH_FROM_DPC (wdm/nf-wdm-kewaitforsingleobject)', async () => {
      const m = machine(processors);
      const run = m.run(() => {
        m.imports.KeInitializeEvent(A, 0, false);
        m.imports.KeInitializeDpc(
          DPC,
          () => void m.imports.KeWaitForSingleObject(A, 0, 0, false, null),
          null,
        );
        m.imports.KeInsertQueueDpc(DPC, null, null);
      });
      expect(await bugCheckOf(run)).toBe(0xb8);
    });

    test('WaitAny gives the index, WaitAll takes all at once (wdm/nf-wdm-kewaitformultipleobjects)', async () => {
      const m = machine(processors);
      await m.run(async () => {
        m.imports.KeInitializeEvent(A, 1, false);
        m.imports.KeInitializeEvent(B, 1, true);
        m.imports.KeInitializeEvent(C, 1, false);
        const objects = [A, B, C];
        const zero = m.time(0n);
        expect(m.imports.KeWaitForMultipleObjects(3, objects, 0, 0, 0, false, zero, null)).toBe(0x102);
        expect(m.imports.KeReadStateEvent(B)).not.toBe(0);
        expect(await m.imports.KeWaitForMultipleObjects(3, objects, 1, 0, 0, false, null, null)).toBe(1);
        for (const event of objects) m.imports.KeSetEvent(event, 0, false);
        expect(await m.imports.KeWaitForMultipleObjects(3, objects, 0, 0, 0, false, null, null)).toBe(0);
        for (const event of objects) expect(m.imports.KeReadStateEvent(event)).toBe(0);
      });
      expect(m.kernel.memory.objects.size).toBeLessThan(4);
    });

    test('an array in memory serves as well, up to 64 objects with a WaitBlockArray (wdm/nf-wdm-kewaitformultipleobjects)', async () => {
      const m = machine(processors);
      await m.run(async () => {
        const { memory } = m.kernel;
        const events = 0x11_0000;
        for (let i = 0; i < 64; i++) {
          m.imports.KeInitializeEvent(events + 32 * i, 0, i === 63);
          memory.writePointer(BLOCKS + 8 * i, events + 32 * i);
        }
        expect(await m.imports.KeWaitForMultipleObjects(64, BLOCKS, 1, 0, 0, false, null, 0x12_0000)).toBe(
          63,
        );
      });
    });

    test('more than 3 objects without a WaitBlockArray are MAXIMUM_WAIT_OBJECTS_EXCEEDED (wdm/nf-wdm-kewaitformultipleobjects)', async () => {
      const m = machine(processors);
      const run = m.run(async () => {
        await m.imports.KeWaitForMultipleObjects(4, [A, A, A, A], 1, 0, 0, false, null, null);
      });
      expect(await bugCheckOf(run)).toBe(0xc);
    });

    test('a delay lasts as long as asked (wdm/nf-wdm-kedelayexecutionthread)', async () => {
      const m = machine(processors);
      await m.run(async () => {
        const before = m.kernel.clock.now;
        expect(await m.imports.KeDelayExecutionThread(0, false, m.time(-123_456n))).toBe(0);
        expect(m.kernel.clock.now - before).toBe(123_456);
        expect(await m.imports.KeDelayExecutionThread(0, false, m.time(0n))).toBe(0);
      });
    });
  });

  describe('mutexes', () => {
    test('the owner may take it again; it is free after as many releases (wdm/nf-wdm-kereleasemutex)', async () => {
      const m = machine(processors);
      await m.run(async () => {
        m.imports.KeInitializeMutex(A, 0);
        expect(m.imports.KeReadStateMutex(A)).toBe(1);
        await m.imports.KeWaitForSingleObject(A, 0, 0, false, null);
        await m.imports.KeWaitForSingleObject(A, 0, 0, false, null);
        expect(m.imports.KeReadStateMutex(A)).toBe(-1);
        expect(m.imports.KeReleaseMutex(A, false)).not.toBe(0);
        expect(m.imports.KeReleaseMutex(A, false)).toBe(0);
        expect(m.imports.KeReadStateMutex(A)).toBe(1);
      });
    });

    test('releasing what another thread owns raises STATUS_MUTANT_NOT_OWNED (wdm/nf-wdm-kereleasemutex)', async () => {
      const m = machine(processors);
      await m.run(() => {
        m.imports.KeInitializeMutex(A, 0);
        expect(() => m.imports.KeReleaseMutex(A, false)).toThrow(/STATUS_MUTANT_NOT_OWNED/);
      });
    });

    test('a mutex taken too often raises STATUS_MUTANT_LIMIT_EXCEEDED (wdm/nf-wdm-kewaitforsingleobject)', async () => {
      const m = machine(processors);
      await m.run(async () => {
        m.imports.KeInitializeMutex(A, 0);
        await m.imports.KeWaitForSingleObject(A, 0, 0, false, null);
        m.kernel.memory.i32[(A + 4) >> 2] = -0x8000_0000;
        const zero = m.time(0n);
        expect(() => m.imports.KeWaitForSingleObject(A, 0, 0, false, zero)).toThrow(
          /STATUS_MUTANT_LIMIT_EXCEEDED/,
        );
        m.kernel.memory.i32[(A + 4) >> 2] = 0;
        m.imports.KeReleaseMutex(A, false);
      });
    });

    test('a thread that ends with a mutex stops the machine (wdm/nf-wdm-keinitializemutex)', async () => {
      const m = machine(processors);
      m.start(async () => {
        m.imports.KeInitializeMutex(A, 0);
        await m.imports.KeWaitForSingleObject(A, 0, 0, false, null);
      });
      await expect(m.runAll()).rejects.toMatchObject({
        bugCheckCode: 0x4000008a,
        parameters: [expect.any(Number), A, 0, 0],
      });
    });

    test('the mutant of a thread that ended is abandoned: the next owner is told (wdm/nf-wdm-kewaitformultipleobjects)', async () => {
      const m = machine(processors);
      m.start(async () => {
        m.imports.KeInitializeMutex(A, 0);
        // A mutant of a program does not disable APCs.
        m.kernel.memory.u8[A + 49] = 0;
        await m.imports.KeWaitForSingleObject(A, 0, 0, false, null);
      });
      await m.runAll();
      const status = await m.run(() =>
        m.imports.KeWaitForMultipleObjects(2, [A, A], 1, 0, 0, false, null, null),
      );
      expect(status).toBe(0x80);
      expect(m.kernel.findings.map((f) => f.code)).toContain('MUTEX_ABANDONED');
    });
  });

  describe('semaphores', () => {
    test('each wait takes one, releasing gives back up to the limit (wdm/nf-wdm-kereleasesemaphore)', async () => {
      const m = machine(processors);
      await m.run(async () => {
        m.imports.KeInitializeSemaphore(A, 1, 2);
        await m.imports.KeWaitForSingleObject(A, 0, 0, false, null);
        expect(m.imports.KeWaitForSingleObject(A, 0, 0, false, m.time(0n))).toBe(0x102);
        expect(m.imports.KeReleaseSemaphore(A, 0, 2, false)).toBe(0);
        expect(m.imports.KeReadStateSemaphore(A)).toBe(2);
      });
    });

    test('beyond the limit STATUS_SEMAPHORE_LIMIT_EXCEEDED is raised and nothing added (wdm/nf-wdm-kereleasesemaphore)', async () => {
      const m = machine(processors);
      await m.run(() => {
        m.imports.KeInitializeSemaphore(A, 1, 2);
        expect(() => m.imports.KeReleaseSemaphore(A, 0, 2, false)).toThrow(/STATUS_SEMAPHORE_LIMIT_EXCEEDED/);
        expect(m.imports.KeReadStateSemaphore(A)).toBe(1);
      });
    });
  });
});
