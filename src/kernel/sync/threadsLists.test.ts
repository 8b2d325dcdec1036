import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bugCheckOf, syncMachine } from '../../../test/support/syncMachine.ts';

const HEAD = 0x10_0000;
const LOCK = 0x10_0040;
const ENTRIES = 0x10_0100;
const OUT = 0x10_0080;

describe.each([1, 2, 4])('threads and work items with %i processors', (processors) => {
  test('a system thread runs its routine; its handle can be waited for by pointer (wdm/nf-wdm-pscreatesystemthread)', async () => {
    const m = syncMachine(processors);
    const context = { mine: true };
    const order: unknown[] = [];
    await m.run(async () => {
      const routine = async (StartContext: unknown) => {
        order.push(StartContext, m.imports.PsGetCurrentThreadId(), m.imports.KeAreApcsDisabled());
        await m.imports.KeDelayExecutionThread(0, false, m.time(-100n));
        await m.imports.PsTerminateSystemThread(0);
        order.push('never');
      };
      expect(m.imports.PsCreateSystemThread(OUT, 0, 0, 0, OUT + 16, routine, context)).toBe(0);
      const handle = m.kernel.memory.i32[OUT >> 2];
      expect(m.imports.ObReferenceObjectByHandle(handle, 0, 0, 0, OUT + 8, null)).toBe(0);
      const thread = m.kernel.memory.readPointer(OUT + 8);
      expect(await m.imports.ZwClose(handle)).toBe(0);
      expect(await m.imports.KeWaitForSingleObject(thread, 0, 0, false, null)).toBe(0);
      expect(order).toEqual([context, m.kernel.memory.i32[(OUT + 24) >> 2], 1]);
      expect(m.imports.PsGetThreadId(thread)).toBe(m.kernel.memory.i32[(OUT + 24) >> 2]);
      m.imports.ObfDereferenceObject(thread);
      expect(m.kernel.memory.objects.valueAt(thread)).toBeUndefined();
    });
    expect(m.driver.owned).toEqual([]);
  });

  test('only a system thread may end itself (wdm/nf-wdm-psterminatesystemthread)', async () => {
    const m = syncMachine(processors);
    expect(await m.run(() => m.imports.PsTerminateSystemThread(0))).toBe(0xc000000d);
    expect(await m.run(() => m.imports.PsCreateSystemThread(OUT, 0, 0, 0, null, null, null))).toBe(
      0xc000000d,
    );
  });

  test('priorities are set and read; of two ready threads the higher runs first (wdm/nf-wdm-kesetprioritythread)', async () => {
    const m = syncMachine(processors);
    const order: string[] = [];
    await m.run(async () => {
      const thread = m.imports.KeGetCurrentThread();
      expect(m.imports.PsGetCurrentThread()).toBe(thread);
      expect(m.imports.KeSetPriorityThread(thread, 12)).toBe(8);
      expect(m.imports.KeQueryPriorityThread(thread)).toBe(12);
      m.start(() => void order.push('low'));
      await m.imports.KeDelayExecutionThread(0, false, m.time(-1n));
      order.push('high');
      m.imports.KeSetPriorityThread(thread, 40);
    });
    await m.runAll();
    expect(order).toEqual(['low', 'high']);
    expect(m.kernel.findings.map((f) => f.code)).toEqual(['BAD_PRIORITY']);
  });

  test('a work item runs once on a worker at PASSIVE_LEVEL and may wait (wdm/nf-wdm-ioqueueworkitem)', async () => {
    const m = syncMachine(processors);
    const context = { mine: true };
    const seen: unknown[] = [];
    await m.run(() => {
      const item = m.imports.IoAllocateWorkItem(null);
      m.imports.KeRaiseIrqlToDpcLevel();
      const routine = async (_device: unknown, given: unknown) => {
        await m.imports.KeDelayExecutionThread(0, false, m.time(-100n));
        seen.push(given, m.imports.KeGetCurrentIrql());
        m.imports.IoQueueWorkItemEx(item, (_object, again) => void seen.push(again), 0, context);
      };
      m.imports.IoQueueWorkItem(item, routine, 1, context);
      m.imports.KeLowerIrql(0);
      m.start(async () => {
        await m.imports.KeDelayExecutionThread(0, false, m.time(-10_000n));
        m.imports.IoFreeWorkItem(item);
      });
    });
    await m.runAll();
    expect(seen).toEqual([context, 0, context]);
    expect(m.driver.owned).toEqual([]);
  });

  test('queueing a work item twice is WORKER_INVALID, and so is freeing a queued one (wdm/nf-wdm-iofreeworkitem)', async () => {
    for (const second of ['queue', 'free']) {
      const m = syncMachine(processors);
      const run = m.run(() => {
        const item = m.imports.IoAllocateWorkItem(null);
        m.imports.IoQueueWorkItem(item, () => {}, 1, null);
        if (second === 'queue') m.imports.IoQueueWorkItem(item, () => {}, 1, null);
        else m.imports.IoFreeWorkItem(item);
      });
      expect(await bugCheckOf(run)).toBe(0xe4);
    }
  });

  test('work items in the driver’s memory and executive work items run too (wdm/nf-wdm-exqueueworkitem)', async () => {
    const m = syncMachine(processors);
    let ran = 0;
    await m.run(() => {
      expect(m.imports.IoSizeofWorkItem()).toBe(88);
      m.imports.IoInitializeWorkItem(null, OUT);
      m.imports.IoQueueWorkItem(OUT, () => void ran++, 0, null);
      m.imports.ExInitializeWorkItem(HEAD, () => void ran++, null);
      m.imports.ExQueueWorkItem(HEAD, 2);
    });
    await m.runAll();
    await m.run(() => m.imports.IoUninitializeWorkItem(OUT));
    expect(ran).toBe(2);
    const run = m.run(() => {
      m.imports.ExQueueWorkItem(HEAD, 1);
      m.imports.ExQueueWorkItem(HEAD, 1);
    });
    expect(await bugCheckOf(run)).toBe(0xe4);
  });

  test('no more workers run than the queue has: 7 for the delayed queue (kernel/system-worker-threads)', async () => {
    const m = syncMachine(processors);
    let inside = 0;
    let most = 0;
    await m.run(() => {
      for (let i = 0; i < 20; i++) {
        const routine = async () => {
          most = Math.max(most, ++inside);
          await m.imports.KeDelayExecutionThread(0, false, m.time(-100n));
          inside--;
        };
        m.imports.IoQueueWorkItem(m.imports.IoAllocateWorkItem(null), routine, 1, null);
      }
    });
    await m.runAll();
    expect([most, inside]).toEqual([7, 0]);
  });

  test('a thread runs where its affinity says, from the call on (wdm/nf-wdm-kesetsystemaffinitythreadex)', async () => {
    const m = syncMachine(processors);
    await m.run(async () => {
      for (let number = 0; number < processors; number++) {
        m.imports.KeSetSystemAffinityThreadEx(1n << BigInt(number));
        expect(m.imports.KeGetCurrentProcessorNumber()).toBe(number);
        await m.imports.KeDelayExecutionThread(0, false, m.time(-100n));
        expect(m.imports.KeGetCurrentProcessorNumberEx(OUT)).toBe(number);
        expect(m.imports.KeGetProcessorIndexFromNumber(OUT)).toBe(number);
      }
      const last = 1n << BigInt(processors - 1);
      expect(m.imports.KeSetSystemAffinityThreadEx(1n << 40n)).toBe(last);
      expect(m.imports.KeGetCurrentProcessorNumber()).toBe(processors - 1);
      m.imports.KeSetSystemGroupAffinityThread({ Mask: 1n, Group: 0 }, OUT);
      expect(m.imports.KeGetCurrentProcessorNumber()).toBe(0);
      m.imports.KeRevertToUserGroupAffinityThread(OUT);
      expect(m.imports.KeSetSystemAffinityThreadEx(1n)).toBe(last);
      m.imports.KeRevertToUserAffinityThreadEx(0n);
      expect(m.imports.KeSetSystemAffinityThreadEx(1n)).toBe(0n);
      m.imports.KeSetSystemAffinityThread(last);
      m.imports.KeRevertToUserAffinityThread();
    });
  });

  test('processors are counted and numbered (wdm/nf-wdm-kequeryactiveprocessorcountex)', async () => {
    const m = syncMachine(processors);
    await m.run(() => {
      const mask = (1n << BigInt(processors)) - 1n;
      expect(m.imports.KeQueryActiveProcessorCount(OUT)).toBe(processors);
      expect(m.kernel.memory.u64[OUT >> 3]).toBe(mask);
      expect(m.imports.KeQueryActiveProcessorCountEx(0xffff)).toBe(processors);
      expect(m.imports.KeQueryActiveProcessorCountEx(1)).toBe(0);
      expect(m.imports.KeQueryMaximumProcessorCount()).toBe(processors);
      expect(m.imports.KeQueryMaximumProcessorCountEx(0)).toBe(processors);
      expect([m.imports.KeQueryActiveProcessors(), m.imports.KeQueryGroupAffinity(0)]).toEqual([mask, mask]);
      expect([m.imports.KeQueryActiveGroupCount(), m.imports.KeQueryMaximumGroupCount()]).toEqual([1, 1]);
      expect(m.imports.KeGetProcessorNumberFromIndex(processors - 1, OUT)).toBe(0);
      expect(m.imports.KeGetProcessorNumberFromIndex(processors, OUT)).toBe(0xc000000d);
      const on: number[] = [];
      const worker = (argument: number) => {
        on.push(m.imports.KeGetCurrentProcessorNumber());
        return argument + m.imports.KeGetCurrentIrql();
      };
      expect(m.imports.KeIpiGenericCall(worker, 100)).toBe(114);
      expect(on.toSorted((a, b) => a - b)).toEqual(Array.from({ length: processors }, (_, index) => index));
    });
  });

  test('all clocks advance together and stalling passes time (wdm/nf-wdm-kestallexecutionprocessor)', async () => {
    const m = syncMachine(processors);
    await m.run(() => {
      const read = (at: number) => m.kernel.memory.i64[at >> 3];
      m.imports.KeQuerySystemTime(OUT);
      const before = read(OUT);
      m.imports.KeStallExecutionProcessor(1_000_000);
      m.imports.KeQuerySystemTimePrecise(OUT);
      expect(read(OUT) - before).toBe(10_000_001n);
      const interrupt = m.imports.KeQueryInterruptTime();
      expect(m.imports.KeQueryUnbiasedInterruptTime()).toBe(interrupt + 1n);
      expect(m.imports.KeQueryInterruptTimePrecise(OUT)).toBe(interrupt + 2n);
      expect(m.imports.KeQueryPerformanceCounter(OUT)).toBe(interrupt + 3n);
      expect(read(OUT)).toBe(10_000_000n);
      m.imports.KeQueryTickCount(OUT);
      expect(read(OUT)).toBe(64n);
      expect(m.imports.KeQueryTimeIncrement()).toBe(156_250);
      m.imports.ExSystemTimeToLocalTime(OUT, OUT + 8);
      m.imports.ExLocalTimeToSystemTime(OUT + 8, OUT + 16);
      expect([read(OUT + 8), read(OUT + 16)]).toEqual([64n, 64n]);
      expect(m.imports.ExSetTimerResolution(10_000, true)).toBe(10_000);
      m.imports.ExQueryTimerResolution(OUT, OUT + 4, OUT + 8);
      expect(m.kernel.memory.u32[OUT >> 2]).toBe(156_250);
    });
  });
});

