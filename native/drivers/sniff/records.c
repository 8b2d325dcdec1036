/* The frames that wait to be read: a ring of bytes. See sniff.h. */
#include "sniff.h"

#include "../support/frames.h"

/* In place of a header length: the rest of the ring is unused, the next record is at its start. */
#define WRAP 0xffffffff

#define ROUND_UP(Length) (((Length) + 7) & ~7u)

/* Room for a record in one piece, or NULL. */
static PSNIFF_RECORD Reserve(PSNIFF_RECORDS Records, ULONG Length)
{
    BOOLEAN Wrapped = Records->Count > 0 && Records->Next <= Records->First;
    ULONG End = Wrapped ? Records->First : Records->Size;
    ULONG At = Records->Next;

    if (At + Length <= End) {
        Records->Next += Length;
        return (PSNIFF_RECORD)(Records->Bytes + At);
    }
    if (Wrapped || Length > Records->First)
        return NULL;
    if (At < Records->Size)
        *(PULONG)(Records->Bytes + At) = WRAP;
    Records->Next = Length;
    return (PSNIFF_RECORD)Records->Bytes;
}

BOOLEAN RecordsPush(PSNIFF_RECORDS Records, PNET_BUFFER Buffer, SNIFF_RECORD *Record, ULONG Limit)
{
    PSNIFF_RECORD Place;

    Record->HeaderLength = sizeof(*Record);
    Record->FrameLength = NET_BUFFER_DATA_LENGTH(Buffer);
    Record->CapturedLength = min(Record->FrameLength, Limit);
    Place = Reserve(Records, ROUND_UP(sizeof(*Record) + Record->CapturedLength));
    if (Place == NULL)
        return FALSE;
    *Place = *Record;
    if (!FrameRead(Buffer, 0, Place + 1, Record->CapturedLength))
        RtlZeroMemory(Place + 1, Record->CapturedLength);
    Records->Count++;
    return TRUE;
}

ULONG RecordsPop(PSNIFF_RECORDS Records, PVOID Buffer, ULONG Room)
{
    PSNIFF_RECORD Oldest;
    ULONG Length = 0;
    KIRQL Irql;

    KeAcquireSpinLock(&Records->Lock, &Irql);
    if (Records->Count > 0) {
        if (Records->First == Records->Size || *(PULONG)(Records->Bytes + Records->First) == WRAP)
            Records->First = 0;
        Oldest = (PSNIFF_RECORD)(Records->Bytes + Records->First);
        Length = min((ULONG)sizeof(*Oldest) + Oldest->CapturedLength, Room);
        Records->First += ROUND_UP(sizeof(*Oldest) + Oldest->CapturedLength);
        RtlCopyMemory(Buffer, Oldest, Length);
        ((PSNIFF_RECORD)Buffer)->CapturedLength = Length - sizeof(*Oldest);
        if (--Records->Count == 0)
            Records->First = Records->Next = 0;
    }
    KeReleaseSpinLock(&Records->Lock, Irql);
    return Length;
}

VOID RecordsClear(PSNIFF_RECORDS Records)
{
    KIRQL Irql;

    KeAcquireSpinLock(&Records->Lock, &Irql);
    Records->Count = Records->First = Records->Next = 0;
    KeReleaseSpinLock(&Records->Lock, Irql);
}
