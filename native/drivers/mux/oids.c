/*
 * Requests to virtual miniports: what mux knows it answers, the rest goes to the adapter below as a clone.
 * See "OID Requests in an Intermediate Driver" and "NdisAllocateCloneOidRequest" (network).
 *
 * SourceReserved of a clone holds the request that it stands for and the virtual miniport; of a request of our own it
 * is zero.
 */
#include "mux.h"

/* "no IEEE vendor". */
#define VENDOR_ID 0x00ffffff
#define DRIVER_VERSION 0x00010000
static const CHAR VendorDescription[] = "ndisbox mux";

typedef struct _MUX_FORWARDED {
    PNDIS_OID_REQUEST Original;
    PMUX_MINIPORT Miniport;
} MUX_FORWARDED, *PMUX_FORWARDED;

C_ASSERT(sizeof(MUX_FORWARDED) <= RTL_FIELD_SIZE(NDIS_OID_REQUEST, SourceReserved));

NDIS_OID MuxSupportedOids[] = {
    OID_GEN_HARDWARE_STATUS,
    OID_GEN_TRANSMIT_BLOCK_SIZE,
    OID_GEN_RECEIVE_BLOCK_SIZE,
    OID_GEN_MAXIMUM_TOTAL_SIZE,
    OID_GEN_VENDOR_ID,
    OID_GEN_VENDOR_DRIVER_VERSION,
    OID_GEN_CURRENT_PACKET_FILTER,
    OID_GEN_CURRENT_LOOKAHEAD,
    OID_802_3_MAXIMUM_LIST_SIZE,
    OID_GEN_XMIT_OK,
    OID_GEN_XMIT_ERROR,
    OID_GEN_RCV_OK,
    OID_GEN_RCV_ERROR,
    OID_GEN_RCV_NO_BUFFER,
    OID_802_3_MULTICAST_LIST,
    OID_GEN_STATISTICS,
    OID_GEN_VENDOR_DESCRIPTION,
};
const ULONG MuxSupportedOidsSize = sizeof(MuxSupportedOids);

static PMUX_FORWARDED ForwardedOf(PNDIS_OID_REQUEST Clone)
{
    return (PMUX_FORWARDED)Clone->SourceReserved;
}

/* Copies the results of a clone into the original and frees the clone. */
static VOID TakeAnswer(PMUX_BINDING Binding, PNDIS_OID_REQUEST Clone)
{
    PNDIS_OID_REQUEST Original = ForwardedOf(Clone)->Original;

    switch (Original->RequestType) {
    case NdisRequestMethod:
        Original->DATA.METHOD_INFORMATION.OutputBufferLength = Clone->DATA.METHOD_INFORMATION.OutputBufferLength;
        Original->DATA.METHOD_INFORMATION.BytesRead = Clone->DATA.METHOD_INFORMATION.BytesRead;
        Original->DATA.METHOD_INFORMATION.BytesWritten = Clone->DATA.METHOD_INFORMATION.BytesWritten;
        Original->DATA.METHOD_INFORMATION.BytesNeeded = Clone->DATA.METHOD_INFORMATION.BytesNeeded;
        break;
    case NdisRequestSetInformation:
        Original->DATA.SET_INFORMATION.BytesRead = Clone->DATA.SET_INFORMATION.BytesRead;
        Original->DATA.SET_INFORMATION.BytesNeeded = Clone->DATA.SET_INFORMATION.BytesNeeded;
        break;
    default:
        Original->DATA.QUERY_INFORMATION.BytesWritten = Clone->DATA.QUERY_INFORMATION.BytesWritten;
        Original->DATA.QUERY_INFORMATION.BytesNeeded = Clone->DATA.QUERY_INFORMATION.BytesNeeded;
        break;
    }
    NdisFreeCloneOidRequest(Binding->Base.Handle, Clone);
}

/* Passes a request on to the adapter below; the answer goes back with the original. */
static NDIS_STATUS Forward(PMUX_MINIPORT Miniport, PNDIS_OID_REQUEST Request)
{
    PMUX_BINDING Binding = Miniport->Binding;
    PNDIS_OID_REQUEST Clone;
    NDIS_STATUS Status;

    if (MuxStandingBy(Miniport))
        return NDIS_STATUS_LOW_POWER_STATE;
    Status = NdisAllocateCloneOidRequest(Binding->Base.Handle, Request, MUX_TAG, &Clone);
    if (Status != NDIS_STATUS_SUCCESS)
        return Status;
    ForwardedOf(Clone)->Original = Request;
    ForwardedOf(Clone)->Miniport = Miniport;
    Status = NdisOidRequest(Binding->Base.Handle, Clone);
    if (Status != NDIS_STATUS_PENDING)
        TakeAnswer(Binding, Clone);
    return Status;
}

