/*
 * The miniport edge of pass51: what is sent to a virtual miniport goes to the adapter below, requests too.
 * See nf-ndis-ndisimgetdevicecontext and nf-ndis-ndisimcopysendperpacketinfo.
 */
#include "pass51.h"

static NDIS_STATUS NTAPI Pass51Initialize(
    PNDIS_STATUS OpenErrorStatus, PUINT SelectedMediumIndex, PNDIS_MEDIUM MediumArray, UINT MediumArraySize,
    NDIS_HANDLE MiniportAdapterHandle, NDIS_HANDLE WrapperConfigurationContext)
{
    PPASS51_ADAPTER Adapter = NdisIMGetDeviceContext(MiniportAdapterHandle);
    UINT Index;

    UNREFERENCED_PARAMETER(OpenErrorStatus);
    UNREFERENCED_PARAMETER(WrapperConfigurationContext);
    for (Index = 0; Index < MediumArraySize && MediumArray[Index] != Adapter->Medium; Index++)
        ;
    if (Index == MediumArraySize)
        return NDIS_STATUS_UNSUPPORTED_MEDIA;
    *SelectedMediumIndex = Index;
    NdisMSetAttributesEx(
        MiniportAdapterHandle,
        Adapter,
        0,
        NDIS_ATTRIBUTE_IGNORE_PACKET_TIMEOUT | NDIS_ATTRIBUTE_IGNORE_REQUEST_TIMEOUT |
            NDIS_ATTRIBUTE_INTERMEDIATE_DRIVER | NDIS_ATTRIBUTE_DESERIALIZE | NDIS_ATTRIBUTE_NO_HALT_ON_SUSPEND,
        0);
    Adapter->MiniportHandle = MiniportAdapterHandle;
    Adapter->PowerState = NdisDeviceStateD0;
    return NDIS_STATUS_SUCCESS;
}

/* The protocol edge frees what belongs to the binding. */
static VOID NTAPI Pass51Halt(NDIS_HANDLE MiniportAdapterContext)
{
    ((PPASS51_ADAPTER)MiniportAdapterContext)->MiniportHandle = NULL;
}

static VOID SendPacket(PPASS51_ADAPTER Adapter, PNDIS_PACKET Packet)
{
    PNDIS_PACKET Copy;
    NDIS_STATUS Status;

    NdisAllocatePacket(&Status, &Copy, Adapter->SendPool);
    if (Status != NDIS_STATUS_SUCCESS) {
        NdisMSendComplete(Adapter->MiniportHandle, Packet, NDIS_STATUS_RESOURCES);
        return;
    }
    SENT_PACKET(Copy) = Packet;
    Copy->Private.Head = Packet->Private.Head;
    Copy->Private.Tail = Packet->Private.Tail;
    Copy->Private.ValidCounts = FALSE;
    NdisSetPacketFlags(Copy, NdisGetPacketFlags(Packet));
    NdisMoveMemory(
        NDIS_OOB_DATA_FROM_PACKET(Copy), NDIS_OOB_DATA_FROM_PACKET(Packet), sizeof(NDIS_PACKET_OOB_DATA));
    NdisIMCopySendPerPacketInfo(Copy, Packet);
    NdisSend(&Status, Adapter->BindingHandle, Copy);
    if (Status == NDIS_STATUS_PENDING)
        return;
    NdisIMCopySendCompletePerPacketInfo(Packet, Copy);
    NdisFreePacket(Copy);
    NdisMSendComplete(Adapter->MiniportHandle, Packet, Status);
}

static VOID NTAPI
Pass51SendPackets(NDIS_HANDLE MiniportAdapterContext, PPNDIS_PACKET PacketArray, UINT NumberOfPackets)
{
    UINT Index;

    for (Index = 0; Index < NumberOfPackets; Index++)
        SendPacket(MiniportAdapterContext, PacketArray[Index]);
}

static VOID NTAPI Pass51ReturnPacket(NDIS_HANDLE MiniportAdapterContext, PNDIS_PACKET Packet)
{
    PNDIS_PACKET Received = RECEIVED_PACKET(Packet);

    UNREFERENCED_PARAMETER(MiniportAdapterContext);
    NdisFreePacket(Packet);
    NdisReturnPackets(&Received, 1);
}

static VOID NTAPI Pass51CancelSendPackets(NDIS_HANDLE MiniportAdapterContext, PVOID CancelId)
{
    NdisCancelSendPackets(((PPASS51_ADAPTER)MiniportAdapterContext)->BindingHandle, CancelId);
}

