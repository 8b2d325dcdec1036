/**
 * The lower edge of a protocol driver: one binding, from opening the adapter to closing it, with requests that wait
 * for their answer. Implements "Binding Operations" and "Generating OID Requests from an NDIS Protocol Driver" (network).
 */

import {
  type Address,
  type Cell,
  type DriverImports,
  type NDIS_BIND_PARAMETERS,
  NDIS_EVENT,
  NDIS_OBJECT_TYPE_OID_REQUEST,
  NDIS_OBJECT_TYPE_OPEN_PARAMETERS,
  NDIS_OID_REQUEST,
  NDIS_OID_REQUEST_REVISION_1,
  NDIS_OPEN_PARAMETERS_REVISION_1,
  NDIS_SIZEOF_OID_REQUEST_REVISION_1,
  NDIS_SIZEOF_OPEN_PARAMETERS_REVISION_1,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NdisMedium802_3,
  NdisRequestSetInformation,
  OID_802_3_MULTICAST_LIST,
  OID_GEN_CURRENT_PACKET_FILTER,
} from '../../src/machine/index.ts';

/** `LowB` as a pool tag. */
const TAG = 0x42776f4c;
const EVENT_SIZE = (NDIS_EVENT.size + 15) & ~15;
/** Where the parts of the block of a binding lie. */
const HANDLE_AT = 0;
const MEDIUM_AT = 8;
const SELECTED_AT = 12;
const EVENT_AT = 16;
const IDLE_EVENT_AT = EVENT_AT + EVENT_SIZE;
const BLOCK_SIZE = IDLE_EVENT_AT + EVENT_SIZE;
/** Where the parts of the block of a request lie: the request, its event, its buffer. */
const REQUEST_EVENT_AT = (NDIS_OID_REQUEST.size + 15) & ~15;
const BUFFER_AT = REQUEST_EVENT_AT + EVENT_SIZE;

/** What the adapter below is, kept from the bind parameters. */
export interface LowerAdapter {
  readonly macAddress: Uint8Array;
  readonly mtuBytes: number;
  /** NDIS_MEDIA_CONNECT_STATE when the binding was made. */
  readonly mediaConnectState: number;
  readonly linkSpeedBitsPerSecond: bigint;
  readonly supportedPacketFilters: number;
  readonly maximumMulticastListSize: number;
  readonly ifIndex: number;
  /** Bytes of unused data space that drivers below like to have before a frame that is sent. */
  readonly dataBackFillBytes: number;
}

/** A binding to an adapter. Give it to NdisOpenAdapterEx as ProtocolBindingContext, or an object that extends it. */
export class LowerBinding {
  readonly imports: DriverImports;
  readonly adapter: LowerAdapter;
  /** The binding handle; 0 while nothing is open. */
  handle: Address = 0;
  /** Between NetEventRestart and NetEventPause. */
  running = false;
  /** Lists with NDIS that were not completed. */
  sendsOutstanding = 0;
  /** NDIS_MEDIUM of the adapters that it opens. */
  protected readonly medium: number = NdisMedium802_3;
  #block: Address = 0;
  #status = NDIS_STATUS_SUCCESS;
  #waitingForSends = false;
  /** Final statuses of the requests of `set` that are under way, by their addresses. */
  readonly #requests = new Map<Address, number>();

  constructor(imports: DriverImports, parameters: NDIS_BIND_PARAMETERS) {
    this.imports = imports;
    this.adapter = {
      macAddress: Uint8Array.from(parameters.CurrentMacAddress).slice(0, parameters.MacAddressLength),
      mtuBytes: parameters.MtuSize,
      mediaConnectState: parameters.MediaConnectState,
      linkSpeedBitsPerSecond: parameters.XmitLinkSpeed,
      supportedPacketFilters: parameters.SupportedPacketFilters,
      maximumMulticastListSize: parameters.MaxMulticastListSize,
      ifIndex: parameters.BoundIfIndex,
      dataBackFillBytes: parameters.DataBackFillSize,
    };
  }

  /** Opens the adapter that is being bound and waits until it is open. */
  async open(protocol: Cell, bindContext: Address, parameters: NDIS_BIND_PARAMETERS): Promise<number> {
    const { ndis, memory } = this.imports;
    const block = ndis.NdisAllocateMemoryWithTagPriority(protocol.value, BLOCK_SIZE, TAG, 0);
    if (block === 0) return NDIS_STATUS_RESOURCES;
    this.#block = block;
    memory.u8.fill(0, block, block + BLOCK_SIZE);
    memory.u32[(block + MEDIUM_AT) >> 2] = this.medium;
    ndis.NdisInitializeEvent(block + EVENT_AT);
    ndis.NdisInitializeEvent(block + IDLE_EVENT_AT);
    const status = ndis.NdisOpenAdapterEx(
      protocol.value,
      this,
      {
        Header: {
          Type: NDIS_OBJECT_TYPE_OPEN_PARAMETERS,
          Revision: NDIS_OPEN_PARAMETERS_REVISION_1,
          Size: NDIS_SIZEOF_OPEN_PARAMETERS_REVISION_1,
        },
        AdapterName: parameters.AdapterName,
        MediumArray: block + MEDIUM_AT,
        MediumArraySize: 1,
        SelectedMediumIndex: block + SELECTED_AT,
      },
      bindContext,
      block + HANDLE_AT,
    );
    const final = await this.#finalStatus(status);
    if (final === NDIS_STATUS_SUCCESS) this.handle = memory.readPointer(block + HANDLE_AT);
    else this.#free();
    return final;
  }

