/*
 * echo: a protocol driver that answers ARP requests, pings and UDP echo for one IPv4 address, the parameter `Address`
 * (default 192.0.2.2). A model of a small NDIS 6.30 protocol driver, in the order in which "Writing NDIS Protocol
 * Drivers" (network) presents it.
 */
#include "echo.h"

#include "../support/parameters.h"

/* From RFC 5737: an address for documentation and examples. */
#define DEFAULT_ADDRESS L"192.0.2.2"

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD EchoUnload;
static PROTOCOL_BIND_ADAPTER_EX EchoBindAdapter;
static PROTOCOL_UNBIND_ADAPTER_EX EchoUnbindAdapter;
static PROTOCOL_OPEN_ADAPTER_COMPLETE_EX EchoOpenAdapterComplete;
static PROTOCOL_CLOSE_ADAPTER_COMPLETE_EX EchoCloseAdapterComplete;
static PROTOCOL_OID_REQUEST_COMPLETE EchoOidRequestComplete;
static PROTOCOL_STATUS_EX EchoStatus;
static PROTOCOL_NET_PNP_EVENT EchoNetPnPEvent;

#pragma alloc_text(INIT, DriverEntry)

/* The driver's one protocol, and the address that it answers for. */
static NDIS_HANDLE EchoProtocol;
static ULONG EchoAddress;

/* The four bytes of `192.0.2.2` in network byte order; FALSE where the text is no IPv4 address. */
static BOOLEAN ParseAddress(PCWSTR Text, PULONG Address)
{
    ULONG Index;
    ULONG Byte;

    *Address = 0;
    for (Index = 0; Index < 4; Index++) {
        if (Index > 0 && *Text++ != L'.')
            return FALSE;
        if (!ParseNumber(&Text, &Byte) || Byte > 255)
            return FALSE;
        *Address |= Byte << 8 * Index;
    }
    return *Text == 0;
}

static BOOLEAN ReadAddress(PUNICODE_STRING RegistryPath)
{
    WCHAR Text[PARAMETER_TEXT_LENGTH] = DEFAULT_ADDRESS;
    HANDLE Parameters = OpenParameters(RegistryPath);
    BOOLEAN Good;

    ReadText(Parameters, L"Address", Text);
    CloseParameters(Parameters);
    Good = ParseAddress(Text, &EchoAddress);
    if (!Good)
        DbgPrint("echo: the parameter Address is \"%ws\"; give an IPv4 address such as 192.0.2.2\n", Text);
    return Good;
}

_Use_decl_annotations_
NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NDIS_PROTOCOL_DRIVER_CHARACTERISTICS Characteristics;

    if (!ReadAddress(RegistryPath))
        return STATUS_INVALID_PARAMETER;
    DriverObject->DriverUnload = EchoUnload;

    RtlZeroMemory(&Characteristics, sizeof(Characteristics));
    Characteristics.Header.Type = NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS;
    Characteristics.Header.Revision = NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2;
    Characteristics.Header.Size = NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2;
    Characteristics.MajorNdisVersion = 6;
    Characteristics.MinorNdisVersion = 30;
    Characteristics.MajorDriverVersion = 1;
    Characteristics.Name = ServiceNameOf(RegistryPath);
    Characteristics.BindAdapterHandlerEx = EchoBindAdapter;
    Characteristics.UnbindAdapterHandlerEx = EchoUnbindAdapter;
    Characteristics.OpenAdapterCompleteHandlerEx = EchoOpenAdapterComplete;
    Characteristics.CloseAdapterCompleteHandlerEx = EchoCloseAdapterComplete;
    Characteristics.NetPnPEventHandler = EchoNetPnPEvent;
    Characteristics.OidRequestCompleteHandler = EchoOidRequestComplete;
    Characteristics.StatusHandlerEx = EchoStatus;
    Characteristics.ReceiveNetBufferListsHandler = EchoReceiveNetBufferLists;
    Characteristics.SendNetBufferListsCompleteHandler = EchoSendNetBufferListsComplete;
    return NdisRegisterProtocolDriver(NULL, &Characteristics, &EchoProtocol);
}

_Use_decl_annotations_
static VOID EchoUnload(PDRIVER_OBJECT DriverObject)
{
    UNREFERENCED_PARAMETER(DriverObject);
    NdisDeregisterProtocolDriver(EchoProtocol);
}

/* Closes the adapter and frees the binding: the reverse of EchoBindAdapter, from wherever it got to. */
static VOID DestroyBinding(PECHO_BINDING Binding)
{
    BindingClose(&Binding->Base);
    EchoFreeAnswers(Binding);
    NdisFreeSpinLock(&Binding->Lock);
    ExFreePoolWithTag(Binding, ECHO_TAG);
}

