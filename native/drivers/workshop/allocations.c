/*
 * Lookaside lists, by the functions of the system and by code of one's own as older headers have it inline; and lists
 * that several processors share. See "Using Lookaside Lists" and "Singly and Doubly Linked Lists" (kernel).
 */
#include "workshop.h"

#define BLOCK_SIZE 64

typedef struct _ITEM {
    LIST_ENTRY Link;
    ULONG Number;
} ITEM;

typedef struct DECLSPEC_ALIGN(16) _STACKED {
    SLIST_ENTRY Link;
    ULONG Number;
} STACKED;

/* What older headers do in place of a call: a block from the list, else a new one. */
static PVOID AllocateInline(PNPAGED_LOOKASIDE_LIST List)
{
    PVOID Entry;

    List->L.TotalAllocates++;
    Entry = ExpInterlockedPopEntrySList(&List->L.ListHead);
    if (Entry == NULL) {
        List->L.AllocateMisses++;
        Entry = List->L.Allocate(List->L.Type, List->L.Size, List->L.Tag);
    }
    return Entry;
}

static VOID FreeInline(PNPAGED_LOOKASIDE_LIST List, PVOID Entry)
{
    List->L.TotalFrees++;
    if (ExQueryDepthSList(&List->L.ListHead) >= List->L.Depth) {
        List->L.FreeMisses++;
        List->L.Free(Entry);
    } else {
        ExpInterlockedPushEntrySList(&List->L.ListHead, Entry);
    }
}

static VOID TryLookaside(PWORKSHOP_RESULTS Results)
{
    /* Lookaside lists must lie in memory that is never paged, so not on a stack. */
    static NPAGED_LOOKASIDE_LIST List;
    PVOID First;
    PVOID Second;

    ExInitializeNPagedLookasideList(&List, NULL, NULL, 0, BLOCK_SIZE, WORKSHOP_TAG, 0);
    First = ExAllocateFromNPagedLookasideList(&List);
    ExFreeToNPagedLookasideList(&List, First);
    /* The block that was freed last comes back first. */
    Second = AllocateInline(&List);
    Note(Results, First != NULL && First == Second);
    First = AllocateInline(&List);
    Note(Results, First != NULL && First != Second);
    FreeInline(&List, First);
    FreeInline(&List, Second);
    Note(Results, List.L.TotalAllocates);
    Note(Results, List.L.AllocateMisses);
    ExDeleteNPagedLookasideList(&List);
}

static VOID TryInterlockedLists(PWORKSHOP_RESULTS Results)
{
    static SLIST_HEADER Stack;
    static STACKED Stacked[3];
    ITEM Items[3];
    LIST_ENTRY Head;
    KSPIN_LOCK Lock;
    PLIST_ENTRY Entry;
    ULONG Index;

    InitializeListHead(&Head);
    KeInitializeSpinLock(&Lock);
    for (Index = 0; Index < RTL_NUMBER_OF(Items); Index++) {
        Items[Index].Number = Index + 1;
        ExInterlockedInsertTailList(&Head, &Items[Index].Link, &Lock);
    }
    while ((Entry = ExInterlockedRemoveHeadList(&Head, &Lock)) != NULL)
        Note(Results, CONTAINING_RECORD(Entry, ITEM, Link)->Number);

    InitializeSListHead(&Stack);
    for (Index = 0; Index < RTL_NUMBER_OF(Stacked); Index++) {
        Stacked[Index].Number = Index + 1;
        ExpInterlockedPushEntrySList(&Stack, &Stacked[Index].Link);
    }
    Note(Results, ExQueryDepthSList(&Stack));
    Note(Results, CONTAINING_RECORD(ExpInterlockedPopEntrySList(&Stack), STACKED, Link)->Number);
    Note(Results, CONTAINING_RECORD(ExpInterlockedFlushSList(&Stack), STACKED, Link)->Number);
    Note(Results, ExQueryDepthSList(&Stack));
}

VOID TryAllocations(PWORKSHOP_RESULTS Results)
{
    TryLookaside(Results);
    TryInterlockedLists(Results);
}
