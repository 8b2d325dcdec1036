/** Lists of packets and packets of lists, without a stack around them. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createTestLibrary, listPoolParameters, makeChain } from '../../../../test/support/netBuffers.ts';
import type { Address } from '../../../memory/index.ts';
import {
  Ieee8021QInfo,
  Ieee8021QNetBufferListInfo,
  NDIS_FLAGS_DONT_LOOPBACK,
  NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NetBufferListCancelId,
  TcpIpChecksumNetBufferListInfo,
  TcpIpChecksumPacketInfo,
  TcpLargeSendNetBufferListInfo,
  TcpLargeSendPacketInfo,
} from '../../generated/constants/index.ts';
import { mdlsOf } from '../../netBuffer/mdl.ts';
import { firstNetBuffer, setNextNetBufferList } from '../../netBuffer/netBufferAccess.ts';
import { NBL_NEXT } from '../../netBuffer/offsets.ts';
import { sendFlagsOfList } from './information.ts';
import { listShellsOf } from './listShells.ts';
import { miniportReceivesOf } from './miniportReceives.ts';
import { miniportSendsOf } from './miniportSends.ts';
import { packetShellsOf } from './packetShells.ts';

const bytes = Uint8Array.from({ length: 400 }, (_, index) => index & 0xff);

/** A driver with a pool of lists and a pool of packets. */
function translator() {
  const library = createTestLibrary();
  const { imports, memory, ndis } = library;
  const cell = library.allocate(16);
  const lists = imports.NdisAllocateNetBufferListPool(0, listPoolParameters({ fAllocateNetBuffer: true }));
  imports.NdisAllocatePacketPool(cell + 8, cell, 16, 32);
  const packets = memory.readPointer(cell);
  return {
    ...library,
    sends: miniportSendsOf(ndis),
    receives: miniportReceivesOf(ndis),
    /** A list with one net buffer over a chain of MDLs. */
    list: (lengths: readonly number[], offset: number, length: number): Address =>
      imports.NdisAllocateNetBufferAndNetBufferList(
        lists,
        0,
        0,
        makeChain(library, lengths, bytes),
        offset,
        length,
      ),
    packet: (lengths: readonly number[]): Address => {
      imports.NdisAllocatePacket(cell + 8, cell, packets);
      const packet = memory.readPointer(cell);
      const chain = makeChain(library, lengths, bytes);
      if (chain !== 0) imports.NdisChainBufferAtBack(packet, chain);
      return packet;
    },
    /** The bytes of a packet. */
    data: (packet: Address): number[] => {
      const found: number[] = [];
      for (
        let b = imports.NDIS_PACKET_FIRST_NDIS_BUFFER(packet);
        b !== 0;
        b = imports.NDIS_BUFFER_LINKAGE(b)
      ) {
        const at = imports.NdisBufferVirtualAddress(b);
        found.push(...memory.u8.subarray(at, at + imports.NdisBufferLength(b)));
      }
      return found;
    },
    array: (...given: Address[]): Address => {
      const at = library.allocate(given.length * 8);
      for (const [index, packet] of given.entries()) memory.writePointer(at + index * 8, packet);
      return at;
    },
  };
}

