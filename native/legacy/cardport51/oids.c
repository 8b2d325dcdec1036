/* The OIDs that cardport51 answers. See "Mandatory OIDs for Miniport Drivers" (network). */
#include "cardport51.h"

/* "no IEEE vendor": the low byte numbers the adapter model. */
#define VENDOR_ID 0x00ffffff
#define DRIVER_VERSION 0x0501
/* Link speeds are in units of 100 bits per second; the device says megabits. */
#define LINK_SPEED_UNITS 10000
#define SUPPORTED_FILTERS                                                                                              \
    (NDIS_PACKET_TYPE_DIRECTED | NDIS_PACKET_TYPE_MULTICAST | NDIS_PACKET_TYPE_ALL_MULTICAST |                         \
     NDIS_PACKET_TYPE_BROADCAST | NDIS_PACKET_TYPE_PROMISCUOUS)

static const CHAR VendorDescription[] = "ndisbox cardport51";

static const NDIS_OID SupportedOids[] = {
    OID_GEN_SUPPORTED_LIST,
    OID_GEN_HARDWARE_STATUS,
    OID_GEN_MEDIA_SUPPORTED,
    OID_GEN_MEDIA_IN_USE,
    OID_GEN_MAXIMUM_LOOKAHEAD,
    OID_GEN_MAXIMUM_FRAME_SIZE,
    OID_GEN_LINK_SPEED,
    OID_GEN_TRANSMIT_BUFFER_SPACE,
    OID_GEN_RECEIVE_BUFFER_SPACE,
    OID_GEN_TRANSMIT_BLOCK_SIZE,
    OID_GEN_RECEIVE_BLOCK_SIZE,
    OID_GEN_VENDOR_ID,
    OID_GEN_VENDOR_DESCRIPTION,
    OID_GEN_VENDOR_DRIVER_VERSION,
    OID_GEN_DRIVER_VERSION,
    OID_GEN_CURRENT_PACKET_FILTER,
    OID_GEN_CURRENT_LOOKAHEAD,
    OID_GEN_MAXIMUM_TOTAL_SIZE,
    OID_GEN_MAC_OPTIONS,
    OID_GEN_MEDIA_CONNECT_STATUS,
    OID_GEN_MAXIMUM_SEND_PACKETS,
    OID_GEN_XMIT_OK,
    OID_GEN_RCV_OK,
    OID_GEN_XMIT_ERROR,
    OID_GEN_RCV_ERROR,
    OID_GEN_RCV_NO_BUFFER,
    OID_802_3_PERMANENT_ADDRESS,
    OID_802_3_CURRENT_ADDRESS,
    OID_802_3_MULTICAST_LIST,
    OID_802_3_MAXIMUM_LIST_SIZE,
};

/* A query with ULONG as answer. FALSE for an OID that has none. */
static BOOLEAN UlongOf(PCARDPORT51_ADAPTER Adapter, NDIS_OID Oid, PULONG Value)
{
    switch (Oid) {
    case OID_GEN_HARDWARE_STATUS:
        *Value = NdisHardwareStatusReady;
        return TRUE;
    case OID_GEN_MEDIA_SUPPORTED:
    case OID_GEN_MEDIA_IN_USE:
        *Value = NdisMedium802_3;
        return TRUE;
    case OID_GEN_MAXIMUM_LOOKAHEAD:
    case OID_GEN_MAXIMUM_FRAME_SIZE:
        *Value = MTU;
        return TRUE;
    case OID_GEN_CURRENT_LOOKAHEAD:
        *Value = Adapter->Lookahead;
        return TRUE;
    case OID_GEN_LINK_SPEED:
        *Value = ReadCard(Adapter, CARD_LINK_SPEED) * LINK_SPEED_UNITS;
        return TRUE;
    case OID_GEN_TRANSMIT_BUFFER_SPACE:
        *Value = TRANSMIT_DESCRIPTORS * BUFFER_SIZE;
        return TRUE;
    case OID_GEN_RECEIVE_BUFFER_SPACE:
        *Value = RECEIVE_PACKETS * BUFFER_SIZE;
        return TRUE;
    case OID_GEN_TRANSMIT_BLOCK_SIZE:
    case OID_GEN_RECEIVE_BLOCK_SIZE:
        *Value = BUFFER_SIZE;
        return TRUE;
    case OID_GEN_VENDOR_ID:
        *Value = VENDOR_ID;
        return TRUE;
    case OID_GEN_VENDOR_DRIVER_VERSION:
        *Value = DRIVER_VERSION;
        return TRUE;
    case OID_GEN_CURRENT_PACKET_FILTER:
        *Value = Adapter->PacketFilter;
        return TRUE;
    case OID_GEN_MAXIMUM_TOTAL_SIZE:
        *Value = MTU + ETHERNET_HEADER_LENGTH;
        return TRUE;
    case OID_GEN_MAC_OPTIONS:
        *Value = NDIS_MAC_OPTION_COPY_LOOKAHEAD_DATA | NDIS_MAC_OPTION_TRANSFERS_NOT_PEND |
                 NDIS_MAC_OPTION_NO_LOOPBACK;
        return TRUE;
    case OID_GEN_MEDIA_CONNECT_STATUS:
        *Value = (ReadCard(Adapter, CARD_STATUS) & CARD_STATUS_LINK_UP) != 0 ? NdisMediaStateConnected : NdisMediaStateDisconnected;
        return TRUE;
    case OID_GEN_MAXIMUM_SEND_PACKETS:
        *Value = TRANSMIT_DESCRIPTORS;
        return TRUE;
    case OID_GEN_XMIT_OK:
        *Value = Adapter->FramesSent;
        return TRUE;
    case OID_GEN_RCV_OK:
        *Value = Adapter->FramesReceived;
        return TRUE;
    case OID_GEN_XMIT_ERROR:
        *Value = Adapter->SendErrors;
        return TRUE;
    case OID_GEN_RCV_NO_BUFFER:
        *Value = Adapter->ReceiveNoBuffer;
        return TRUE;
    case OID_GEN_RCV_ERROR:
        *Value = Adapter->ReceiveErrors;
        return TRUE;
    case OID_802_3_MAXIMUM_LIST_SIZE:
        *Value = MULTICAST_LIST_SIZE;
        return TRUE;
    default:
        return FALSE;
    }
}

