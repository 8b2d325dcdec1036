import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bugCheckOf, syncMachine } from '../../../test/support/syncMachine.ts';

const LOCK = 0x10_0000;
const HANDLE = 0x10_0100;
const EVENT = 0x10_0200;

describe.each([1, 2, 4])('locks with %i processors', (processors) => {
  test('a queued spin lock keeps the IRQL in its handle (wdm/nf-wdm-keacquireinstackqueuedspinlock)', async () => {
    const m = syncMachine(processors);
    await m.run(() => {
      m.imports.KeInitializeSpinLock(LOCK);
      m.imports.KeAcquireInStackQueuedSpinLock(LOCK, HANDLE);
      expect(m.imports.KeGetCurrentIrql()).toBe(2);
      m.imports.KeReleaseInStackQueuedSpinLock(HANDLE);
      m.imports.KeAcquireInStackQueuedSpinLockForDpc(LOCK, HANDLE);
      m.imports.KeReleaseInStackQueuedSpinLockForDpc(HANDLE);
      expect(m.imports.KeGetCurrentIrql()).toBe(0);
      m.imports.KeRaiseIrqlToDpcLevel();
      m.imports.KeAcquireInStackQueuedSpinLockAtDpcLevel(LOCK, HANDLE);
      m.imports.KeReleaseInStackQueuedSpinLockFromDpcLevel(HANDLE);
      m.imports.KeLowerIrql(0);
    });
    const twice = syncMachine(processors);
    const run = twice.run(() => {
      twice.imports.KeAcquireInStackQueuedSpinLock(LOCK, HANDLE);
      twice.imports.KeAcquireInStackQueuedSpinLock(LOCK, HANDLE + 64);
    });
    expect(await bugCheckOf(run)).toBe(0xf);
  });

  test('readers share, a writer is alone, the only reader may become the writer (wdm/nf-wdm-extryconvertsharedspinlockexclusive)', async () => {
    const m = syncMachine(processors);
    await m.run(() => {
      expect(m.imports.ExAcquireSpinLockShared(LOCK)).toBe(0);
      m.imports.ExAcquireSpinLockSharedAtDpcLevel(LOCK);
      expect(m.imports.ExTryAcquireSpinLockSharedAtDpcLevel(LOCK)).toBe(1);
      expect(m.imports.ExTryAcquireSpinLockExclusiveAtDpcLevel(LOCK)).toBe(0);
      expect(m.imports.ExTryConvertSharedSpinLockExclusive(LOCK)).toBe(0);
      m.imports.ExReleaseSpinLockSharedFromDpcLevel(LOCK);
      m.imports.ExReleaseSpinLockSharedFromDpcLevel(LOCK);
      expect(m.imports.ExTryConvertSharedSpinLockExclusive(LOCK)).toBe(1);
      expect(m.imports.ExTryAcquireSpinLockSharedAtDpcLevel(LOCK)).toBe(0);
      m.imports.ExReleaseSpinLockExclusive(LOCK, 0);
      expect(m.imports.ExAcquireSpinLockExclusive(LOCK)).toBe(0);
      m.imports.ExReleaseSpinLockExclusiveFromDpcLevel(LOCK);
      m.imports.ExAcquireSpinLockExclusiveAtDpcLevel(LOCK);
      m.imports.ExReleaseSpinLockExclusive(LOCK, 0);
      m.imports.ExAcquireSpinLockShared(LOCK);
      m.imports.ExReleaseSpinLockShared(LOCK, 0);
      expect([m.imports.KeGetCurrentIrql(), m.kernel.memory.u32[LOCK >> 2]]).toEqual([0, 0]);
    });
    expect(m.kernel.findings).toEqual([]);
  });

  test.each([
    ['ExReleaseSpinLockShared', 0x10],
    ['ExReleaseSpinLockExclusive', 0x10],
  ] as const)(
    '%s of a lock that is not held is SPIN_LOCK_NOT_OWNED (wdm/nf-wdm-exreleasespinlockshared)',
    async (name, code) => {
      const m = syncMachine(processors);
      expect(await bugCheckOf(m.run(() => m.imports[name](LOCK, 0)))).toBe(code);
    },
  );

  test('a fast mutex is held at APC_LEVEL; others wait in order (wdm/nf-wdm-exacquirefastmutex)', async () => {
    const m = syncMachine(processors);
    const order: string[] = [];
    await m.run(() => m.imports.ExInitializeFastMutex(LOCK));
    for (const name of ['a', 'b', 'c']) {
      m.start(async () => {
        await m.imports.ExAcquireFastMutex(LOCK);
        order.push(`${name} at ${m.imports.KeGetCurrentIrql()}`);
        await m.imports.KeDelayExecutionThread(0, false, m.time(-100n));
        order.push(`${name} out`);
        expect(m.imports.ExTryToAcquireFastMutex(LOCK)).toBe(0);
        m.imports.ExReleaseFastMutex(LOCK);
        expect(m.imports.KeGetCurrentIrql()).toBe(0);
      });
    }
    await m.runAll();
    expect(order).toEqual(['a at 1', 'a out', 'b at 1', 'b out', 'c at 1', 'c out']);
    await m.run(async () => {
      expect(m.imports.ExTryToAcquireFastMutex(LOCK)).toBe(1);
      m.imports.ExReleaseFastMutex(LOCK);
      await m.imports.ExAcquireFastMutexUnsafe(LOCK);
      m.imports.ExReleaseFastMutexUnsafe(LOCK);
      m.imports.ExReleaseFastMutexUnsafe(LOCK);
    });
    expect(m.kernel.findings.map((f) => f.code)).toEqual(['FAST_MUTEX_NOT_OWNED']);
  });

  test('a guarded mutex holds back all APCs (wdm/nf-wdm-keacquireguardedmutex)', async () => {
    const m = syncMachine(processors);
    await m.run(async () => {
      m.imports.KeInitializeGuardedMutex(LOCK);
      await m.imports.KeAcquireGuardedMutex(LOCK);
      expect(m.imports.KeAreAllApcsDisabled()).toBe(1);
      expect(m.imports.KeTryToAcquireGuardedMutex(LOCK)).toBe(0);
      m.imports.KeReleaseGuardedMutex(LOCK);
      expect(m.imports.KeAreAllApcsDisabled()).toBe(0);
      m.imports.KeEnterGuardedRegion();
      await m.imports.KeAcquireGuardedMutexUnsafe(LOCK);
      m.imports.KeReleaseGuardedMutexUnsafe(LOCK);
      m.imports.KeLeaveGuardedRegion();
      m.imports.KeLeaveGuardedRegion();
      m.imports.KeLeaveCriticalRegion();
    });
    expect(m.kernel.findings.map((f) => f.code)).toEqual(['REGION_NOT_ENTERED', 'REGION_NOT_ENTERED']);
  });

  test('a push lock has many readers or one writer; readers do not overtake a writer (wdm/nf-wdm-exacquirepushlockshared)', async () => {
    const m = syncMachine(processors);
    const order: string[] = [];
    await m.run(() => m.imports.ExInitializePushLock(LOCK));
    const thread = (name: string, exclusive: boolean) =>
      m.start(async () => {
        m.imports.KeEnterCriticalRegion();
        expect(m.imports.KeAreApcsDisabled()).toBe(1);
        if (exclusive) await m.imports.ExAcquirePushLockExclusiveEx(LOCK, 0);
        else await m.imports.ExAcquirePushLockSharedEx(LOCK, 0);
        order.push(`${name} in`);
        await m.imports.KeDelayExecutionThread(0, false, m.time(-100n));
        order.push(`${name} out`);
        if (exclusive) m.imports.ExReleasePushLockExclusiveEx(LOCK, 0);
        else m.imports.ExReleasePushLockSharedEx(LOCK, 0);
        m.imports.KeLeaveCriticalRegion();
      });
    thread('r1', false);
    thread('r2', false);
    thread('w', true);
    thread('r3', false);
    await m.runAll();
    expect(order).toEqual(['r1 in', 'r2 in', 'r1 out', 'r2 out', 'w in', 'w out', 'r3 in', 'r3 out']);
    expect(m.kernel.findings).toEqual([]);
    await m.run(() => m.imports.ExReleasePushLockExclusiveEx(LOCK, 0));
    expect(m.kernel.findings.map((f) => f.code)).toEqual(['PUSH_LOCK_NOT_OWNED']);
  });

  test('run-down waits for the uses that began and refuses others (wdm/nf-wdm-exwaitforrundownprotectionrelease)', async () => {
    const m = syncMachine(processors);
    const order: string[] = [];
    await m.run(() => {
      m.imports.ExInitializeRundownProtection(LOCK);
      expect(m.imports.ExAcquireRundownProtection(LOCK)).toBe(1);
      expect(m.imports.ExAcquireRundownProtectionEx(LOCK, 2)).toBe(1);
      m.start(async () => {
        await m.imports.ExWaitForRundownProtectionRelease(LOCK);
        order.push('run down');
      });
    });
    await m.runAll();
    await m.run(() => {
      expect(m.imports.ExAcquireRundownProtection(LOCK)).toBe(0);
      m.imports.ExReleaseRundownProtection(LOCK);
      order.push('releasing');
      m.imports.ExReleaseRundownProtectionEx(LOCK, 2);
    });
    await m.runAll();
    await m.run(async () => {
      await m.imports.ExWaitForRundownProtectionRelease(LOCK);
      m.imports.ExRundownCompleted(LOCK);
      expect(m.imports.ExAcquireRundownProtectionEx(LOCK, 1)).toBe(0);
      m.imports.ExReInitializeRundownProtection(LOCK);
      expect(m.imports.ExAcquireRundownProtection(LOCK)).toBe(1);
      m.imports.ExReInitializeRundownProtection(LOCK);
      m.imports.ExReleaseRundownProtection(LOCK);
    });
    expect(order).toEqual(['releasing', 'run down']);
    expect(m.kernel.findings.map((f) => f.code)).toEqual(['RUNDOWN_NOT_RUN_DOWN', 'RUNDOWN_NOT_ACQUIRED']);
  });

  test('the cache-aware form behaves alike (wdm/nf-wdm-exacquirerundownprotectioncacheaware)', async () => {
    const m = syncMachine(processors);
    await m.run(async () => {
      const rundown = m.imports.ExAllocateCacheAwareRundownProtection(512, 0x31323334);
      expect(m.imports.ExAcquireRundownProtectionCacheAware(rundown)).toBe(1);
      expect(m.imports.ExAcquireRundownProtectionCacheAwareEx(rundown, 1)).toBe(1);
      m.imports.ExReleaseRundownProtectionCacheAware(rundown);
      m.imports.ExReleaseRundownProtectionCacheAwareEx(rundown, 1);
      await m.imports.ExWaitForRundownProtectionReleaseCacheAware(rundown);
      expect(m.imports.ExAcquireRundownProtectionCacheAware(rundown)).toBe(0);
      m.imports.ExRundownCompletedCacheAware(rundown);
      m.imports.ExReInitializeRundownProtectionCacheAware(rundown);
      expect(m.imports.ExAcquireRundownProtectionCacheAware(rundown)).toBe(1);
      m.imports.ExFreeCacheAwareRundownProtection(rundown);
    });
    expect(m.driver.owned).toEqual([]);
  });

  test('a resource is shared or exclusive, recursively; Wait FALSE gives FALSE (wdm/nf-wdm-exacquireresourceexclusivelite)', async () => {
    const m = syncMachine(processors);
    m.start(async () => {
      m.imports.KeEnterCriticalRegion();
      expect(m.imports.ExInitializeResourceLite(LOCK)).toBe(0);
      expect(await m.imports.ExAcquireResourceSharedLite(LOCK, true)).toBe(1);
      expect(await m.imports.ExAcquireSharedStarveExclusive(LOCK, true)).toBe(1);
      expect(m.imports.ExAcquireResourceExclusiveLite(LOCK, false)).toBe(0);
      expect(m.imports.ExIsResourceAcquiredSharedLite(LOCK)).toBe(2);
      await m.imports.KeDelayExecutionThread(0, false, m.time(-100n));
      expect(m.imports.ExGetExclusiveWaiterCount(LOCK)).toBe(1);
      expect(m.imports.ExGetSharedWaiterCount(LOCK)).toBe(0);
      m.imports.ExReleaseResourceLite(LOCK);
      m.imports.ExReleaseResourceForThreadLite(LOCK, m.imports.ExGetCurrentResourceThread());
      m.imports.KeLeaveCriticalRegion();
    });
    m.start(async () => {
      m.imports.KeEnterCriticalRegion();
      expect(await m.imports.ExAcquireResourceExclusiveLite(LOCK, true)).toBe(1);
      expect(m.imports.ExIsResourceAcquiredExclusiveLite(LOCK)).toBe(1);
      m.imports.ExConvertExclusiveToSharedLite(LOCK);
      expect(await m.imports.ExAcquireSharedWaitForExclusive(LOCK, true)).toBe(1);
      m.imports.ExReleaseResourceLite(LOCK);
      m.imports.ExReleaseResourceLite(LOCK);
      expect(m.imports.ExReinitializeResourceLite(LOCK)).toBe(0);
      expect(m.imports.ExDeleteResourceLite(LOCK)).toBe(0);
      m.imports.KeLeaveCriticalRegion();
    });
    await m.runAll();
    expect(m.kernel.findings).toEqual([]);
  });

  test('releasing a resource that the thread does not hold is RESOURCE_NOT_OWNED (wdm/nf-wdm-exreleaseresourcelite)', async () => {
    const m = syncMachine(processors);
    const run = m.run(() => {
      m.imports.ExInitializeResourceLite(LOCK);
      m.imports.ExReleaseResourceLite(LOCK);
    });
    expect(await bugCheckOf(run)).toBe(0xe3);
  });
});

