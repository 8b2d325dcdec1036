/*
 * mux: an NDIS 6.30 intermediate driver. Above each adapter that it binds to it shows virtual miniports: one, several
 * in the same network (parameter `VirtualMiniports`), or one for each VLAN (parameter `VlanIds`, `10,20`; 0 stands for
 * frames without a tag). A model, in the order in which "Writing NDIS Intermediate Drivers" (network) presents it.
 */
#include "mux.h"

#include "../support/parameters.h"

DRIVER_INITIALIZE DriverEntry;
static MINIPORT_UNLOAD MuxUnload;
static MINIPORT_SHUTDOWN MuxShutdown;
static MINIPORT_DEVICE_PNP_EVENT_NOTIFY MuxDevicePnPEventNotify;
static SET_OPTIONS MuxSetOptions;
static PROTOCOL_OPEN_ADAPTER_COMPLETE_EX MuxOpenAdapterComplete;
static PROTOCOL_CLOSE_ADAPTER_COMPLETE_EX MuxCloseAdapterComplete;
static PROTOCOL_NET_PNP_EVENT MuxNetPnPEvent;

#pragma alloc_text(INIT, DriverEntry)

MUX_DRIVER Mux;

/* Different numbers from 0 to 4094 with commas between; FALSE for anything else. */
static BOOLEAN ParseVlanIds(PCWSTR Text)
{
    ULONG Index;

    for (Mux.VlanCount = 0; Mux.VlanCount < MUX_MINIPORT_LIMIT; Text++) {
        ULONG Id;

        if (!ParseNumber(&Text, &Id) || Id > MUX_HIGHEST_VLAN)
            return FALSE;
        for (Index = 0; Index < Mux.VlanCount; Index++) {
            if (Mux.VlanIds[Index] == Id)
                return FALSE;
        }
        Mux.VlanIds[Mux.VlanCount++] = Id;
        if (*Text == 0)
            return TRUE;
        if (*Text != L',')
            return FALSE;
    }
    return FALSE;
}

static BOOLEAN IsBlank(PCWSTR Text)
{
    while (*Text == L' ')
        Text++;
    return *Text == 0;
}

static BOOLEAN ReadParameters(PUNICODE_STRING RegistryPath)
{
    WCHAR Text[PARAMETER_TEXT_LENGTH];
    HANDLE Parameters = OpenParameters(RegistryPath);
    BOOLEAN HasVlans = ReadText(Parameters, L"VlanIds", Text) && !IsBlank(Text);
    ULONG Count = ReadNumber(Parameters, L"VirtualMiniports", 1, 1, MUX_MINIPORT_LIMIT);

    CloseParameters(Parameters);
    if (HasVlans)
        return ParseVlanIds(Text);
    for (Mux.VlanCount = 0; Mux.VlanCount < Count; Mux.VlanCount++)
        Mux.VlanIds[Mux.VlanCount] = MUX_NO_VLAN;
    return TRUE;
}

/* The edge of the virtual miniports. */
static NDIS_STATUS RegisterUpperEdge(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NDIS_MINIPORT_DRIVER_CHARACTERISTICS Upper;

    RtlZeroMemory(&Upper, sizeof(Upper));
    Upper.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS;
    Upper.Header.Revision = NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2;
    Upper.Header.Size = NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2;
    Upper.MajorNdisVersion = 6;
    Upper.MinorNdisVersion = 30;
    Upper.MajorDriverVersion = 1;
    Upper.Flags = NDIS_INTERMEDIATE_DRIVER;
    Upper.InitializeHandlerEx = MuxInitialize;
    Upper.HaltHandlerEx = MuxHalt;
    Upper.UnloadHandler = MuxUnload;
    Upper.PauseHandler = MuxPause;
    Upper.RestartHandler = MuxRestart;
    Upper.OidRequestHandler = MuxOidRequest;
    Upper.SendNetBufferListsHandler = MuxSendNetBufferLists;
    Upper.ReturnNetBufferListsHandler = MuxReturnNetBufferLists;
    Upper.CancelSendHandler = MuxCancelSend;
    Upper.DevicePnPEventNotifyHandler = MuxDevicePnPEventNotify;
    Upper.ShutdownHandlerEx = MuxShutdown;
    Upper.CancelOidRequestHandler = MuxCancelOidRequest;
    return NdisMRegisterMiniportDriver(DriverObject, RegistryPath, NULL, &Upper, &Mux.MiniportDriver);
}

