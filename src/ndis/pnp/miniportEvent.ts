/**
 * Plug and Play events that miniports send up: NdisMNetPnPEvent, to the filter modules and protocols above.
 * Implements nf-ndis-ndismnetpnpevent, "Activating NDIS Ports" and "Deactivating NDIS Ports" (network).
 */

import { type Driver, declareFunction, type Handle, type Pointer, procedure } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import {
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_INVALID_PORT,
  NDIS_STATUS_INVALID_PORT_STATE,
  NDIS_STATUS_SUCCESS,
  NET_PNP_EVENT_NOTIFICATION_REVISION_1,
  NET_PNP_EVENT_NOTIFICATION_REVISION_2,
  NetEventBindsComplete,
  NetEventMaximum,
  NetEventPause,
  NetEventPortActivation,
  NetEventPortDeactivation,
  NetEventRestart,
} from '../generated/constants/index.ts';
import {
  NDIS_PORT,
  NDIS_PORT_CHARACTERISTICS,
  NET_PNP_EVENT_NOTIFICATION,
} from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { checkHeader, type HeaderRule } from '../objectHeader.ts';
import { describe } from '../oid/requestQueue.ts';
import { oidRequestsOf } from '../oid/requestRecord.ts';
import { changePortState, DEFAULT_PORT, PORT_LIMIT, portState } from '../ports/ports.ts';
import { onStackThread } from '../stack/threads.ts';
import {
  allowBindings,
  changeStack,
  holdBindings,
  isStackEvent,
  unbindAbove,
  waitsForStack,
} from './bindsAbove.ts';
import { eventBuffer, eventBufferLength, eventCode } from './eventNotification.ts';
import { eventFrom, propagateEvent } from './netPnPEvents.ts';

const CALL = 'NdisMNetPnPEvent';
const PAGE = 'ndis/nf-ndis-ndismnetpnpevent';
const PORT_NUMBER = NDIS_PORT.offset.PortCharacteristics + NDIS_PORT_CHARACTERISTICS.offset.PortNumber;
/** Bytes of an NDIS_PORT_NUMBER. */
const PORT_NUMBER_SIZE = 4;

const headerRule: HeaderRule = {
  structure: 'NET_PNP_EVENT_NOTIFICATION',
  type: NDIS_OBJECT_TYPE_DEFAULT,
  revisions: [
    {
      revision: NET_PNP_EVENT_NOTIFICATION_REVISION_1,
      size: NET_PNP_EVENT_NOTIFICATION.offset.SwitchId,
      minorVersion: 0,
    },
    {
      revision: NET_PNP_EVENT_NOTIFICATION_REVISION_2,
      size: NET_PNP_EVENT_NOTIFICATION.offset.VPortId + 4,
      minorVersion: 50,
    },
  ],
  page: PAGE,
};

/** The ports that an event lists, or null where the list is none: too long, outside of memory, or empty. */
function listedPorts(ndis: NdisLibrary, notification: Address, code: number): number[] | null {
  const { memory } = ndis;
  const inMemory = (address: Address, size: number): boolean =>
    address >= 0x1_0000 && address + size <= memory.size;
  const buffer = eventBuffer(ndis, notification);
  const numbers: number[] = [];
  if (code === NetEventPortDeactivation) {
    const count = Math.floor(eventBufferLength(ndis, notification) / PORT_NUMBER_SIZE);
    if (count > PORT_LIMIT + 1 || !inMemory(buffer, count * PORT_NUMBER_SIZE)) return null;
    for (let i = 0; i < count; i++) numbers.push(memory.data.getUint32(buffer + i * PORT_NUMBER_SIZE, true));
  } else {
    for (let port = buffer; port !== 0; port = memory.readPointer(port)) {
      // More ports than an adapter can have: the list runs in a circle.
      if (!inMemory(port, NDIS_PORT.size) || numbers.length > PORT_LIMIT) return null;
      numbers.push(memory.u32[(port + PORT_NUMBER) >> 2]);
    }
  }
  return numbers.length === 0 ? null : numbers;
}

/** The status that refuses a change of the listed ports, or NDIS_STATUS_SUCCESS: all change, or none. */
function refusePorts(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  ports: readonly number[],
  code: number,
): number {
  // The default port carries the bindings, so it may not hide among others.
  if (ports.length > 1 && ports.includes(DEFAULT_PORT)) return NDIS_STATUS_INVALID_PORT;
  const state = code === NetEventPortActivation ? 'activated' : 'allocated';
  for (const number of ports) {
    const before = portState(ndis, adapter, number);
    if (before === null) return NDIS_STATUS_INVALID_PORT;
    if (before === state) return NDIS_STATUS_INVALID_PORT_STATE;
  }
  return NDIS_STATUS_SUCCESS;
}

interface PortEventLocals {
  readonly adapter: Address;
  readonly notification: Address;
  readonly ports: readonly number[];
}

