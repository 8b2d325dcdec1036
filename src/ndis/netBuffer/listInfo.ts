/**
 * Out-of-band information of lists: copying it along, protocol and cancel identifiers, media-specific information.
 * Implements "NdisCopySendNetBufferListInfo", "NdisCopyReceiveNetBufferListInfo", "NdisGeneratePartialCancelId" and
 * the macros of ndis.h and nblaccessors.h around them.
 */

import { declareFunction, type OutPointer } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import {
  Ieee8021QNetBufferListInfo,
  IPsecOffloadV1NetBufferListInfo,
  IPsecOffloadV2HeaderNetBufferListInfo,
  IPsecOffloadV2TunnelNetBufferListInfo,
  MediaSpecificInformation,
  MediaSpecificInformationEx,
  NDIS_PROTOCOL_ID_MASK,
  NetBufferListCancelId,
  NetBufferListFilteringInfo,
  NetBufferListFrameType,
  NetBufferListHashInfo,
  NetBufferListHashValue,
  NetBufferListProtocolId,
  TcpIpChecksumNetBufferListInfo,
  TcpLargeSendNetBufferListInfo,
  TcpReceiveNoPush,
  VirtualSubnetInfo,
} from '../generated/constants/index.ts';
import { type NdisLibrary, perNdis } from '../library.ts';
import { storePointer } from './mdl.ts';
import { NBL_INFO } from './offsets.ts';

/** What NdisCopySendNetBufferListInfo copies, in the order of its page. */
const SEND_INFO = Int32Array.of(
  TcpIpChecksumNetBufferListInfo,
  IPsecOffloadV1NetBufferListInfo,
  TcpLargeSendNetBufferListInfo,
  Ieee8021QNetBufferListInfo,
  MediaSpecificInformation,
  NetBufferListCancelId,
  NetBufferListProtocolId,
  IPsecOffloadV2TunnelNetBufferListInfo,
  IPsecOffloadV2HeaderNetBufferListInfo,
  VirtualSubnetInfo,
  NetBufferListFilteringInfo,
);
/** What NdisCopyReceiveNetBufferListInfo copies, in the order of its page. */
const RECEIVE_INFO = Int32Array.of(
  TcpIpChecksumNetBufferListInfo,
  IPsecOffloadV1NetBufferListInfo,
  TcpReceiveNoPush,
  Ieee8021QNetBufferListInfo,
  MediaSpecificInformation,
  NetBufferListFrameType,
  NetBufferListHashValue,
  NetBufferListHashInfo,
  IPsecOffloadV2TunnelNetBufferListInfo,
  IPsecOffloadV2HeaderNetBufferListInfo,
  VirtualSubnetInfo,
  NetBufferListFilteringInfo,
);

/** Copies information between lists: 64 bits each. */
function copyInfo(i32: Int32Array, to: Address, from: Address, ids: Int32Array): void {
  const target = (to + NBL_INFO) >> 2;
  const source = (from + NBL_INFO) >> 2;
  for (let index = 0; index < ids.length; index++) {
    const at = ids[index] * 2;
    i32[target + at] = i32[source + at];
    i32[target + at + 1] = i32[source + at + 1];
  }
}

/** Copies the information of a list to be sent. IRQL <= DISPATCH_LEVEL. Page nblapi/nf-nblapi-ndiscopysendnetbufferlistinfo. */
export const NdisCopySendNetBufferListInfo = declareFunction('ndis', {
  prototype:
    'VOID NdisCopySendNetBufferListInfo(PNET_BUFFER_LIST DestNetBufferList, PNET_BUFFER_LIST SrcNetBufferList)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'nblapi/nf-nblapi-ndiscopysendnetbufferlistinfo',
  implement: (ndis: NdisLibrary) => {
    const { i32 } = ndis.memory;
    return (DestNetBufferList: Address, SrcNetBufferList: Address): void =>
      copyInfo(i32, DestNetBufferList, SrcNetBufferList, SEND_INFO);
  },
});

/** Copies the information of a received list. IRQL <= DISPATCH_LEVEL. Page nblapi/nf-nblapi-ndiscopyreceivenetbufferlistinfo. */
export const NdisCopyReceiveNetBufferListInfo = declareFunction('ndis', {
  prototype:
    'VOID NdisCopyReceiveNetBufferListInfo(PNET_BUFFER_LIST DestNetBufferList, PNET_BUFFER_LIST SrcNetBufferList)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'nblapi/nf-nblapi-ndiscopyreceivenetbufferlistinfo',
  implement: (ndis: NdisLibrary) => {
    const { i32 } = ndis.memory;
    return (DestNetBufferList: Address, SrcNetBufferList: Address): void =>
      copyInfo(i32, DestNetBufferList, SrcNetBufferList, RECEIVE_INFO);
  },
});

