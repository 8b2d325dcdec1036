/**
 * Plug and Play events that miniports send up: NdisMNetPnPEvent, to every protocol that is bound to the adapter.
 * Implements nf-ndis-ndismnetpnpevent.
 */

import { declareFunction, type Handle, type Pointer, procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import {
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_INVALID_PORT,
  NDIS_STATUS_INVALID_PORT_STATE,
  NDIS_STATUS_SUCCESS,
  NetEventMaximum,
  NetEventPortActivation,
  NetEventPortDeactivation,
  NetEventQueryPower,
  NetEventQueryRemoveDevice,
} from '../generated/constants/index.ts';
import {
  NDIS_PORT,
  NDIS_PORT_CHARACTERISTICS,
  NET_PNP_EVENT,
  NET_PNP_EVENT_NOTIFICATION,
} from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { checkHeader, type HeaderRule } from '../objectHeader.ts';
import { changePortState, PORT_LIMIT, portState } from '../ports/ports.ts';
import { sendNetPnPEvent } from './netPnPEvent.ts';

const PAGE = 'ndis/nf-ndis-ndismnetpnpevent';
const EVENT = NET_PNP_EVENT_NOTIFICATION.offset.NetPnPEvent;
const CODE = EVENT + NET_PNP_EVENT.offset.NetEvent;
const BUFFER = EVENT + NET_PNP_EVENT.offset.Buffer;
const PORT_NUMBER = NDIS_PORT.offset.PortCharacteristics + NDIS_PORT_CHARACTERISTICS.offset.PortNumber;

const headerRule: HeaderRule = {
  structure: 'NET_PNP_EVENT_NOTIFICATION',
  type: NDIS_OBJECT_TYPE_DEFAULT,
  revisions: [{ revision: 1, size: NET_PNP_EVENT_NOTIFICATION.sizeAt('6.0'), minorVersion: 0 }],
  page: PAGE,
};

/** Sends the event to one binding after the other; the value is what NdisMNetPnPEvent returns. */
const propagate = procedure<
  NdisLibrary,
  {
    readonly adapter: Address;
    readonly notification: Address;
    readonly bindings: readonly Address[];
    next: number;
  }
>('NdisMNetPnPEvent', {
  start: (ndis, locals, step) => {
    const binding = locals.bindings.at(locals.next++);
    if (binding === undefined) return step.done(NDIS_STATUS_SUCCESS);
    return step.run('sent', sendNetPnPEvent, ndis, { binding, notification: locals.notification });
  },
  sent: (ndis, locals, step, result) => {
    const code = ndis.memory.u32[(locals.notification + CODE) >> 2];
    // Only a query can be refused; the answer to any other event does not count.
    const asks = code === NetEventQueryPower || code === NetEventQueryRemoveDevice;
    return asks && result >>> 0 !== NDIS_STATUS_SUCCESS ? step.done(result) : step.go('start');
  },
});

/** Changes the ports that the event lists; the status that refuses it, or NDIS_STATUS_SUCCESS. */
function changePorts(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  notification: Address,
  code: number,
): number {
  const { memory } = ndis;
  const state = code === NetEventPortActivation ? 'activated' : 'allocated';
  const numbers: number[] = [];
  for (let port = memory.readPointer(notification + BUFFER); port !== 0; port = memory.readPointer(port)) {
    const inMemory = port >= 0x1_0000 && port + NDIS_PORT.size <= memory.size;
    // More ports than an adapter can have: the list runs in a circle.
    if (!inMemory || numbers.length > PORT_LIMIT) return NDIS_STATUS_INVALID_PARAMETER;
    numbers.push(memory.u32[(port + PORT_NUMBER) >> 2]);
  }
  if (numbers.length === 0) return NDIS_STATUS_INVALID_PARAMETER;
  for (const number of numbers) {
    const before = portState(ndis, adapter, number);
    if (before === null) return NDIS_STATUS_INVALID_PORT;
    if (before === state) return NDIS_STATUS_INVALID_PORT_STATE;
  }
  for (const number of numbers) changePortState(ndis, adapter, number, state);
  return NDIS_STATUS_SUCCESS;
}

/**
 * Sends a Plug and Play event to the protocols above an adapter. Any miniport may activate and deactivate its ports;
 * other events are for intermediate drivers. IRQL PASSIVE_LEVEL; waits. NDIS_STATUS_INVALID_PARAMETER for a wrong
 * handle, header or event; NDIS_STATUS_INVALID_PORT, NDIS_STATUS_INVALID_PORT_STATE; what refused a query.
 * Source: ndis/nf-ndis-ndismnetpnpevent.
 */
export const NdisMNetPnPEvent = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisMNetPnPEvent(NDIS_HANDLE MiniportAdapterHandle, PNET_PNP_EVENT_NOTIFICATION NetPnPEventNotification)',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '6.0',
  page: PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      MiniportAdapterHandle: Handle,
      NetPnPEventNotification: Pointer<NET_PNP_EVENT_NOTIFICATION>,
    ): number | Promise<number> => {
      const call = 'NdisMNetPnPEvent';
      const adapter = ndis.expect(MiniportAdapterHandle, MiniportAdapter, driver, call, PAGE);
      if (adapter === null || checkHeader(ndis, driver, call, NetPnPEventNotification, headerRule) === null)
        return NDIS_STATUS_INVALID_PARAMETER;
      const code = ndis.memory.u32[(NetPnPEventNotification + CODE) >> 2];
      const ofPorts = code === NetEventPortActivation || code === NetEventPortDeactivation;
      if (code >= NetEventMaximum || !(ofPorts || adapter.virtual)) {
        ndis.kernel.note(
          call,
          `${driver.name}: event ${code} is not one that ${adapter.label} may send; refused`,
        );
        return NDIS_STATUS_INVALID_PARAMETER;
      }
      if (ofPorts) {
        const status = changePorts(ndis, adapter, NetPnPEventNotification, code);
        if (status !== NDIS_STATUS_SUCCESS) return status;
      }
      return ndis.kernel.scheduler.execute(propagate, ndis, {
        adapter: adapter.handle,
        notification: NetPnPEventNotification,
        bindings: adapter.bindings.map(({ handle }) => handle),
        next: 0,
      });
    },
});
