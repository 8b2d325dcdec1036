/**
 * Checking NDIS_MINIPORT_CHARACTERISTICS in its versions 4.0, 5.0 and 5.1, and reading its handlers.
 * Implements NDIS_MINIPORT_CHARACTERISTICS (ddk/ndis.h) and nf-ndis-ndisimregisterlayeredminiport, which describes it.
 */

import type { CallbackDeclaration, Driver, DriverCallback } from '../../../kernel/index.ts';
import { type Address, FIRST_MAPPED_ADDRESS } from '../../../memory/index.ts';
import {
  MINIPORT_CO_ACTIVATE_VC,
  MINIPORT_CO_CREATE_VC,
  MINIPORT_CO_DEACTIVATE_VC,
  MINIPORT_CO_DELETE_VC,
} from '../../condis/miniportCallbacks.ts';
import { NDIS_STATUS_BAD_CHARACTERISTICS, NDIS_STATUS_BAD_VERSION } from '../../generated/constants/index.ts';
import { NDIS_MINIPORT_CHARACTERISTICS } from '../../generated/structures/index.ts';
import type { NdisLibrary } from '../../library.ts';
import type { NDIS_STATUS } from '../../status.ts';
import { W_CO_REQUEST_HANDLER, W_CO_SEND_PACKETS_HANDLER } from '../condis/callbacks.ts';
import { informationEnds } from '../condis/information.ts';
import {
  W_ALLOCATE_COMPLETE_HANDLER,
  W_CANCEL_SEND_PACKETS_HANDLER,
  W_CHECK_FOR_HANG_HANDLER,
  W_DISABLE_INTERRUPT_HANDLER,
  W_ENABLE_INTERRUPT_HANDLER,
  W_HALT_HANDLER,
  W_HANDLE_INTERRUPT_HANDLER,
  W_INITIALIZE_HANDLER,
  W_ISR_HANDLER,
  W_MINIPORT_SHUTDOWN_HANDLER,
  W_PNP_EVENT_NOTIFY_HANDLER,
  W_QUERY_INFORMATION_HANDLER,
  W_RESET_HANDLER,
  W_RETURN_PACKET_HANDLER,
  W_SEND_HANDLER,
  W_SEND_PACKETS_HANDLER,
  W_SET_INFORMATION_HANDLER,
  W_TRANSFER_DATA_HANDLER,
} from './callbacks.ts';
import type { LegacyCoHandlers, LegacyHandlers } from './legacyDriver.ts';

export const CHARACTERISTICS_PAGE = 'ndis/nf-ndis-ndisimregisterlayeredminiport';

type Member = keyof typeof NDIS_MINIPORT_CHARACTERISTICS.offset;

/** Sizes by version, and members that have to be zero besides those that name handlers. */
const VERSIONS: ReadonlyMap<number, { readonly size: number; readonly reserved: readonly Member[] }> =
  new Map([
    [40, { size: NDIS_MINIPORT_CHARACTERISTICS.sizeAt('4.0'), reserved: ['Reserved'] }],
    [50, { size: NDIS_MINIPORT_CHARACTERISTICS.sizeAt('5.0'), reserved: ['Reserved'] }],
    [
      51,
      {
        size: NDIS_MINIPORT_CHARACTERISTICS.sizeAt('5.1'),
        reserved: ['Reserved', 'Reserved1', 'Reserved2', 'Reserved3', 'Reserved4'],
      },
    ],
  ]);

/** What a driver said of itself. */
export interface LegacyCharacteristics {
  /** 40, 50 or 51. */
  readonly version: number;
  readonly handlers: LegacyHandlers;
}

/** Reads the members of one structure. */
class Reader {
  readonly #ndis: NdisLibrary;
  readonly #driver: Driver;
  readonly #address: Address;
  readonly #size: number;
  readonly #call: string;

  constructor(ndis: NdisLibrary, driver: Driver, address: Address, size: number, call: string) {
    this.#ndis = ndis;
    this.#driver = driver;
    this.#address = address;
    this.#size = size;
    this.#call = call;
  }