describe('a list that is sent to a miniport driver of NDIS 5', () => {
  test('is a packet over the same buffers', () => {
    const t = translator();
    const list = t.list([100, 50], 0, 150);
    const packet = t.sends.translate(list, 0);
    expect(t.sends.nextPacket(packet)).toBe(0);
    expect(t.imports.NDIS_PACKET_FIRST_NDIS_BUFFER(packet)).toBe(
      t.imports.NET_BUFFER_FIRST_MDL(firstNetBuffer(t.memory, list)),
    );
    expect(t.data(packet)).toEqual([...bytes.subarray(0, 150)]);
    expect(t.sends.complete(t.driver, 'NdisMSendComplete', packet, NDIS_STATUS_SUCCESS)).toBe(list);
    expect(t.imports.NET_BUFFER_LIST_STATUS(list)).toBe(NDIS_STATUS_SUCCESS);
  });

  test('has the same bytes wherever its data begins and ends in its buffers', () => {
    const t = translator();
    const shape = fc
      .tuple(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 5 }), fc.nat(), fc.nat())
      .map(([lengths, from, size]) => {
        const total = lengths.reduce((sum, length) => sum + length, 0);
        const offset = from % total;
        return { lengths, offset, length: 1 + (size % (total - offset)) };
      });
    fc.assert(
      fc.property(shape, ({ lengths, offset, length }) => {
        const list = t.list(lengths, offset, length);
        const before = mdlsOf(t.ndis).outstandingOf(0);
        const packet = t.sends.translate(list, 0);
        expect(t.data(packet)).toEqual([...bytes.subarray(offset, offset + length)]);
        t.imports.NdisQueryPacketLength(packet, t.array(0));
        expect(t.sends.complete(t.driver, 'NdisMSendComplete', packet, 0)).toBe(list);
        expect(mdlsOf(t.ndis).outstandingOf(0)).toBe(before);
      }),
      { numRuns: 200 },
    );
    expect(packetShellsOf(t.ndis).outstanding).toBe(0);
  });

  test('becomes a packet for each net buffer and is complete with the last, with the first failure', () => {
    const t = translator();
    const list = t.list([100], 0, 40);
    const second = t.imports.NdisAllocateNetBuffer(
      t.imports.NdisAllocateNetBufferPool(0, {
        Header: { Type: 0x80, Revision: 1, Size: 12 },
        PoolTag: 1,
        DataSize: 0,
      }),
      makeChain(t, [30], bytes),
      5,
      20,
    );
    t.imports.NET_BUFFER_NEXT_NB(firstNetBuffer(t.memory, list), second);
    const one = t.sends.translate(list, 0);
    const two = t.sends.nextPacket(one);
    expect([t.data(one).length, t.data(two).length]).toEqual([40, 20]);
    expect(t.sends.complete(t.driver, 'NdisMSendComplete', two, NDIS_STATUS_FAILURE)).toBe(0);
    expect(t.sends.complete(t.driver, 'NdisMSendComplete', one, NDIS_STATUS_SUCCESS)).toBe(list);
    expect(t.imports.NET_BUFFER_LIST_STATUS(list)).toBe(NDIS_STATUS_FAILURE);
  });

  test('carries checksum, segment size, tag, cancel identifier and flags', () => {
    const t = translator();
    const list = t.list([100], 0, 100);
    // IPv4, TCP and IP checksum with a TCP header at 34; a large send of segments of 1460.
    t.imports.NET_BUFFER_LIST_INFO(list, TcpIpChecksumNetBufferListInfo, 0x15 | (34 << 16));
    t.imports.NET_BUFFER_LIST_INFO(list, TcpLargeSendNetBufferListInfo, 1460 | (34 << 20));
    t.imports.NET_BUFFER_LIST_INFO(list, Ieee8021QNetBufferListInfo, 0x1235);
    t.imports.NET_BUFFER_LIST_INFO(list, NetBufferListCancelId, 77);
    const packet = t.sends.translate(list, NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK);
    expect(t.imports.NDIS_PER_PACKET_INFO_FROM_PACKET(packet, TcpIpChecksumPacketInfo)).toBe(0x15);
    expect(t.imports.NDIS_PER_PACKET_INFO_FROM_PACKET(packet, TcpLargeSendPacketInfo)).toBe(1460);
    expect(t.imports.NDIS_PER_PACKET_INFO_FROM_PACKET(packet, Ieee8021QInfo)).toBe(0x1235);
    expect(t.imports.NdisGetPacketCancelId(packet)).toBe(77);
    expect(t.imports.NdisGetPacketFlags(packet)).toBe(0);
    t.imports.NDIS_PER_PACKET_INFO_FROM_PACKET(packet, TcpLargeSendPacketInfo, 14_000);
    t.sends.complete(t.driver, 'NdisMSendComplete', packet, 0);
    expect(t.imports.NET_BUFFER_LIST_INFO(list, TcpLargeSendNetBufferListInfo)).toBe(14_000);
    const other = t.list([10], 0, 10);
    expect(t.imports.NdisGetPacketFlags(t.sends.translate(other, 0))).toBe(NDIS_FLAGS_DONT_LOOPBACK);
  });

  test('is refused when memory is short, and nothing of it is kept', () => {
    const t = translator();
    const [first, second] = [t.list([10], 0, 10), t.list([10], 0, 10)];
    setNextNetBufferList(t.memory, first, second);
    t.failAllocations(true);
    expect(t.sends.translate(first, 0)).toBe(0);
    t.failAllocations(false);
    expect(t.sends.refused).toBe(second);
    expect(t.memory.i32[(second + NBL_NEXT) >> 2]).toBe(first);
    expect(t.imports.NET_BUFFER_LIST_STATUS(first)).toBe(NDIS_STATUS_RESOURCES);
    expect(packetShellsOf(t.ndis).outstanding).toBe(0);
  });

  test('is complete once: a packet that is completed again is a finding', () => {
    const t = translator();
    const packet = t.sends.translate(t.list([10], 0, 10), 0);
    expect(t.sends.isOutstanding(packet)).toBe(true);
    t.sends.complete(t.driver, 'NdisMSendComplete', packet, 0);
    expect(t.sends.complete(t.driver, 'NdisMSendComplete', packet, 0)).toBe(0);
    expect(t.codes()).toEqual(['COMPLETED_TWICE']);
  });
});

