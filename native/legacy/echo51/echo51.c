/*
 * DriverEntry and the handlers of echo51. See nf-ndis-ndisregisterprotocol, nf-ndis-ndisopenadapter and the comments of
 * drivers/echo51, which does the same.
 */
#include "echo51.h"

static NDIS_HANDLE Echo51Protocol;

/*
 * What the macro NdisSend of Microsoft's headers is: a call through the block that the binding handle points to. The
 * headers of mingw-w64 have a function of this name.
 */
static NDIS_STATUS Echo51Send(NDIS_HANDLE BindingHandle, PNDIS_PACKET Packet)
{
    PNDIS_OPEN_BLOCK Block = BindingHandle;

    return Block->SendHandler(Block->BindingHandle, Packet);
}

/* Frees a packet of ours with its buffer and the memory of that. */
static VOID FreePacket(PNDIS_PACKET Packet)
{
    PNDIS_BUFFER Buffer;

    NdisUnchainBufferAtFront(Packet, &Buffer);
    if (Buffer != NULL) {
        NdisFreeMemory(NdisBufferVirtualAddress(Buffer), 0, 0);
        NdisFreeBuffer(Buffer);
    }
    NdisFreePacket(Packet);
}

/* A packet with a buffer of FRAME_SIZE bytes, or NULL. */
static PNDIS_PACKET AllocatePacket(PECHO51_BINDING Binding)
{
    PNDIS_PACKET Packet;
    PNDIS_BUFFER Buffer;
    NDIS_STATUS Status;
    PVOID Data;

    NdisAllocatePacket(&Status, &Packet, Binding->PacketPool);
    if (Status != NDIS_STATUS_SUCCESS)
        return NULL;
    if (NdisAllocateMemoryWithTag(&Data, FRAME_SIZE, ECHO51_TAG) != NDIS_STATUS_SUCCESS) {
        NdisFreePacket(Packet);
        return NULL;
    }
    NdisAllocateBuffer(&Status, &Buffer, Binding->BufferPool, Data, FRAME_SIZE);
    if (Status != NDIS_STATUS_SUCCESS) {
        NdisFreeMemory(Data, 0, 0);
        NdisFreePacket(Packet);
        return NULL;
    }
    NdisChainBufferAtBack(Packet, Buffer);
    return Packet;
}

static VOID FreeBinding(PECHO51_BINDING Binding)
{
    if (Binding->TransferPacket != NULL)
        FreePacket(Binding->TransferPacket);
    if (Binding->BufferPool != NULL)
        NdisFreeBufferPool(Binding->BufferPool);
    if (Binding->PacketPool != NULL)
        NdisFreePacketPool(Binding->PacketPool);
    NdisFreeMemory(Binding, 0, 0);
}

static PECHO51_BINDING AllocateBinding(VOID)
{
    PECHO51_BINDING Binding;
    NDIS_STATUS Status;

    if (NdisAllocateMemoryWithTag((PVOID *)&Binding, sizeof(*Binding), ECHO51_TAG) != NDIS_STATUS_SUCCESS)
        return NULL;
    NdisZeroMemory(Binding, sizeof(*Binding));
    NdisInitializeEvent(&Binding->Event);
    NdisAllocatePacketPool(&Status, &Binding->PacketPool, ANSWER_COUNT + 1, PROTOCOL_RESERVED_SIZE_IN_PACKET);
    if (Status == NDIS_STATUS_SUCCESS)
        NdisAllocateBufferPool(&Status, &Binding->BufferPool, ANSWER_COUNT + 1);
    if (Status == NDIS_STATUS_SUCCESS)
        Binding->TransferPacket = AllocatePacket(Binding);
    if (Binding->TransferPacket != NULL)
        return Binding;
    FreeBinding(Binding);
    return NULL;
}

static NDIS_STATUS FinalStatus(PECHO51_BINDING Binding, NDIS_STATUS Status)
{
    if (Status != NDIS_STATUS_PENDING)
        return Status;
    NdisWaitEvent(&Binding->Event, 0);
    return Binding->Status;
}

