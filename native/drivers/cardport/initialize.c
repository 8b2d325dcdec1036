/*
 * MiniportInitializeEx of cardport: attributes, registers, DMA, shared memory, lists, the interrupt, and the device; undone
 * by DestroyAdapter from wherever it got to. See "Initializing a Miniport Adapter" (network).
 */
#include "cardport.h"

/* IF_TYPE_ETHERNET_CSMACD of the interface MIB. */
#define ETHERNET_INTERFACE 6
#define MTU 1500
/* Microseconds between two looks at a device that resets, and how often it is looked at. */
#define RESET_STALL 20
#define RESET_LOOKS 50
/* Headers in front of the data make a scatter/gather list longer than the frame. */
#define MAXIMUM_MAPPING (16 * 4096)

BOOLEAN ResetCard(PCARDPORT_ADAPTER Adapter)
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

VOID ProgramFilter(PCARDPORT_ADAPTER Adapter)
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

static VOID ProgramRing(PCARDPORT_ADAPTER Adapter, ULONG Ring, const SHARED_MEMORY *Memory, ULONG Size)
{
    WriteCard(Adapter, Ring + CARD_RING_LOW, Memory->Physical.LowPart);
    WriteCard(Adapter, Ring + CARD_RING_HIGH, (ULONG)Memory->Physical.HighPart);
    WriteCard(Adapter, Ring + CARD_RING_SIZE, Size);
}

/* Gives the device everything that a reset took. */
VOID ProgramCard(PCARDPORT_ADAPTER Adapter)
{
    const UCHAR *Mac = Adapter->MacAddress;
    ULONG Queue;

    ProgramRing(Adapter, CARD_TRANSMIT_RING, &Adapter->TransmitRing, TRANSMIT_DESCRIPTORS);
    Adapter->TransmitHead = Adapter->TransmitTail = 0;
    for (Queue = 0; Queue < RECEIVE_QUEUES; Queue++)
        ProgramRing(
            Adapter,
            CARD_RECEIVE_RING + Queue * CARD_RING_STRIDE,
            &Adapter->Queues[Queue].Ring,
            RECEIVE_DESCRIPTORS);
    WriteCard(
        Adapter,
        CARD_MAC_LOW,
        Mac[0] | ((ULONG)Mac[1] << 8) | ((ULONG)Mac[2] << 16) | ((ULONG)Mac[3] << 24));
    WriteCard(Adapter, CARD_MAC_HIGH, Mac[4] | ((ULONG)Mac[5] << 8));
    WriteCard(Adapter, CARD_MODERATION, Adapter->Moderation);
    ProgramFilter(Adapter);
    PostAll(Adapter);
    WriteCard(Adapter, CARD_INTERRUPT_ENABLE, CARD_ALL_CAUSES);
    WriteCard(
        Adapter,
        CARD_CONTROL,
        CARD_CONTROL_TRANSMIT | CARD_CONTROL_TWO_QUEUES | (Adapter->Running ? CARD_CONTROL_RECEIVE : 0));
}

/* Maps the first memory range among the resources. */
static NDIS_STATUS MapRegisters(PCARDPORT_ADAPTER Adapter, PNDIS_RESOURCE_LIST Resources)
{
    ULONG Index;

    if (Resources == NULL)
        return NDIS_STATUS_RESOURCES;
    for (Index = 0; Index < Resources->Count; Index++) {
        PCM_PARTIAL_RESOURCE_DESCRIPTOR Descriptor = &Resources->PartialDescriptors[Index];
        PVOID Registers;
        NDIS_STATUS Status;

        if (Descriptor->Type != CmResourceTypeMemory)
            continue;
        Status = NdisMMapIoSpace(&Registers, Adapter->Handle, Descriptor->u.Memory.Start, Descriptor->u.Memory.Length);
        if (Status == NDIS_STATUS_SUCCESS) {
            Adapter->Registers = Registers;
            Adapter->RegistersLength = Descriptor->u.Memory.Length;
        }
        return Status;
    }
    return NDIS_STATUS_RESOURCES;
}

