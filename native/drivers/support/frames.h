/* The bytes of frames, wherever their MDLs have them. See "NET_BUFFER Data Space" (network). */
#pragma once

#include <ndis.h>

/* The whole frame of a net buffer in one piece: where it lies, or a copy in Storage; NULL where memory is short. */
FORCEINLINE PUCHAR FrameData(PNET_BUFFER Buffer, PVOID Storage)
{
    PMDL Mdl = NET_BUFFER_CURRENT_MDL(Buffer);
    ULONG Offset = NET_BUFFER_CURRENT_MDL_OFFSET(Buffer);
    ULONG Length = NET_BUFFER_DATA_LENGTH(Buffer);

    /* Nearly always; NdisGetDataBuffer would find out the same. */
    if (Mdl != NULL && Length <= MmGetMdlByteCount(Mdl) - Offset) {
        PUCHAR Start = MmGetSystemAddressForMdlSafe(Mdl, LowPagePriority | MdlMappingNoExecute);

        return Start == NULL ? NULL : Start + Offset;
    }
    return NdisGetDataBuffer(Buffer, Length, Storage, 1, 0);
}

/*
 * Copy Length bytes that lie Offset bytes into a frame, which is at least as long. FALSE where its pages cannot be
 * mapped.
 */
BOOLEAN FrameRead(PNET_BUFFER Buffer, ULONG Offset, PVOID Bytes, ULONG Length);
BOOLEAN FrameWrite(PNET_BUFFER Buffer, ULONG Offset, const VOID *Bytes, ULONG Length);