_Use_decl_annotations_
VOID MuxOidRequestComplete(NDIS_HANDLE ProtocolBindingContext, PNDIS_OID_REQUEST OidRequest, NDIS_STATUS Status)
{
    MUX_FORWARDED Forwarded = *ForwardedOf(OidRequest);

    if (Forwarded.Original == NULL) {
        BindingCompleteRequest(OidRequest, Status);
        return;
    }
    TakeAnswer(ProtocolBindingContext, OidRequest);
    NdisMOidRequestComplete(Forwarded.Miniport->Handle, Forwarded.Original, Status);
}

_Use_decl_annotations_
VOID MuxCancelOidRequest(NDIS_HANDLE MiniportAdapterContext, PVOID RequestId)
{
    NdisCancelOidRequest(((PMUX_MINIPORT)MiniportAdapterContext)->Binding->Base.Handle, RequestId);
}

static NDIS_STATUS GiveBytes(PNDIS_OID_REQUEST Request, const VOID *Bytes, ULONG Length)
{
    if (Request->DATA.QUERY_INFORMATION.InformationBufferLength < Length) {
        Request->DATA.QUERY_INFORMATION.BytesNeeded = Length;
        return NDIS_STATUS_BUFFER_TOO_SHORT;
    }
    RtlCopyMemory(Request->DATA.QUERY_INFORMATION.InformationBuffer, Bytes, Length);
    Request->DATA.QUERY_INFORMATION.BytesWritten = Length;
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS GiveUlong(PNDIS_OID_REQUEST Request, ULONG Value)
{
    return GiveBytes(Request, &Value, sizeof(Value));
}

/* Counters are ULONG or ULONG64, as large as the buffer of the request is. */
static NDIS_STATUS GiveCounter(PNDIS_OID_REQUEST Request, ULONG64 Value)
{
    if (Request->DATA.QUERY_INFORMATION.InformationBufferLength >= sizeof(Value))
        return GiveBytes(Request, &Value, sizeof(Value));
    return GiveUlong(Request, (ULONG)Value);
}

static NDIS_STATUS GiveStatistics(const MUX_MINIPORT *Miniport, PNDIS_OID_REQUEST Request)
{
    NDIS_STATISTICS_INFO Info;

    RtlZeroMemory(&Info, sizeof(Info));
    Info.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    Info.Header.Revision = NDIS_STATISTICS_INFO_REVISION_1;
    Info.Header.Size = NDIS_SIZEOF_STATISTICS_INFO_REVISION_1;
    Info.ifInDiscards = Miniport->ReceiveNoBuffer;
    Info.ifHCInOctets = Miniport->BytesReceived;
    Info.ifHCInUcastPkts = Miniport->FramesReceived;
    Info.ifHCOutOctets = Miniport->BytesSent;
    Info.ifHCOutUcastPkts = Miniport->FramesSent;
    Info.ifOutErrors = Miniport->SendErrors;
    return GiveBytes(Request, &Info, NDIS_SIZEOF_STATISTICS_INFO_REVISION_1);
}

static NDIS_STATUS Query(PMUX_MINIPORT Miniport, PNDIS_OID_REQUEST Request)
{
    switch (Request->DATA.QUERY_INFORMATION.Oid) {
    case OID_GEN_HARDWARE_STATUS:
        return GiveUlong(Request, NdisHardwareStatusReady);
    case OID_GEN_TRANSMIT_BLOCK_SIZE:
    case OID_GEN_RECEIVE_BLOCK_SIZE:
    case OID_GEN_MAXIMUM_TOTAL_SIZE:
        return GiveUlong(Request, MuxMtu(Miniport) + ETHERNET_HEADER_LENGTH);
    case OID_GEN_VENDOR_ID:
        return GiveUlong(Request, VENDOR_ID);
    case OID_GEN_VENDOR_DESCRIPTION:
        return GiveBytes(Request, VendorDescription, sizeof(VendorDescription));
    case OID_GEN_VENDOR_DRIVER_VERSION:
        return GiveUlong(Request, DRIVER_VERSION);
    case OID_GEN_CURRENT_PACKET_FILTER:
        return GiveUlong(Request, Miniport->PacketFilter);
    case OID_GEN_CURRENT_LOOKAHEAD:
        return GiveUlong(Request, Miniport->Lookahead);
    case OID_802_3_MAXIMUM_LIST_SIZE:
        return GiveUlong(Request, min(Miniport->Binding->Base.MaxMulticastListSize, MUX_MULTICAST_LIMIT));
    case OID_802_3_MULTICAST_LIST:
        return GiveBytes(Request, Miniport->MulticastList, Miniport->MulticastCount * ETHERNET_ADDRESS_LENGTH);
    case OID_GEN_XMIT_OK:
        return GiveCounter(Request, Miniport->FramesSent);
    case OID_GEN_XMIT_ERROR:
        return GiveCounter(Request, Miniport->SendErrors);
    case OID_GEN_RCV_OK:
        return GiveCounter(Request, Miniport->FramesReceived);
    case OID_GEN_RCV_ERROR:
        return GiveCounter(Request, 0);
    case OID_GEN_RCV_NO_BUFFER:
        return GiveCounter(Request, Miniport->ReceiveNoBuffer);
    case OID_GEN_STATISTICS:
        return GiveStatistics(Miniport, Request);
    default:
        return Forward(Miniport, Request);
    }
}

/* Takes a ULONG from a set request. */
static NDIS_STATUS TakeUlong(PNDIS_OID_REQUEST Request, PULONG Value)
{
    if (Request->DATA.SET_INFORMATION.InformationBufferLength < sizeof(ULONG)) {
        Request->DATA.SET_INFORMATION.BytesNeeded = sizeof(ULONG);
        return NDIS_STATUS_INVALID_LENGTH;
    }
    *Value = *(ULONG UNALIGNED *)Request->DATA.SET_INFORMATION.InformationBuffer;
    Request->DATA.SET_INFORMATION.BytesRead = sizeof(ULONG);
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS SetPacketFilter(PMUX_MINIPORT Miniport, PNDIS_OID_REQUEST Request)
{
    ULONG Filter;
    NDIS_STATUS Status = TakeUlong(Request, &Filter);

    if (Status != NDIS_STATUS_SUCCESS)
        return Status;
    if ((Filter & ~Miniport->Binding->Base.SupportedPacketFilters) != 0)
        return NDIS_STATUS_NOT_SUPPORTED;
    Miniport->PacketFilter = Filter;
    return MuxUpdatePacketFilter(Miniport->Binding);
}

static NDIS_STATUS SetMulticastList(PMUX_MINIPORT Miniport, PNDIS_OID_REQUEST Request)
{
    ULONG Length = Request->DATA.SET_INFORMATION.InformationBufferLength;

    if (Length % ETHERNET_ADDRESS_LENGTH != 0)
        return NDIS_STATUS_INVALID_LENGTH;
    if (Length > sizeof(Miniport->MulticastList)) {
        Request->DATA.SET_INFORMATION.BytesNeeded = sizeof(Miniport->MulticastList);
        return NDIS_STATUS_MULTICAST_FULL;
    }
    RtlCopyMemory(Miniport->MulticastList, Request->DATA.SET_INFORMATION.InformationBuffer, Length);
    Miniport->MulticastCount = Length / ETHERNET_ADDRESS_LENGTH;
    Request->DATA.SET_INFORMATION.BytesRead = Length;
    return MuxUpdateMulticastList(Miniport->Binding);
}

static NDIS_STATUS Set(PMUX_MINIPORT Miniport, PNDIS_OID_REQUEST Request)
{
    BOOLEAN Alone = Miniport->Binding->MiniportCount == 1;

    switch (Request->DATA.SET_INFORMATION.Oid) {
    case OID_GEN_CURRENT_PACKET_FILTER:
        return SetPacketFilter(Miniport, Request);
    case OID_GEN_CURRENT_LOOKAHEAD:
        return TakeUlong(Request, &Miniport->Lookahead);
    case OID_802_3_MULTICAST_LIST:
        return SetMulticastList(Miniport, Request);
    default:
        return Alone ? Forward(Miniport, Request) : NDIS_STATUS_NOT_SUPPORTED;
    }
}

_Use_decl_annotations_
NDIS_STATUS MuxOidRequest(NDIS_HANDLE MiniportAdapterContext, PNDIS_OID_REQUEST OidRequest)
{
    PMUX_MINIPORT Miniport = MiniportAdapterContext;

    switch (OidRequest->DATA.QUERY_INFORMATION.Oid) {
    case OID_PNP_QUERY_POWER:
        return NDIS_STATUS_SUCCESS;
    case OID_PNP_SET_POWER:
        /* The power of a virtual miniport is its own. */
        Miniport->PowerState = *(NDIS_DEVICE_POWER_STATE *)OidRequest->DATA.SET_INFORMATION.InformationBuffer;
        return NDIS_STATUS_SUCCESS;
    case OID_TCP_OFFLOAD_CURRENT_CONFIG:
    case OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES:
    case OID_TCP_OFFLOAD_PARAMETERS:
        /* Frames are changed on their way, so the offloads of the adapter below are not offered above. */
        return NDIS_STATUS_NOT_SUPPORTED;
    default:
        break;
    }
    if (Miniport->PowerState != NdisDeviceStateD0)
        return NDIS_STATUS_LOW_POWER_STATE;
    switch (OidRequest->RequestType) {
    case NdisRequestQueryInformation:
    case NdisRequestQueryStatistics:
        return Query(Miniport, OidRequest);
    case NdisRequestSetInformation:
        return Set(Miniport, OidRequest);
    default:
        return Forward(Miniport, OidRequest);
    }
}
