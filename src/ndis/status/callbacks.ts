/** The callback of status indications for protocol drivers. Implements nc-ndis-protocol_status_ex (ndis). */

import { declareCallback } from '../../kernel/index.ts';
import type { NDIS_STATUS_INDICATION } from '../generated/structures/index.ts';

/** ProtocolStatusEx: the underlying driver indicates a change of status. */
export type PROTOCOL_STATUS_EX = (
  ProtocolBindingContext: unknown,
  StatusIndication: NDIS_STATUS_INDICATION,
) => void;
export const PROTOCOL_STATUS_EX = declareCallback<PROTOCOL_STATUS_EX>({
  prototype:
    'VOID PROTOCOL_STATUS_EX(NDIS_HANDLE ProtocolBindingContext, PNDIS_STATUS_INDICATION StatusIndication)',
  role: 'ProtocolStatusEx',
  onWait: 'raise',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nc-ndis-protocol_status_ex',
});
