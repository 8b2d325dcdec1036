/*
 * One adapter below mux: the binding, the virtual miniports above it, and what these want of it together.
 * See "Intermediate Driver Binding Operations" and "Intermediate Driver Unbinding Operations" (network).
 */
#include "mux.h"

/* Received frames that may be with protocols above, and frames to all for each virtual miniport of a network. */
#define SHELLS 512
#define SHELLS_PER_MINIPORT 256
/* The same for frames whose tag was taken out. */
#define COPIES 512
/* Microseconds between two looks at an initialization that is under way. */
#define INITIALIZATION_POLL 100

/* Takes one virtual miniport down, wherever its initialization is. */
static VOID TakeDown(PMUX_MINIPORT Miniport)
{
    while (Miniport->State == MuxRequested) {
        if (NdisIMCancelInitializeDeviceInstance(Mux.MiniportDriver, &Miniport->Name) == NDIS_STATUS_SUCCESS)
            Miniport->State = MuxGone;
        else
            /* Too late to cancel: MiniportInitializeEx is about to run. */
            NdisMSleep(INITIALIZATION_POLL);
    }
    if (Miniport->State == MuxInitialized)
        NdisIMDeInitializeDeviceInstance(Miniport->Handle);
    Miniport->State = MuxGone;
}

/* The reverse of MuxBindAdapter, from wherever it got to. */
static VOID DestroyBinding(PMUX_BINDING Binding)
{
    ULONG Index;

    for (Index = 0; Index < Binding->MiniportCount; Index++)
        TakeDown(&Binding->Miniports[Index]);
    BindingClose(&Binding->Base);
    FrameListsDestroy(&Binding->Copies);
    MuxFreeShells(Binding);
    NdisFreeSpinLock(&Binding->Lock);
    ExFreePoolWithTag(Binding, MUX_TAG);
}

/* The lists that the receive path needs. */
static BOOLEAN CreateLists(PMUX_BINDING Binding)
{
    ULONG Shells = SHELLS + (Binding->SharesNetwork ? SHELLS_PER_MINIPORT * Binding->MiniportCount : 0);
    ULONG Size = Binding->Base.MtuSize + ETHERNET_HEADER_LENGTH + VLAN_TAG_LENGTH;

    if (!MuxCreateShells(Binding, Shells))
        return FALSE;
    return Binding->Miniports[0].VlanId == MUX_NO_VLAN ||
           FrameListsCreate(&Binding->Copies, Binding->Base.Handle, MUX_TAG, COPIES, Size);
}

static VOID StartMiniports(PMUX_BINDING Binding)
{
    ULONG Index;

    for (Index = 0; Index < Binding->MiniportCount; Index++) {
        PMUX_MINIPORT Miniport = &Binding->Miniports[Index];
        NDIS_STATUS Status;

        /* MiniportInitializeEx may run before the function returns. */
        Miniport->State = MuxRequested;
        Status = NdisIMInitializeDeviceInstanceEx(Mux.MiniportDriver, &Miniport->Name, Miniport);
        if (Status == NDIS_STATUS_SUCCESS)
            continue;
        Miniport->State = MuxGone;
        DbgPrint("mux: the virtual miniport %wZ could not be started: 0x%x\n", &Miniport->Name, Status);
    }
}

