/*
 * Requests on their way through passthrough: each goes on as a clone, whose results go back into the request that came.
 * See "Filtering OID Requests in an NDIS Filter Driver" (network).
 */
#include "passthrough.h"

/* Where a clone keeps the request that it was made of: for whoever makes a request to use. */
static PNDIS_OID_REQUEST *OriginalOf(PNDIS_OID_REQUEST Clone)
{
    return (PNDIS_OID_REQUEST *)&Clone->SourceReserved[0];
}

/* Gives the request that a clone was made of its results, and frees the clone. */
static PNDIS_OID_REQUEST Finish(PPASSTHROUGH_MODULE Module, PNDIS_OID_REQUEST Clone)
{
    PNDIS_OID_REQUEST Original = *OriginalOf(Clone);

    switch (Original->RequestType) {
    case NdisRequestMethod:
        Original->DATA.METHOD_INFORMATION.OutputBufferLength = Clone->DATA.METHOD_INFORMATION.OutputBufferLength;
        Original->DATA.METHOD_INFORMATION.BytesRead = Clone->DATA.METHOD_INFORMATION.BytesRead;
        Original->DATA.METHOD_INFORMATION.BytesWritten = Clone->DATA.METHOD_INFORMATION.BytesWritten;
        Original->DATA.METHOD_INFORMATION.BytesNeeded = Clone->DATA.METHOD_INFORMATION.BytesNeeded;
        break;
    case NdisRequestSetInformation:
        Original->DATA.SET_INFORMATION.BytesRead = Clone->DATA.SET_INFORMATION.BytesRead;
        Original->DATA.SET_INFORMATION.BytesNeeded = Clone->DATA.SET_INFORMATION.BytesNeeded;
        break;
    default:
        Original->DATA.QUERY_INFORMATION.BytesWritten = Clone->DATA.QUERY_INFORMATION.BytesWritten;
        Original->DATA.QUERY_INFORMATION.BytesNeeded = Clone->DATA.QUERY_INFORMATION.BytesNeeded;
        break;
    }
    Original->SupportedRevision = Clone->SupportedRevision;
    NdisFreeCloneOidRequest(Module->Handle, Clone);
    return Original;
}

/* Passes a request on by one of the two interfaces, which work alike. */
static NDIS_STATUS PassOn(PPASSTHROUGH_MODULE Module, PNDIS_OID_REQUEST OidRequest, BOOLEAN Direct)
{
    PNDIS_OID_REQUEST Clone;
    NDIS_STATUS Status = NdisAllocateCloneOidRequest(Module->Handle, OidRequest, PASSTHROUGH_TAG, &Clone);

    if (Status != NDIS_STATUS_SUCCESS)
        return Status;
    *OriginalOf(Clone) = OidRequest;
    InterlockedIncrement64(&Module->Counts.Requests);
    Status = Direct ? NdisFDirectOidRequest(Module->Handle, Clone) : NdisFOidRequest(Module->Handle, Clone);
    /* A pending one may be complete by now, and the clone gone. */
    if (Status != NDIS_STATUS_PENDING)
        Finish(Module, Clone);
    return Status;
}

_Use_decl_annotations_
NDIS_STATUS PassthroughOidRequest(NDIS_HANDLE FilterModuleContext, PNDIS_OID_REQUEST OidRequest)
{
    return PassOn(FilterModuleContext, OidRequest, FALSE);
}

_Use_decl_annotations_
VOID PassthroughOidRequestComplete(NDIS_HANDLE FilterModuleContext, PNDIS_OID_REQUEST OidRequest, NDIS_STATUS Status)
{
    PPASSTHROUGH_MODULE Module = FilterModuleContext;

    NdisFOidRequestComplete(Module->Handle, Finish(Module, OidRequest), Status);
}

_Use_decl_annotations_
VOID PassthroughCancelOidRequest(NDIS_HANDLE FilterModuleContext, PVOID RequestId)
{
    NdisFCancelOidRequest(((PPASSTHROUGH_MODULE)FilterModuleContext)->Handle, RequestId);
}

_Use_decl_annotations_
NDIS_STATUS PassthroughDirectOidRequest(NDIS_HANDLE FilterModuleContext, PNDIS_OID_REQUEST OidRequest)
{
    return PassOn(FilterModuleContext, OidRequest, TRUE);
}

_Use_decl_annotations_
VOID PassthroughDirectOidRequestComplete(
    NDIS_HANDLE FilterModuleContext,
    PNDIS_OID_REQUEST OidRequest,
    NDIS_STATUS Status)
{
    PPASSTHROUGH_MODULE Module = FilterModuleContext;

    NdisFDirectOidRequestComplete(Module->Handle, Finish(Module, OidRequest), Status);
}

_Use_decl_annotations_
VOID PassthroughCancelDirectOidRequest(NDIS_HANDLE FilterModuleContext, PVOID RequestId)
{
    NdisFCancelDirectOidRequest(((PPASSTHROUGH_MODULE)FilterModuleContext)->Handle, RequestId);
}

/* It goes on when this returns: a synchronous request is not cloned. */
_Use_decl_annotations_
NDIS_STATUS PassthroughSynchronousOidRequest(
    NDIS_HANDLE FilterModuleContext,
    NDIS_OID_REQUEST *OidRequest,
    PVOID *CallContext)
{
    UNREFERENCED_PARAMETER(OidRequest);
    UNREFERENCED_PARAMETER(CallContext);
    InterlockedIncrement64(&((PPASSTHROUGH_MODULE)FilterModuleContext)->Counts.Requests);
    return NDIS_STATUS_SUCCESS;
}

_Use_decl_annotations_
VOID PassthroughSynchronousOidRequestComplete(
    NDIS_HANDLE FilterModuleContext,
    NDIS_OID_REQUEST *OidRequest,
    NDIS_STATUS *Status,
    PVOID CallContext)
{
    UNREFERENCED_PARAMETER(FilterModuleContext);
    UNREFERENCED_PARAMETER(OidRequest);
    UNREFERENCED_PARAMETER(Status);
    UNREFERENCED_PARAMETER(CallContext);
}
