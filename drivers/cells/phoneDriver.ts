/**
 * The driver of a phone: a client of cell networks. It answers calls to its SAPs, and calls, talks and hangs up as its
 * owner says: it looks for orders every millisecond. Implements "CoNDIS Client Registration" (network).
 */

import {
  type Address,
  type CO_ADDRESS_FAMILY,
  type CO_CALL_PARAMETERS,
  type DriverImports,
  defineDriver,
  type NDIS_BIND_PARAMETERS,
  NDIS_CO_CLIENT_OPTIONAL_HANDLERS,
  NDIS_OBJECT_TYPE_CO_CLIENT_OPTIONAL_HANDLERS,
  NDIS_OBJECT_TYPE_CO_PROTOCOL_CHARACTERISTICS,
  NDIS_PROTOCOL_CO_CHARACTERISTICS,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_SUCCESS,
} from '../../src/machine/index.ts';
import { setOptionalHandlers } from '../support/optionalHandlers.ts';
import { bandwidthOf } from './callBlock.ts';
import type { Phone, PhoneCall, PhoneParty } from './phone.ts';
import { PhoneBinding, type PhoneSap } from './phoneBinding.ts';
import { protocolCharacteristics } from './protocol.ts';

function clientHandlers(imports: DriverImports): Readonly<Record<string, unknown>> {
  const { memory } = imports;
  const of = ({ binding }: PhoneCall) => binding;
  return {
    ClCreateVcHandler: (binding: PhoneBinding, vc: Address, cell: Address) => {
      const call = binding.incomingVc(vc);
      memory.writePointer(cell, memory.objects.addressOf(call));
      return NDIS_STATUS_SUCCESS;
    },
    ClDeleteVcHandler: (call: PhoneCall) => {
      of(call)?.deleted(call);
      return NDIS_STATUS_SUCCESS;
    },
    ClOidRequestHandler: () => NDIS_STATUS_NOT_SUPPORTED,
    ClOidRequestCompleteHandler: () => {},
    ClOpenAfCompleteHandlerEx: (binding: PhoneBinding, family: Address, status: number) =>
      binding.opened(family, status),
    ClCloseAfCompleteHandler: () => {},
    ClRegisterSapCompleteHandler: () => {},
    ClDeregisterSapCompleteHandler: () => {},
    ClMakeCallCompleteHandler: (status: number, call: PhoneCall, party: Address) =>
      of(call)?.made(call, status, party),
    ClModifyCallQoSCompleteHandler: (status: number, call: PhoneCall) => of(call)?.modified(call, status),
    ClCloseCallCompleteHandler: (_status: number, call: PhoneCall) => of(call)?.closed(call),
    ClAddPartyCompleteHandler: (status: number, party: PhoneParty, handle: Address) =>
      of(party.call)?.added(party, status, handle),
    ClDropPartyCompleteHandler: () => {},
    ClIncomingCallHandler: (sap: PhoneSap, call: PhoneCall, parameters: CO_CALL_PARAMETERS) =>
      sap.binding.incoming(sap, call, parameters),
    ClIncomingCallQoSChangeHandler: (call: PhoneCall, parameters: CO_CALL_PARAMETERS) => {
      call.bandwidth = bandwidthOf(imports, parameters.address);
    },
    ClIncomingCloseCallHandler: (status: number, call: PhoneCall) => {
      call.status = status;
      of(call)?.hangUp(call);
    },
    ClIncomingDropPartyHandler: (_status: number, party: PhoneParty) =>
      of(party.call)?.dropParty(party.call, party.to),
    ClCallConnectedHandler: (call: PhoneCall) => {
      call.state = 'connected';
    },
    ClNotifyCloseAfHandler: (binding: PhoneBinding) => {
      binding.leave();
      return NDIS_STATUS_SUCCESS;
    },
  };
}

/** A driver that obeys `phone`; one driver a phone. */
export function phoneDriver(phone: Phone) {
  return defineDriver((imports: DriverImports) => {
    const { ndis } = imports;
    const protocol = imports.cell();
    return {
      DriverEntry(DriverObject) {
        DriverObject.DriverUnload = () => ndis.NdisDeregisterProtocolDriver(protocol.value);
        return ndis.NdisRegisterProtocolDriver(
          null,
          {
            ...protocolCharacteristics('phone'),
            SetOptionsHandler: (handle: Address) => {
              const status = setOptionalHandlers(
                imports,
                handle,
                NDIS_PROTOCOL_CO_CHARACTERISTICS,
                NDIS_OBJECT_TYPE_CO_PROTOCOL_CHARACTERISTICS,
                {
                  CoStatusHandlerEx: () => {},
                  CoAfRegisterNotifyHandler: (binding: PhoneBinding, family: CO_ADDRESS_FAMILY) =>
                    binding.offered(family),
                  CoReceiveNetBufferListsHandler: (
                    binding: PhoneBinding,
                    call: PhoneCall,
                    lists: Address,
                    _count: number,
                    flags: number,
                  ) => binding.receive(call, lists, flags),
                  CoSendNetBufferListsCompleteHandler: (call: PhoneCall, lists: Address) =>
                    call.binding?.sent(lists),
                },
              );
              if (status !== NDIS_STATUS_SUCCESS) return status;
              return setOptionalHandlers(
                imports,
                handle,
                NDIS_CO_CLIENT_OPTIONAL_HANDLERS,
                NDIS_OBJECT_TYPE_CO_CLIENT_OPTIONAL_HANDLERS,
                clientHandlers(imports),
              );
            },
            BindAdapterHandlerEx: (_context: unknown, context: Address, parameters: NDIS_BIND_PARAMETERS) =>
              new PhoneBinding(imports, parameters, phone).bind(protocol, context, parameters),
            UnbindAdapterHandlerEx: async (_context: Address, binding: PhoneBinding) => {
              await binding.unbind();
              return NDIS_STATUS_SUCCESS;
            },
          },
          protocol,
        );
      },
    };
  });
}
