/*
 * The OID requests that ringport answers: those mandatory for an 802.3 miniport that NDIS does not answer itself; and
 * the status indication of its link. See "Mandatory OIDs for Miniport Drivers" and "OID_GEN_STATISTICS" (network).
 */
#include "ringport.h"

/* "no IEEE vendor": the low byte numbers the adapter model. */
#define VENDOR_ID 0x00ffffff
#define DRIVER_VERSION 0x00010000
static const CHAR VendorDescription[] = "ndisbox ringport";

NDIS_OID RingportSupportedOids[] = {
    OID_GEN_HARDWARE_STATUS,
    OID_GEN_TRANSMIT_BUFFER_SPACE,
    OID_GEN_RECEIVE_BUFFER_SPACE,
    OID_GEN_TRANSMIT_BLOCK_SIZE,
    OID_GEN_RECEIVE_BLOCK_SIZE,
    OID_GEN_VENDOR_ID,
    OID_GEN_VENDOR_DESCRIPTION,
    OID_GEN_VENDOR_DRIVER_VERSION,
    OID_GEN_CURRENT_PACKET_FILTER,
    OID_GEN_CURRENT_LOOKAHEAD,
    OID_GEN_MAXIMUM_TOTAL_SIZE,
    OID_GEN_MAXIMUM_SEND_PACKETS,
    OID_802_3_MAXIMUM_LIST_SIZE,
    OID_802_3_MULTICAST_LIST,
    OID_GEN_XMIT_OK,
    OID_GEN_RCV_OK,
    OID_GEN_XMIT_ERROR,
    OID_GEN_RCV_ERROR,
    OID_GEN_RCV_NO_BUFFER,
    OID_802_3_RCV_ERROR_ALIGNMENT,
    OID_802_3_XMIT_ONE_COLLISION,
    OID_802_3_XMIT_MORE_COLLISIONS,
    OID_GEN_STATISTICS,
};
const ULONG RingportSupportedOidsSize = sizeof(RingportSupportedOids);

const ULONG RingportSupportedStatistics =
    NDIS_STATISTICS_XMIT_OK_SUPPORTED | NDIS_STATISTICS_RCV_OK_SUPPORTED | NDIS_STATISTICS_XMIT_ERROR_SUPPORTED |
    NDIS_STATISTICS_RCV_ERROR_SUPPORTED | NDIS_STATISTICS_RCV_NO_BUFFER_SUPPORTED |
    NDIS_STATISTICS_DIRECTED_BYTES_XMIT_SUPPORTED | NDIS_STATISTICS_DIRECTED_FRAMES_XMIT_SUPPORTED |
    NDIS_STATISTICS_MULTICAST_BYTES_XMIT_SUPPORTED | NDIS_STATISTICS_MULTICAST_FRAMES_XMIT_SUPPORTED |
    NDIS_STATISTICS_BROADCAST_BYTES_XMIT_SUPPORTED | NDIS_STATISTICS_BROADCAST_FRAMES_XMIT_SUPPORTED |
    NDIS_STATISTICS_DIRECTED_BYTES_RCV_SUPPORTED | NDIS_STATISTICS_DIRECTED_FRAMES_RCV_SUPPORTED |
    NDIS_STATISTICS_MULTICAST_BYTES_RCV_SUPPORTED | NDIS_STATISTICS_MULTICAST_FRAMES_RCV_SUPPORTED |
    NDIS_STATISTICS_BROADCAST_BYTES_RCV_SUPPORTED | NDIS_STATISTICS_BROADCAST_FRAMES_RCV_SUPPORTED |
    NDIS_STATISTICS_BYTES_RCV_SUPPORTED | NDIS_STATISTICS_BYTES_XMIT_SUPPORTED |
    NDIS_STATISTICS_RCV_DISCARDS_SUPPORTED | NDIS_STATISTICS_GEN_STATISTICS_SUPPORTED |
    NDIS_STATISTICS_XMIT_DISCARDS_SUPPORTED;

/* Every counter of NDIS_STATISTICS_INFO: NDIS 6 has no optional ones. */
#define ALL_COUNTERS_VALID                                                                                             \
    (NDIS_STATISTICS_FLAGS_VALID_DIRECTED_FRAMES_RCV | NDIS_STATISTICS_FLAGS_VALID_MULTICAST_FRAMES_RCV |              \
     NDIS_STATISTICS_FLAGS_VALID_BROADCAST_FRAMES_RCV | NDIS_STATISTICS_FLAGS_VALID_BYTES_RCV |                        \
     NDIS_STATISTICS_FLAGS_VALID_RCV_DISCARDS | NDIS_STATISTICS_FLAGS_VALID_RCV_ERROR |                                \
     NDIS_STATISTICS_FLAGS_VALID_DIRECTED_FRAMES_XMIT | NDIS_STATISTICS_FLAGS_VALID_MULTICAST_FRAMES_XMIT |            \
     NDIS_STATISTICS_FLAGS_VALID_BROADCAST_FRAMES_XMIT | NDIS_STATISTICS_FLAGS_VALID_BYTES_XMIT |                      \
     NDIS_STATISTICS_FLAGS_VALID_XMIT_ERROR | NDIS_STATISTICS_FLAGS_VALID_XMIT_DISCARDS |                              \
     NDIS_STATISTICS_FLAGS_VALID_DIRECTED_BYTES_RCV | NDIS_STATISTICS_FLAGS_VALID_MULTICAST_BYTES_RCV |                \
     NDIS_STATISTICS_FLAGS_VALID_BROADCAST_BYTES_RCV | NDIS_STATISTICS_FLAGS_VALID_DIRECTED_BYTES_XMIT |               \
     NDIS_STATISTICS_FLAGS_VALID_MULTICAST_BYTES_XMIT | NDIS_STATISTICS_FLAGS_VALID_BROADCAST_BYTES_XMIT)

