import { describe, expect, test } from 'vitest';
import { createTestProtocol, registerProtocol, type TestBinding } from '../../../../test/support/drivers.ts';
import {
  createLegacyMiniport,
  type LegacyMiniportTest,
  sendPacketsHandler,
  startLegacy,
} from '../../../../test/support/legacyMiniport.ts';
import { chain, createFrames, listsOf } from '../../../../test/support/lists.ts';
import { createTestNdis, type TestNdis } from '../../../../test/support/ndis.ts';
import { poolOf } from '../../../kernel/index.ts';
import { type Address, poolType } from '../../../memory/index.ts';
import { updateReceivers } from '../../dataPath/receivers.ts';
import {
  NBL_STATUS,
  NDIS_ATTRIBUTE_DESERIALIZE,
  NDIS_PACKET_TYPE_PROMISCUOUS,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PAUSED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../../index.ts';

const OTHER = [2, 0, 0, 0, 0, 9];

async function stack(
  attributes: number,
  prepare: (m: LegacyMiniportTest, t: TestNdis) => object = () => ({}),
  seed = 1,
) {
  const t = createTestNdis({ seed });
  const m = createLegacyMiniport(t);
  m.attributes = attributes;
  const p = createTestProtocol(t);
  const completed: { list: Address; status: number }[] = [];
  p.onSendComplete = (_context, lists) => {
    for (const list of listsOf(t, lists))
      completed.push({ list, status: t.memory.u32[(list + NBL_STATUS) >> 2] });
  };
  await registerProtocol(t, p);
  const adapter = await startLegacy(t, m, prepare(m, t));
  const [binding] = [...p.object().bindings];
  binding.packetFilter = NDIS_PACKET_TYPE_PROMISCUOUS;
  updateReceivers(adapter);
  const frame = await t.run(() => createFrames(t, p.driver));
  const send = (lists: readonly Address[]) =>
    t.run(() => p.driver.ndis.NdisSendNetBufferLists(binding.handle, chain(t, lists), 0, 0));
  const frames = (count: number) =>
    t.run(() => Array.from({ length: count }, () => frame(OTHER, binding.handle)));
  const complete = (packet: Address, status: number) =>
    t.run(() => m.driver.ndis.NdisMSendComplete(m.adapters[0], packet, status));
  return { t, m, p, adapter, binding, completed, send, frames, complete };
}

describe('sends', () => {
  test('each list goes down as a packet to MiniportSend, with its bytes, and comes back with the status', async () => {
    const s = await stack(NDIS_ATTRIBUTE_DESERIALIZE);
    const seen: { context: unknown; bytes: number[] }[] = [];
    const statuses = [NDIS_STATUS_SUCCESS, NDIS_STATUS_FAILURE];
    s.m.onSend = (context, packet) => {
      const { memory } = s.t;
      const buffer = memory.readPointer(packet + 8);
      const at = memory.readPointer(buffer + 24);
      seen.push({ context, bytes: [...memory.u8.subarray(at, at + 6)] });
      return statuses[seen.length - 1];
    };
    const lists = await s.frames(2);
    await s.send(lists);
    expect(seen.map(({ bytes }) => bytes)).toEqual([OTHER, OTHER]);
    expect(seen[0].context).toMatchObject({ handle: s.m.adapters[0] });
    expect(s.completed).toEqual(lists.map((list, index) => ({ list, status: statuses[index] })));
    expect(s.adapter.sendsOutstanding).toBe(0);
    expect(s.t.findings()).toEqual([]);
  });

  test('MiniportSendPackets of a deserialized driver gets arrays of at most OID_GEN_MAXIMUM_SEND_PACKETS and completes each packet', async () => {
    const s = await stack(NDIS_ATTRIBUTE_DESERIALIZE, (m, t) => ({
      SendPacketsHandler: sendPacketsHandler(t, m),
    }));
    const counts: number[] = [];
    s.m.onSendPackets = (_context, packets) => {
      counts.push(packets.length);
      for (const packet of packets.toReversed())
        s.m.driver.ndis.NdisMSendComplete(s.m.adapters[0], packet, NDIS_STATUS_SUCCESS);
    };
    const lists = await s.frames(20);
    await s.send(lists);
    expect(counts).toEqual([8, 8, 4]);
    expect(s.completed.map(({ list }) => list).toSorted((a, b) => a - b)).toEqual(
      lists.toSorted((a, b) => a - b),
    );
    expect(s.t.findings()).toEqual([]);
  });

  test('a packet for which a serialized driver has no resources waits in NDIS, in order, until it has some (NdisMSendResourcesAvailable)', async () => {
    const s = await stack(0);
    const sent: Address[] = [];
    let room = 2;
    s.m.onSend = (_context, packet) => {
      if (room === 0) return NDIS_STATUS_RESOURCES;
      room--;
      sent.push(packet);
      return NDIS_STATUS_PENDING;
    };
    const lists = await s.frames(5);
    await s.send(lists);
    expect(sent).toHaveLength(2);
    room = 1;
    await s.t.run(() => s.m.driver.ndis.NdisMSendResourcesAvailable(s.m.adapters[0]));
    expect(sent).toHaveLength(3);
    room = 10;
    // Completing a packet says that there are resources, too.
    await s.complete(sent[0], NDIS_STATUS_SUCCESS);
    expect(sent).toHaveLength(5);
    for (const packet of sent.slice(1)) await s.complete(packet, NDIS_STATUS_SUCCESS);
    expect(s.completed.map(({ list }) => list)).toEqual(lists);
    expect(s.t.findings()).toEqual([]);
  });

  test('what a serialized driver causes to be sent from its handler goes down when the handler has returned', async () => {
    const s = await stack(0);
    let inHandler = 0;
    let deepest = 0;
    let calls = 0;
    const lists = await s.frames(3);
    s.p.onSendComplete = () => {
      if (calls < 3) {
        const next = lists[calls];
        s.p.driver.ndis.NdisSendNetBufferLists(s.binding.handle, chain(s.t, [next]), 0, 0);
      }
    };
    s.m.onSend = (_context, packet) => {
      inHandler++;
      calls++;
      deepest = Math.max(deepest, inHandler);
      s.m.driver.ndis.NdisMSendComplete(s.m.adapters[0], packet, NDIS_STATUS_SUCCESS);
      inHandler--;
      return NDIS_STATUS_PENDING;
    };
    await s.send([lists[0]]);
    expect(calls).toBe(3);
    expect(deepest).toBe(1);
    expect(s.t.findings()).toEqual([]);
  });

  test('completing a packet twice is a finding', async () => {
    const s = await stack(NDIS_ATTRIBUTE_DESERIALIZE);
    let sent = 0;
    s.m.onSend = (_context, packet) => {
      sent = packet;
      return NDIS_STATUS_PENDING;
    };
    await s.send(await s.frames(1));
    await s.complete(sent, NDIS_STATUS_SUCCESS);
    await s.complete(sent, NDIS_STATUS_SUCCESS);
    expect(s.completed).toHaveLength(1);
    expect(s.t.findings()).toEqual(['COMPLETED_UNKNOWN_PACKET legacy']);
  });

  test('a pause waits for the packets that the driver has, and takes back what waits in NDIS', async () => {
    const s = await stack(0);
    const sent: Address[] = [];
    s.m.onSend = (_context, packet) => {
      if (sent.length === 1) return NDIS_STATUS_RESOURCES;
      sent.push(packet);
      return NDIS_STATUS_PENDING;
    };
    const lists = await s.frames(3);
    await s.send(lists);
    s.t.halt(s.adapter);
    await s.t.runAll();
    expect(s.completed.map(({ status }) => status)).toEqual([NDIS_STATUS_PAUSED, NDIS_STATUS_PAUSED]);
    expect(s.m.log).not.toContain('halt');
    await s.complete(sent[0], NDIS_STATUS_SUCCESS);
    await s.t.runAll();
    expect(s.completed).toHaveLength(3);
    expect(s.m.log).toContain('halt');
    // The test protocol does not wait for what it sent.
    expect(s.t.findings()).toEqual(['PAUSED_WITH_LISTS_OUTSTANDING protocol']);
  });
});

/** Packets of the driver with a frame each, in an array. */
async function packetArray(s: Awaited<ReturnType<typeof stack>>, count: number, status: number) {
  const { t, m } = s;
  return t.run(() => {
    const { ndis } = m.driver;
    const cell = m.driver.cell();
    const pool = m.driver.cell();
    ndis.NdisAllocatePacketPoolEx(cell, pool, 16, 0, 16);
    const allocate = (size: number) => poolOf(t.kernel).allocateZeroed(poolType.nonPagedNx, size, 1, 0);
    const array = allocate(8 * count);
    const packets = Array.from({ length: count }, (_, index) => {
      const packet = m.driver.cell();
      ndis.NdisAllocatePacket(cell, packet, pool.value);
      const data = allocate(64);
      t.memory.u8.set(OTHER, data);
      t.memory.u8[data + 12] = index;
      ndis.NdisChainBufferAtFront(packet.value, ndis.NdisAllocateMdl(0, data, 60));
      ndis.NDIS_SET_PACKET_STATUS(packet.value, status);
      t.memory.writePointer(array + 8 * index, packet.value);
      return packet.value;
    });
    return { array, packets };
  });
}

describe('NdisMIndicateReceivePacket', () => {
  test('packets go up as lists and come back to MiniportReturnPacket', async () => {
    const s = await stack(NDIS_ATTRIBUTE_DESERIALIZE);
    const held: Address[] = [];
    const returned: Address[] = [];
    s.p.onReceive = (_context, lists) => void held.push(...listsOf(s.t, lists));
    s.m.onReturn = (_context, packet) => void returned.push(packet);
    const { array, packets } = await packetArray(s, 3, NDIS_STATUS_SUCCESS);
    await s.t.run(() => s.m.driver.ndis.NdisMIndicateReceivePacket(s.m.adapters[0], array, 3));
    expect(held).toHaveLength(3);
    expect(returned).toEqual([]);
    await s.t.run(() =>
      s.p.driver.ndis.NdisReturnNetBufferLists(s.binding.handle, chain(s.t, held.toReversed()), 0),
    );
    expect(returned).toEqual(packets.toReversed());
    expect(s.t.findings()).toEqual([]);
  });

  test("packets with NDIS_STATUS_RESOURCES are the driver's again when the call returns", async () => {
    const s = await stack(NDIS_ATTRIBUTE_DESERIALIZE);
    const flags: number[] = [];
    s.p.onReceive = (_context, _lists, _port, _count, receiveFlags) => void flags.push(receiveFlags);
    const returned: Address[] = [];
    s.m.onReturn = (_context, packet) => void returned.push(packet);
    const { array, packets } = await packetArray(s, 2, NDIS_STATUS_RESOURCES);
    await s.t.run(() => {
      s.m.driver.ndis.NdisMIndicateReceivePacket(s.m.adapters[0], array, 2);
      for (const packet of packets) s.m.driver.ndis.NdisFreePacket(packet);
    });
    expect(flags.map((value) => value & 2)).toEqual([2]);
    expect(returned).toEqual([]);
    expect(s.t.findings()).toEqual([]);
  });

  test('a serialized driver sees in the status which packets it has back', async () => {
    const s = await stack(0);
    const held: Address[] = [];
    const returned: Address[] = [];
    s.m.onReturn = (_context, packet) => void returned.push(packet);
    s.p.onReceive = (context, lists) => {
      const [first, ...rest] = listsOf(s.t, lists);
      held.push(...rest);
      s.p.driver.ndis.NdisReturnNetBufferLists((context as TestBinding).handle.value, chain(s.t, [first]), 0);
    };
    const { array, packets } = await packetArray(s, 2, NDIS_STATUS_SUCCESS);
    const statuses = await s.t.run(() => {
      s.m.driver.ndis.NdisMIndicateReceivePacket(s.m.adapters[0], array, 2);
      return packets.map((packet) => s.m.driver.ndis.NDIS_GET_PACKET_STATUS(packet));
    });
    expect(statuses).toEqual([NDIS_STATUS_SUCCESS, NDIS_STATUS_PENDING]);
    expect(returned).toEqual([]);
    await s.t.run(() => s.p.driver.ndis.NdisReturnNetBufferLists(s.binding.handle, chain(s.t, held), 0));
    expect(returned).toEqual([packets[1]]);
    expect(s.t.findings()).toEqual([]);
  });
});

describe('NdisMEthIndicateReceive', () => {
  /** Memory of the driver with these bytes. */
  const bytesAt = (s: Awaited<ReturnType<typeof stack>>, bytes: readonly number[]): Address => {
    const at = poolOf(s.t.kernel).allocateZeroed(poolType.nonPagedNx, 64, 1, 0);
    s.t.memory.u8.set(bytes, at);
    return at;
  };
  const HEADER = [...OTHER, 2, 0, 0, 0, 0, 5, 8, 0];
  const received = (s: Awaited<ReturnType<typeof stack>>): number[][] => {
    const frames: number[][] = [];
    s.p.onReceive = (context, lists) => {
      for (const list of listsOf(s.t, lists)) {
        const { memory } = s.t;
        const buffer = memory.readPointer(list + 8);
        const mdl = memory.readPointer(buffer + 8);
        const at = memory.readPointer(mdl + 24) + memory.u32[(buffer + 16) >> 2];
        frames.push([...memory.u8.subarray(at, at + memory.u32[(buffer + 24) >> 2])]);
      }
      s.p.driver.ndis.NdisReturnNetBufferLists((context as TestBinding).handle.value, lists, 0);
    };
    return frames;
  };

  test.each(['Eth', 'Fddi', 'Tr'] as const)(
    'a frame that lies in the lookahead buffer goes up whole, NdisM%sIndicateReceive',
    async (medium) => {
      const s = await stack(NDIS_ATTRIBUTE_DESERIALIZE);
      const frames = received(s);
      const { ndis } = s.m.driver;
      await s.t.run(() => {
        const header = bytesAt(s, HEADER);
        const data = bytesAt(s, [1, 2, 3, 4]);
        ndis[`NdisM${medium}IndicateReceive`](s.m.adapters[0], 0x99, header, 14, data, 4, 4);
        ndis[`NdisM${medium}IndicateReceiveComplete`](s.m.adapters[0]);
      });
      expect(frames).toEqual([[...HEADER, 1, 2, 3, 4]]);
      expect(s.t.findings()).toEqual([]);
    },
  );

  test.each([0, NDIS_ATTRIBUTE_DESERIALIZE])(
    'MiniportTransferData brings the rest, at once or later, attributes %i',
    async (attributes) => {
      const asked: unknown[] = [];
      let later: { packet: Address } | null = null;
      let pend = false;
      const s = await stack(attributes, (_m, t) => ({
        TransferDataHandler: (
          packet: Address,
          transferred: Address,
          _context: unknown,
          receiveContext: unknown,
          offset: number,
          count: number,
        ) => {
          asked.push([receiveContext, offset, count]);
          const buffer = t.memory.readPointer(packet + 8);
          t.memory.u8.set([5, 6].slice(0, count), t.memory.readPointer(buffer + 24));
          if (pend) {
            later = { packet };
            return NDIS_STATUS_PENDING;
          }
          t.memory.u32[transferred >> 2] = count;
          return NDIS_STATUS_SUCCESS;
        },
      }));
      const frames = received(s);
      const { ndis } = s.m.driver;
      const indicate = () =>
        s.t.run(() => {
          ndis.NdisMEthIndicateReceive(
            s.m.adapters[0],
            0x99,
            bytesAt(s, HEADER),
            14,
            bytesAt(s, [1, 2, 3]),
            3,
            5,
          );
          ndis.NdisMEthIndicateReceiveComplete(s.m.adapters[0]);
        });
      await indicate();
      expect(asked).toEqual([[0x99, 3, 2]]);
      expect(frames).toEqual([[...HEADER, 1, 2, 3, 5, 6]]);
      pend = true;
      await indicate();
      expect(frames).toHaveLength(1);
      const { packet } = later ?? { packet: 0 };
      await s.t.run(() => ndis.NdisMTransferDataComplete(s.m.adapters[0], packet, NDIS_STATUS_SUCCESS, 2));
      expect(frames).toHaveLength(2);
      await s.t.run(() => ndis.NdisMTransferDataComplete(s.m.adapters[0], packet, NDIS_STATUS_SUCCESS, 2));
      expect(s.t.findings()).toEqual(['NOT_PENDING legacy']);
    },
  );

  test('without TransferDataHandler the frame is lost, with a finding', async () => {
    const s = await stack(NDIS_ATTRIBUTE_DESERIALIZE);
    const frames = received(s);
    await s.t.run(() =>
      s.m.driver.ndis.NdisMEthIndicateReceive(
        s.m.adapters[0],
        0,
        bytesAt(s, HEADER),
        14,
        bytesAt(s, [1]),
        1,
        5,
      ),
    );
    expect(frames).toEqual([]);
    expect(s.t.findings()).toEqual(['TRANSFER_DATA_MISSING legacy']);
  });

  test('more lookahead than frame is a finding', async () => {
    const s = await stack(NDIS_ATTRIBUTE_DESERIALIZE);
    await s.t.run(() =>
      s.m.driver.ndis.NdisMEthIndicateReceive(
        s.m.adapters[0],
        0,
        bytesAt(s, HEADER),
        14,
        bytesAt(s, [1]),
        9,
        5,
      ),
    );
    expect(s.t.findings()).toEqual(['BAD_RECEIVE_INDICATION legacy']);
  });
});
