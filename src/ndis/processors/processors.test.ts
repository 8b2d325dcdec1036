/** Processors: counts, groups, topology, the set for receive side scaling, and how busy they are. */

import { describe, expect, test } from 'vitest';
import { createTestMiniport, registerMiniport } from '../../../test/support/drivers.ts';
import { createTestNdis, type TestNdis } from '../../../test/support/ndis.ts';
import { DISPATCH_LEVEL, poolOf, registryOf } from '../../kernel/index.ts';
import { poolType } from '../../memory/index.ts';
import {
  NDIS_HYPERVISOR_INFO,
  NDIS_PROCESSOR_INFO_EX,
  NDIS_RSS_PROCESSOR,
  NDIS_RSS_PROCESSOR_INFO,
  NDIS_SIZEOF_HYPERVISOR_INFO_REVISION_1,
  NDIS_SIZEOF_SYSTEM_PROCESSOR_INFO_REVISION_1,
  NDIS_STATUS_BUFFER_TOO_SHORT,
  NDIS_STATUS_SUCCESS,
  NDIS_SYSTEM_PROCESSOR_INFO,
  NDIS_SYSTEM_PROCESSOR_INFO_EX,
} from '../index.ts';

const memoryFor = (t: TestNdis, size: number) =>
  poolOf(t.kernel).allocateZeroed(poolType.nonPagedNx, size, 1, 0);

describe.each([1, 2, 4])('%i processors', (processors) => {
  test('are all in one group, active from the start (nf-ndis-ndisgroupactiveprocessorcount and its kin)', async () => {
    const t = createTestNdis({ processors });
    const { ndis, cell } = t.createDriver('any');
    const mask = cell().address;
    await t.run(() => {
      expect([ndis.NdisActiveGroupCount(), ndis.NdisMaxGroupCount()]).toEqual([1, 1]);
      for (const group of [0, 0xffff]) {
        expect(ndis.NdisGroupActiveProcessorCount(group)).toBe(processors);
        expect(ndis.NdisGroupMaxProcessorCount(group)).toBe(processors);
      }
      expect(ndis.NdisGroupMaxProcessorCount(1)).toBe(0);
      expect(ndis.NdisGroupActiveProcessorMask(0)).toBe((1n << BigInt(processors)) - 1n);
      expect(ndis.NdisGroupActiveProcessorMask(1)).toBe(0n);
      expect(ndis.NdisSystemProcessorCount()).toBe(processors);
      expect(ndis.NdisSystemActiveProcessorCount(mask)).toBe(processors);
    });
    expect(t.memory.data.getBigUint64(mask, true)).toBe((1n << BigInt(processors)) - 1n);
  });

  test('the one that runs is told by number and with its group (nf-ndis-ndiscurrentprocessorindex, nf-ndis-ndiscurrentgroupandprocessor)', async () => {
    const t = createTestNdis({ processors });
    const { ndis, ntoskrnl } = t.createDriver('any');
    await t.run(() => {
      const before = ntoskrnl.KeRaiseIrqlToDpcLevel();
      const index = ndis.NdisCurrentProcessorIndex();
      expect(index).toBe(t.kernel.scheduler.processor.number);
      expect(ndis.NdisCurrentGroupAndProcessor()).toBe(index << 16);
      expect(ndis.NDIS_CURRENT_PROCESSOR_NUMBER()).toBe(index);
      ntoskrnl.KeLowerIrql(before);
    });
    expect(DISPATCH_LEVEL).toBe(2);
  });

  test('their topology is one socket with a core each (nf-ndis-ndisgetprocessorinformationex)', async () => {
    const t = createTestNdis({ processors });
    const { ndis, cell } = t.createDriver('any');
    const [at, size] = [memoryFor(t, 512), cell()];
    await t.run(() => {
      const needed = NDIS_SYSTEM_PROCESSOR_INFO_EX.size + processors * NDIS_PROCESSOR_INFO_EX.size;
      expect(ndis.NdisGetProcessorInformationEx(0, 0, size)).toBe(NDIS_STATUS_BUFFER_TOO_SHORT);
      expect(size.value).toBe(needed);
      size.value = needed - 1;
      expect(ndis.NdisGetProcessorInformationEx(0, at, size)).toBe(NDIS_STATUS_BUFFER_TOO_SHORT);
      expect(ndis.NdisGetProcessorInformationEx(0, at, size)).toBe(NDIS_STATUS_SUCCESS);
    });
    const view = NDIS_SYSTEM_PROCESSOR_INFO_EX.at(t.memory, at);
    expect([view.NumSockets, view.NumCores, view.NumCoresPerSocket, view.NumberOfProcessors]).toEqual([
      1,
      processors,
      processors,
      processors,
    ]);
    const last = at + view.ProcessorInfoOffset + (processors - 1) * view.ProcessorInfoEntrySize;
    expect(NDIS_PROCESSOR_INFO_EX.at(t.memory, last).CoreId).toBe(processors - 1);
    expect(NDIS_PROCESSOR_INFO_EX.at(t.memory, last).ProcNum.Number).toBe(processors - 1);
  });

  test('drivers before 6.20 get it in one structure, with the processors for receive side scaling (nf-ndis-ndisgetprocessorinformation)', async () => {
    const t = createTestNdis({ processors });
    const { ndis } = t.createDriver('any');
    const [at, list] = [memoryFor(t, NDIS_SYSTEM_PROCESSOR_INFO.size), memoryFor(t, 64)];
    const view = NDIS_SYSTEM_PROCESSOR_INFO.at(t.memory, at);
    await t.run(() => {
      expect(ndis.NdisGetProcessorInformation(view)).toBe(NDIS_STATUS_BUFFER_TOO_SHORT);
      view.Header.Size = NDIS_SIZEOF_SYSTEM_PROCESSOR_INFO_REVISION_1;
      view.RssProcessors = list;
      expect(ndis.NdisGetProcessorInformation(view)).toBe(NDIS_STATUS_SUCCESS);
    });
    expect([view.NumPhysicalPackages, view.NumCores, view.RssBaseCpu, view.RssCpuCount]).toEqual([
      1,
      processors,
      0,
      processors,
    ]);
    expect([...t.memory.u8.subarray(list, list + processors)]).toEqual([0, 1, 2, 3].slice(0, processors));
  });
});

