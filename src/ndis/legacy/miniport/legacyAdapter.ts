/**
 * An adapter of a miniport driver for NDIS 4.0 to 5.1: what its translations to and from NDIS 6 need. It stands where
 * an NDIS 6 adapter has its MiniportAdapterContext, so that the rest of the library hands it to them.
 * Implements NDIS_MINIPORT_BLOCK (ddk/ndis.h) as far as NDIS uses it.
 */

import type { Driver, DriverCallback } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import { NdisMIndicateReceiveNetBufferLists } from '../../dataPath/receive.ts';
import { NdisMSendNetBufferListsComplete } from '../../dataPath/send.ts';
import { type NdisLibrary, perNdis } from '../../library.ts';
import type { MiniportAdapter } from '../../miniport/miniportAdapter.ts';
import { type Scratch, scratchOf } from './block.ts';
import type { ADAPTER_SHUTDOWN_HANDLER } from './callbacks.ts';
import { drained } from './drain.ts';
import type { LegacyDriver, LegacyHandlers } from './legacyDriver.ts';
import type { PacketLists } from './packetLists.ts';
import { LegacyReceives } from './receives.ts';
import { SendQueue } from './sendQueue.ts';
import { Serialization } from './serialization.ts';

/** A shutdown handler with the context that it gets. */
export interface ShutdownHandler {
  readonly handler: DriverCallback<ADAPTER_SHUTDOWN_HANDLER>;
  readonly context: unknown;
}

/** A query or set that the driver has: it completes it by a call that names no request. */
export interface PendingRequest {
  /** The NDIS_OID_REQUEST; 0 for a query of NDIS while the adapter initializes. */
  readonly request: Address;
  readonly kind: 'query' | 'set';
  /** Where the driver wrote BytesWritten or BytesRead, and BytesNeeded behind it. */
  readonly counts: Address;
  /** Event for a query of NDIS's own. */
  readonly event: Address;
  status: number;
}

export class LegacyAdapter {
  readonly ndis: NdisLibrary;
  readonly adapter: MiniportAdapter;
  readonly legacy: LegacyDriver;
  /** MiniportAdapterContext as the driver gave it to NdisMSetAttributes(Ex). */
  context: unknown = 0;
  /** NDIS_ATTRIBUTE_ flags. */
  attributes = 0;
  attributesSet = false;
  /** The NDIS_MINIPORT_BLOCK; its address is the handle that the driver has. 0 before and after. */
  block: Address = 0;
  readonly lock: Serialization;
  /** The query or set that the driver has not completed. */
  request: PendingRequest | null = null;
  shutdown: ShutdownHandler | null = null;
  /** NDIS waits in a pause until the packets are back. */
  pausing = false;
  /** Packets that the driver takes in one array (OID_GEN_MAXIMUM_SEND_PACKETS). */
  maximumSendPackets = 1;
  /** Scatter/gather lists of packets, for a driver that asked for them. */
  packetLists: PacketLists | null = null;
  readonly sends: SendQueue;
  readonly receives: LegacyReceives;

  constructor(ndis: NdisLibrary, adapter: MiniportAdapter, legacy: LegacyDriver) {
    this.ndis = ndis;
    this.adapter = adapter;
    this.legacy = legacy;
    const { driver } = adapter.miniport;
    const sendComplete = NdisMSendNetBufferListsComplete.implement(ndis, driver);
    const indicate = NdisMIndicateReceiveNetBufferLists.implement(ndis, driver);
    this.sends = new SendQueue(this, (lists) => {
      sendComplete(adapter.handle, lists, 0);
      drained(this);
    });
    this.receives = new LegacyReceives(this, (lists, count, flags) =>
      indicate(adapter.handle, lists, 0, count, flags),
    );
    this.lock = new Serialization(ndis.kernel, () => this.sends.flush());
  }

  /** Where handlers of the driver leave results; valid with the block. */
  get scratch(): Scratch {
    return scratchOf(this.block);
  }

  get driver(): Driver {
    return this.adapter.miniport.driver;
  }

  get handlers(): LegacyHandlers {
    return this.legacy.handlers;
  }
}

/** The adapters of drivers for NDIS 5, from before MiniportInitialize until after MiniportHalt. */
export const legacyAdaptersOf = perNdis(
  'adapters for NDIS 5',
  () => new Map<MiniportAdapter, LegacyAdapter>(),
);

/**
 * Calls a function of a driver for NDIS 5 on behalf of its adapter, such as MiniportHandleInterrupt or the function of
 * a miniport timer: under the lock where the driver is serialized, so perhaps only when the handler that runs now has
 * returned. For other drivers at once.
 */
export function callSerialized(ndis: NdisLibrary, adapter: MiniportAdapter, call: () => void): void {
  const legacy = legacyAdaptersOf(ndis).get(adapter);
  if (legacy === undefined) call();
  else legacy.lock.run(call);
}