  /** The handler that a member names; null for NULL, for a later version's, and for what is no function. */
  handler<F>(member: Member, declaration: CallbackDeclaration<F>): DriverCallback<F> | null {
    const offset = NDIS_MINIPORT_CHARACTERISTICS.offset[member];
    if (offset + 8 > this.#size) return null;
    const { memory, kernel } = this.#ndis;
    const at = this.#address + offset;
    const address = memory.readPointer(at);
    if (address === 0) return null;
    const callable =
      kernel.machineCode?.isCode(address) === true || memory.callables.valueAt(address) !== undefined;
    if (callable) return this.#driver.callback(address, declaration);
    this.notCleared(member);
    return null;
  }

  /** Reports members that a driver leaves as they were because it did not clear the structure. */
  checkReserved(members: readonly Member[]): void {
    for (const member of members) {
      const at = this.#address + NDIS_MINIPORT_CHARACTERISTICS.offset[member];
      const { u32 } = this.#ndis.memory;
      if (u32[at >> 2] !== 0 || (member !== 'Reserved' && u32[(at >> 2) + 1] !== 0))
        return this.notCleared(member);
    }
  }

  notCleared(member: Member): void {
    this.#ndis.kernel.report(
      'CHARACTERISTICS_NOT_CLEARED',
      this.#driver,
      `${this.#call}: NDIS_MINIPORT_CHARACTERISTICS.${member} holds neither zero nor a function; clear the structure with NdisZeroMemory before you fill it`,
      CHARACTERISTICS_PAGE,
    );
  }
}

/**
 * The checked handlers of the characteristics at `address`, or the documented error.
 * @param intermediate for NdisIMRegisterLayeredMiniport: such a driver needs no MiniportReset.
 */
export function readLegacyCharacteristics(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  address: Address,
  length: number,
  intermediate: boolean,
): LegacyCharacteristics | NDIS_STATUS {
  const { memory, kernel } = ndis;
  const refuse = (status: NDIS_STATUS, text: string): NDIS_STATUS => {
    kernel.note(call, `${driver.name}: ${text}`);
    return status;
  };
  if (address < FIRST_MAPPED_ADDRESS || (address & 7) !== 0 || address + Math.max(length, 8) > memory.size) {
    return refuse(NDIS_STATUS_BAD_CHARACTERISTICS, 'MiniportCharacteristics is NULL or no memory');
  }
  const version = memory.u8[address] * 10 + memory.u8[address + 1];
  const known = memory.u8[address + 1] < 10 ? VERSIONS.get(version) : undefined;
  if (known === undefined) {
    const text = `${call} is for NDIS 4.0, 5.0 and 5.1, not for ${memory.u8[address]}.${memory.u8[address + 1]}`;
    return refuse(NDIS_STATUS_BAD_VERSION, text);
  }
  if (length < known.size) {
    const text = `CharacteristicsLength is ${length}; NDIS ${version / 10} has ${known.size} bytes`;
    return refuse(NDIS_STATUS_BAD_CHARACTERISTICS, text);
  }
  const reader = new Reader(ndis, driver, address, known.size, call);
  reader.checkReserved(known.reserved);
  const handlers = withRequestHandlers(ndis, readHandlers(reader));
  const missing = missingHandlers(handlers, intermediate);
  if (!isComplete(handlers) || missing.length > 0) {
    return refuse(NDIS_STATUS_BAD_CHARACTERISTICS, `required but missing: ${missing.join(', ')}`);
  }
  return { version, handlers };
}

type Handlers = { readonly [K in keyof LegacyHandlers]: LegacyHandlers[K] | null };

