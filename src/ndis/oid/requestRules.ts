/**
 * When a protocol driver may make a request, and of whom. Implements "Generating OID Requests from an NDIS Protocol
 * Driver" (network).
 */

import type { Driver, Handle } from '../../kernel/index.ts';
import {
  NDIS_STATUS_CLOSING,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PORT,
  NDIS_STATUS_INVALID_PORT_STATE,
  NDIS_STATUS_LOW_POWER_STATE,
  NDIS_STATUS_RESET_IN_PROGRESS,
  OID_PM_PARAMETERS,
  OID_PNP_ENABLE_WAKE_UP,
  OID_PNP_SET_POWER,
} from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { DEFAULT_PORT, portState } from '../ports/ports.ts';
import { Binding } from '../protocol/protocolDriver.ts';

const PAGE = 'network/generating-oid-requests-from-an-ndis-protocol-driver';

/** The open binding behind a handle, or the status with which its request fails. */
export function openBinding(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  handle: Handle,
): Binding | number {
  const binding = ndis.expect(handle, Binding, driver, call, PAGE);
  if (binding === null) {
    return ndis.memory.objects.isStale(handle) ? NDIS_STATUS_CLOSING : NDIS_STATUS_FAILURE;
  }
  if (binding.openState === 'open') return refuseState(binding.adapter) ?? binding;
  const closing = binding.openState === 'closing' || binding.openState === 'closed';
  ndis.kernel.report(
    'OID_REQUEST_WITHOUT_OPEN_BINDING',
    driver,
    `${call}: the binding ${binding.label} is ${closing ? 'closed or closing' : 'not open yet'}; make requests between the end of NdisOpenAdapterEx and the call of NdisCloseAdapterEx`,
    PAGE,
  );
  return closing ? NDIS_STATUS_CLOSING : NDIS_STATUS_FAILURE;
}

/** Requests by which NDIS tells a driver of the power state of its device. */
const POWER_REQUESTS: ReadonlySet<number> = new Set([
  OID_PNP_SET_POWER,
  OID_PM_PARAMETERS,
  OID_PNP_ENABLE_WAKE_UP,
]);

/** Whether NDIS tells a driver of power with this OID. */
export function isPowerRequest(oid: number): boolean {
  return POWER_REQUESTS.has(oid);
}

/** The status with which requests to an adapter fail in its present state, or null. */
export function refuseState(adapter: MiniportAdapter): number | null {
  if (adapter.state === 'Halted' || adapter.state === 'Shutdown') return NDIS_STATUS_CLOSING;
  if (!adapter.powered) return NDIS_STATUS_LOW_POWER_STATE;
  if (adapter.pending?.kind === 'reset') return NDIS_STATUS_RESET_IN_PROGRESS;
  return null;
}

/** The status with which a request to a port fails, or null: it must exist and be active. */
export function refusePort(ndis: NdisLibrary, adapter: MiniportAdapter, port: number): number | null {
  if (port === DEFAULT_PORT) return null;
  const state = portState(ndis, adapter, port);
  if (state === null) return NDIS_STATUS_INVALID_PORT;
  return state === 'activated' ? null : NDIS_STATUS_INVALID_PORT_STATE;
}