/* Opens the adapter, then asks NDIS to start the virtual miniports. */
_Use_decl_annotations_
NDIS_STATUS MuxBindAdapter(NDIS_HANDLE ProtocolDriverContext, NDIS_HANDLE BindContext, PNDIS_BIND_PARAMETERS BindParameters)
{
    SIZE_T Size = FIELD_OFFSET(MUX_BINDING, Miniports) + Mux.VlanCount * sizeof(MUX_MINIPORT);
    PMUX_BINDING Binding = ExAllocatePool2(POOL_FLAG_NON_PAGED, Size, MUX_TAG);
    NDIS_STATUS Status;
    ULONG Index;

    UNREFERENCED_PARAMETER(ProtocolDriverContext);
    if (Binding == NULL)
        return NDIS_STATUS_RESOURCES;
    BindingInitialize(&Binding->Base, BindParameters);
    NdisAllocateSpinLock(&Binding->Lock);
    KeInitializeEvent(&Binding->RequestTurn, SynchronizationEvent, TRUE);
    Binding->PowerState = NdisDeviceStateD0;
    Binding->MediaConnectState = Binding->Base.MediaConnectState;
    Binding->LinkSpeed = Binding->Base.LinkSpeed;
    Binding->MiniportCount = Mux.VlanCount;
    Binding->SharesNetwork = Mux.VlanCount > 1 && Mux.VlanIds[0] == MUX_NO_VLAN;
    for (Index = 0; Index < Binding->MiniportCount; Index++)
        MuxPrepareMiniport(Binding, Index);

    Status = BindingOpen(&Binding->Base, Mux.Protocol, Binding, BindContext, BindParameters);
    if (Status == NDIS_STATUS_SUCCESS && !CreateLists(Binding))
        Status = NDIS_STATUS_RESOURCES;
    if (Status == NDIS_STATUS_SUCCESS)
        StartMiniports(Binding);
    else
        DestroyBinding(Binding);
    return Status;
}

_Use_decl_annotations_
NDIS_STATUS MuxUnbindAdapter(NDIS_HANDLE UnbindContext, NDIS_HANDLE ProtocolBindingContext)
{
    UNREFERENCED_PARAMETER(UnbindContext);
    DestroyBinding(ProtocolBindingContext);
    return NDIS_STATUS_SUCCESS;
}

/* Adds the addresses of one virtual miniport that List has not; FALSE where there are too many. */
static BOOLEAN AddMulticast(
    const MUX_MINIPORT *Miniport,
    UCHAR List[MUX_MULTICAST_LIMIT][ETHERNET_ADDRESS_LENGTH],
    PULONG Count,
    ULONG Limit)
{
    ULONG Own;
    ULONG Known;

    for (Own = 0; Own < Miniport->MulticastCount; Own++) {
        for (Known = 0; Known < *Count; Known++) {
            if (RtlEqualMemory(List[Known], Miniport->MulticastList[Own], ETHERNET_ADDRESS_LENGTH))
                break;
        }
        if (Known < *Count)
            continue;
        if (*Count == Limit)
            return FALSE;
        RtlCopyMemory(List[(*Count)++], Miniport->MulticastList[Own], ETHERNET_ADDRESS_LENGTH);
    }
    return TRUE;
}

/* Every multicast address once; FALSE where the adapter below cannot take so many. */
static BOOLEAN MulticastUnion(
    PMUX_BINDING Binding,
    UCHAR List[MUX_MULTICAST_LIMIT][ETHERNET_ADDRESS_LENGTH],
    PULONG Count)
{
    ULONG Limit = min(Binding->Base.MaxMulticastListSize, MUX_MULTICAST_LIMIT);
    ULONG Index;

    *Count = 0;
    for (Index = 0; Index < Binding->MiniportCount; Index++) {
        if (!AddMulticast(&Binding->Miniports[Index], List, Count, Limit))
            return FALSE;
    }
    return TRUE;
}

/* Sets the packet filter below to what the virtual miniports want together. The caller has the turn. */
static NDIS_STATUS SetPacketFilter(PMUX_BINDING Binding)
{
    UCHAR List[MUX_MULTICAST_LIMIT][ETHERNET_ADDRESS_LENGTH];
    ULONG Filter = 0;
    ULONG Count;
    ULONG Index;

    for (Index = 0; Index < Binding->MiniportCount; Index++)
        Filter |= Binding->Miniports[Index].PacketFilter;
    /* The adapter below knows one address; frames for the others come only when it takes all. */
    if (Binding->SharesNetwork && (Filter & NDIS_PACKET_TYPE_DIRECTED) != 0)
        Filter |= NDIS_PACKET_TYPE_PROMISCUOUS;
    if ((Filter & NDIS_PACKET_TYPE_MULTICAST) != 0 && !MulticastUnion(Binding, List, &Count))
        Filter |= NDIS_PACKET_TYPE_ALL_MULTICAST;
    Filter &= Binding->Base.SupportedPacketFilters;
    return BindingSet(&Binding->Base, OID_GEN_CURRENT_PACKET_FILTER, &Filter, sizeof(Filter));
}

