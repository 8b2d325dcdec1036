/**
 * What offloads keep in the out-of-band information of a list: timestamps and receive segment coalescing.
 * Implements nbltimestamp.h and nblrsc.h.
 */

import { declareFunction, type Pointer } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { NetBufferListInfoReserved3, TcpRecvSegCoalesceInfo } from '../generated/constants/index.ts';
import type { NET_BUFFER_LIST_TIMESTAMP } from '../generated/structures/index.ts';
import type { NdisLibrary } from '../library.ts';
import { NBL_INFO } from '../netBuffer/offsets.ts';

const TIMESTAMP = NBL_INFO + NetBufferListInfoReserved3 * 8;
const COALESCED_SEGMENTS = NBL_INFO + TcpRecvSegCoalesceInfo * 8;
const DUPLICATE_ACKS = COALESCED_SEGMENTS + 2;

function copy64(i32: Int32Array, to: Address, from: Address): void {
  i32[to >> 2] = i32[from >> 2];
  i32[(to >> 2) + 1] = i32[(from >> 2) + 1];
}

/** Stores the timestamp of a list. Any IRQL. Page nbltimestamp/nf-nbltimestamp-ndissetnbltimestampinfo. */
export const NdisSetNblTimestampInfo = declareFunction('ndis', {
  prototype: 'VOID NdisSetNblTimestampInfo(PNET_BUFFER_LIST Nbl, PNET_BUFFER_LIST_TIMESTAMP NblTimestamp)',
  irql: 'any',
  waits: 'never',
  since: '6.82',
  page: 'nbltimestamp/nf-nbltimestamp-ndissetnbltimestampinfo',
  inline: true,
  implement: (ndis: NdisLibrary) => {
    const { i32 } = ndis.memory;
    return (Nbl: Address, NblTimestamp: Pointer<NET_BUFFER_LIST_TIMESTAMP>): void =>
      copy64(i32, Nbl + TIMESTAMP, NblTimestamp);
  },
});

/** Gives the timestamp of a list. Any IRQL. Page nbltimestamp/nf-nbltimestamp-ndisgetnbltimestampinfo. */
export const NdisGetNblTimestampInfo = declareFunction('ndis', {
  prototype: 'VOID NdisGetNblTimestampInfo(PNET_BUFFER_LIST Nbl, PNET_BUFFER_LIST_TIMESTAMP NblTimestamp)',
  irql: 'any',
  waits: 'never',
  since: '6.82',
  page: 'nbltimestamp/nf-nbltimestamp-ndisgetnbltimestampinfo',
  inline: true,
  implement: (ndis: NdisLibrary) => {
    const { i32 } = ndis.memory;
    return (Nbl: Address, NblTimestamp: Pointer<NET_BUFFER_LIST_TIMESTAMP>): void =>
      copy64(i32, NblTimestamp, Nbl + TIMESTAMP);
  },
});

/** Copies the timestamp of a list to another. Any IRQL. Page nbltimestamp/nf-nbltimestamp-ndiscopynbltimestampinfo. */
export const NdisCopyNblTimestampInfo = declareFunction('ndis', {
  prototype: 'VOID NdisCopyNblTimestampInfo(PNET_BUFFER_LIST NblDest, PNET_BUFFER_LIST NblSrc)',
  irql: 'any',
  waits: 'never',
  since: '6.82',
  page: 'nbltimestamp/nf-nbltimestamp-ndiscopynbltimestampinfo',
  inline: true,
  implement: (ndis: NdisLibrary) => {
    const { i32 } = ndis.memory;
    return (NblDest: Address, NblSrc: Address): void => copy64(i32, NblDest + TIMESTAMP, NblSrc + TIMESTAMP);
  },
});

/** A macro for a USHORT of NDIS_RSC_NBL_INFO; a second argument stores a new value. */
function coalescing(name: string, offset: number) {
  return declareFunction('ndis', {
    prototype: `PVOID ${name}(PNET_BUFFER_LIST _NBL)`,
    irql: 'any',
    waits: 'never',
    since: '6.30',
    page: `nblrsc/nf-nblrsc-${name.toLowerCase()}`,
    inline: true,
    implement: (ndis: NdisLibrary) => {
      const { u16 } = ndis.memory;
      return (_NBL: Address, value?: number): number => {
        if (value !== undefined) u16[(_NBL + offset) >> 1] = value;
        return u16[(_NBL + offset) >> 1];
      };
    },
  });
}

/** Segments that were coalesced into a list. Page nblrsc/nf-nblrsc-net_buffer_list_coalesced_seg_count. */
export const NET_BUFFER_LIST_COALESCED_SEG_COUNT = coalescing(
  'NET_BUFFER_LIST_COALESCED_SEG_COUNT',
  COALESCED_SEGMENTS,
);
/** Duplicate acknowledgements that were coalesced into a list. Page nblrsc/nf-nblrsc-net_buffer_list_dup_ack_count. */
export const NET_BUFFER_LIST_DUP_ACK_COUNT = coalescing('NET_BUFFER_LIST_DUP_ACK_COUNT', DUPLICATE_ACKS);
