/**
 * Hash information: the types and the function of a hash in one word, and the hash of a received list.
 * Implements nf-hashtypes-ndis_rss_hash_info_from_type_and_func and its kin, and nblhash.h.
 */

import type { Address } from '../../memory/index.ts';
import { macro } from '../declareNdis.ts';
import {
  NDIS_HASH_FUNCTION_MASK,
  NDIS_HASH_TYPE_MASK,
  NetBufferListHashInfo,
  NetBufferListHashValue,
} from '../generated/constants/index.ts';
import { NBL_INFO } from '../netBuffer/offsets.ts';

const HASH_VALUE = NBL_INFO + 8 * NetBufferListHashValue;
const HASH_INFO = NBL_INFO + 8 * NetBufferListHashInfo;

/** Types and function of a hash in one word. Any IRQL. hashtypes/nf-hashtypes-ndis_rss_hash_info_from_type_and_func */
export const NDIS_RSS_HASH_INFO_FROM_TYPE_AND_FUNC = macro(
  'ULONG NDIS_RSS_HASH_INFO_FROM_TYPE_AND_FUNC(ULONG _HashType, ULONG _HashFunction)',
  'any',
  '6.0',
  'hashtypes/nf-hashtypes-ndis_rss_hash_info_from_type_and_func',
  () =>
    (_HashType: number, _HashFunction: number): number =>
      (_HashType | _HashFunction) >>> 0,
);

/** The types in hash information. Any IRQL. hashtypes/nf-hashtypes-ndis_rss_hash_type_from_hash_info */
export const NDIS_RSS_HASH_TYPE_FROM_HASH_INFO = macro(
  'ULONG NDIS_RSS_HASH_TYPE_FROM_HASH_INFO(ULONG _HashInfo)',
  'any',
  '6.0',
  'hashtypes/nf-hashtypes-ndis_rss_hash_type_from_hash_info',
  () =>
    (_HashInfo: number): number =>
      _HashInfo & NDIS_HASH_TYPE_MASK,
);

/** The function in hash information. Any IRQL. hashtypes/nf-hashtypes-ndis_rss_hash_func_from_hash_info */
export const NDIS_RSS_HASH_FUNC_FROM_HASH_INFO = macro(
  'ULONG NDIS_RSS_HASH_FUNC_FROM_HASH_INFO(ULONG _HashInfo)',
  'any',
  '6.0',
  'hashtypes/nf-hashtypes-ndis_rss_hash_func_from_hash_info',
  () =>
    (_HashInfo: number): number =>
      _HashInfo & NDIS_HASH_FUNCTION_MASK,
);

/** The type of the hash of a received list. Any IRQL. nblhash/nf-nblhash-net_buffer_list_get_hash_type */
export const NET_BUFFER_LIST_GET_HASH_TYPE = macro(
  'ULONG NET_BUFFER_LIST_GET_HASH_TYPE(PNET_BUFFER_LIST _NBL)',
  'any',
  '6.0',
  'nblhash/nf-nblhash-net_buffer_list_get_hash_type',
  ({ memory: { u32 } }) =>
    (_NBL: Address): number =>
      u32[(_NBL + HASH_INFO) >> 2] & NDIS_HASH_TYPE_MASK,
);

/** The function of the hash of a received list. Any IRQL. nblhash/nf-nblhash-net_buffer_list_get_hash_function */
export const NET_BUFFER_LIST_GET_HASH_FUNCTION = macro(
  'ULONG NET_BUFFER_LIST_GET_HASH_FUNCTION(PNET_BUFFER_LIST _NBL)',
  'any',
  '6.0',
  'nblhash/nf-nblhash-net_buffer_list_get_hash_function',
  ({ memory: { u32 } }) =>
    (_NBL: Address): number =>
      u32[(_NBL + HASH_INFO) >> 2] & NDIS_HASH_FUNCTION_MASK,
);

/** The hash of a received list. Any IRQL. nblhash/nf-nblhash-net_buffer_list_get_hash_value */
export const NET_BUFFER_LIST_GET_HASH_VALUE = macro(
  'ULONG NET_BUFFER_LIST_GET_HASH_VALUE(PNET_BUFFER_LIST _NBL)',
  'any',
  '6.0',
  'nblhash/nf-nblhash-net_buffer_list_get_hash_value',
  ({ memory: { u32 } }) =>
    (_NBL: Address): number =>
      u32[(_NBL + HASH_VALUE) >> 2],
);

/** Sets the type of the hash and keeps its function. Any IRQL. nblhash/nf-nblhash-net_buffer_list_set_hash_type */
export const NET_BUFFER_LIST_SET_HASH_TYPE = macro(
  'VOID NET_BUFFER_LIST_SET_HASH_TYPE(PNET_BUFFER_LIST Nbl, ULONG volatile HashType)',
  'any',
  '6.30',
  'nblhash/nf-nblhash-net_buffer_list_set_hash_type',
  ({ memory: { u32 } }) =>
    (Nbl: Address, HashType: number): void => {
      const at = (Nbl + HASH_INFO) >> 2;
      u32[at] = (u32[at] & ~NDIS_HASH_TYPE_MASK) | (HashType & NDIS_HASH_TYPE_MASK);
    },
);

/** Sets the function of the hash and keeps its type. Any IRQL. nblhash/nf-nblhash-net_buffer_list_set_hash_function */
export const NET_BUFFER_LIST_SET_HASH_FUNCTION = macro(
  'VOID NET_BUFFER_LIST_SET_HASH_FUNCTION(PNET_BUFFER_LIST Nbl, ULONG volatile HashFunction)',
  'any',
  '6.30',
  'nblhash/nf-nblhash-net_buffer_list_set_hash_function',
  ({ memory: { u32 } }) =>
    (Nbl: Address, HashFunction: number): void => {
      const at = (Nbl + HASH_INFO) >> 2;
      u32[at] = (u32[at] & ~NDIS_HASH_FUNCTION_MASK) | (HashFunction & NDIS_HASH_FUNCTION_MASK);
    },
);

/** Sets the hash of a received list. Any IRQL. nblhash/nf-nblhash-net_buffer_list_set_hash_value */
export const NET_BUFFER_LIST_SET_HASH_VALUE = macro(
  'VOID NET_BUFFER_LIST_SET_HASH_VALUE(PNET_BUFFER_LIST _NBL, ULONG _HashValue)',
  'any',
  '6.0',
  'nblhash/nf-nblhash-net_buffer_list_set_hash_value',
  ({ memory: { u32 } }) =>
    (_NBL: Address, _HashValue: number): void => {
      u32[(_NBL + HASH_VALUE) >> 2] = _HashValue;
    },
);