function readHandlers(reader: Reader): Handlers {
  return {
    initialize: reader.handler('InitializeHandler', W_INITIALIZE_HANDLER),
    halt: reader.handler('HaltHandler', W_HALT_HANDLER),
    queryInformation: reader.handler('QueryInformationHandler', W_QUERY_INFORMATION_HANDLER),
    setInformation: reader.handler('SetInformationHandler', W_SET_INFORMATION_HANDLER),
    reset: reader.handler('ResetHandler', W_RESET_HANDLER),
    checkForHang: reader.handler('CheckForHangHandler', W_CHECK_FOR_HANG_HANDLER),
    send: reader.handler('SendHandler', W_SEND_HANDLER),
    sendPackets: reader.handler('SendPacketsHandler', W_SEND_PACKETS_HANDLER),
    transferData: reader.handler('TransferDataHandler', W_TRANSFER_DATA_HANDLER),
    returnPacket: reader.handler('ReturnPacketHandler', W_RETURN_PACKET_HANDLER),
    allocateComplete: reader.handler('AllocateCompleteHandler', W_ALLOCATE_COMPLETE_HANDLER),
    isr: reader.handler('ISRHandler', W_ISR_HANDLER),
    handleInterrupt: reader.handler('HandleInterruptHandler', W_HANDLE_INTERRUPT_HANDLER),
    disableInterrupt: reader.handler('DisableInterruptHandler', W_DISABLE_INTERRUPT_HANDLER),
    enableInterrupt: reader.handler('EnableInterruptHandler', W_ENABLE_INTERRUPT_HANDLER),
    cancelSendPackets: reader.handler('CancelSendPacketsHandler', W_CANCEL_SEND_PACKETS_HANDLER),
    pnpEventNotify: reader.handler('PnPEventNotifyHandler', W_PNP_EVENT_NOTIFY_HANDLER),
    shutdown: reader.handler('AdapterShutdownHandler', W_MINIPORT_SHUTDOWN_HANDLER),
    co: readCoHandlers(reader),
  };
}

/** The connection-oriented handlers: such a driver is one that registers MiniportCoSendPackets and MiniportCoRequest. */
function readCoHandlers(reader: Reader): LegacyCoHandlers | null {
  const sendPackets = reader.handler('CoSendPacketsHandler', W_CO_SEND_PACKETS_HANDLER);
  const request = reader.handler('CoRequestHandler', W_CO_REQUEST_HANDLER);
  if (sendPackets === null || request === null) return null;
  return {
    createVc: reader.handler('CoCreateVcHandler', MINIPORT_CO_CREATE_VC),
    deleteVc: reader.handler('CoDeleteVcHandler', MINIPORT_CO_DELETE_VC),
    activateVc: reader.handler('CoActivateVcHandler', MINIPORT_CO_ACTIVATE_VC),
    deactivateVc: reader.handler('CoDeactivateVcHandler', MINIPORT_CO_DEACTIVATE_VC),
    sendPackets,
    request,
  };
}

/** MiniportCoRequest stands for MiniportQueryInformation and MiniportSetInformation where a driver has no such. */
function withRequestHandlers(ndis: NdisLibrary, handlers: Handlers): Handlers {
  if (handlers.co === null) return handlers;
  const { query, set } = informationEnds(ndis, handlers.co.request);
  return {
    ...handlers,
    queryInformation: handlers.queryInformation ?? query,
    setInformation: handlers.setInformation ?? set,
  };
}

/** Members that a driver has to fill and did not. */
function missingHandlers(handlers: Handlers, intermediate: boolean): string[] {
  const missing: string[] = [];
  const require = (name: string, handler: unknown): void => {
    if (handler === null) missing.push(name);
  };
  require('InitializeHandler', handlers.initialize);
  require('HaltHandler', handlers.halt);
  require('QueryInformationHandler', handlers.queryInformation);
  require('SetInformationHandler', handlers.setInformation);
  if (!intermediate) require('ResetHandler', handlers.reset);
  require('SendHandler or SendPacketsHandler', handlers.send ?? handlers.sendPackets ?? handlers.co);
  // An interrupt that is deferred needs whoever handles it.
  if (handlers.isr !== null) require('HandleInterruptHandler', handlers.handleInterrupt);
  return missing;
}

function isComplete(handlers: Handlers): handlers is LegacyHandlers {
  const { initialize, halt, queryInformation, setInformation } = handlers;
  return initialize !== null && halt !== null && queryInformation !== null && setInformation !== null;
}
