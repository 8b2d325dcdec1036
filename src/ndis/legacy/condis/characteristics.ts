/**
 * Checking NDIS_CLIENT_CHARACTERISTICS and NDIS_CALL_MANAGER_CHARACTERISTICS and resolving their handlers. Most are the
 * same in NDIS 6; the others are translated. Implements both structures (ddk/ndis.h).
 */

import type { CallbackDeclaration, Driver, DriverCallback } from '../../../kernel/index.ts';
import { type Address, FIRST_MAPPED_ADDRESS } from '../../../memory/index.ts';
import { RequiredHandlers } from '../../characteristics.ts';
import * as cm from '../../condis/callManagerCallbacks.ts';
import * as cl from '../../condis/clientCallbacks.ts';
import type { CallManagerHandlers, ClientHandlers } from '../../condis/handlers.ts';
import * as co from '../../condis/protocolCallbacks.ts';
import { NDIS_STATUS_BAD_CHARACTERISTICS, NDIS_STATUS_BAD_VERSION } from '../../generated/constants/index.ts';
import {
  NDIS_CALL_MANAGER_CHARACTERISTICS,
  NDIS_CLIENT_CHARACTERISTICS,
} from '../../generated/structures/index.ts';
import type { NdisLibrary } from '../../library.ts';
import type { NDIS_STATUS } from '../../status.ts';
import { CL_OPEN_AF_COMPLETE_HANDLER, CO_REQUEST_COMPLETE_HANDLER, CO_REQUEST_HANDLER } from './callbacks.ts';
import { driverContext, end } from './ends.ts';
import { requestCompleteEnd, requestEnd } from './requests.ts';

/** Reads the handlers of one structure; all of them are required. */
class Reader<Member extends string> {
  readonly #ndis: NdisLibrary;
  readonly #offsets: Readonly<Record<Member, number>>;
  readonly #address: Address;
  readonly required: RequiredHandlers;

  constructor(
    ndis: NdisLibrary,
    driver: Driver,
    offsets: Readonly<Record<Member, number>>,
    address: Address,
  ) {
    this.#ndis = ndis;
    this.#offsets = offsets;
    this.#address = address;
    this.required = new RequiredHandlers(driver);
  }

  read<F>(member: Member, declaration: CallbackDeclaration<F>): DriverCallback<F> | null {
    const at = this.#ndis.memory.readPointer(this.#address + this.#offsets[member]);
    return this.required.read(member, at, declaration);
  }

  /** A handler that NDIS 6 has in another form. */
  translated<F, G>(
    member: Member,
    declaration: CallbackDeclaration<F>,
    translate: (handler: DriverCallback<F>) => DriverCallback<G>,
  ): DriverCallback<G> | null {
    const handler = this.read(member, declaration);
    return handler === null ? null : translate(handler);
  }
}

/** Why characteristics cannot be read at all, or null. */
function refusal(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  address: Address,
  length: number,
  size: number,
): NDIS_STATUS | null {
  const { memory, kernel } = ndis;
  if (address < FIRST_MAPPED_ADDRESS || length < size || address + length > memory.size) {
    kernel.note(
      call,
      `${driver.name}: the characteristics have ${length} bytes, or are no memory; they need ${size}`,
    );
    return NDIS_STATUS_BAD_CHARACTERISTICS;
  }
  const [major, minor] = [memory.u8[address], memory.u8[address + 1]];
  if (major === 5 && minor <= 1) return null;
  kernel.note(call, `${driver.name}: version ${major}.${minor} is neither 5.0 nor 5.1`);
  return NDIS_STATUS_BAD_VERSION;
}

function finish<H extends object>(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  required: RequiredHandlers,
  handlers: { readonly [K in keyof H]: H[K] | null },
): H | NDIS_STATUS {
  if (required.missing.length > 0) {
    ndis.kernel.note(call, `${driver.name}: required but missing: ${required.missing.join(', ')}`);
    return NDIS_STATUS_BAD_CHARACTERISTICS;
  }
  // Every handler that is required was read through `required`, which names those that are null.
  return handlers as H;
}

