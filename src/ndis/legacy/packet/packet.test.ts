/** Packets and buffers of NDIS 5 through a driver's imports. */

import { describe, expect, test } from 'vitest';
import { createTestNdis, type TestDriver, type TestNdis } from '../../../../test/support/ndis.ts';
import { DISPATCH_LEVEL, MDL, PASSIVE_LEVEL } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import {
  fPACKET_ALLOCATED_BY_NDIS,
  Ieee8021QInfo,
  NDIS_FLAGS_DONT_LOOPBACK,
  NDIS_FLAGS_MULTICAST_PACKET,
  NDIS_PACKET,
  NDIS_PACKET_EXTENSION,
  NDIS_PACKET_OOB_DATA,
  NDIS_PACKET_STACK,
  NDIS_PROTOCOL_ID_TCP_IP,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  TcpLargeSendPacketInfo,
} from '../../index.ts';
import * as offsets from './offsets.ts';

/** What a test of packets needs: a driver with a pool, memory and small helpers. */
class Packets {
  readonly ndis: TestNdis = createTestNdis();
  readonly driver: TestDriver = this.ndis.createDriver('legacy');
  readonly #status = this.driver.cell();
  readonly #result = this.driver.cell();

  get imports(): TestDriver['ndis'] {
    return this.driver.ndis;
  }

