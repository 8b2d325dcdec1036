/*
 * VLAN tags (IEEE 802.1Q) in frames that are sent: put in behind the two addresses, and taken out again so that a frame
 * is its sender's as it was. See "NET_BUFFER Retreat and Advance Operations" (network).
 */
#include "mux.h"

#include "../support/frames.h"

#define ADDRESSES (2 * ETHERNET_ADDRESS_LENGTH)

/* FALSE, and the frame as it was, when memory is short or the frame has no addresses. */
BOOLEAN MuxInsertTag(PNET_BUFFER Buffer, USHORT Tag)
{
    UCHAR Header[ADDRESSES + VLAN_TAG_LENGTH];

    if (NET_BUFFER_DATA_LENGTH(Buffer) < ADDRESSES || !FrameRead(Buffer, 0, Header, ADDRESSES))
        return FALSE;
    if (NdisRetreatNetBufferDataStart(Buffer, VLAN_TAG_LENGTH, 0, NULL) != NDIS_STATUS_SUCCESS)
        return FALSE;
    Header[ADDRESSES] = 0x81;
    Header[ADDRESSES + 1] = 0x00;
    Header[ADDRESSES + 2] = (UCHAR)(Tag >> 8);
    Header[ADDRESSES + 3] = (UCHAR)Tag;
    FrameWrite(Buffer, 0, Header, sizeof(Header));
    return TRUE;
}

VOID MuxRemoveTag(PNET_BUFFER Buffer)
{
    UCHAR Addresses[ADDRESSES];

    FrameRead(Buffer, 0, Addresses, sizeof(Addresses));
    FrameWrite(Buffer, VLAN_TAG_LENGTH, Addresses, sizeof(Addresses));
    NdisAdvanceNetBufferDataStart(Buffer, VLAN_TAG_LENGTH, TRUE, NULL);
}
