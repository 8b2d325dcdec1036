/*
 * vlan: a modifying filter driver that makes an adapter a port of one VLAN, or rewrites VLAN ids.
 *   vlan.c           DriverEntry, the modules and the data path of a port
 *   lists.c          tagging and untagging lists, and undoing both
 *   rewriteIds.c     the parameter `Rewrite`
 *   rewriteModule.c  the modules and the data path that rewrite
 *   rewriteLists.c   rewriting the ids of lists, in place or in copies, and undoing it
 */
#pragma once

#include <ntddk.h>
#include <ndis.h>

/* `Vlan` as a pool tag. */
#define VLAN_TAG 'nalV'

#define VLAN_IDS 4096
#define VLAN_ID_MASK 0x0fff

/* The driver. */
typedef struct _VLAN_DRIVER {
    NDIS_HANDLE Filter;
    USHORT VlanId;
    USHORT Priority; /* of frames whose sender says none */
    BOOLEAN Rewrites; /* it rewrites ids, and the two above mean nothing */
    /* For each VLAN id the one that takes its place; 0 where it stays. */
    USHORT IdsDown[VLAN_IDS];
    USHORT IdsUp[VLAN_IDS];
} VLAN_DRIVER;

extern VLAN_DRIVER Vlan;

/* A chain of lists that is being made. */
typedef struct _CHAIN {
    PNET_BUFFER_LIST First;
    PNET_BUFFER_LIST Last;
    ULONG Count;
} CHAIN, *PCHAIN;

FORCEINLINE VOID AddToChain(PCHAIN Chain, PNET_BUFFER_LIST List)
{
    NET_BUFFER_LIST_NEXT_NBL(List) = NULL;
    if (Chain->First == NULL)
        Chain->First = List;
    else
        NET_BUFFER_LIST_NEXT_NBL(Chain->Last) = List;
    Chain->Last = List;
    Chain->Count++;
}

/* lists.c. <= DISPATCH_LEVEL. Tags the frames of a list that is sent; otherwise the status that refuses it, as it was. */
NDIS_STATUS VlanTagList(PNET_BUFFER_LIST List);
/* Takes the tag off a list that was received; FALSE where it is not of this VLAN or memory is short. */
BOOLEAN VlanUntagList(PNET_BUFFER_LIST List);
/* Undoes either: the list is its owner's as it was. */
VOID VlanRestoreList(PNET_BUFFER_LIST List);

/* rewriteIds.c. PASSIVE_LEVEL. Reads the pairs of a text that is not blank; FALSE where it breaks the rules. */
BOOLEAN ParseRewrite(PCWSTR Text);

/* rewriteModule.c. A module that rewrites ids. */
typedef struct _REWRITE_MODULE {
    NDIS_HANDLE Handle;
    /* Of copies. */
    NDIS_HANDLE ListPool;
    NDIS_HANDLE BufferPool;
    BOOLEAN Running; /* from FilterRestart to FilterPause */
    /* Guarded by Lock. */
    KSPIN_LOCK Lock;
    ULONG Copies; /* that are under way */
    BOOLEAN Pausing; /* and the pause waits for them */
} REWRITE_MODULE, *PREWRITE_MODULE;

/* Puts the handlers that rewrite in the place of those of a port. */
VOID SetRewriteHandlers(PNDIS_FILTER_DRIVER_CHARACTERISTICS Characteristics);

/* <= DISPATCH_LEVEL. Counts a copy that is to be made; FALSE where there are enough, or the module pauses. */
BOOLEAN TakeCopy(PREWRITE_MODULE Module);

/*
 * <= DISPATCH_LEVEL. Copies are freed, and their lists are back with their owners: completes the pause that waits for
 * the last one.
 */
VOID GiveCopies(PREWRITE_MODULE Module, ULONG Count);

/* What of a list may be written. */
typedef enum _WRITABLE {
    WriteAll,
    WriteInformation, /* the list is its holder's, but others read its data too */
    WriteNothing
} WRITABLE;

typedef VOID COPY_INFORMATION(PNET_BUFFER_LIST Copy, PNET_BUFFER_LIST List);

/*
 * rewriteLists.c. <= DISPATCH_LEVEL. Gives what goes on for a list: itself or a copy, with the ids that Ids has for its
 * own. NULL with *Refusal set, and the list as it was, where memory is short, too many copies are under way, or a frame
 * is too short to be copied. CopyInformation: what copies the information of lists that go this way.
 */
PNET_BUFFER_LIST RewriteList(
    PREWRITE_MODULE Module,
    PNET_BUFFER_LIST List,
    const USHORT Ids[VLAN_IDS],
    WRITABLE Writable,
    COPY_INFORMATION *CopyInformation,
    NDIS_STATUS *Refusal);

/*
 * <= DISPATCH_LEVEL. Undoes RewriteList for what came back: gives the list that it was called with, as it was; that of a
 * copy has the status of the copy.
 */
PNET_BUFFER_LIST UndoRewrite(PREWRITE_MODULE Module, PNET_BUFFER_LIST List);
