/**
 * Status indications: from miniport drivers, filter modules and NDIS, up through the modules above to the protocol
 * drivers that are bound. Implements nf-ndis-ndismindicatestatusex, nf-ndis-ndisfindicatestatus and ns-ndis-_ndis_status_indication (ndis).
 */

import { type Driver, declareFunction, type Handle, type Pointer, poolOf } from '../../kernel/index.ts';
import { type Address, FIRST_MAPPED_ADDRESS, poolType } from '../../memory/index.ts';
import { NDIS_POOL_TAG } from '../events.ts';
import { FilterModule } from '../filter/filterModule.ts';
import {
  NDIS_OBJECT_TYPE_STATUS_INDICATION,
  NDIS_SIZEOF_STATUS_INDICATION_REVISION_1,
  NDIS_STATUS_INDICATION_REVISION_1,
  NDIS_STATUS_LINK_STATE,
  NDIS_STATUS_OPER_STATUS,
} from '../generated/constants/index.ts';
import { NDIS_STATUS_INDICATION } from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { statusName } from '../names.ts';
import { checkHeader, type HeaderRule } from '../objectHeader.ts';
import { DEFAULT_PORT, portState } from '../ports/ports.ts';
import { powerHooksOf } from '../power/hooks.ts';
import { operationalStatus, readLinkState, writeOperationalState } from './linkState.ts';
import { wrongStatus } from './statusRules.ts';

const at = NDIS_STATUS_INDICATION.offset;
const PAGE = 'ndis/ns-ndis-_ndis_status_indication';

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
  page: PAGE,
};

/**
 * NdisMIndicateStatusEx: reports a change in the status of an adapter. ProtocolStatusEx of every open binding runs
 * inside the call, at the caller's IRQL, or of one binding where DestinationHandle names it. NDIS keeps the link state
 * of NDIS_STATUS_LINK_STATE, answers queries from it, and adds NDIS_STATUS_OPER_STATUS where the operational state
 * changes. May be called from when the registration attributes are set until MiniportHaltEx returns. An indication
 * that is wrong is a finding and is not passed on; filter modules see it first. IRQL <= DISPATCH_LEVEL.
 * Source: nf-ndis-ndismindicatestatusex.
 */
export const NdisMIndicateStatusEx = declareFunction('ndis', {
  prototype:
    'VOID NdisMIndicateStatusEx(NDIS_HANDLE MiniportAdapterHandle, PNDIS_STATUS_INDICATION StatusIndication)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndismindicatestatusex',
  implement:
    (ndis: NdisLibrary, driver) =>
    (MiniportAdapterHandle: Handle, StatusIndication: Pointer<NDIS_STATUS_INDICATION>): void => {
      const page = 'ndis/nf-ndis-ndismindicatestatusex';
      const call = 'NdisMIndicateStatusEx';
      const adapter = ndis.expect(MiniportAdapterHandle, MiniportAdapter, driver, call, page);
      if (adapter === null || !mayIndicate(ndis, driver, adapter)) return;
      if (!goodIndication(ndis, driver, call, adapter, StatusIndication)) return;
      const before = operationalStatus(adapter);
      keepState(ndis, adapter, StatusIndication);
      deliver(ndis, adapter, null, StatusIndication);
      const after = operationalStatus(adapter);
      if (after.status !== before.status || after.flags !== before.flags) {
        indicateStatus(ndis, adapter, NDIS_STATUS_OPER_STATUS, writeOperationalState(after));
      }
    },
});

/** Whether the adapter is in a state in which its driver may indicate. */
function mayIndicate(ndis: NdisLibrary, driver: Driver, adapter: MiniportAdapter): boolean {
  const page = 'ndis/nf-ndis-ndismindicatestatusex';
  if ((adapter.state === 'Halted' || adapter.state === 'Shutdown') && !adapter.initializing) {
    const text = `NdisMIndicateStatusEx was called for ${adapter.label}, which is ${adapter.state}; indicate nothing after MiniportHaltEx returned`;
    ndis.kernel.report('STATUS_AFTER_HALT', driver, text, page);
    return false;
  }
  if (adapter.registration === null) {
    const text = `NdisMIndicateStatusEx was called for ${adapter.label} before its registration attributes were set; call NdisMSetMiniportAttributes first`;
    ndis.kernel.report('STATUS_BEFORE_ATTRIBUTES', driver, text, page);
    return false;
  }
  return true;
}

