/** What the protocol drivers of cell networks have in common: characteristics over a LowerBinding. */

import {
  NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS,
  NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_STATUS_SUCCESS,
  type NET_PNP_EVENT_NOTIFICATION,
  NetEventPause,
  NetEventRestart,
} from '../../src/machine/index.ts';
import type { LowerBinding } from '../support/lowerBinding.ts';

/** The characteristics but for SetOptions, binding and unbinding. */
export function protocolCharacteristics(name: string) {
  return {
    Header: {
      Type: NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS,
      Revision: NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
      Size: NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
    },
    MajorNdisVersion: 6,
    MinorNdisVersion: 30,
    MajorDriverVersion: 1,
    Name: name,
    OpenAdapterCompleteHandlerEx: (binding: LowerBinding, status: number) => binding.complete(status),
    CloseAdapterCompleteHandlerEx: (binding: LowerBinding) => binding.complete(NDIS_STATUS_SUCCESS),
    NetPnPEventHandler: async (binding: LowerBinding | null, event: NET_PNP_EVENT_NOTIFICATION) => {
      switch (event.NetPnPEvent.NetEvent) {
        case NetEventPause:
          await binding?.pause();
          return NDIS_STATUS_SUCCESS;
        case NetEventRestart:
          if (binding !== null) binding.running = true;
          return NDIS_STATUS_SUCCESS;
        default:
          // An adapter that sleeps or goes takes its calls with it; a failure would mean to be unbound.
          return NDIS_STATUS_SUCCESS;
      }
    },
    OidRequestCompleteHandler: () => {},
    // Connectionless data does not exist on these adapters.
    ReceiveNetBufferListsHandler: () => {},
    SendNetBufferListsCompleteHandler: () => {},
  };
}
