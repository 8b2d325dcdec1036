/**
 * Checking NDIS_PROTOCOL_CHARACTERISTICS of NDIS 4.0 and 5.x and resolving the handlers.
 * Implements nf-ndis-ndisregisterprotocol.
 */

import type { CallbackDeclaration, Driver, DriverCallback } from '../../../kernel/index.ts';
import { type Address, readUnicodeString } from '../../../memory/index.ts';
import { PROTOCOL_CO_AF_REGISTER_NOTIFY } from '../../condis/protocolCallbacks.ts';
import { NDIS_STATUS_BAD_CHARACTERISTICS, NDIS_STATUS_BAD_VERSION } from '../../generated/constants/index.ts';
import {
  NDIS40_PROTOCOL_CHARACTERISTICS,
  NDIS50_PROTOCOL_CHARACTERISTICS,
} from '../../generated/structures/index.ts';
import type { NdisLibrary } from '../../library.ts';
import type { NDIS_STATUS } from '../../status.ts';
import {
  CO_RECEIVE_PACKET_HANDLER,
  CO_SEND_COMPLETE_HANDLER,
  CO_STATUS_HANDLER,
} from '../condis/callbacks.ts';
import {
  BIND_HANDLER,
  CLOSE_ADAPTER_COMPLETE_HANDLER,
  OPEN_ADAPTER_COMPLETE_HANDLER,
  PNP_EVENT_HANDLER,
  RECEIVE_COMPLETE_HANDLER,
  RECEIVE_HANDLER,
  RECEIVE_PACKET_HANDLER,
  REQUEST_COMPLETE_HANDLER,
  RESET_COMPLETE_HANDLER,
  SEND_COMPLETE_HANDLER,
  STATUS_COMPLETE_HANDLER,
  STATUS_HANDLER,
  TRANSFER_DATA_COMPLETE_HANDLER,
  UNBIND_HANDLER,
  UNLOAD_PROTOCOL_HANDLER,
} from './callbacks.ts';

const CALL = 'NdisRegisterProtocol';
const { offset } = NDIS50_PROTOCOL_CHARACTERISTICS;

/** The handlers of a protocol driver for NDIS 5; those that a driver may leave out are null. */
export interface LegacyHandlers {
  readonly openComplete: DriverCallback<OPEN_ADAPTER_COMPLETE_HANDLER>;
  readonly closeComplete: DriverCallback<CLOSE_ADAPTER_COMPLETE_HANDLER>;
  readonly sendComplete: DriverCallback<SEND_COMPLETE_HANDLER> | null;
  readonly transferDataComplete: DriverCallback<TRANSFER_DATA_COMPLETE_HANDLER> | null;
  readonly resetComplete: DriverCallback<RESET_COMPLETE_HANDLER> | null;
  readonly requestComplete: DriverCallback<REQUEST_COMPLETE_HANDLER>;
  readonly receive: DriverCallback<RECEIVE_HANDLER> | null;
  readonly receiveComplete: DriverCallback<RECEIVE_COMPLETE_HANDLER> | null;
  readonly status: DriverCallback<STATUS_HANDLER> | null;
  readonly statusComplete: DriverCallback<STATUS_COMPLETE_HANDLER> | null;
  readonly receivePacket: DriverCallback<RECEIVE_PACKET_HANDLER> | null;
  readonly bind: DriverCallback<BIND_HANDLER>;
  readonly unbind: DriverCallback<UNBIND_HANDLER>;
  readonly pnpEvent: DriverCallback<PNP_EVENT_HANDLER> | null;
  readonly unload: DriverCallback<UNLOAD_PROTOCOL_HANDLER> | null;
  /** The handlers of a connection-oriented driver. */
  readonly co: LegacyProtocolCoHandlers | null;
}

/** What a connection-oriented protocol driver for NDIS 5 registers besides. */
export interface LegacyProtocolCoHandlers {
  readonly sendComplete: DriverCallback<CO_SEND_COMPLETE_HANDLER>;
  readonly receivePacket: DriverCallback<CO_RECEIVE_PACKET_HANDLER>;
  readonly status: DriverCallback<CO_STATUS_HANDLER> | null;
  readonly familyNotify: DriverCallback<PROTOCOL_CO_AF_REGISTER_NOTIFY> | null;
}

/** What a protocol driver said of itself. */
export interface LegacyCharacteristics {
  readonly name: string;
  readonly major: number;
  readonly minor: number;
  readonly handlers: LegacyHandlers;
  /** Where the driver's own functions lie, as NDIS_OPEN_BLOCK repeats them. */
  readonly addresses: Readonly<Record<string, Address>>;
}

/** Members of NDIS_OPEN_BLOCK that repeat a handler of the protocol driver. */
export const REPEATED_HANDLERS = [
  'SendCompleteHandler',
  'TransferDataCompleteHandler',
  'ReceiveHandler',
  'ReceiveCompleteHandler',
  'RequestCompleteHandler',
  'ReceivePacketHandler',
  'ResetCompleteHandler',
  'StatusHandler',
  'StatusCompleteHandler',
] as const;

