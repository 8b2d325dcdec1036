/* Net buffers, net buffer lists and what is known of them out of band: accessor macros and inline functions. */
#pragma once

#define NET_BUFFER_NEXT_NB(_NB) ((_NB)->Next)
#define NET_BUFFER_FIRST_MDL(_NB) ((_NB)->MdlChain)
#define NET_BUFFER_DATA_LENGTH(_NB) ((_NB)->DataLength)
#define NET_BUFFER_DATA_OFFSET(_NB) ((_NB)->DataOffset)
#define NET_BUFFER_CURRENT_MDL(_NB) ((_NB)->CurrentMdl)
#define NET_BUFFER_CURRENT_MDL_OFFSET(_NB) ((_NB)->CurrentMdlOffset)
#define NET_BUFFER_CHECKSUM_BIAS(_NB) ((_NB)->ChecksumBias)
#define NET_BUFFER_DATA_PHYSICAL_ADDRESS(_NB) ((_NB)->DataPhysicalAddress)
#define NET_BUFFER_PROTOCOL_RESERVED(_NB) ((_NB)->ProtocolReserved)
#define NET_BUFFER_MINIPORT_RESERVED(_NB) ((_NB)->MiniportReserved)
#define NET_BUFFER_POOL_HANDLE(_NB) ((_NB)->NdisPoolHandle)
#define NET_BUFFER_FIRST_SHARED_MEM_INFO(_NB) ((_NB)->SharedMemoryInfo)
#define NET_BUFFER_SCATTER_GATHER_LIST(_NB) ((_NB)->ScatterGatherList)
#define NET_BUFFER_SHARED_MEM_NEXT_SEGMENT(_SHI) ((_SHI)->NextSharedMemorySegment)
#define NET_BUFFER_SHARED_MEM_FLAGS(_SHI) ((_SHI)->SharedMemoryFlags)
#define NET_BUFFER_SHARED_MEM_HANDLE(_SHI) ((_SHI)->SharedMemoryHandle)
#define NET_BUFFER_SHARED_MEM_OFFSET(_SHI) ((_SHI)->SharedMemoryOffset)
#define NET_BUFFER_SHARED_MEM_LENGTH(_SHI) ((_SHI)->SharedMemoryLength)

#define NET_BUFFER_LIST_NEXT_NBL(_NBL) ((_NBL)->Next)
#define NET_BUFFER_LIST_FIRST_NB(_NBL) ((_NBL)->FirstNetBuffer)
#define NET_BUFFER_LIST_FLAGS(_NBL) ((_NBL)->Flags)
#define NET_BUFFER_LIST_NBL_FLAGS(_NBL) ((_NBL)->NblFlags)
#define NET_BUFFER_LIST_PROTOCOL_RESERVED(_NBL) ((_NBL)->ProtocolReserved)
#define NET_BUFFER_LIST_MINIPORT_RESERVED(_NBL) ((_NBL)->MiniportReserved)
#define NET_BUFFER_LIST_CONTEXT_DATA_START(_NBL) \
  ((PUCHAR)(((_NBL)->Context) + 1) + (_NBL)->Context->Offset)
#define NET_BUFFER_LIST_CONTEXT_DATA_SIZE(_NBL) ((_NBL)->Context->Size)
#define NET_BUFFER_LIST_INFO(_NBL, _Id) ((_NBL)->NetBufferListInfo[(_Id)])
#define NET_BUFFER_LIST_STATUS(_NBL) ((_NBL)->Status)
#define NET_BUFFER_LIST_POOL_HANDLE(_NBL) ((_NBL)->NdisPoolHandle)

#define NDIS_GET_NET_BUFFER_LIST_CANCEL_ID(_NBL) (NET_BUFFER_LIST_INFO(_NBL, NetBufferListCancelId))
#define NDIS_SET_NET_BUFFER_LIST_CANCEL_ID(_NBL, _CancelId) \
  (NET_BUFFER_LIST_INFO(_NBL, NetBufferListCancelId) = (PVOID)(_CancelId))
#define NdisSetNetBufferListProtocolId(_NBL, _ProtocolId) \
  (*((PUCHAR)&NET_BUFFER_LIST_INFO(_NBL, NetBufferListProtocolId)) = (_ProtocolId))

#define NdisSetNblFlag(_NBL, _F) ((_NBL)->NblFlags |= (_F))
#define NdisClearNblFlag(_NBL, _F) ((_NBL)->NblFlags &= ~(_F))
#define NdisTestNblFlag(_NBL, _F) (((_NBL)->NblFlags & (_F)) != 0)
#define NdisTestNblFlags(_NBL, _F) (((_NBL)->NblFlags & (_F)) == (_F))

