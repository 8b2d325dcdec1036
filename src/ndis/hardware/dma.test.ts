/** Bus-master DMA with scatter/gather lists, and the system's DMA controller. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesAt } from '../../../test/support/cells.ts';
import {
  createHardwareStack,
  dmaDescription,
  type HardwareOptions,
  type HardwareStack,
} from '../../../test/support/hardwareStack.ts';
import { poolOf, systemDmaOf } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import {
  NDIS_STATUS_BAD_VERSION,
  NDIS_STATUS_BUFFER_TOO_SHORT,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_RESOURCE_CONFLICT,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../index.ts';

interface Made {
  readonly list: Address;
  readonly context: unknown;
  readonly irql: number;
}

/** A stack with a channel; what MiniportProcessSGList got is in `made`. */
async function setUp(options: HardwareOptions & { readonly changes?: object } = {}) {
  const made: Made[] = [];
  const outcome = { status: -1, dma: 0 as Address };
  const stack = await createHardwareStack({
    ...options,
    initialize: (s) => {
      const cell = s.driver.cell();
      const process = (_device: Address, _reserved: Address, list: Address, context: unknown) => {
        made.push({ list, context, irql: s.t.kernel.irql });
      };
      outcome.status = s.ndis.NdisMRegisterScatterGatherDma(
        s.handle,
        dmaDescription(process, options.changes) as never,
        cell,
      );
      outcome.dma = cell.value;
    },
    halt: options.halt ?? ((s) => s.ndis.NdisMDeregisterScatterGatherDma(outcome.dma)),
  });
  return { ...stack, ...outcome, made };
}

/** Elements of a list. */
function elements(s: HardwareStack, list: Address): [number, number][] {
  const { u32 } = s.t.memory;
  return Array.from({ length: u32[list >> 2] }, (_, index) => {
    const at = (list + 16 + 24 * index) >> 2;
    expect(u32[at + 1]).toBe(0);
    return [u32[at], u32[at + 2]];
  });
}

/** A net buffer over MDLs of these lengths, whose data begins `offset` bytes into the first; give it back with `free`. */
function netBuffer(s: HardwareStack, lengths: readonly number[], offset = 0) {
  const { ndis, t } = s;
  const ranges: [number, number][] = [];
  const mdls: Address[] = [];
  for (const length of lengths) {
    const at = bytesAt(t.kernel, length);
    const mdl = ndis.NdisAllocateMdl(0, at, length);
    if (mdls.length > 0) ndis.NDIS_MDL_LINKAGE(mdls[mdls.length - 1], mdl);
    mdls.push(mdl);
    ranges.push([at, length]);
  }
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const pool = ndis.NdisAllocateNetBufferPool(0, {
    Header: { Type: 0x80, Revision: 1, Size: 12 },
    PoolTag: 1,
    DataSize: 0,
  } as never);
  const buffer = ndis.NdisAllocateNetBuffer(pool, mdls[0], offset, total - offset);
  const free = () => {
    ndis.NdisFreeNetBuffer(buffer);
    for (const mdl of mdls) ndis.NdisFreeMdl(mdl);
    ndis.NdisFreeNetBufferPool(pool);
  };
  return { buffer, ranges, free };
}