/** Whether an indication is well formed; a finding says what is wrong. */
function goodIndication(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  indicator: MiniportAdapter | FilterModule,
  address: Address,
): boolean {
  const { memory } = ndis;
  const module = indicator instanceof FilterModule ? indicator : null;
  const adapter = indicator instanceof FilterModule ? indicator.adapter : indicator;
  const wrong = (text: string): false => {
    ndis.kernel.report('BAD_STATUS_INDICATION', driver, `${call}: ${text}`, PAGE);
    return false;
  };
  if ((address & 7) !== 0 || address + NDIS_STATUS_INDICATION.size > memory.size) {
    return wrong('the NDIS_STATUS_INDICATION is not aligned to 8 bytes or lies outside of memory');
  }
  if (checkHeader(ndis, driver, call, address, headerRule) === null) {
    return wrong('the NDIS_STATUS_INDICATION has a wrong header');
  }
  const status = memory.u32[(address + at.StatusCode) >> 2];
  const buffer = memory.readPointer(address + at.StatusBuffer);
  const size = memory.u32[(address + at.StatusBufferSize) >> 2];
  const port = memory.u32[(address + at.PortNumber) >> 2];
  const name = statusName(status);
  const source = memory.readPointer(address + at.SourceHandle);
  // A module passes on what others indicated, with their handle in it.
  const passedOn = module !== null && isOfStack(ndis, adapter, source);
  if (source !== indicator.handle && !passedOn) {
    const handle = module === null ? 'MiniportAdapterHandle' : 'NdisFilterHandle';
    return wrong(
      `${name} has a SourceHandle that is not the handle of ${indicator.label}; set it to ${handle}`,
    );
  }
  if (size > 0 && (buffer < FIRST_MAPPED_ADDRESS || buffer + size > memory.size)) {
    return wrong(
      `${name} has a StatusBuffer of ${size} bytes at 0x${buffer.toString(16)}, which is no memory; Windows would stop with bug check 0x7C (0x20)`,
    );
  }
  if (port !== DEFAULT_PORT && portState(ndis, adapter, port) !== 'activated') {
    return wrong(`${name} comes from port ${port} of ${adapter.label}, which is not active`);
  }
  const destination = memory.readPointer(address + at.DestinationHandle);
  const isBinding = adapter.bindings.some((binding) => binding.handle === destination);
  if (destination !== 0 && !isBinding && !isOfStack(ndis, adapter, destination)) {
    return wrong(
      `${name} has a DestinationHandle that is no binding to ${adapter.label} and none of its filter modules; set it to RequestHandle of the request`,
    );
  }
  if (destination !== 0 && memory.readPointer(address + at.RequestId) === 0) {
    return wrong(`${name} has a DestinationHandle but no RequestId; set both from the request`);
  }
  // What NDIS indicates itself a module may pass on.
  if (source === adapter.handle && module !== null) return true;
  const text = wrongStatus(memory, status, buffer, size, port);
  return text === null ? true : wrong(`${name} ${text}`);
}

/** Whether a handle is that of an adapter or of a module above it. */
function isOfStack(ndis: NdisLibrary, adapter: MiniportAdapter, handle: Handle): boolean {
  return handle === adapter.handle || ndis.resolve(handle, FilterModule)?.adapter === adapter;
}

/** Keeps the link state that an indication brings, and what it says of power. */
function keepState(ndis: NdisLibrary, adapter: MiniportAdapter, indication: Address): void {
  const { memory } = ndis;
  const status = memory.u32[(indication + at.StatusCode) >> 2];
  if (status !== NDIS_STATUS_LINK_STATE) {
    const size = memory.u32[(indication + at.StatusBufferSize) >> 2];
    const buffer = memory.readPointer(indication + at.StatusBuffer);
    powerHooksOf(ndis).keepStatus(ndis, adapter, status, buffer, size);
    return;
  }
  if (memory.u32[(indication + at.PortNumber) >> 2] !== DEFAULT_PORT) return;
  adapter.link = readLinkState(memory, memory.readPointer(indication + at.StatusBuffer));
}

/**
 * Takes an indication up: to the next filter module above `from` (null: the miniport) that handles statuses, which
 * passes it on itself, else to each open binding, or to the one driver that it is for.
 */