type Operation = { readonly kind: 'head' | 'tail' | 'remove'; readonly entry: number };
const operations = fc.array(
  fc.record<Operation>({
    kind: fc.constantFrom('head', 'tail', 'remove'),
    entry: fc.integer({ min: 0, max: 15 }),
  }),
  { maxLength: 60 },
);

test('interlocked lists behave as an array does (wdm/nf-wdm-exinterlockedinserttaillist)', () => {
  fc.assert(
    fc.property(operations, (steps) => {
      const m = syncMachine(1);
      m.kernel.memory.writePointer(HEAD, HEAD);
      m.kernel.memory.writePointer(HEAD + 8, HEAD);
      const model: number[] = [];
      for (const { kind, entry } of steps) {
        const address = ENTRIES + 16 * entry;
        if (kind === 'remove')
          expect(m.imports.ExInterlockedRemoveHeadList(HEAD, LOCK)).toBe(model.shift() ?? 0);
        else if (model.includes(address)) continue;
        else if (kind === 'head') {
          expect(m.imports.ExInterlockedInsertHeadList(HEAD, address, LOCK)).toBe(model[0] ?? 0);
          model.unshift(address);
        } else {
          expect(m.imports.ExInterlockedInsertTailList(HEAD, address, LOCK)).toBe(model.at(-1) ?? 0);
          model.push(address);
        }
      }
      const forward: number[] = [];
      for (let at = m.kernel.memory.readPointer(HEAD); at !== HEAD; at = m.kernel.memory.readPointer(at))
        forward.push(at);
      expect(forward).toEqual(model);
    }),
    { numRuns: 50 },
  );
});

