/*
 * vlan: a modifying filter driver that makes an adapter a port of one VLAN.
 *   vlan.c   DriverEntry, the modules and the data path
 *   lists.c  tagging and untagging lists, and undoing both
 */
#pragma once

#include <ntddk.h>
#include <ndis.h>

/* `Vlan` as a pool tag. */
#define VLAN_TAG 'nalV'

/* The driver. */
typedef struct _VLAN_DRIVER {
    NDIS_HANDLE Filter;
    USHORT VlanId;
    USHORT Priority; /* of frames whose sender says none */
} VLAN_DRIVER;

extern VLAN_DRIVER Vlan;

/* lists.c. <= DISPATCH_LEVEL. Tags the frames of a list that is sent; otherwise the status that refuses it, as it was. */
NDIS_STATUS VlanTagList(PNET_BUFFER_LIST List);
/* Takes the tag off a list that was received; FALSE where it is not of this VLAN or memory is short. */
BOOLEAN VlanUntagList(PNET_BUFFER_LIST List);
/* Undoes either: the list is its owner's as it was. */
VOID VlanRestoreList(PNET_BUFFER_LIST List);
