/**
 * What wireport tells NDIS about its offloads.
 * Implements ns-ndis-_ndis_miniport_adapter_offload_attributes and ns-ntddndis-_ndis_offload (ndis).
 */

import {
  NDIS_ENCAPSULATION_IEEE_802_3,
  NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES_REVISION_1,
  NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES,
  NDIS_OBJECT_TYPE_OFFLOAD,
  NDIS_OFFLOAD,
  NDIS_OFFLOAD_REVISION_3,
  NDIS_OFFLOAD_SUPPORTED,
  NDIS_SIZEOF_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES_REVISION_1,
  NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_3,
  NDIS_STATUS_SUCCESS,
} from '../../src/machine/index.ts';
import type { WireportAdapter } from './adapter.ts';

const ETHERNET_HEADER_SIZE = 14;
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
