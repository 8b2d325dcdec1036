/**
 * cellmcm: the miniport of cell networks with a call manager in it.
 * Implements "MCM Drivers vs. Call Managers" (network).
 */

import {
  type Address,
  type DriverImports,
  NDIS_CO_CALL_MANAGER_OPTIONAL_HANDLERS,
  NDIS_OBJECT_TYPE_CO_CALL_MANAGER_OPTIONAL_HANDLERS,
  NDIS_STATUS_INVALID_DATA,
  NDIS_STATUS_SUCCESS,
} from '../../src/machine/index.ts';
import { setOptionalHandlers } from '../support/optionalHandlers.ts';
import { bandwidthOf, mediaOf } from './callBlock.ts';
import { type Call, CallControl, type CallGround, type Family, SIGNALING_CHANNEL } from './callControl.ts';
import { CELL_FAMILY, callManagerHandlers } from './callManagerHandlers.ts';
import type { CellAdapter, CellVc } from './cellAdapter.ts';
import { defineCellMiniport, indicateLink, LARGEST_BANDWIDTH } from './cellMiniport.ts';
import { ALL_STATIONS } from './cellSwitch.ts';

/** A call is the context of its VC for both parts of the driver: it stands for the CellVc of the miniport part too. */
function vcOf(adapter: CellAdapter, call: Call): CellVc {
  const known = call.ground as CellVc | null;
  if (known !== null) {
    known.handle = call.vc;
    return known;
  }
  const vc = adapter.createVc(call.vc);
  call.ground = vc;
  return vc;
}

function groundOf(imports: DriverImports, adapter: CellAdapter): CallGround {
  const { ndis } = imports;
  const cell = imports.cell();
  return {
    imports,
    owner: adapter.handle,
    station: adapter.station,
    linkUp: () => adapter.linkUp,
    send: (message) => {
      adapter.sendPdu(message, [{ path: ALL_STATIONS, channel: SIGNALING_CHANNEL }]);
    },
    createVc: (family: Family, call: Call) => {
      cell.value = 0;
      const status = ndis.NdisMCmCreateVc(adapter.handle, family.handle, call, cell);
      return status === NDIS_STATUS_SUCCESS ? cell.value : 0;
    },
    activate: (call, parameters) => {
      if (bandwidthOf(imports, parameters) > LARGEST_BANDWIDTH) return NDIS_STATUS_INVALID_DATA;
      adapter.activate(vcOf(adapter, call), mediaOf(imports, parameters));
      return ndis.NdisMCmActivateVc(call.vc, parameters);
    },
    deactivate: (call) => {
      adapter.deactivate(vcOf(adapter, call));
      ndis.NdisMCmDeactivateVc(call.vc);
    },
    deleteVc: (call) => {
      ndis.NdisMCmDeleteVc(call.vc);
    },
    makeCallComplete: (status, vc, party, context, parameters) =>
      ndis.NdisMCmMakeCallComplete(status, vc, party, context, parameters),
    closeCallComplete: (status, vc, party) => ndis.NdisMCmCloseCallComplete(status, vc, party),
    addPartyComplete: (status, party, context, parameters) =>
      ndis.NdisMCmAddPartyComplete(status, party, context, parameters),
    modifyComplete: (status, vc, parameters) => ndis.NdisMCmModifyCallQoSComplete(status, vc, parameters),
    dispatchCall: (sap, vc, parameters) => ndis.NdisMCmDispatchIncomingCall(sap, vc, parameters),
    dispatchConnected: (vc) => ndis.NdisMCmDispatchCallConnected(vc),
    dispatchClose: (status, vc) => ndis.NdisMCmDispatchIncomingCloseCall(status, vc, 0, 0),
    dispatchDrop: (status, party) => ndis.NdisMCmDispatchIncomingDropParty(status, party, 0, 0),
    dispatchQoS: (vc, parameters) => ndis.NdisMCmDispatchIncomingCallQoSChange(vc, parameters),
  };
}

/** The driver. */
export const cellmcm = defineCellMiniport((imports) => {
  const controls = new Map<CellAdapter, CallControl>();
  return {
    callManager: true,
    vcOf: (context: unknown) => {
      const call = context as Call;
      return call.ground as CellVc;
    },
    setOptions: (handle: Address) =>
      setOptionalHandlers(
        imports,
        handle,
        NDIS_CO_CALL_MANAGER_OPTIONAL_HANDLERS,
        NDIS_OBJECT_TYPE_CO_CALL_MANAGER_OPTIONAL_HANDLERS,
        callManagerHandlers(imports, (adapter) => controls.get(adapter as CellAdapter) ?? null),
      ),
    started: (adapter) => {
      const control = new CallControl(groundOf(imports, adapter));
      controls.set(adapter, control);
      adapter.listener = {
        received: (channel, from, pdu) => {
          if (channel === SIGNALING_CHANNEL) control.received(pdu, from);
        },
        linkChanged: (up) => {
          indicateLink(adapter, up);
          if (!up) control.linkDown();
        },
      };
      return imports.ndis.NdisMCmRegisterAddressFamilyEx(adapter.handle, {
        AddressFamily: CELL_FAMILY,
        MajorVersion: 1,
        MinorVersion: 0,
      });
    },
    stopped: (adapter) => {
      controls.delete(adapter);
    },
  };
});
