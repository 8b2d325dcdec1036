/**
 * The structures with which NDIS announces Plug and Play events, in memory of the library.
 * Implements ns-ndis-_net_pnp_event_notification, ns-netpnp-_net_pnp_event and ns-ndis-_net_device_pnp_event.
 */

import type { Address } from '../../memory/index.ts';
import {
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_SIZEOF_NET_DEVICE_PNP_EVENT_REVISION_1,
  NET_DEVICE_PNP_EVENT_REVISION_1,
  NET_PNP_EVENT_NOTIFICATION_REVISION_1,
} from '../generated/constants/index.ts';
import {
  NET_DEVICE_PNP_EVENT,
  NET_PNP_EVENT,
  NET_PNP_EVENT_NOTIFICATION,
} from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { allocateCertainStructure } from '../libraryMemory.ts';

const EVENT = NET_PNP_EVENT_NOTIFICATION.offset.NetPnPEvent;
const CODE = EVENT + NET_PNP_EVENT.offset.NetEvent;
const BUFFER = EVENT + NET_PNP_EVENT.offset.Buffer;
const BUFFER_LENGTH = EVENT + NET_PNP_EVENT.offset.BufferLength;

/** A NET_PNP_EVENT_NOTIFICATION; `freeLibraryMemory` frees it. */
export function allocateNotification(
  ndis: NdisLibrary,
  event: number,
  buffer: Address,
  bufferLength: number,
): Address {
  return allocateCertainStructure(ndis, NET_PNP_EVENT_NOTIFICATION, {
    Header: {
      Type: NDIS_OBJECT_TYPE_DEFAULT,
      Revision: NET_PNP_EVENT_NOTIFICATION_REVISION_1,
      Size: NET_PNP_EVENT_NOTIFICATION.size,
    },
    NetPnPEvent: { NetEvent: event, Buffer: buffer, BufferLength: bufferLength },
  });
}

/** A NET_DEVICE_PNP_EVENT; `freeLibraryMemory` frees it. */
export function allocateDeviceEvent(
  ndis: NdisLibrary,
  event: number,
  buffer: Address,
  bufferLength: number,
): Address {
  return allocateCertainStructure(ndis, NET_DEVICE_PNP_EVENT, {
    Header: {
      Type: NDIS_OBJECT_TYPE_DEFAULT,
      Revision: NET_DEVICE_PNP_EVENT_REVISION_1,
      Size: NDIS_SIZEOF_NET_DEVICE_PNP_EVENT_REVISION_1,
    },
    DevicePnPEvent: event,
    InformationBuffer: buffer,
    InformationBufferLength: bufferLength,
  });
}

/** The NetEvent of a notification. */
export function eventCode(ndis: NdisLibrary, notification: Address): number {
  return ndis.memory.u32[(notification + CODE) >> 2];
}

/** The Buffer of a notification. */
export function eventBuffer(ndis: NdisLibrary, notification: Address): Address {
  return ndis.memory.readPointer(notification + BUFFER);
}

/** The BufferLength of a notification. */
export function eventBufferLength(ndis: NdisLibrary, notification: Address): number {
  return ndis.memory.u32[(notification + BUFFER_LENGTH) >> 2];
}