/* ProtocolOpenAdapterComplete and ProtocolCloseAdapterComplete. */
static VOID Complete(PECHO51_BINDING Binding, NDIS_STATUS Status)
{
    Binding->Status = Status;
    NdisSetEvent(&Binding->Event);
}

static VOID NTAPI Echo51OpenComplete(NDIS_HANDLE Context, NDIS_STATUS Status, NDIS_STATUS OpenErrorStatus)
{
    UNREFERENCED_PARAMETER(OpenErrorStatus);
    Complete(Context, Status);
}

static VOID NTAPI Echo51CloseComplete(NDIS_HANDLE Context, NDIS_STATUS Status)
{
    Complete(Context, Status);
}

static VOID NTAPI Echo51RequestComplete(NDIS_HANDLE Context, PNDIS_REQUEST Request, NDIS_STATUS Status)
{
    UNREFERENCED_PARAMETER(Request);
    Complete(Context, Status);
}

static NDIS_STATUS
Ask(PECHO51_BINDING Binding, NDIS_REQUEST_TYPE Type, NDIS_OID Oid, PVOID Information, UINT Length)
{
    PNDIS_REQUEST Request = &Binding->Request;
    NDIS_STATUS Status;

    NdisZeroMemory(Request, sizeof(*Request));
    Request->RequestType = Type;
    Request->DATA.QUERY_INFORMATION.Oid = Oid;
    Request->DATA.QUERY_INFORMATION.InformationBuffer = Information;
    Request->DATA.QUERY_INFORMATION.InformationBufferLength = Length;
    NdisResetEvent(&Binding->Event);
    NdisRequest(&Status, Binding->Handle, Request);
    return FinalStatus(Binding, Status);
}

static VOID CloseBinding(PECHO51_BINDING Binding)
{
    NDIS_STATUS Status;

    NdisResetEvent(&Binding->Event);
    NdisCloseAdapter(&Status, Binding->Handle);
    FinalStatus(Binding, Status);
    FreeBinding(Binding);
}

static VOID NTAPI Echo51BindAdapter(
    PNDIS_STATUS Status, NDIS_HANDLE BindContext, PNDIS_STRING DeviceName, PVOID SystemSpecific1, PVOID SystemSpecific2)
{
    NDIS_MEDIUM Media[] = {NdisMedium802_3};
    PECHO51_BINDING Binding = AllocateBinding();
    NDIS_STATUS OpenError;
    UINT Selected;

    UNREFERENCED_PARAMETER(BindContext);
    UNREFERENCED_PARAMETER(SystemSpecific1);
    UNREFERENCED_PARAMETER(SystemSpecific2);
    if (Binding == NULL) {
        *Status = NDIS_STATUS_RESOURCES;
        return;
    }
    NdisOpenAdapter(
        Status, &OpenError, &Binding->Handle, &Selected, Media, 1, Echo51Protocol, Binding, DeviceName, 0, NULL);
    *Status = FinalStatus(Binding, *Status);
    if (*Status != NDIS_STATUS_SUCCESS) {
        FreeBinding(Binding);
        return;
    }
    *Status = Ask(
        Binding,
        NdisRequestQueryInformation,
        OID_802_3_CURRENT_ADDRESS,
        Binding->MacAddress,
        sizeof(Binding->MacAddress));
    Binding->PacketFilter = NDIS_PACKET_TYPE_DIRECTED | NDIS_PACKET_TYPE_BROADCAST;
    if (*Status == NDIS_STATUS_SUCCESS)
        *Status = Ask(
            Binding, NdisRequestSetInformation, OID_GEN_CURRENT_PACKET_FILTER, &Binding->PacketFilter, sizeof(ULONG));
    if (*Status != NDIS_STATUS_SUCCESS)
        CloseBinding(Binding);
}

