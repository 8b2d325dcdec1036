/**
 * Asking a driver for what it may complete later: the rules that all such questions of connection-oriented drivers
 * share. Implements the remarks on completion of the nf-ndis-ndiscm*complete and nf-ndis-ndiscl*complete pages (ndis).
 */

import { type Driver, type DriverCallback, TRANSIENT_END } from '../../kernel/index.ts';
import type { Address, View } from '../../memory/index.ts';
import { NDIS_STATUS_FAILURE, NDIS_STATUS_PENDING } from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import { statusNow } from '../oid/requestFormat.ts';
import type { ConnectionObject, PendingName } from './objects.ts';

/** The address of a structure where a callback is declared to take the view: the seam makes the view for TypeScript. */
export function seen<V extends View>(address: Address): V {
  // `DriverCallback.invoke` has the handler's type, but takes addresses: the edge of the callback converts them.
  return address as unknown as V;
}

/** The status that a handler returned which may not wait. */
export function statusOf<F>(value: unknown, callback: DriverCallback<F>): number {
  return statusNow(value, callback.declaration.role, callback.driver);
}

/**
 * What follows from the status of a handler that was asked for `what`: the status where it is final, or
 * NDIS_STATUS_PENDING where the driver will complete it, or has done so inside the handler.
 */
export function settleAnswer<F>(
  ndis: NdisLibrary,
  object: ConnectionObject,
  what: PendingName,
  status: number,
  callback: DriverCallback<F>,
): number {
  if (status === NDIS_STATUS_PENDING) return NDIS_STATUS_PENDING;
  // Taken from the set by the completing call.
  if (object.pending.delete(what)) return status;
  const { role, page } = callback.declaration;
  ndis.kernel.report(
    'COMPLETED_WITHOUT_PENDING',
    callback.driver,
    `${role} was completed by a call and then returned 0x${status.toString(16)}; return NDIS_STATUS_PENDING where a call completes`,
    page,
  );
  return NDIS_STATUS_PENDING;
}

/** The status with which `driver` completes what is pending of `object`; null, with a finding, where it is not. */
export function takeCompletion(
  ndis: NdisLibrary,
  object: ConnectionObject,
  what: PendingName,
  status: number,
  driver: Driver,
  call: string,
  page: string,
): number | null {
  if (!object.pending.delete(what)) {
    const text = `${call}: nothing of the kind is pending for ${object.label}; complete each operation once`;
    ndis.kernel.report('NOT_PENDING', driver, text, page);
    return null;
  }
  if (status >>> 0 !== NDIS_STATUS_PENDING) return status >>> 0;
  const text = `${call}: NDIS_STATUS_PENDING is no final status; it is taken as NDIS_STATUS_FAILURE`;
  ndis.kernel.report('COMPLETED_WITH_PENDING', driver, text, page);
  return NDIS_STATUS_FAILURE;
}

/** Reports parameters that are gone when the call returns, although the other side may need them later. */
export function refuseTransient(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  parameters: Address,
  page: string,
): boolean {
  if (parameters === 0 || parameters >= TRANSIENT_END) return false;
  const text = `${call}: the parameters are a literal, which is gone when the call returns, while the other driver may use them later; allocate them`;
  ndis.kernel.report('TRANSIENT_PARAMETERS', driver, text, page);
  return true;
}
