/** What a failing ProtocolSetOptions or MiniportSetOptions means. Implements nc-ndis-set_options. */

import type { Driver } from '../../kernel/index.ts';
import { NDIS_STATUS_FAILURE, NDIS_STATUS_PENDING } from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';

/** The status of the registering call after its SetOptions function returned `status`, which is not success. */
export function judgeSetOptions(ndis: NdisLibrary, driver: Driver, role: string, status: number): number {
  ndis.kernel.note(role, `${driver.name} failed with 0x${status.toString(16)}`);
  if (status !== NDIS_STATUS_PENDING) return status;
  ndis.kernel.report(
    'PENDING_FROM_SET_OPTIONS',
    driver,
    `${role} of ${driver.name} returned NDIS_STATUS_PENDING; it has to finish before it returns`,
    'ndis/nc-ndis-set_options',
  );
  return NDIS_STATUS_FAILURE;
}
