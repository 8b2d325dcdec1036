/*
 * DriverEntry, MiniportInitialize and MiniportHalt of ringport51, and the DPC that stands for its interrupt.
 * See nf-ndis-ndismregisterunloadhandler and nf-ndis-ndismsetattributesex.
 */
#include "ringport51.h"

/* Buffers begin at multiples of this. */
#define BUFFER_ALIGNMENT 64
/* Rounds of receiving in one DPC; what is left comes with the next. */
#define ROUNDS_PER_DPC 4
/* Seconds between two checks whether the adapter hangs. */
#define CHECK_FOR_HANG_SECONDS 4

static const UCHAR DefaultMacAddress[ETHERNET_ADDRESS_LENGTH] = {0x02, 0x00, 0x00, 0x00, 0x00, 0x02};

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath);

/* The DPC that the device queues, as it would be queued by the interrupt of real hardware. */
static VOID NTAPI Ringport51Dpc(PKDPC Dpc, PVOID DeferredContext, PVOID SystemArgument1, PVOID SystemArgument2)
{
    PRINGPORT51_ADAPTER Adapter = DeferredContext;
    ULONG Events;
    ULONG Round;

    UNREFERENCED_PARAMETER(SystemArgument1);
    UNREFERENCED_PARAMETER(SystemArgument2);
    if (Adapter->Closing)
        return;
    Events = NdisboxRingDoorbell(Adapter->Ring, 0);
    if ((Events & NDISBOX_RING_LINK_CHANGED) != 0) {
        NdisMIndicateStatus(
            Adapter->Handle,
            Adapter->Ring->LinkUp ? NDIS_STATUS_MEDIA_CONNECT : NDIS_STATUS_MEDIA_DISCONNECT,
            NULL,
            0);
        NdisMIndicateStatusComplete(Adapter->Handle);
    }
    if ((Events & NDISBOX_RING_FAILED) != 0)
        AbortSends(Adapter, NDIS_STATUS_FAILURE);
    TransmitWaiting(Adapter);
    for (Round = 0; Round < ROUNDS_PER_DPC; Round++) {
        if (!ReceiveFrames(Adapter))
            return;
    }
    /* More frames may wait: come back after what else is due. */
    KeInsertQueueDpc(Dpc, NULL, NULL);
}

/* A packet with one buffer for each receive descriptor, made once. */
static BOOLEAN CreatePackets(PRINGPORT51_ADAPTER Adapter)
{
    NDIS_STATUS Status;
    ULONG Index;

    NdisAllocatePacketPool(&Status, &Adapter->PacketPool, RECEIVE_DESCRIPTORS, 4 * sizeof(PVOID));
    if (Status != NDIS_STATUS_SUCCESS)
        return FALSE;
    NdisAllocateBufferPool(&Status, &Adapter->BufferPool, RECEIVE_DESCRIPTORS);
    if (Status != NDIS_STATUS_SUCCESS)
        return FALSE;
    for (Index = 0; Index < RECEIVE_DESCRIPTORS; Index++) {
        PNDIS_BUFFER Buffer;
        PNDIS_PACKET Packet;

        NdisAllocatePacket(&Status, &Packet, Adapter->PacketPool);
        if (Status != NDIS_STATUS_SUCCESS)
            return FALSE;
        Adapter->Packets[Adapter->PacketCount++] = Packet;
        NdisAllocateBuffer(
            &Status,
            &Buffer,
            Adapter->BufferPool,
            Adapter->ReceiveBuffers + Index * Adapter->BufferSize,
            Adapter->BufferSize);
        if (Status != NDIS_STATUS_SUCCESS)
            return FALSE;
        NDIS_SET_PACKET_HEADER_SIZE(Packet, ETHERNET_HEADER_LENGTH);
        NdisChainBufferAtFront(Packet, Buffer);
    }
    return TRUE;
}

static VOID FreePackets(PRINGPORT51_ADAPTER Adapter)
{
    while (Adapter->PacketCount > 0) {
        PNDIS_PACKET Packet = Adapter->Packets[--Adapter->PacketCount];
        PNDIS_BUFFER Buffer;

        NdisUnchainBufferAtFront(Packet, &Buffer);
        if (Buffer != NULL)
            NdisFreeBuffer(Buffer);
        NdisFreePacket(Packet);
    }
    if (Adapter->BufferPool != NULL)
        NdisFreeBufferPool(Adapter->BufferPool);
    if (Adapter->PacketPool != NULL)
        NdisFreePacketPool(Adapter->PacketPool);
}