  get status(): number {
    return this.ndis.memory.u32[this.#status.address >> 2];
  }

  pool(normal: number, overflow = 0, reserved = 32): Address {
    this.imports.NdisAllocatePacketPoolEx(this.#status, this.#result, normal, overflow, reserved);
    return this.#result.value;
  }

  packet(pool: Address): Address {
    this.imports.NdisAllocatePacket(this.#status, this.#result, pool);
    return this.#result.value;
  }

  /** A buffer for bytes that are `first`, `first + 1`, ... */
  buffer(length: number, first = 0): Address {
    const at = this.driver.ntoskrnl.ExAllocatePoolWithTag(512, length, 0x1234);
    for (let i = 0; i < length; i++) this.ndis.memory.u8[at + i] = first + i;
    this.imports.NdisAllocateBuffer(this.#status, this.#result, 0, at, length);
    return this.#result.value;
  }

  /** Calls a function that writes one pointer, and gives it. */
  out(call: (cell: Address) => void): Address {
    call(this.#result.address);
    return this.#result.value;
  }

  /** Calls a function that writes one UINT, and gives it. */
  number(call: (cell: Address) => void): number {
    call(this.#result.address);
    return this.ndis.memory.u32[this.#result.address >> 2];
  }

  /** The bytes of a packet. */
  data(packet: Address): number[] {
    const bytes: number[] = [];
    for (
      let b = this.imports.NDIS_PACKET_FIRST_NDIS_BUFFER(packet);
      b !== 0;
      b = this.imports.NDIS_BUFFER_LINKAGE(b)
    ) {
      const at = this.imports.NdisBufferVirtualAddressSafe(b, 16);
      bytes.push(...this.ndis.memory.u8.subarray(at, at + this.imports.NdisBufferLength(b)));
    }
    return bytes;
  }
}

function packets(body: (p: Packets) => void | Promise<void>): () => Promise<void> {
  return async () => {
    const p = new Packets();
    await p.ndis.run(() => body(p));
  };
}

test('the offsets of the data path are those of the declared structures', () => {
  const { offset } = NDIS_PACKET;
  expect([
    offsets.PACKET_HEAD,
    offsets.PACKET_TAIL,
    offsets.PACKET_POOL,
    offsets.PACKET_COUNT,
    offsets.PACKET_FLAGS,
    offsets.PACKET_VALID_COUNTS,
    offsets.PACKET_NDIS_FLAGS,
    offsets.PACKET_OOB_OFFSET,
    offsets.PACKET_TOTAL_LENGTH,
    offsets.PACKET_MINIPORT_RESERVED,
    offsets.PACKET_WRAPPER_RESERVED,
    offsets.PACKET_RESERVED,
    offsets.PACKET_PROTOCOL_RESERVED,
  ]).toEqual([
    8,
    16,
    24,
    32,
    36,
    40,
    41,
    42,
    4,
    offset.MiniportReserved,
    offset.WrapperReserved,
    offset.Reserved,
    offset.ProtocolReserved,
  ]);
  const oob = NDIS_PACKET_OOB_DATA.offset;
  expect([
    offsets.OOB_HEADER_SIZE,
    offsets.OOB_SIZE_MEDIA_SPECIFIC_INFO,
    offsets.OOB_MEDIA_SPECIFIC_INFORMATION,
    offsets.OOB_STATUS,
    offsets.OOB_TIME_RECEIVED,
    offsets.OOB_SIZE,
    offsets.EXTENSION_SIZE,
    offsets.STACK_SIZE,
  ]).toEqual([
    oob.HeaderSize,
    oob.SizeMediaSpecificInfo,
    oob.MediaSpecificInformation,
    oob.Status,
    oob.TimeReceived,
    NDIS_PACKET_OOB_DATA.size,
    NDIS_PACKET_EXTENSION.size,
    NDIS_PACKET_STACK.size,
  ]);
});

describe('packet pools', () => {
  test(
    'hold the descriptors for normal use and for overflow, and no more (nf-ndis-ndisallocatepacketpoolex)',
    packets((p) => {
      const pool = p.pool(2, 1);
      expect(p.status).toBe(NDIS_STATUS_SUCCESS);
      const all = [p.packet(pool), p.packet(pool), p.packet(pool)];
      expect(p.imports.NdisPacketPoolUsage(pool)).toBe(3);
      expect(p.packet(pool)).toBe(0);
      expect(p.status).toBe(NDIS_STATUS_RESOURCES);
      for (const packet of all) p.imports.NdisFreePacket(packet);
      expect(p.imports.NdisPacketPoolUsage(pool)).toBe(0);
      // The one for overflow went back to memory; those of the pool are there again.
      expect(all).toContain(p.packet(pool));
      expect(p.ndis.findings()).toEqual([]);
    }),
  );

  test(
    'have at most 0xFFFF descriptors: more for normal use are refused, more for overflow are left out (nf-ndis-ndisallocatepacketpoolex)',
    packets((p) => {
      expect(p.pool(0x1_0000)).toBe(0);
      expect(p.status).toBe(NDIS_STATUS_RESOURCES);
      expect(p.pool(1, 0x1_0000)).not.toBe(0);
      expect(p.status).toBe(NDIS_STATUS_SUCCESS);
      const status = p.driver.cell();
      const pool = p.out((cell) => p.imports.NdisAllocatePacketPool(status, cell, 0x1_0000, 16));
      expect([pool, p.ndis.memory.u32[status.address >> 2]]).toEqual([0, NDIS_STATUS_RESOURCES]);
      expect(p.out((cell) => p.imports.NdisAllocatePacketPool(status, cell, 4, 16))).not.toBe(0);
    }),
  );

  test(
    'name packets that are not freed (nf-ndis-ndisfreepacketpool)',
    packets((p) => {
      const pool = p.pool(4);
      p.packet(pool);
      p.imports.NdisFreePacketPool(pool);
      expect(p.ndis.findings()).toEqual(['PACKET_POOL_IN_USE legacy']);
      p.imports.NdisFreePacketPool(pool);
      expect(p.ndis.findings()).toEqual(['PACKET_POOL_IN_USE legacy', 'BAD_HANDLE legacy']);
    }),
  );

  test(
    'give packets their protocol id, size and pool',
    packets((p) => {
      const pool = p.pool(4, 0, 40);
      p.imports.NdisSetPacketPoolProtocolId(pool, NDIS_PROTOCOL_ID_TCP_IP);
      const packet = p.packet(pool);
      expect(p.imports.NDIS_GET_PACKET_PROTOCOL_TYPE(packet)).toBe(NDIS_PROTOCOL_ID_TCP_IP);
      expect(p.imports.NdisGetPoolFromPacket(packet)).toBe(pool);
      // Behind ProtocolReserved come 40 bytes of out-of-band data and 12 pointers.
      expect(p.imports.NdisPacketSize(40)).toBe(NDIS_PACKET.offset.ProtocolReserved + 40 + 40 + 96);
      const view = NDIS_PACKET.at(p.ndis.memory, packet);
      expect(view.Private.NdisPacketFlags).toBe(fPACKET_ALLOCATED_BY_NDIS);
      expect(p.imports.NDIS_OOB_DATA_FROM_PACKET(packet)).toBe(packet + 136);
      expect(p.imports.NDIS_PACKET_EXTENSION_FROM_PACKET(packet)).toBe(packet + 176);
    }),
  );
});

describe('packets', () => {
  test(
    'that are freed twice, or are none, are findings',
    packets((p) => {
      const pool = p.pool(4);
      const packet = p.packet(pool);
      p.imports.NdisFreePacket(packet);
      p.imports.NdisFreePacket(packet);
      p.imports.NdisFreePacket(p.driver.ntoskrnl.ExAllocatePoolWithTag(512, 256, 0x1234));
      expect(p.ndis.findings()).toEqual(['PACKET_FREE legacy', 'PACKET_FREE legacy']);
      expect(p.packet(0x1234)).toBe(0);
      expect(p.ndis.findings().at(-1)).toBe('BAD_HANDLE legacy');
    }),
  );

  test(
    'are allocated and freed at DISPATCH_LEVEL by functions of their own',
    packets((p) => {
      const pool = p.pool(2);
      const status = p.driver.cell();
      p.ndis.kernel.irql = DISPATCH_LEVEL;
      const first = p.out((cell) => p.imports.NdisDprAllocatePacket(status, cell, pool));
      const second = p.out((cell) => p.imports.NdisDprAllocatePacketNonInterlocked(status, cell, pool));
      p.imports.NdisDprFreePacket(first);
      p.imports.NdisDprFreePacketNonInterlocked(second);
      p.ndis.kernel.irql = PASSIVE_LEVEL;
      expect([first, second]).not.toContain(0);
      expect(p.imports.NdisPacketPoolUsage(pool)).toBe(0);
    }),
  );

  test(
    'count their buffers, pages and bytes when somebody asks',
    packets((p) => {
      const packet = p.packet(p.pool(2));
      p.imports.NdisChainBufferAtBack(packet, p.buffer(10));
      p.imports.NdisChainBufferAtBack(packet, p.buffer(20, 10));
      p.imports.NdisChainBufferAtFront(packet, p.buffer(5, 100));
      expect(p.imports.NDIS_PACKET_VALID_COUNTS(packet)).toBe(false);
      const [pages, buffers, first, total] = [
        p.driver.cell(),
        p.driver.cell(),
        p.driver.cell(),
        p.driver.cell(),
      ];
      p.imports.NdisQueryPacket(packet, pages, buffers, first, total);
      const { u32 } = p.ndis.memory;
      expect(u32[buffers.address >> 2]).toBe(3);
      expect(u32[total.address >> 2]).toBe(35);
      expect(u32[pages.address >> 2]).toBeGreaterThanOrEqual(3);
      expect(first.value).toBe(p.imports.NDIS_PACKET_FIRST_NDIS_BUFFER(packet));
      expect(p.imports.NDIS_PACKET_VALID_COUNTS(packet)).toBe(true);
      expect(p.number((cell) => p.imports.NdisQueryPacketLength(packet, cell))).toBe(35);
      expect(p.data(packet).slice(0, 7)).toEqual([100, 101, 102, 103, 104, 0, 1]);
    }),
  );

  test(
    'give buffers back from either end',
    packets((p) => {
      const packet = p.packet(p.pool(2));
      const all = [p.buffer(1), p.buffer(2), p.buffer(3)];
      for (const buffer of all) p.imports.NdisChainBufferAtBack(packet, buffer);
      expect(p.out((cell) => p.imports.NdisUnchainBufferAtBack(packet, cell))).toBe(all[2]);
      expect(p.out((cell) => p.imports.NdisUnchainBufferAtFront(packet, cell))).toBe(all[0]);
      expect(p.out((cell) => p.imports.NdisUnchainBufferAtBack(packet, cell))).toBe(all[1]);
      expect(p.out((cell) => p.imports.NdisUnchainBufferAtBack(packet, cell))).toBe(0);
      expect(p.out((cell) => p.imports.NdisUnchainBufferAtFront(packet, cell))).toBe(0);
      p.imports.NdisChainBufferAtFront(packet, all[1]);
      p.imports.NDIS_BUFFER_LINKAGE(all[1], all[0]);
      p.imports.NdisRecalculatePacketCounts(packet);
      expect(p.imports.NDIS_PACKET_LAST_NDIS_BUFFER(packet)).toBe(all[0]);
      p.imports.NdisReinitializePacket(packet);
      expect(p.imports.NDIS_PACKET_FIRST_NDIS_BUFFER(packet)).toBe(0);
    }),
  );

  test(
    'give their first buffer',
    packets((p) => {
      const packet = p.packet(p.pool(2));
      const first = p.buffer(8);
      p.imports.NdisChainBufferAtBack(packet, first);
      p.imports.NdisChainBufferAtBack(packet, p.buffer(4));
      const cells = [p.driver.cell(), p.driver.cell(), p.driver.cell(), p.driver.cell()] as const;
      const { u32 } = p.ndis.memory;
      p.imports.NdisGetFirstBufferFromPacket(packet, ...cells);
      expect([cells[0].value, u32[cells[2].address >> 2], u32[cells[3].address >> 2]]).toEqual([
        first,
        8,
        12,
      ]);
      expect(cells[1].value).toBe(p.imports.NdisBufferVirtualAddress(first));
      p.imports.NdisReinitializePacket(packet);
      p.imports.NdisGetFirstBufferFromPacketSafe(packet, ...cells, 16);
      expect([cells[0].value, cells[1].value, u32[cells[3].address >> 2]]).toEqual([0, 0, 0]);
    }),
  );

  test(
    'are copied over the borders of buffers, as far as both reach (nf-ndis-ndiscopyfrompackettopacketsafe)',
    packets((p) => {
      const pool = p.pool(2);
      const [from, to] = [p.packet(pool), p.packet(pool)];
      for (let i = 0; i < 4; i++) p.imports.NdisChainBufferAtBack(from, p.buffer(7, i * 7));
      for (let i = 0; i < 3; i++) p.imports.NdisChainBufferAtBack(to, p.buffer(5, 200));
      expect(p.number((cell) => p.imports.NdisCopyFromPacketToPacket(to, 2, 9, from, 5, cell))).toBe(9);
      expect(p.data(to).slice(0, 12)).toEqual([200, 201, 5, 6, 7, 8, 9, 10, 11, 12, 13, 201]);
      const rest = p.number((cell) =>
        p.imports.NdisCopyFromPacketToPacketSafe(to, 0, 100, from, 20, cell, 16),
      );
      expect(rest).toBe(8);
      expect(p.number((cell) => p.imports.NdisCopyFromPacketToPacket(to, 14, 100, from, 0, cell))).toBe(1);
    }),
  );

  test(
    'carry flags',
    packets((p) => {
      const packet = p.packet(p.pool(2));
      p.imports.NdisSetPacketFlags(packet, NDIS_FLAGS_DONT_LOOPBACK);
      p.imports.NdisSetPacketFlags(packet, NDIS_FLAGS_MULTICAST_PACKET);
      p.imports.NdisClearPacketFlags(packet, NDIS_FLAGS_DONT_LOOPBACK);
      expect(p.imports.NdisGetPacketFlags(packet)).toBe(NDIS_FLAGS_MULTICAST_PACKET);
      p.imports.NdisSetSendFlags(packet, 3);
      expect(p.number((cell) => p.imports.NdisQuerySendFlags(packet, cell))).toBe(3);
    }),
  );

  test(
    'carry out-of-band data',
    packets((p) => {
      const packet = p.packet(p.pool(2));
      const { imports } = p;
      imports.NDIS_SET_PACKET_HEADER_SIZE(packet, 14);
      imports.NDIS_SET_PACKET_STATUS(packet, NDIS_STATUS_RESOURCES);
      imports.NDIS_SET_PACKET_TIME_SENT(packet, 5n);
      expect(imports.NDIS_GET_PACKET_TIME_TO_SEND(packet)).toBe(5n);
      imports.NDIS_SET_PACKET_TIME_TO_SEND(packet, 6n);
      imports.NDIS_SET_PACKET_TIME_RECEIVED(packet, 7n);
      expect(imports.NDIS_GET_PACKET_TIME_SENT(packet)).toBe(6n);
      expect(imports.NDIS_GET_PACKET_TIME_RECEIVED(packet)).toBe(7n);
      expect(imports.NDIS_GET_PACKET_HEADER_SIZE(packet)).toBe(14);
      expect(imports.NDIS_GET_PACKET_STATUS(packet)).toBe(NDIS_STATUS_RESOURCES);
      const [information, size] = [p.driver.cell(), p.driver.cell()];
      imports.NDIS_GET_PACKET_MEDIA_SPECIFIC_INFO(packet, information, size);
      expect(information.value).toBe(0);
      imports.NDIS_SET_PACKET_MEDIA_SPECIFIC_INFO(packet, packet, 12);
      imports.NDIS_GET_PACKET_MEDIA_SPECIFIC_INFO(packet, information, size);
      expect([information.value, p.ndis.memory.u32[size.address >> 2]]).toEqual([packet, 12]);
      imports.NdisSetPacketStatus(packet, NDIS_STATUS_FAILURE, 0, 7);
      expect(imports.NDIS_GET_PACKET_STATUS(packet)).toBe(NDIS_STATUS_FAILURE);
    }),
  );

  test(
    'carry per-packet information (nf-ndis-ndisimcopysendperpacketinfo)',
    packets((p) => {
      const pool = p.pool(2);
      const [upper, lower] = [p.packet(pool), p.packet(pool)];
      const { imports } = p;
      imports.NDIS_PER_PACKET_INFO_FROM_PACKET(upper, Ieee8021QInfo, 0x123);
      imports.NDIS_SET_PACKET_CANCEL_ID(upper, 0x1_2345);
      expect(imports.NdisGetPacketCancelId(upper)).toBe(0x1_2345);
      imports.NdisSetPacketCancelId(upper, 7);
      imports.NdisIMCopySendPerPacketInfo(lower, upper);
      expect(imports.NDIS_PER_PACKET_INFO_FROM_PACKET(lower, Ieee8021QInfo)).toBe(0x123);
      expect(imports.NDIS_GET_PACKET_CANCEL_ID(lower)).toBe(7);
      imports.NDIS_SET_ORIGINAL_PACKET(lower, upper);
      expect(imports.NDIS_GET_ORIGINAL_PACKET(lower)).toBe(upper);
      imports.NDIS_PER_PACKET_INFO_FROM_PACKET(lower, TcpLargeSendPacketInfo, 1460);
      imports.NdisIMCopySendCompletePerPacketInfo(upper, lower);
      expect(imports.NDIS_PER_PACKET_INFO_FROM_PACKET(upper, TcpLargeSendPacketInfo)).toBe(1460);
    }),
  );

  test(
    'have a stack location for an intermediate driver; what no pool gave has none',
    packets((p) => {
      const packet = p.packet(p.pool(2));
      const remaining = p.driver.cell();
      const stack = p.imports.NdisIMGetCurrentPacketStack(packet, remaining);
      expect(p.ndis.memory.u8[remaining.address]).toBe(1);
      expect(stack).toBeGreaterThan(packet);
      const none = p.driver.ntoskrnl.ExAllocatePoolWithTag(512, 256, 0x1234);
      expect(p.imports.NdisIMGetCurrentPacketStack(none, remaining)).toBe(0);
      expect(p.ndis.memory.u8[remaining.address]).toBe(0);
    }),
  );
});

describe('buffers', () => {
  test(
    'are MDLs (nf-ndis-ndisallocatebuffer)',
    packets((p) => {
      const status = p.driver.cell();
      const pool = p.out((cell) => p.imports.NdisAllocateBufferPool(status, cell, 16));
      const at = p.driver.ntoskrnl.ExAllocatePoolWithTag(512, 100, 0x1234);
      const buffer = p.out((cell) => p.imports.NdisAllocateBuffer(status, cell, pool, at, 100));
      expect(MDL.at(p.ndis.memory, buffer).ByteCount).toBe(100);
      const [address, length] = [p.driver.cell(), p.driver.cell()];
      p.imports.NdisQueryBuffer(buffer, address, length);
      expect([address.value, p.ndis.memory.u32[length.address >> 2]]).toEqual([at, 100]);
      p.imports.NdisAdjustBufferLength(buffer, 60);
      p.imports.NdisQueryBufferSafe(buffer, null, length, 16);
      expect(p.ndis.memory.u32[length.address >> 2]).toBe(60);
      p.imports.NdisQueryBufferOffset(buffer, address, length);
      expect(p.ndis.memory.u32[address.address >> 2]).toBe(at & 0xfff);
      expect(p.number((cell) => p.imports.NdisGetBufferPhysicalArraySize(buffer, cell))).toBe(1);
      expect(p.out((cell) => p.imports.NdisGetNextBuffer(buffer, cell))).toBe(0);
      const part = p.out((cell) => p.imports.NdisCopyBuffer(status, cell, pool, buffer, 10, 20));
      expect(p.imports.NdisBufferVirtualAddress(part)).toBe(at + 10);
      p.imports.NdisFlushBuffer(part, true);
      p.imports.NdisFreeBuffer(part);
      p.driver.ntoskrnl.IoFreeMdl(buffer);
      p.imports.NdisFreeBufferPool(pool);
      expect(p.ndis.findings()).toEqual([]);
    }),
  );

  test(
    'of no memory are refused (nf-ndis-ndisallocatebuffer)',
    packets((p) => {
      const status = p.driver.cell();
      expect(p.out((cell) => p.imports.NdisAllocateBuffer(status, cell, 0, 0x100, 100))).toBe(0);
      expect(p.ndis.memory.u32[status.address >> 2]).toBe(NDIS_STATUS_FAILURE);
      const buffer = p.buffer(30);
      expect(p.out((cell) => p.imports.NdisCopyBuffer(status, cell, 0, buffer, 20, 20))).toBe(0);
      p.imports.NdisAdjustBufferLength(buffer, 0x1_0000);
      p.imports.NdisFreeBufferPool(0x1234);
      expect(p.ndis.findings()).toEqual([
        'BAD_ALLOCATION legacy',
        'MDL_TOO_LONG legacy',
        'BAD_HANDLE legacy',
      ]);
    }),
  );
});
