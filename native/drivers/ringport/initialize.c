/*
 * MiniportInitializeEx of ringport: memory, buffers, the ring, then the attributes; undone by DestroyAdapter from
 * wherever it got to. See "Initializing a Miniport Adapter" (network).
 */
#include "ringport.h"

/* Buffers begin at multiples of this. */
#define BUFFER_ALIGNMENT 64
/* IF_TYPE_ETHERNET_CSMACD of the interface MIB. */
#define ETHERNET_INTERFACE 6

extern KDEFERRED_ROUTINE RingportDpc;

static const UCHAR DefaultMacAddress[ETHERNET_ADDRESS_LENGTH] = {0x02, 0x00, 0x00, 0x00, 0x00, 0x02};

/* The station address: the parameter NetworkAddress, else what the ring suggests, else one that is made up. */
static VOID ChooseMacAddress(PRINGPORT_ADAPTER Adapter)
{
    NDIS_CONFIGURATION_OBJECT Object;
    NDIS_HANDLE Configuration;
    NDIS_STATUS Status;
    PVOID Address = NULL;
    UINT Length = 0;

    if (Adapter->Ring->MacAddressLength == ETHERNET_ADDRESS_LENGTH)
        RtlCopyMemory(Adapter->MacAddress, Adapter->Ring->MacAddress, ETHERNET_ADDRESS_LENGTH);
    else
        RtlCopyMemory(Adapter->MacAddress, DefaultMacAddress, ETHERNET_ADDRESS_LENGTH);

    RtlZeroMemory(&Object, sizeof(Object));
    Object.Header.Type = NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT;
    Object.Header.Revision = NDIS_CONFIGURATION_OBJECT_REVISION_1;
    Object.Header.Size = NDIS_SIZEOF_CONFIGURATION_OBJECT_REVISION_1;
    Object.NdisHandle = Adapter->Handle;
    if (NdisOpenConfigurationEx(&Object, &Configuration) != NDIS_STATUS_SUCCESS)
        return;
    NdisReadNetworkAddress(&Status, &Address, &Length, Configuration);
    if (Status == NDIS_STATUS_SUCCESS) {
        const UCHAR *Bytes = Address;

        /* A group address is nobody's. */
        if (Length == ETHERNET_ADDRESS_LENGTH && (Bytes[0] & 1) == 0)
            RtlCopyMemory(Adapter->MacAddress, Bytes, ETHERNET_ADDRESS_LENGTH);
        else
            DbgPrint("ringport: the parameter NetworkAddress is no address of one station and is not used\n");
    }
    NdisCloseConfiguration(Configuration);
}

/* One list, net buffer and MDL for each receive buffer, made once. */
static BOOLEAN CreateReceiveLists(PRINGPORT_ADAPTER Adapter)
{
    NET_BUFFER_LIST_POOL_PARAMETERS Parameters;
    ULONG Index;

    RtlZeroMemory(&Parameters, sizeof(Parameters));
    Parameters.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    Parameters.Header.Revision = NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1;
    Parameters.Header.Size = NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1;
    Parameters.fAllocateNetBuffer = TRUE;
    Parameters.PoolTag = RINGPORT_TAG;
    Adapter->ReceivePool = NdisAllocateNetBufferListPool(Adapter->Handle, &Parameters);
    if (Adapter->ReceivePool == NULL)
        return FALSE;
    for (Index = 0; Index < RECEIVE_DESCRIPTORS; Index++) {
        PUCHAR Buffer = Adapter->ReceiveBuffers + Index * Adapter->BufferSize;
        PMDL Mdl = NdisAllocateMdl(Adapter->Handle, Buffer, Adapter->BufferSize);
        PNET_BUFFER_LIST List;

        if (Mdl == NULL)
            return FALSE;
        List = NdisAllocateNetBufferAndNetBufferList(Adapter->ReceivePool, 0, 0, Mdl, 0, 0);
        if (List == NULL) {
            NdisFreeMdl(Mdl);
            return FALSE;
        }
        List->SourceHandle = Adapter->Handle;
        NET_BUFFER_LIST_MINIPORT_RESERVED(List)[0] = Buffer;
        Adapter->ReceiveLists[Adapter->ReceiveListCount++] = List;
    }
    return TRUE;
}

