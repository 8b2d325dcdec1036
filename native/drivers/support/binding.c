/* See binding.h. */
#include "binding.h"

/* A request of ours, and what its completion tells whoever waits for it. */
typedef struct _BINDING_REQUEST {
    NDIS_OID_REQUEST Request;
    NDIS_EVENT Completed;
    NDIS_STATUS Status;
} BINDING_REQUEST, *PBINDING_REQUEST;

VOID BindingInitialize(PBINDING Binding, const NDIS_BIND_PARAMETERS *Parameters)
{
    NdisInitializeEvent(&Binding->Completed);
    /* A new binding is paused: no list may be sent before the first restart. */
    ExInitializeRundownProtection(&Binding->Sends);
    ExWaitForRundownProtectionRelease(&Binding->Sends);
    ExRundownCompleted(&Binding->Sends);

    RtlCopyMemory(Binding->MacAddress, Parameters->CurrentMacAddress, sizeof(Binding->MacAddress));
    Binding->MtuSize = Parameters->MtuSize;
    Binding->DataBackFillSize = Parameters->DataBackFillSize;
    Binding->SupportedPacketFilters = Parameters->SupportedPacketFilters;
    Binding->MaxMulticastListSize = Parameters->MaxMulticastListSize;
    Binding->LinkSpeed = Parameters->XmitLinkSpeed;
    Binding->MediaConnectState = Parameters->MediaConnectState;
    Binding->IfIndex = Parameters->BoundIfIndex;
}

NDIS_STATUS BindingOpen(
    PBINDING Binding,
    NDIS_HANDLE Protocol,
    NDIS_HANDLE BindingContext,
    NDIS_HANDLE BindContext,
    const NDIS_BIND_PARAMETERS *Parameters)
{
    NDIS_OPEN_PARAMETERS Open;
    NDIS_MEDIUM Medium = NdisMedium802_3;
    UINT Selected;
    NDIS_HANDLE Handle = NULL;
    NDIS_STATUS Status;

    RtlZeroMemory(&Open, sizeof(Open));
    Open.Header.Type = NDIS_OBJECT_TYPE_OPEN_PARAMETERS;
    Open.Header.Revision = NDIS_OPEN_PARAMETERS_REVISION_1;
    Open.Header.Size = NDIS_SIZEOF_OPEN_PARAMETERS_REVISION_1;
    Open.AdapterName = Parameters->AdapterName;
    Open.MediumArray = &Medium;
    Open.MediumArraySize = 1;
    Open.SelectedMediumIndex = &Selected;

    NdisResetEvent(&Binding->Completed);
    Status = NdisOpenAdapterEx(Protocol, BindingContext, &Open, BindContext, &Handle);
    if (Status == NDIS_STATUS_PENDING) {
        NdisWaitEvent(&Binding->Completed, 0);
        Status = Binding->CompletionStatus;
    }
    if (Status == NDIS_STATUS_SUCCESS)
        Binding->Handle = Handle;
    return Status;
}

VOID BindingClose(PBINDING Binding)
{
    if (Binding->Handle == NULL)
        return;
    NdisResetEvent(&Binding->Completed);
    if (NdisCloseAdapterEx(Binding->Handle) == NDIS_STATUS_PENDING)
        NdisWaitEvent(&Binding->Completed, 0);
    Binding->Handle = NULL;
}

VOID BindingComplete(PBINDING Binding, NDIS_STATUS Status)
{
    Binding->CompletionStatus = Status;
    NdisSetEvent(&Binding->Completed);
}

NDIS_STATUS BindingSet(PBINDING Binding, NDIS_OID Oid, PVOID Buffer, ULONG Length)
{
    BINDING_REQUEST Own;
    NDIS_STATUS Status;

    RtlZeroMemory(&Own, sizeof(Own));
    NdisInitializeEvent(&Own.Completed);
    Own.Request.Header.Type = NDIS_OBJECT_TYPE_OID_REQUEST;
    Own.Request.Header.Revision = NDIS_OID_REQUEST_REVISION_1;
    Own.Request.Header.Size = NDIS_SIZEOF_OID_REQUEST_REVISION_1;
    Own.Request.RequestType = NdisRequestSetInformation;
    Own.Request.DATA.SET_INFORMATION.Oid = Oid;
    Own.Request.DATA.SET_INFORMATION.InformationBuffer = Buffer;
    Own.Request.DATA.SET_INFORMATION.InformationBufferLength = Length;

    Status = NdisOidRequest(Binding->Handle, &Own.Request);
    if (Status == NDIS_STATUS_PENDING) {
        NdisWaitEvent(&Own.Completed, 0);
        Status = Own.Status;
    }
    return Status;
}

VOID BindingCompleteRequest(PNDIS_OID_REQUEST Request, NDIS_STATUS Status)
{
    PBINDING_REQUEST Own = CONTAINING_RECORD(Request, BINDING_REQUEST, Request);

    Own->Status = Status;
    /* The request lies on the stack of whoever waits: it is gone once the event is set. */
    NdisSetEvent(&Own->Completed);
}

VOID BindingRestart(PBINDING Binding)
{
    ExReInitializeRundownProtection(&Binding->Sends);
    Binding->Running = TRUE;
}

VOID BindingPause(PBINDING Binding)
{
    Binding->Running = FALSE;
    ExWaitForRundownProtectionRelease(&Binding->Sends);
    ExRundownCompleted(&Binding->Sends);
}

BOOLEAN BindingAcquireSends(PBINDING Binding, ULONG Count)
{
    return ExAcquireRundownProtectionEx(&Binding->Sends, Count);
}

VOID BindingReleaseSends(PBINDING Binding, ULONG Count)
{
    ExReleaseRundownProtectionEx(&Binding->Sends, Count);
}