/** The handlers of a client, or the documented error. */
export function readClientCharacteristics(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  address: Address,
  length: number,
): ClientHandlers | NDIS_STATUS {
  const { offset, size } = NDIS_CLIENT_CHARACTERISTICS;
  const refused = refusal(ndis, driver, call, address, length, size);
  if (refused !== null) return refused;
  const r = new Reader(ndis, driver, offset, address);
  return finish<ClientHandlers>(ndis, driver, call, r.required, {
    createVc: r.read('ClCreateVcHandler', co.PROTOCOL_CO_CREATE_VC),
    deleteVc: r.read('ClDeleteVcHandler', co.PROTOCOL_CO_DELETE_VC),
    oidRequest: r.translated('ClRequestHandler', CO_REQUEST_HANDLER, (handler) => requestEnd(ndis, handler)),
    oidRequestComplete: r.translated('ClRequestCompleteHandler', CO_REQUEST_COMPLETE_HANDLER, (handler) =>
      requestCompleteEnd(ndis, handler),
    ),
    openAfComplete: r.translated('ClOpenAfCompleteHandler', CL_OPEN_AF_COMPLETE_HANDLER, (handler) =>
      end(driver, cl.PROTOCOL_CL_OPEN_AF_COMPLETE_EX, (context, family, status) =>
        handler.invoke(status, context, family),
      ),
    ),
    closeAfComplete: r.read('ClCloseAfCompleteHandler', cl.PROTOCOL_CL_CLOSE_AF_COMPLETE),
    registerSapComplete: r.read('ClRegisterSapCompleteHandler', cl.PROTOCOL_CL_REGISTER_SAP_COMPLETE),
    deregisterSapComplete: r.read('ClDeregisterSapCompleteHandler', cl.PROTOCOL_CL_DEREGISTER_SAP_COMPLETE),
    makeCallComplete: r.read('ClMakeCallCompleteHandler', cl.PROTOCOL_CL_MAKE_CALL_COMPLETE),
    modifyCallQoSComplete: r.read('ClModifyCallQoSCompleteHandler', cl.PROTOCOL_CL_MODIFY_CALL_QOS_COMPLETE),
    closeCallComplete: r.read('ClCloseCallCompleteHandler', cl.PROTOCOL_CL_CLOSE_CALL_COMPLETE),
    addPartyComplete: r.read('ClAddPartyCompleteHandler', cl.PROTOCOL_CL_ADD_PARTY_COMPLETE),
    dropPartyComplete: r.read('ClDropPartyCompleteHandler', cl.PROTOCOL_CL_DROP_PARTY_COMPLETE),
    incomingCall: r.read('ClIncomingCallHandler', cl.PROTOCOL_CL_INCOMING_CALL),
    incomingCallQoSChange: r.read('ClIncomingCallQoSChangeHandler', cl.PROTOCOL_CL_INCOMING_CALL_QOS_CHANGE),
    incomingCloseCall: r.read('ClIncomingCloseCallHandler', cl.PROTOCOL_CL_INCOMING_CLOSE_CALL),
    incomingDropParty: r.read('ClIncomingDropPartyHandler', cl.PROTOCOL_CL_INCOMING_DROP_PARTY),
    callConnected: r.read('ClCallConnectedHandler', cl.PROTOCOL_CL_CALL_CONNECTED),
    // NDIS 5 has no such question.
    notifyCloseAf: null,
  });
}

/** The handlers of a call manager, or the documented error. */
export function readCallManagerCharacteristics(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  address: Address,
  length: number,
): CallManagerHandlers | NDIS_STATUS {
  const { offset, size } = NDIS_CALL_MANAGER_CHARACTERISTICS;
  const refused = refusal(ndis, driver, call, address, length, size);
  if (refused !== null) return refused;
  const r = new Reader(ndis, driver, offset, address);
  return finish<CallManagerHandlers>(ndis, driver, call, r.required, {
    createVc: r.read('CmCreateVcHandler', co.PROTOCOL_CO_CREATE_VC),
    deleteVc: r.read('CmDeleteVcHandler', co.PROTOCOL_CO_DELETE_VC),
    oidRequest: r.translated('CmRequestHandler', CO_REQUEST_HANDLER, (handler) => requestEnd(ndis, handler)),
    oidRequestComplete: r.translated('CmRequestCompleteHandler', CO_REQUEST_COMPLETE_HANDLER, (handler) =>
      requestCompleteEnd(ndis, handler),
    ),
    openAf: r.translated('CmOpenAfHandler', cm.PROTOCOL_CM_OPEN_AF, (handler) =>
      end(driver, cm.PROTOCOL_CM_OPEN_AF, (context, family, handle, contextAt) =>
        handler.invoke(driverContext(context), family, handle, contextAt),
      ),
    ),
    closeAf: r.read('CmCloseAfHandler', cm.PROTOCOL_CM_CLOSE_AF),
    registerSap: r.read('CmRegisterSapHandler', cm.PROTOCOL_CM_REG_SAP),
    deregisterSap: r.read('CmDeregisterSapHandler', cm.PROTOCOL_CM_DEREGISTER_SAP),
    makeCall: r.read('CmMakeCallHandler', cm.PROTOCOL_CM_MAKE_CALL),
    closeCall: r.read('CmCloseCallHandler', cm.PROTOCOL_CM_CLOSE_CALL),
    incomingCallComplete: r.read('CmIncomingCallCompleteHandler', cm.PROTOCOL_CM_INCOMING_CALL_COMPLETE),
    addParty: r.read('CmAddPartyHandler', cm.PROTOCOL_CM_ADD_PARTY),
    dropParty: r.read('CmDropPartyHandler', cm.PROTOCOL_CM_DROP_PARTY),
    activateVcComplete: r.read('CmActivateVcCompleteHandler', cm.PROTOCOL_CM_ACTIVATE_VC_COMPLETE),
    deactivateVcComplete: r.read('CmDeactivateVcCompleteHandler', cm.PROTOCOL_CM_DEACTIVATE_VC_COMPLETE),
    modifyCallQoS: r.read('CmModifyCallQoSHandler', cm.PROTOCOL_CM_MODIFY_QOS_CALL),
    notifyCloseAfComplete: null,
  });
}
