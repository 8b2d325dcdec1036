/*
 * The protocol edge of pass51: it opens each adapter that it is bound to, starts a virtual miniport above it, and passes
 * on what comes from below. See nf-ndis-ndisopenadapter, nf-ndis-ndisiminitializedeviceinstanceex and
 * nf-ndis-ndisimnotifypnpevent.
 */
#include "pass51.h"

static const WCHAR Prefix[] = L"\\Device\\Pass51 ";
#define PREFIX_LENGTH (sizeof(Prefix) / sizeof(WCHAR) - 1)
/* WCHARs of "\Device\", which the name of an adapter begins with. */
#define DEVICE_LENGTH 8

static VOID FreeAdapter(PPASS51_ADAPTER Adapter)
{
    if (Adapter->SendPool != NULL)
        NdisFreePacketPool(Adapter->SendPool);
    if (Adapter->ReceivePool != NULL)
        NdisFreePacketPool(Adapter->ReceivePool);
    NdisFreeMemory(Adapter, 0, 0);
}

static PPASS51_ADAPTER AllocateAdapter(VOID)
{
    PPASS51_ADAPTER Adapter;
    NDIS_STATUS Status;

    if (NdisAllocateMemoryWithTag((PVOID *)&Adapter, sizeof(*Adapter), PASS51_TAG) != NDIS_STATUS_SUCCESS)
        return NULL;
    NdisZeroMemory(Adapter, sizeof(*Adapter));
    NdisInitializeEvent(&Adapter->Event);
    NdisAllocatePacketPoolEx(&Status, &Adapter->SendPool, PACKET_COUNT, OVERFLOW_COUNT, 4 * sizeof(PVOID));
    if (Status == NDIS_STATUS_SUCCESS)
        NdisAllocatePacketPoolEx(&Status, &Adapter->ReceivePool, PACKET_COUNT, OVERFLOW_COUNT, 4 * sizeof(PVOID));
    if (Status == NDIS_STATUS_SUCCESS)
        return Adapter;
    FreeAdapter(Adapter);
    return NULL;
}

/* Closes the binding and waits until that is over. */
static VOID CloseBinding(PPASS51_ADAPTER Adapter)
{
    NDIS_STATUS Status;

    NdisResetEvent(&Adapter->Event);
    NdisCloseAdapter(&Status, Adapter->BindingHandle);
    if (Status == NDIS_STATUS_PENDING)
        NdisWaitEvent(&Adapter->Event, 0);
}

/* The virtual miniport is named after the adapter below. */
static VOID NameMiniport(PPASS51_ADAPTER Adapter, PNDIS_STRING DeviceName, PNDIS_STRING Instance)
{
    ULONG Length = DeviceName->Length / sizeof(WCHAR);
    ULONG Index;

    NdisMoveMemory(Adapter->Name, Prefix, PREFIX_LENGTH * sizeof(WCHAR));
    Instance->Length = PREFIX_LENGTH * sizeof(WCHAR);
    for (Index = DEVICE_LENGTH; Index < Length && PREFIX_LENGTH + Index - DEVICE_LENGTH < NAME_LENGTH; Index++) {
        Adapter->Name[PREFIX_LENGTH + Index - DEVICE_LENGTH] = DeviceName->Buffer[Index];
        Instance->Length += sizeof(WCHAR);
    }
    Instance->MaximumLength = sizeof(Adapter->Name);
    Instance->Buffer = Adapter->Name;
}

static VOID NTAPI Pass51BindAdapter(
    PNDIS_STATUS Status, NDIS_HANDLE BindContext, PNDIS_STRING DeviceName, PVOID SystemSpecific1, PVOID SystemSpecific2)
{
    NDIS_MEDIUM Media[] = {NdisMedium802_3};
    PPASS51_ADAPTER Adapter = AllocateAdapter();
    NDIS_STATUS OpenError;
    NDIS_STRING Instance;
    UINT Selected;

    UNREFERENCED_PARAMETER(BindContext);
    UNREFERENCED_PARAMETER(SystemSpecific1);
    UNREFERENCED_PARAMETER(SystemSpecific2);
    if (Adapter == NULL) {
        *Status = NDIS_STATUS_RESOURCES;
        return;
    }
    NdisOpenAdapter(
        Status, &OpenError, &Adapter->BindingHandle, &Selected, Media, 1, Pass51Protocol, Adapter, DeviceName, 0, NULL);
    if (*Status == NDIS_STATUS_PENDING) {
        NdisWaitEvent(&Adapter->Event, 0);
        *Status = Adapter->Status;
    }
    if (*Status != NDIS_STATUS_SUCCESS) {
        FreeAdapter(Adapter);
        return;
    }
    Adapter->Medium = Media[Selected];
    NameMiniport(Adapter, DeviceName, &Instance);
    *Status = NdisIMInitializeDeviceInstanceEx(Pass51Driver, &Instance, Adapter);
    if (*Status != NDIS_STATUS_SUCCESS) {
        CloseBinding(Adapter);
        FreeAdapter(Adapter);
    }
}

