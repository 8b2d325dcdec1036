/**
 * echo51: what echo does, as a protocol driver for NDIS 5.1: it answers ARP requests, pings and UDP echo for one IPv4
 * address, the parameter `Address` (default 192.0.2.2). Written as a model of a small NDIS 5 protocol driver; beside
 * echo it shows what NDIS 6 changed. Implements NDIS_PROTOCOL_CHARACTERISTICS of NDIS 5.1 (nf-ndis-ndisregisterprotocol).
 */

import {
  type Address,
  type DriverImports,
  defineDriver,
  NDIS_STATUS_NOT_ACCEPTED,
  NDIS_STATUS_SUCCESS,
  type NDIS_STRING,
  NDIS50_PROTOCOL_CHARACTERISTICS,
  STATUS_INVALID_PARAMETER,
} from '../../src/machine/index.ts';
import { parseIpv4 } from '../echo/answer.ts';
import { DriverParameters } from '../support/parameters.ts';
import { EchoBinding51 } from './echoBinding51.ts';

/** From RFC 5737: an address for documentation and examples. */
const DEFAULT_ADDRESS = '192.0.2.2';

/** The driver. */
export const echo51 = defineDriver((imports: DriverImports) => {
  const { ndis, memory } = imports;
  const protocol = imports.cell();
  const status = imports.cell();
  let address: Uint8Array = new Uint8Array(4);

  /** ProtocolBindAdapter: what NDIS 6 has as result goes to a variable here. */
  const bindAdapter = async (result: Address, bindContext: Address, name: NDIS_STRING): Promise<void> => {
    const binding = new EchoBinding51(imports, address);
    memory.u32[result >> 2] = await binding.bind(protocol, bindContext, name);
  };

  const unbindAdapter = async (result: Address, binding: EchoBinding51): Promise<void> => {
    await binding.unbind();
    const { arpAnswered, icmpAnswered, udpAnswered, malformed, dropped } = binding.counters;
    imports.note(
      `answered ${arpAnswered} ARP, ${icmpAnswered} ICMP, ${udpAnswered} UDP; ${malformed} malformed, ${dropped} dropped`,
    );
    memory.u32[result >> 2] = NDIS_STATUS_SUCCESS;
  };

  return {
    async DriverEntry(DriverObject, RegistryPath) {
      const parameters = await DriverParameters.read(imports, RegistryPath, ['Address']);
      const text = parameters.text('Address', DEFAULT_ADDRESS);
      const parsed = parseIpv4(text);
      if (parsed === null) {
        imports.note(`the parameter Address is "${text}"; give an IPv4 address such as ${DEFAULT_ADDRESS}`);
        return STATUS_INVALID_PARAMETER;
      }
      address = parsed;
      DriverObject.DriverUnload = () => ndis.NdisDeregisterProtocol(status, protocol.value);
      await ndis.NdisRegisterProtocol(
        status,
        protocol,
        {
          MajorNdisVersion: 5,
          MinorNdisVersion: 1,
          Name: parameters.serviceName,
          BindAdapterHandler: bindAdapter,
          UnbindAdapterHandler: unbindAdapter,
          OpenAdapterCompleteHandler: (binding: EchoBinding51, final: number) => binding.complete(final),
          CloseAdapterCompleteHandler: (binding: EchoBinding51, final: number) => binding.complete(final),
          RequestCompleteHandler: (binding: EchoBinding51, _request: Address, final: number) =>
            binding.completeRequest(final),
          SendCompleteHandler: (binding: EchoBinding51, packet: Address, final: number) =>
            binding.sent(packet, final),
          ReceivePacketHandler: (binding: EchoBinding51, packet: Address) => binding.receivePacket(packet),
          // For miniports that indicate the beginning of a frame instead of a packet.
          ReceiveHandler: (
            binding: EchoBinding51,
            context: Address,
            header: Address,
            headerSize: number,
            ahead: Address,
            aheadSize: number,
            size: number,
          ) =>
            binding.receive(context, header, headerSize, ahead, aheadSize, size) ?? NDIS_STATUS_NOT_ACCEPTED,
          TransferDataCompleteHandler: (
            binding: EchoBinding51,
            _packet: Address,
            final: number,
            bytes: number,
          ) => binding.transferred(final, bytes),
          ReceiveCompleteHandler: () => {},
          // The link may come and go; a frame sent while it is down comes back with a failure.
          StatusHandler: () => {},
          StatusCompleteHandler: () => {},
          ResetCompleteHandler: () => {},
          // Nothing is kept that a sleeping adapter or its removal could spoil; a failure would mean to be unbound.
          PnPEventHandler: () => NDIS_STATUS_SUCCESS,
        },
        NDIS50_PROTOCOL_CHARACTERISTICS.size,
      );
      return memory.u32[status.address >> 2];
    },
  };
});
