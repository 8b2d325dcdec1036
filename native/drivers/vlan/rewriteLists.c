/*
 * Lists of which the filter rewrites VLAN ids, and their way back. What was done to a list that goes on itself stands in
 * its context space. Where a list may not be written to, a copy goes on in its place: a fragment list that begins with
 * addresses and tags of its own and leaves the rest where it is. The list waits until its copy comes back.
 * See "Filter Module Send and Receive Operations", "Fragmented NET_BUFFER_LIST Structures" and "Relationships Between
 * NET_BUFFER_LIST Generations" (network), and IEEE 802.1Q, clause 9.
 */
#include "vlan.h"

#include "../support/frames.h"

/* Bytes up to the end of a tag: what a copy has of its own. A tagged frame has two more for its type. */
#define HEADER_LENGTH 16
#define SHORTEST_TAGGED (HEADER_LENGTH + 2)
#define TAG_TYPE 12
#define TAG_CONTROL 14

/* The frames of a list do not all change in the same way. */
#define IDS_DIFFER 0xffff

typedef enum _REWRITE_CHANGE {
    Unchanged,
    InformationChanged,
    FramesChanged
} REWRITE_CHANGE;

/* The context space of a list that goes on itself. */
typedef struct _REWRITE_CONTEXT {
    REWRITE_CHANGE Change;
    USHORT Id; /* of the frames before */
    PVOID Information; /* of the list before */
} REWRITE_CONTEXT, *PREWRITE_CONTEXT;

C_ASSERT(sizeof(REWRITE_CONTEXT) % MEMORY_ALLOCATION_ALIGNMENT == 0);

static USHORT IdOfTag(const UCHAR Control[2])
{
    return (USHORT)((Control[0] << 8 | Control[1]) & VLAN_ID_MASK);
}

/* Leaves the priority of the tag as it is. */
static VOID PutId(UCHAR Control[2], USHORT Id)
{
    Control[0] = (UCHAR)((Control[0] & 0xf0) | Id >> 8);
    Control[1] = (UCHAR)Id;
}

/* The id in a frame where it has one that changes, else 0. */
static USHORT IdInFrame(PNET_BUFFER Buffer, const USHORT Ids[VLAN_IDS])
{
    UCHAR Tag[HEADER_LENGTH - TAG_TYPE];
    USHORT Id;

    if (NET_BUFFER_DATA_LENGTH(Buffer) < SHORTEST_TAGGED || !FrameRead(Buffer, TAG_TYPE, Tag, sizeof(Tag)))
        return 0;
    if (Tag[0] != 0x81 || Tag[1] != 0x00)
        return 0;
    Id = IdOfTag(&Tag[2]);
    return Ids[Id] == 0 ? 0 : Id;
}

/* The id that all frames of a list have and that changes; 0 where none changes. */
static USHORT IdOfFrames(PNET_BUFFER_LIST List, const USHORT Ids[VLAN_IDS])
{
    PNET_BUFFER Buffer = NET_BUFFER_LIST_FIRST_NB(List);
    USHORT Id;

    if (Buffer == NULL)
        return 0;
    Id = IdInFrame(Buffer, Ids);
    while ((Buffer = NET_BUFFER_NEXT_NB(Buffer)) != NULL) {
        if (IdInFrame(Buffer, Ids) != Id)
            return IDS_DIFFER;
    }
    return Id;
}

/* The frames have been read, so that their pages are mapped. */
static VOID WriteIds(PNET_BUFFER_LIST List, USHORT Id)
{
    PNET_BUFFER Buffer;
    UCHAR Control[2];

    for (Buffer = NET_BUFFER_LIST_FIRST_NB(List); Buffer != NULL; Buffer = NET_BUFFER_NEXT_NB(Buffer)) {
        FrameRead(Buffer, TAG_CONTROL, Control, sizeof(Control));
        PutId(Control, Id);
        FrameWrite(Buffer, TAG_CONTROL, Control, sizeof(Control));
    }
}

static BOOLEAN Remember(PNET_BUFFER_LIST List, REWRITE_CHANGE Change, USHORT Id, NDIS_STATUS *Refusal)
{
    PREWRITE_CONTEXT Context;

    *Refusal = NdisAllocateNetBufferListContext(List, sizeof(REWRITE_CONTEXT), 0, VLAN_TAG);
    if (*Refusal != NDIS_STATUS_SUCCESS)
        return FALSE;
    Context = (PREWRITE_CONTEXT)NET_BUFFER_LIST_CONTEXT_DATA_START(List);
    Context->Change = Change;
    Context->Id = Id;
    Context->Information = NET_BUFFER_LIST_INFO(List, Ieee8021QNetBufferListInfo);
    return TRUE;
}

