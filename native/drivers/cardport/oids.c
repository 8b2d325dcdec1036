/*
 * The OID requests that cardport answers: those mandatory for an 802.3 miniport that NDIS does not answer itself, and
 * interrupt moderation; and the status indication of its link. See "Mandatory OIDs for Miniport Drivers" (network).
 */
#include "cardport.h"

#define VENDOR_ID 0x00ffffff
#define DRIVER_VERSION 0x00010000
/* Microseconds between interrupts while moderation is enabled. */
#define MODERATION_TIME 100
static const CHAR VendorDescription[] = "ndisbox cardport";

NDIS_OID CardportSupportedOids[] = {
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
    OID_GEN_INTERRUPT_MODERATION,
};
const ULONG CardportSupportedOidsSize = sizeof(CardportSupportedOids);

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

static NDIS_STATUS GiveModeration(PCARDPORT_ADAPTER Adapter, PNDIS_OID_REQUEST Request)
{
    NDIS_INTERRUPT_MODERATION_PARAMETERS Parameters;

    RtlZeroMemory(&Parameters, sizeof(Parameters));
    Parameters.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    Parameters.Header.Revision = NDIS_INTERRUPT_MODERATION_PARAMETERS_REVISION_1;
    Parameters.Header.Size = NDIS_SIZEOF_INTERRUPT_MODERATION_PARAMETERS_REVISION_1;
    Parameters.InterruptModeration =
        Adapter->Moderation > 0 ? NdisInterruptModerationEnabled : NdisInterruptModerationDisabled;
    return GiveBytes(Request, &Parameters, sizeof(Parameters));
}

static NDIS_STATUS Query(PCARDPORT_ADAPTER Adapter, PNDIS_OID_REQUEST Request)
{
    switch (Request->DATA.QUERY_INFORMATION.Oid) {
    case OID_GEN_HARDWARE_STATUS:
        return GiveUlong(Request, NdisHardwareStatusReady);
    case OID_GEN_TRANSMIT_BUFFER_SPACE:
        return GiveUlong(Request, TRANSMIT_DESCRIPTORS * BUFFER_SIZE);
    case OID_GEN_RECEIVE_BUFFER_SPACE:
        return GiveUlong(Request, RECEIVE_QUEUES * RECEIVE_LISTS * BUFFER_SIZE);
    case OID_GEN_TRANSMIT_BLOCK_SIZE:
    case OID_GEN_RECEIVE_BLOCK_SIZE:
        return GiveUlong(Request, BUFFER_SIZE);
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
        return GiveUlong(Request, LONGEST_FRAME);
    case OID_GEN_MAXIMUM_SEND_PACKETS:
        return GiveUlong(Request, TRANSMIT_DESCRIPTORS);
    case OID_802_3_MAXIMUM_LIST_SIZE:
        return GiveUlong(Request, MULTICAST_LIST_SIZE);
    case OID_802_3_MULTICAST_LIST:
        return GiveBytes(Request, Adapter->MulticastList, Adapter->MulticastLength);
    case OID_GEN_XMIT_OK:
        return GiveUlong(Request, Adapter->SentFrames);
    case OID_GEN_RCV_OK:
        return GiveUlong(Request, Adapter->ReceivedFrames);
    case OID_GEN_XMIT_ERROR:
        return GiveUlong(Request, Adapter->SendErrors);
    case OID_GEN_RCV_ERROR:
        return GiveUlong(Request, Adapter->ReceiveErrors);
    case OID_GEN_RCV_NO_BUFFER:
        return GiveUlong(Request, Adapter->ReceiveNoBuffer);
    case OID_GEN_INTERRUPT_MODERATION:
        return GiveModeration(Adapter, Request);
    default:
        return NDIS_STATUS_NOT_SUPPORTED;
    }
}