static VOID NTAPI Echo51UnbindAdapter(PNDIS_STATUS Status, NDIS_HANDLE Context, NDIS_HANDLE UnbindContext)
{
    UNREFERENCED_PARAMETER(UnbindContext);
    CloseBinding(Context);
    *Status = NDIS_STATUS_SUCCESS;
}

/* Answers a frame that lies in one piece. */
static VOID Answer(PECHO51_BINDING Binding, const UCHAR *Frame, UINT Length, PVOID Tag)
{
    PNDIS_PACKET Packet = AllocatePacket(Binding);
    PNDIS_BUFFER Buffer;
    UINT Answered;

    if (Packet == NULL)
        return;
    Buffer = NDIS_PACKET_FIRST_NDIS_BUFFER(Packet);
    Answered = Echo51Answer(Binding->MacAddress, Frame, Length, NdisBufferVirtualAddress(Buffer));
    if (Answered == 0) {
        FreePacket(Packet);
        return;
    }
    NdisAdjustBufferLength(Buffer, Answered);
    NdisRecalculatePacketCounts(Packet);
    /* What came in with a VLAN tag goes back with it. */
    NDIS_PER_PACKET_INFO_FROM_PACKET(Packet, Ieee8021QInfo) = Tag;
    NdisSetPacketFlags(Packet, NDIS_FLAGS_DONT_LOOPBACK);
    if (Echo51Send(Binding->Handle, Packet) != NDIS_STATUS_PENDING)
        FreePacket(Packet);
}

static VOID NTAPI Echo51SendComplete(NDIS_HANDLE Context, PNDIS_PACKET Packet, NDIS_STATUS Status)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Status);
    FreePacket(Packet);
}

/* The answer is a packet of its own, so the received one goes back at once. */
static INT NTAPI Echo51ReceivePacket(NDIS_HANDLE Context, PNDIS_PACKET Packet)
{
    PECHO51_BINDING Binding = Context;
    PNDIS_BUFFER Buffer;
    PUCHAR Data;
    UINT First, Total, At = 0;

    NdisGetFirstBufferFromPacket(Packet, &Buffer, (PVOID *)&Data, &First, &Total);
    if (Total > FRAME_SIZE)
        return 0;
    if (First < Total) {
        for (; Buffer != NULL; Buffer = NDIS_BUFFER_LINKAGE(Buffer)) {
            NdisQueryBuffer(Buffer, (PVOID *)&Data, &First);
            NdisMoveMemory(Binding->Frame + At, Data, First);
            At += First;
        }
        Data = Binding->Frame;
    }
    Answer(Binding, Data, Total, NDIS_PER_PACKET_INFO_FROM_PACKET(Packet, Ieee8021QInfo));
    return 0;
}

static VOID Transferred(PECHO51_BINDING Binding, NDIS_STATUS Status, UINT Bytes)
{
    PNDIS_BUFFER Buffer = NDIS_PACKET_FIRST_NDIS_BUFFER(Binding->TransferPacket);

    if (Status != NDIS_STATUS_SUCCESS)
        return;
    NdisMoveMemory(Binding->Frame + Binding->Before, NdisBufferVirtualAddress(Buffer), Bytes);
    Answer(Binding, Binding->Frame, Binding->Before + Bytes, NULL);
    Binding->Before = 0;
}

static VOID NTAPI
Echo51TransferDataComplete(NDIS_HANDLE Context, PNDIS_PACKET Packet, NDIS_STATUS Status, UINT BytesTransferred)
{
    UNREFERENCED_PARAMETER(Packet);
    Transferred(Context, Status, BytesTransferred);
}

