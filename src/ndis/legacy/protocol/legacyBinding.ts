/**
 * A protocol driver for NDIS 5 and its bindings: what the library keeps beside the ProtocolDriver and the Binding that
 * the rest of it sees. The handle of a binding is the address of its NDIS_OPEN_BLOCK, which macros of NDIS 5 read.
 */

import type { Driver, Handle } from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import { NdisReturnNetBufferLists } from '../../dataPath/receive.ts';
import { NdisCancelSendNetBufferLists, NdisSendNetBufferLists } from '../../dataPath/send.ts';
import { type NdisLibrary, perNdis } from '../../library.ts';
import { NdisOidRequest } from '../../oid/oidRequest.ts';
import { NdisCompleteNetPnPEvent } from '../../pnp/netPnPEvent.ts';
import { NdisCompleteBindAdapterEx, NdisCompleteUnbindAdapterEx } from '../../protocol/bind.ts';
import { NdisCloseAdapterEx } from '../../protocol/close.ts';
import { NdisOpenAdapterEx } from '../../protocol/open.ts';
import { Binding, type ProtocolDriver } from '../../protocol/protocolDriver.ts';
import { legacyPage } from '../declareLegacy.ts';
import { type ListShells, listShellsOf } from '../translation/listShells.ts';
import { type PacketShells, packetShellsOf } from '../translation/packetShells.ts';
import type { LegacyCharacteristics, LegacyHandlers } from './characteristics.ts';

/** The functions of NDIS 6 that those of NDIS 5 are made of, as the driver itself would call them. */
function functionsFor(ndis: NdisLibrary, driver: Driver) {
  return {
    open: NdisOpenAdapterEx.implement(ndis, driver),
    close: NdisCloseAdapterEx.implement(ndis, driver),
    send: NdisSendNetBufferLists.implement(ndis, driver),
    cancelSends: NdisCancelSendNetBufferLists.implement(ndis, driver),
    returnLists: NdisReturnNetBufferLists.implement(ndis, driver),
    oidRequest: NdisOidRequest.implement(ndis, driver),
    completeBind: NdisCompleteBindAdapterEx.implement(ndis, driver),
    completeUnbind: NdisCompleteUnbindAdapterEx.implement(ndis, driver),
    completePnPEvent: NdisCompleteNetPnPEvent.implement(ndis, driver),
  };
}

/** A protocol driver for NDIS 5. */
export class LegacyProtocol {
  readonly ndis: NdisLibrary;
  readonly protocol: ProtocolDriver;
  readonly characteristics: LegacyCharacteristics;
  readonly functions: ReturnType<typeof functionsFor>;

  constructor(ndis: NdisLibrary, protocol: ProtocolDriver, characteristics: LegacyCharacteristics) {
    this.ndis = ndis;
    this.protocol = protocol;
    this.characteristics = characteristics;
    this.functions = functionsFor(ndis, protocol.driver);
  }

  get handlers(): LegacyHandlers {
    return this.characteristics.handlers;
  }
}

/** The protocol drivers for NDIS 5. */
export const legacyProtocolsOf = perNdis(
  'NDIS 5 protocols',
  () => new WeakMap<ProtocolDriver, LegacyProtocol>(),
);

/** A transfer that is told later that it is over. */
export interface PendingTransfer {
  readonly packet: Address;
  readonly bytes: number;
}

/** A binding of such a driver: what its Binding has as context. */
export class LegacyBinding {
  readonly legacy: LegacyProtocol;
  readonly binding: Binding;
  readonly handlers: LegacyHandlers;
  /** ProtocolBindingContext as the driver gave it. */
  readonly context: unknown;
  /** NDIS_OPEN_BLOCK: NdisBindingHandle. */
  readonly block: Address;
  /** What packets and lists stand for each other, at hand for the data path. */
  readonly lists: ListShells;
  readonly packets: PacketShells;
  /** The link as the protocol was last told: connected, and how fast. */
  connected: boolean;
  speed: bigint;
  /** The NET_PNP_EVENT_NOTIFICATION of a pause that waits until what was sent is back, else 0. */
  pausing: Address = 0;
  /** Packets came on VCs since ProtocolReceiveComplete was last called. */
  receivedOnConnection = false;
  /** Transfers of the indication in progress that are completed before ProtocolReceiveComplete. */
  readonly transfers: PendingTransfer[] = [];
  /** Requests made and not completed: NDIS_REQUEST by NDIS_OID_REQUEST. */
  readonly requests = new Map<Address, Address>();

  constructor(legacy: LegacyProtocol, binding: Binding, context: unknown, connected: boolean) {
    this.legacy = legacy;
    this.binding = binding;
    this.handlers = legacy.handlers;
    this.context = context;
    this.block = binding.block;
    this.connected = connected;
    this.lists = listShellsOf(legacy.ndis);
    this.packets = packetShellsOf(legacy.ndis);
    this.speed = binding.adapter.link.xmitLinkSpeed;
  }
}

/** The binding of an NDIS 5 protocol driver behind NdisBindingHandle; null, with a finding, where there is none. */
export function legacyBindingAt(
  ndis: NdisLibrary,
  driver: Driver,
  handle: Handle,
  call: string,
): LegacyBinding | null {
  const binding = ndis.expect(handle, Binding, driver, call, legacyPage(call));
  return binding !== null && binding.context instanceof LegacyBinding ? binding.context : null;
}