/* Undoes MiniportInitialize from wherever it got to. */
static VOID DestroyAdapter(PRINGPORT51_ADAPTER Adapter)
{
    if (Adapter->Ring != NULL) {
        Adapter->Closing = TRUE;
        KeFlushQueuedDpcs();
        NdisboxCloseRing(Adapter->Ring);
        KeFlushQueuedDpcs();
    }
    FreePackets(Adapter);
    if (Adapter->ReceiveBuffers != NULL)
        NdisFreeMemory(Adapter->ReceiveBuffers, 0, 0);
    if (Adapter->SendBuffers != NULL)
        NdisFreeMemory(Adapter->SendBuffers, 0, 0);
    NdisFreeSpinLock(&Adapter->SendLock);
    NdisFreeSpinLock(&Adapter->ReceiveLock);
    NdisFreeMemory(Adapter, 0, 0);
}

static NDIS_STATUS AcquireResources(PRINGPORT51_ADAPTER Adapter)
{
    NTSTATUS Status =
        NdisboxOpenRing(Adapter->Handle, &Adapter->Dpc, SEND_DESCRIPTORS, RECEIVE_DESCRIPTORS, &Adapter->Ring);

    if (!NT_SUCCESS(Status))
        return Status == STATUS_INSUFFICIENT_RESOURCES ? NDIS_STATUS_RESOURCES : NDIS_STATUS_ADAPTER_NOT_FOUND;
    Adapter->BufferSize = (Adapter->Ring->ReceiveBufferSize + BUFFER_ALIGNMENT - 1) & ~(BUFFER_ALIGNMENT - 1);
    if (NdisAllocateMemoryWithTag(
            (PVOID *)&Adapter->SendBuffers, SEND_DESCRIPTORS * Adapter->BufferSize, RINGPORT51_TAG) !=
            NDIS_STATUS_SUCCESS ||
        NdisAllocateMemoryWithTag(
            (PVOID *)&Adapter->ReceiveBuffers, RECEIVE_DESCRIPTORS * Adapter->BufferSize, RINGPORT51_TAG) !=
            NDIS_STATUS_SUCCESS)
        return NDIS_STATUS_RESOURCES;
    return CreatePackets(Adapter) ? NDIS_STATUS_SUCCESS : NDIS_STATUS_RESOURCES;
}

/* The station address: the parameter NetworkAddress, else what the ring suggests, else one that is made up. */
static VOID ChooseMacAddress(PRINGPORT51_ADAPTER Adapter, NDIS_HANDLE WrapperConfigurationContext)
{
    NDIS_HANDLE Configuration;
    NDIS_STATUS Status;
    PVOID Address = NULL;
    UINT Length = 0;

    NdisMoveMemory(
        Adapter->MacAddress,
        Adapter->Ring->MacAddressLength == ETHERNET_ADDRESS_LENGTH ? Adapter->Ring->MacAddress : DefaultMacAddress,
        ETHERNET_ADDRESS_LENGTH);
    NdisOpenConfiguration(&Status, &Configuration, WrapperConfigurationContext);
    if (Status != NDIS_STATUS_SUCCESS)
        return;
    NdisReadNetworkAddress(&Status, &Address, &Length, Configuration);
    /* A group address is nobody's. */
    if (Status == NDIS_STATUS_SUCCESS && Length == ETHERNET_ADDRESS_LENGTH && (((PUCHAR)Address)[0] & 1) == 0)
        NdisMoveMemory(Adapter->MacAddress, Address, ETHERNET_ADDRESS_LENGTH);
    NdisCloseConfiguration(Configuration);
}