/** The protocol identifier of a list. Any IRQL. Page nblapi/nf-nblapi-ndisgetnetbufferlistprotocolid. */
export const NdisGetNetBufferListProtocolId = declareFunction('ndis', {
  prototype: 'UCHAR NdisGetNetBufferListProtocolId(PNET_BUFFER_LIST NetBufferList)',
  irql: 'any',
  waits: 'never',
  since: '6.0',
  page: 'nblapi/nf-nblapi-ndisgetnetbufferlistprotocolid',
  implement: (ndis: NdisLibrary) => {
    const { u8 } = ndis.memory;
    return (NetBufferList: Address): number =>
      u8[NetBufferList + NBL_INFO + NetBufferListProtocolId * 8] & NDIS_PROTOCOL_ID_MASK;
  },
});

/** Sets the protocol identifier of a list. Any IRQL. Page nblaccessors/nf-nblaccessors-ndissetnetbufferlistprotocolid. */
export const NdisSetNetBufferListProtocolId = declareFunction('ndis', {
  prototype: 'VOID NdisSetNetBufferListProtocolId(PNET_BUFFER_LIST _NBL, UCHAR _ProtocolId)',
  irql: 'any',
  waits: 'never',
  since: '6.0',
  page: 'nblaccessors/nf-nblaccessors-ndissetnetbufferlistprotocolid',
  inline: true,
  implement: (ndis: NdisLibrary) => {
    const { u8 } = ndis.memory;
    return (_NBL: Address, _ProtocolId: number): void => {
      u8[_NBL + NBL_INFO + NetBufferListProtocolId * 8] = _ProtocolId;
    };
  },
});

/** High bytes of cancel identifiers given out. */
class CancelIds {
  last = 0;
}
const cancelIdsOf = perNdis('cancelIds', () => new CancelIds());

/**
 * A value for the high byte of cancel identifiers that no other caller has, as long as fewer than 256 were asked for;
 * then they begin anew.
 * IRQL <= DISPATCH_LEVEL. Page ndis/nf-ndis-ndisgeneratepartialcancelid.
 */
export const NdisGeneratePartialCancelId = declareFunction('ndis', {
  prototype: 'UCHAR NdisGeneratePartialCancelId(VOID)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndisgeneratepartialcancelid',
  implement: (ndis: NdisLibrary) => (): number => {
    const ids = cancelIdsOf(ndis);
    ids.last = (ids.last + 1) & 0xff;
    return ids.last;
  },
});

/** Marks a list with a cancel identifier. Any IRQL. Page ndis/nf-ndis-ndis_set_net_buffer_list_cancel_id. */
export const NDIS_SET_NET_BUFFER_LIST_CANCEL_ID = declareFunction('ndis', {
  prototype: 'VOID NDIS_SET_NET_BUFFER_LIST_CANCEL_ID(PNET_BUFFER_LIST _NBL, ULONG _CancelId)',
  irql: 'any',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndis_set_net_buffer_list_cancel_id',
  inline: true,
  implement: (ndis: NdisLibrary) => {
    const { i32 } = ndis.memory;
    return (_NBL: Address, _CancelId: number): void => {
      const index = (_NBL + NBL_INFO + NetBufferListCancelId * 8) >> 2;
      i32[index] = _CancelId;
      i32[index + 1] = 0;
    };
  },
});

/** The cancel identifier of a list, unsigned. Any IRQL. Page ndis/nf-ndis-ndis_get_net_buffer_list_cancel_id. */
export const NDIS_GET_NET_BUFFER_LIST_CANCEL_ID = declareFunction('ndis', {
  prototype: 'ULONG NDIS_GET_NET_BUFFER_LIST_CANCEL_ID(PNET_BUFFER_LIST _NBL)',
  irql: 'any',
  waits: 'never',
  since: '6.0',
  page: 'ndis/nf-ndis-ndis_get_net_buffer_list_cancel_id',
  inline: true,
  implement: (ndis: NdisLibrary) => {
    const { u32 } = ndis.memory;
    return (_NBL: Address): number => u32[(_NBL + NBL_INFO + NetBufferListCancelId * 8) >> 2];
  },
});

/** A form of media-specific information: where it hangs and where its members lie. */
interface MediaForm {
  readonly id: number;
  readonly next: number;
  readonly tag: number;
  readonly suffix: string;
  readonly since: string;
}
const plain: MediaForm = { id: MediaSpecificInformation, next: 0, tag: 8, suffix: '', since: '6.0' };
const extended: MediaForm = {
  id: MediaSpecificInformationEx,
  next: 8,
  tag: 16,
  suffix: '_EX',
  since: '6.20',
};
/** Entries on one list; a longer chain is taken for a cycle. */
const MEDIA_LIMIT = 1024;

