/** Allocating and freeing ports. Implements nf-ndis-ndismallocateport and nf-ndis-ndismfreeport (ndis). */

import { type Driver, declareFunction, type Handle, type Pointer } from '../../kernel/index.ts';
import { type Address, FIRST_MAPPED_ADDRESS } from '../../memory/index.ts';
import {
  MediaConnectStateDisconnected,
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_PORT_CHAR_USE_DEFAULT_AUTH_SETTINGS,
  NDIS_PORT_CHARACTERISTICS_REVISION_1,
  NDIS_SIZEOF_PORT_CHARACTERISTICS_REVISION_1,
  NDIS_STATUS_CLOSING,
  NDIS_STATUS_INVALID_DATA,
  NDIS_STATUS_INVALID_PORT,
  NDIS_STATUS_INVALID_PORT_STATE,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NdisPortControlStateUncontrolled,
  NdisPortReauthorizing,
  NdisPortTypeMax,
} from '../generated/constants/index.ts';
import { NDIS_PORT_CHARACTERISTICS } from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { checkHeader, type HeaderRule } from '../objectHeader.ts';
import type { NDIS_STATUS } from '../status.ts';
import { addPort, DEFAULT_PORT, ownPort, portKey, portState, removePort } from './ports.ts';

/** The greatest port number that the documentation allows. */
const PORT_NUMBER_LIMIT = 0xff_ffff;

const headerRule: HeaderRule = {
  structure: 'NDIS_PORT_CHARACTERISTICS',
  type: NDIS_OBJECT_TYPE_DEFAULT,
  revisions: [
    {
      revision: NDIS_PORT_CHARACTERISTICS_REVISION_1,
      size: NDIS_SIZEOF_PORT_CHARACTERISTICS_REVISION_1,
      minorVersion: 0,
    },
  ],
  page: 'ntddndis/ns-ntddndis-_ndis_port_characteristics',
};

const at = NDIS_PORT_CHARACTERISTICS.offset;

/** Members with a greatest value. The direction is one of three (NET_IF_DIRECTION_TYPE). */
const LIMITS: readonly (readonly [member: string, offset: number, greatest: number])[] = [
  ['Flags', at.Flags, NDIS_PORT_CHAR_USE_DEFAULT_AUTH_SETTINGS],
  ['Type', at.Type, NdisPortTypeMax - 1],
  ['MediaConnectState', at.MediaConnectState, MediaConnectStateDisconnected],
  ['Direction', at.Direction, 2],
  ['SendControlState', at.SendControlState, NdisPortControlStateUncontrolled],
  ['RcvControlState', at.RcvControlState, NdisPortControlStateUncontrolled],
  ['SendAuthorizationState', at.SendAuthorizationState, NdisPortReauthorizing],
  ['RcvAuthorizationState', at.RcvAuthorizationState, NdisPortReauthorizing],
];

/** Whether the characteristics hold documented values; a note says which member does not. */
function goodCharacteristics(ndis: NdisLibrary, driver: Driver, address: Address): boolean {
  const call = 'NdisMAllocatePort';
  if ((address & 7) !== 0 || checkHeader(ndis, driver, call, address, headerRule) === null) return false;
  if (address + NDIS_PORT_CHARACTERISTICS.size > ndis.memory.size) return false;
  for (const [member, offset, greatest] of LIMITS) {
    const value = ndis.memory.u32[(address + offset) >> 2];
    if (value <= greatest) continue;
    ndis.kernel.note(
      call,
      `${driver.name}: NDIS_PORT_CHARACTERISTICS.${member} is ${value}; at most ${greatest}`,
    );
    return false;
  }
  return true;
}