static NDIS_STATUS RegisterDma(PCARDPORT_ADAPTER Adapter)
{
    NDIS_SG_DMA_DESCRIPTION Description;

    RtlZeroMemory(&Description, sizeof(Description));
    Description.Header.Type = NDIS_OBJECT_TYPE_SG_DMA_DESCRIPTION;
    Description.Header.Revision = NDIS_SG_DMA_DESCRIPTION_REVISION_1;
    Description.Header.Size = NDIS_SIZEOF_SG_DMA_DESCRIPTION_REVISION_1;
    Description.Flags = NDIS_SG_DMA_64_BIT_ADDRESS;
    Description.MaximumPhysicalMapping = MAXIMUM_MAPPING;
    Description.ProcessSGListHandler = CardportProcessSGList;
    return NdisMRegisterScatterGatherDma(Adapter->Handle, &Description, &Adapter->Dma);
}

static BOOLEAN Share(PCARDPORT_ADAPTER Adapter, PSHARED_MEMORY Memory, ULONG Length)
{
    Memory->Length = Length;
    NdisMAllocateSharedMemory(Adapter->Handle, Length, TRUE, &Memory->Virtual, &Memory->Physical);
    if (Memory->Virtual == NULL)
        return FALSE;
    RtlZeroMemory(Memory->Virtual, Length);
    return TRUE;
}

static VOID Unshare(PCARDPORT_ADAPTER Adapter, PSHARED_MEMORY Memory)
{
    if (Memory->Virtual != NULL)
        NdisMFreeSharedMemory(Adapter->Handle, Memory->Length, TRUE, Memory->Virtual, Memory->Physical);
}

/* A list, net buffer and MDL for each receive buffer of a queue. */
static BOOLEAN CreateLists(PCARDPORT_ADAPTER Adapter, PRECEIVE_QUEUE Queue)
{
    ULONG Index;

    for (Index = 0; Index < RECEIVE_LISTS; Index++) {
        PUCHAR Buffer = (PUCHAR)Queue->Buffers.Virtual + Index * BUFFER_SIZE;
        PMDL Mdl = NdisAllocateMdl(Adapter->Handle, Buffer, BUFFER_SIZE);
        PNET_BUFFER_LIST List;

        if (Mdl == NULL)
            return FALSE;
        List = NdisAllocateNetBufferAndNetBufferList(Adapter->ReceivePool, 0, 0, Mdl, 0, 0);
        if (List == NULL) {
            NdisFreeMdl(Mdl);
            return FALSE;
        }
        List->SourceHandle = Adapter->Handle;
        LIST_QUEUE(List) = Queue;
        LIST_PHYSICAL(List) = (ULONG64)Queue->Buffers.Physical.QuadPart + Index * BUFFER_SIZE;
        Adapter->Lists[Adapter->ListCount++] = List;
        Queue->Free[Queue->FreeCount++] = List;
    }
    return TRUE;
}

static BOOLEAN CreateRings(PCARDPORT_ADAPTER Adapter)
{
    NET_BUFFER_LIST_POOL_PARAMETERS Parameters;
    ULONG Number;

    RtlZeroMemory(&Parameters, sizeof(Parameters));
    Parameters.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    Parameters.Header.Revision = NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1;
    Parameters.Header.Size = NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1;
    Parameters.fAllocateNetBuffer = TRUE;
    Parameters.PoolTag = CARDPORT_TAG;
    Adapter->ReceivePool = NdisAllocateNetBufferListPool(Adapter->Handle, &Parameters);
    if (Adapter->ReceivePool == NULL)
        return FALSE;
    if (!Share(Adapter, &Adapter->TransmitRing, TRANSMIT_DESCRIPTORS * sizeof(CARD_DESCRIPTOR)))
        return FALSE;
    for (Number = 0; Number < RECEIVE_QUEUES; Number++) {
        PRECEIVE_QUEUE Queue = &Adapter->Queues[Number];

        Queue->TailRegister = CARD_RECEIVE_RING + Number * CARD_RING_STRIDE + CARD_RING_TAIL;
        if (!Share(Adapter, &Queue->Ring, RECEIVE_DESCRIPTORS * sizeof(CARD_DESCRIPTOR)) ||
            !Share(Adapter, &Queue->Buffers, RECEIVE_LISTS * BUFFER_SIZE) || !CreateLists(Adapter, Queue))
            return FALSE;
    }
    return TRUE;
}

