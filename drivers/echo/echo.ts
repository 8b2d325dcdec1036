/**
 * echo: a protocol driver that answers ARP requests, pings and UDP echo for one IPv4 address, the parameter `Address`
 * (default 192.0.2.2). Written as a model of a small NDIS 6 protocol driver, in the order in which "Writing NDIS
 * Protocol Drivers" (network) presents it.
 */

import {
  type Address,
  type DriverImports,
  defineDriver,
  type NDIS_BIND_PARAMETERS,
  NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS,
  type NDIS_OID_REQUEST,
  NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_STATUS_SUCCESS,
  type NET_PNP_EVENT_NOTIFICATION,
  NetEventPause,
  NetEventRestart,
  STATUS_INVALID_PARAMETER,
} from '../../src/machine/index.ts';
import { DriverParameters } from '../support/parameters.ts';
import { parseIpv4 } from './answer.ts';
import { EchoBinding } from './echoBinding.ts';

/** From RFC 5737: an address for documentation and examples. */
const DEFAULT_ADDRESS = '192.0.2.2';

/** The driver. */
export const echo = defineDriver((imports: DriverImports) => {
  const { ndis } = imports;
  const protocol = imports.cell();

  const bindAdapter = async (
    address: Uint8Array,
    bindContext: Address,
    parameters: NDIS_BIND_PARAMETERS,
  ): Promise<number> => new EchoBinding(imports, parameters, address).bind(protocol, bindContext, parameters);

  const unbindAdapter = async (binding: EchoBinding): Promise<number> => {
    await binding.unbind();
    const { arpAnswered, icmpAnswered, udpAnswered, malformed, dropped } = binding.counters;
    imports.note(
      `answered ${arpAnswered} ARP, ${icmpAnswered} ICMP, ${udpAnswered} UDP; ${malformed} malformed, ${dropped} dropped`,
    );
    return NDIS_STATUS_SUCCESS;
  };

  const handleEvent = async (
    binding: EchoBinding | null,
    event: NET_PNP_EVENT_NOTIFICATION,
  ): Promise<number> => {
    switch (event.NetPnPEvent.NetEvent) {
      case NetEventPause:
        await binding?.pause();
        return NDIS_STATUS_SUCCESS;
      case NetEventRestart:
        if (binding !== null) binding.running = true;
        return NDIS_STATUS_SUCCESS;
      default:
        // Nothing is kept that a sleeping adapter or its removal could spoil; a failure would mean to be unbound.
        return NDIS_STATUS_SUCCESS;
    }
  };

  return {
    async DriverEntry(DriverObject, RegistryPath) {
      const parameters = await DriverParameters.read(imports, RegistryPath, ['Address']);
      const text = parameters.text('Address', DEFAULT_ADDRESS);
      const address = parseIpv4(text);
      if (address === null) {
        imports.note(`the parameter Address is "${text}"; give an IPv4 address such as ${DEFAULT_ADDRESS}`);
        return STATUS_INVALID_PARAMETER;
      }
      DriverObject.DriverUnload = () => ndis.NdisDeregisterProtocolDriver(protocol.value);
      return ndis.NdisRegisterProtocolDriver(
        null,
        {
          Header: {
            Type: NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS,
            Revision: NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
            Size: NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
          },
          MajorNdisVersion: 6,
          MinorNdisVersion: 30,
          MajorDriverVersion: 1,
          Name: parameters.serviceName,
          BindAdapterHandlerEx: (
            _context: unknown,
            bindContext: Address,
            bindParameters: NDIS_BIND_PARAMETERS,
          ) => bindAdapter(address, bindContext, bindParameters),
          UnbindAdapterHandlerEx: (_unbindContext: Address, binding: EchoBinding) => unbindAdapter(binding),
          OpenAdapterCompleteHandlerEx: (binding: EchoBinding, status: number) => binding.complete(status),
          CloseAdapterCompleteHandlerEx: (binding: EchoBinding) => binding.complete(NDIS_STATUS_SUCCESS),
          NetPnPEventHandler: (binding: EchoBinding | null, event: NET_PNP_EVENT_NOTIFICATION) =>
            handleEvent(binding, event),
          // The only requests are those that set the packet filter.
          OidRequestCompleteHandler: (binding: EchoBinding, request: NDIS_OID_REQUEST, status: number) => {
            binding.completeRequest(request.address, status);
          },
          // The link may come and go; a frame sent while it is down comes back with a failure.
          StatusHandlerEx: () => {},
          ReceiveNetBufferListsHandler: (
            binding: EchoBinding,
            lists: Address,
            _port: number,
            _count: number,
            flags: number,
          ) => binding.receive(lists, flags),
          SendNetBufferListsCompleteHandler: (binding: EchoBinding, lists: Address) => binding.sent(lists),
        },
        protocol,
      );
    },
  };
});
