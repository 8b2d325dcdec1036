import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { relayVariant } from '../../../test/support/relay.ts';
import { bugCheckOf, syncMachine } from '../../../test/support/syncMachine.ts';
import { TimerQueue } from '../clock.ts';
import { coalescedDue } from './timer.ts';

const DPC = 0x10_0000;
const DPC_2 = 0x10_0100;
const DPC_3 = 0x10_0200;
const TIMER = 0x10_0300;
const TIMER_2 = 0x10_0400;
const EVENT = 0x10_0500;
const COUNTER = 0x10_0600;

describe.each([1, 2, 4])('DPCs with %i processors', (processors) => {
  test('below DISPATCH_LEVEL a DPC runs at DISPATCH_LEVEL before the call returns (wdm/nf-wdm-keinsertqueuedpc)', async () => {
    const m = syncMachine(processors);
    const context = { name: 'mine' };
    const seen: unknown[] = [];
    await m.run(() => {
      const routine = (_Dpc: unknown, DeferredContext: unknown, first: unknown, second: unknown) => {
        seen.push(DeferredContext, first, second, m.imports.KeGetCurrentIrql());
      };
      m.imports.KeInitializeDpc(DPC, routine, context);
      expect(m.imports.KeInsertQueueDpc(DPC, 5, context)).toBe(1);
      expect(seen).toEqual([context, 5, context, 2]);
      expect(m.imports.KeGetCurrentIrql()).toBe(0);
    });
  });

  test('at DISPATCH_LEVEL it waits until the IRQL drops; queueing it again is FALSE (wdm/nf-wdm-keinsertqueuedpc)', async () => {
    const m = syncMachine(processors);
    let runs = 0;
    await m.run(() => {
      m.imports.KeInitializeDpc(DPC, () => void runs++, null);
      m.imports.KeRaiseIrqlToDpcLevel();
      expect(m.imports.KeInsertQueueDpc(DPC, null, null)).toBe(1);
      expect(m.imports.KeInsertQueueDpc(DPC, null, null)).toBe(0);
      expect(runs).toBe(0);
      m.imports.KeLowerIrql(0);
      expect(runs).toBe(1);
    });
  });

  test('a removed DPC does not run; one that is not queued gives FALSE (wdm/nf-wdm-keremovequeuedpc)', async () => {
    const m = syncMachine(processors);
    let runs = 0;
    await m.run(() => {
      m.imports.KeInitializeDpc(DPC, () => void runs++, null);
      m.imports.KeRaiseIrqlToDpcLevel();
      m.imports.KeInsertQueueDpc(DPC, null, null);
      expect(m.imports.KeRemoveQueueDpc(DPC)).toBe(1);
      expect(m.imports.KeRemoveQueueDpc(DPC)).toBe(0);
      m.imports.KeLowerIrql(0);
    });
    await m.runAll();
    expect(runs).toBe(0);
  });

  test('high importance goes first, low importance waits for other work (ntddk/nf-ntddk-kesetimportancedpc)', async () => {
    const m = syncMachine(processors);
    const order: number[] = [];
    await m.run(() => {
      for (const [index, dpc] of [DPC, DPC_2, DPC_3].entries())
        m.imports.KeInitializeDpc(dpc, () => void order.push(index), null);
      m.imports.KeSetImportanceDpc(DPC_2, 2);
      m.imports.KeSetImportanceDpc(DPC_3, 0);
      m.imports.KeInsertQueueDpc(DPC_3, null, null);
      expect(order).toEqual([]);
      m.imports.KeRaiseIrqlToDpcLevel();
      m.imports.KeInsertQueueDpc(DPC, null, null);
      m.imports.KeInsertQueueDpc(DPC_2, null, null);
      m.imports.KeLowerIrql(0);
      expect(order).toEqual([1, 2, 0]);
    });
  });

  test('a target processor is where it runs; there must be such a processor (wdm/nf-wdm-kesettargetprocessordpcex)', async () => {
    const m = syncMachine(processors);
    const ran: number[] = [];
    await m.run(() => {
      m.imports.KeInitializeThreadedDpc(DPC, () => void ran.push(m.kernel.scheduler.processor.number), null);
      const last = { Group: 0, Number: processors - 1, Reserved: 0 };
      expect(m.imports.KeSetTargetProcessorDpcEx(DPC, last)).toBe(0);
      expect(m.imports.KeSetTargetProcessorDpcEx(DPC, { ...last, Number: processors })).toBe(0xc000000d);
      m.imports.KeInsertQueueDpc(DPC, null, null);
      m.imports.KeFlushQueuedDpcs();
      expect(ran).toEqual([processors - 1]);
      m.imports.KeSetTargetProcessorDpc(DPC, 0);
      m.imports.KeInsertQueueDpc(DPC, null, null);
      m.imports.KeFlushQueuedDpcs();
      expect(ran).toEqual([processors - 1, 0]);
      m.imports.KeSetTargetProcessorDpc(DPC, processors);
    });
    expect(m.kernel.findings.map((f) => f.code)).toEqual(['NO_SUCH_PROCESSOR']);
  });

  test('the watchdog is asked at DISPATCH_LEVEL only (wdm/nf-wdm-kequerydpcwatchdoginformation)', async () => {
    const m = syncMachine(processors);
    await m.run(() => {
      expect(m.imports.KeQueryDpcWatchdogInformation(EVENT)).toBe(0xc0000001);
      m.imports.KeRaiseIrqlToDpcLevel();
      expect(m.imports.KeQueryDpcWatchdogInformation(EVENT)).toBe(0);
      m.imports.KeLowerIrql(0);
    });
  });

  test('a DPC that queues itself for ever is DPC_WATCHDOG_VIOLATION, not a hang (wdm/nf-wdm-kequerydpcwatchdoginformation)', async () => {
    const m = syncMachine(processors);
    const { insertQueueDpc, initializeDpc, libraryDpcRoutine } = await import('./dpc.ts');
    initializeDpc(
      m.kernel,
      DPC,
      libraryDpcRoutine(m.kernel, (dpc) => void insertQueueDpc(m.kernel, dpc)),
      0,
    );
    expect(await bugCheckOf(m.run(() => insertQueueDpc(m.kernel, DPC)))).toBe(0x133);
  });

  test('queueing what is no KDPC stops with a message (wdm/nf-wdm-keinsertqueuedpc)', async () => {
    const m = syncMachine(processors);
    await expect(m.run(() => m.imports.KeInsertQueueDpc(0x18_0000, null, null))).rejects.toThrow(/no KDPC/);
  });
});