function deliver(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  from: FilterModule | null,
  indication: Address,
): void {
  // `invoke` takes the address: the edge of the callback makes the view.
  const view = indication as unknown as NDIS_STATUS_INDICATION;
  const destination = ndis.memory.readPointer(indication + at.DestinationHandle);
  // What answers a request of a module is for nobody above it.
  if (destination !== 0 && destination === from?.handle) return;
  const { filters } = adapter;
  for (let i = (from === null ? filters.length : filters.indexOf(from)) - 1; i >= 0; i--) {
    const handler = filters[i].handlers?.status ?? null;
    if (handler !== null) return handler.invoke(filters[i].context, view);
    if (destination !== 0 && destination === filters[i].handle) return;
  }
  for (const binding of adapter.bindings.slice()) {
    // A handler that ran in this loop may have closed the binding.
    if (binding.openState !== 'open') continue;
    if (destination !== 0 && binding.handle !== destination) continue;
    binding.protocol.handlers?.status?.invoke(binding.context, view);
  }
}

/**
 * NdisFIndicateStatus: passes an indication on to the drivers above a module, or makes one, whose SourceHandle is then
 * NdisFilterHandle. Their functions run inside the call, at the caller's IRQL. From when NdisFSetAttributes returned
 * until FilterDetach returns. An indication that is wrong is a finding and is not passed on. IRQL <= DISPATCH_LEVEL.
 * Source: nf-ndis-ndisfindicatestatus.
 */
export const NdisFIndicateStatus = declareFunction('ndis', {
  prototype:
    'VOID NdisFIndicateStatus(NDIS_HANDLE NdisFilterHandle, PNDIS_STATUS_INDICATION StatusIndication)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndisfindicatestatus',
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisFilterHandle: Handle, StatusIndication: Pointer<NDIS_STATUS_INDICATION>): void => {
      const page = 'ndis/nf-ndis-ndisfindicatestatus';
      const call = 'NdisFIndicateStatus';
      // In FilterDetach the module counts as detached and may still indicate.
      const module =
        ndis.resolve(NdisFilterHandle, FilterModule) ??
        ndis.expect(NdisFilterHandle, FilterModule, driver, call, page);
      if (module === null) return;
      if (!module.attributesSet) {
        const text = `${call} was called for ${module.label} before its attributes were set; call NdisFSetAttributes first`;
        ndis.kernel.report('STATUS_BEFORE_ATTRIBUTES', driver, text, page);
        return;
      }
      if (!goodIndication(ndis, driver, call, module, StatusIndication)) return;
      deliver(ndis, module.adapter, module, StatusIndication);
    },
});

/**
 * Indicates a status of NDIS's own to every open binding of an adapter: NDIS_STATUS_RESET_START, for example. Nothing
 * is indicated when memory is short; the trace then says so.
 * @param contents what StatusBuffer points to. @param destination the one binding that it is for; 0: every one.
 */
export function indicateStatus(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  status: number,
  contents: Uint8Array = new Uint8Array(0),
  destination: Handle = 0,
): void {
  const { memory, kernel } = ndis;
  const pool = poolOf(kernel);
  const { size } = NDIS_STATUS_INDICATION;
  const block = pool.allocateZeroed(poolType.nonPagedNx, size + contents.length, NDIS_POOL_TAG, 0);
  if (block === 0) {
    kernel.note(adapter.label, `no memory to indicate ${statusName(status)}`);
    return;
  }
  memory.u8[block] = NDIS_OBJECT_TYPE_STATUS_INDICATION;
  memory.u8[block + 1] = NDIS_STATUS_INDICATION_REVISION_1;
  memory.u16[(block + 2) >> 1] = NDIS_SIZEOF_STATUS_INDICATION_REVISION_1;
  memory.writePointer(block + at.SourceHandle, adapter.handle);
  memory.writePointer(block + at.DestinationHandle, destination);
  // Modules may pass on only what names a request beside its destination.
  memory.writePointer(block + at.RequestId, destination);
  memory.u32[(block + at.StatusCode) >> 2] = status;
  memory.u32[(block + at.StatusBufferSize) >> 2] = contents.length;
  memory.writePointer(block + at.StatusBuffer, contents.length === 0 ? 0 : block + size);
  memory.u8.set(contents, block + size);
  deliver(ndis, adapter, null, block);
  pool.free(block, NDIS_POOL_TAG);
}