test('no hypervisor is there (nf-ndis-ndisgethypervisorinfo)', async () => {
  const t = createTestNdis();
  const { ndis } = t.createDriver('any');
  const view = NDIS_HYPERVISOR_INFO.at(t.memory, memoryFor(t, NDIS_HYPERVISOR_INFO.size));
  await t.run(() => {
    expect(ndis.NdisGetHypervisorInfo(view)).toBe(NDIS_STATUS_BUFFER_TOO_SHORT);
    view.Header.Size = NDIS_SIZEOF_HYPERVISOR_INFO_REVISION_1;
    view.Flags = 7;
    expect(ndis.NdisGetHypervisorInfo(view)).toBe(NDIS_STATUS_SUCCESS);
  });
  expect(view.Flags).toBe(0);
});

describe('the processors for receive side scaling of an adapter (network/standardized-inf-keywords-for-rss)', () => {
  async function setOf(keywords: Readonly<Record<string, string | number>>) {
    const t = createTestNdis({ processors: 4 });
    const m = createTestMiniport(t);
    await registerMiniport(t, m);
    const adapter = t.addAdapter(m.object(), 'Ethernet');
    const key = registryOf(t.kernel).create(adapter.configurationKeyPath);
    for (const [name, value] of Object.entries(keywords)) key.set(name, value);
    await t.runAll();
    const [at, size] = [memoryFor(t, 512), m.driver.cell()];
    size.value = 512;
    await t.run(() => m.driver.ndis.NdisGetRssProcessorInformation(adapter.handle, at, size));
    const view = NDIS_RSS_PROCESSOR_INFO.at(t.memory, at);
    const numbers = Array.from({ length: view.RssProcessorCount }, (_, index) => {
      const entry = at + view.RssProcessorArrayOffset + index * view.RssProcessorEntrySize;
      return NDIS_RSS_PROCESSOR.at(t.memory, entry).ProcNum.Number;
    });
    return { numbers, maximum: view.MaxNumRssProcessors, profile: view.RssProfile };
  }

  test.each([
    ['nothing', {}, [0, 1, 2, 3], 4],
    ['a lowest processor', { '*RssBaseProcNumber': '1' }, [1, 2, 3], 3],
    ['a highest processor', { '*RssMaxProcNumber': '2', '*RssMaxProcGroup': '0' }, [0, 1, 2], 3],
    ['both', { '*RssBaseProcNumber': 1, '*RssMaxProcNumber': 2 }, [1, 2], 2],
    ['how many', { '*MaxRssProcessors': '2' }, [0, 1, 2, 3], 2],
    ['a group that is not there', { '*RssBaseProcGroup': '1' }, [], 0],
    ['what is no number', { '*MaxRssProcessors': 'many' }, [0, 1, 2, 3], 4],
  ])('with %s', async (_what, keywords, numbers, maximum) => {
    expect(await setOf(keywords)).toEqual({ numbers, maximum, profile: 4 });
  });
});

describe('how busy a processor is (nf-ndis-ndisgetcurrentprocessorcounts)', () => {
  test('the load since an earlier call follows from the counts: stalling is work, sleeping is not', async () => {
    const t = createTestNdis();
    const { ndis, ntoskrnl, cell } = t.createDriver('any');
    const [idle, all, index, percent] = [cell().address, cell().address, cell().address, cell().address];
    const counts = () => {
      ndis.NdisGetCurrentProcessorCounts(idle, all, index);
      return { idle: t.memory.u32[idle >> 2], all: t.memory.u32[all >> 2], index: t.memory.u32[index >> 2] };
    };
    await t.run(async () => {
      const start = counts();
      await ndis.NdisMSleep(2_000_000);
      const slept = counts();
      for (let second = 0; second < 200; second++) ntoskrnl.KeStallExecutionProcessor(10_000);
      const worked = counts();
      expect(start.index).toBe(0);
      expect(slept.all - start.all).toBe(128);
      expect(slept.idle - start.idle).toBeGreaterThanOrEqual(127);
      expect(worked.all - slept.all).toBe(128);
      expect(worked.idle - slept.idle).toBeLessThanOrEqual(1);
      ndis.NdisGetCurrentProcessorCpuUsage(percent);
      expect(t.memory.u32[percent >> 2]).toBe(50);
    });
  });

  test('each processor has times of its own', async () => {
    const t = createTestNdis({ processors: 2 });
    const { ntoskrnl } = t.createDriver('any');
    const { dpcs, processors } = t.kernel.scheduler;
    await t.run(() => {
      ntoskrnl.KeSetSystemAffinityThread(2n);
      for (let count = 0; count < 100; count++) ntoskrnl.KeStallExecutionProcessor(10_000);
    });
    expect(dpcs.busyTime(processors[1])).toBeGreaterThanOrEqual(10_000_000);
    expect(dpcs.busyTime(processors[0])).toBeLessThan(1000);
  });
});