static NDIS_STATUS NTAPI Ringport51Initialize(
    PNDIS_STATUS OpenErrorStatus, PUINT SelectedMediumIndex, PNDIS_MEDIUM MediumArray, UINT MediumArraySize,
    NDIS_HANDLE MiniportAdapterHandle, NDIS_HANDLE WrapperConfigurationContext)
{
    PRINGPORT51_ADAPTER Adapter;
    NDIS_STATUS Status;
    UINT Index;

    UNREFERENCED_PARAMETER(OpenErrorStatus);
    for (Index = 0; Index < MediumArraySize && MediumArray[Index] != NdisMedium802_3; Index++)
        ;
    if (Index == MediumArraySize)
        return NDIS_STATUS_UNSUPPORTED_MEDIA;
    *SelectedMediumIndex = Index;

    Status = NdisAllocateMemoryWithTag((PVOID *)&Adapter, sizeof(*Adapter), RINGPORT51_TAG);
    if (Status != NDIS_STATUS_SUCCESS)
        return NDIS_STATUS_RESOURCES;
    NdisZeroMemory(Adapter, sizeof(*Adapter));
    Adapter->Handle = MiniportAdapterHandle;
    NdisAllocateSpinLock(&Adapter->SendLock);
    NdisAllocateSpinLock(&Adapter->ReceiveLock);
    KeInitializeDpc(&Adapter->Dpc, Ringport51Dpc, Adapter);
    NdisMSetAttributesEx(
        MiniportAdapterHandle, Adapter, CHECK_FOR_HANG_SECONDS, NDIS_ATTRIBUTE_DESERIALIZE, NdisInterfaceInternal);

    Status = AcquireResources(Adapter);
    if (Status != NDIS_STATUS_SUCCESS) {
        DestroyAdapter(Adapter);
        return Status;
    }
    ChooseMacAddress(Adapter, WrapperConfigurationContext);
    Adapter->Lookahead = Adapter->Ring->MaximumFrameSize - ETHERNET_HEADER_LENGTH;
    PostPackets(Adapter);
    /* Frames may have come while nobody looked. */
    KeInsertQueueDpc(&Adapter->Dpc, NULL, NULL);
    return NDIS_STATUS_SUCCESS;
}

static VOID NTAPI Ringport51Halt(NDIS_HANDLE MiniportAdapterContext)
{
    DestroyAdapter(MiniportAdapterContext);
}

static BOOLEAN NTAPI Ringport51CheckForHang(NDIS_HANDLE MiniportAdapterContext)
{
    UNREFERENCED_PARAMETER(MiniportAdapterContext);
    return FALSE;
}

/* There is no hardware to reset: what was not sent is given back. */
static NDIS_STATUS NTAPI Ringport51Reset(PBOOLEAN AddressingReset, NDIS_HANDLE MiniportAdapterContext)
{
    *AddressingReset = FALSE;
    AbortSends(MiniportAdapterContext, NDIS_STATUS_REQUEST_ABORTED);
    return NDIS_STATUS_SUCCESS;
}

static VOID NTAPI
Ringport51PnPEventNotify(NDIS_HANDLE MiniportAdapterContext, NDIS_DEVICE_PNP_EVENT PnPEvent, PVOID Buffer, ULONG Length)
{
    UNREFERENCED_PARAMETER(MiniportAdapterContext);
    UNREFERENCED_PARAMETER(PnPEvent);
    UNREFERENCED_PARAMETER(Buffer);
    UNREFERENCED_PARAMETER(Length);
}

/* The system goes down: be silent. May run at any IRQL, so nothing is freed. */
static VOID NTAPI Ringport51Shutdown(PVOID ShutdownContext)
{
    ((PRINGPORT51_ADAPTER)ShutdownContext)->Closing = TRUE;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NDIS_MINIPORT_CHARACTERISTICS Characteristics;
    NDIS_HANDLE Wrapper;
    NDIS_STATUS Status;

    NdisMInitializeWrapper(&Wrapper, DriverObject, RegistryPath, NULL);
    if (Wrapper == NULL)
        return NDIS_STATUS_FAILURE;
    NdisZeroMemory(&Characteristics, sizeof(Characteristics));
    Characteristics.MajorNdisVersion = 5;
    Characteristics.MinorNdisVersion = 1;
    Characteristics.CheckForHangHandler = Ringport51CheckForHang;
    Characteristics.HaltHandler = Ringport51Halt;
    Characteristics.InitializeHandler = Ringport51Initialize;
    Characteristics.QueryInformationHandler = Ringport51QueryInformation;
    Characteristics.ResetHandler = Ringport51Reset;
    Characteristics.SetInformationHandler = Ringport51SetInformation;
    Characteristics.ReturnPacketHandler = Ringport51ReturnPacket;
    Characteristics.SendPacketsHandler = Ringport51SendPackets;
    Characteristics.CancelSendPacketsHandler = Ringport51CancelSendPackets;
    Characteristics.PnPEventNotifyHandler = Ringport51PnPEventNotify;
    Characteristics.AdapterShutdownHandler = Ringport51Shutdown;
    Status = NdisMRegisterMiniport(Wrapper, &Characteristics, sizeof(Characteristics));
    if (Status != NDIS_STATUS_SUCCESS)
        NdisTerminateWrapper(Wrapper, NULL);
    return Status;
}