describe.each([1, 2, 4])('timers with %i processors', (processors) => {
  test('a timer is signaled and queues its DPC when it is due (wdm/nf-wdm-kesettimer)', async () => {
    const m = syncMachine(processors);
    const fired: number[] = [];
    await m.run(async () => {
      m.imports.KeInitializeTimer(TIMER);
      m.imports.KeInitializeDpc(DPC, () => void fired.push(m.kernel.clock.now), null);
      const before = m.kernel.clock.now;
      expect(m.imports.KeSetTimer(TIMER, -10_000n, DPC)).toBe(0);
      expect(m.imports.KeSetTimer(TIMER, -20_000n, DPC)).toBe(1);
      expect(m.imports.KeReadStateTimer(TIMER)).toBe(0);
      expect(await m.imports.KeWaitForSingleObject(TIMER, 0, 0, false, null)).toBe(0);
      expect(m.imports.KeReadStateTimer(TIMER)).toBe(1);
      m.imports.KeFlushQueuedDpcs();
      expect(fired).toEqual([before + 20_000]);
    });
  });

  test('a synchronization timer serves one wait (wdm/nf-wdm-keinitializetimerex)', async () => {
    const m = syncMachine(processors);
    await m.run(async () => {
      m.imports.KeInitializeTimerEx(TIMER, 1);
      m.imports.KeSetTimer(TIMER, 1n, null);
      expect(await m.imports.KeWaitForSingleObject(TIMER, 0, 0, false, null)).toBe(0);
      expect(m.imports.KeWaitForSingleObject(TIMER, 0, 0, false, m.time(0n))).toBe(0x102);
    });
  });

  test('a periodic timer expires at due time and then each period until cancelled (wdm/nf-wdm-kesettimerex)', async () => {
    const m = syncMachine(processors);
    const fired: number[] = [];
    await m.run(async () => {
      m.imports.KeInitializeTimer(TIMER);
      m.imports.KeInitializeDpc(DPC, () => void fired.push(m.kernel.clock.now), null);
      const before = m.kernel.clock.now;
      m.imports.KeSetTimerEx(TIMER, -5_000n, 10, DPC);
      await m.imports.KeDelayExecutionThread(0, false, m.time(-250_000n));
      expect(m.imports.KeCancelTimer(TIMER)).toBe(1);
      expect(m.imports.KeCancelTimer(TIMER)).toBe(0);
      await m.imports.KeDelayExecutionThread(0, false, m.time(-250_000n));
      expect(fired).toEqual([5_000, 105_000, 205_000].map((due) => before + due));
    });
  });

  test('timers with overlapping tolerance expire together, never early nor too late (wdm/nf-wdm-kesetcoalescabletimer)', async () => {
    const m = syncMachine(processors);
    const fired: number[] = [];
    await m.run(async () => {
      for (const [timer, dpc] of [
        [TIMER, DPC],
        [TIMER_2, DPC_2],
      ]) {
        m.imports.KeInitializeTimer(timer);
        m.imports.KeInitializeDpc(dpc, () => void fired.push(m.kernel.clock.now), null);
      }
      m.imports.KeSetCoalescableTimer(TIMER, -300_000n, 0, 100, DPC);
      expect(m.imports.KeSetCoalescableTimer(TIMER_2, -700_000n, 0, 100, DPC_2)).toBe(0);
      await m.imports.KeDelayExecutionThread(0, false, m.time(-3_000_000n));
      expect(fired.length).toBe(2);
      expect(fired[0]).toBe(fired[1]);
    });
  });

  test('a timer whose memory was overwritten while it was set stops with a message (wdm/nf-wdm-kecanceltimer)', async () => {
    const m = syncMachine(processors);
    const run = m.run(async () => {
      m.imports.KeInitializeTimer(TIMER);
      m.imports.KeSetTimer(TIMER, -10n, null);
      m.kernel.memory.u8.fill(0xdd, TIMER, TIMER + 64);
      await m.imports.KeDelayExecutionThread(0, false, m.time(-100n));
    });
    await expect(run).rejects.toThrow(/freed while it was set/);
  });
});