/** Whether ports may be allocated now: the registration attributes are set, and the adapter is not halted. */
function refuseAllocation(ndis: NdisLibrary, driver: Driver, adapter: MiniportAdapter): number | null {
  if (adapter.registration === null) {
    ndis.kernel.report(
      'PORT_BEFORE_ATTRIBUTES',
      driver,
      `NdisMAllocatePort was called for ${adapter.label} before its registration attributes were set; call NdisMSetMiniportAttributes first`,
      'network/allocating-an-ndis-port',
    );
    return NDIS_STATUS_INVALID_DATA;
  }
  const gone = adapter.state === 'Halted' || adapter.state === 'Shutdown';
  return gone && !adapter.initializing ? NDIS_STATUS_CLOSING : null;
}

/**
 * NdisMAllocatePort: makes a port of an adapter and writes its number into PortNumber. The port is allocated, not
 * active: NetEventPortActivation activates it. NDIS_STATUS_INVALID_DATA for characteristics with values that are not
 * documented, NDIS_STATUS_CLOSING for an adapter that is halted, NDIS_STATUS_RESOURCES beyond 65 536 ports.
 * IRQL <= DISPATCH_LEVEL. Source: nf-ndis-ndismallocateport.
 */
export const NdisMAllocatePort = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisMAllocatePort(NDIS_HANDLE NdisMiniportHandle, PNDIS_PORT_CHARACTERISTICS PortCharacteristics)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndismallocateport',
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisMiniportHandle: Handle, PortCharacteristics: Pointer<NDIS_PORT_CHARACTERISTICS>): NDIS_STATUS => {
      const call = 'NdisMAllocatePort';
      const page = 'ndis/nf-ndis-ndismallocateport';
      const adapter = ndis.expect(NdisMiniportHandle, MiniportAdapter, driver, call, page);
      if (adapter === null) return NDIS_STATUS_CLOSING;
      const refused = refuseAllocation(ndis, driver, adapter);
      if (refused !== null) return refused;
      const address = PortCharacteristics;
      if (address < FIRST_MAPPED_ADDRESS || !goodCharacteristics(ndis, driver, address)) {
        return NDIS_STATUS_INVALID_DATA;
      }
      const port = addPort(
        ndis,
        adapter,
        ndis.memory.u8.slice(address, address + NDIS_PORT_CHARACTERISTICS.size),
      );
      if (port === null) return NDIS_STATUS_RESOURCES;
      ndis.memory.u32[(address + at.PortNumber) >> 2] = port.number;
      ownPort(ndis, driver, adapter, port.number);
      return NDIS_STATUS_SUCCESS;
    },
});

/**
 * NdisMFreePort: frees a port that is not active; its number may be given out again. NDIS_STATUS_INVALID_PORT for the
 * default port and for a port that does not exist, NDIS_STATUS_INVALID_PORT_STATE for an active one,
 * NDIS_STATUS_INVALID_DATA for a number above 0xFFFFFF. IRQL <= DISPATCH_LEVEL. Source: nf-ndis-ndismfreeport.
 */
export const NdisMFreePort = declareFunction('ndis', {
  prototype: 'NDIS_STATUS NdisMFreePort(NDIS_HANDLE NdisMiniportHandle, NDIS_PORT_NUMBER PortNumber)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndismfreeport',
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisMiniportHandle: Handle, PortNumber: number): NDIS_STATUS => {
      const page = 'ndis/nf-ndis-ndismfreeport';
      const adapter = ndis.expect(NdisMiniportHandle, MiniportAdapter, driver, 'NdisMFreePort', page);
      if (adapter === null) return NDIS_STATUS_INVALID_PORT;
      const number = PortNumber >>> 0;
      if (number > PORT_NUMBER_LIMIT) return NDIS_STATUS_INVALID_DATA;
      const state = portState(ndis, adapter, number);
      if (number === DEFAULT_PORT || state === null) return NDIS_STATUS_INVALID_PORT;
      if (state === 'activated') return NDIS_STATUS_INVALID_PORT_STATE;
      removePort(ndis, adapter, number);
      driver.disown(portKey(adapter, number));
      return NDIS_STATUS_SUCCESS;
    },
});