test('sequenced lists behave as a stack with its depth (wdm/nf-wdm-exinterlockedpushentryslist)', () => {
  fc.assert(
    fc.property(operations, (steps) => {
      const m = syncMachine(1);
      const { imports } = m;
      imports.InitializeSListHead(HEAD);
      const model: number[] = [];
      for (const { kind, entry } of steps) {
        const address = ENTRIES + 16 * entry;
        if (kind === 'remove') expect(imports.ExpInterlockedPopEntrySList(HEAD)).toBe(model.shift() ?? 0);
        else if (!model.includes(address)) {
          const push =
            kind === 'head' ? imports.ExpInterlockedPushEntrySList : imports.ExInterlockedPushEntrySList;
          expect(push(HEAD, address, LOCK)).toBe(model[0] ?? 0);
          model.unshift(address);
        }
        expect(imports.ExQueryDepthSList(HEAD)).toBe(model.length);
      }
      expect(imports.ExpInterlockedFlushSList(HEAD)).toBe(model[0] ?? 0);
      expect(imports.ExInterlockedPopEntrySList(HEAD, LOCK)).toBe(0);
      imports.ExInitializeSListHead(HEAD);
      expect(imports.ExQueryDepthSList(HEAD)).toBe(0);
    }),
    { numRuns: 50 },
  );
});

