/**
 * cellcm: a stand-alone call manager for cell networks: a protocol driver with a VC of its own for signaling.
 * Implements "CoNDIS Call Manager Registration" and "Closing a CoNDIS Call Manager or MCM" (network).
 */

import {
  type Address,
  type DriverImports,
  defineDriver,
  MediaConnectStateDisconnected,
  type NDIS_BIND_PARAMETERS,
  NDIS_CO_CALL_MANAGER_OPTIONAL_HANDLERS,
  NDIS_LINK_STATE,
  NDIS_OBJECT_TYPE_CO_CALL_MANAGER_OPTIONAL_HANDLERS,
  NDIS_OBJECT_TYPE_CO_PROTOCOL_CHARACTERISTICS,
  NDIS_PROTOCOL_CO_CHARACTERISTICS,
  NDIS_RECEIVE_FLAGS_RESOURCES,
  type NDIS_STATUS_INDICATION,
  NDIS_STATUS_LINK_STATE,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NdisMediumAtm,
  NET_BUFFER_LIST,
} from '../../src/machine/index.ts';
import { LowerBinding } from '../support/lowerBinding.ts';
import { setOptionalHandlers } from '../support/optionalHandlers.ts';
import { OwnLists } from '../support/ownLists.ts';
import { createCallBlock, freeCallBlock, setMedia } from './callBlock.ts';
import { CallControl, type CallGround, SIGNALING_CHANNEL } from './callControl.ts';
import { CELL_FAMILY, callManagerHandlers } from './callManagerHandlers.ts';
import { ALL_STATIONS } from './cellSwitch.ts';
import { frameBytes } from './frameBytes.ts';
import { protocolCharacteristics } from './protocol.ts';

/** `CelM` as a pool tag. */
const TAG = 0x4d6c6543;
const MESSAGES = 64;
const NBL_NEXT = NET_BUFFER_LIST.offset.Next;
const NBL_SOURCE_HANDLE = NET_BUFFER_LIST.offset.SourceHandle;

/** A binding of the call manager. */
class ManagerBinding extends LowerBinding {
  protected override readonly medium = NdisMediumAtm;
  readonly control: CallControl;
  linkUp = true;
  #lists: OwnLists | null = null;
  #block: Address = 0;
  #signaling: Address = 0;