/** Activates or deactivates ports and tells who is above; the value is NDIS_STATUS_SUCCESS. */
const changePorts = procedure<NdisLibrary, PortEventLocals>('NdisChangePorts', {
  start: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null) return step.done(NDIS_STATUS_SUCCESS);
    const activates = eventCode(ndis, locals.notification) === NetEventPortActivation;
    // A port is in use until NdisMNetPnPEvent returns, and ready for use from before it is announced.
    if (activates) for (const port of locals.ports) changePortState(ndis, adapter, port, 'activated');
    return step.run('told', propagateEvent, ndis, eventFrom(adapter, locals.notification));
  },
  told: (ndis, locals, step) => {
    const adapter = ndis.resolve(locals.adapter, MiniportAdapter);
    if (adapter === null) return step.done(NDIS_STATUS_SUCCESS);
    const ofDefaultPort = locals.ports.includes(DEFAULT_PORT);
    if (eventCode(ndis, locals.notification) === NetEventPortActivation) {
      if (ofDefaultPort) allowBindings(ndis, adapter, 'default port');
      return step.done(NDIS_STATUS_SUCCESS);
    }
    for (const port of locals.ports) changePortState(ndis, adapter, port, 'allocated');
    if (!ofDefaultPort) return step.done(NDIS_STATUS_SUCCESS);
    holdBindings(adapter, 'default port');
    if (adapter.initializing) return step.done(NDIS_STATUS_SUCCESS);
    return step.run('over', unbindAbove, ndis, { adapter: locals.adapter, settled: false });
  },
  over: (_ndis, _locals, step) => step.done(NDIS_STATUS_SUCCESS),
});

/** The status with which an event is refused because of who sends it or how; NDIS_STATUS_SUCCESS where it is good. */
function refuseEvent(ndis: NdisLibrary, driver: Driver, adapter: MiniportAdapter, code: number): number {
  const ofPorts = code === NetEventPortActivation || code === NetEventPortDeactivation;
  const ofOneBinding = code === NetEventPause || code === NetEventRestart || code === NetEventBindsComplete;
  const mayPass = adapter.virtual && code < NetEventMaximum && !ofOneBinding;
  if (!ofPorts && !isStackEvent(code) && !mayPass) {
    ndis.kernel.note(
      CALL,
      `${driver.name}: event ${code} is not one that ${adapter.label} may send; refused`,
    );
    return NDIS_STATUS_INVALID_PARAMETER;
  }
  const { active } = oidRequestsOf(ndis).of(adapter);
  if (active !== null && active.sent !== 0 && !active.complete) {
    ndis.kernel.report(
      'PNP_EVENT_DURING_OID_REQUEST',
      driver,
      `${CALL} was called while ${describe(ndis, active)} is not complete, which can end in a deadlock; complete the request first`,
      PAGE,
    );
  }
  if (!waitsForStack(code) || adapter.initializing || !onStackThread(ndis)) return NDIS_STATUS_SUCCESS;
  ndis.kernel.report(
    'PNP_EVENT_IN_CALLBACK',
    driver,
    `${CALL}: event ${code} was sent from a function that NDIS called to change the stack, so it would wait for itself; send it from a work item`,
    'netpnp/ns-netpnp-_net_pnp_event',
  );
  return NDIS_STATUS_FAILURE;
}

/**
 * Sends a Plug and Play event to the filter modules and protocols above an adapter. Any miniport may activate and
 * deactivate its ports, and hold back bindings and the running of its stack (NetEventInhibitBindsAbove and its
 * companions, which NDIS keeps to itself, from revision 2 of the notification on); other events are for intermediate
 * drivers. IRQL PASSIVE_LEVEL; waits. NDIS_STATUS_INVALID_PARAMETER for a wrong handle, header or event;
 * NDIS_STATUS_INVALID_PORT, NDIS_STATUS_INVALID_PORT_STATE; what refused a query.
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
      const adapter = ndis.expect(MiniportAdapterHandle, MiniportAdapter, driver, CALL, PAGE);
      if (adapter === null) return NDIS_STATUS_INVALID_PARAMETER;
      const revision = checkHeader(ndis, driver, CALL, NetPnPEventNotification, headerRule);
      if (revision === null) return NDIS_STATUS_INVALID_PARAMETER;
      const code = eventCode(ndis, NetPnPEventNotification);
      const refused = refuseEvent(ndis, driver, adapter, code);
      if (refused !== NDIS_STATUS_SUCCESS) return refused;
      const { scheduler } = ndis.kernel;
      if (isStackEvent(code)) {
        if (revision.revision < NET_PNP_EVENT_NOTIFICATION_REVISION_2) return NDIS_STATUS_INVALID_PARAMETER;
        return scheduler.execute(changeStack, ndis, { adapter: adapter.handle, event: code });
      }
      if (code !== NetEventPortActivation && code !== NetEventPortDeactivation)
        return scheduler.execute(propagateEvent, ndis, eventFrom(adapter, NetPnPEventNotification));
      const ports = listedPorts(ndis, NetPnPEventNotification, code);
      if (ports === null) return NDIS_STATUS_INVALID_PARAMETER;
      const status = refusePorts(ndis, adapter, ports, code);
      if (status !== NDIS_STATUS_SUCCESS) return status;
      return scheduler.execute(changePorts, ndis, {
        adapter: adapter.handle,
        notification: NetPnPEventNotification,
        ports,
      });
    },
});