describe('NdisMRegisterScatterGatherDma (ndis/nf-ndis-ndismregisterscattergatherdma)', () => {
  test('gives a channel and the size of its lists', async () => {
    const s = await setUp();
    expect(s.status).toBe(NDIS_STATUS_SUCCESS);
    await s.t.run(() => {
      const description = bytesAt(s.t.kernel, 48);
      s.t.memory.u32[description >> 2] = 0x0024_0183;
      s.t.memory.u32[(description + 8) >> 2] = 65536;
      s.t.memory.writePointer(
        description + 16,
        s.t.memory.callables.addressOf(() => {}, s.driver.driver),
      );
      const cell = s.driver.cell();
      expect(s.ndis.NdisMRegisterScatterGatherDma(s.handle, description as never, cell)).toBe(0);
      expect(s.t.memory.u32[(description + 32) >> 2]).toBe(16 + 24 * 17);
      expect(s.ndis.NdisMGetDmaAlignment(s.handle)).toBe(64);
      s.ndis.NdisMDeregisterScatterGatherDma(cell.value);
    });
    expect(s.t.findings()).toEqual([]);
  });

  test('refuses what is no bus master, wrong headers, no handler, wrong handles, and short memory', async () => {
    const halt = () => {};
    expect((await setUp({ flags: 0, halt })).status).toBe(NDIS_STATUS_NOT_SUPPORTED);
    const Header = { Type: 0x83, Revision: 0, Size: 36 };
    expect((await setUp({ changes: { Header }, halt })).status).toBe(NDIS_STATUS_BAD_VERSION);
    expect((await setUp({ changes: { ProcessSGListHandler: null }, halt })).status).toBe(NDIS_STATUS_FAILURE);
    const s = await setUp({ flags: 0, halt });
    await s.t.run(() => {
      s.ndis.NdisMGetDmaAlignment(s.handle);
      s.ndis.NdisMRegisterScatterGatherDma(0x44, dmaDescription(() => {}) as never, s.driver.cell());
      s.ndis.NdisMDeregisterScatterGatherDma(0x44);
    });
    expect(s.t.findings()).toEqual(['NO_DMA_CHANNEL miniport', 'BAD_HANDLE miniport', 'BAD_HANDLE miniport']);
    const short = await setUp();
    poolOf(short.t.kernel).fail = (_type, size) => size === 64;
    await short.t.run(() =>
      expect(
        short.ndis.NdisMRegisterScatterGatherDma(
          short.handle,
          dmaDescription(() => {}) as never,
          short.driver.cell(),
        ),
      ).toBe(NDIS_STATUS_RESOURCES),
    );
  });
});

