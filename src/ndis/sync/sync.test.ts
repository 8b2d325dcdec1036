/** Conformance tests of the synchronization functions of ndis, over 1, 2 and 4 processors. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createTestLibrary } from '../../../test/support/netBuffers.ts';
import { bugCheckOf } from '../../../test/support/syncMachine.ts';
import {
  DISPATCH_LEVEL,
  DPC_WATCHDOG_VIOLATION,
  IRQL_NOT_GREATER_OR_EQUAL,
  IRQL_NOT_LESS_OR_EQUAL,
  PASSIVE_LEVEL,
  SPIN_LOCK_ALREADY_OWNED,
  SPIN_LOCK_NOT_OWNED,
  STATUS_SUCCESS,
} from '../../kernel/index.ts';

describe.each([1, 2, 4])('with %i processors', (processors) => {
  const make = () => {
    const t = createTestLibrary({ checks: true }, { processors });
    return { ...t, lock: t.allocate(64), state: t.allocate(16), other: t.allocate(16) };
  };

  test('a spin lock raises to DISPATCH_LEVEL and its release returns to the IRQL before (ndis/nf-ndis-ndisacquirespinlock)', async () => {
    const t = make();
    const seen = await t.run(() => {
      t.imports.NdisAllocateSpinLock(t.lock);
      t.imports.NdisAcquireSpinLock(t.lock);
      const inside = t.imports.NDIS_CURRENT_IRQL();
      t.imports.NdisDprAcquireSpinLock(t.state);
      t.imports.NdisDprReleaseSpinLock(t.state);
      t.imports.NdisReleaseSpinLock(t.lock);
      t.imports.NdisFreeSpinLock(t.lock);
      return [inside, t.imports.NDIS_CURRENT_IRQL()];
    });
    expect(seen).toEqual([DISPATCH_LEVEL, PASSIVE_LEVEL]);
    expect(t.codes()).toEqual([]);
  });

  test('a spin lock taken twice, or released by who does not hold it, stops the machine (ndis/nf-ndis-ndisacquirespinlock)', async () => {
    const t = make();
    const twice = t.run(() => {
      t.imports.NdisAllocateSpinLock(t.lock);
      t.imports.NdisAcquireSpinLock(t.lock);
      t.imports.NdisAcquireSpinLock(t.lock);
    });
    expect(await bugCheckOf(twice)).toBe(SPIN_LOCK_ALREADY_OWNED);
    const u = make();
    const never = u.run(() => {
      u.imports.NdisAllocateSpinLock(u.lock);
      u.imports.NdisReleaseSpinLock(u.lock);
    });
    expect(await bugCheckOf(never)).toBe(SPIN_LOCK_NOT_OWNED);
  });

  test('a spin lock that is freed while it is held is a finding (ndis/nf-ndis-ndisfreespinlock)', async () => {
    const t = make();
    await t.run(() => {
      t.imports.NdisAllocateSpinLock(t.lock);
      t.imports.NdisAcquireSpinLock(t.lock);
      t.imports.NdisFreeSpinLock(t.lock);
      t.imports.NdisReleaseSpinLock(t.lock);
    });
    expect(t.codes()).toEqual(['SPIN_LOCK_FREED_WHILE_HELD']);
  });

  test('a read lock may be taken again by the processor that reads, and each state is released once (ndis/nf-ndis-ndisacquirerwlockread)', async () => {
    const t = make();
    await t.run(() => {
      const lock = t.imports.NdisAllocateRWLock(0);
      t.imports.NdisAcquireRWLockRead(lock, t.state, 0);
      t.imports.NdisAcquireRWLockRead(lock, t.other, 1);
      t.imports.NdisReleaseRWLock(lock, t.other);
      expect(t.kernel.irql).toBe(DISPATCH_LEVEL);
      t.imports.NdisReleaseRWLock(lock, t.state);
      expect(t.kernel.irql).toBe(PASSIVE_LEVEL);
      expect(t.codes()).toEqual([]);
      t.imports.NdisReleaseRWLock(lock, t.state);
      expect(t.codes()).toEqual(['WRONG_IRQL', 'RW_LOCK_NOT_HELD']);
      t.imports.NdisFreeRWLock(lock);
    });
    expect(t.driver.owned).toEqual([]);
  });

  test('a write lock may be taken again by its processor; the flag for DISPATCH_LEVEL must tell the truth (ndis/nf-ndis-ndisacquirerwlockwrite)', async () => {
    const t = make();
    await t.run(() => {
      const lock = t.imports.NdisAllocateRWLock(0);
      t.imports.NdisAcquireRWLockWrite(lock, t.state, 1);
      expect(t.codes()).toEqual(['RW_LOCK_NOT_AT_DISPATCH_LEVEL']);
      t.imports.NdisAcquireRWLockWrite(lock, t.other, 1);
      t.imports.NdisReleaseRWLock(lock, t.other);
      t.imports.NdisReleaseRWLock(lock, t.state);
      expect(t.kernel.irql).toBe(PASSIVE_LEVEL);
    });
    expect(t.codes()).toHaveLength(1);
  });

  test('who reads must not ask to write: a finding, and the machine hangs as Windows would (ndis/nf-ndis-ndisacquirerwlockwrite)', async () => {
    const t = make();
    const run = t.run(() => {
      const lock = t.imports.NdisAllocateRWLock(0);
      t.imports.NdisAcquireRWLockRead(lock, t.state, 0);
      t.imports.NdisAcquireRWLockWrite(lock, t.other, 1);
    });
    expect(await bugCheckOf(run)).toBe(DPC_WATCHDOG_VIOLATION);
    expect(t.codes()).toEqual(['RW_LOCK_PROMOTED']);
  });

  test('a lock is released before it is freed; a freed one is refused; without memory there is none (ndis/nf-ndis-ndisfreerwlock)', async () => {
    const t = make();
    await t.run(() => {
      const lock = t.imports.NdisAllocateRWLock(0);
      t.imports.NdisAcquireRWLockRead(lock, t.state, 0);
      t.imports.NdisFreeRWLock(lock);
      t.imports.NdisAcquireRWLockRead(lock, t.state, 1);
      expect(t.codes()).toEqual(['RW_LOCK_FREED_WHILE_HELD', 'BAD_RW_LOCK']);
      t.failAllocations(true);
      expect(t.imports.NdisAllocateRWLock(0)).toBe(0);
      t.failAllocations(false);
      expect(t.imports.NdisAllocateRWLock(0x7000_4440)).toBe(0);
      expect(t.codes().at(-1)).toBe('BAD_HANDLE');
      t.kernel.irql = PASSIVE_LEVEL;
    });
  });

  test('a lock in the storage of the driver reads, writes and tells mixed releases (ndis/nf-ndis-ndisacquirereadwritelock)', async () => {
    const t = make();
    const lock = t.allocate(1040);
    await t.run(() => {
      t.imports.NdisInitializeReadWriteLock(lock);
      t.imports.NdisAcquireReadWriteLock(lock, false, t.state);
      t.imports.NdisDprAcquireReadWriteLock(lock, false, t.other);
      t.imports.NdisDprReleaseReadWriteLock(lock, t.other);
      t.imports.NdisReleaseReadWriteLock(lock, t.state);
      t.imports.NdisAcquireReadWriteLock(lock, true, t.state);
      t.imports.NdisReleaseReadWriteLock(lock, t.state);
      expect([t.kernel.irql, t.codes()]).toEqual([PASSIVE_LEVEL, []]);
      t.kernel.irql = DISPATCH_LEVEL;
      t.imports.NdisAcquireReadWriteLock(lock, true, t.state);
      t.imports.NdisDprReleaseReadWriteLock(lock, t.state);
      t.imports.NdisReleaseReadWriteLock(lock, t.state);
      t.kernel.irql = PASSIVE_LEVEL;
    });
    expect(t.codes()).toEqual(['RW_LOCK_MIXED_RELEASE', 'RW_LOCK_NOT_HELD']);
  });

  test('any order of recursive reads and releases leaves the lock free and the IRQL as it was (ndis/nf-ndis-ndisreleaserwlock)', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 12 }), fc.boolean(), async (steps, write) => {
        const t = make();
        await t.run(() => {
          const lock = t.imports.NdisAllocateRWLock(0);
          const acquire = write ? t.imports.NdisAcquireRWLockWrite : t.imports.NdisAcquireRWLockRead;
          const held: number[] = [];
          for (const take of steps) {
            const last = held.pop();
            if (take || last === undefined) {
              if (last !== undefined) held.push(last);
              const state = t.allocate(16);
              acquire(lock, state, 0);
              held.push(state);
            } else t.imports.NdisReleaseRWLock(lock, last);
            expect(t.kernel.irql).toBe(held.length > 0 ? DISPATCH_LEVEL : PASSIVE_LEVEL);
          }
          for (const state of held.reverse()) t.imports.NdisReleaseRWLock(lock, state);
          expect(t.kernel.scheduler.processor.spinLocksHeld).toBe(0);
          t.imports.NdisFreeRWLock(lock);
        });
        expect(t.codes()).toEqual([]);
      }),
      { numRuns: 20 },
    );
  });

  test('an event wakes who waits and stays signaled until it is reset (ndis/nf-ndis-ndissetevent)', async () => {
    const t = make();
    const order: string[] = [];
    t.imports.NdisInitializeEvent(t.lock);
    t.start(async () => {
      order.push(`first ${await t.imports.NdisWaitEvent(t.lock, 0)}`);
    });
    t.start(async () => {
      order.push(`second ${await t.imports.NdisWaitEvent(t.lock, 5000)}`);
    });
    await t.run(async () => {
      expect(await t.imports.NdisWaitEvent(t.lock, 10)).toBe(0);
      t.imports.NdisSetEvent(t.lock);
      expect(await t.imports.NdisWaitEvent(t.lock, 10)).toBe(1);
      t.imports.NdisResetEvent(t.lock);
      const before = t.kernel.clock.now;
      expect(await t.imports.NdisWaitEvent(t.lock, 20)).toBe(0);
      expect(t.kernel.clock.now - before).toBeGreaterThanOrEqual(200_000);
    });
    expect(order.sort()).toEqual(['first 1', 'second 1']);
  });

  test('waiting for an event at DISPATCH_LEVEL is fatal (ndis/nf-ndis-ndisinitializeevent)', async () => {
    const t = make();
    const run = t.run(() => {
      t.imports.NdisInitializeEvent(t.lock);
      t.kernel.irql = DISPATCH_LEVEL;
      return t.imports.NdisWaitEvent(t.lock, 1);
    });
    expect(await bugCheckOf(run)).toBe(IRQL_NOT_LESS_OR_EQUAL);
  });

  test('a mutex has one owner at a time (ndis/nf-ndis-ndis_wait_for_mutex)', async () => {
    const t = make();
    const order: string[] = [];
    t.imports.NDIS_INIT_MUTEX(t.lock);
    const worker = (name: string) => async () => {
      expect(await t.imports.NDIS_WAIT_FOR_MUTEX(t.lock)).toBe(STATUS_SUCCESS);
      order.push(`${name} in`);
      await t.imports.NdisMSleep(100);
      order.push(`${name} out`);
      expect(t.imports.NDIS_RELEASE_MUTEX(t.lock)).toBe(0);
    };
    t.start(worker('a'));
    t.start(worker('b'));
    await t.runAll();
    expect(order.map((entry) => entry.slice(2))).toEqual(['in', 'out', 'in', 'out']);
    expect(order[0][0]).toBe(order[1][0]);
  });

  test('the IRQL is raised to DISPATCH_LEVEL and lowered to what it was; from above it is a bug check (ndis/nf-ndis-ndis_raise_irql_to_dispatch)', async () => {
    const t = make();
    await t.run(() => {
      t.imports.NDIS_RAISE_IRQL_TO_DISPATCH(t.state);
      expect(t.imports.NDIS_CURRENT_IRQL()).toBe(DISPATCH_LEVEL);
      t.imports.NDIS_LOWER_IRQL(t.memory.u8[t.state], DISPATCH_LEVEL);
      expect(t.imports.NDIS_CURRENT_IRQL()).toBe(PASSIVE_LEVEL);
    });
    const run = t.run(() => {
      t.kernel.irql = 5;
      t.imports.NDIS_RAISE_IRQL_TO_DISPATCH(t.state);
    });
    expect(await bugCheckOf(run)).toBe(IRQL_NOT_GREATER_OR_EQUAL);
  });

  test('counters add and wrap (ndis/nf-ndis-ndisinterlockedincrement)', async () => {
    const t = make();
    await t.run(() => {
      t.memory.u32[t.state >> 2] = 0x7fff_ffff;
      expect(t.imports.NdisInterlockedIncrement(t.state)).toBe(-0x8000_0000);
      expect(t.imports.NdisInterlockedDecrement(t.state)).toBe(0x7fff_ffff);
      t.imports.NdisAllocateSpinLock(t.lock);
      t.imports.NdisInterlockedAddUlong(t.state, 0x8000_0002, t.lock);
      expect(t.memory.u32[t.state >> 2]).toBe(1);
      t.memory.u64[t.other >> 3] = 0xffff_fffen;
      t.imports.NdisInterlockedAddLargeStatistic(t.other, 3);
      expect(t.memory.u64[t.other >> 3]).toBe(0x1_0000_0001n);
    });
  });

  test('a lock held by the caller of an interlocked list function is a deadlock (ndis/nf-ndis-ndisinterlockedremoveheadlist)', async () => {
    const t = make();
    const run = t.run(() => {
      t.imports.NdisAllocateSpinLock(t.lock);
      t.imports.NdisInitializeListHead(t.state);
      t.imports.NdisAcquireSpinLock(t.lock);
      t.imports.NdisInterlockedRemoveHeadList(t.state, t.lock);
    });
    expect(await bugCheckOf(run)).toBe(SPIN_LOCK_ALREADY_OWNED);
  });

  test('a list gives back in order and NULL when it is empty (ndis/nf-ndis-ndisinterlockedinserttaillist)', async () => {
    const t = make();
    const [a, b, c] = [t.allocate(16), t.allocate(16), t.allocate(16)];
    await t.run(() => {
      t.imports.NdisAllocateSpinLock(t.lock);
      t.imports.NdisInitializeListHead(t.state);
      expect(t.imports.NdisInterlockedInsertTailList(t.state, b, t.lock)).toBe(0);
      expect(t.imports.NdisInterlockedInsertTailList(t.state, c, t.lock)).toBe(b);
      expect(t.imports.NdisInterlockedInsertHeadList(t.state, a, t.lock)).toBe(b);
      const taken = [0, 1, 2, 3].map(() => t.imports.NdisInterlockedRemoveHeadList(t.state, t.lock));
      expect(taken).toEqual([a, b, c, 0]);
    });
  });

  test('a sequenced list is last in, first out, and its lock must be free (ndis/nf-ndis-ndisinterlockedpushentryslist)', async () => {
    const t = make();
    const [a, b] = [t.allocate(16), t.allocate(16)];
    await t.run(() => {
      t.imports.NdisAllocateSpinLock(t.lock);
      t.imports.NdisInitializeSListHead(t.state);
      expect(t.imports.NdisInterlockedPushEntrySList(t.state, a, t.lock)).toBe(0);
      expect(t.imports.NdisInterlockedPushEntrySList(t.state, b, t.lock)).toBe(a);
      expect(t.imports.NdisQueryDepthSList(t.state)).toBe(2);
      const taken = [0, 1, 2].map(() => t.imports.NdisInterlockedPopEntrySList(t.state, t.lock));
      expect(taken).toEqual([b, a, 0]);
      t.imports.NdisAcquireSpinLock(t.lock);
      t.imports.NdisInterlockedPopEntrySList(t.state, t.lock);
      t.imports.NdisReleaseSpinLock(t.lock);
    });
    expect(t.codes()).toEqual(['SLIST_LOCK_HELD']);
  });
});
