/*
 * MiniportInitialize of cardport51: attributes, configuration, registers, shared memory, packets, DMA, the interrupt, and
 * the device; undone by DestroyAdapter from wherever it got to. See nf-ndis-ndismsetattributesex.
 */
#include "cardport51.h"

/* Microseconds between two looks at a device that resets, and how often it is looked at. */
#define RESET_STALL 20
#define RESET_LOOKS 50
/* Microseconds between interrupts while they are moderated. */
#define MODERATION_TIME 100
/* Seconds between two checks whether the adapter hangs. */
#define CHECK_FOR_HANG_SECONDS 2
/* Bytes for the resources of the device: three ranges and an interrupt are there. */
#define RESOURCES_SIZE 512

BOOLEAN ResetCard(PCARDPORT51_ADAPTER Adapter)
{
    ULONG Look;

    WriteCard(Adapter, CARD_CONTROL, CARD_CONTROL_RESET);
    for (Look = 0; Look < RESET_LOOKS; Look++) {
        ULONG Control = ReadCard(Adapter, CARD_CONTROL);

        if (Control == CARD_GONE)
            return FALSE;
        if ((Control & CARD_CONTROL_RESET) == 0)
            return TRUE;
        NdisStallExecution(RESET_STALL);
    }
    return FALSE;
}

/* The caller holds the lock. */
VOID ProgramFilter(PCARDPORT51_ADAPTER Adapter)
{
    ULONG64 Hash = 0;
    ULONG Filter = 0;
    ULONG At;

    for (At = 0; At + ETHERNET_ADDRESS_LENGTH <= Adapter->MulticastLength; At += ETHERNET_ADDRESS_LENGTH) {
        const UCHAR *Address = Adapter->MulticastList + At;
        UCHAR Bit = (Address[0] ^ Address[1] ^ Address[2] ^ Address[3] ^ Address[4] ^ Address[5]) & 63;

        Hash |= (ULONG64)1 << Bit;
    }
    WriteCard(Adapter, CARD_MULTICAST_HASH, (ULONG)Hash);
    WriteCard(Adapter, CARD_MULTICAST_HASH + 4, (ULONG)(Hash >> 32));
    if ((Adapter->PacketFilter & NDIS_PACKET_TYPE_DIRECTED) != 0)
        Filter |= 0x1;
    if ((Adapter->PacketFilter & NDIS_PACKET_TYPE_MULTICAST) != 0)
        Filter |= 0x2;
    if ((Adapter->PacketFilter & NDIS_PACKET_TYPE_ALL_MULTICAST) != 0)
        Filter |= 0x4;
    if ((Adapter->PacketFilter & NDIS_PACKET_TYPE_BROADCAST) != 0)
        Filter |= 0x8;
    if ((Adapter->PacketFilter & NDIS_PACKET_TYPE_PROMISCUOUS) != 0)
        Filter |= 0x10;
    WriteCard(Adapter, CARD_RECEIVE_FILTER, Filter);
}

static VOID ProgramRing(PCARDPORT51_ADAPTER Adapter, ULONG Ring, const SHARED_MEMORY *Memory, ULONG Size)
{
    WriteCard(Adapter, Ring + CARD_RING_LOW, Memory->Physical.LowPart);
    WriteCard(Adapter, Ring + CARD_RING_HIGH, (ULONG)Memory->Physical.HighPart);
    WriteCard(Adapter, Ring + CARD_RING_SIZE, Size);
}

/* Gives the device everything that a reset took. The caller holds the lock. */
VOID ProgramCard(PCARDPORT51_ADAPTER Adapter)
{
    const UCHAR *Mac = Adapter->MacAddress;

    ProgramRing(Adapter, CARD_TRANSMIT_RING, &Adapter->TransmitRing, TRANSMIT_DESCRIPTORS);
    Adapter->TransmitHead = Adapter->TransmitTail = 0;
    ProgramRing(Adapter, CARD_RECEIVE_RING, &Adapter->ReceiveRing, RECEIVE_DESCRIPTORS);
    WriteCard(
        Adapter, CARD_MAC_LOW, Mac[0] | ((ULONG)Mac[1] << 8) | ((ULONG)Mac[2] << 16) | ((ULONG)Mac[3] << 24));
    WriteCard(Adapter, CARD_MAC_HIGH, Mac[4] | ((ULONG)Mac[5] << 8));
    WriteCard(Adapter, CARD_MODERATION, Adapter->Moderation);
    ProgramFilter(Adapter);
    PostAll(Adapter);
    WriteCard(Adapter, CARD_INTERRUPT_ENABLE, CARD_ALL_CAUSES);
    WriteCard(Adapter, CARD_CONTROL, CARD_CONTROL_TRANSMIT | CARD_CONTROL_RECEIVE);
}

