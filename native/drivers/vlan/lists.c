/*
 * Frames of a VLAN in net buffer lists. What was done to a list stands in its context space, so that it can be undone
 * when the list comes back. See IEEE 802.1Q, clause 9, "NET_BUFFER_LIST Context Structure" and "NET_BUFFER Retreat and
 * Advance Operations" (network).
 */
#include "vlan.h"

#include "../support/frames.h"

#define ADDRESSES 12
#define TAG_LENGTH 4
#define PRIORITY_SHIFT 13

typedef enum _VLAN_CHANGE {
    TagInserted,
    TagRemoved,
    InformationOnly /* the miniport driver had taken the tag out */
} VLAN_CHANGE;

/* The context space of a list that was changed. */
typedef struct _VLAN_CONTEXT {
    VLAN_CHANGE Change;
    USHORT Tag; /* priority and VLAN id */
    PVOID Information; /* of the list before */
} VLAN_CONTEXT, *PVLAN_CONTEXT;

C_ASSERT(sizeof(VLAN_CONTEXT) % MEMORY_ALLOCATION_ALIGNMENT == 0);

/* The tag in a frame; FALSE where it has none. */
static BOOLEAN ReadTag(PNET_BUFFER Buffer, PUSHORT Tag)
{
    UCHAR Bytes[TAG_LENGTH];

    if (NET_BUFFER_DATA_LENGTH(Buffer) < ADDRESSES + TAG_LENGTH || !FrameRead(Buffer, ADDRESSES, Bytes, sizeof(Bytes)))
        return FALSE;
    *Tag = (USHORT)(Bytes[2] << 8 | Bytes[3]);
    return Bytes[0] == 0x81 && Bytes[1] == 0x00;
}

/* FALSE, and the frame as it was, when memory is short or the frame has no addresses. */
static BOOLEAN InsertTag(PNET_BUFFER Buffer, USHORT Tag)
{
    UCHAR Header[ADDRESSES + TAG_LENGTH];

    if (NET_BUFFER_DATA_LENGTH(Buffer) < ADDRESSES || !FrameRead(Buffer, 0, Header, ADDRESSES))
        return FALSE;
    if (NdisRetreatNetBufferDataStart(Buffer, TAG_LENGTH, 0, NULL) != NDIS_STATUS_SUCCESS)
        return FALSE;
    Header[ADDRESSES] = 0x81;
    Header[ADDRESSES + 1] = 0x00;
    Header[ADDRESSES + 2] = (UCHAR)(Tag >> 8);
    Header[ADDRESSES + 3] = (UCHAR)Tag;
    FrameWrite(Buffer, 0, Header, sizeof(Header));
    return TRUE;
}

static VOID RemoveTag(PNET_BUFFER Buffer)
{
    UCHAR Addresses[ADDRESSES];

    FrameRead(Buffer, 0, Addresses, sizeof(Addresses));
    FrameWrite(Buffer, TAG_LENGTH, Addresses, sizeof(Addresses));
    NdisAdvanceNetBufferDataStart(Buffer, TAG_LENGTH, TRUE, NULL);
}

static BOOLEAN Remember(PNET_BUFFER_LIST List, VLAN_CHANGE Change, USHORT Tag)
{
    PVLAN_CONTEXT Context;

    if (NdisAllocateNetBufferListContext(List, sizeof(VLAN_CONTEXT), 0, VLAN_TAG) != NDIS_STATUS_SUCCESS)
        return FALSE;
    Context = (PVLAN_CONTEXT)NET_BUFFER_LIST_CONTEXT_DATA_START(List);
    Context->Change = Change;
    Context->Tag = Tag;
    Context->Information = NET_BUFFER_LIST_INFO(List, Ieee8021QNetBufferListInfo);
    return TRUE;
}

