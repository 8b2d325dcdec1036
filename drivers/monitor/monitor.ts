/**
 * monitor: a monitoring filter driver that copies the frames that pass it into a pcapng capture. A program opens its
 * device `\\.\Monitor`, which begins a capture, and reads it: what it reads, one read after the other, is a pcapng file;
 * a read of 0 bytes says that nothing has passed since. Parameters: `BufferBytes` (default 1 MiB), `SnapLength` (bytes
 * kept of a frame). Configure it with the type `monitoring`.
 * Implements "Types of Filter Drivers" and "Filter Module Send and Receive Operations" (network).
 */

import {
  type Address,
  type DriverImports,
  defineDriver,
  type NDIS_FILTER_ATTACH_PARAMETERS,
  NDIS_FILTER_ATTRIBUTES_REVISION_1,
  NDIS_FILTER_CHARACTERISTICS_REVISION_2,
  NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES,
  NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS,
  NDIS_SIZEOF_FILTER_ATTRIBUTES_REVISION_1,
  NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_2,
  type NDIS_STATUS_INDICATION,
  NDIS_STATUS_SUCCESS,
  NET_BUFFER,
  NET_BUFFER_LIST,
  readUnicodeString,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_SUCCESS,
} from '../../src/machine/index.ts';
import { type Answer, ControlDevice, controlCode } from '../support/controlDevice.ts';
import { DriverParameters } from '../support/parameters.ts';
import { BlockRing, INBOUND, OUTBOUND } from './blockRing.ts';

/** Gives ULONG64 frames captured, ULONG64 frames dropped, ULONG modules, ULONG blocks that wait. */
export const IOCTL_MONITOR_QUERY = controlCode(0x820);
const ANSWER_SIZE = 24;
/** `Moni` as a pool tag. */
const TAG = 0x696e6f4d;
const DEFAULT_BUFFER = 1 << 20;
const LARGEST_BUFFER = 1 << 26;
const LARGEST_FRAME = 65_549;
const NBL_NEXT = NET_BUFFER_LIST.offset.Next;
const NBL_FIRST_NET_BUFFER = NET_BUFFER_LIST.offset.FirstNetBuffer;
const NB_NEXT = NET_BUFFER.offset.Next;

/** A module: its FilterModuleContext. */
interface MonitorModule {
  readonly handle: Address;
  readonly name: string;
  /** Number of its interface in the capture, -1 where the capture has none for it. */
  id: number;
}

/** What the driver keeps. */
class Monitor {
  readonly #imports: DriverImports;
  readonly #ring: BlockRing;
  readonly #snapLength: number;
  readonly #time: Address;
  readonly #modules = new Set<MonitorModule>();
  #capturing = false;
  #interfaces = 0;
  #captured = 0;
  #dropped = 0;

  constructor(imports: DriverImports, buffer: Address, bytes: number, snapLength: number) {
    this.#imports = imports;
    this.#ring = new BlockRing(imports.memory, buffer, bytes);
    this.#snapLength = snapLength;
    this.#time = imports.data(16);
  }