/* Flags of lists that are the protocol's own. */
#define NBL_SET_PROT_RSVD_FLAG(_NBL, _F) ((_NBL)->Flags |= ((_F)&NBL_PROT_RSVD_FLAGS))
#define NBL_CLEAR_PROT_RSVD_FLAG(_NBL, _F) ((_NBL)->Flags &= ~((_F)&NBL_PROT_RSVD_FLAGS))
#define NBL_TEST_PROT_RSVD_FLAG(_NBL, _F) (((_NBL)->Flags & ((_F)&NBL_PROT_RSVD_FLAGS)) != 0)

/* Flags of sends, of their completions, of indications and of returns are bits. */
#define NDIS_SET_SEND_FLAG(_Flags, _Fl) ((_Flags) |= (_Fl))
#define NDIS_TEST_SEND_FLAG(_Flags, _Fl) (((_Flags) & (_Fl)) == (_Fl))
#define NDIS_CLEAR_SEND_FLAG(_Flags, _Fl) ((_Flags) &= ~(_Fl))
#define NDIS_TEST_SEND_AT_DISPATCH_LEVEL(_Flags) NDIS_TEST_SEND_FLAG((_Flags), NDIS_SEND_FLAGS_DISPATCH_LEVEL)
#define NDIS_SET_SEND_COMPLETE_FLAG(_Flags, _Fl) ((_Flags) |= (_Fl))
#define NDIS_TEST_SEND_COMPLETE_FLAG(_Flags, _Fl) (((_Flags) & (_Fl)) == (_Fl))
#define NDIS_CLEAR_SEND_COMPLETE_FLAG(_Flags, _Fl) ((_Flags) &= ~(_Fl))
#define NDIS_TEST_SEND_COMPLETE_AT_DISPATCH_LEVEL(_Flags) \
  NDIS_TEST_SEND_COMPLETE_FLAG((_Flags), NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL)
#define NDIS_SET_RETURN_FLAG(_Flags, _Fl) ((_Flags) |= (_Fl))
#define NDIS_TEST_RETURN_FLAG(_Flags, _Fl) (((_Flags) & (_Fl)) == (_Fl))
#define NDIS_CLEAR_RETURN_FLAG(_Flags, _Fl) ((_Flags) &= ~(_Fl))
#define NDIS_TEST_RETURN_AT_DISPATCH_LEVEL(_Flags) NDIS_TEST_RETURN_FLAG((_Flags), NDIS_RETURN_FLAGS_DISPATCH_LEVEL)
#define NDIS_SET_RECEIVE_FLAG(_Flags, _Fl) ((_Flags) |= (_Fl))
#define NDIS_TEST_RECEIVE_FLAG(_Flags, _Fl) (((_Flags) & (_Fl)) == (_Fl))
#define NDIS_CLEAR_RECEIVE_FLAG(_Flags, _Fl) ((_Flags) &= ~(_Fl))
#define NDIS_TEST_RECEIVE_AT_DISPATCH_LEVEL(_Flags) \
  NDIS_TEST_RECEIVE_FLAG((_Flags), NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL)
#define NDIS_TEST_RECEIVE_CANNOT_PEND(_Flags) NDIS_TEST_RECEIVE_FLAG((_Flags), NDIS_RECEIVE_FLAGS_RESOURCES)
#define NDIS_TEST_RECEIVE_CAN_PEND(_Flags) (((_Flags)&NDIS_RECEIVE_FLAGS_RESOURCES) == 0)

/* Receive side scaling. */
#define NDIS_RSS_HASH_FUNC_FROM_HASH_INFO(_HashInfo) ((_HashInfo) & (NDIS_HASH_FUNCTION_MASK))
#define NDIS_RSS_HASH_TYPE_FROM_HASH_INFO(_HashInfo) ((_HashInfo) & (NDIS_HASH_TYPE_MASK))
#define NDIS_RSS_HASH_INFO_FROM_TYPE_AND_FUNC(_HashType, _HashFunction) ((_HashType) | (_HashFunction))
#define NET_BUFFER_LIST_SET_HASH_VALUE(_NBL, _HashValue) \
  (NET_BUFFER_LIST_INFO(_NBL, NetBufferListHashValue) = UlongToPtr(_HashValue))
#define NET_BUFFER_LIST_GET_HASH_VALUE(_NBL) (PtrToUlong(NET_BUFFER_LIST_INFO(_NBL, NetBufferListHashValue)))
#define NET_BUFFER_LIST_GET_HASH_TYPE(_NBL) \
  NDIS_RSS_HASH_TYPE_FROM_HASH_INFO(PtrToUlong(NET_BUFFER_LIST_INFO(_NBL, NetBufferListHashInfo)))
#define NET_BUFFER_LIST_GET_HASH_FUNCTION(_NBL) \
  NDIS_RSS_HASH_FUNC_FROM_HASH_INFO(PtrToUlong(NET_BUFFER_LIST_INFO(_NBL, NetBufferListHashInfo)))