NDIS_STATUS VlanTagList(PNET_BUFFER_LIST List)
{
    NDIS_NET_BUFFER_LIST_8021Q_INFO Information;
    PNET_BUFFER Buffer;
    PNET_BUFFER Done;
    USHORT Tag;

    Information.Value = NET_BUFFER_LIST_INFO(List, Ieee8021QNetBufferListInfo);
    if (Information.TagHeader.VlanId != 0 && Information.TagHeader.VlanId != Vlan.VlanId)
        return NDIS_STATUS_INVALID_PACKET;
    for (Buffer = NET_BUFFER_LIST_FIRST_NB(List); Buffer != NULL; Buffer = NET_BUFFER_NEXT_NB(Buffer)) {
        if (ReadTag(Buffer, &Tag))
            return NDIS_STATUS_INVALID_PACKET;
    }
    Tag = (USHORT)(Information.TagHeader.UserPriority != 0 ? Information.TagHeader.UserPriority : Vlan.Priority);
    Tag = (USHORT)(Tag << PRIORITY_SHIFT | Vlan.VlanId);
    if (!Remember(List, TagInserted, Tag))
        return NDIS_STATUS_RESOURCES;
    for (Buffer = NET_BUFFER_LIST_FIRST_NB(List); Buffer != NULL; Buffer = NET_BUFFER_NEXT_NB(Buffer)) {
        if (InsertTag(Buffer, Tag))
            continue;
        for (Done = NET_BUFFER_LIST_FIRST_NB(List); Done != Buffer; Done = NET_BUFFER_NEXT_NB(Done))
            RemoveTag(Done);
        NdisFreeNetBufferListContext(List, sizeof(VLAN_CONTEXT));
        return NDIS_STATUS_RESOURCES;
    }
    NET_BUFFER_LIST_INFO(List, Ieee8021QNetBufferListInfo) = NULL;
    return NDIS_STATUS_SUCCESS;
}

BOOLEAN VlanUntagList(PNET_BUFFER_LIST List)
{
    NDIS_NET_BUFFER_LIST_8021Q_INFO Information;
    PNET_BUFFER Buffer = NET_BUFFER_LIST_FIRST_NB(List);
    USHORT Tag;
    USHORT Other;

    Information.Value = NET_BUFFER_LIST_INFO(List, Ieee8021QNetBufferListInfo);
    if (Information.TagHeader.VlanId == Vlan.VlanId) {
        if (!Remember(List, InformationOnly, 0))
            return FALSE;
        Information.TagHeader.VlanId = 0;
    } else {
        if (Information.TagHeader.VlanId != 0 || Buffer == NULL || !ReadTag(Buffer, &Tag))
            return FALSE;
        if ((Tag & VLAN_ID_MASK) != Vlan.VlanId)
            return FALSE;
        for (Buffer = NET_BUFFER_NEXT_NB(Buffer); Buffer != NULL; Buffer = NET_BUFFER_NEXT_NB(Buffer)) {
            if (!ReadTag(Buffer, &Other) || Other != Tag)
                return FALSE;
        }
        if (!Remember(List, TagRemoved, Tag))
            return FALSE;
        for (Buffer = NET_BUFFER_LIST_FIRST_NB(List); Buffer != NULL; Buffer = NET_BUFFER_NEXT_NB(Buffer))
            RemoveTag(Buffer);
        Information.Value = NULL;
        Information.TagHeader.UserPriority = Tag >> PRIORITY_SHIFT;
    }
    NET_BUFFER_LIST_INFO(List, Ieee8021QNetBufferListInfo) = Information.Value;
    return TRUE;
}

VOID VlanRestoreList(PNET_BUFFER_LIST List)
{
    PVLAN_CONTEXT Context = (PVLAN_CONTEXT)NET_BUFFER_LIST_CONTEXT_DATA_START(List);
    PNET_BUFFER Buffer;

    for (Buffer = NET_BUFFER_LIST_FIRST_NB(List); Buffer != NULL; Buffer = NET_BUFFER_NEXT_NB(Buffer)) {
        if (Context->Change == TagInserted)
            RemoveTag(Buffer);
        /* There is room for it: it was there before. */
        else if (Context->Change == TagRemoved)
            InsertTag(Buffer, Context->Tag);
    }
    NET_BUFFER_LIST_INFO(List, Ieee8021QNetBufferListInfo) = Context->Information;
    NdisFreeNetBufferListContext(List, sizeof(VLAN_CONTEXT));
}