test('a coalesced due time lies within the tolerance', () => {
  const time = fc.integer({ min: 0, max: 1_000_000_000_000 });
  fc.assert(
    fc.property(time, fc.integer({ min: 0, max: 100_000_000 }), (due, tolerance) => {
      const coalesced = coalescedDue(due, tolerance);
      expect(coalesced).toBeGreaterThanOrEqual(due);
      expect(coalesced).toBeLessThanOrEqual(due + tolerance);
    }),
  );
});

test('timers come out by due time, then by order of setting, without the cancelled ones', () => {
  const entry = fc.record({ due: fc.integer({ min: 0, max: 50 }), cancel: fc.boolean() });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 200 }), (entries) => {
      const queue = new TimerQueue();
      const ids = entries.map(({ due }, address) => queue.add(due, { kind: 'timer', address }));
      for (const [index, { cancel }] of entries.entries())
        if (cancel) expect(queue.cancel(ids[index])).toBe(true);
      const expected = entries
        .map(({ due, cancel }, index) => ({ due, cancel, index }))
        .filter(({ cancel }) => !cancel)
        .toSorted((a, b) => a.due - b.due || a.index - b.index)
        .map(({ index }) => index);
      const taken: number[] = [];
      for (let next = queue.takeDue(100); next !== null; next = queue.takeDue(100))
        if (next.action.kind === 'timer') taken.push(next.action.address);
      expect(taken).toEqual(expected);
    }),
  );
});

/** Two DPCs that each read a counter, call a function, and write the counter back: without a lock an update is lost. */
async function raceOnce(processors: number, seed: number, locked = false): Promise<number> {
  const m = syncMachine(processors, seed);
  const LOCK = COUNTER + 16;
  await m.run(() => {
    const increment = () => {
      if (locked) m.imports.KeAcquireSpinLockAtDpcLevel(LOCK);
      const before = m.kernel.memory.u32[COUNTER >> 2];
      m.imports.KeReadStateEvent(EVENT);
      m.kernel.memory.u32[COUNTER >> 2] = before + 1;
      if (locked) m.imports.KeReleaseSpinLockFromDpcLevel(LOCK);
    };
    m.imports.KeInitializeEvent(EVENT, 0, false);
    m.imports.KeInitializeSpinLock(LOCK);
    m.imports.KeRaiseIrqlToDpcLevel();
    for (const [index, dpc] of [DPC, DPC_2].entries()) {
      m.imports.KeInitializeDpc(dpc, increment, null);
      m.imports.KeSetTargetProcessorDpc(dpc, Math.min(index, processors - 1));
      m.imports.KeInsertQueueDpc(dpc, null, null);
    }
    m.imports.KeLowerIrql(0);
  });
  await m.runAll();
  return m.kernel.memory.u32[COUNTER >> 2];
}

describe('canary: a race between DPCs of two processors', () => {
  const seeds = Array.from({ length: 20 }, (_, index) => index + 1);
  const losing = async (processors: number, locked = false) => {
    const found: number[] = [];
    for (const seed of seeds) if ((await raceOnce(processors, seed, locked)) !== 2) found.push(seed);
    return found;
  };

  test('is missed with one processor', async () => expect(await losing(1)).toEqual([]));

  test('is found with two processors, by the same seeds each time', async () => {
    const found = await losing(2);
    expect(found.length).toBeGreaterThan(0);
    expect(await losing(2)).toEqual(found);
    // Through machine code there are more places to interleave at, so other seeds find it.
    if (relayVariant() === null) expect(found).toEqual([4, 11]);
  });

  test('is gone with a spin lock', async () => expect(await losing(2, true)).toEqual([]));
});

test('the same seed gives the same events, byte for byte', async () => {
  const trace = async (seed: number) => {
    const m = syncMachine(4, seed);
    await m.run(async () => {
      m.imports.KeInitializeEvent(EVENT, 0, false);
      for (const [index, dpc] of [DPC, DPC_2, DPC_3].entries()) {
        m.imports.KeInitializeDpc(dpc, () => m.imports.KeReadStateEvent(EVENT), null);
        m.imports.KeSetTargetProcessorDpc(dpc, index);
        m.imports.KeInsertQueueDpc(dpc, null, null);
        await m.imports.KeDelayExecutionThread(0, false, m.time(-100n));
      }
    });
    await m.runAll();
    return JSON.stringify(m.events);
  };
  expect(await trace(7)).toBe(await trace(7));
  expect(await trace(7)).not.toBe(await trace(8));
});
