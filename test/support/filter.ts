/** A filter driver for conformance tests that passes everything on and records what is asked of it. */

import { poolOf } from '../../src/kernel/index.ts';
import { type Address, poolType } from '../../src/memory/index.ts';
import {
  type FILTER_RECEIVE_NET_BUFFER_LISTS,
  type FILTER_RETURN_NET_BUFFER_LISTS,
  type FILTER_SEND_NET_BUFFER_LISTS,
  type FILTER_SEND_NET_BUFFER_LISTS_COMPLETE,
  FilterDriver,
  NDIS_FILTER_ATTRIBUTES_REVISION_1,
  NDIS_FILTER_CHARACTERISTICS_REVISION_2,
  NDIS_FILTER_PARTIAL_CHARACTERISTICS,
  NDIS_FILTER_PARTIAL_CHARACTERISTICS_REVISION_1,
  NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES,
  NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS,
  NDIS_OBJECT_TYPE_FILTER_PARTIAL_CHARACTERISTICS,
  NDIS_SIZEOF_FILTER_ATTRIBUTES_REVISION_1,
  NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_2,
  NDIS_SIZEOF_FILTER_PARTIAL_CHARACTERISTICS_REVISION_1,
  NDIS_STATUS_SUCCESS,
} from '../../src/ndis/index.ts';
import type { Cell, TestDriver, TestNdis } from './ndis.ts';

/** What the test filter keeps of a module: its module context. */
export interface TestModule {
  readonly handle: Address;
}

export interface TestFilter {
  readonly driver: TestDriver;
  readonly handle: Cell;
  readonly log: string[];
  /** Modules by order of attachment; detached ones stay. */
  readonly modules: TestModule[];
  onSend: FILTER_SEND_NET_BUFFER_LISTS;
  onSendComplete: FILTER_SEND_NET_BUFFER_LISTS_COMPLETE;
  onReceive: FILTER_RECEIVE_NET_BUFFER_LISTS;
  onReturn: FILTER_RETURN_NET_BUFFER_LISTS;
  object(): FilterDriver;
}

export const FILTER_ATTRIBUTES = {
  Header: {
    Type: NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES,
    Revision: NDIS_FILTER_ATTRIBUTES_REVISION_1,
    Size: NDIS_SIZEOF_FILTER_ATTRIBUTES_REVISION_1,
  },
};

/** The characteristics of the test filter. */
export function filterCharacteristics(f: TestFilter) {
  const { ndis, driver } = f.driver;
  return {
    Header: {
      Type: NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS,
      Revision: NDIS_FILTER_CHARACTERISTICS_REVISION_2,
      Size: NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_2,
    },
    MajorNdisVersion: 6,
    MinorNdisVersion: 30,
    FriendlyName: `${driver.name} filter`,
    UniqueName: `{5CBF81BD-5055-47CD-9055-${driver.id.toString(16).toUpperCase().padStart(12, '0')}}`,
    ServiceName: driver.name,
    AttachHandler: (handle: Address) => {
      f.log.push('attach');
      const module: TestModule = { handle };
      f.modules.push(module);
      return ndis.NdisFSetAttributes(handle, module, FILTER_ATTRIBUTES);
    },
    DetachHandler: () => {
      f.log.push('detach');
    },
    RestartHandler: () => {
      f.log.push('restart');
      return NDIS_STATUS_SUCCESS;
    },
    PauseHandler: () => {
      f.log.push('pause');
      return NDIS_STATUS_SUCCESS;
    },
    SendNetBufferListsHandler: (...args: Parameters<FILTER_SEND_NET_BUFFER_LISTS>) => f.onSend(...args),
    SendNetBufferListsCompleteHandler: (...args: Parameters<FILTER_SEND_NET_BUFFER_LISTS_COMPLETE>) =>
      f.onSendComplete(...args),
    ReceiveNetBufferListsHandler: (...args: Parameters<FILTER_RECEIVE_NET_BUFFER_LISTS>) =>
      f.onReceive(...args),
    ReturnNetBufferListsHandler: (...args: Parameters<FILTER_RETURN_NET_BUFFER_LISTS>) => f.onReturn(...args),
    StatusHandler: () => {},
  };
}

/** Characteristics without a handler on the data path. */
export const BYPASSING = {
  SendNetBufferListsHandler: null,
  SendNetBufferListsCompleteHandler: null,
  ReceiveNetBufferListsHandler: null,
  ReturnNetBufferListsHandler: null,
};

/** Makes a test filter; its driver is named as given. */
export function createTestFilter(
  t: TestNdis,
  name = 'filter',
  driver: TestDriver = t.createDriver(name),
): TestFilter {
  const handle = driver.cell();
  const { ndis } = driver;
  const filter: TestFilter = {
    driver,
    handle,
    log: [],
    modules: [],
    onSend: (context, lists, port, flags) =>
      ndis.NdisFSendNetBufferLists(moduleOf(context), lists, port, flags),
    onSendComplete: (context, lists, flags) =>
      ndis.NdisFSendNetBufferListsComplete(moduleOf(context), lists, flags),
    onReceive: (context, lists, port, count, flags) =>
      ndis.NdisFIndicateReceiveNetBufferLists(moduleOf(context), lists, port, count, flags),
    onReturn: (context, lists, flags) => ndis.NdisFReturnNetBufferLists(moduleOf(context), lists, flags),
    object: () => {
      const object = t.ndis.resolve(handle.value, FilterDriver);
      if (object === null) throw new Error('the test filter is not registered');
      return object;
    },
  };
  return filter;
}

/** The handle of the module whose context a handler got. */
export function moduleOf(context: unknown): Address {
  return (context as TestModule).handle;
}

/** Registers it as DriverEntry would. */
export async function registerFilter(t: TestNdis, f: TestFilter, changes: object = {}): Promise<number> {
  return t.run(() =>
    f.driver.ndis.NdisFRegisterFilterDriver(
      f.driver.driverObject,
      null,
      { ...filterCharacteristics(f), ...changes } as object,
      f.handle,
    ),
  );
}

/** NDIS_FILTER_PARTIAL_CHARACTERISTICS in memory; handlers that are not given are bypassed. */
export function partialCharacteristics(
  t: TestNdis,
  driver: TestDriver,
  handlers: Readonly<Record<string, unknown>>,
): Address {
  const { size } = NDIS_FILTER_PARTIAL_CHARACTERISTICS;
  const at = poolOf(t.kernel).allocateZeroed(poolType.nonPagedNx, size, 1, 0);
  const view = NDIS_FILTER_PARTIAL_CHARACTERISTICS.at(t.memory, at);
  view.Header.Type = NDIS_OBJECT_TYPE_FILTER_PARTIAL_CHARACTERISTICS;
  view.Header.Revision = NDIS_FILTER_PARTIAL_CHARACTERISTICS_REVISION_1;
  view.Header.Size = NDIS_SIZEOF_FILTER_PARTIAL_CHARACTERISTICS_REVISION_1;
  for (const [name, handler] of Object.entries(handlers)) {
    if (handler === null) continue;
    const offset = NDIS_FILTER_PARTIAL_CHARACTERISTICS.offset[name as 'SendNetBufferListsHandler'];
    const address = t.memory.callables.addressOf(handler as (...args: never[]) => unknown, driver.driver);
    t.memory.writePointer(at + offset, address);
  }
  return at;
}