static VOID NTAPI
Pass51UnbindAdapter(PNDIS_STATUS Status, NDIS_HANDLE ProtocolBindingContext, NDIS_HANDLE UnbindContext)
{
    PPASS51_ADAPTER Adapter = ProtocolBindingContext;
    NDIS_STRING Instance;

    UNREFERENCED_PARAMETER(UnbindContext);
    if (Adapter->MiniportHandle == NULL) {
        /* MiniportInitialize was not called yet, or never will be. */
        RtlInitUnicodeString(&Instance, Adapter->Name);
        NdisIMCancelInitializeDeviceInstance(Pass51Driver, &Instance);
    }
    if (Adapter->MiniportHandle != NULL)
        NdisIMDeInitializeDeviceInstance(Adapter->MiniportHandle);
    CloseBinding(Adapter);
    FreeAdapter(Adapter);
    *Status = NDIS_STATUS_SUCCESS;
}

static VOID NTAPI
Pass51OpenAdapterComplete(NDIS_HANDLE ProtocolBindingContext, NDIS_STATUS Status, NDIS_STATUS OpenErrorStatus)
{
    PPASS51_ADAPTER Adapter = ProtocolBindingContext;

    UNREFERENCED_PARAMETER(OpenErrorStatus);
    Adapter->Status = Status;
    NdisSetEvent(&Adapter->Event);
}

static VOID NTAPI Pass51CloseAdapterComplete(NDIS_HANDLE ProtocolBindingContext, NDIS_STATUS Status)
{
    PPASS51_ADAPTER Adapter = ProtocolBindingContext;

    Adapter->Status = Status;
    NdisSetEvent(&Adapter->Event);
}

static VOID NTAPI Pass51ResetComplete(NDIS_HANDLE ProtocolBindingContext, NDIS_STATUS Status)
{
    UNREFERENCED_PARAMETER(ProtocolBindingContext);
    UNREFERENCED_PARAMETER(Status);
}

static VOID NTAPI
Pass51RequestComplete(NDIS_HANDLE ProtocolBindingContext, PNDIS_REQUEST NdisRequest, NDIS_STATUS Status)
{
    UNREFERENCED_PARAMETER(NdisRequest);
    CompleteRequest(ProtocolBindingContext, Status);
}

static VOID NTAPI Pass51SendComplete(NDIS_HANDLE ProtocolBindingContext, PNDIS_PACKET Packet, NDIS_STATUS Status)
{
    PPASS51_ADAPTER Adapter = ProtocolBindingContext;
    PNDIS_PACKET Original = SENT_PACKET(Packet);

    NdisIMCopySendCompletePerPacketInfo(Original, Packet);
    NdisFreePacket(Packet);
    NdisMSendComplete(Adapter->MiniportHandle, Original, Status);
}

static VOID NTAPI Pass51TransferDataComplete(
    NDIS_HANDLE ProtocolBindingContext, PNDIS_PACKET Packet, NDIS_STATUS Status, UINT BytesTransferred)
{
    PPASS51_ADAPTER Adapter = ProtocolBindingContext;

    if (Adapter->MiniportHandle != NULL)
        NdisMTransferDataComplete(Adapter->MiniportHandle, Packet, Status, BytesTransferred);
}

/* Indicates a packet of its own over the buffers of a received one. FALSE where there is none to spare. */
static BOOLEAN IndicatePacket(PPASS51_ADAPTER Adapter, PNDIS_PACKET Packet, NDIS_STATUS PacketStatus)
{
    PNDIS_PACKET Copy;
    NDIS_STATUS Status;

    NdisAllocatePacket(&Status, &Copy, Adapter->ReceivePool);
    if (Status != NDIS_STATUS_SUCCESS)
        return FALSE;
    RECEIVED_PACKET(Copy) = Packet;
    Copy->Private.Head = Packet->Private.Head;
    Copy->Private.Tail = Packet->Private.Tail;
    Copy->Private.ValidCounts = FALSE;
    NdisSetPacketFlags(Copy, NdisGetPacketFlags(Packet));
    NDIS_SET_ORIGINAL_PACKET(Copy, NDIS_GET_ORIGINAL_PACKET(Packet));
    NDIS_SET_PACKET_HEADER_SIZE(Copy, NDIS_GET_PACKET_HEADER_SIZE(Packet));
    NDIS_SET_PACKET_STATUS(Copy, PacketStatus);
    NdisMIndicateReceivePacket(Adapter->MiniportHandle, &Copy, 1);
    /* What was lent only is ours again. */
    if (PacketStatus == NDIS_STATUS_RESOURCES)
        NdisFreePacket(Copy);
    return TRUE;
}

