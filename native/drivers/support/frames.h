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