  constructor(imports: DriverImports, parameters: NDIS_BIND_PARAMETERS) {
    super(imports, parameters);
    this.linkUp = this.adapter.mediaConnectState !== MediaConnectStateDisconnected;
    this.control = new CallControl(this.#ground());
  }

  /** Opens the adapter, then the VC for signaling, then offers the address family. */
  async bind(
    protocol: { value: Address; address: Address },
    bindContext: Address,
    parameters: NDIS_BIND_PARAMETERS,
  ): Promise<number> {
    const { imports } = this;
    const { ndis } = imports;
    const status = await this.open(protocol, bindContext, parameters);
    if (status !== NDIS_STATUS_SUCCESS) return status;
    this.#lists = OwnLists.create(imports, this.handle, TAG, MESSAGES, 64);
    this.#block = createCallBlock(imports, this.handle, '', 0);
    const cell = imports.cell();
    let last = this.#lists === null || this.#block === 0 ? NDIS_STATUS_RESOURCES : NDIS_STATUS_SUCCESS;
    if (last === NDIS_STATUS_SUCCESS) last = ndis.NdisCoCreateVc(this.handle, 0, this, cell);
    if (last === NDIS_STATUS_SUCCESS) {
      this.#signaling = cell.value;
      const legs = [{ path: ALL_STATIONS, channel: SIGNALING_CHANNEL }];
      setMedia(imports, this.#block, { receiveChannel: SIGNALING_CHANNEL, legs });
      last = ndis.NdisCmActivateVc(this.#signaling, this.#block);
    }
    if (last === NDIS_STATUS_SUCCESS)
      last = ndis.NdisCmRegisterAddressFamilyEx(this.handle, {
        AddressFamily: CELL_FAMILY,
        MajorVersion: 1,
        MinorVersion: 0,
      });
    if (last !== NDIS_STATUS_SUCCESS) await this.unbind();
    return last;
  }

  /** Asks the clients to leave, takes the VC for signaling down and closes the adapter. */
  async unbind(): Promise<void> {
    const { ndis } = this.imports;
    for (const family of this.control.families) ndis.NdisCmNotifyCloseAddressFamily(family.handle);
    if (this.#signaling !== 0) {
      ndis.NdisCmDeactivateVc(this.#signaling);
      ndis.NdisCoDeleteVc(this.#signaling);
      this.#signaling = 0;
    }
    await this.close();
    freeCallBlock(this.imports, this.#block);
    this.#block = 0;
    this.#lists?.destroy();
    this.#lists = null;
  }

  /** ProtocolCoReceiveNetBufferLists: messages of other stations, each with its sender inside. */
  receive(lists: Address, flags: number): void {
    const messages = frameBytes(this.imports.memory, lists);
    if ((flags & NDIS_RECEIVE_FLAGS_RESOURCES) === 0)
      this.imports.ndis.NdisReturnNetBufferLists(this.handle, lists, flags & 1);
    for (const message of messages) this.control.received(message, message[1]);
  }

  /** ProtocolCoSendNetBufferListsComplete. */
  sent(lists: Address): void {
    for (let list = lists; list !== 0; ) {
      const next = this.imports.memory.readPointer(list + NBL_NEXT);
      this.sendsOutstanding--;
      this.#lists?.give(list);
      list = next;
    }
    this.sendsCompleted();
  }

  /** ProtocolCoStatusEx. */
  status(indication: NDIS_STATUS_INDICATION): void {
    if (indication.StatusCode !== NDIS_STATUS_LINK_STATE) return;
    const state = this.imports.view(NDIS_LINK_STATE, indication.StatusBuffer);
    this.linkUp = state.MediaConnectState !== MediaConnectStateDisconnected;
    if (!this.linkUp) this.control.linkDown();
  }

  #send(message: Uint8Array): void {
    const lists = this.#lists;
    const list = this.#signaling === 0 || !this.running ? 0 : (lists?.take() ?? 0);
    if (lists === null || list === 0) return;
    const { memory, ndis } = this.imports;
    memory.u8.set(message, lists.bufferOf(list));
    lists.setFrame(list, 0, message.length);
    memory.writePointer(list + NBL_NEXT, 0);
    memory.writePointer(list + NBL_SOURCE_HANDLE, this.#signaling);
    this.sendsOutstanding++;
    ndis.NdisCoSendNetBufferLists(this.#signaling, list, 0);
  }

  #ground(): CallGround {
    const { imports } = this;
    const { ndis } = imports;
    const cell = imports.cell();
    const owner = (): Address => this.handle;
    return {
      imports,
      get owner() {
        return owner();
      },
      station: this.adapter.macAddress[5] ?? 0,
      linkUp: () => this.linkUp && this.running,
      send: (message) => this.#send(message),
      createVc: (family, call) => {
        cell.value = 0;
        const status = ndis.NdisCoCreateVc(this.handle, family.handle, call, cell);
        return status === NDIS_STATUS_SUCCESS ? cell.value : 0;
      },
      activate: (call, parameters) => ndis.NdisCmActivateVc(call.vc, parameters),
      deactivate: (call) => {
        ndis.NdisCmDeactivateVc(call.vc);
      },
      deleteVc: (call) => {
        ndis.NdisCoDeleteVc(call.vc);
      },
      makeCallComplete: (status, vc, party, context, parameters) =>
        ndis.NdisCmMakeCallComplete(status, vc, party, context, parameters),
      closeCallComplete: (status, vc, party) => ndis.NdisCmCloseCallComplete(status, vc, party),
      addPartyComplete: (status, party, context, parameters) =>
        ndis.NdisCmAddPartyComplete(status, party, context, parameters),
      modifyComplete: (status, vc, parameters) => ndis.NdisCmModifyCallQoSComplete(status, vc, parameters),
      dispatchCall: (sap, vc, parameters) => ndis.NdisCmDispatchIncomingCall(sap, vc, parameters),
      dispatchConnected: (vc) => ndis.NdisCmDispatchCallConnected(vc),
      dispatchClose: (status, vc) => ndis.NdisCmDispatchIncomingCloseCall(status, vc, 0, 0),
      dispatchDrop: (status, party) => ndis.NdisCmDispatchIncomingDropParty(status, party, 0, 0),
      dispatchQoS: (vc, parameters) => ndis.NdisCmDispatchIncomingCallQoSChange(vc, parameters),
    };
  }
}

/** The driver. */
export const cellcm = defineDriver((imports: DriverImports) => {
  const { ndis } = imports;
  const protocol = imports.cell();
  return {
    DriverEntry(DriverObject) {
      DriverObject.DriverUnload = () => ndis.NdisDeregisterProtocolDriver(protocol.value);
      return ndis.NdisRegisterProtocolDriver(
        null,
        {
          ...protocolCharacteristics('cellcm'),
          SetOptionsHandler: (handle: Address) => {
            const status = setOptionalHandlers(
              imports,
              handle,
              NDIS_PROTOCOL_CO_CHARACTERISTICS,
              NDIS_OBJECT_TYPE_CO_PROTOCOL_CHARACTERISTICS,
              {
                CoStatusHandlerEx: (
                  binding: ManagerBinding,
                  _vc: unknown,
                  indication: NDIS_STATUS_INDICATION,
                ) => binding.status(indication),
                CoAfRegisterNotifyHandler: () => {},
                CoReceiveNetBufferListsHandler: (
                  binding: ManagerBinding,
                  _vc: unknown,
                  lists: Address,
                  _count: number,
                  flags: number,
                ) => binding.receive(lists, flags),
                CoSendNetBufferListsCompleteHandler: (binding: ManagerBinding, lists: Address) =>
                  binding.sent(lists),
              },
            );
            if (status !== NDIS_STATUS_SUCCESS) return status;
            return setOptionalHandlers(
              imports,
              handle,
              NDIS_CO_CALL_MANAGER_OPTIONAL_HANDLERS,
              NDIS_OBJECT_TYPE_CO_CALL_MANAGER_OPTIONAL_HANDLERS,
              callManagerHandlers(imports, (binding) => (binding as ManagerBinding).control),
            );
          },
          BindAdapterHandlerEx: (_context: unknown, bindContext: Address, parameters: NDIS_BIND_PARAMETERS) =>
            new ManagerBinding(imports, parameters).bind(protocol, bindContext, parameters),
          UnbindAdapterHandlerEx: async (_unbindContext: Address, binding: ManagerBinding) => {
            await binding.unbind();
            return NDIS_STATUS_SUCCESS;
          },
        },
        protocol,
      );
    },
  };
});
