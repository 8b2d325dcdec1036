/**
 * Creating and freeing packet pools. Implements nf-ndis-ndisallocatepacketpoolex, nf-ndis-ndisfreepacketpool,
 * nf-ndis-ndispacketpoolusage and their kin.
 */

import type { Driver, Handle, OutPointer } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import {
  NDIS_FLAGS_PROTOCOL_ID_MASK,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../../generated/constants/index.ts';
import type { NdisLibrary } from '../../library.ts';
import { legacyFunction, legacyPage } from '../declareLegacy.ts';
import { PACKET_POOL } from './offsets.ts';
import { PACKET_LIMIT, PacketPool, packetSize } from './packetPool.ts';

/** Creates a pool for a driver and writes status and handle. */
function createPool(
  ndis: NdisLibrary,
  driver: Driver,
  status: Address,
  handleAt: Address,
  normal: number,
  overflow: number,
  reservedLength: number,
): void {
  const { u32 } = ndis.memory;
  ndis.memory.writePointer(handleAt, 0);
  u32[status >> 2] = NDIS_STATUS_RESOURCES;
  // The offset of the out-of-band data has 16 bits.
  if (normal > PACKET_LIMIT || packetSize(reservedLength) > 0xffff) return;
  const allowed = Math.min(overflow, PACKET_LIMIT - normal);
  const pool = new PacketPool(ndis.kernel, { driver, normal, overflow: allowed, reservedLength });
  if (!pool.reserve()) return;
  const handle = ndis.register(pool);
  driver.own(`packet pool ${handle}`, {
    kind: 'packet pool',
    name: `0x${handle.toString(16)}`,
    releasedBy: 'NdisFreePacketPool',
    release: () => {
      pool.destroy();
      ndis.unregister(pool);
    },
  });
  ndis.memory.writePointer(handleAt, handle);
  u32[status >> 2] = NDIS_STATUS_SUCCESS;
}

/**
 * Creates a pool of packet descriptors. `Status`: NDIS_STATUS_SUCCESS, or NDIS_STATUS_RESOURCES when memory is short
 * or more than 0xFFFF descriptors are asked for. IRQL <= DISPATCH_LEVEL. ndis/nf-ndis-ndisallocatepacketpoolex
 */
export const NdisAllocatePacketPoolEx = legacyFunction(
  'VOID NdisAllocatePacketPoolEx(PNDIS_STATUS Status, PNDIS_HANDLE PoolHandle, UINT NumberOfDescriptors, UINT NumberOfOverflowDescriptors, UINT ProtocolReservedLength)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) =>
    (
      Status: OutPointer,
      PoolHandle: OutPointer,
      NumberOfDescriptors: number,
      NumberOfOverflowDescriptors: number,
      ProtocolReservedLength: number,
    ): void =>
      createPool(
        ndis,
        driver,
        Status,
        PoolHandle,
        NumberOfDescriptors,
        NumberOfOverflowDescriptors,
        ProtocolReservedLength,
      ),
);

/** As NdisAllocatePacketPoolEx, without descriptors for overflow. IRQL <= DISPATCH_LEVEL. */
export const NdisAllocatePacketPool = legacyFunction(
  'VOID NdisAllocatePacketPool(PNDIS_STATUS Status, PNDIS_HANDLE PoolHandle, UINT NumberOfDescriptors, UINT ProtocolReservedLength)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) =>
    (
      Status: OutPointer,
      PoolHandle: OutPointer,
      NumberOfDescriptors: number,
      ProtocolReservedLength: number,
    ): void =>
      createPool(ndis, driver, Status, PoolHandle, NumberOfDescriptors, 0, ProtocolReservedLength),
);

/**
 * Frees a packet pool. All its packets must be free; others are the finding PACKET_POOL_IN_USE.
 * IRQL <= DISPATCH_LEVEL. ndis/nf-ndis-ndisfreepacketpool
 */
export const NdisFreePacketPool = legacyFunction(
  'VOID NdisFreePacketPool(NDIS_HANDLE PoolHandle)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) =>
    (PoolHandle: Handle): void => {
      const page = legacyPage('NdisFreePacketPool');
      const pool = ndis.expect(PoolHandle, PacketPool, driver, 'NdisFreePacketPool', page);
      if (pool === null) return;
      if (pool.outstanding > 0) {
        const text =
          `NdisFreePacketPool: ${pool.outstanding} packets of the pool 0x${PoolHandle.toString(16)} are not freed ` +
          `(${pool.describeOutstanding()}); free them before their pool`;
        ndis.kernel.report('PACKET_POOL_IN_USE', driver, text, page);
      }
      pool.options.driver?.disown(`packet pool ${pool.handle}`);
      pool.destroy();
      ndis.unregister(pool);
    },
);

/** How many packets of a pool are allocated now. IRQL <= DISPATCH_LEVEL. ndis/nf-ndis-ndispacketpoolusage */
export const NdisPacketPoolUsage = legacyFunction(
  'UINT NdisPacketPoolUsage(NDIS_HANDLE PoolHandle)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) =>
    (PoolHandle: Handle): number => {
      const page = legacyPage('NdisPacketPoolUsage');
      return ndis.expect(PoolHandle, PacketPool, driver, 'NdisPacketPoolUsage', page)?.outstanding ?? 0;
    },
);

/** Bytes that a packet with `ProtocolReservedSize` bytes of ProtocolReserved has, with all that NDIS keeps behind it. Any IRQL. */
export const NdisPacketSize = legacyFunction(
  'UINT NdisPacketSize(UINT ProtocolReservedSize)',
  'any',
  () =>
    (ProtocolReservedSize: number): number =>
      packetSize(ProtocolReservedSize),
);

/** Sets the NDIS_PROTOCOL_ID_ that packets of a pool get when they are allocated. IRQL <= DISPATCH_LEVEL. */
export const NdisSetPacketPoolProtocolId = legacyFunction(
  'VOID NdisSetPacketPoolProtocolId(NDIS_HANDLE PacketPoolHandle, UINT ProtocolId)',
  '<=DISPATCH_LEVEL',
  (ndis, driver) =>
    (PacketPoolHandle: Handle, ProtocolId: number): void => {
      const call = 'NdisSetPacketPoolProtocolId';
      const pool = ndis.expect(PacketPoolHandle, PacketPool, driver, call, legacyPage(call));
      if (pool !== null) pool.protocolId = ProtocolId & NDIS_FLAGS_PROTOCOL_ID_MASK;
    },
);

/** The pool that a packet came from. IRQL <= DISPATCH_LEVEL. */
export const NdisGetPoolFromPacket = legacyFunction(
  'NDIS_HANDLE NdisGetPoolFromPacket(PNDIS_PACKET Packet)',
  '<=DISPATCH_LEVEL',
  ({ memory }) =>
    (Packet: Address): Handle =>
      memory.readPointer(Packet + PACKET_POOL),
);