describe('NdisMAllocateNetBufferSGList (ndis/nf-ndis-ndismallocatenetbuffersglist)', () => {
  test('lists the data from the beginning of the current MDL on, at DISPATCH_LEVEL, now or later', async () => {
    for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
      const s = await setUp({ seed });
      const context = { my: 'context' };
      const made = await s.t.run(() => {
        const old = s.driver.ntoskrnl.KeRaiseIrqlToDpcLevel();
        const data = netBuffer(s, [100, 30, 50], 40);
        expect(s.ndis.NdisMAllocateNetBufferSGList(s.dma, data.buffer, context, 1, 0, 0)).toBe(0);
        s.driver.ntoskrnl.KeLowerIrql(old);
        expect(s.made).toHaveLength(1);
        expect(s.made[0]).toMatchObject({ context, irql: 2 });
        expect(elements(s, s.made[0].list)).toEqual(data.ranges);
        s.driver.ntoskrnl.KeRaiseIrqlToDpcLevel();
        s.ndis.NdisMFreeNetBufferSGList(s.dma, s.made[0].list, data.buffer);
        data.free();
        s.driver.ntoskrnl.KeLowerIrql(old);
        return s.made.length;
      });
      expect(made).toBe(1);
      expect(s.t.findings()).toEqual([]);
    }
  });

  test('uses the buffer of the driver where it is large enough', async () => {
    const s = await setUp();
    await s.t.run(() => {
      const old = s.driver.ntoskrnl.KeRaiseIrqlToDpcLevel();
      const data = netBuffer(s, [10, 10]);
      const own = bytesAt(s.t.kernel, 64);
      s.ndis.NdisMAllocateNetBufferSGList(s.dma, data.buffer, 0, 1, own, 64);
      s.ndis.NdisMAllocateNetBufferSGList(s.dma, data.buffer, 0, 1, own, 63);
      s.driver.ntoskrnl.KeLowerIrql(old);
      const [first, second] = s.made.map(({ list }) => list);
      expect(first).toBe(own);
      expect(second).not.toBe(own);
      s.driver.ntoskrnl.KeRaiseIrqlToDpcLevel();
      s.ndis.NdisMFreeNetBufferSGList(s.dma, first, data.buffer);
      s.ndis.NdisMFreeNetBufferSGList(s.dma, second, data.buffer);
      data.free();
      s.driver.ntoskrnl.KeLowerIrql(old);
    });
    expect(s.t.findings()).toEqual([]);
  });

  test('fails for more pages than were reserved, and when memory is short', async () => {
    const s = await setUp();
    await s.t.run(() => {
      const old = s.driver.ntoskrnl.KeRaiseIrqlToDpcLevel();
      const large = netBuffer(s, [16384]);
      expect(s.ndis.NdisMAllocateNetBufferSGList(s.dma, large.buffer, 0, 1, 0, 0)).toBe(
        NDIS_STATUS_RESOURCES,
      );
      large.free();
      const small = netBuffer(s, [64]);
      poolOf(s.t.kernel).fail = () => true;
      expect(s.ndis.NdisMAllocateNetBufferSGList(s.dma, small.buffer, 0, 1, 0, 0)).toBe(
        NDIS_STATUS_RESOURCES,
      );
      poolOf(s.t.kernel).fail = undefined;
      small.free();
      expect(s.ndis.NdisMAllocateNetBufferSGList(0x44, 0x10000, 0, 1, 0, 0)).toBe(NDIS_STATUS_RESOURCES);
      s.driver.ntoskrnl.KeLowerIrql(old);
    });
    expect(s.t.findings()).toEqual(['BAD_HANDLE miniport']);
  });

  test('lists freed twice or of another buffer, and left at the end, are findings (ndis/nf-ndis-ndismfreenetbuffersglist)', async () => {
    const s = await setUp({ halt: () => {} });
    await s.t.run(() => {
      const old = s.driver.ntoskrnl.KeRaiseIrqlToDpcLevel();
      const data = netBuffer(s, [10]);
      s.ndis.NdisMAllocateNetBufferSGList(s.dma, data.buffer, 0, 1, 0, 0);
      s.ndis.NdisMAllocateNetBufferSGList(s.dma, data.buffer, 0, 1, 0, 0);
      s.driver.ntoskrnl.KeLowerIrql(old);
      s.driver.ntoskrnl.KeRaiseIrqlToDpcLevel();
      const { list } = s.made[0];
      s.ndis.NdisMFreeNetBufferSGList(s.dma, list, data.buffer + 16);
      s.ndis.NdisMFreeNetBufferSGList(s.dma, list, data.buffer);
      s.ndis.NdisMFreeNetBufferSGList(s.dma, list, data.buffer);
      s.driver.ntoskrnl.KeLowerIrql(old);
    });
    s.t.halt(s.adapter);
    await s.t.runAll();
    const again = await setUp();
    await again.t.run(() => {
      const old = again.driver.ntoskrnl.KeRaiseIrqlToDpcLevel();
      const data = netBuffer(again, [10]);
      again.ndis.NdisMAllocateNetBufferSGList(again.dma, data.buffer, 0, 1, 0, 0);
      again.driver.ntoskrnl.KeLowerIrql(old);
      again.ndis.NdisMDeregisterScatterGatherDma(again.dma);
    });
    expect(s.t.findings()).toEqual([
      'BAD_SG_LIST miniport',
      'BAD_SG_LIST miniport',
      'DMA_NOT_DEREGISTERED miniport',
    ]);
    expect(again.t.findings()).toEqual(['SG_LISTS_OUT miniport']);
  });

  test('every list covers exactly the bytes of its chain, in order (property)', async () => {
    const s = await setUp({ changes: { MaximumPhysicalMapping: 0x10_0000 } });
    const lengths = fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(lengths, fc.nat(9000), async (sizes, skip) => {
        await s.t.run(() => {
          s.made.length = 0;
          const old = s.driver.ntoskrnl.KeRaiseIrqlToDpcLevel();
          const data = netBuffer(s, sizes, skip % sizes[0]);
          s.ndis.NdisMAllocateNetBufferSGList(s.dma, data.buffer, 0, 1, 0, 0);
          s.driver.ntoskrnl.KeLowerIrql(old);
          const listed = elements(s, s.made[0].list).flatMap(([at, length]) => [at, at + length]);
          expect(listed).toEqual(data.ranges.flatMap(([at, length]) => [at, at + length]));
          s.driver.ntoskrnl.KeRaiseIrqlToDpcLevel();
          s.ndis.NdisMFreeNetBufferSGList(s.dma, s.made[0].list, data.buffer);
          data.free();
          s.driver.ntoskrnl.KeLowerIrql(old);
        });
      }),
      { numRuns: 60 },
    );
    expect(s.t.findings()).toEqual([]);
  });
});