static VOID FillStatistics(PRINGPORT_ADAPTER Adapter, PNDIS_STATISTICS_INFO Info)
{
    FRAME_COUNTERS Sent;
    FRAME_COUNTERS Received;

    RtlZeroMemory(Info, sizeof(*Info));
    Info->Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    Info->Header.Revision = NDIS_STATISTICS_INFO_REVISION_1;
    Info->Header.Size = NDIS_SIZEOF_STATISTICS_INFO_REVISION_1;
    Info->SupportedStatistics = ALL_COUNTERS_VALID;

    NdisAcquireSpinLock(&Adapter->SendLock);
    Sent = Adapter->Sent;
    Info->ifOutErrors = Adapter->SendErrors;
    NdisReleaseSpinLock(&Adapter->SendLock);
    NdisAcquireSpinLock(&Adapter->ReceiveLock);
    Received = Adapter->Received;
    Info->ifInDiscards = Adapter->ReceiveNoBuffer;
    NdisReleaseSpinLock(&Adapter->ReceiveLock);

    Info->ifHCInOctets = Received.Bytes;
    Info->ifHCInUcastPkts = Received.Frames - Received.MulticastFrames - Received.BroadcastFrames;
    Info->ifHCInMulticastPkts = Received.MulticastFrames;
    Info->ifHCInBroadcastPkts = Received.BroadcastFrames;
    Info->ifHCInUcastOctets = Received.Bytes - Received.MulticastBytes - Received.BroadcastBytes;
    Info->ifHCInMulticastOctets = Received.MulticastBytes;
    Info->ifHCInBroadcastOctets = Received.BroadcastBytes;
    Info->ifHCOutOctets = Sent.Bytes;
    Info->ifHCOutUcastPkts = Sent.Frames - Sent.MulticastFrames - Sent.BroadcastFrames;
    Info->ifHCOutMulticastPkts = Sent.MulticastFrames;
    Info->ifHCOutBroadcastPkts = Sent.BroadcastFrames;
    Info->ifHCOutUcastOctets = Sent.Bytes - Sent.MulticastBytes - Sent.BroadcastBytes;
    Info->ifHCOutMulticastOctets = Sent.MulticastBytes;
    Info->ifHCOutBroadcastOctets = Sent.BroadcastBytes;
}

/* Answers a query with Length bytes. */
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