static NDIS_STATUS SetRegistrationAttributes(PCARDPORT_ADAPTER Adapter)
{
    NDIS_MINIPORT_ADAPTER_ATTRIBUTES Attributes;
    PNDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES Registration = &Attributes.RegistrationAttributes;

    RtlZeroMemory(&Attributes, sizeof(Attributes));
    Registration->Header.Type = NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES;
    Registration->Header.Revision = NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1;
    Registration->Header.Size = NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1;
    Registration->MiniportAdapterContext = Adapter;
    Registration->AttributeFlags = NDIS_MINIPORT_ATTRIBUTES_HARDWARE_DEVICE | NDIS_MINIPORT_ATTRIBUTES_BUS_MASTER;
    Registration->CheckForHangTimeInSeconds = 2;
    Registration->InterfaceType = NdisInterfacePci;
    return NdisMSetMiniportAttributes(Adapter->Handle, &Attributes);
}

static NDIS_STATUS SetGeneralAttributes(PCARDPORT_ADAPTER Adapter)
{
    NDIS_MINIPORT_ADAPTER_ATTRIBUTES Attributes;
    PNDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES General = &Attributes.GeneralAttributes;
    ULONG64 Speed = (ULONG64)ReadCard(Adapter, CARD_LINK_SPEED) * 1000000;
    BOOLEAN Up = (ReadCard(Adapter, CARD_STATUS) & CARD_STATUS_LINK_UP) != 0;

    RtlZeroMemory(&Attributes, sizeof(Attributes));
    General->Header.Type = NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES;
    General->Header.Revision = NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2;
    General->Header.Size = NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2;
    General->MediaType = NdisMedium802_3;
    General->PhysicalMediumType = NdisPhysicalMedium802_3;
    General->MtuSize = MTU;
    General->LookaheadSize = LONGEST_FRAME;
    General->MaxXmitLinkSpeed = General->MaxRcvLinkSpeed = Speed;
    General->XmitLinkSpeed = General->RcvLinkSpeed = Up ? Speed : 0;
    General->MediaConnectState = Up ? MediaConnectStateConnected : MediaConnectStateDisconnected;
    General->MediaDuplexState = MediaDuplexStateFull;
    General->MacOptions =
        NDIS_MAC_OPTION_COPY_LOOKAHEAD_DATA | NDIS_MAC_OPTION_TRANSFERS_NOT_PEND | NDIS_MAC_OPTION_NO_LOOPBACK;
    General->SupportedPacketFilters = NDIS_PACKET_TYPE_DIRECTED | NDIS_PACKET_TYPE_MULTICAST |
                                      NDIS_PACKET_TYPE_ALL_MULTICAST | NDIS_PACKET_TYPE_BROADCAST |
                                      NDIS_PACKET_TYPE_PROMISCUOUS;
    General->MaxMulticastListSize = MULTICAST_LIST_SIZE;
    General->MacAddressLength = ETHERNET_ADDRESS_LENGTH;
    RtlCopyMemory(General->PermanentMacAddress, Adapter->MacAddress, ETHERNET_ADDRESS_LENGTH);
    RtlCopyMemory(General->CurrentMacAddress, Adapter->MacAddress, ETHERNET_ADDRESS_LENGTH);
    General->AccessType = NET_IF_ACCESS_BROADCAST;
    General->DirectionType = NET_IF_DIRECTION_SENDRECEIVE;
    General->ConnectionType = NET_IF_CONNECTION_DEDICATED;
    General->IfType = ETHERNET_INTERFACE;
    General->IfConnectorPresent = TRUE;
    General->SupportedOidList = CardportSupportedOids;
    General->SupportedOidListLength = CardportSupportedOidsSize;
    return NdisMSetMiniportAttributes(Adapter->Handle, &Attributes);
}

static VOID ReadMacAddress(PCARDPORT_ADAPTER Adapter)
{
    ULONG Low = ReadCard(Adapter, CARD_MAC_LOW);
    ULONG High = ReadCard(Adapter, CARD_MAC_HIGH);
    ULONG Index;

    for (Index = 0; Index < 4; Index++)
        Adapter->MacAddress[Index] = (UCHAR)(Low >> (8 * Index));
    for (Index = 0; Index < 2; Index++)
        Adapter->MacAddress[4 + Index] = (UCHAR)(High >> (8 * Index));
}

