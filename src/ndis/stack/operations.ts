/**
 * Operations on the stack of one adapter. They are done one at a time, in order, by a thread of the library, so that
 * no two changes of a stack overlap.
 * Implements "Driver Stack Management" (network).
 */

import type { Address } from '../../memory/index.ts';
import type { QueuedDeviceRequest } from '../pnp/deviceRequests.ts';

/** What is to be done to the stack of an adapter. */
export type StackOperation =
  | { readonly kind: 'initialize'; readonly event: Address }
  /** Pauses a running stack, changes its modules to what is configured, makes the requested bindings, restarts it. */
  | { readonly kind: 'reconfigure'; readonly event: Address }
  | { readonly kind: 'unbind'; readonly binding: Address; readonly event: Address }
  | { readonly kind: 'unbindProtocol'; readonly protocol: Address; readonly event: Address }
  /** Pauses and restarts a stack for one of its modules. */
  | { readonly kind: 'restartFilter'; readonly module: Address; readonly event: Address }
  | { readonly kind: 'halt'; readonly action: number; readonly event: Address }
  /** A Plug and Play request to the adapter's device (pnp/deviceRequests.ts). */
  | { readonly kind: 'device'; readonly request: QueuedDeviceRequest; readonly event: Address }
  /** Asks for a device power state (NDIS_DEVICE_POWER_STATE), or sets it. */
  | { readonly kind: 'power'; readonly query: boolean; readonly state: number; readonly event: Address }
  /** Asks the driver whether the idle adapter may sleep. */
  | { readonly kind: 'idle'; readonly forced: boolean; readonly event: Address }
  | { readonly kind: 'pause'; readonly reason: number; readonly event: Address }
  | { readonly kind: 'restart'; readonly event: Address };

/**
 * Operations that may wait at one adapter when a driver asks for one more; it is refused with NDIS_STATUS_RESOURCES.
 * The library's own are bounded by what there is: one bind and one unbind for each protocol, and the host's.
 */
export const OPERATION_LIMIT = 1024;