static NDIS_STATUS Query(PRINGPORT_ADAPTER Adapter, PNDIS_OID_REQUEST Request)
{
    NDIS_STATISTICS_INFO Statistics;

    switch (Request->DATA.QUERY_INFORMATION.Oid) {
    case OID_GEN_HARDWARE_STATUS:
        return GiveUlong(Request, NdisHardwareStatusReady);
    case OID_GEN_TRANSMIT_BUFFER_SPACE:
        return GiveUlong(Request, SEND_DESCRIPTORS * Adapter->BufferSize);
    case OID_GEN_RECEIVE_BUFFER_SPACE:
        return GiveUlong(Request, RECEIVE_DESCRIPTORS * Adapter->BufferSize);
    case OID_GEN_TRANSMIT_BLOCK_SIZE:
    case OID_GEN_RECEIVE_BLOCK_SIZE:
        return GiveUlong(Request, Adapter->BufferSize);
    case OID_GEN_VENDOR_ID:
        return GiveUlong(Request, VENDOR_ID);
    case OID_GEN_VENDOR_DESCRIPTION:
        return GiveBytes(Request, VendorDescription, sizeof(VendorDescription));
    case OID_GEN_VENDOR_DRIVER_VERSION:
        return GiveUlong(Request, DRIVER_VERSION);
    case OID_GEN_CURRENT_PACKET_FILTER:
        return GiveUlong(Request, Adapter->PacketFilter);
    case OID_GEN_CURRENT_LOOKAHEAD:
        return GiveUlong(Request, Adapter->Lookahead);
    case OID_GEN_MAXIMUM_TOTAL_SIZE:
        return GiveUlong(Request, Adapter->Ring->MaximumFrameSize + VLAN_TAG_LENGTH);
    case OID_GEN_MAXIMUM_SEND_PACKETS:
        return GiveUlong(Request, SEND_DESCRIPTORS);
    case OID_802_3_MAXIMUM_LIST_SIZE:
        return GiveUlong(Request, MULTICAST_LIST_SIZE);
    case OID_802_3_MULTICAST_LIST:
        return GiveBytes(Request, Adapter->MulticastList, Adapter->MulticastLength);
    case OID_GEN_XMIT_OK:
        return GiveCounter(Request, Adapter->Sent.Frames);
    case OID_GEN_RCV_OK:
        return GiveCounter(Request, Adapter->Received.Frames);
    case OID_GEN_XMIT_ERROR:
        return GiveCounter(Request, Adapter->SendErrors);
    case OID_GEN_RCV_NO_BUFFER:
        return GiveCounter(Request, Adapter->ReceiveNoBuffer);
    case OID_GEN_RCV_ERROR:
        return GiveCounter(Request, 0);
    case OID_802_3_RCV_ERROR_ALIGNMENT:
    case OID_802_3_XMIT_ONE_COLLISION:
    case OID_802_3_XMIT_MORE_COLLISIONS:
        return GiveUlong(Request, 0);
    case OID_GEN_STATISTICS:
        FillStatistics(Adapter, &Statistics);
        return GiveBytes(Request, &Statistics, NDIS_SIZEOF_STATISTICS_INFO_REVISION_1);
    default:
        return NDIS_STATUS_NOT_SUPPORTED;
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

static NDIS_STATUS Set(PRINGPORT_ADAPTER Adapter, PNDIS_OID_REQUEST Request)
{
    ULONG Length = Request->DATA.SET_INFORMATION.InformationBufferLength;

    switch (Request->DATA.SET_INFORMATION.Oid) {
    case OID_GEN_CURRENT_PACKET_FILTER:
        return TakeUlong(Request, &Adapter->PacketFilter);
    case OID_GEN_CURRENT_LOOKAHEAD:
        return TakeUlong(Request, &Adapter->Lookahead);
    case OID_802_3_MULTICAST_LIST:
        if (Length % ETHERNET_ADDRESS_LENGTH != 0)
            return NDIS_STATUS_INVALID_LENGTH;
        if (Length > sizeof(Adapter->MulticastList)) {
            Request->DATA.SET_INFORMATION.BytesNeeded = sizeof(Adapter->MulticastList);
            return NDIS_STATUS_MULTICAST_FULL;
        }
        RtlCopyMemory(Adapter->MulticastList, Request->DATA.SET_INFORMATION.InformationBuffer, Length);
        Adapter->MulticastLength = Length;
        Request->DATA.SET_INFORMATION.BytesRead = Length;
        return NDIS_STATUS_SUCCESS;
    default:
        return NDIS_STATUS_NOT_SUPPORTED;
    }
}

/* MiniportOidRequest: answers at once. */
_Use_decl_annotations_
NDIS_STATUS RingportOidRequest(NDIS_HANDLE MiniportAdapterContext, PNDIS_OID_REQUEST OidRequest)
{
    switch (OidRequest->RequestType) {
    case NdisRequestQueryInformation:
    case NdisRequestQueryStatistics:
        return Query(MiniportAdapterContext, OidRequest);
    case NdisRequestSetInformation:
        return Set(MiniportAdapterContext, OidRequest);
    default:
        return NDIS_STATUS_NOT_SUPPORTED;
    }
}

VOID IndicateLinkState(PRINGPORT_ADAPTER Adapter)
{
    NDIS_STATUS_INDICATION Indication;
    NDIS_LINK_STATE State;
    BOOLEAN Up = Adapter->Ring->LinkUp != 0;

    RtlZeroMemory(&State, sizeof(State));
    State.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    State.Header.Revision = NDIS_LINK_STATE_REVISION_1;
    State.Header.Size = NDIS_SIZEOF_LINK_STATE_REVISION_1;
    State.MediaConnectState = Up ? MediaConnectStateConnected : MediaConnectStateDisconnected;
    State.MediaDuplexState = MediaDuplexStateFull;
    State.XmitLinkSpeed = State.RcvLinkSpeed = Up ? Adapter->Ring->LinkSpeed : 0;

    RtlZeroMemory(&Indication, sizeof(Indication));
    Indication.Header.Type = NDIS_OBJECT_TYPE_STATUS_INDICATION;
    Indication.Header.Revision = NDIS_STATUS_INDICATION_REVISION_1;
    Indication.Header.Size = NDIS_SIZEOF_STATUS_INDICATION_REVISION_1;
    Indication.SourceHandle = Adapter->Handle;
    Indication.StatusCode = NDIS_STATUS_LINK_STATE;
    Indication.StatusBuffer = &State;
    Indication.StatusBufferSize = sizeof(State);
    NdisMIndicateStatusEx(Adapter->Handle, &Indication);
}
