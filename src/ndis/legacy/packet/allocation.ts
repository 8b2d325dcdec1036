/** Allocating and freeing packets. Implements NdisAllocatePacket and NdisFreePacket with their DISPATCH_LEVEL forms (ddk/ndis.h). */

import type { Driver, Handle, IrqlRule, OutPointer } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import { NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS } from '../../generated/constants/index.ts';
import type { NdisLibrary } from '../../library.ts';
import { legacyFunction, legacyPage } from '../declareLegacy.ts';
import {
  PACKET_STATE,
  PACKET_STATE_ALLOCATED,
  PACKET_STATE_FREE,
  PACKET_STATE_LENT,
  PACKET_STATE_SHELL,
  PACKET_TRUE_POOL,
} from './offsets.ts';
import { PacketPool } from './packetPool.ts';

function allocator(name: string, irql: IrqlRule) {
  return legacyFunction(
    `VOID ${name}(PNDIS_STATUS Status, PNDIS_PACKET * Packet, NDIS_HANDLE PoolHandle)`,
    irql,
    (ndis, driver) => {
      const { memory } = ndis;
      const { objects, u32 } = memory;
      return (Status: OutPointer, Packet: OutPointer, PoolHandle: Handle): void => {
        const pool = objects.valueAt(PoolHandle);
        let packet: Address = 0;
        if (pool instanceof PacketPool) packet = pool.allocate(PACKET_STATE_ALLOCATED);
        else ndis.expect(PoolHandle, PacketPool, driver, name, legacyPage(name));
        memory.writePointer(Packet, packet);
        u32[Status >> 2] = packet === 0 ? NDIS_STATUS_RESOURCES : NDIS_STATUS_SUCCESS;
      };
    },
  );
}

function liberator(name: string, irql: IrqlRule) {
  return legacyFunction(`VOID ${name}(PNDIS_PACKET Packet)`, irql, (ndis, driver) => {
    const { objects, i32 } = ndis.memory;
    return (Packet: Address): void => {
      const pool = objects.valueAt(i32[(Packet + PACKET_TRUE_POOL) >> 2]);
      const state = i32[(Packet + PACKET_STATE) >> 2];
      if (state === PACKET_STATE_ALLOCATED && pool instanceof PacketPool) pool.free(Packet);
      else reportFree(ndis, driver, name, Packet, state);
    };
  });
}

const FAULTS: ReadonlyMap<number, string> = new Map([
  [PACKET_STATE_FREE, 'is free already; free each packet once'],
  [
    PACKET_STATE_LENT,
    'is sent or indicated and not back; free it when its send is complete or it was returned',
  ],
  [PACKET_STATE_SHELL, 'belongs to NDIS; complete or return it'],
  [PACKET_STATE_ALLOCATED, 'came from a pool that is freed'],
]);

function reportFree(ndis: NdisLibrary, driver: Driver, call: string, packet: Address, state: number): void {
  const text = FAULTS.get(state) ?? 'was not allocated from a packet pool';
  ndis.kernel.report(
    'PACKET_FREE',
    driver,
    `${call}: the packet 0x${packet.toString(16)} ${text}`,
    legacyPage(call),
  );
}

/**
 * Allocates an empty packet from a pool. `Status`: NDIS_STATUS_SUCCESS, or NDIS_STATUS_RESOURCES, with a NULL packet,
 * when all of the pool are used or memory is short. IRQL <= DISPATCH_LEVEL.
 */
export const NdisAllocatePacket = allocator('NdisAllocatePacket', '<=DISPATCH_LEVEL');
/** As NdisAllocatePacket, for callers at DISPATCH_LEVEL. */
export const NdisDprAllocatePacket = allocator('NdisDprAllocatePacket', 'DISPATCH_LEVEL');
/** As NdisDprAllocatePacket, for callers that synchronize the use of the pool themselves. */
export const NdisDprAllocatePacketNonInterlocked = allocator(
  'NdisDprAllocatePacketNonInterlocked',
  'DISPATCH_LEVEL',
);

/**
 * Gives a packet back to its pool; the buffers chained to it stay the driver's. One that is free, sent, or belongs to
 * NDIS is the finding PACKET_FREE. IRQL <= DISPATCH_LEVEL.
 */
export const NdisFreePacket = liberator('NdisFreePacket', '<=DISPATCH_LEVEL');
/** As NdisFreePacket, for callers at DISPATCH_LEVEL. */
export const NdisDprFreePacket = liberator('NdisDprFreePacket', 'DISPATCH_LEVEL');
/** As NdisDprFreePacket, for callers that synchronize the use of the pool themselves. */
export const NdisDprFreePacketNonInterlocked = liberator('NdisDprFreePacketNonInterlocked', 'DISPATCH_LEVEL');