/* Gives the frames of a copy headers of their own, rewritten where Ids is given. FALSE where pages cannot be mapped. */
static BOOLEAN CopyHeaders(PNET_BUFFER_LIST Copy, PNET_BUFFER_LIST List, const USHORT *Ids)
{
    PNET_BUFFER To = NET_BUFFER_LIST_FIRST_NB(Copy);
    PNET_BUFFER From;
    UCHAR Header[HEADER_LENGTH];

    for (From = NET_BUFFER_LIST_FIRST_NB(List); From != NULL; From = NET_BUFFER_NEXT_NB(From)) {
        USHORT Id = Ids == NULL ? 0 : IdInFrame(From, Ids);

        if (!FrameRead(From, 0, Header, sizeof(Header)))
            return FALSE;
        if (Id != 0)
            PutId(&Header[TAG_CONTROL], Ids[Id]);
        if (!FrameWrite(To, 0, Header, sizeof(Header)))
            return FALSE;
        To = NET_BUFFER_NEXT_NB(To);
    }
    return TRUE;
}

/* A copy with Information, its frames rewritten where Ids is given. */
static PNET_BUFFER_LIST CopyList(
    PREWRITE_MODULE Module,
    PNET_BUFFER_LIST List,
    const USHORT *Ids,
    PVOID Information,
    COPY_INFORMATION *CopyInformation,
    NDIS_STATUS *Refusal)
{
    PNET_BUFFER Buffer;
    PNET_BUFFER_LIST Copy;

    *Refusal = NDIS_STATUS_INVALID_PACKET;
    for (Buffer = NET_BUFFER_LIST_FIRST_NB(List); Buffer != NULL; Buffer = NET_BUFFER_NEXT_NB(Buffer)) {
        if (NET_BUFFER_DATA_LENGTH(Buffer) <= HEADER_LENGTH)
            return NULL;
    }
    *Refusal = NDIS_STATUS_RESOURCES;
    if (!TakeCopy(Module))
        return NULL;
    Copy = NdisAllocateFragmentNetBufferList(
        List, Module->ListPool, Module->BufferPool, HEADER_LENGTH, MAXULONG, HEADER_LENGTH, 0, 0);
    if (Copy == NULL) {
        GiveCopies(Module, 1);
        return NULL;
    }
    if (!CopyHeaders(Copy, List, Ids)) {
        NdisFreeFragmentNetBufferList(Copy, HEADER_LENGTH, 0);
        GiveCopies(Module, 1);
        return NULL;
    }
    CopyInformation(Copy, List);
    NET_BUFFER_LIST_INFO(Copy, Ieee8021QNetBufferListInfo) = Information;
    Copy->NblFlags = List->NblFlags;
    NET_BUFFER_LIST_STATUS(Copy) = NET_BUFFER_LIST_STATUS(List);
    Copy->SourceHandle = Module->Handle;
    Copy->ParentNetBufferList = List;
    List->ChildRefCount++;
    return Copy;
}

PNET_BUFFER_LIST RewriteList(
    PREWRITE_MODULE Module,
    PNET_BUFFER_LIST List,
    const USHORT Ids[VLAN_IDS],
    WRITABLE Writable,
    COPY_INFORMATION *CopyInformation,
    NDIS_STATUS *Refusal)
{
    NDIS_NET_BUFFER_LIST_8021Q_INFO Information;
    USHORT Id;

    Information.Value = NET_BUFFER_LIST_INFO(List, Ieee8021QNetBufferListInfo);
    if (Information.TagHeader.VlanId != 0) {
        Id = Ids[Information.TagHeader.VlanId];
        if (Id == 0)
            return Remember(List, Unchanged, 0, Refusal) ? List : NULL;
        Information.TagHeader.VlanId = Id;
        if (Writable == WriteNothing)
            return CopyList(Module, List, NULL, Information.Value, CopyInformation, Refusal);
        if (!Remember(List, InformationChanged, 0, Refusal))
            return NULL;
        NET_BUFFER_LIST_INFO(List, Ieee8021QNetBufferListInfo) = Information.Value;
        return List;
    }
    Id = IdOfFrames(List, Ids);
    if (Id == 0)
        return Remember(List, Unchanged, 0, Refusal) ? List : NULL;
    if (Id == IDS_DIFFER || Writable != WriteAll)
        return CopyList(Module, List, Ids, Information.Value, CopyInformation, Refusal);
    if (!Remember(List, FramesChanged, Id, Refusal))
        return NULL;
    WriteIds(List, Ids[Id]);
    return List;
}

PNET_BUFFER_LIST UndoRewrite(PREWRITE_MODULE Module, PNET_BUFFER_LIST List)
{
    PREWRITE_CONTEXT Context;

    if (List->SourceHandle == Module->Handle) {
        PNET_BUFFER_LIST Original = List->ParentNetBufferList;

        Original->ChildRefCount--;
        NET_BUFFER_LIST_STATUS(Original) = NET_BUFFER_LIST_STATUS(List);
        NdisFreeFragmentNetBufferList(List, HEADER_LENGTH, 0);
        return Original;
    }
    Context = (PREWRITE_CONTEXT)NET_BUFFER_LIST_CONTEXT_DATA_START(List);
    if (Context->Change == InformationChanged)
        NET_BUFFER_LIST_INFO(List, Ieee8021QNetBufferListInfo) = Context->Information;
    else if (Context->Change == FramesChanged)
        WriteIds(List, Context->Id);
    NdisFreeNetBufferListContext(List, sizeof(REWRITE_CONTEXT));
    return List;
}