#define NET_BUFFER_LIST_SET_HASH_TYPE(_NBL, _HashType)                                                          \
  (NET_BUFFER_LIST_INFO(_NBL, NetBufferListHashInfo) = UlongToPtr(                                              \
       (PtrToUlong(NET_BUFFER_LIST_INFO(_NBL, NetBufferListHashInfo)) & ~NDIS_HASH_TYPE_MASK) |                 \
       ((_HashType)&NDIS_HASH_TYPE_MASK)))
#define NET_BUFFER_LIST_SET_HASH_FUNCTION(_NBL, _HashFunction)                                                  \
  (NET_BUFFER_LIST_INFO(_NBL, NetBufferListHashInfo) = UlongToPtr(                                              \
       (PtrToUlong(NET_BUFFER_LIST_INFO(_NBL, NetBufferListHashInfo)) & ~NDIS_HASH_FUNCTION_MASK) |             \
       ((_HashFunction)&NDIS_HASH_FUNCTION_MASK)))

/* Coalesced segments: count and duplicate acknowledgements share one entry. */
#define NET_BUFFER_LIST_COALESCED_SEG_COUNT(_NBL) (((PUSHORT)&NET_BUFFER_LIST_INFO(_NBL, TcpRecvSegCoalesceInfo))[0])
#define NET_BUFFER_LIST_DUP_ACK_COUNT(_NBL) (((PUSHORT)&NET_BUFFER_LIST_INFO(_NBL, TcpRecvSegCoalesceInfo))[1])

/* Virtual machine queues and switch extensions. */
#define NET_BUFFER_LIST_RECEIVE_FILTER_ID(_NBL) \
  (((PNDIS_NET_BUFFER_LIST_FILTERING_INFO)&NET_BUFFER_LIST_INFO(_NBL, NetBufferListFilteringInfo))->FilteringInfo.FilterId)
#define NET_BUFFER_LIST_RECEIVE_QUEUE_ID(_NBL)                                                         \
  (((PNDIS_NET_BUFFER_LIST_FILTERING_INFO)&NET_BUFFER_LIST_INFO(_NBL, NetBufferListFilteringInfo))     \
       ->FilteringInfo.QueueVPortInfo.QueueId)
#define NET_BUFFER_LIST_RECEIVE_FILTER_VPORT_ID(_NBL)                                                  \
  (((PNDIS_NET_BUFFER_LIST_FILTERING_INFO)&NET_BUFFER_LIST_INFO(_NBL, NetBufferListFilteringInfo))     \
       ->FilteringInfo.QueueVPortInfo.VPortId)
#define NET_BUFFER_LIST_SWITCH_FORWARDING_DETAIL(_NBL) \
  ((PNDIS_SWITCH_FORWARDING_DETAIL_NET_BUFFER_LIST_INFO)&NET_BUFFER_LIST_INFO(_NBL, SwitchForwardingDetail))

/* Media-specific information is a list that starts in the out-of-band information. */
FORCEINLINE VOID NDIS_NBL_ADD_MEDIA_SPECIFIC_INFO(PNET_BUFFER_LIST List, PNDIS_NBL_MEDIA_SPECIFIC_INFORMATION Info) {
  Info->NextEntry = (PNDIS_NBL_MEDIA_SPECIFIC_INFORMATION)NET_BUFFER_LIST_INFO(List, MediaSpecificInformation);
  NET_BUFFER_LIST_INFO(List, MediaSpecificInformation) = Info;
}
#define NDIS_NBL_GET_MEDIA_SPECIFIC_INFO(_NBL, _Tag, _Info)                                                           \
  {                                                                                                                   \
    PNDIS_NBL_MEDIA_SPECIFIC_INFORMATION ndisboxInfo =                                                                \
        (PNDIS_NBL_MEDIA_SPECIFIC_INFORMATION)NET_BUFFER_LIST_INFO(_NBL, MediaSpecificInformation);                   \
    while (ndisboxInfo != NULL && ndisboxInfo->Tag != (_Tag)) ndisboxInfo = ndisboxInfo->NextEntry;                   \
    (_Info) = ndisboxInfo;                                                                                            \
  }