static VOID FreeReceiveLists(PRINGPORT_ADAPTER Adapter)
{
    while (Adapter->ReceiveListCount > 0) {
        PNET_BUFFER_LIST List = Adapter->ReceiveLists[--Adapter->ReceiveListCount];
        PMDL Mdl = NET_BUFFER_FIRST_MDL(NET_BUFFER_LIST_FIRST_NB(List));

        NdisFreeNetBufferList(List);
        NdisFreeMdl(Mdl);
    }
    if (Adapter->ReceivePool != NULL)
        NdisFreeNetBufferListPool(Adapter->ReceivePool);
}

/* The ring, and buffers for both of its queues. */
static NDIS_STATUS AcquireResources(PRINGPORT_ADAPTER Adapter)
{
    NTSTATUS Status =
        NdisboxOpenRing(Adapter->Handle, &Adapter->Dpc, SEND_DESCRIPTORS, RECEIVE_DESCRIPTORS, &Adapter->Ring);

    if (Status == STATUS_NOT_FOUND)
        return NDIS_STATUS_ADAPTER_NOT_FOUND;
    if (!NT_SUCCESS(Status))
        return Status == STATUS_INSUFFICIENT_RESOURCES ? NDIS_STATUS_RESOURCES : NDIS_STATUS_FAILURE;
    Adapter->BufferSize = (Adapter->Ring->ReceiveBufferSize + BUFFER_ALIGNMENT - 1) & ~(BUFFER_ALIGNMENT - 1);
    Adapter->Lookahead = Adapter->Ring->MaximumFrameSize;
    Adapter->BounceBuffers = NdisAllocateMemoryWithTagPriority(
        Adapter->Handle, SEND_DESCRIPTORS * Adapter->BufferSize, RINGPORT_TAG, NormalPoolPriority);
    Adapter->ReceiveBuffers = NdisAllocateMemoryWithTagPriority(
        Adapter->Handle, RECEIVE_DESCRIPTORS * Adapter->BufferSize, RINGPORT_TAG, NormalPoolPriority);
    if (Adapter->BounceBuffers == NULL || Adapter->ReceiveBuffers == NULL || !CreateReceiveLists(Adapter))
        return NDIS_STATUS_RESOURCES;
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS SetRegistrationAttributes(PRINGPORT_ADAPTER Adapter)
{
    NDIS_MINIPORT_ADAPTER_ATTRIBUTES Attributes;
    PNDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES Registration = &Attributes.RegistrationAttributes;

    RtlZeroMemory(&Attributes, sizeof(Attributes));
    Registration->Header.Type = NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES;
    Registration->Header.Revision = NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1;
    Registration->Header.Size = NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1;
    Registration->MiniportAdapterContext = Adapter;
    Registration->AttributeFlags = NDIS_MINIPORT_ATTRIBUTES_NDIS_WDM;
    return NdisMSetMiniportAttributes(Adapter->Handle, &Attributes);
}

static NDIS_STATUS SetGeneralAttributes(PRINGPORT_ADAPTER Adapter)
{
    NDIS_MINIPORT_ADAPTER_ATTRIBUTES Attributes;
    PNDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES General = &Attributes.GeneralAttributes;
    const NDISBOX_RING *Ring = Adapter->Ring;

    RtlZeroMemory(&Attributes, sizeof(Attributes));
    General->Header.Type = NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES;
    General->Header.Revision = NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2;
    General->Header.Size = NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2;
    General->MediaType = NdisMedium802_3;
    General->PhysicalMediumType = NdisPhysicalMedium802_3;
    General->MtuSize = Ring->MaximumFrameSize - ETHERNET_HEADER_LENGTH;
    General->LookaheadSize = General->MtuSize;
    General->MaxXmitLinkSpeed = General->MaxRcvLinkSpeed = Ring->LinkSpeed;
    General->XmitLinkSpeed = General->RcvLinkSpeed = Ring->LinkSpeed;
    General->MediaConnectState = Ring->LinkUp ? MediaConnectStateConnected : MediaConnectStateDisconnected;
    General->MediaDuplexState = MediaDuplexStateFull;
    General->MacOptions =
        NDIS_MAC_OPTION_COPY_LOOKAHEAD_DATA | NDIS_MAC_OPTION_TRANSFERS_NOT_PEND | NDIS_MAC_OPTION_NO_LOOPBACK;
    if (Ring->VlanSupported)
        General->MacOptions |= NDIS_MAC_OPTION_8021P_PRIORITY | NDIS_MAC_OPTION_8021Q_VLAN;
    General->SupportedPacketFilters = NDIS_PACKET_TYPE_DIRECTED | NDIS_PACKET_TYPE_MULTICAST |
                                      NDIS_PACKET_TYPE_ALL_MULTICAST | NDIS_PACKET_TYPE_BROADCAST |
                                      NDIS_PACKET_TYPE_PROMISCUOUS;
    General->MaxMulticastListSize = MULTICAST_LIST_SIZE;
    General->MacAddressLength = ETHERNET_ADDRESS_LENGTH;
    RtlCopyMemory(
        General->PermanentMacAddress,
        Ring->MacAddressLength == ETHERNET_ADDRESS_LENGTH ? Ring->MacAddress : Adapter->MacAddress,
        ETHERNET_ADDRESS_LENGTH);
    RtlCopyMemory(General->CurrentMacAddress, Adapter->MacAddress, ETHERNET_ADDRESS_LENGTH);
    General->AccessType = NET_IF_ACCESS_BROADCAST;
    General->DirectionType = NET_IF_DIRECTION_SENDRECEIVE;
    General->ConnectionType = NET_IF_CONNECTION_DEDICATED;
    General->IfType = ETHERNET_INTERFACE;
    General->IfConnectorPresent = FALSE;
    General->SupportedStatistics = RingportSupportedStatistics;
    General->SupportedOidList = RingportSupportedOids;
    General->SupportedOidListLength = RingportSupportedOidsSize;
    return NdisMSetMiniportAttributes(Adapter->Handle, &Attributes);
}

_Use_decl_annotations_
NDIS_STATUS RingportInitialize(
    NDIS_HANDLE NdisMiniportHandle,
    NDIS_HANDLE MiniportDriverContext,
    PNDIS_MINIPORT_INIT_PARAMETERS MiniportInitParameters)
{
    PRINGPORT_ADAPTER Adapter;
    NDIS_STATUS Status;

    UNREFERENCED_PARAMETER(MiniportDriverContext);
    UNREFERENCED_PARAMETER(MiniportInitParameters);
    Adapter = NdisAllocateMemoryWithTagPriority(NdisMiniportHandle, sizeof(*Adapter), RINGPORT_TAG, NormalPoolPriority);
    if (Adapter == NULL)
        return NDIS_STATUS_RESOURCES;
    RtlZeroMemory(Adapter, sizeof(*Adapter));
    Adapter->Handle = NdisMiniportHandle;
    NdisAllocateSpinLock(&Adapter->SendLock);
    NdisAllocateSpinLock(&Adapter->ReceiveLock);
    KeInitializeDpc(&Adapter->Dpc, RingportDpc, Adapter);

    Status = AcquireResources(Adapter);
    if (Status == NDIS_STATUS_SUCCESS) {
        ChooseMacAddress(Adapter);
        Status = SetRegistrationAttributes(Adapter);
    }
    if (Status == NDIS_STATUS_SUCCESS)
        Status = SetGeneralAttributes(Adapter);
    if (Status == NDIS_STATUS_SUCCESS)
        PostReceiveBuffers(Adapter);
    else
        DestroyAdapter(Adapter);
    return Status;
}

VOID DestroyAdapter(PRINGPORT_ADAPTER Adapter)
{
    Adapter->Running = FALSE;
    if (Adapter->Ring != NULL) {
        /* A DPC that runs on another processor uses the ring; one that starts from now on leaves it alone. */
        Adapter->Closing = TRUE;
        KeFlushQueuedDpcs();
        NdisboxCloseRing(Adapter->Ring);
        /* The device may have queued the DPC once more, and what the DPC looks at goes next. */
        KeFlushQueuedDpcs();
    }
    FreeReceiveLists(Adapter);
    if (Adapter->ReceiveBuffers != NULL)
        NdisFreeMemory(Adapter->ReceiveBuffers, 0, 0);
    if (Adapter->BounceBuffers != NULL)
        NdisFreeMemory(Adapter->BounceBuffers, 0, 0);
    NdisFreeSpinLock(&Adapter->SendLock);
    NdisFreeSpinLock(&Adapter->ReceiveLock);
    NdisFreeMemory(Adapter, 0, 0);
}