/* Takes Length bytes of a set request. */
static NDIS_STATUS TakeBytes(PNDIS_OID_REQUEST Request, VOID *Bytes, ULONG Length)
{
    if (Request->DATA.SET_INFORMATION.InformationBufferLength < Length) {
        Request->DATA.SET_INFORMATION.BytesNeeded = Length;
        return NDIS_STATUS_INVALID_LENGTH;
    }
    RtlCopyMemory(Bytes, Request->DATA.SET_INFORMATION.InformationBuffer, Length);
    Request->DATA.SET_INFORMATION.BytesRead = Length;
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS SetMulticastList(PCARDPORT_ADAPTER Adapter, PNDIS_OID_REQUEST Request)
{
    ULONG Length = Request->DATA.SET_INFORMATION.InformationBufferLength;

    if (Length % ETHERNET_ADDRESS_LENGTH != 0)
        return NDIS_STATUS_INVALID_LENGTH;
    if (Length > sizeof(Adapter->MulticastList))
        return NDIS_STATUS_MULTICAST_FULL;
    Adapter->MulticastLength = Length;
    TakeBytes(Request, Adapter->MulticastList, Length);
    ProgramFilter(Adapter);
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS Set(PCARDPORT_ADAPTER Adapter, PNDIS_OID_REQUEST Request)
{
    NDIS_INTERRUPT_MODERATION_PARAMETERS Parameters;
    NDIS_STATUS Status;

    switch (Request->DATA.SET_INFORMATION.Oid) {
    case OID_GEN_CURRENT_PACKET_FILTER:
        Status = TakeBytes(Request, &Adapter->PacketFilter, sizeof(Adapter->PacketFilter));
        if (Status == NDIS_STATUS_SUCCESS)
            ProgramFilter(Adapter);
        return Status;
    case OID_GEN_CURRENT_LOOKAHEAD:
        return TakeBytes(Request, &Adapter->Lookahead, sizeof(Adapter->Lookahead));
    case OID_802_3_MULTICAST_LIST:
        return SetMulticastList(Adapter, Request);
    case OID_GEN_INTERRUPT_MODERATION:
        Status = TakeBytes(Request, &Parameters, sizeof(Parameters));
        if (Status == NDIS_STATUS_SUCCESS) {
            Adapter->Moderation =
                Parameters.InterruptModeration == NdisInterruptModerationEnabled ? MODERATION_TIME : 0;
            WriteCard(Adapter, CARD_MODERATION, Adapter->Moderation);
        }
        return Status;
    default:
        return NDIS_STATUS_NOT_SUPPORTED;
    }
}

_Use_decl_annotations_
NDIS_STATUS CardportOidRequest(NDIS_HANDLE MiniportAdapterContext, PNDIS_OID_REQUEST OidRequest)
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

VOID IndicateLinkState(PCARDPORT_ADAPTER Adapter)
{
    NDIS_STATUS_INDICATION Indication;
    NDIS_LINK_STATE LinkState;
    BOOLEAN Up = (ReadCard(Adapter, CARD_STATUS) & CARD_STATUS_LINK_UP) != 0;
    ULONG64 Speed = Up ? (ULONG64)ReadCard(Adapter, CARD_LINK_SPEED) * 1000000 : 0;

    RtlZeroMemory(&LinkState, sizeof(LinkState));
    LinkState.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    LinkState.Header.Revision = NDIS_LINK_STATE_REVISION_1;
    LinkState.Header.Size = NDIS_SIZEOF_LINK_STATE_REVISION_1;
    LinkState.MediaConnectState = Up ? MediaConnectStateConnected : MediaConnectStateDisconnected;
    LinkState.MediaDuplexState = MediaDuplexStateFull;
    LinkState.XmitLinkSpeed = LinkState.RcvLinkSpeed = Speed;
    RtlZeroMemory(&Indication, sizeof(Indication));
    Indication.Header.Type = NDIS_OBJECT_TYPE_STATUS_INDICATION;
    Indication.Header.Revision = NDIS_STATUS_INDICATION_REVISION_1;
    Indication.Header.Size = NDIS_SIZEOF_STATUS_INDICATION_REVISION_1;
    Indication.SourceHandle = Adapter->Handle;
    Indication.StatusCode = NDIS_STATUS_LINK_STATE;
    Indication.StatusBuffer = &LinkState;
    Indication.StatusBufferSize = sizeof(LinkState);
    NdisMIndicateStatusEx(Adapter->Handle, &Indication);
}
