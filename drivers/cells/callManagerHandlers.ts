/**
 * The handlers of a call manager over its signaling: NDIS_CO_CALL_MANAGER_OPTIONAL_HANDLERS of both kinds.
 * Implements the nc-ndis-protocol_cm_* pages (ndis).
 */

import {
  type Address,
  type CO_ADDRESS_FAMILY,
  type CO_CALL_PARAMETERS,
  CO_SAP,
  type DriverImports,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_DATA,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../../src/machine/index.ts';
import type { Call, CallControl, Family, Leg, RegisteredSap } from './callControl.ts';

/** The address family of this network: none of the assigned ones. */
export const CELL_FAMILY = 0x4345;
const LONGEST_SAP = 16;

/** @param controlOf the signaling of what ProtocolCmOpenAf gets as its first context. */
export function callManagerHandlers(
  imports: DriverImports,
  controlOf: (context: unknown) => CallControl | null,
): Readonly<Record<string, unknown>> {
  const { memory } = imports;
  const give = (cell: Address, context: object): number => {
    memory.writePointer(cell, memory.objects.addressOf(context));
    return NDIS_STATUS_SUCCESS;
  };
  const sapName = (sap: CO_SAP): string => {
    const length = Math.min(sap.SapLength, LONGEST_SAP);
    const from = sap.address + CO_SAP.offset.Sap;
    return String.fromCharCode(...memory.u8.subarray(from, from + length));
  };
  const setUp = (call: Call, parameters: CO_CALL_PARAMETERS, party: Address): number => {
    const leg = call.family.control.setUp(call, parameters.address, party);
    return typeof leg === 'number' ? leg : NDIS_STATUS_PENDING;
  };
  return {
    CmOpenAfHandler: (context: unknown, family: CO_ADDRESS_FAMILY, handle: Address, cell: Address) => {
      const control = controlOf(context);
      if (control === null || family.AddressFamily !== CELL_FAMILY) return NDIS_STATUS_FAILURE;
      return give(cell, control.openFamily(handle));
    },
    CmCloseAfHandler: (family: Family) =>
      family.control.closeFamily(family) ? NDIS_STATUS_SUCCESS : NDIS_STATUS_FAILURE,
    CmNotifyCloseAfCompleteHandler: () => {},
    CmRegisterSapHandler: (family: Family, sap: CO_SAP, handle: Address, cell: Address) => {
      const registered = family.control.registerSap(family, sapName(sap), handle);
      return registered === null ? NDIS_STATUS_INVALID_DATA : give(cell, registered);
    },
    CmDeregisterSapHandler: (sap: RegisteredSap) => {
      sap.family.control.saps.delete(sap);
      memory.objects.releaseValue(sap);
      return NDIS_STATUS_SUCCESS;
    },
    CmCreateVcHandler: (family: Family, vc: Address, cell: Address) => {
      const call = family.control.createCall(family, vc);
      return call === null ? NDIS_STATUS_RESOURCES : give(cell, call);
    },
    CmDeleteVcHandler: (call: Call) => {
      call.family.control.forget(call);
      return NDIS_STATUS_SUCCESS;
    },
    CmMakeCallHandler: (call: Call, parameters: CO_CALL_PARAMETERS, party: Address) =>
      setUp(call, parameters, party),
    CmAddPartyHandler: (call: Call, parameters: CO_CALL_PARAMETERS, party: Address) =>
      setUp(call, parameters, party),
    CmDropPartyHandler: (leg: Leg) => {
      leg.call.family.control.dropLeg(leg);
      return NDIS_STATUS_SUCCESS;
    },
    CmCloseCallHandler: (call: Call, leg: Leg | 0) =>
      call.family.control.closeCall(call, leg === 0 ? 0 : leg.party),
    CmIncomingCallCompleteHandler: (status: number, call: Call) => call.family.control.answered(call, status),
    CmModifyCallQoSHandler: (call: Call, parameters: CO_CALL_PARAMETERS) =>
      call.family.control.modify(call, parameters.address),
    // The miniports of this network activate and deactivate before they return.
    CmActivateVcCompleteHandler: () => {},
    CmDeactivateVcCompleteHandler: () => {},
    CmOidRequestHandler: () => NDIS_STATUS_NOT_SUPPORTED,
    CmOidRequestCompleteHandler: () => {},
  };
}