FORCEINLINE VOID NDIS_NBL_REMOVE_MEDIA_SPECIFIC_INFO(PNET_BUFFER_LIST List, PNDIS_NBL_MEDIA_SPECIFIC_INFORMATION Info) {
  PVOID *link = &NET_BUFFER_LIST_INFO(List, MediaSpecificInformation);
  while (*link != NULL && *link != Info) link = (PVOID *)&((PNDIS_NBL_MEDIA_SPECIFIC_INFORMATION)*link)->NextEntry;
  if (*link != NULL) *link = Info->NextEntry;
}
#if NDIS_SUPPORT_NDIS630
FORCEINLINE VOID NDIS_NBL_ADD_MEDIA_SPECIFIC_INFO_EX(PNET_BUFFER_LIST List,
                                                     PNDIS_NBL_MEDIA_SPECIFIC_INFORMATION_EX Info) {
  Info->NextEntry = (PNDIS_NBL_MEDIA_SPECIFIC_INFORMATION_EX)NET_BUFFER_LIST_INFO(List, MediaSpecificInformationEx);
  NET_BUFFER_LIST_INFO(List, MediaSpecificInformationEx) = Info;
}
#define NDIS_NBL_GET_MEDIA_SPECIFIC_INFO_EX(_NBL, _Tag, _Info)                                                        \
  {                                                                                                                   \
    PNDIS_NBL_MEDIA_SPECIFIC_INFORMATION_EX ndisboxInfo =                                                             \
        (PNDIS_NBL_MEDIA_SPECIFIC_INFORMATION_EX)NET_BUFFER_LIST_INFO(_NBL, MediaSpecificInformationEx);              \
    while (ndisboxInfo != NULL && ndisboxInfo->Tag != (_Tag)) ndisboxInfo = ndisboxInfo->NextEntry;                   \
    (_Info) = ndisboxInfo;                                                                                            \
  }
FORCEINLINE VOID NDIS_NBL_REMOVE_MEDIA_SPECIFIC_INFO_EX(PNET_BUFFER_LIST List,
                                                        PNDIS_NBL_MEDIA_SPECIFIC_INFORMATION_EX Info) {
  PVOID *link = &NET_BUFFER_LIST_INFO(List, MediaSpecificInformationEx);
  while (*link != NULL && *link != Info) link = (PVOID *)&((PNDIS_NBL_MEDIA_SPECIFIC_INFORMATION_EX)*link)->NextEntry;
  if (*link != NULL) *link = Info->NextEntry;
}
#endif
#if NDIS_SUPPORT_NDIS682
FORCEINLINE VOID NdisSetNblTimestampInfo(PNET_BUFFER_LIST Nbl, const NET_BUFFER_LIST_TIMESTAMP *NblTimestamp) {
  NET_BUFFER_LIST_INFO(Nbl, NetBufferListInfoReserved3) = (PVOID)(ULONG_PTR)NblTimestamp->Timestamp;
}
FORCEINLINE VOID NdisGetNblTimestampInfo(const NET_BUFFER_LIST *Nbl, PNET_BUFFER_LIST_TIMESTAMP NblTimestamp) {
  NblTimestamp->Timestamp = (ULONG64)(ULONG_PTR)NET_BUFFER_LIST_INFO(Nbl, NetBufferListInfoReserved3);
}
FORCEINLINE VOID NdisCopyNblTimestampInfo(PNET_BUFFER_LIST NblDest, const NET_BUFFER_LIST *NblSrc) {
  NET_BUFFER_LIST_INFO(NblDest, NetBufferListInfoReserved3) = NET_BUFFER_LIST_INFO(NblSrc, NetBufferListInfoReserved3);
}
#endif

/* MDLs under their NDIS names. */
#define NDIS_MDL_LINKAGE(_Mdl) ((_Mdl)->Next)
#define NDIS_MDL_TO_SPAN_PAGES(_Mdl) \
  (MmGetMdlByteCount(_Mdl) == 0 ? 1 : (ADDRESS_AND_SIZE_TO_SPAN_PAGES(MmGetMdlVirtualAddress(_Mdl), MmGetMdlByteCount(_Mdl))))
#define NdisGetNextMdl(_CurrentMdl, _NextMdl) (*(_NextMdl) = (_CurrentMdl)->Next)
#define NdisQueryMdl(_Mdl, _VirtualAddress, _Length, _Priority)                                   \
  {                                                                                               \
    if (ARGUMENT_PRESENT(_VirtualAddress)) {                                                      \
      *(PVOID *)(_VirtualAddress) = MmGetSystemAddressForMdlSafe((_Mdl), (_Priority));            \
    }                                                                                             \
    *(_Length) = MmGetMdlByteCount(_Mdl);                                                         \
  }
#define NdisQueryMdlOffset(_Mdl, _Offset, _Length) \
  (*(_Offset) = MmGetMdlByteOffset(_Mdl), *(_Length) = MmGetMdlByteCount(_Mdl))
#define NdisAdjustMdlLength(_Mdl, _Length) (((_Mdl)->ByteCount) = (_Length))
#define NdisGetMdlPhysicalArraySize(_Mdl, _ArraySize) (*(_ArraySize) = NDIS_MDL_TO_SPAN_PAGES(_Mdl))
