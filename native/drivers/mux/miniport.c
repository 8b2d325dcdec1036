/*
 * One virtual miniport of mux: its life.
 * See "Initializing Virtual Miniports" and "Miniport Adapter States and Operations" (network).
 */
#include "mux.h"

/* IF_TYPE_ETHERNET_CSMACD of the interface MIB. */
#define ETHERNET_INTERFACE 6

static VOID AppendNumber(PUNICODE_STRING Text, ULONG Number)
{
    WCHAR Digits[12];
    UNICODE_STRING Written = {0, sizeof(Digits), Digits};

    RtlIntegerToUnicodeString(Number, 10, &Written);
    RtlAppendUnicodeStringToString(Text, &Written);
}

/* `mux2` above the interface with index 2; `mux2.10` for its VLAN 10, `mux2-2` for a second one in the same network. */
static VOID NameMiniport(PMUX_MINIPORT Miniport, ULONG Index)
{
    Miniport->Name.Buffer = Miniport->NameBuffer;
    Miniport->Name.MaximumLength = sizeof(Miniport->NameBuffer);
    RtlAppendUnicodeToString(&Miniport->Name, L"\\Device\\");
    RtlAppendUnicodeStringToString(&Miniport->Name, &Mux.ServiceName);
    AppendNumber(&Miniport->Name, Miniport->Binding->Base.IfIndex);
    if (Miniport->VlanId != MUX_NO_VLAN) {
        RtlAppendUnicodeToString(&Miniport->Name, L".");
        AppendNumber(&Miniport->Name, Miniport->VlanId);
    } else if (Index > 0) {
        RtlAppendUnicodeToString(&Miniport->Name, L"-");
        AppendNumber(&Miniport->Name, Index + 1);
    }
}

VOID MuxPrepareMiniport(PMUX_BINDING Binding, ULONG Index)
{
    PMUX_MINIPORT Miniport = &Binding->Miniports[Index];

    Miniport->Binding = Binding;
    Miniport->VlanId = Mux.VlanIds[Index];
    Miniport->Lookahead = Binding->Base.MtuSize;
    NameMiniport(Miniport, Index);
    RtlCopyMemory(Miniport->MacAddress, Binding->Base.MacAddress, ETHERNET_ADDRESS_LENGTH);
    if (Miniport->VlanId == MUX_NO_VLAN && Index > 0) {
        /* In a shared network the first has the address of the adapter, the others have locally administered ones. */
        Miniport->MacAddress[0] = (Miniport->MacAddress[0] & 0xfc) | 2;
        Miniport->MacAddress[1] ^= (UCHAR)Index;
    }
    /* Nobody may use the handle before there is one. */
    ExInitializeRundownProtection(&Miniport->HandleUse);
    ExWaitForRundownProtectionRelease(&Miniport->HandleUse);
    ExRundownCompleted(&Miniport->HandleUse);
}

/* Bytes of the longest payload: a tag takes room in the frame below. */
ULONG MuxMtu(const MUX_MINIPORT *Miniport)
{
    BOOLEAN Tagged = Miniport->VlanId != MUX_NO_VLAN && Miniport->VlanId != 0;

    return Miniport->Binding->Base.MtuSize - (Tagged ? VLAN_TAG_LENGTH : 0);
}

static NDIS_STATUS SetRegistrationAttributes(PMUX_MINIPORT Miniport, NDIS_HANDLE Handle)
{
    NDIS_MINIPORT_ADAPTER_ATTRIBUTES Attributes;
    PNDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES Registration = &Attributes.RegistrationAttributes;

    RtlZeroMemory(&Attributes, sizeof(Attributes));
    Registration->Header.Type = NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES;
    Registration->Header.Revision = NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1;
    Registration->Header.Size = NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1;
    Registration->MiniportAdapterContext = Miniport;
    Registration->AttributeFlags = NDIS_MINIPORT_ATTRIBUTES_NDIS_WDM | NDIS_MINIPORT_ATTRIBUTES_NO_HALT_ON_SUSPEND;
    return NdisMSetMiniportAttributes(Handle, &Attributes);
}

static NDIS_STATUS SetGeneralAttributes(PMUX_MINIPORT Miniport, NDIS_HANDLE Handle)
{
    NDIS_MINIPORT_ADAPTER_ATTRIBUTES Attributes;
    PNDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES General = &Attributes.GeneralAttributes;
    const MUX_BINDING *Binding = Miniport->Binding;

    RtlZeroMemory(&Attributes, sizeof(Attributes));
    General->Header.Type = NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES;
    General->Header.Revision = NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2;
    General->Header.Size = NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2;
    General->MediaType = NdisMedium802_3;
    General->PhysicalMediumType = NdisPhysicalMediumUnspecified;
    General->MtuSize = MuxMtu(Miniport);
    General->LookaheadSize = MuxMtu(Miniport) + ETHERNET_HEADER_LENGTH;
    General->MaxXmitLinkSpeed = General->MaxRcvLinkSpeed = Binding->Base.LinkSpeed;
    General->XmitLinkSpeed = General->RcvLinkSpeed = Binding->LinkSpeed;
    General->MediaConnectState = Binding->MediaConnectState;
    General->MediaDuplexState = MediaDuplexStateFull;
    General->MacOptions =
        NDIS_MAC_OPTION_COPY_LOOKAHEAD_DATA | NDIS_MAC_OPTION_TRANSFERS_NOT_PEND | NDIS_MAC_OPTION_NO_LOOPBACK;
    General->SupportedPacketFilters = Binding->Base.SupportedPacketFilters;
    General->MaxMulticastListSize = min(Binding->Base.MaxMulticastListSize, MUX_MULTICAST_LIMIT);
    General->MacAddressLength = ETHERNET_ADDRESS_LENGTH;
    RtlCopyMemory(General->PermanentMacAddress, Miniport->MacAddress, ETHERNET_ADDRESS_LENGTH);
    RtlCopyMemory(General->CurrentMacAddress, Miniport->MacAddress, ETHERNET_ADDRESS_LENGTH);
    General->AccessType = NET_IF_ACCESS_BROADCAST;
    General->DirectionType = NET_IF_DIRECTION_SENDRECEIVE;
    General->ConnectionType = NET_IF_CONNECTION_DEDICATED;
    General->IfType = ETHERNET_INTERFACE;
    General->IfConnectorPresent = FALSE;
    /* Protocols that leave this much room spare the send path an allocation. */
    General->DataBackFillSize =
        Binding->Base.DataBackFillSize + (Miniport->VlanId == MUX_NO_VLAN ? 0 : VLAN_TAG_LENGTH);
    General->ContextBackFillSize = sizeof(MUX_SEND_CONTEXT);
    General->SupportedOidList = MuxSupportedOids;
    General->SupportedOidListLength = MuxSupportedOidsSize;
    return NdisMSetMiniportAttributes(Handle, &Attributes);
}

