/* See frames.h. */
#include "frames.h"

/* The bytes of a frame that lie in one MDL: at most Length from Offset on. Moves both behind them. */
static PUCHAR NextPiece(PMDL Mdl, PULONG Offset, ULONG Length, PULONG Piece)
{
    ULONG Size = MmGetMdlByteCount(Mdl);
    ULONG Start = *Offset;
    PUCHAR Address;

    *Piece = 0;
    if (Start >= Size) {
        *Offset -= Size;
        return NULL;
    }
    Address = MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority | MdlMappingNoExecute);
    *Piece = min(Length, Size - Start);
    *Offset = 0;
    return Address == NULL ? NULL : Address + Start;
}

BOOLEAN FrameRead(PNET_BUFFER Buffer, ULONG Offset, PVOID Bytes, ULONG Length)
{
    PMDL Mdl = NET_BUFFER_CURRENT_MDL(Buffer);
    PUCHAR To = Bytes;

    for (Offset += NET_BUFFER_CURRENT_MDL_OFFSET(Buffer); Length > 0 && Mdl != NULL; Mdl = Mdl->Next) {
        ULONG Piece;
        PUCHAR Address = NextPiece(Mdl, &Offset, Length, &Piece);

        if (Piece == 0)
            continue;
        if (Address == NULL)
            return FALSE;
        RtlCopyMemory(To, Address, Piece);
        To += Piece;
        Length -= Piece;
    }
    return Length == 0;
}

BOOLEAN FrameWrite(PNET_BUFFER Buffer, ULONG Offset, const VOID *Bytes, ULONG Length)
{
    PMDL Mdl = NET_BUFFER_CURRENT_MDL(Buffer);
    const UCHAR *From = Bytes;

    for (Offset += NET_BUFFER_CURRENT_MDL_OFFSET(Buffer); Length > 0 && Mdl != NULL; Mdl = Mdl->Next) {
        ULONG Piece;
        PUCHAR Address = NextPiece(Mdl, &Offset, Length, &Piece);

        if (Piece == 0)
            continue;
        if (Address == NULL)
            return FALSE;
        RtlCopyMemory(Address, From, Piece);
        From += Piece;
        Length -= Piece;
    }
    return Length == 0;
}