describe('NdisBuildScatterGatherList (ndis/nf-ndis-ndisbuildscattergatherlist)', () => {
  const literal = (changes: object) =>
    ({ Header: { Type: 0x80, Revision: 1, Size: 72 }, Length: 20, ...changes }) as never;

  test('builds a list of a part of a buffer before it returns', async () => {
    const s = await setUp();
    await s.t.run(() => {
      const old = s.driver.ntoskrnl.KeRaiseIrqlToDpcLevel();
      const at = bytesAt(s.t.kernel, 100);
      const Mdl = s.ndis.NdisAllocateMdl(0, at, 100);
      const list = bytesAt(s.t.kernel, 40);
      const got: unknown[] = [];
      const ProcessSGListHandler = (_d: Address, _r: Address, given: Address, context: unknown) =>
        got.push(given, context);
      const Context = { my: 'context' };
      const status = s.ndis.NdisBuildScatterGatherList(
        s.handle,
        literal({
          Mdl,
          CurrentVa: at + 30,
          ProcessSGListHandler,
          Context,
          ScatterGatherListBuffer: list,
          ScatterGatherListBufferSize: 40,
        }),
      );
      expect(status).toBe(NDIS_STATUS_SUCCESS);
      expect(got).toEqual([list, Context]);
      expect(elements(s, list)).toEqual([[at + 30, 20]]);
      s.ndis.NdisFreeScatterGatherList(s.handle, list, true);
      s.ndis.NdisFreeScatterGatherList(s.handle, list, true);
      s.ndis.NdisFreeMdl(Mdl);
      s.driver.ntoskrnl.KeLowerIrql(old);
    });
    expect(s.t.findings()).toEqual(['BAD_SG_LIST miniport']);
  });

  test('says what it needs where the buffer is too small, and refuses what is wrong', async () => {
    const s = await setUp();
    const none = await setUp({ flags: 0, halt: () => {} });
    await s.t.run(() => {
      const old = s.driver.ntoskrnl.KeRaiseIrqlToDpcLevel();
      const at = bytesAt(s.t.kernel, 100);
      const Mdl = s.ndis.NdisAllocateMdl(0, at, 100);
      const build = (changes: object) =>
        s.ndis.NdisBuildScatterGatherList(
          s.handle,
          literal({ Mdl, CurrentVa: at, ProcessSGListHandler: () => {}, ...changes }),
        );
      expect(build({})).toBe(NDIS_STATUS_BUFFER_TOO_SHORT);
      expect(build({ Length: 101 })).toBe(NDIS_STATUS_INVALID_PARAMETER);
      expect(build({ CurrentVa: at - 1 })).toBe(NDIS_STATUS_INVALID_PARAMETER);
      expect(build({ ProcessSGListHandler: null })).toBe(NDIS_STATUS_INVALID_PARAMETER);
      expect(build({ Header: { Type: 0x80, Revision: 1, Size: 71 } })).toBe(NDIS_STATUS_INVALID_PARAMETER);
      s.ndis.NdisFreeMdl(Mdl);
      s.driver.ntoskrnl.KeLowerIrql(old);
    });
    await none.t.run(() => {
      const old = none.driver.ntoskrnl.KeRaiseIrqlToDpcLevel();
      expect(none.ndis.NdisBuildScatterGatherList(none.handle, literal({}))).toBe(NDIS_STATUS_FAILURE);
      none.driver.ntoskrnl.KeLowerIrql(old);
    });
  });
});

