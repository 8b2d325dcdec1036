/*
 * ndis5.h: includes the NDIS headers of mingw-w64 as they are for drivers of NDIS 4.0 to 5.1, around the faults of
 * these headers (mingw-w64 10), and completes them:
 *   - ntddndis.h and ndis.h both define NDIS_REQUEST_TYPE. That of ntddndis.h gets other names here.
 *   - wdm.h uses SYSTEM_POWER_STATE_CONTEXT before Windows Vista and declares it from then on.
 *   - the declaration of NdisMWanIndicateReceiveComplete lacks a comma.
 *   - the macros NdisSetPacketFlags and NdisMTransferDataComplete do not compile.
 *   - NdisIMNotifyPnPEvent is not declared.
 * Define NDIS_MINIPORT_DRIVER and NDIS51_MINIPORT, or NDIS51 for a protocol, before.
 */
#pragma once

#if _WIN32_WINNT < 0x0600
struct _SYSTEM_POWER_STATE_CONTEXT_BEFORE_VISTA {
    unsigned long ContextAsUlong;
};
#define SYSTEM_POWER_STATE_CONTEXT struct _SYSTEM_POWER_STATE_CONTEXT_BEFORE_VISTA
#endif

#include <ntddk.h>

#define _NDIS_REQUEST_TYPE _OTHER_REQUEST_TYPE
#define NDIS_REQUEST_TYPE OTHER_REQUEST_TYPE
#define PNDIS_REQUEST_TYPE POTHER_REQUEST_TYPE
#define NdisRequestQueryInformation OtherRequestQueryInformation
#define NdisRequestSetInformation OtherRequestSetInformation
#define NdisRequestQueryStatistics OtherRequestQueryStatistics
#define NdisRequestOpen OtherRequestOpen
#define NdisRequestClose OtherRequestClose
#define NdisRequestSend OtherRequestSend
#define NdisRequestTransferData OtherRequestTransferData
#define NdisRequestReset OtherRequestReset
#define NdisRequestGeneric1 OtherRequestGeneric1
#define NdisRequestGeneric2 OtherRequestGeneric2
#define NdisRequestGeneric3 OtherRequestGeneric3
#define NdisRequestGeneric4 OtherRequestGeneric4
#include <ntddndis.h>
#undef _NDIS_REQUEST_TYPE
#undef NDIS_REQUEST_TYPE
#undef PNDIS_REQUEST_TYPE
#undef NdisRequestQueryInformation
#undef NdisRequestSetInformation
#undef NdisRequestQueryStatistics
#undef NdisRequestOpen
#undef NdisRequestClose
#undef NdisRequestSend
#undef NdisRequestTransferData
#undef NdisRequestReset
#undef NdisRequestGeneric1
#undef NdisRequestGeneric2
#undef NdisRequestGeneric3
#undef NdisRequestGeneric4

#define NdisMWanIndicateReceiveComplete(Parameters) NdisMWanIndicateReceiveComplete(NDIS_HANDLE, NDIS_HANDLE)
#include <ndis.h>
#undef NdisMWanIndicateReceiveComplete

#undef NdisSetPacketFlags
#define NdisSetPacketFlags(Packet, Bits) ((Packet)->Private.Flags |= (Bits))

#undef NdisMTransferDataComplete
#define NdisMTransferDataComplete(MiniportAdapterHandle, Packet, Status, BytesTransferred)                             \
    ((*((PNDIS_MINIPORT_BLOCK)(MiniportAdapterHandle))->TDCompleteHandler)(                                            \
        MiniportAdapterHandle, Packet, Status, BytesTransferred))

NDISAPI NDIS_STATUS NTAPI NdisIMNotifyPnPEvent(NDIS_HANDLE MiniportHandle, PNET_PNP_EVENT NetPnPEvent);