static NDIS_STATUS NTAPI Pass51TransferData(
    PNDIS_PACKET Packet, PUINT BytesTransferred, NDIS_HANDLE MiniportAdapterContext,
    NDIS_HANDLE MiniportReceiveContext, UINT ByteOffset, UINT BytesToTransfer)
{
    PPASS51_ADAPTER Adapter = MiniportAdapterContext;
    NDIS_STATUS Status;

    NdisTransferData(
        &Status, Adapter->BindingHandle, MiniportReceiveContext, ByteOffset, BytesToTransfer, Packet, BytesTransferred);
    return Status;
}

/* The request that was passed on is complete: its counts go where the virtual miniport's caller wants them. */
static VOID TakeCounts(PPASS51_ADAPTER Adapter)
{
    /* The members of queries and sets lie at the same places. */
    *Adapter->BytesDone = Adapter->Request.DATA.QUERY_INFORMATION.BytesWritten;
    *Adapter->BytesNeeded = Adapter->Request.DATA.QUERY_INFORMATION.BytesNeeded;
}

VOID CompleteRequest(PPASS51_ADAPTER Adapter, NDIS_STATUS Status)
{
    TakeCounts(Adapter);
    if (Adapter->Request.RequestType == NdisRequestSetInformation)
        NdisMSetInformationComplete(Adapter->MiniportHandle, Status);
    else
        NdisMQueryInformationComplete(Adapter->MiniportHandle, Status);
}

static NDIS_STATUS
PassRequest(PPASS51_ADAPTER Adapter, NDIS_REQUEST_TYPE Type, NDIS_OID Oid, PVOID Buffer, ULONG Length, PULONG BytesDone, PULONG BytesNeeded)
{
    PNDIS_REQUEST Request = &Adapter->Request;
    NDIS_STATUS Status;

    /* The power of the virtual miniport is its own: neither of the two is passed on. */
    if (Oid == OID_PNP_QUERY_POWER)
        return NDIS_STATUS_SUCCESS;
    if (Oid == OID_PNP_SET_POWER) {
        Adapter->PowerState = *(NDIS_DEVICE_POWER_STATE *)Buffer;
        return NDIS_STATUS_SUCCESS;
    }
    if (Adapter->PowerState != NdisDeviceStateD0)
        return NDIS_STATUS_FAILURE;
    Adapter->BytesDone = BytesDone;
    Adapter->BytesNeeded = BytesNeeded;
    Request->RequestType = Type;
    Request->DATA.QUERY_INFORMATION.Oid = Oid;
    Request->DATA.QUERY_INFORMATION.InformationBuffer = Buffer;
    Request->DATA.QUERY_INFORMATION.InformationBufferLength = Length;
    Request->DATA.QUERY_INFORMATION.BytesWritten = 0;
    Request->DATA.QUERY_INFORMATION.BytesNeeded = 0;
    NdisRequest(&Status, Adapter->BindingHandle, Request);
    if (Status != NDIS_STATUS_PENDING)
        TakeCounts(Adapter);
    return Status;
}

static NDIS_STATUS NTAPI Pass51QueryInformation(
    NDIS_HANDLE MiniportAdapterContext, NDIS_OID Oid, PVOID InformationBuffer, ULONG InformationBufferLength,
    PULONG BytesWritten, PULONG BytesNeeded)
{
    return PassRequest(
        MiniportAdapterContext,
        NdisRequestQueryInformation,
        Oid,
        InformationBuffer,
        InformationBufferLength,
        BytesWritten,
        BytesNeeded);
}

static NDIS_STATUS NTAPI Pass51SetInformation(
    NDIS_HANDLE MiniportAdapterContext, NDIS_OID Oid, PVOID InformationBuffer, ULONG InformationBufferLength,
    PULONG BytesRead, PULONG BytesNeeded)
{
    return PassRequest(
        MiniportAdapterContext,
        NdisRequestSetInformation,
        Oid,
        InformationBuffer,
        InformationBufferLength,
        BytesRead,
        BytesNeeded);
}

VOID FillMiniport(NDIS_MINIPORT_CHARACTERISTICS *Characteristics)
{
    NdisZeroMemory(Characteristics, sizeof(*Characteristics));
    Characteristics->MajorNdisVersion = 5;
    Characteristics->MinorNdisVersion = 1;
    Characteristics->InitializeHandler = Pass51Initialize;
    Characteristics->HaltHandler = Pass51Halt;
    Characteristics->QueryInformationHandler = Pass51QueryInformation;
    Characteristics->SetInformationHandler = Pass51SetInformation;
    Characteristics->SendPacketsHandler = Pass51SendPackets;
    Characteristics->ReturnPacketHandler = Pass51ReturnPacket;
    Characteristics->TransferDataHandler = Pass51TransferData;
    Characteristics->CancelSendPacketsHandler = Pass51CancelSendPackets;
}