_Use_decl_annotations_
NDIS_STATUS MuxInitialize(
    NDIS_HANDLE NdisMiniportHandle,
    NDIS_HANDLE MiniportDriverContext,
    PNDIS_MINIPORT_INIT_PARAMETERS MiniportInitParameters)
{
    /* What NdisIMInitializeDeviceInstanceEx was given as DeviceContext. */
    PMUX_MINIPORT Miniport = MiniportInitParameters->IMDeviceInstanceContext;
    NDIS_STATUS Status;

    UNREFERENCED_PARAMETER(MiniportDriverContext);
    Status = SetRegistrationAttributes(Miniport, NdisMiniportHandle);
    if (Status == NDIS_STATUS_SUCCESS)
        Status = SetGeneralAttributes(Miniport, NdisMiniportHandle);
    if (Status == NDIS_STATUS_SUCCESS) {
        Miniport->Handle = NdisMiniportHandle;
        Miniport->PowerState = NdisDeviceStateD0;
        ExReInitializeRundownProtection(&Miniport->HandleUse);
    }
    Miniport->State = Status == NDIS_STATUS_SUCCESS ? MuxInitialized : MuxGone;
    return Status;
}

/* Everything that could be outstanding came back before the pause was complete. */
_Use_decl_annotations_
VOID MuxHalt(NDIS_HANDLE MiniportAdapterContext, NDIS_HALT_ACTION HaltAction)
{
    PMUX_MINIPORT Miniport = MiniportAdapterContext;

    UNREFERENCED_PARAMETER(HaltAction);
    ExWaitForRundownProtectionRelease(&Miniport->HandleUse);
    ExRundownCompleted(&Miniport->HandleUse);
    Miniport->Handle = NULL;
    Miniport->PacketFilter = 0;
    Miniport->MulticastCount = 0;
    Miniport->State = MuxGone;
}

_Use_decl_annotations_
NDIS_STATUS MuxRestart(NDIS_HANDLE MiniportAdapterContext, PNDIS_MINIPORT_RESTART_PARAMETERS RestartParameters)
{
    PMUX_MINIPORT Miniport = MiniportAdapterContext;

    UNREFERENCED_PARAMETER(RestartParameters);
    InterlockedExchange(&Miniport->Outstanding, 1);
    Miniport->Running = TRUE;
    return NDIS_STATUS_SUCCESS;
}

_Use_decl_annotations_
NDIS_STATUS MuxPause(NDIS_HANDLE MiniportAdapterContext, PNDIS_MINIPORT_PAUSE_PARAMETERS PauseParameters)
{
    PMUX_MINIPORT Miniport = MiniportAdapterContext;

    UNREFERENCED_PARAMETER(PauseParameters);
    Miniport->Running = FALSE;
    /* Where lists are under way, MuxRelease tells NDIS when the last has come back. */
    return InterlockedDecrement(&Miniport->Outstanding) > 0 ? NDIS_STATUS_PENDING : NDIS_STATUS_SUCCESS;
}

BOOLEAN MuxAcquire(PMUX_MINIPORT Miniport, LONG Count)
{
    LONG Known = Miniport->Outstanding;

    while (Miniport->Running && Known > 0) {
        LONG Found = InterlockedCompareExchange(&Miniport->Outstanding, Known + Count, Known);

        if (Found == Known)
            return TRUE;
        Known = Found;
    }
    return FALSE;
}

VOID MuxRelease(PMUX_MINIPORT Miniport, LONG Count)
{
    if (InterlockedExchangeAdd(&Miniport->Outstanding, -Count) == Count)
        NdisMPauseComplete(Miniport->Handle);
}

VOID MuxIndicateStatus(PMUX_MINIPORT Miniport, const NDIS_STATUS_INDICATION *Status)
{
    NDIS_STATUS_INDICATION Own;

    if (!ExAcquireRundownProtection(&Miniport->HandleUse))
        return;
    RtlZeroMemory(&Own, sizeof(Own));
    Own.Header.Type = NDIS_OBJECT_TYPE_STATUS_INDICATION;
    Own.Header.Revision = NDIS_STATUS_INDICATION_REVISION_1;
    Own.Header.Size = NDIS_SIZEOF_STATUS_INDICATION_REVISION_1;
    Own.SourceHandle = Miniport->Handle;
    Own.StatusCode = Status->StatusCode;
    Own.StatusBuffer = Status->StatusBuffer;
    Own.StatusBufferSize = Status->StatusBufferSize;
    NdisMIndicateStatusEx(Miniport->Handle, &Own);
    ExReleaseRundownProtection(&Miniport->HandleUse);
}
