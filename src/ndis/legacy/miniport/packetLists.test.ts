/** Scatter/gather lists of packets (ddk/ndis.h: NdisMInitializeScatterGatherDma, ScatterGatherListPacketInfo). */

import { expect, test } from 'vitest';
import { createTestProtocol, registerProtocol } from '../../../../test/support/drivers.ts';
import {
  createLegacyMiniport,
  legacyCharacteristics,
  startLegacy,
} from '../../../../test/support/legacyMiniport.ts';
import { chain, createFrames, listsOf } from '../../../../test/support/lists.ts';
import { createTestNdis } from '../../../../test/support/ndis.ts';
import { poolOf } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import {
  NBL_STATUS,
  NDIS_ATTRIBUTE_BUS_MASTER,
  NDIS_ATTRIBUTE_DESERIALIZE,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  ScatterGatherListPacketInfo,
} from '../../index.ts';
import { NB_DATA_LENGTH, NBL_FIRST_NET_BUFFER } from '../../netBuffer/offsets.ts';

const BUS_MASTER = NDIS_ATTRIBUTE_DESERIALIZE | NDIS_ATTRIBUTE_BUS_MASTER;
const OTHER = [2, 0, 0, 0, 0, 9];

/** A miniport that asks for lists in MiniportInitialize, and a protocol above it. */
async function setUp(attributes = BUS_MASTER, maximum = 1514, mapRegisters = 0) {
  const t = createTestNdis();
  const m = createLegacyMiniport(t);
  m.attributes = attributes;
  const { ndis } = m.driver;
  const p = createTestProtocol(t);
  const statuses: number[] = [];
  p.onSendComplete = (_context, lists) => {
    for (const list of listsOf(t, lists)) statuses.push(t.memory.u32[(list + NBL_STATUS) >> 2]);
  };
  await registerProtocol(t, p);
  const answers: number[] = [];
  const { InitializeHandler } = legacyCharacteristics(t, m);
  await startLegacy(t, m, {
    InitializeHandler: (...given: Parameters<typeof InitializeHandler>) => {
      const status = InitializeHandler(...given);
      const [handle] = m.adapters;
      if (mapRegisters > 0) ndis.NdisMAllocateMapRegisters(handle, 0, 1, mapRegisters, 4096);
      answers.push(ndis.NdisMInitializeScatterGatherDma(handle, true, maximum));
      return status;
    },
  });
  const [binding] = [...p.object().bindings];
  const frame = await t.run(() => createFrames(t, p.driver));
  const make = () => t.run(() => frame(OTHER, binding.handle));
  const send = (...lists: Address[]) =>
    t.run(() => p.driver.ndis.NdisSendNetBufferLists(binding.handle, chain(t, lists), 0, 0));
  /** Address and length of each element. */
  const elementsOf = (list: Address): number[][] =>
    Array.from({ length: t.memory.u32[list >> 2] }, (_, index) => {
      const at = list + 16 + 24 * index;
      return [t.memory.u32[at >> 2], t.memory.u32[(at + 8) >> 2]];
    });
  const listOf = (packet: Address) =>
    ndis.NDIS_PER_PACKET_INFO_FROM_PACKET(packet, ScatterGatherListPacketInfo) as Address;
  return { t, m, p, ndis, answers, statuses, make, send, elementsOf, listOf };
}