/** Each thread takes the lock `rounds` times in a manner of its own; nobody may be inside beside a writer. */
test('a push lock never lets a writer and another in together, for any mix of threads', async () => {
  const threads = fc.array(fc.array(fc.boolean(), { minLength: 1, maxLength: 4 }), {
    minLength: 1,
    maxLength: 5,
  });
  await fc.assert(
    fc.asyncProperty(threads, fc.integer({ min: 1, max: 1000 }), async (plans, seed) => {
      const m = syncMachine(2, seed);
      let readers = 0;
      let writers = 0;
      let done = 0;
      m.imports.ExInitializePushLock(LOCK);
      for (const plan of plans) {
        m.start(async () => {
          m.imports.KeEnterCriticalRegion();
          for (const exclusive of plan) {
            if (exclusive) await m.imports.ExAcquirePushLockExclusiveEx(LOCK, 0);
            else await m.imports.ExAcquirePushLockSharedEx(LOCK, 0);
            if (exclusive) writers++;
            else readers++;
            expect(writers === 0 || (writers === 1 && readers === 0)).toBe(true);
            await m.imports.KeDelayExecutionThread(0, false, m.time(-10n));
            if (exclusive) writers--;
            else readers--;
            if (exclusive) m.imports.ExReleasePushLockExclusiveEx(LOCK, 0);
            else m.imports.ExReleasePushLockSharedEx(LOCK, 0);
          }
          done++;
        });
      }
      await m.runAll();
      expect(done).toBe(plans.length);
    }),
    { numRuns: 40 },
  );
});

test('a wait for any takes the first signaled event, a wait for all takes all or none', async () => {
  const states = fc.array(fc.boolean(), { minLength: 1, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(states, fc.boolean(), async (signaled, all) => {
      const m = syncMachine(1);
      await m.run(() => {
        const events = signaled.map((_, index) => EVENT + 32 * index);
        for (const [index, event] of events.entries()) m.imports.KeInitializeEvent(event, 1, signaled[index]);
        const status = m.imports.KeWaitForMultipleObjects(
          events.length,
          events,
          all ? 0 : 1,
          0,
          0,
          false,
          m.time(0n),
          null,
        );
        const first = signaled.indexOf(true);
        const satisfied = all ? signaled.every(Boolean) : first >= 0;
        expect(status).toBe(satisfied ? (all ? 0 : first) : 0x102);
        const after = signaled.map((state, index) => state && !(satisfied && (all || index === first)));
        expect(events.map((event) => m.imports.KeReadStateEvent(event) !== 0)).toEqual(after);
      });
    }),
    { numRuns: 50 },
  );
});
