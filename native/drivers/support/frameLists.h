/*
 * Net buffer lists with a buffer each, made once and used again and again.
 * See "NET_BUFFER_LIST Management" (network).
 */
#pragma once

#include <ndis.h>

typedef struct _FRAME_LISTS {
    NDIS_HANDLE Pool;
    PUCHAR Buffers;
    ULONG BufferSize; /* bytes of each buffer */
    PNET_BUFFER_LIST Free; /* chained by Next; guarded by a lock of the owner's */
} FRAME_LISTS, *PFRAME_LISTS;

/*
 * Makes Count lists with buffers of at least BufferSize bytes. Owner: a handle for NdisAllocateNetBufferListPool.
 * FALSE when memory is short; nothing is left behind then. <= DISPATCH_LEVEL.
 */
BOOLEAN FrameListsCreate(PFRAME_LISTS Lists, NDIS_HANDLE Owner, ULONG Tag, ULONG Count, ULONG BufferSize);

/* Frees the lists, all of which have come back, and their buffers. Does nothing to what was not created. */
VOID FrameListsDestroy(PFRAME_LISTS Lists);

/* A free list, or NULL. The owner holds its lock. */
FORCEINLINE PNET_BUFFER_LIST FrameListsTake(PFRAME_LISTS Lists)
{
    PNET_BUFFER_LIST List = Lists->Free;

    if (List != NULL) {
        Lists->Free = NET_BUFFER_LIST_NEXT_NBL(List);
        NET_BUFFER_LIST_NEXT_NBL(List) = NULL;
    }
    return List;
}

/* Gives a list back. The owner holds its lock. */
FORCEINLINE VOID FrameListsGive(PFRAME_LISTS Lists, PNET_BUFFER_LIST List)
{
    NET_BUFFER_LIST_NEXT_NBL(List) = Lists->Free;
    Lists->Free = List;
}

/* Where the buffer of a list begins. */
FORCEINLINE PUCHAR FrameListsBuffer(PNET_BUFFER_LIST List)
{
    return MmGetSystemAddressForMdlSafe(NET_BUFFER_FIRST_MDL(NET_BUFFER_LIST_FIRST_NB(List)), NormalPagePriority);
}

/* Says that the frame of a list lies Offset bytes into its buffer and is Length bytes long. */
FORCEINLINE VOID FrameListsSetFrame(PNET_BUFFER_LIST List, ULONG Offset, ULONG Length)
{
    PNET_BUFFER Buffer = NET_BUFFER_LIST_FIRST_NB(List);

    NET_BUFFER_CURRENT_MDL(Buffer) = NET_BUFFER_FIRST_MDL(Buffer);
    NET_BUFFER_CURRENT_MDL_OFFSET(Buffer) = Offset;
    NET_BUFFER_DATA_OFFSET(Buffer) = Offset;
    NET_BUFFER_DATA_LENGTH(Buffer) = Length;
}