_Use_decl_annotations_
static NDIS_STATUS EchoBindAdapter(
    NDIS_HANDLE ProtocolDriverContext,
    NDIS_HANDLE BindContext,
    PNDIS_BIND_PARAMETERS BindParameters)
{
    PECHO_BINDING Binding = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*Binding), ECHO_TAG);
    ULONG PacketFilter = NDIS_PACKET_TYPE_DIRECTED | NDIS_PACKET_TYPE_BROADCAST;
    NDIS_STATUS Status;

    UNREFERENCED_PARAMETER(ProtocolDriverContext);
    if (Binding == NULL)
        return NDIS_STATUS_RESOURCES;
    BindingInitialize(&Binding->Base, BindParameters);
    NdisAllocateSpinLock(&Binding->Lock);
    RtlCopyMemory(Binding->Responder.MacAddress, Binding->Base.MacAddress, ETHERNET_ADDRESS_LENGTH);
    Binding->Responder.IpAddress = EchoAddress;

    Status = BindingOpen(&Binding->Base, EchoProtocol, Binding, BindContext, BindParameters);
    if (Status == NDIS_STATUS_SUCCESS && !EchoPrepareAnswers(Binding))
        Status = NDIS_STATUS_RESOURCES;
    /* From here on frames may arrive; they are answered once the binding is restarted. */
    if (Status == NDIS_STATUS_SUCCESS)
        Status = BindingSet(&Binding->Base, OID_GEN_CURRENT_PACKET_FILTER, &PacketFilter, sizeof(PacketFilter));
    if (Status != NDIS_STATUS_SUCCESS)
        DestroyBinding(Binding);
    return Status;
}

_Use_decl_annotations_
static NDIS_STATUS EchoUnbindAdapter(NDIS_HANDLE UnbindContext, NDIS_HANDLE ProtocolBindingContext)
{
    PECHO_BINDING Binding = ProtocolBindingContext;
    const ULONG *Counters = Binding->Counters;

    UNREFERENCED_PARAMETER(UnbindContext);
    DbgPrint(
        "echo: answered %u ARP, %u ICMP, %u UDP; %u malformed, %u dropped\n",
        Counters[EchoAnsweredArp],
        Counters[EchoAnsweredIcmp],
        Counters[EchoAnsweredUdp],
        Counters[EchoMalformed],
        Counters[EchoDropped]);
    DestroyBinding(Binding);
    return NDIS_STATUS_SUCCESS;
}

_Use_decl_annotations_
static VOID EchoOpenAdapterComplete(NDIS_HANDLE ProtocolBindingContext, NDIS_STATUS Status)
{
    BindingComplete(&((PECHO_BINDING)ProtocolBindingContext)->Base, Status);
}

_Use_decl_annotations_
static VOID EchoCloseAdapterComplete(NDIS_HANDLE ProtocolBindingContext)
{
    BindingComplete(&((PECHO_BINDING)ProtocolBindingContext)->Base, NDIS_STATUS_SUCCESS);
}

_Use_decl_annotations_
static VOID EchoOidRequestComplete(NDIS_HANDLE ProtocolBindingContext, PNDIS_OID_REQUEST OidRequest, NDIS_STATUS Status)
{
    UNREFERENCED_PARAMETER(ProtocolBindingContext);
    BindingCompleteRequest(OidRequest, Status);
}

/* The link may come and go; a frame sent while it is down comes back with a failure. */
_Use_decl_annotations_
static VOID EchoStatus(NDIS_HANDLE ProtocolBindingContext, PNDIS_STATUS_INDICATION StatusIndication)
{
    UNREFERENCED_PARAMETER(ProtocolBindingContext);
    UNREFERENCED_PARAMETER(StatusIndication);
}

_Use_decl_annotations_
static NDIS_STATUS EchoNetPnPEvent(
    NDIS_HANDLE ProtocolBindingContext,
    PNET_PNP_EVENT_NOTIFICATION NetPnPEventNotification)
{
    PECHO_BINDING Binding = ProtocolBindingContext;

    switch (NetPnPEventNotification->NetPnPEvent.NetEvent) {
    case NetEventPause:
        BindingPause(&Binding->Base);
        return NDIS_STATUS_SUCCESS;
    case NetEventRestart:
        BindingRestart(&Binding->Base);
        return NDIS_STATUS_SUCCESS;
    default:
        /* Nothing else needs an answer; a driver of NDIS 6 refuses nothing with NDIS_STATUS_NOT_SUPPORTED. */
        return NDIS_STATUS_SUCCESS;
    }
}