/* For miniports that indicate the beginning of a frame instead of a packet. */
static NDIS_STATUS NTAPI Echo51Receive(
    NDIS_HANDLE Context,
    NDIS_HANDLE MacReceiveContext,
    PVOID Header,
    UINT HeaderSize,
    PVOID Lookahead,
    UINT LookaheadSize,
    UINT PacketSize)
{
    PECHO51_BINDING Binding = Context;
    NDIS_STATUS Status;
    UINT Bytes;

    if (HeaderSize + PacketSize > FRAME_SIZE || Binding->Before != 0)
        return NDIS_STATUS_NOT_ACCEPTED;
    if (LookaheadSize > PacketSize)
        LookaheadSize = PacketSize;
    NdisMoveMemory(Binding->Frame, Header, HeaderSize);
    NdisMoveMemory(Binding->Frame + HeaderSize, Lookahead, LookaheadSize);
    if (LookaheadSize == PacketSize) {
        Answer(Binding, Binding->Frame, HeaderSize + PacketSize, NULL);
        return NDIS_STATUS_SUCCESS;
    }
    Binding->Before = HeaderSize + LookaheadSize;
    NdisTransferData(
        &Status,
        Binding->Handle,
        MacReceiveContext,
        LookaheadSize,
        PacketSize - LookaheadSize,
        Binding->TransferPacket,
        &Bytes);
    if (Status != NDIS_STATUS_PENDING)
        Transferred(Binding, Status, Bytes);
    return NDIS_STATUS_SUCCESS;
}

static VOID NTAPI Echo51ReceiveComplete(NDIS_HANDLE Context)
{
    UNREFERENCED_PARAMETER(Context);
}

static VOID NTAPI Echo51ResetComplete(NDIS_HANDLE Context, NDIS_STATUS Status)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Status);
}

static VOID NTAPI Echo51Status(NDIS_HANDLE Context, NDIS_STATUS Status, PVOID Buffer, UINT Size)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Status);
    UNREFERENCED_PARAMETER(Buffer);
    UNREFERENCED_PARAMETER(Size);
}

static VOID NTAPI Echo51StatusComplete(NDIS_HANDLE Context)
{
    UNREFERENCED_PARAMETER(Context);
}

/* Nothing is kept that a sleeping adapter or its removal could spoil. */
static NDIS_STATUS NTAPI Echo51PnPEvent(NDIS_HANDLE Context, PNET_PNP_EVENT Event)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Event);
    return NDIS_STATUS_SUCCESS;
}

static VOID NTAPI Echo51Unload(PDRIVER_OBJECT DriverObject)
{
    NDIS_STATUS Status;

    UNREFERENCED_PARAMETER(DriverObject);
    NdisDeregisterProtocol(&Status, Echo51Protocol);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NDIS_PROTOCOL_CHARACTERISTICS Characteristics;
    NDIS_STATUS Status = Echo51ReadParameters(RegistryPath);

    if (Status != STATUS_SUCCESS)
        return Status;
    NdisZeroMemory(&Characteristics, sizeof(Characteristics));
    Characteristics.MajorNdisVersion = 5;
    Characteristics.MinorNdisVersion = 1;
    RtlInitUnicodeString(&Characteristics.Name, L"echo51");
    Characteristics.BindAdapterHandler = Echo51BindAdapter;
    Characteristics.UnbindAdapterHandler = Echo51UnbindAdapter;
    Characteristics.OpenAdapterCompleteHandler = Echo51OpenComplete;
    Characteristics.CloseAdapterCompleteHandler = Echo51CloseComplete;
    Characteristics.RequestCompleteHandler = Echo51RequestComplete;
    Characteristics.SendCompleteHandler = Echo51SendComplete;
    Characteristics.ReceivePacketHandler = Echo51ReceivePacket;
    Characteristics.ReceiveHandler = Echo51Receive;
    Characteristics.ReceiveCompleteHandler = Echo51ReceiveComplete;
    Characteristics.TransferDataCompleteHandler = Echo51TransferDataComplete;
    Characteristics.StatusHandler = Echo51Status;
    Characteristics.StatusCompleteHandler = Echo51StatusComplete;
    Characteristics.ResetCompleteHandler = Echo51ResetComplete;
    Characteristics.PnPEventHandler = Echo51PnPEvent;
    DriverObject->DriverUnload = Echo51Unload;
    NdisRegisterProtocol(&Status, &Echo51Protocol, &Characteristics, sizeof(Characteristics));
    return Status;
}
