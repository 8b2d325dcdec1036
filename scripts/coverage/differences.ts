/**
 * Where a declaration differs from the facts on purpose: the facts follow the reference, which is sometimes wrong or
 * silent. Reviewed by hand; every line says why.
 */

/** Parts of a declaration that are compared. */
export type Part = 'returns' | 'parameters' | 'irql' | 'page';

/** The deliberate differences by entry. */
export const DIFFERENCES: Readonly<Record<string, Partial<Record<Part, string>>>> = {
  PROTOCOL_SEND_NET_BUFFER_LISTS_COMPLETE: {
    parameters: 'the page lists the parameters out of order; the header has the list second',
  },
  FILTER_SYNCHRONOUS_OID_REQUEST: { page: 'the reference keeps this callback on a page of functions (nf-)' },
  FILTER_SYNCHRONOUS_OID_REQUEST_COMPLETE: { page: 'as above' },
  NdisFSynchronousOidRequest: { parameters: 'the page leaves out that it takes a pointer' },
  NET_BUFFER_LIST_NBL_FLAGS: { returns: 'the page calls the macro VOID; it is an expression of the flags' },
  NET_BUFFER_LIST_STATUS: { returns: 'the status is what the list holds, not the outcome of the macro' },
  NdisProcessorNumberToIndex: {
    returns: 'no page says; the name and the drivers that import it do',
    parameters: 'as above',
  },
  NDIS_NBL_GET_MEDIA_SPECIFIC_INFO: { parameters: 'the macro writes the pointer it finds: one level more' },
  NDIS_NBL_ADD_MEDIA_SPECIFIC_INFO_EX: { parameters: 'the page names the structure without EX' },
  NDIS_NBL_GET_MEDIA_SPECIFIC_INFO_EX: { parameters: 'without EX on the page, and one level more' },
  NDIS_NBL_REMOVE_MEDIA_SPECIFIC_INFO_EX: { parameters: 'the page names the structure without EX' },
  NdisInterlockedPushEntrySList: {
    returns: 'on x64 an entry of a sequenced list is an SLIST_ENTRY of 16 bytes',
    parameters: 'as above',
  },
  NdisInterlockedPopEntrySList: {
    returns: 'on x64 an entry of a sequenced list is an SLIST_ENTRY of 16 bytes',
  },
  PROTOCOL_CO_RECEIVE_NET_BUFFER_LISTS: { parameters: 'the page has lost a space: INPNET_BUFFER_LIST' },
  NdisCoAssignInstanceName: {
    irql: 'the rule Irql_Connection_Function of the page allows every IRQL up to this one, and so does the header',
  },
  NdisCoGetTapiCallId: { irql: 'as above' },
  NdisClGetProtocolVcContextFromTapiCallId: { irql: 'as above' },
  NET_BUFFER_SHARED_MEM_OFFSET: {
    parameters: 'the page names NET_BUFFER; the macro reads the shared memory',
  },
  NdisFreeBuffer: { parameters: 'the header makes it another name of IoFreeMdl, without parameters' },
  NdisBufferLength: { parameters: 'another name of MmGetMdlByteCount in the header' },
  NdisBufferVirtualAddress: { parameters: 'another name of MmGetSystemAddressForMdl in the header' },
  NdisBufferVirtualAddressSafe: { parameters: 'another name of MmGetSystemAddressForMdlSafe in the header' },
  MINIPORT_MESSAGE_INTERRUPT_DPC: {
    parameters: 'of the two reserved parameters before NDIS 6.20 the first became ReceiveThrottleParameters',
  },
  MINIPORT_DISABLE_MESSAGE_INTERRUPT: { irql: 'DIRQL is another level for each interrupt' },
  MINIPORT_ENABLE_MESSAGE_INTERRUPT: { irql: 'as above' },
  NDIS_PROC: { parameters: 'the header gives the parameters no names' },
  NDIS_BUFFER_TO_SPAN_PAGES: { parameters: 'no page says; the macro that it replaced does' },
  NdisMWanIndicateReceiveComplete: { parameters: 'the header lacks a comma between its two parameters' },
};
