/* See frameLists.h. */
#include "frameLists.h"

/* Buffers begin at multiples of this. */
#define BUFFER_ALIGNMENT 64

static BOOLEAN AddList(PFRAME_LISTS Lists, NDIS_HANDLE Owner, PUCHAR Buffer)
{
    PMDL Mdl = NdisAllocateMdl(Owner, Buffer, Lists->BufferSize);
    PNET_BUFFER_LIST List;

    if (Mdl == NULL)
        return FALSE;
    List = NdisAllocateNetBufferAndNetBufferList(Lists->Pool, 0, 0, Mdl, 0, 0);
    if (List == NULL) {
        NdisFreeMdl(Mdl);
        return FALSE;
    }
    FrameListsGive(Lists, List);
    return TRUE;
}

BOOLEAN FrameListsCreate(PFRAME_LISTS Lists, NDIS_HANDLE Owner, ULONG Tag, ULONG Count, ULONG BufferSize)
{
    NET_BUFFER_LIST_POOL_PARAMETERS Parameters;

    RtlZeroMemory(Lists, sizeof(*Lists));
    Lists->BufferSize = (BufferSize + BUFFER_ALIGNMENT - 1) & ~(BUFFER_ALIGNMENT - 1);
    Lists->Buffers = NdisAllocateMemoryWithTagPriority(Owner, Count * Lists->BufferSize, Tag, NormalPoolPriority);
    if (Lists->Buffers == NULL)
        return FALSE;

    RtlZeroMemory(&Parameters, sizeof(Parameters));
    Parameters.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    Parameters.Header.Revision = NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1;
    Parameters.Header.Size = NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1;
    Parameters.fAllocateNetBuffer = TRUE;
    Parameters.PoolTag = Tag;
    Lists->Pool = NdisAllocateNetBufferListPool(Owner, &Parameters);
    if (Lists->Pool == NULL) {
        FrameListsDestroy(Lists);
        return FALSE;
    }
    while (Count-- > 0) {
        if (!AddList(Lists, Owner, Lists->Buffers + Count * Lists->BufferSize)) {
            FrameListsDestroy(Lists);
            return FALSE;
        }
    }
    return TRUE;
}

VOID FrameListsDestroy(PFRAME_LISTS Lists)
{
    PNET_BUFFER_LIST List;

    while ((List = FrameListsTake(Lists)) != NULL) {
        PMDL Mdl = NET_BUFFER_FIRST_MDL(NET_BUFFER_LIST_FIRST_NB(List));

        NdisFreeNetBufferList(List);
        NdisFreeMdl(Mdl);
    }
    if (Lists->Pool != NULL)
        NdisFreeNetBufferListPool(Lists->Pool);
    if (Lists->Buffers != NULL)
        NdisFreeMemory(Lists->Buffers, 0, 0);
    RtlZeroMemory(Lists, sizeof(*Lists));
}