static NDIS_STATUS NTAPI Pass51Receive(
    NDIS_HANDLE ProtocolBindingContext, NDIS_HANDLE MacReceiveContext, PVOID HeaderBuffer, UINT HeaderBufferSize,
    PVOID LookAheadBuffer, UINT LookaheadBufferSize, UINT PacketSize)
{
    PPASS51_ADAPTER Adapter = ProtocolBindingContext;
    PNDIS_PACKET Packet;

    if (Adapter->MiniportHandle == NULL)
        return NDIS_STATUS_NOT_ACCEPTED;
    Packet = NdisGetReceivedPacket(Adapter->BindingHandle, MacReceiveContext);
    if (Packet != NULL && IndicatePacket(Adapter, Packet, NDIS_STATUS_RESOURCES))
        return NDIS_STATUS_SUCCESS;
    Adapter->Indicated = TRUE;
    NdisMEthIndicateReceive(
        Adapter->MiniportHandle,
        MacReceiveContext,
        HeaderBuffer,
        HeaderBufferSize,
        LookAheadBuffer,
        LookaheadBufferSize,
        PacketSize);
    return NDIS_STATUS_SUCCESS;
}

static VOID NTAPI Pass51ReceiveComplete(NDIS_HANDLE ProtocolBindingContext)
{
    PPASS51_ADAPTER Adapter = ProtocolBindingContext;

    if (Adapter->MiniportHandle != NULL && Adapter->Indicated)
        NdisMEthIndicateReceiveComplete(Adapter->MiniportHandle);
    Adapter->Indicated = FALSE;
}

/* Returns how often the packet will be returned: once, or never where it is only lent. */
static INT NTAPI Pass51ReceivePacket(NDIS_HANDLE ProtocolBindingContext, PNDIS_PACKET Packet)
{
    PPASS51_ADAPTER Adapter = ProtocolBindingContext;
    NDIS_STATUS Status = NDIS_GET_PACKET_STATUS(Packet);

    if (Adapter->MiniportHandle == NULL || !IndicatePacket(Adapter, Packet, Status))
        return 0;
    return Status == NDIS_STATUS_RESOURCES ? 0 : 1;
}

static VOID NTAPI
Pass51Status(NDIS_HANDLE ProtocolBindingContext, NDIS_STATUS GeneralStatus, PVOID StatusBuffer, UINT StatusBufferSize)
{
    PPASS51_ADAPTER Adapter = ProtocolBindingContext;

    /* NDIS itself says that an adapter is reset. */
    if (Adapter->MiniportHandle != NULL && GeneralStatus != NDIS_STATUS_RESET_START &&
        GeneralStatus != NDIS_STATUS_RESET_END)
        NdisMIndicateStatus(Adapter->MiniportHandle, GeneralStatus, StatusBuffer, StatusBufferSize);
}

static VOID NTAPI Pass51StatusComplete(NDIS_HANDLE ProtocolBindingContext)
{
    PPASS51_ADAPTER Adapter = ProtocolBindingContext;

    if (Adapter->MiniportHandle != NULL)
        NdisMIndicateStatusComplete(Adapter->MiniportHandle);
}

static NDIS_STATUS NTAPI Pass51PnPEvent(NDIS_HANDLE ProtocolBindingContext, PNET_PNP_EVENT NetPnPEvent)
{
    PPASS51_ADAPTER Adapter = ProtocolBindingContext;

    if (Adapter == NULL || Adapter->MiniportHandle == NULL)
        return NDIS_STATUS_SUCCESS;
    return NdisIMNotifyPnPEvent(Adapter->MiniportHandle, NetPnPEvent);
}

VOID FillProtocol(NDIS_PROTOCOL_CHARACTERISTICS *Characteristics)
{
    NdisZeroMemory(Characteristics, sizeof(*Characteristics));
    Characteristics->MajorNdisVersion = 5;
    Characteristics->MinorNdisVersion = 0;
    RtlInitUnicodeString(&Characteristics->Name, L"pass51");
    Characteristics->OpenAdapterCompleteHandler = Pass51OpenAdapterComplete;
    Characteristics->CloseAdapterCompleteHandler = Pass51CloseAdapterComplete;
    Characteristics->SendCompleteHandler = Pass51SendComplete;
    Characteristics->TransferDataCompleteHandler = Pass51TransferDataComplete;
    Characteristics->ResetCompleteHandler = Pass51ResetComplete;
    Characteristics->RequestCompleteHandler = Pass51RequestComplete;
    Characteristics->ReceiveHandler = Pass51Receive;
    Characteristics->ReceiveCompleteHandler = Pass51ReceiveComplete;
    Characteristics->StatusHandler = Pass51Status;
    Characteristics->StatusCompleteHandler = Pass51StatusComplete;
    Characteristics->ReceivePacketHandler = Pass51ReceivePacket;
    Characteristics->BindAdapterHandler = Pass51BindAdapter;
    Characteristics->UnbindAdapterHandler = Pass51UnbindAdapter;
    Characteristics->PnPEventHandler = Pass51PnPEvent;
}
