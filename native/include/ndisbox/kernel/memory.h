/* Memory descriptor lists, pool and lookaside lists: macros and inline functions. */
#pragma once

#ifndef PAGE_SIZE
#define PAGE_SIZE 0x1000
#endif
#ifndef PAGE_SHIFT
#define PAGE_SHIFT 12
#endif
#define PAGE_ALIGN(Va) ((PVOID)((ULONG_PTR)(Va) & ~((ULONG_PTR)PAGE_SIZE - 1)))
#define BYTE_OFFSET(Va) ((ULONG)((LONG_PTR)(Va) & (PAGE_SIZE - 1)))
#define BYTES_TO_PAGES(Size) (((Size) >> PAGE_SHIFT) + (((Size) & (PAGE_SIZE - 1)) != 0))
#define ROUND_TO_PAGES(Size) (((ULONG_PTR)(Size) + PAGE_SIZE - 1) & ~((ULONG_PTR)PAGE_SIZE - 1))
#define ADDRESS_AND_SIZE_TO_SPAN_PAGES(Va, Size) \
  ((ULONG)((((ULONG_PTR)(Va) & (PAGE_SIZE - 1)) + (ULONG_PTR)(Size) + (PAGE_SIZE - 1)) >> PAGE_SHIFT))
#define COMPUTE_PAGES_SPANNED(Va, Size) ADDRESS_AND_SIZE_TO_SPAN_PAGES(Va, Size)
typedef ULONG_PTR PFN_NUMBER, *PPFN_NUMBER;

#define MmGetMdlByteCount(Mdl) ((Mdl)->ByteCount)
#define MmGetMdlByteOffset(Mdl) ((Mdl)->ByteOffset)
#define MmGetMdlBaseVa(Mdl) ((Mdl)->StartVa)
#define MmGetMdlVirtualAddress(Mdl) ((PVOID)((PCHAR)((Mdl)->StartVa) + (Mdl)->ByteOffset))
#define MmGetMdlPfnArray(Mdl) ((PPFN_NUMBER)((Mdl) + 1))

FORCEINLINE VOID MmInitializeMdl(PMDL MemoryDescriptorList, PVOID BaseVa, SIZE_T Length) {
  MemoryDescriptorList->Next = (PMDL)NULL;
  MemoryDescriptorList->Size =
      (CSHORT)(sizeof(MDL) + sizeof(PFN_NUMBER) * ADDRESS_AND_SIZE_TO_SPAN_PAGES(BaseVa, Length));
  MemoryDescriptorList->MdlFlags = 0;
  MemoryDescriptorList->StartVa = PAGE_ALIGN(BaseVa);
  MemoryDescriptorList->ByteOffset = BYTE_OFFSET(BaseVa);
  MemoryDescriptorList->ByteCount = (ULONG)Length;
}

FORCEINLINE VOID MmPrepareMdlForReuse(PMDL Mdl) {
  if (Mdl->MdlFlags & MDL_PARTIAL_HAS_BEEN_MAPPED) {
    MmUnmapLockedPages(Mdl->MappedSystemVa, Mdl);
  }
}

FORCEINLINE PVOID MmGetSystemAddressForMdlSafe(PMDL Mdl, ULONG Priority) {
  if (Mdl->MdlFlags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL)) return Mdl->MappedSystemVa;
  return MmMapLockedPagesSpecifyCache(Mdl, KernelMode, MmCached, NULL, FALSE, Priority);
}

#define MmGetSystemAddressForMdl(Mdl) MmGetSystemAddressForMdlSafe(Mdl, HighPagePriority)

#ifdef POOL_NX_OPTIN
#define NonPagedPoolNxOptIn NonPagedPoolNx
#define ExInitializeDriverRuntime(Flags) ((void)(Flags))
#else
#define ExInitializeDriverRuntime(Flags) ((void)(Flags))
#endif
#ifndef DrvRtPoolNxOptIn
#define DrvRtPoolNxOptIn 1
#endif

FORCEINLINE PVOID ExAllocatePoolZero(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag) {
  PVOID block = ExAllocatePoolWithTag(PoolType, NumberOfBytes, Tag);
  if (block != NULL) memset(block, 0, NumberOfBytes);
  return block;
}
FORCEINLINE PVOID ExAllocatePoolUninitialized(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag) {
  return ExAllocatePoolWithTag(PoolType, NumberOfBytes, Tag);
}
FORCEINLINE PVOID ExAllocatePoolQuotaZero(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag) {
  PVOID block = ExAllocatePoolWithQuotaTag(PoolType, NumberOfBytes, Tag);
  if (block != NULL) memset(block, 0, NumberOfBytes);
  return block;
}
FORCEINLINE PVOID ExAllocatePoolQuotaUninitialized(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag) {
  return ExAllocatePoolWithQuotaTag(PoolType, NumberOfBytes, Tag);
}
FORCEINLINE PVOID ExAllocatePoolPriorityZero(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag,
                                             EX_POOL_PRIORITY Priority) {
  PVOID block = ExAllocatePoolWithTagPriority(PoolType, NumberOfBytes, Tag, Priority);
  if (block != NULL) memset(block, 0, NumberOfBytes);
  return block;
}
FORCEINLINE PVOID ExAllocatePoolPriorityUninitialized(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag,
                                                      EX_POOL_PRIORITY Priority) {
  return ExAllocatePoolWithTagPriority(PoolType, NumberOfBytes, Tag, Priority);
}

/* Lookaside lists: initialised and deleted by imports, entries come and go inline. */
FORCEINLINE PVOID NdisboxAllocateFromLookaside(PGENERAL_LOOKASIDE List) {
  PVOID entry;
  List->TotalAllocates += 1;
  entry = (PVOID)ExpInterlockedPopEntrySList(&List->ListHead);
  if (entry == NULL) {
    List->AllocateMisses += 1;
    entry = List->Allocate(List->Type, List->Size, List->Tag);
  }
  return entry;
}
FORCEINLINE VOID NdisboxFreeToLookaside(PGENERAL_LOOKASIDE List, PVOID Entry) {
  List->TotalFrees += 1;
  if (ExQueryDepthSList(&List->ListHead) >= List->Depth) {
    List->FreeMisses += 1;
    List->Free(Entry);
  } else {
    ExpInterlockedPushEntrySList(&List->ListHead, (PSLIST_ENTRY)Entry);
  }
}
FORCEINLINE PVOID ExAllocateFromNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside) {
  return NdisboxAllocateFromLookaside((PGENERAL_LOOKASIDE)Lookaside);
}
FORCEINLINE VOID ExFreeToNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside, PVOID Entry) {
  NdisboxFreeToLookaside((PGENERAL_LOOKASIDE)Lookaside, Entry);
}
FORCEINLINE PVOID ExAllocateFromPagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside) {
  return NdisboxAllocateFromLookaside((PGENERAL_LOOKASIDE)Lookaside);
}
FORCEINLINE VOID ExFreeToPagedLookasideList(PPAGED_LOOKASIDE_LIST Lookaside, PVOID Entry) {
  NdisboxFreeToLookaside((PGENERAL_LOOKASIDE)Lookaside, Entry);
}