function mediaFacts(verb: string, form: MediaForm, parameters: string) {
  const name = `NDIS_NBL_${verb}_MEDIA_SPECIFIC_INFO${form.suffix}`;
  const page = `ndis/nf-ndis-${name.toLowerCase()}`;
  const prototype = `VOID ${name}(PNET_BUFFER_LIST _NBL, ${parameters})`;
  return { prototype, irql: 'any', waits: 'never', since: form.since, page, inline: true } as const;
}

function add(form: MediaForm) {
  const information = `PNDIS_NBL_MEDIA_SPECIFIC_INFORMATION${form.suffix} _MediaSpecificInfo`;
  return declareFunction('ndis', {
    ...mediaFacts('ADD', form, information),
    implement: (ndis: NdisLibrary) => {
      const { i32 } = ndis.memory;
      return (_NBL: Address, _MediaSpecificInfo: Address): void => {
        const head = _NBL + NBL_INFO + form.id * 8;
        storePointer(i32, _MediaSpecificInfo + form.next, i32[head >> 2]);
        storePointer(i32, head, _MediaSpecificInfo);
      };
    },
  });
}

/** Where the pointer to the first entry with `tag` lies, or 0. */
function findMedia(memory: NdisLibrary['memory'], form: MediaForm, nbl: Address, tag: number): Address {
  let at = nbl + NBL_INFO + form.id * 8;
  for (let step = 0; step < MEDIA_LIMIT; step++) {
    const entry = memory.i32[at >> 2];
    if (entry === 0) return 0;
    if (memory.u32[(entry + form.tag) >> 2] === tag >>> 0) return at;
    at = entry + form.next;
  }
  return 0;
}

function get(form: MediaForm) {
  const result = `PNDIS_NBL_MEDIA_SPECIFIC_INFORMATION${form.suffix} * _MediaSpecificInfo`;
  return declareFunction('ndis', {
    ...mediaFacts('GET', form, `ULONG _Tag, ${result}`),
    implement: (ndis: NdisLibrary) => {
      const { memory } = ndis;
      return (_NBL: Address, _Tag: number, _MediaSpecificInfo: OutPointer): void => {
        const at = findMedia(memory, form, _NBL, _Tag);
        memory.writePointer(_MediaSpecificInfo, at === 0 ? 0 : memory.i32[at >> 2]);
      };
    },
  });
}

function remove(form: MediaForm) {
  const information = `PNDIS_NBL_MEDIA_SPECIFIC_INFORMATION${form.suffix} _MediaSpecificInfo`;
  return declareFunction('ndis', {
    ...mediaFacts('REMOVE', form, information),
    implement: (ndis: NdisLibrary) => {
      const { memory } = ndis;
      return (_NBL: Address, _MediaSpecificInfo: Address): void => {
        const at = findMedia(memory, form, _NBL, memory.u32[(_MediaSpecificInfo + form.tag) >> 2]);
        if (at !== 0) storePointer(memory.i32, at, memory.i32[(memory.i32[at >> 2] + form.next) >> 2]);
      };
    },
  });
}

/** Puts media-specific information first on a list. Page ndis/nf-ndis-ndis_nbl_add_media_specific_info. */
export const NDIS_NBL_ADD_MEDIA_SPECIFIC_INFO = add(plain);
/** Gives the first media-specific information with a tag, or NULL. Page ndis/nf-ndis-ndis_nbl_get_media_specific_info. */
export const NDIS_NBL_GET_MEDIA_SPECIFIC_INFO = get(plain);
/** Takes the first one with the same tag off a list. Page ndis/nf-ndis-ndis_nbl_remove_media_specific_info. */
export const NDIS_NBL_REMOVE_MEDIA_SPECIFIC_INFO = remove(plain);
/** Puts media-specific information first on a list. Page ndis/nf-ndis-ndis_nbl_add_media_specific_info_ex. */
export const NDIS_NBL_ADD_MEDIA_SPECIFIC_INFO_EX = add(extended);
/** Gives the first media-specific information with a tag, or NULL. Page ndis/nf-ndis-ndis_nbl_get_media_specific_info_ex. */
export const NDIS_NBL_GET_MEDIA_SPECIFIC_INFO_EX = get(extended);
/** Takes the first one with the same tag off a list. Page ndis/nf-ndis-ndis_nbl_remove_media_specific_info_ex. */
export const NDIS_NBL_REMOVE_MEDIA_SPECIFIC_INFO_EX = remove(extended);
