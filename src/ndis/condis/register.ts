/**
 * Connection-oriented handlers as NdisSetOptionalHandlers hands them over, and what a miniport driver has to have
 * registered by the time MiniportSetOptions returned. Implements "CoNDIS Registration" (network).
 */

import type { Driver } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import {
  NDIS_OBJECT_TYPE_CO_CALL_MANAGER_OPTIONAL_HANDLERS,
  NDIS_OBJECT_TYPE_CO_CLIENT_OPTIONAL_HANDLERS,
  NDIS_OBJECT_TYPE_CO_MINIPORT_CHARACTERISTICS,
  NDIS_OBJECT_TYPE_CO_PROTOCOL_CHARACTERISTICS,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import type { MiniportDriver } from '../miniport/miniportDriver.ts';
import { ProtocolDriver } from '../protocol/protocolDriver.ts';
import type { NDIS_STATUS } from '../status.ts';
import {
  readCallManagerHandlers,
  readClientHandlers,
  readMiniportCoHandlers,
  readProtocolCoHandlers,
} from './handlers.ts';

/**
 * Takes the handlers of a structure of kind `type`; null where the kind is not connection-oriented.
 * NDIS_STATUS_FAILURE where a handler is missing.
 */
export function takeConnectionHandlers(
  ndis: NdisLibrary,
  driver: Driver,
  owner: ProtocolDriver | MiniportDriver,
  type: number,
  address: Address,
): NDIS_STATUS | null {
  const taken = <H>(handlers: H | null, keep: (handlers: H) => void): NDIS_STATUS => {
    if (handlers === null) return NDIS_STATUS_FAILURE;
    keep(handlers);
    return NDIS_STATUS_SUCCESS;
  };
  if (owner instanceof ProtocolDriver) {
    const kept = owner.connections ?? { co: null, client: null, callManager: null };
    const keep = (change: Partial<typeof kept>): void => {
      owner.connections = Object.assign(kept, change);
    };
    switch (type) {
      case NDIS_OBJECT_TYPE_CO_PROTOCOL_CHARACTERISTICS:
        return taken(readProtocolCoHandlers(ndis, driver, address), (co) => keep({ co }));
      case NDIS_OBJECT_TYPE_CO_CLIENT_OPTIONAL_HANDLERS:
        return taken(readClientHandlers(ndis, driver, address), (client) => keep({ client }));
      case NDIS_OBJECT_TYPE_CO_CALL_MANAGER_OPTIONAL_HANDLERS:
        return taken(readCallManagerHandlers(ndis, driver, address), (callManager) => keep({ callManager }));
      default:
        return null;
    }
  }
  const kept = owner.connections ?? { co: null, callManager: null };
  const keep = (change: Partial<typeof kept>): void => {
    owner.connections = Object.assign(kept, change);
  };
  switch (type) {
    case NDIS_OBJECT_TYPE_CO_MINIPORT_CHARACTERISTICS:
      return taken(readMiniportCoHandlers(ndis, driver, address), (co) => keep({ co }));
    case NDIS_OBJECT_TYPE_CO_CALL_MANAGER_OPTIONAL_HANDLERS:
      return taken(readCallManagerHandlers(ndis, driver, address), (callManager) => keep({ callManager }));
    default:
      return null;
  }
}

/** The handlers for VCs that a miniport driver without a call manager of its own lacks. */
export function missingVcHandlers(miniport: MiniportDriver): string[] {
  const { connections } = miniport;
  if (connections === null) return [];
  if (connections.co === null) return ['NDIS_MINIPORT_CO_CHARACTERISTICS'];
  if (connections.callManager !== null) return [];
  const { createVc, deleteVc, activateVc, deactivateVc } = connections.co;
  return [
    ...(createVc === null ? ['CoCreateVcHandler'] : []),
    ...(deleteVc === null ? ['CoDeleteVcHandler'] : []),
    ...(activateVc === null ? ['CoActivateVcHandler'] : []),
    ...(deactivateVc === null ? ['CoDeactivateVcHandler'] : []),
  ];
}