/* Maps the first memory range among the resources, and finds the interrupt. */
static NDIS_STATUS TakeResources(PCARDPORT51_ADAPTER Adapter, NDIS_HANDLE WrapperConfigurationContext)
{
    ULONG64 Room[RESOURCES_SIZE / sizeof(ULONG64)];
    PNDIS_RESOURCE_LIST Resources = (PNDIS_RESOURCE_LIST)Room;
    UINT Size = sizeof(Room);
    NDIS_STATUS Status;
    BOOLEAN Interrupt = FALSE;
    ULONG Index;

    NdisMQueryAdapterResources(&Status, WrapperConfigurationContext, Resources, &Size);
    if (Status != NDIS_STATUS_SUCCESS)
        return Status;
    for (Index = 0; Index < Resources->Count; Index++) {
        PCM_PARTIAL_RESOURCE_DESCRIPTOR Descriptor = &Resources->PartialDescriptors[Index];
        PVOID Registers;

        if (Descriptor->Type == CmResourceTypeInterrupt) {
            Adapter->InterruptVector = Descriptor->u.Interrupt.Vector;
            Adapter->InterruptLevel = Descriptor->u.Interrupt.Level;
            Interrupt = TRUE;
        } else if (Descriptor->Type == CmResourceTypeMemory && Adapter->Registers == NULL) {
            Status = NdisMMapIoSpace(
                &Registers, Adapter->Handle, Descriptor->u.Memory.Start, Descriptor->u.Memory.Length);
            if (Status != NDIS_STATUS_SUCCESS)
                return Status;
            Adapter->Registers = Registers;
            Adapter->RegistersLength = Descriptor->u.Memory.Length;
        }
    }
    return Interrupt && Adapter->Registers != NULL ? NDIS_STATUS_SUCCESS : NDIS_STATUS_RESOURCE_CONFLICT;
}

static BOOLEAN Share(PCARDPORT51_ADAPTER Adapter, PSHARED_MEMORY Memory, ULONG Length)
{
    Memory->Length = Length;
    NdisMAllocateSharedMemory(Adapter->Handle, Length, TRUE, &Memory->Virtual, &Memory->Physical);
    if (Memory->Virtual == NULL)
        return FALSE;
    NdisZeroMemory(Memory->Virtual, Length);
    return TRUE;
}

static VOID Unshare(PCARDPORT51_ADAPTER Adapter, PSHARED_MEMORY Memory)
{
    if (Memory->Virtual != NULL)
        NdisMFreeSharedMemory(Adapter->Handle, Memory->Length, TRUE, Memory->Virtual, Memory->Physical);
}

/* A packet with one buffer for each receive buffer. */
static BOOLEAN CreatePackets(PCARDPORT51_ADAPTER Adapter)
{
    NDIS_STATUS Status;
    ULONG Index;

    NdisAllocatePacketPool(&Status, &Adapter->PacketPool, RECEIVE_PACKETS, 4 * sizeof(PVOID));
    if (Status != NDIS_STATUS_SUCCESS)
        return FALSE;
    NdisAllocateBufferPool(&Status, &Adapter->BufferPool, RECEIVE_PACKETS);
    if (Status != NDIS_STATUS_SUCCESS)
        return FALSE;
    for (Index = 0; Index < RECEIVE_PACKETS; Index++) {
        ULONG Offset = Index * BUFFER_SIZE;
        PNDIS_BUFFER Buffer;
        PNDIS_PACKET Packet;

        NdisAllocatePacket(&Status, &Packet, Adapter->PacketPool);
        if (Status != NDIS_STATUS_SUCCESS)
            return FALSE;
        Adapter->Packets[Adapter->PacketCount++] = Packet;
        NdisAllocateBuffer(
            &Status, &Buffer, Adapter->BufferPool, (PUCHAR)Adapter->ReceiveBuffers.Virtual + Offset, BUFFER_SIZE);
        if (Status != NDIS_STATUS_SUCCESS)
            return FALSE;
        NdisChainBufferAtFront(Packet, Buffer);
        PreparePacket(Packet, (ULONG64)Adapter->ReceiveBuffers.Physical.QuadPart + Offset);
        Adapter->Free[Adapter->FreeCount++] = Packet;
    }
    return TRUE;
}