describe('packets that a miniport driver of NDIS 5 indicates', () => {
  const ADAPTER = 0x1_0000;

  test('are lists over the same buffers; those with NDIS_STATUS_RESOURCES apart', () => {
    const t = translator();
    const [own, lent] = [t.packet([60, 20]), t.packet([64])];
    t.imports.NDIS_SET_PACKET_STATUS(lent, NDIS_STATUS_RESOURCES);
    t.imports.NDIS_PER_PACKET_INFO_FROM_PACKET(own, TcpIpChecksumPacketInfo, 0x28);
    t.imports.NDIS_PER_PACKET_INFO_FROM_PACKET(own, Ieee8021QInfo, 0x50);
    const list = t.receives.translate(t.driver, t.array(own, lent), 2, ADAPTER, () => {});
    expect([t.receives.count, t.receives.lentCount]).toEqual([1, 1]);
    const buffer = firstNetBuffer(t.memory, list);
    expect(t.imports.NET_BUFFER_DATA_LENGTH(buffer)).toBe(80);
    expect(t.imports.NET_BUFFER_FIRST_MDL(buffer)).toBe(t.imports.NDIS_PACKET_FIRST_NDIS_BUFFER(own));
    expect(t.imports.NET_BUFFER_LIST_INFO(list, TcpIpChecksumNetBufferListInfo)).toBe(0x28);
    expect(t.imports.NET_BUFFER_LIST_INFO(list, Ieee8021QNetBufferListInfo)).toBe(0x50);
    expect(t.receives.release(list)).toBe(own);
    expect(t.receives.release(t.receives.lent)).toBe(lent);
    expect(listShellsOf(t.ndis).outstanding).toBe(0);
    t.imports.NdisFreePacket(own);
    expect(t.codes()).toEqual([]);
  });

  test('may not be indicated twice, nor freed before they are returned', () => {
    const t = translator();
    const packet = t.packet([60]);
    const list = t.receives.translate(t.driver, t.array(packet, packet), 2, ADAPTER, () => {});
    expect(t.receives.count).toBe(1);
    t.imports.NdisFreePacket(packet);
    expect(t.codes()).toEqual(['PACKET_IN_USE', 'PACKET_FREE']);
    t.receives.release(list);
  });

  test('are dropped when memory is short', () => {
    const t = translator();
    const packet = t.packet([60]);
    const packets = t.array(packet);
    const dropped: Address[] = [];
    t.failAllocations(true);
    expect(t.receives.translate(t.driver, packets, 1, ADAPTER, (each) => dropped.push(each))).toBe(0);
    t.failAllocations(false);
    expect(dropped).toEqual([packet]);
  });

  test('may be frames that are copied: the rest is transferred to a packet behind the beginning', () => {
    const t = translator();
    for (const length of [1514, 9000]) {
      const list = t.receives.allocateFrame(length, ADAPTER);
      const frame = t.receives.frameOf(list);
      t.memory.u8.set(bytes.subarray(0, 14), frame);
      const packet = t.receives.transferPacket(list, 14, length - 14);
      expect(t.data(packet).length).toBe(length - 14);
      const copied = t.allocate(8);
      t.imports.NdisCopyFromPacketToPacket(packet, 0, 100, t.packet([100]), 0, copied);
      t.receives.freeTransferPacket(packet);
      expect([...t.memory.u8.subarray(frame + 14, frame + 20)]).toEqual([0, 1, 2, 3, 4, 5]);
      expect(t.imports.NET_BUFFER_DATA_LENGTH(firstNetBuffer(t.memory, list))).toBe(length);
      expect(t.receives.release(list)).toBe(0);
    }
    expect(t.receives.allocateFrame(0x2_0000, ADAPTER)).toBe(0);
  });
});

describe('a packet that a protocol driver of NDIS 5 sends', () => {
  test('is a list with the offset of its TCP header, which NDIS 5 does not say', () => {
    const t = translator();
    const packet = t.packet([20, 60]);
    const first = t.imports.NdisBufferVirtualAddress(t.imports.NDIS_PACKET_FIRST_NDIS_BUFFER(packet));
    // An IPv4 frame whose header has six words.
    t.memory.u8.set([0x08, 0x00, 0x46], first + 12);
    t.imports.NDIS_PER_PACKET_INFO_FROM_PACKET(packet, TcpIpChecksumPacketInfo, 0x05);
    t.imports.NDIS_PER_PACKET_INFO_FROM_PACKET(packet, TcpLargeSendPacketInfo, 1000);
    t.imports.NdisSetPacketCancelId(packet, 9);
    const shells = listShellsOf(t.ndis);
    const list = shells.forSend(packet, 0x1_0000);
    expect(t.imports.NET_BUFFER_LIST_INFO(list, TcpIpChecksumNetBufferListInfo)).toBe(0x05 | (38 << 16));
    expect(t.imports.NET_BUFFER_LIST_INFO(list, TcpLargeSendNetBufferListInfo)).toBe(1000 | (38 << 20));
    expect(t.imports.NDIS_GET_NET_BUFFER_LIST_CANCEL_ID(list)).toBe(9);
    expect(shells.packetOf(list)).toBe(packet);
    expect(shells.mayLend(packet)).toBe(false);
    expect(sendFlagsOfList(t.memory, packet)).toBe(NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK);
    expect(shells.free(list)).toBe(packet);
    expect(shells.mayLend(packet)).toBe(true);
  });
});