  /** Closes the adapter and waits until it is closed; the sends that are under way come back before. */
  async close(): Promise<void> {
    this.running = false;
    if (this.handle === 0) return;
    const { handle } = this;
    this.handle = 0;
    this.imports.ndis.NdisResetEvent(this.#block + EVENT_AT);
    await this.#finalStatus(await this.imports.ndis.NdisCloseAdapterEx(handle));
    this.#free();
  }

  /** ProtocolOpenAdapterCompleteEx and ProtocolCloseAdapterCompleteEx. */
  complete(status: number): void {
    this.#status = status;
    this.imports.ndis.NdisSetEvent(this.#block + EVENT_AT);
  }

  /** ProtocolOidRequestComplete; false where the request is none of `set`. */
  completeRequest(request: Address, status: number): boolean {
    if (!this.#requests.has(request)) return false;
    this.#requests.set(request, status);
    this.imports.ndis.NdisSetEvent(request + REQUEST_EVENT_AT);
    return true;
  }

  /** Sets an OID of the adapter to `bytes` and waits for the final status. */
  async set(oid: number, bytes: Uint8Array): Promise<number> {
    const { ndis, memory } = this.imports;
    const request = ndis.NdisAllocateMemoryWithTagPriority(this.handle, BUFFER_AT + bytes.length, TAG, 0);
    if (request === 0) return NDIS_STATUS_RESOURCES;
    memory.u8.set(bytes, request + BUFFER_AT);
    NDIS_OID_REQUEST.fill(memory, request, {
      Header: {
        Type: NDIS_OBJECT_TYPE_OID_REQUEST,
        Revision: NDIS_OID_REQUEST_REVISION_1,
        Size: NDIS_SIZEOF_OID_REQUEST_REVISION_1,
      },
      RequestType: NdisRequestSetInformation,
      DATA: {
        SET_INFORMATION: {
          Oid: oid,
          InformationBuffer: request + BUFFER_AT,
          InformationBufferLength: bytes.length,
        },
      },
    });
    ndis.NdisInitializeEvent(request + REQUEST_EVENT_AT);
    this.#requests.set(request, NDIS_STATUS_PENDING);
    let status = await ndis.NdisOidRequest(this.handle, request);
    if (status === NDIS_STATUS_PENDING) {
      await ndis.NdisWaitEvent(request + REQUEST_EVENT_AT, 0);
      status = this.#requests.get(request) ?? NDIS_STATUS_PENDING;
    }
    this.#requests.delete(request);
    ndis.NdisFreeMemory(request, 0, 0);
    return status;
  }

  /** Sets the packet filter: NDIS_PACKET_TYPE_ bits. */
  setPacketFilter(filter: number): Promise<number> {
    return this.set(OID_GEN_CURRENT_PACKET_FILTER, new Uint8Array(Uint32Array.of(filter).buffer));
  }

  /** Sets the multicast addresses, six bytes each. */
  setMulticastList(addresses: Uint8Array): Promise<number> {
    return this.set(OID_802_3_MULTICAST_LIST, addresses);
  }

  /** NetEventPause: stops, and waits until every list that was sent has come back. */
  async pause(): Promise<void> {
    this.running = false;
    this.imports.ndis.NdisResetEvent(this.#block + IDLE_EVENT_AT);
    // Looked at after the reset: a completion in between must not be missed.
    if (this.sendsOutstanding === 0) return;
    this.#waitingForSends = true;
    await this.imports.ndis.NdisWaitEvent(this.#block + IDLE_EVENT_AT, 0);
  }

  /** Call where `sendsOutstanding` has gone down. */
  sendsCompleted(): void {
    if (!this.#waitingForSends || this.sendsOutstanding > 0) return;
    this.#waitingForSends = false;
    this.imports.ndis.NdisSetEvent(this.#block + IDLE_EVENT_AT);
  }

  async #finalStatus(status: number): Promise<number> {
    if (status !== NDIS_STATUS_PENDING) return status;
    await this.imports.ndis.NdisWaitEvent(this.#block + EVENT_AT, 0);
    return this.#status;
  }

  #free(): void {
    this.imports.ndis.NdisFreeMemory(this.#block, 0, 0);
    this.#block = 0;
  }
}