static VOID FreePackets(PCARDPORT51_ADAPTER Adapter)
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

static VOID ReadMacAddress(PCARDPORT51_ADAPTER Adapter)
{
    ULONG Low = ReadCard(Adapter, CARD_MAC_LOW);
    ULONG High = ReadCard(Adapter, CARD_MAC_HIGH);
    ULONG Index;

    for (Index = 0; Index < 4; Index++)
        Adapter->MacAddress[Index] = (UCHAR)(Low >> (8 * Index));
    for (Index = 0; Index < 2; Index++)
        Adapter->MacAddress[4 + Index] = (UCHAR)(High >> (8 * Index));
}

/* NetworkAddress in place of the permanent address, and *InterruptModeration, which is 0 or 1. */
static VOID ReadConfiguration(PCARDPORT51_ADAPTER Adapter, NDIS_HANDLE WrapperConfigurationContext)
{
    WCHAR Name[] = L"*InterruptModeration";
    NDIS_STRING Keyword = {sizeof(Name) - sizeof(WCHAR), sizeof(Name), Name};
    PNDIS_CONFIGURATION_PARAMETER Parameter;
    NDIS_HANDLE Configuration;
    NDIS_STATUS Status;
    PVOID Address = NULL;
    UINT Length = 0;

    NdisOpenConfiguration(&Status, &Configuration, WrapperConfigurationContext);
    if (Status != NDIS_STATUS_SUCCESS)
        return;
    NdisReadConfiguration(&Status, &Parameter, Configuration, &Keyword, NdisParameterInteger);
    if (Status == NDIS_STATUS_SUCCESS && Parameter->ParameterData.IntegerData != 0)
        Adapter->Moderation = MODERATION_TIME;
    NdisReadNetworkAddress(&Status, &Address, &Length, Configuration);
    /* A group address is nobody's. */
    if (Status == NDIS_STATUS_SUCCESS && Length == ETHERNET_ADDRESS_LENGTH && (((PUCHAR)Address)[0] & 1) == 0)
        NdisMoveMemory(Adapter->MacAddress, Address, ETHERNET_ADDRESS_LENGTH);
    NdisCloseConfiguration(Configuration);
}

static NDIS_STATUS Acquire(PCARDPORT51_ADAPTER Adapter, NDIS_HANDLE WrapperConfigurationContext)
{
    ULONG Identity = 0;
    NDIS_STATUS Status;

    if (NdisReadPciSlotInformation(Adapter->Handle, 0, 0, &Identity, sizeof(Identity)) != sizeof(Identity) ||
        Identity != CARD_VENDOR_AND_DEVICE)
        return NDIS_STATUS_ADAPTER_NOT_FOUND;
    Status = TakeResources(Adapter, WrapperConfigurationContext);
    if (Status != NDIS_STATUS_SUCCESS)
        return Status;
    if (!ResetCard(Adapter))
        return NDIS_STATUS_HARD_ERRORS;
    ReadMacAddress(Adapter);
    ReadConfiguration(Adapter, WrapperConfigurationContext);
#ifndef CARDPORT51_COPIES
    Adapter->ScatterGather =
        NdisMInitializeScatterGatherDma(Adapter->Handle, TRUE, LONGEST_FRAME) == NDIS_STATUS_SUCCESS;
#endif
    if (!Share(Adapter, &Adapter->TransmitRing, TRANSMIT_DESCRIPTORS * sizeof(CARD_DESCRIPTOR)) ||
        !Share(Adapter, &Adapter->TransmitBuffers, TRANSMIT_DESCRIPTORS * BUFFER_SIZE) ||
        !Share(Adapter, &Adapter->ReceiveRing, RECEIVE_DESCRIPTORS * sizeof(CARD_DESCRIPTOR)) ||
        !Share(Adapter, &Adapter->ReceiveBuffers, RECEIVE_PACKETS * BUFFER_SIZE) || !CreatePackets(Adapter))
        return NDIS_STATUS_RESOURCES;
    Status = NdisMRegisterInterrupt(
        &Adapter->Interrupt,
        Adapter->Handle,
        Adapter->InterruptVector,
        Adapter->InterruptLevel,
        TRUE,
        TRUE,
        NdisInterruptLevelSensitive);
    Adapter->InterruptRegistered = Status == NDIS_STATUS_SUCCESS;
    return Status;
}

