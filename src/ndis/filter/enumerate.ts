/** Listing the modules of a stack. Implements nf-ndis-ndisenumeratefiltermodules. */

import { declareFunction, type Handle, type OutPointer } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import {
  NDIS_ENUM_FILTERS_REVISION_1,
  NDIS_FILTER_INTERFACE_LW_FILTER,
  NDIS_FILTER_INTERFACE_RECEIVE_BYPASS,
  NDIS_FILTER_INTERFACE_REVISION_1,
  NDIS_FILTER_INTERFACE_REVISION_2,
  NDIS_FILTER_INTERFACE_SEND_BYPASS,
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_SIZEOF_ENUM_FILTERS_REVISION_1,
  NDIS_SIZEOF_FILTER_INTERFACE_REVISION_1,
  NDIS_STATUS_BUFFER_TOO_SHORT,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import { NDIS_ENUM_FILTERS, NDIS_FILTER_INTERFACE } from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { Binding } from '../protocol/protocolDriver.ts';
import type { NDIS_STATUS } from '../status.ts';
import { FilterModule } from './filterModule.ts';

/** Values of FilterType and FilterRunType, as in an INF file. */
const TYPES = { monitoring: 1, modifying: 2 } as const;
const MANDATORY = 1;
const OPTIONAL = 2;
/** The minor version from which on drivers get the flags for bypass. */
const BYPASS_MINOR_VERSION = 30;

const FIRST = NDIS_ENUM_FILTERS.offset.Filter;

/** The stack that a handle names, and the version of NDIS that its driver speaks. */
function stackOf(
  ndis: NdisLibrary,
  handle: Handle,
): { readonly adapter: MiniportAdapter; readonly minorVersion: number } | null {
  const object = ndis.memory.objects.valueAt(handle);
  if (object instanceof MiniportAdapter)
    return { adapter: object, minorVersion: object.miniport.minorVersion };
  if (object instanceof Binding)
    return { adapter: object.adapter, minorVersion: object.protocol.minorVersion };
  if (object instanceof FilterModule)
    return { adapter: object.adapter, minorVersion: object.filter.minorVersion };
  return null;
}

/** The texts of a module in the order in which they lie behind the structures. */
function textsOf({ configuration, instanceName }: FilterModule): readonly [string, string] {
  return [configuration.type === 'monitoring' ? '' : configuration.filterClass, instanceName];
}

function flagsOf(module: FilterModule, minorVersion: number): number {
  if (minorVersion < BYPASS_MINOR_VERSION) return NDIS_FILTER_INTERFACE_LW_FILTER;
  const { send, sendComplete, receive, returnLists } = module.data;
  return (
    NDIS_FILTER_INTERFACE_LW_FILTER |
    (send === null && sendComplete === null ? NDIS_FILTER_INTERFACE_SEND_BYPASS : 0) |
    (receive === null && returnLists === null ? NDIS_FILTER_INTERFACE_RECEIVE_BYPASS : 0)
  );
}

/** Writes one module and its texts, which begin at `text`; returns where the next ones begin. */
function writeModule(
  ndis: NdisLibrary,
  module: FilterModule,
  at: Address,
  text: Address,
  minorVersion: number,
): Address {
  const { memory } = ndis;
  const { configuration } = module;
  const recent = minorVersion >= BYPASS_MINOR_VERSION;
  NDIS_FILTER_INTERFACE.fill(memory, at, {
    Header: {
      Type: NDIS_OBJECT_TYPE_DEFAULT,
      Revision: recent ? NDIS_FILTER_INTERFACE_REVISION_2 : NDIS_FILTER_INTERFACE_REVISION_1,
      Size: NDIS_SIZEOF_FILTER_INTERFACE_REVISION_1,
    },
    Flags: flagsOf(module, minorVersion),
    FilterType: TYPES[configuration.type],
    FilterRunType: configuration.mandatory ? MANDATORY : OPTIONAL,
    IfIndex: module.ifIndex,
  });
  const view = NDIS_FILTER_INTERFACE.at(memory, at);
  view.NetLuid.Value = module.netLuid;
  let next = text;
  const [filterClass, instanceName] = textsOf(module);
  for (const [string, value] of [
    [view.FilterClass, filterClass],
    [view.FilterInstanceName, instanceName],
  ] as const) {
    string.Length = 2 * value.length;
    string.MaximumLength = 2 * value.length;
    string.Buffer = next;
    for (let i = 0; i < value.length; i++) memory.u16[(next >> 1) + i] = value.charCodeAt(i);
    next += 2 * value.length;
  }
  return next;
}

/**
 * NdisEnumerateFilterModules: lists the modules over an adapter from the top down: an NDIS_ENUM_FILTERS, one
 * NDIS_FILTER_INTERFACE for each, and the texts behind them. `NdisHandle` is that of an adapter, a binding or a module.
 * Filter intermediate drivers are adapters of their own and not listed. IRQL PASSIVE_LEVEL.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_INVALID_PARAMETER for another handle; NDIS_STATUS_BUFFER_TOO_SHORT, with
 * BytesNeeded set and nothing written. Source: ndis/nf-ndis-ndisenumeratefiltermodules.
 */
export const NdisEnumerateFilterModules = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisEnumerateFilterModules(NDIS_HANDLE NdisHandle, PVOID InterfaceBuffer, ULONG InterfaceBufferLength, PULONG BytesNeeded, PULONG BytesWritten)',
  irql: 'PASSIVE_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndisenumeratefiltermodules',
  implement:
    (ndis: NdisLibrary) =>
    (
      NdisHandle: Handle,
      InterfaceBuffer: Address,
      InterfaceBufferLength: number,
      BytesNeeded: OutPointer,
      BytesWritten: OutPointer,
    ): NDIS_STATUS => {
      const { memory } = ndis;
      const stack = stackOf(ndis, NdisHandle);
      if (stack === null) return NDIS_STATUS_INVALID_PARAMETER;
      const { filters } = stack.adapter;
      const texts = filters.flatMap(textsOf).reduce((bytes, text) => bytes + 2 * text.length, 0);
      const needed = FIRST + filters.length * NDIS_FILTER_INTERFACE.size + texts;
      memory.u32[BytesNeeded >> 2] = needed;
      memory.u32[BytesWritten >> 2] = 0;
      if (InterfaceBuffer === 0 || InterfaceBufferLength < needed) return NDIS_STATUS_BUFFER_TOO_SHORT;
      memory.u8.fill(0, InterfaceBuffer, InterfaceBuffer + needed);
      const view = NDIS_ENUM_FILTERS.at(memory, InterfaceBuffer);
      view.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
      view.Header.Revision = NDIS_ENUM_FILTERS_REVISION_1;
      view.Header.Size = NDIS_SIZEOF_ENUM_FILTERS_REVISION_1;
      view.NumberOfFilters = filters.length;
      view.OffsetFirstFilter = FIRST;
      let at = InterfaceBuffer + FIRST;
      let text = at + filters.length * NDIS_FILTER_INTERFACE.size;
      for (const module of filters) {
        text = writeModule(ndis, module, at, text, stack.minorVersion);
        at += NDIS_FILTER_INTERFACE.size;
      }
      memory.u32[BytesWritten >> 2] = needed;
      return NDIS_STATUS_SUCCESS;
    },
});
