/**
 * The kinds of structures that NdisSetOptionalHandlers takes: their types, sizes, versions, and who may register them.
 * Implements nf-ndis-ndissetoptionalhandlers, remarks, and the pages of the structures.
 */

import type { Driver } from '../../kernel/index.ts';
import { type Address, FIRST_MAPPED_ADDRESS } from '../../memory/index.ts';
import * as constants from '../generated/constants/index.ts';
import type { NdisLibrary } from '../library.ts';
import type { HeaderRule } from '../objectHeader.ts';

/** By which handle a driver calls. */
export type Caller = 'protocol' | 'miniport' | 'binding' | 'filter' | 'filterModule';

/** One kind of structure. */
export interface OptionalKind extends HeaderRule {
  readonly callers: readonly Caller[];
}

function kind(
  structure: string,
  type: number,
  size: number,
  minorVersion: number,
  callers: readonly Caller[],
): OptionalKind {
  const page = `ndis/ns-ndis-_${structure.toLowerCase()}`;
  return { structure, type, revisions: [{ revision: 1, size, minorVersion }], callers, page };
}

const kinds: readonly OptionalKind[] = [
  kind(
    'NDIS_MINIPORT_PNP_CHARACTERISTICS',
    constants.NDIS_OBJECT_TYPE_MINIPORT_PNP_CHARACTERISTICS,
    constants.NDIS_SIZEOF_MINIPORT_PNP_CHARACTERISTICS_REVISION_1,
    0,
    ['miniport'],
  ),
  kind(
    'NDIS_FILTER_PARTIAL_CHARACTERISTICS',
    constants.NDIS_OBJECT_TYPE_FILTER_PARTIAL_CHARACTERISTICS,
    constants.NDIS_SIZEOF_FILTER_PARTIAL_CHARACTERISTICS_REVISION_1,
    0,
    ['filterModule'],
  ),
  kind(
    'NDIS_MINIPORT_SS_CHARACTERISTICS',
    constants.NDIS_OBJECT_TYPE_MINIPORT_SS_CHARACTERISTICS,
    constants.NDIS_SIZEOF_MINIPORT_SS_CHARACTERISTICS_REVISION_1,
    30,
    ['miniport'],
  ),
  kind(
    'NDIS_MINIPORT_CO_CHARACTERISTICS',
    constants.NDIS_OBJECT_TYPE_CO_MINIPORT_CHARACTERISTICS,
    constants.NDIS_SIZEOF_MINIPORT_CO_CHARACTERISTICS_REVISION_1,
    0,
    ['miniport'],
  ),
  kind(
    'NDIS_PROTOCOL_CO_CHARACTERISTICS',
    constants.NDIS_OBJECT_TYPE_CO_PROTOCOL_CHARACTERISTICS,
    constants.NDIS_SIZEOF_PROTOCOL_CO_CHARACTERISTICS_REVISION_1,
    0,
    ['protocol'],
  ),
  kind(
    'NDIS_CO_CALL_MANAGER_OPTIONAL_HANDLERS',
    constants.NDIS_OBJECT_TYPE_CO_CALL_MANAGER_OPTIONAL_HANDLERS,
    constants.NDIS_SIZEOF_CO_CALL_MANAGER_OPTIONAL_HANDLERS_REVISION_1,
    0,
    ['protocol', 'miniport'],
  ),
  kind(
    'NDIS_CO_CLIENT_OPTIONAL_HANDLERS',
    constants.NDIS_OBJECT_TYPE_CO_CLIENT_OPTIONAL_HANDLERS,
    constants.NDIS_SIZEOF_CO_CLIENT_OPTIONAL_HANDLERS_REVISION_1,
    0,
    ['protocol'],
  ),
  kind(
    'NDIS_NDK_PROVIDER_CHARACTERISTICS',
    constants.NDIS_OBJECT_TYPE_NDK_PROVIDER_CHARACTERISTICS,
    constants.NDIS_SIZEOF_NDK_PROVIDER_CHARACTERISTICS_REVISION_1,
    30,
    ['miniport'],
  ),
  kind(
    'NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS',
    constants.NDIS_OBJECT_TYPE_SHARED_MEMORY_PROVIDER_CHARACTERISTICS,
    constants.NDIS_SIZEOF_SHARED_MEMORY_PROVIDER_CHARACTERISTICS_REVISION_1,
    20,
    ['protocol', 'miniport', 'binding'],
  ),
  kind(
    'NDIS_CLIENT_CHIMNEY_OFFLOAD_GENERIC_CHARACTERISTICS',
    constants.NDIS_OBJECT_TYPE_CLIENT_CHIMNEY_OFFLOAD_GENERIC_CHARACTERISTICS,
    constants.NDIS_SIZEOF_CLIENT_CHIMNEY_OFFLOAD_GENERIC_CHARACTERISTICS_REVISION_1,
    0,
    ['protocol', 'miniport', 'binding', 'filterModule'],
  ),
  kind(
    'NDIS_CLIENT_CHIMNEY_OFFLOAD_TCP_CHARACTERISTICS',
    constants.NDIS_OBJECT_TYPE_CLIENT_CHIMNEY_OFFLOAD_CHARACTERISTICS,
    constants.NDIS_SIZEOF_CLIENT_CHIMNEY_OFFLOAD_TCP_CHARACTERISTICS_REVISION_1,
    0,
    ['protocol', 'miniport', 'binding', 'filterModule'],
  ),
];

/** The kind of the structure at `address`; null, with a note, where it is none of them. */
export function kindOf(
  ndis: NdisLibrary,
  driver: Driver,
  call: string,
  address: Address,
): OptionalKind | null {
  if (address < FIRST_MAPPED_ADDRESS || address + 4 > ndis.memory.size) {
    ndis.kernel.note(call, `${driver.name}: OptionalHandlers is NULL or lies outside of memory`);
    return null;
  }
  const type = ndis.memory.u8[address];
  const found = kinds.find((candidate) => candidate.type === type);
  if (found !== undefined) return found;
  ndis.kernel.note(
    call,
    `${driver.name}: Header.Type 0x${type.toString(16)} is no kind of optional handlers`,
  );
  return null;
}
