/**
 * What wireport tells NDIS about its offloads, and the station address that a user may choose.
 * Implements ns-ndis-_ndis_miniport_adapter_offload_attributes, ns-ntddndis-_ndis_offload and
 * nf-ndis-ndisreadnetworkaddress (ndis).
 */

import {
  type Address,
  type DriverImports,
  NDIS_CONFIGURATION_OBJECT_REVISION_1,
  NDIS_ENCAPSULATION_IEEE_802_3,
  NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES_REVISION_1,
  NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT,
  NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES,
  NDIS_OBJECT_TYPE_OFFLOAD,
  NDIS_OFFLOAD,
  NDIS_OFFLOAD_REVISION_3,
  NDIS_OFFLOAD_SUPPORTED,
  NDIS_SIZEOF_CONFIGURATION_OBJECT_REVISION_1,
  NDIS_SIZEOF_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES_REVISION_1,
  NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_3,
  NDIS_STATUS_SUCCESS,
} from '../../src/machine/index.ts';
import type { WireportAdapter } from './adapter.ts';

const ETHERNET_HEADER_SIZE = 14;
const ADDRESS_LENGTH = 6;
/** A large send has at least this many segments; one alone needs no segmentation. */
const SEGMENTS_AT_LEAST = 2;

/** Sets the offload attributes where the wire has offloads; returns the status. */
export function setOffloadAttributes(adapter: WireportAdapter): number {
  const { imports } = adapter;
  const { offloads } = adapter.device.wire.properties;
  if (!offloads.checksum) return NDIS_STATUS_SUCCESS;
  const encapsulation = NDIS_ENCAPSULATION_IEEE_802_3;
  const yes = NDIS_OFFLOAD_SUPPORTED;
  const transport = {
    Encapsulation: encapsulation,
    TcpOptionsSupported: yes,
    TcpChecksum: yes,
    UdpChecksum: yes,
  };
  const largest = offloads.maximumSegmentedSize - ETHERNET_HEADER_SIZE;
  const offload = imports.data(NDIS_OFFLOAD.size);
  NDIS_OFFLOAD.fill(imports.memory, offload, {
    Header: {
      Type: NDIS_OBJECT_TYPE_OFFLOAD,
      Revision: NDIS_OFFLOAD_REVISION_3,
      Size: NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_3,
    },
    Checksum: {
      IPv4Transmit: { ...transport, IpOptionsSupported: yes, IpChecksum: yes },
      IPv4Receive: { ...transport, IpOptionsSupported: yes },
      IPv6Transmit: { ...transport, IpExtensionHeadersSupported: yes },
      IPv6Receive: transport,
    },
    LsoV2: {
      ...(offloads.segmentationIpv4
        ? {
            IPv4: {
              Encapsulation: encapsulation,
              MaxOffLoadSize: largest,
              MinSegmentCount: SEGMENTS_AT_LEAST,
            },
          }
        : {}),
      ...(offloads.segmentationIpv6
        ? {
            IPv6: {
              Encapsulation: encapsulation,
              MaxOffLoadSize: largest,
              MinSegmentCount: SEGMENTS_AT_LEAST,
              TcpOptionsSupported: yes,
            },
          }
        : {}),
    },
  });
  return imports.ndis.NdisMSetMiniportAttributes(adapter.handle, {
    OffloadAttributes: {
      Header: {
        Type: NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES,
        Revision: NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES_REVISION_1,
        Size: NDIS_SIZEOF_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES_REVISION_1,
      },
      // What is on when the adapter starts is everything that it can do.
      DefaultOffloadConfiguration: offload,
      HardwareOffloadCapabilities: offload,
    },
  });
}

/** The address that the adapter's parameter `NetworkAddress` gives in place of its own, or null. */
export function configuredAddress(imports: DriverImports, handle: Address): Uint8Array | null {
  const { ndis, memory } = imports;
  const configuration = imports.cell();
  const opened = ndis.NdisOpenConfigurationEx(
    {
      Header: {
        Type: NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT,
        Revision: NDIS_CONFIGURATION_OBJECT_REVISION_1,
        Size: NDIS_SIZEOF_CONFIGURATION_OBJECT_REVISION_1,
      },
      NdisHandle: handle,
    },
    configuration,
  );
  if (opened !== NDIS_STATUS_SUCCESS) return null;
  const [status, address, length] = [imports.cell(), imports.cell(), imports.cell()];
  ndis.NdisReadNetworkAddress(status, address, length, configuration.value);
  const found = memory.u32[status.address >> 2] === NDIS_STATUS_SUCCESS;
  const bytes = found
    ? memory.u8.slice(address.value, address.value + memory.u32[length.address >> 2])
    : null;
  ndis.NdisCloseConfiguration(configuration.value);
  if (bytes === null) return null;
  // A group address is nobody's, and all zeros is none.
  if (bytes.length === ADDRESS_LENGTH && (bytes[0] & 1) === 0 && bytes.some((byte) => byte !== 0))
    return bytes;
  imports.note('the parameter NetworkAddress is no address of one station and is not used');
  return null;
}
