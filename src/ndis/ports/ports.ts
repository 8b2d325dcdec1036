/**
 * The ports of adapters: which exist, which are active, and what they are.
 * Implements "NDIS Port States" and "Allocating an NDIS Port" (network).
 */

import type { Driver } from '../../kernel/index.ts';
import {
  NDIS_MINIPORT_ATTRIBUTES_CONTROLS_DEFAULT_PORT,
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_PORT_CHARACTERISTICS_REVISION_1,
  NDIS_SIZEOF_PORT_CHARACTERISTICS_REVISION_1,
  NdisPortAuthorizationUnknown,
  NdisPortControlStateUncontrolled,
} from '../generated/constants/index.ts';
import { NDIS_PORT_CHARACTERISTICS } from '../generated/structures/index.ts';
import { type NdisLibrary, perNdis } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';

/** The port that every adapter has. */
export const DEFAULT_PORT = 0;
/** Ports that one adapter may have beside the default port; more are refused with NDIS_STATUS_RESOURCES. */
export const PORT_LIMIT = 65_536;

export type PortState = 'allocated' | 'activated';

/** A port beside the default port. */
export interface Port {
  readonly number: number;
  state: PortState;
  /** The NDIS_PORT_CHARACTERISTICS that the driver gave, with the number filled in. */
  readonly characteristics: Uint8Array;
}

/** Ports by adapter, then by number. */
export const portsOf = perNdis('ports', () => new Map<MiniportAdapter, Map<number, Port>>());

/** The allocated ports of an adapter in order of number. */
export function portList(ndis: NdisLibrary, adapter: MiniportAdapter): Port[] {
  const ports = portsOf(ndis).get(adapter);
  return ports === undefined ? [] : [...ports.values()].sort((a, b) => a.number - b.number);
}

/** The state of a port; null where the adapter has none of that number. */
export function portState(ndis: NdisLibrary, adapter: MiniportAdapter, number: number): PortState | null {
  const port = portsOf(ndis).get(adapter)?.get(number);
  if (port !== undefined) return port.state;
  if (number !== DEFAULT_PORT || adapter.registration === null) return null;
  const controlled = (adapter.registration.flags & NDIS_MINIPORT_ATTRIBUTES_CONTROLS_DEFAULT_PORT) !== 0;
  return controlled ? 'allocated' : 'activated';
}

/** Adds a port with the lowest free number; null where the adapter has too many. */
export function addPort(ndis: NdisLibrary, adapter: MiniportAdapter, given: Uint8Array): Port | null {
  let ports = portsOf(ndis).get(adapter);
  if (ports === undefined) {
    ports = new Map();
    portsOf(ndis).set(adapter, ports);
  }
  if (ports.size >= PORT_LIMIT) return null;
  let number = 1;
  while (ports.has(number)) number++;
  const port: Port = { number, state: 'allocated', characteristics: given };
  new DataView(given.buffer, given.byteOffset).setUint32(
    NDIS_PORT_CHARACTERISTICS.offset.PortNumber,
    number,
    true,
  );
  ports.set(number, port);
  return port;
}

/** Removes a port; its number may be given out anew. */
export function removePort(ndis: NdisLibrary, adapter: MiniportAdapter, number: number): void {
  portsOf(ndis).get(adapter)?.delete(number);
}

/**
 * Changes a port's state for NetEventPortActivation and NetEventPortDeactivation. False where the adapter has no such
 * port or the port has the state already. The default port may be changed where the driver controls it.
 */
export function changePortState(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  number: number,
  state: PortState,
): boolean {
  const before = portState(ndis, adapter, number);
  if (before === null || before === state) return false;
  const port = portsOf(ndis).get(adapter)?.get(number);
  if (port !== undefined) port.state = state;
  else {
    const characteristics = new Uint8Array(NDIS_PORT_CHARACTERISTICS.size);
    const ports = portsOf(ndis).get(adapter) ?? new Map<number, Port>();
    ports.set(DEFAULT_PORT, { number: DEFAULT_PORT, state, characteristics });
    portsOf(ndis).set(adapter, ports);
  }
  ndis.kernel.emit({ kind: 'state', object: `port ${number} of ${adapter.label}`, from: before, to: state });
  return true;
}

/** The adapter is halted, or could not initialize: ports that its driver left are reported and freed. */
export function releasePorts(ndis: NdisLibrary, adapter: MiniportAdapter): void {
  const { driver } = adapter.miniport;
  for (const port of portList(ndis, adapter)) {
    if (port.number === DEFAULT_PORT) continue;
    ndis.kernel.report(
      'PORT_NOT_FREED',
      driver,
      `port ${port.number} of ${adapter.label} was left behind; free it with NdisMFreePort before MiniportHaltEx returns`,
      'network/freeing-an-ndis-port',
    );
    driver.disown(portKey(adapter, port.number));
  }
  portsOf(ndis).delete(adapter);
}

/** Under which a driver owns a port. */
export function portKey(adapter: MiniportAdapter, number: number): string {
  return `port ${adapter.name} ${number}`;
}

/** Notes that a driver owns a port, so that one it leaves behind is named. */
export function ownPort(ndis: NdisLibrary, driver: Driver, adapter: MiniportAdapter, number: number): void {
  driver.own(portKey(adapter, number), {
    kind: 'NDIS port',
    name: `${number} of ${adapter.label}`,
    releasedBy: 'NdisMFreePort',
    release: () => removePort(ndis, adapter, number),
  });
}

const at = NDIS_PORT_CHARACTERISTICS.offset;

/** The NDIS_PORT_CHARACTERISTICS of a port; null stands for the default port, which follows the link. */
export function portCharacteristics(adapter: MiniportAdapter, port: Port | null): Uint8Array {
  if (port !== null && port.number !== DEFAULT_PORT) return port.characteristics;
  const bytes = new Uint8Array(NDIS_PORT_CHARACTERISTICS.size);
  const data = new DataView(bytes.buffer);
  bytes[0] = NDIS_OBJECT_TYPE_DEFAULT;
  bytes[1] = NDIS_PORT_CHARACTERISTICS_REVISION_1;
  data.setUint16(2, NDIS_SIZEOF_PORT_CHARACTERISTICS_REVISION_1, true);
  data.setUint32(at.MediaConnectState, adapter.link.mediaConnectState, true);
  data.setBigUint64(at.XmitLinkSpeed, adapter.link.xmitLinkSpeed, true);
  data.setBigUint64(at.RcvLinkSpeed, adapter.link.rcvLinkSpeed, true);
  data.setUint32(at.Direction, adapter.general?.directionType ?? 0, true);
  data.setUint32(at.SendControlState, NdisPortControlStateUncontrolled, true);
  data.setUint32(at.RcvControlState, NdisPortControlStateUncontrolled, true);
  data.setUint32(at.SendAuthorizationState, NdisPortAuthorizationUnknown, true);
  data.setUint32(at.RcvAuthorizationState, NdisPortAuthorizationUnknown, true);
  return bytes;
}