  /** A program opened the device: a capture begins. Only one at a time. */
  begin(): boolean {
    if (this.#capturing) return false;
    this.#capturing = true;
    this.#interfaces = 0;
    this.#captured = 0;
    this.#dropped = 0;
    this.#ring.begin();
    for (const module of this.#modules) this.#describe(module);
    return true;
  }

  end(): void {
    this.#capturing = false;
  }

  read(buffer: Address, length: number): Answer {
    const bytes = this.#ring.pop(buffer, length);
    return bytes < 0 ? { status: STATUS_BUFFER_TOO_SMALL } : { status: STATUS_SUCCESS, information: bytes };
  }

  control(code: number, buffer: Address, outputLength: number): Answer {
    if (code !== IOCTL_MONITOR_QUERY) return { status: STATUS_INVALID_DEVICE_REQUEST };
    if (outputLength < ANSWER_SIZE) return { status: STATUS_BUFFER_TOO_SMALL };
    const { data } = this.#imports.memory;
    data.setBigUint64(buffer, BigInt(this.#captured), true);
    data.setBigUint64(buffer + 8, BigInt(this.#dropped), true);
    data.setUint32(buffer + 16, this.#modules.size, true);
    data.setUint32(buffer + 20, this.#ring.count, true);
    return { status: STATUS_SUCCESS, information: ANSWER_SIZE };
  }

  add(module: MonitorModule): void {
    this.#modules.add(module);
    if (this.#capturing) this.#describe(module);
  }

  remove(module: MonitorModule): void {
    this.#modules.delete(module);
  }

  /** Copies the frames of a chain. */
  capture(module: MonitorModule, lists: Address, direction: number): void {
    if (!this.#capturing || module.id < 0) return;
    const { ndis, memory } = this.#imports;
    const { i32, data } = memory;
    ndis.NdisGetCurrentSystemTime(this.#time);
    const time = data.getBigInt64(this.#time, true);
    for (let list = lists; list !== 0; list = i32[(list + NBL_NEXT) >> 2]) {
      for (
        let buffer = i32[(list + NBL_FIRST_NET_BUFFER) >> 2];
        buffer !== 0;
        buffer = i32[(buffer + NB_NEXT) >> 2]
      ) {
        if (this.#ring.pushFrame(module.id, buffer, this.#snapLength, time, direction)) this.#captured++;
        else this.#dropped++;
      }
    }
  }

  #describe(module: MonitorModule): void {
    module.id = this.#ring.pushInterface(module.name, this.#snapLength) ? this.#interfaces++ : -1;
  }
}

/** The driver. */
export const monitor = defineDriver((imports: DriverImports) => {
  const { ndis } = imports;
  const filter = imports.cell();
  return {
    async DriverEntry(DriverObject, RegistryPath) {
      const parameters = await DriverParameters.read(imports, RegistryPath, ['BufferBytes', 'SnapLength']);
      const bytes = parameters.number('BufferBytes', DEFAULT_BUFFER, 4096, LARGEST_BUFFER) & ~3;
      const snapLength = parameters.number('SnapLength', LARGEST_FRAME, 1, LARGEST_FRAME);
      const buffer = ndis.NdisAllocateMemoryWithTagPriority(0, bytes, TAG, 0);
      if (buffer === 0) return STATUS_INSUFFICIENT_RESOURCES;
      const state = new Monitor(imports, buffer, bytes, snapLength);
      const device = new ControlDevice(imports, 'Monitor', {
        opened: () => state.begin(),
        closed: () => state.end(),
        read: (to, length) => state.read(to, length),
        control: (code, at, _inputLength, outputLength) => state.control(code, at, outputLength),
      });
      const created = device.create(DriverObject);
      if (created !== STATUS_SUCCESS) {
        ndis.NdisFreeMemory(buffer, 0, 0);
        return created;
      }
      DriverObject.DriverUnload = async () => {
        device.delete();
        await ndis.NdisFDeregisterFilterDriver(filter.value);
        ndis.NdisFreeMemory(buffer, 0, 0);
      };
      const characteristics = filterCharacteristics(imports, state, parameters.serviceName);
      const status = await ndis.NdisFRegisterFilterDriver(DriverObject, null, characteristics, filter);
      if (status === NDIS_STATUS_SUCCESS) return status;
      device.delete();
      ndis.NdisFreeMemory(buffer, 0, 0);
      return status;
    },
  };
});

function filterCharacteristics({ ndis, memory }: DriverImports, state: Monitor, ServiceName: string) {
  return {
    Header: {
      Type: NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS,
      Revision: NDIS_FILTER_CHARACTERISTICS_REVISION_2,
      Size: NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_2,
    },
    MajorNdisVersion: 6,
    MinorNdisVersion: 30,
    MajorDriverVersion: 1,
    FriendlyName: 'ndisbox monitoring filter',
    UniqueName: '{A9E4B3C2-6F0D-4D0B-9E61-3B6C1D2F7A02}',
    ServiceName,
    AttachHandler: (handle: Address, _context: unknown, parameters: NDIS_FILTER_ATTACH_PARAMETERS) => {
      const name = readUnicodeString(memory, parameters.BaseMiniportInstanceName);
      const module: MonitorModule = { handle, name: name.replace(/[^ -~]/g, '?'), id: -1 };
      const status = ndis.NdisFSetAttributes(handle, module, {
        Header: {
          Type: NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES,
          Revision: NDIS_FILTER_ATTRIBUTES_REVISION_1,
          Size: NDIS_SIZEOF_FILTER_ATTRIBUTES_REVISION_1,
        },
      });
      if (status === NDIS_STATUS_SUCCESS) state.add(module);
      return status;
    },
    DetachHandler: (module: MonitorModule) => state.remove(module),
    PauseHandler: () => NDIS_STATUS_SUCCESS,
    RestartHandler: () => NDIS_STATUS_SUCCESS,
    SendNetBufferListsHandler: (module: MonitorModule, lists: Address, port: number, flags: number) => {
      state.capture(module, lists, OUTBOUND);
      ndis.NdisFSendNetBufferLists(module.handle, lists, port, flags);
    },
    SendNetBufferListsCompleteHandler: (module: MonitorModule, lists: Address, flags: number) =>
      ndis.NdisFSendNetBufferListsComplete(module.handle, lists, flags),
    ReceiveNetBufferListsHandler: (
      module: MonitorModule,
      lists: Address,
      port: number,
      count: number,
      flags: number,
    ) => {
      state.capture(module, lists, INBOUND);
      ndis.NdisFIndicateReceiveNetBufferLists(module.handle, lists, port, count, flags);
    },
    ReturnNetBufferListsHandler: (module: MonitorModule, lists: Address, flags: number) =>
      ndis.NdisFReturnNetBufferLists(module.handle, lists, flags),
    // Who has receive handlers has to have this one.
    StatusHandler: (module: MonitorModule, indication: NDIS_STATUS_INDICATION) =>
      ndis.NdisFIndicateStatus(module.handle, indication),
  };
}
