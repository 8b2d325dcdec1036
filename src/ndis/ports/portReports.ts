/** What NDIS says of ports when it is asked. Implements oid-gen-enumerate-ports and oid-gen-port-state (network). */

import {
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_PORT_ARRAY_REVISION_1,
  NDIS_PORT_STATE_REVISION_1,
  NDIS_SIZEOF_PORT_ARRAY_REVISION_1,
  NDIS_SIZEOF_PORT_STATE_REVISION_1,
} from '../generated/constants/index.ts';
import {
  NDIS_PORT_ARRAY,
  NDIS_PORT_CHARACTERISTICS,
  NDIS_PORT_STATE,
} from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { DEFAULT_PORT, type Port, portCharacteristics, portList, portState, portsOf } from './ports.ts';

const FIRST_PORT = NDIS_PORT_ARRAY.offset.Ports;
const ELEMENT_SIZE = NDIS_PORT_CHARACTERISTICS.size;

function writeHeader(data: DataView, revision: number, size: number): void {
  data.setUint8(0, NDIS_OBJECT_TYPE_DEFAULT);
  data.setUint8(1, revision);
  data.setUint16(2, size, true);
}

/** The NDIS_PORT_ARRAY of the active ports; ports that are only allocated are left out. */
export function writeEnumeratedPorts(ndis: NdisLibrary, adapter: MiniportAdapter): Uint8Array {
  const active: (Port | null)[] = portList(ndis, adapter).filter(
    (port) => port.state === 'activated' && port.number !== DEFAULT_PORT,
  );
  if (portState(ndis, adapter, DEFAULT_PORT) === 'activated') active.unshift(null);
  const bytes = new Uint8Array(FIRST_PORT + active.length * ELEMENT_SIZE);
  const data = new DataView(bytes.buffer);
  writeHeader(data, NDIS_PORT_ARRAY_REVISION_1, NDIS_SIZEOF_PORT_ARRAY_REVISION_1);
  data.setUint32(NDIS_PORT_ARRAY.offset.NumberOfPorts, active.length, true);
  data.setUint32(NDIS_PORT_ARRAY.offset.OffsetFirstPort, FIRST_PORT, true);
  data.setUint32(NDIS_PORT_ARRAY.offset.ElementSize, ELEMENT_SIZE, true);
  active.forEach((port, index) => {
    bytes.set(portCharacteristics(adapter, port), FIRST_PORT + index * ELEMENT_SIZE);
  });
  return bytes;
}

/** The NDIS_PORT_STATE of a port; null where it is not active. */
export function writePortState(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  number: number,
): Uint8Array | null {
  if (portState(ndis, adapter, number) !== 'activated') return null;
  const port = portsOf(ndis).get(adapter)?.get(number) ?? null;
  const from = new DataView(portCharacteristics(adapter, port).slice().buffer);
  const bytes = new Uint8Array(NDIS_PORT_STATE.size);
  const data = new DataView(bytes.buffer);
  writeHeader(data, NDIS_PORT_STATE_REVISION_1, NDIS_SIZEOF_PORT_STATE_REVISION_1);
  const source = NDIS_PORT_CHARACTERISTICS.offset;
  const target = NDIS_PORT_STATE.offset;
  data.setUint32(target.MediaConnectState, from.getUint32(source.MediaConnectState, true), true);
  data.setBigUint64(target.XmitLinkSpeed, from.getBigUint64(source.XmitLinkSpeed, true), true);
  data.setBigUint64(target.RcvLinkSpeed, from.getBigUint64(source.RcvLinkSpeed, true), true);
  data.setUint32(target.Direction, from.getUint32(source.Direction, true), true);
  data.setUint32(target.SendControlState, from.getUint32(source.SendControlState, true), true);
  data.setUint32(target.RcvControlState, from.getUint32(source.RcvControlState, true), true);
  data.setUint32(target.SendAuthorizationState, from.getUint32(source.SendAuthorizationState, true), true);
  data.setUint32(target.RcvAuthorizationState, from.getUint32(source.RcvAuthorizationState, true), true);
  data.setUint32(target.Flags, from.getUint32(source.Flags, true), true);
  return bytes;
}