/* The edge of the protocol that binds to the adapters below. */
static NDIS_STATUS RegisterLowerEdge(VOID)
{
    NDIS_PROTOCOL_DRIVER_CHARACTERISTICS Lower;

    RtlZeroMemory(&Lower, sizeof(Lower));
    Lower.Header.Type = NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS;
    Lower.Header.Revision = NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2;
    Lower.Header.Size = NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2;
    Lower.MajorNdisVersion = 6;
    Lower.MinorNdisVersion = 30;
    Lower.MajorDriverVersion = 1;
    Lower.Name = Mux.ServiceName;
    Lower.SetOptionsHandler = MuxSetOptions;
    Lower.BindAdapterHandlerEx = MuxBindAdapter;
    Lower.UnbindAdapterHandlerEx = MuxUnbindAdapter;
    Lower.OpenAdapterCompleteHandlerEx = MuxOpenAdapterComplete;
    Lower.CloseAdapterCompleteHandlerEx = MuxCloseAdapterComplete;
    Lower.NetPnPEventHandler = MuxNetPnPEvent;
    Lower.OidRequestCompleteHandler = MuxOidRequestComplete;
    Lower.StatusHandlerEx = MuxStatus;
    Lower.ReceiveNetBufferListsHandler = MuxReceiveNetBufferLists;
    Lower.SendNetBufferListsCompleteHandler = MuxSendNetBufferListsComplete;
    return NdisRegisterProtocolDriver(NULL, &Lower, &Mux.Protocol);
}

_Use_decl_annotations_
NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING Name = ServiceNameOf(RegistryPath);
    NDIS_STATUS Status;

    if (!ReadParameters(RegistryPath)) {
        DbgPrint("mux: VlanIds takes different numbers from 0 to 4094 with commas between, at most 64 of them\n");
        return STATUS_INVALID_PARAMETER;
    }
    /* The registry path is ours during DriverEntry only. */
    Mux.ServiceName.Buffer = Mux.ServiceNameBuffer;
    Mux.ServiceName.MaximumLength = sizeof(Mux.ServiceNameBuffer);
    RtlCopyUnicodeString(&Mux.ServiceName, &Name);

    Status = RegisterUpperEdge(DriverObject, RegistryPath);
    if (Status != NDIS_STATUS_SUCCESS)
        return Status;
    Status = RegisterLowerEdge();
    if (Status != NDIS_STATUS_SUCCESS)
        NdisMDeregisterMiniportDriver(Mux.MiniportDriver);
    return Status;
}

/* Before the first bind: NDIS must not bind this protocol to our own virtual miniports. */
_Use_decl_annotations_
static NDIS_STATUS MuxSetOptions(NDIS_HANDLE NdisDriverHandle, NDIS_HANDLE DriverContext)
{
    UNREFERENCED_PARAMETER(DriverContext);
    NdisIMAssociateMiniport(Mux.MiniportDriver, NdisDriverHandle);
    return NDIS_STATUS_SUCCESS;
}

_Use_decl_annotations_
static VOID MuxUnload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    NdisDeregisterProtocolDriver(Mux.Protocol);
    NdisMDeregisterMiniportDriver(Mux.MiniportDriver);
}

_Use_decl_annotations_
static VOID MuxShutdown(NDIS_HANDLE MiniportAdapterContext, NDIS_SHUTDOWN_ACTION ShutdownAction)
{
    UNREFERENCED_PARAMETER(MiniportAdapterContext);
    UNREFERENCED_PARAMETER(ShutdownAction);
}

_Use_decl_annotations_
static VOID MuxDevicePnPEventNotify(NDIS_HANDLE MiniportAdapterContext, PNET_DEVICE_PNP_EVENT NetDevicePnPEvent)
{
    UNREFERENCED_PARAMETER(MiniportAdapterContext);
    UNREFERENCED_PARAMETER(NetDevicePnPEvent);
}

_Use_decl_annotations_
static VOID MuxOpenAdapterComplete(NDIS_HANDLE ProtocolBindingContext, NDIS_STATUS Status)
{
    BindingComplete(&((PMUX_BINDING)ProtocolBindingContext)->Base, Status);
}

_Use_decl_annotations_
static VOID MuxCloseAdapterComplete(NDIS_HANDLE ProtocolBindingContext)
{
    BindingComplete(&((PMUX_BINDING)ProtocolBindingContext)->Base, NDIS_STATUS_SUCCESS);
}

_Use_decl_annotations_
static NDIS_STATUS MuxNetPnPEvent(NDIS_HANDLE ProtocolBindingContext, PNET_PNP_EVENT_NOTIFICATION NetPnPEventNotification)
{
    PMUX_BINDING Binding = ProtocolBindingContext;

    switch (NetPnPEventNotification->NetPnPEvent.NetEvent) {
    case NetEventPause:
        BindingPause(&Binding->Base);
        return NDIS_STATUS_SUCCESS;
    case NetEventRestart:
        BindingRestart(&Binding->Base);
        return NDIS_STATUS_SUCCESS;
    case NetEventSetPower:
        MuxSetPower(Binding, *(NDIS_DEVICE_POWER_STATE *)NetPnPEventNotification->NetPnPEvent.Buffer);
        return NDIS_STATUS_SUCCESS;
    default:
        /* Nothing else needs an answer; a driver of NDIS 6 refuses nothing with NDIS_STATUS_NOT_SUPPORTED. */
        return NDIS_STATUS_SUCCESS;
    }
}
