/**
 * Status indications of connection-oriented miniports, of the adapter or of one VC.
 * Implements nf-ndis-ndismcoindicatestatusex and nc-ndis-protocol_co_status_ex.
 */

import { type Driver, declareFunction, type Handle, type Pointer } from '../../kernel/index.ts';
import { type Address, FIRST_MAPPED_ADDRESS } from '../../memory/index.ts';
import {
  NDIS_OBJECT_TYPE_STATUS_INDICATION,
  NDIS_SIZEOF_STATUS_INDICATION_REVISION_1,
  NDIS_STATUS_INDICATION_REVISION_1,
  NDIS_STATUS_LINK_STATE,
} from '../generated/constants/index.ts';
import { NDIS_STATUS_INDICATION } from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { checkHeader, type HeaderRule } from '../objectHeader.ts';
import type { Binding } from '../protocol/protocolDriver.ts';
import { readLinkState } from '../status/linkState.ts';
import { wrongStatus } from '../status/statusRules.ts';
import { seen } from './answers.ts';
import { VirtualConnection } from './objects.ts';

const PAGE = 'ndis/nf-ndis-ndismcoindicatestatusex';
const CALL = 'NdisMCoIndicateStatusEx';
const at = NDIS_STATUS_INDICATION.offset;

const headerRule: HeaderRule = {
  structure: 'NDIS_STATUS_INDICATION',
  type: NDIS_OBJECT_TYPE_STATUS_INDICATION,
  revisions: [
    {
      revision: NDIS_STATUS_INDICATION_REVISION_1,
      size: NDIS_SIZEOF_STATUS_INDICATION_REVISION_1,
      minorVersion: 0,
    },
  ],
  page: 'ndis/ns-ndis-_ndis_status_indication',
};

/** What is wrong with an indication, or null. */
function problem(
  ndis: NdisLibrary,
  driver: Driver,
  adapter: MiniportAdapter,
  address: Address,
): string | null {
  const { memory } = ndis;
  if ((address & 7) !== 0 || address + NDIS_STATUS_INDICATION.size > memory.size)
    return 'the NDIS_STATUS_INDICATION is not aligned to 8 bytes or lies outside of memory';
  if (checkHeader(ndis, driver, CALL, address, headerRule) === null)
    return 'the NDIS_STATUS_INDICATION has a wrong header';
  if (memory.readPointer(address + at.SourceHandle) !== adapter.handle)
    return `SourceHandle is not the handle of ${adapter.label}; set it to MiniportAdapterHandle`;
  const buffer = memory.readPointer(address + at.StatusBuffer);
  const size = memory.u32[(address + at.StatusBufferSize) >> 2];
  if (size > 0 && (buffer < FIRST_MAPPED_ADDRESS || buffer + size > memory.size))
    return `StatusBuffer of ${size} bytes at 0x${buffer.toString(16)} is no memory`;
  return wrongStatus(memory, memory.u32[(address + at.StatusCode) >> 2], buffer, size, 0);
}

/** Tells one binding: a protocol that is not connection-oriented knows of adapters only. */
function tell(binding: Binding, vcContext: unknown, indication: Address): void {
  if (binding.openState !== 'open') return;
  const view = seen<NDIS_STATUS_INDICATION>(indication);
  const { connections, handlers } = binding.protocol;
  if (connections?.co !== null && connections?.co !== undefined)
    connections.co.status?.invoke(binding.context, vcContext, view);
  else handlers?.status?.invoke(binding.context, view);
}

/**
 * NdisMCoIndicateStatusEx: reports a change in the status of an adapter to every protocol on it, or with a VC to its
 * client and its call manager alone, through ProtocolCoStatusEx. NDIS keeps the link state of NDIS_STATUS_LINK_STATE.
 * Where DestinationHandle names a binding, only that one is told. May be called from when the registration attributes
 * are set until MiniportHaltEx returns. An indication that is wrong is a finding and is not passed on.
 * IRQL <= DISPATCH_LEVEL. Source: ndis/nf-ndis-ndismcoindicatestatusex.
 */
export const NdisMCoIndicateStatusEx = declareFunction('ndis', {
  prototype:
    'VOID NdisMCoIndicateStatusEx(NDIS_HANDLE MiniportAdapterHandle, NDIS_HANDLE NdisVcHandle, PNDIS_STATUS_INDICATION StatusIndication)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (
      MiniportAdapterHandle: Handle,
      NdisVcHandle: Handle,
      StatusIndication: Pointer<NDIS_STATUS_INDICATION>,
    ): void => {
      const adapter = ndis.expect(MiniportAdapterHandle, MiniportAdapter, driver, CALL, PAGE);
      if (adapter === null) return;
      const connection =
        NdisVcHandle === 0 ? null : ndis.expect(NdisVcHandle, VirtualConnection, driver, CALL, PAGE);
      if (NdisVcHandle !== 0 && connection === null) return;
      if ((adapter.state === 'Halted' || adapter.registration === null) && !adapter.initializing) {
        const text = `${CALL} was called for ${adapter.label}, which is ${adapter.state}; indicate from its registration attributes on until MiniportHaltEx returns`;
        ndis.kernel.report('STATUS_AFTER_HALT', driver, text, PAGE);
        return;
      }
      const wrong = problem(ndis, driver, adapter, StatusIndication);
      if (wrong !== null) {
        ndis.kernel.report('BAD_STATUS_INDICATION', driver, `${CALL}: ${wrong}`, PAGE);
        return;
      }
      if (connection !== null) return tellEnds(connection, StatusIndication);
      keepLinkState(ndis, adapter, StatusIndication);
      const destination = ndis.memory.readPointer(StatusIndication + at.DestinationHandle);
      for (const binding of adapter.bindings.slice()) {
        if (destination === 0 || binding.handle === destination) tell(binding, 0, StatusIndication);
      }
    },
});

function tellEnds(connection: VirtualConnection, indication: Address): void {
  const { client, manager } = connection;
  if (client !== null && !client.gone) tell(client.binding, connection.clientContext.value, indication);
  if (manager.binding !== null && !manager.gone)
    tell(manager.binding, connection.managerContext.value, indication);
}

function keepLinkState(ndis: NdisLibrary, adapter: MiniportAdapter, indication: Address): void {
  const { memory } = ndis;
  if (memory.u32[(indication + at.StatusCode) >> 2] !== NDIS_STATUS_LINK_STATE) return;
  adapter.link = readLinkState(memory, memory.readPointer(indication + at.StatusBuffer));
}