test('singly linked lists and interlocked arithmetic (wdm/nf-wdm-interlockedcompareexchange)', () => {
  const { imports, kernel } = syncMachine(1);
  const i32 = kernel.memory.i32;
  expect(imports.ExInterlockedPushEntryList(HEAD, ENTRIES, LOCK)).toBe(0);
  expect(imports.ExInterlockedPopEntryList(HEAD, LOCK)).toBe(ENTRIES);
  expect(imports.ExInterlockedPopEntryList(HEAD, LOCK)).toBe(0);
  i32[OUT >> 2] = 0x7fffffff;
  expect(imports.InterlockedIncrement(OUT)).toBe(-0x8000_0000);
  expect(imports.InterlockedDecrement(OUT)).toBe(0x7fffffff);
  expect(imports.InterlockedExchange(OUT, 5)).toBe(0x7fffffff);
  expect(imports.InterlockedExchangeAdd(OUT, 3)).toBe(5);
  expect(imports.InterlockedCompareExchange(OUT, 1, 9)).toBe(8);
  expect(imports.InterlockedCompareExchange(OUT, 12, 8)).toBe(8);
  expect([
    imports.InterlockedAnd(OUT, 10),
    imports.InterlockedOr(OUT, 1),
    imports.InterlockedXor(OUT, 3),
  ]).toEqual([12, 8, 9]);
  expect(i32[OUT >> 2]).toBe(10);
  expect(imports.ExInterlockedAddUlong(OUT, 2, LOCK)).toBe(10);
  kernel.memory.i64[OUT >> 3] = -1n;
  expect(imports.InterlockedIncrement64(OUT)).toBe(0n);
  expect(imports.InterlockedDecrement64(OUT)).toBe(-1n);
  expect(imports.InterlockedExchangeAdd64(OUT, 3n)).toBe(-1n);
  expect(imports.InterlockedExchange64(OUT, 7n)).toBe(2n);
  expect(imports.InterlockedCompareExchange64(OUT, 9n, 7n)).toBe(7n);
  expect(imports.ExInterlockedAddLargeInteger(OUT, 1n, LOCK)).toBe(9n);
  kernel.memory.i64[OUT >> 3] = 0n;
  expect(imports.InterlockedCompareExchangePointer(OUT, ENTRIES, null)).toBe(0);
  expect(imports.InterlockedExchangePointer(OUT, null)).toBe(ENTRIES);
});
