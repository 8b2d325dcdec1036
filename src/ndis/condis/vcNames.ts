/**
 * Names of virtual connections, for management and for telephony.
 * Implements nf-ndis-ndiscoassigninstancename, nf-ndis-ndiscogettapicallid and
 * nf-ndis-ndisclgetprotocolvccontextfromtapicallid.
 */

import { declareFunction, type Handle, type OutPointer, type TextPointer } from '../../kernel/index.ts';
import { type Address, readUnicodeString } from '../../memory/index.ts';
import {
  NDIS_STATUS_BUFFER_TOO_SHORT,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_DATA,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '../generated/constants/index.ts';
import { STRINGFORMAT_UNICODE } from '../generated/constants/media.ts';
import { VAR_STRING } from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import type { NDIS_STATUS } from '../status.ts';
import { allocateNdisString } from '../strings/strings.ts';
import { connectionsOf } from './connections.ts';
import { VirtualConnection } from './objects.ts';

const NAME_PAGE = 'ndis/nf-ndis-ndiscoassigninstancename';
const CALL_ID_PAGE = 'ndis/nf-ndis-ndiscogettapicallid';
const CONTEXT_PAGE = 'ndis/nf-ndis-ndisclgetprotocolvccontextfromtapicallid';
/** Longest base name in characters. */
const BASE_NAME_LIMIT = 1024;
const at = VAR_STRING.offset;

/**
 * NdisCoAssignInstanceName: gives a VC the base name and an index behind it, and returns that name in a string that the
 * caller frees with NdisFreeString; a VC that has a name keeps it. Of the registration with WMI nothing can be seen here.
 * IRQL <= DISPATCH_LEVEL.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_RESOURCES; NDIS_STATUS_FAILURE for a wrong handle (a finding), an empty base
 * name, and for miniport call managers. Source: ndis/nf-ndis-ndiscoassigninstancename.
 */
export const NdisCoAssignInstanceName = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisCoAssignInstanceName(NDIS_HANDLE NdisVcHandle, PNDIS_STRING BaseInstanceName, PNDIS_STRING VcInstanceName)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: NAME_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (NdisVcHandle: Handle, BaseInstanceName: TextPointer, VcInstanceName: Address): NDIS_STATUS => {
      const call = 'NdisCoAssignInstanceName';
      const connection = ndis.expect(NdisVcHandle, VirtualConnection, driver, call, NAME_PAGE);
      if (connection === null || connection.adapter.miniport.driver === driver) return NDIS_STATUS_FAILURE;
      const base = readUnicodeString(ndis.memory, BaseInstanceName);
      if (base === '' || base.length > BASE_NAME_LIMIT) return NDIS_STATUS_FAILURE;
      const name = connection.instanceName === '' ? `${base}:${connection.number}` : connection.instanceName;
      if (VcInstanceName !== 0 && !allocateNdisString(ndis, driver, VcInstanceName, name))
        return NDIS_STATUS_RESOURCES;
      connection.instanceName = name;
      return NDIS_STATUS_SUCCESS;
    },
});

/** The text that stands for a VC in telephony: its number in hexadecimal. */
function callIdOf(connection: VirtualConnection): string {
  return connection.number.toString(16).padStart(16, '0');
}

/**
 * NdisCoGetTapiCallId: a text that stands for a VC, as a Unicode string in a VAR_STRING, with its zero at the end.
 * IRQL <= DISPATCH_LEVEL.
 * @returns NDIS_STATUS_SUCCESS; NDIS_STATUS_BUFFER_TOO_SHORT with ulNeededSize; NDIS_STATUS_INVALID_DATA for a handle
 * that is no VC. Source: ndis/nf-ndis-ndiscogettapicallid.
 */
export const NdisCoGetTapiCallId = declareFunction('ndis', {
  prototype: 'NDIS_STATUS NdisCoGetTapiCallId(NDIS_HANDLE NdisVcHandle, PVAR_STRING TapiCallId)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: CALL_ID_PAGE,
  implement:
    (ndis: NdisLibrary) =>
    (NdisVcHandle: Handle, TapiCallId: OutPointer): NDIS_STATUS => {
      const connection = ndis.resolve(NdisVcHandle, VirtualConnection);
      if (connection === null) return NDIS_STATUS_INVALID_DATA;
      const { u32, u16 } = ndis.memory;
      const text = callIdOf(connection);
      const size = 2 * text.length + 2;
      u32[(TapiCallId + at.ulNeededSize) >> 2] = VAR_STRING.size + size;
      if (u32[(TapiCallId + at.ulTotalSize) >> 2] < VAR_STRING.size + size)
        return NDIS_STATUS_BUFFER_TOO_SHORT;
      u32[(TapiCallId + at.ulUsedSize) >> 2] = VAR_STRING.size + size;
      u32[(TapiCallId + at.ulStringFormat) >> 2] = STRINGFORMAT_UNICODE;
      u32[(TapiCallId + at.ulStringSize) >> 2] = size;
      u32[(TapiCallId + at.ulStringOffset) >> 2] = VAR_STRING.size;
      const start = (TapiCallId + VAR_STRING.size) >> 1;
      for (let i = 0; i < text.length; i++) u16[start + i] = text.charCodeAt(i);
      u16[start + text.length] = 0;
      return NDIS_STATUS_SUCCESS;
    },
});

/**
 * NdisClGetProtocolVcContextFromTapiCallId: the caller's own context of the VC that a text of NdisCoGetTapiCallId stands
 * for. IRQL <= DISPATCH_LEVEL.
 * @returns NDIS_STATUS_SUCCESS, or NDIS_STATUS_FAILURE where no VC of the caller has that text.
 * Source: ndis/nf-ndis-ndisclgetprotocolvccontextfromtapicallid.
 */
export const NdisClGetProtocolVcContextFromTapiCallId = declareFunction('ndis', {
  prototype:
    'NDIS_STATUS NdisClGetProtocolVcContextFromTapiCallId(UNICODE_STRING TapiCallId, PNDIS_HANDLE ProtocolVcContext)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '5.1',
  page: CONTEXT_PAGE,
  implement:
    (ndis: NdisLibrary, driver) =>
    (TapiCallId: TextPointer, ProtocolVcContext: OutPointer): NDIS_STATUS => {
      const text = readUnicodeString(ndis.memory, TapiCallId).replace(/\0.*$/s, '').toLowerCase();
      for (const { connections } of connectionsOf(ndis).adapters.values()) {
        for (const connection of connections) {
          if (connection.client?.driver !== driver || callIdOf(connection) !== text) continue;
          ndis.memory.writePointer(ProtocolVcContext, connection.clientContext.address);
          return NDIS_STATUS_SUCCESS;
        }
      }
      return NDIS_STATUS_FAILURE;
    },
});