/* Requests to different virtual miniports may run at the same time; what they set below must not be mixed up. */
static VOID TakeTurn(PMUX_BINDING Binding)
{
    KeWaitForSingleObject(&Binding->RequestTurn, Executive, KernelMode, FALSE, NULL);
}

static VOID EndTurn(PMUX_BINDING Binding)
{
    KeSetEvent(&Binding->RequestTurn, IO_NO_INCREMENT, FALSE);
}

/* The adapter below sleeps: what the virtual miniports want reaches it when it is back. The caller has the turn. */
static BOOLEAN Defer(PMUX_BINDING Binding)
{
    if (Binding->PowerState != NdisDeviceStateD0)
        Binding->FiltersDeferred = TRUE;
    return Binding->FiltersDeferred;
}

NDIS_STATUS MuxUpdatePacketFilter(PMUX_BINDING Binding)
{
    NDIS_STATUS Status = NDIS_STATUS_SUCCESS;

    TakeTurn(Binding);
    if (!Defer(Binding))
        Status = SetPacketFilter(Binding);
    EndTurn(Binding);
    return Status;
}

/* More multicast addresses than fit mean all multicast frames. The caller has the turn. */
static NDIS_STATUS SetMulticastList(PMUX_BINDING Binding)
{
    UCHAR List[MUX_MULTICAST_LIMIT][ETHERNET_ADDRESS_LENGTH];
    NDIS_STATUS Status = NDIS_STATUS_SUCCESS;
    ULONG Count;

    if (MulticastUnion(Binding, List, &Count))
        Status = BindingSet(&Binding->Base, OID_802_3_MULTICAST_LIST, List, Count * ETHERNET_ADDRESS_LENGTH);
    return Status == NDIS_STATUS_SUCCESS ? SetPacketFilter(Binding) : Status;
}

NDIS_STATUS MuxUpdateMulticastList(PMUX_BINDING Binding)
{
    NDIS_STATUS Status = NDIS_STATUS_SUCCESS;

    TakeTurn(Binding);
    if (!Defer(Binding))
        Status = SetMulticastList(Binding);
    EndTurn(Binding);
    return Status;
}

/* NetEventSetPower: no requests reach the adapter below until it is back in D0. */
VOID MuxSetPower(PMUX_BINDING Binding, NDIS_DEVICE_POWER_STATE State)
{
    TakeTurn(Binding);
    Binding->PowerState = State;
    if (State == NdisDeviceStateD0 && Binding->FiltersDeferred) {
        Binding->FiltersDeferred = FALSE;
        SetMulticastList(Binding);
    }
    EndTurn(Binding);
}

/* Whether a virtual miniport or the adapter below is out of D0: then nothing is sent, asked or indicated. */
BOOLEAN MuxStandingBy(const MUX_MINIPORT *Miniport)
{
    return Miniport->PowerState != NdisDeviceStateD0 || Miniport->Binding->PowerState != NdisDeviceStateD0;
}

/* What concerns the virtual miniports is passed on: the link. */
_Use_decl_annotations_
VOID MuxStatus(NDIS_HANDLE ProtocolBindingContext, PNDIS_STATUS_INDICATION StatusIndication)
{
    PMUX_BINDING Binding = ProtocolBindingContext;
    const NDIS_LINK_STATE *State = StatusIndication->StatusBuffer;
    ULONG Index;

    if (StatusIndication->StatusCode != NDIS_STATUS_LINK_STATE)
        return;
    Binding->MediaConnectState = State->MediaConnectState;
    Binding->LinkSpeed = State->MediaConnectState == MediaConnectStateConnected ? State->XmitLinkSpeed : 0;
    for (Index = 0; Index < Binding->MiniportCount; Index++) {
        if (!MuxStandingBy(&Binding->Miniports[Index]))
            MuxIndicateStatus(&Binding->Miniports[Index], StatusIndication);
    }
}