NDIS_STATUS NTAPI Cardport51Initialize(
    PNDIS_STATUS OpenErrorStatus, PUINT SelectedMediumIndex, PNDIS_MEDIUM MediumArray, UINT MediumArraySize,
    NDIS_HANDLE MiniportAdapterHandle, NDIS_HANDLE WrapperConfigurationContext)
{
    PCARDPORT51_ADAPTER Adapter;
    NDIS_STATUS Status;
    UINT Index;

    UNREFERENCED_PARAMETER(OpenErrorStatus);
    for (Index = 0; Index < MediumArraySize && MediumArray[Index] != NdisMedium802_3; Index++)
        ;
    if (Index == MediumArraySize)
        return NDIS_STATUS_UNSUPPORTED_MEDIA;
    *SelectedMediumIndex = Index;

    Status = NdisAllocateMemoryWithTag((PVOID *)&Adapter, sizeof(*Adapter), CARDPORT51_TAG);
    if (Status != NDIS_STATUS_SUCCESS)
        return NDIS_STATUS_RESOURCES;
    NdisZeroMemory(Adapter, sizeof(*Adapter));
    Adapter->Handle = MiniportAdapterHandle;
    Adapter->Lookahead = MTU;
    NdisAllocateSpinLock(&Adapter->Lock);
    NdisMSetAttributesEx(
        MiniportAdapterHandle,
        Adapter,
        CHECK_FOR_HANG_SECONDS,
        NDIS_ATTRIBUTE_DESERIALIZE | NDIS_ATTRIBUTE_BUS_MASTER | NDIS_ATTRIBUTE_SURPRISE_REMOVE_OK,
        NdisInterfacePci);
    Status = Acquire(Adapter, WrapperConfigurationContext);
    if (Status != NDIS_STATUS_SUCCESS) {
        DestroyAdapter(Adapter);
        return Status;
    }
    NdisAcquireSpinLock(&Adapter->Lock);
    ProgramCard(Adapter);
    NdisReleaseSpinLock(&Adapter->Lock);
    return NDIS_STATUS_SUCCESS;
}

VOID DestroyAdapter(PCARDPORT51_ADAPTER Adapter)
{
    /* First of all the device must be quiet: it writes to memory that goes. */
    if (Adapter->Registers != NULL && !Adapter->Gone)
        ResetCard(Adapter);
    if (Adapter->InterruptRegistered)
        NdisMDeregisterInterrupt(&Adapter->Interrupt);
    AbortSends(Adapter);
    FreePackets(Adapter);
    Unshare(Adapter, &Adapter->ReceiveBuffers);
    Unshare(Adapter, &Adapter->ReceiveRing);
    Unshare(Adapter, &Adapter->TransmitBuffers);
    Unshare(Adapter, &Adapter->TransmitRing);
    if (Adapter->Registers != NULL)
        NdisMUnmapIoSpace(Adapter->Handle, Adapter->Registers, Adapter->RegistersLength);
    NdisFreeSpinLock(&Adapter->Lock);
    NdisFreeMemory(Adapter, 0, 0);
}