test('a packet has the list of its bytes until it is complete, and the next one may have the same', async () => {
  const s = await setUp();
  expect(s.answers).toEqual([NDIS_STATUS_SUCCESS]);
  const pending: Address[] = [];
  const lists: Address[] = [];
  s.m.onSend = (_context, packet) => {
    const list = s.listOf(packet);
    const [[address, length], ...more] = s.elementsOf(list);
    expect([...s.t.memory.u8.subarray(address, address + 6)]).toEqual(OTHER);
    expect(more).toEqual([]);
    const buffer = s.t.memory.readPointer(packet + 8);
    expect(length).toBe(s.t.memory.u32[(buffer + 40) >> 2]);
    lists.push(list);
    pending.push(packet);
    return NDIS_STATUS_PENDING;
  };
  await s.send(await s.make(), await s.make());
  expect(new Set(lists).size).toBe(2);
  await s.t.run(() => s.ndis.NdisMSendComplete(s.m.adapters[0], pending[1], NDIS_STATUS_SUCCESS));
  await s.send(await s.make());
  expect(lists[2]).toBe(lists[1]);
  for (const packet of [pending[0], pending[2]])
    await s.t.run(() => s.ndis.NdisMSendComplete(s.m.adapters[0], packet, NDIS_STATUS_SUCCESS));
  expect(s.statuses).toEqual([0, 0, 0]);
  expect(s.t.findings()).toEqual([]);
});

test('each buffer of a chain is an element, however many there are', async () => {
  const s = await setUp();
  const list = await s.make();
  const { memory } = s.t;
  const pieces = 24;
  const netBuffer = memory.readPointer(list + NBL_FIRST_NET_BUFFER);
  let last = memory.readPointer(netBuffer + 8);
  const mdls = await s.t.run(() =>
    Array.from({ length: pieces }, () => s.p.driver.ndis.NdisAllocateMdl(0, s.p.driver.cell().address, 2)),
  );
  for (const mdl of mdls) {
    memory.writePointer(last, mdl);
    last = mdl;
  }
  memory.u32[(netBuffer + NB_DATA_LENGTH) >> 2] += 2 * pieces;
  const counts: number[] = [];
  s.m.onSend = (_context, packet) => {
    const elements = s.elementsOf(s.listOf(packet));
    counts.push(elements.length);
    expect(elements.slice(1).map(([, length]) => length)).toEqual(mdls.map(() => 2));
    return NDIS_STATUS_SUCCESS;
  };
  await s.send(list);
  expect(counts).toEqual([1 + pieces]);
  expect(s.statuses).toEqual([0]);
});

test('a packet longer than the driver maps, or for whose list memory is short, fails with NDIS_STATUS_RESOURCES', async () => {
  const small = await setUp(BUS_MASTER, 8);
  let sent = 0;
  small.m.onSend = () => {
    sent++;
    return NDIS_STATUS_SUCCESS;
  };
  await small.send(await small.make(), await small.make());
  expect(small.statuses).toEqual([NDIS_STATUS_RESOURCES, NDIS_STATUS_RESOURCES]);
  expect(sent).toBe(0);

  const short = await setUp();
  const list = await short.make();
  // One frame goes through, so that its packet is there already; its list is kept in use.
  let held: Address = 0;
  short.m.onSend = (_context, packet) => {
    held = packet;
    return NDIS_STATUS_PENDING;
  };
  await short.send(await short.make());
  poolOf(short.t.kernel).fail = () => true;
  await short.send(list);
  poolOf(short.t.kernel).fail = undefined;
  expect(short.statuses).toEqual([NDIS_STATUS_RESOURCES]);
  await short.t.run(() => short.ndis.NdisMSendComplete(short.m.adapters[0], held, NDIS_STATUS_SUCCESS));
  expect(short.statuses).toEqual([NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS]);
});

test('lists are for bus masters without map registers, and asked for in MiniportInitialize', async () => {
  expect((await setUp(NDIS_ATTRIBUTE_DESERIALIZE)).answers).toEqual([NDIS_STATUS_NOT_SUPPORTED]);
  expect((await setUp(BUS_MASTER, 1514, 4)).answers).toEqual([NDIS_STATUS_RESOURCES]);
  const s = await setUp();
  await s.t.run(() => {
    expect(s.ndis.NdisMInitializeScatterGatherDma(s.m.adapters[0], true, 4096)).toBe(NDIS_STATUS_FAILURE);
    expect(s.ndis.NdisMInitializeScatterGatherDma(0x44, true, 4096)).toBe(NDIS_STATUS_FAILURE);
  });
  expect(s.t.findings()).toEqual(['BAD_HANDLE legacy']);
});