type Member = Exclude<keyof typeof offset, 'Name'>;

type Optional = <F>(member: Member, declaration: CallbackDeclaration<F>) => DriverCallback<F> | null;

/** A driver is connection-oriented that registers ProtocolCoSendComplete and ProtocolCoReceivePacket. */
function readCoHandlers(optional: Optional): LegacyProtocolCoHandlers | null {
  const sendComplete = optional('CoSendCompleteHandler', CO_SEND_COMPLETE_HANDLER);
  const receivePacket = optional('CoReceivePacketHandler', CO_RECEIVE_PACKET_HANDLER);
  if (sendComplete === null || receivePacket === null) return null;
  return {
    sendComplete,
    receivePacket,
    status: optional('CoStatusHandler', CO_STATUS_HANDLER),
    familyNotify: optional('CoAfRegisterNotifyHandler', PROTOCOL_CO_AF_REGISTER_NOTIFY),
  };
}

/** Reads what is at `address`, `length` bytes of it; the documented error where it is wrong. */
export function readLegacyCharacteristics(
  ndis: NdisLibrary,
  driver: Driver,
  address: Address,
  length: number,
): LegacyCharacteristics | NDIS_STATUS {
  const { memory, kernel } = ndis;
  const wrong = (status: number, text: string): NDIS_STATUS => {
    kernel.note(CALL, `${driver.name}: ${text}`);
    return status as NDIS_STATUS;
  };
  if (length < 2) return wrong(NDIS_STATUS_BAD_CHARACTERISTICS, `CharacteristicsLength is ${length}`);
  const major = memory.u8[address + offset.MajorNdisVersion];
  const minor = memory.u8[address + offset.MinorNdisVersion];
  const known = (major === 4 && minor === 0) || (major === 5 && minor <= 1);
  if (!known) return wrong(NDIS_STATUS_BAD_VERSION, `version ${major}.${minor} is neither 4.0, 5.0 nor 5.1`);
  const needed = major === 4 ? NDIS40_PROTOCOL_CHARACTERISTICS.size : NDIS50_PROTOCOL_CHARACTERISTICS.size;
  if (length < needed) {
    const text = `CharacteristicsLength is ${length}; version ${major}.${minor} has ${needed} bytes`;
    return wrong(NDIS_STATUS_BAD_CHARACTERISTICS, text);
  }
  const at = (member: Member): Address => memory.readPointer(address + offset[member]);
  const missing: string[] = [];
  const optional = <F>(member: Member, declaration: CallbackDeclaration<F>): DriverCallback<F> | null =>
    driver.callback(at(member), declaration);
  const required = <F>(member: Member, declaration: CallbackDeclaration<F>): DriverCallback<F> | null => {
    const callback = optional(member, declaration);
    if (callback === null) missing.push(member);
    return callback;
  };
  const openComplete = required('OpenAdapterCompleteHandler', OPEN_ADAPTER_COMPLETE_HANDLER);
  const closeComplete = required('CloseAdapterCompleteHandler', CLOSE_ADAPTER_COMPLETE_HANDLER);
  const requestComplete = required('RequestCompleteHandler', REQUEST_COMPLETE_HANDLER);
  const bind = required('BindAdapterHandler', BIND_HANDLER);
  const unbind = required('UnbindAdapterHandler', UNBIND_HANDLER);
  const name = readUnicodeString(memory, address + offset.Name);
  if (name === '') missing.push('Name');
  if (
    openComplete === null ||
    closeComplete === null ||
    requestComplete === null ||
    bind === null ||
    unbind === null ||
    name === ''
  ) {
    return wrong(NDIS_STATUS_BAD_CHARACTERISTICS, `required but missing: ${missing.join(', ')}`);
  }
  return {
    // NDIS converts the name to upper case; bindings are shown under the name that the driver gave.
    name,
    major,
    minor,
    handlers: {
      openComplete,
      closeComplete,
      sendComplete: optional('SendCompleteHandler', SEND_COMPLETE_HANDLER),
      transferDataComplete: optional('TransferDataCompleteHandler', TRANSFER_DATA_COMPLETE_HANDLER),
      resetComplete: optional('ResetCompleteHandler', RESET_COMPLETE_HANDLER),
      requestComplete,
      receive: optional('ReceiveHandler', RECEIVE_HANDLER),
      receiveComplete: optional('ReceiveCompleteHandler', RECEIVE_COMPLETE_HANDLER),
      status: optional('StatusHandler', STATUS_HANDLER),
      statusComplete: optional('StatusCompleteHandler', STATUS_COMPLETE_HANDLER),
      receivePacket: optional('ReceivePacketHandler', RECEIVE_PACKET_HANDLER),
      bind,
      unbind,
      pnpEvent: optional('PnPEventHandler', PNP_EVENT_HANDLER),
      unload: optional('UnloadHandler', UNLOAD_PROTOCOL_HANDLER),
      co: major === 5 ? readCoHandlers(optional) : null,
    },
    addresses: Object.fromEntries(REPEATED_HANDLERS.map((member) => [member, at(member)])),
  };
}