static NDIS_STATUS Acquire(PCARDPORT_ADAPTER Adapter, PNDIS_MINIPORT_INIT_PARAMETERS Parameters)
{
    NDIS_STATUS Status = SetRegistrationAttributes(Adapter);
    ULONG Identity = 0;

    if (Status != NDIS_STATUS_SUCCESS)
        return Status;
    if (NdisMGetBusData(Adapter->Handle, PCI_WHICHSPACE_CONFIG, 0, &Identity, sizeof(Identity)) != sizeof(Identity) ||
        Identity != CARD_VENDOR_AND_DEVICE)
        return NDIS_STATUS_ADAPTER_NOT_FOUND;
    Status = MapRegisters(Adapter, Parameters->AllocatedResources);
    if (Status != NDIS_STATUS_SUCCESS)
        return Status;
    if (!ResetCard(Adapter))
        return NDIS_STATUS_FAILURE;
    ReadMacAddress(Adapter);
    Status = RegisterDma(Adapter);
    if (Status != NDIS_STATUS_SUCCESS)
        return Status;
    if (!CreateRings(Adapter))
        return NDIS_STATUS_RESOURCES;
    Status = SetGeneralAttributes(Adapter);
    if (Status == NDIS_STATUS_SUCCESS)
        Status = RegisterInterrupt(Adapter);
    return Status;
}

_Use_decl_annotations_
NDIS_STATUS CardportInitialize(
    NDIS_HANDLE NdisMiniportHandle,
    NDIS_HANDLE MiniportDriverContext,
    PNDIS_MINIPORT_INIT_PARAMETERS MiniportInitParameters)
{
    PCARDPORT_ADAPTER Adapter;
    NDIS_STATUS Status;

    UNREFERENCED_PARAMETER(MiniportDriverContext);
    Adapter = NdisAllocateMemoryWithTagPriority(NdisMiniportHandle, sizeof(*Adapter), CARDPORT_TAG, NormalPoolPriority);
    if (Adapter == NULL)
        return NDIS_STATUS_RESOURCES;
    RtlZeroMemory(Adapter, sizeof(*Adapter));
    Adapter->Handle = NdisMiniportHandle;
    Adapter->Lookahead = LONGEST_FRAME;
    NdisAllocateSpinLock(&Adapter->Lock);
    Status = Acquire(Adapter, MiniportInitParameters);
    if (Status == NDIS_STATUS_SUCCESS)
        ProgramCard(Adapter);
    else
        DestroyAdapter(Adapter);
    return Status;
}

VOID DestroyAdapter(PCARDPORT_ADAPTER Adapter)
{
    ULONG Queue;

    Adapter->Running = FALSE;
    /* First of all the device must be quiet: it writes to memory that goes. */
    if (Adapter->Registers != NULL && !Adapter->Gone)
        ResetCard(Adapter);
    if (Adapter->Interrupt != NULL)
        NdisMDeregisterInterruptEx(Adapter->Interrupt);
    while (Adapter->ListCount > 0) {
        PNET_BUFFER_LIST List = Adapter->Lists[--Adapter->ListCount];
        PMDL Mdl = NET_BUFFER_FIRST_MDL(NET_BUFFER_LIST_FIRST_NB(List));

        NdisFreeNetBufferList(List);
        NdisFreeMdl(Mdl);
    }
    for (Queue = 0; Queue < RECEIVE_QUEUES; Queue++) {
        Unshare(Adapter, &Adapter->Queues[Queue].Buffers);
        Unshare(Adapter, &Adapter->Queues[Queue].Ring);
    }
    Unshare(Adapter, &Adapter->TransmitRing);
    if (Adapter->ReceivePool != NULL)
        NdisFreeNetBufferListPool(Adapter->ReceivePool);
    if (Adapter->Dma != NULL)
        NdisMDeregisterScatterGatherDma(Adapter->Dma);
    if (Adapter->Registers != NULL)
        NdisMUnmapIoSpace(Adapter->Handle, Adapter->Registers, Adapter->RegistersLength);
    NdisFreeSpinLock(&Adapter->Lock);
    NdisFreeMemory(Adapter, 0, 0);
}