NDIS_STATUS NTAPI Cardport51QueryInformation(
    NDIS_HANDLE MiniportAdapterContext, NDIS_OID Oid, PVOID InformationBuffer, ULONG InformationBufferLength,
    PULONG BytesWritten, PULONG BytesNeeded)
{
    PCARDPORT51_ADAPTER Adapter = MiniportAdapterContext;
    const VOID *Answer;
    USHORT Version = DRIVER_VERSION;
    ULONG Value;
    ULONG Length;

    *BytesWritten = 0;
    switch (Oid) {
    case OID_GEN_SUPPORTED_LIST:
        Answer = SupportedOids;
        Length = sizeof(SupportedOids);
        break;
    case OID_GEN_VENDOR_DESCRIPTION:
        Answer = VendorDescription;
        Length = sizeof(VendorDescription);
        break;
    case OID_GEN_DRIVER_VERSION:
        Answer = &Version;
        Length = sizeof(Version);
        break;
    case OID_802_3_PERMANENT_ADDRESS:
    case OID_802_3_CURRENT_ADDRESS:
        Answer = Adapter->MacAddress;
        Length = ETHERNET_ADDRESS_LENGTH;
        break;
    case OID_802_3_MULTICAST_LIST:
        Answer = Adapter->MulticastList;
        Length = Adapter->MulticastLength;
        break;
    default:
        if (!UlongOf(Adapter, Oid, &Value))
            return NDIS_STATUS_NOT_SUPPORTED;
        Answer = &Value;
        Length = sizeof(Value);
    }
    *BytesNeeded = Length;
    if (InformationBufferLength < Length)
        return NDIS_STATUS_INVALID_LENGTH;
    NdisMoveMemory(InformationBuffer, Answer, Length);
    *BytesWritten = Length;
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS SetFilter(PCARDPORT51_ADAPTER Adapter, ULONG Filter)
{
    if ((Filter & ~SUPPORTED_FILTERS) != 0)
        return NDIS_STATUS_NOT_SUPPORTED;
    NdisAcquireSpinLock(&Adapter->Lock);
    Adapter->PacketFilter = Filter;
    ProgramFilter(Adapter);
    NdisReleaseSpinLock(&Adapter->Lock);
    return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS NTAPI Cardport51SetInformation(
    NDIS_HANDLE MiniportAdapterContext, NDIS_OID Oid, PVOID InformationBuffer, ULONG InformationBufferLength,
    PULONG BytesRead, PULONG BytesNeeded)
{
    PCARDPORT51_ADAPTER Adapter = MiniportAdapterContext;
    ULONG Value;

    *BytesRead = 0;
    *BytesNeeded = sizeof(ULONG);
    switch (Oid) {
    case OID_GEN_CURRENT_PACKET_FILTER:
    case OID_GEN_CURRENT_LOOKAHEAD:
        if (InformationBufferLength < sizeof(ULONG))
            return NDIS_STATUS_INVALID_LENGTH;
        NdisMoveMemory(&Value, InformationBuffer, sizeof(Value));
        *BytesRead = sizeof(ULONG);
        if (Oid == OID_GEN_CURRENT_LOOKAHEAD)
            Adapter->Lookahead = Value;
        else
            return SetFilter(Adapter, Value);
        return NDIS_STATUS_SUCCESS;
    case OID_802_3_MULTICAST_LIST:
        if (InformationBufferLength % ETHERNET_ADDRESS_LENGTH != 0)
            return NDIS_STATUS_INVALID_LENGTH;
        if (InformationBufferLength > sizeof(Adapter->MulticastList))
            return NDIS_STATUS_MULTICAST_FULL;
        NdisAcquireSpinLock(&Adapter->Lock);
        NdisMoveMemory(Adapter->MulticastList, InformationBuffer, InformationBufferLength);
        Adapter->MulticastLength = InformationBufferLength;
        ProgramFilter(Adapter);
        NdisReleaseSpinLock(&Adapter->Lock);
        *BytesRead = InformationBufferLength;
        return NDIS_STATUS_SUCCESS;
    case OID_GEN_NETWORK_LAYER_ADDRESSES:
        *BytesRead = InformationBufferLength;
        return NDIS_STATUS_SUCCESS;
    default:
        return NDIS_STATUS_INVALID_OID;
    }
}