describe('the DMA controller of the system (ndis/nf-ndis-ndismregisterdmachannel)', () => {
  const description = (changes: object = {}) =>
    ({ DmaChannelSpecified: true, DmaChannel: 3, ...changes }) as never;

  test('moves data for a device that cannot master the bus', async () => {
    const s = await createHardwareStack({ flags: 0 });
    const { ndis, t, driver } = s;
    await t.run(() => {
      const cell = driver.cell();
      const status = driver.cell();
      expect(ndis.NdisMRegisterDmaChannel(cell, s.handle, 0, true, description(), 4096)).toBe(0);
      const at = bytesAt(t.kernel, 64);
      for (let i = 0; i < 64; i++) t.memory.u8[at + i] = i;
      const mdl = ndis.NdisAllocateMdl(0, at, 64);
      ndis.NdisMSetupDmaTransfer(status, cell.value, mdl, 10, 20, true);
      expect(t.memory.u32[status.address >> 2]).toBe(NDIS_STATUS_SUCCESS);
      const bytes = new Uint8Array(15);
      expect(systemDmaOf(t.kernel).move(3, bytes)).toBe(15);
      expect([bytes[0], bytes[14]]).toEqual([10, 24]);
      expect(ndis.NdisMReadDmaCounter(cell.value)).toBe(5);
      ndis.NdisMSetupDmaTransfer(status, cell.value, mdl, 0, 1, true);
      expect(t.memory.u32[status.address >> 2]).toBe(NDIS_STATUS_RESOURCES);
      expect(systemDmaOf(t.kernel).move(3, bytes)).toBe(5);
      ndis.NdisMCompleteDmaTransfer(status, cell.value, mdl, 10, 20, true);
      expect(t.memory.u32[status.address >> 2]).toBe(NDIS_STATUS_SUCCESS);
      ndis.NdisMSetupDmaTransfer(status, cell.value, mdl, 60, 5, false);
      expect(t.memory.u32[status.address >> 2]).toBe(NDIS_STATUS_RESOURCES);
      ndis.NdisMSetupDmaTransfer(status, cell.value, mdl, 60, 4, false);
      systemDmaOf(t.kernel).move(3, new Uint8Array([9, 9]));
      expect([t.memory.u8[at + 61], t.memory.u8[at + 62]]).toEqual([9, 62]);
      ndis.NdisMCompleteDmaTransfer(status, cell.value, mdl, 60, 4, false);
      expect(t.memory.u32[status.address >> 2]).toBe(NDIS_STATUS_RESOURCES);
      expect(ndis.NdisMGetDmaAlignment(s.handle)).toBe(64);
      ndis.NdisFreeMdl(mdl);
      ndis.NdisMDeregisterDmaChannel(cell.value);
      expect(ndis.NdisMReadDmaCounter(cell.value)).toBe(0);
    });
    expect(t.findings()).toEqual(['BAD_HANDLE miniport']);
  });

  test('refuses channels that are taken or not there, bus masters that are not on ISA, wrong handles', async () => {
    const s = await createHardwareStack({ flags: 0 });
    const master = await createHardwareStack();
    await s.t.run(() => {
      const register = (changes: object = {}) =>
        s.ndis.NdisMRegisterDmaChannel(s.driver.cell(), s.handle, 0, true, description(changes), 0xffff_ffff);
      expect(register()).toBe(NDIS_STATUS_SUCCESS);
      expect(register()).toBe(NDIS_STATUS_RESOURCE_CONFLICT);
      expect(register({ DmaChannel: 4 })).toBe(NDIS_STATUS_RESOURCE_CONFLICT);
      expect(register({ DmaChannel: 8 })).toBe(NDIS_STATUS_FAILURE);
      for (let i = 0; i < 6; i++) expect(register({ DmaChannelSpecified: false })).toBe(NDIS_STATUS_SUCCESS);
      expect(register({ DmaChannelSpecified: false })).toBe(NDIS_STATUS_RESOURCES);
      const status = s.driver.cell();
      s.ndis.NdisMSetupDmaTransfer(status, 0x44, 0x10000, 0, 1, true);
      s.ndis.NdisMCompleteDmaTransfer(status, 0x44, 0x10000, 0, 1, true);
      s.ndis.NdisMDeregisterDmaChannel(0x44);
    });
    s.t.halt(s.adapter);
    await s.t.runAll();
    await master.t.run(() =>
      expect(
        master.ndis.NdisMRegisterDmaChannel(master.driver.cell(), master.handle, 0, true, description(), 1),
      ).toBe(NDIS_STATUS_FAILURE),
    );
    expect(new Set(s.t.findings())).toEqual(
      new Set(['BAD_HANDLE miniport', 'DMA_NOT_DEREGISTERED miniport']),
    );
    expect(s.t.findings()).toHaveLength(10);
  });
});
