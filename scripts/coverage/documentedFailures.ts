/**
 * Failures that the reference documents in words rather than by a status, read from the pages named by each entry:
 * reviewed by hand, because the facts list statuses only.
 */

/** Functions whose page says that NULL is returned, and functions whose page says when FALSE is. */
export const RETURNS_NOTHING: ReadonlySet<string> = new Set([
  'NdisIMGetBindingContext',
  'NdisAllocateCloneNetBufferList',
  'NdisAllocateFragmentNetBufferList',
  'NdisAllocateMdl',
  'NdisAllocateNetBuffer',
  'NdisAllocateNetBufferAndNetBufferList',
  'NdisAllocateNetBufferList',
  'NdisAllocateNetBufferListPool',
  'NdisAllocateNetBufferMdlAndData',
  'NdisAllocateNetBufferPool',
  'NdisAllocateReassembledNetBufferList',
  'NdisGetDataBuffer',
  'NdisAllocateGenericObject',
  'NdisAllocateMemoryWithTagPriority',
  'NdisAllocateFromNPagedLookasideList',
  'NdisAllocateRWLock',
  'NdisInterlockedRemoveHeadList',
  'NdisInterlockedPopEntrySList',
  'NdisAllocateIoWorkItem',
  'NdisGetDeviceReservedExtension',
  'NdisGetRoutineAddress',
  'NdisWaitEvent',
  'NdisCancelTimerObject',
  'NdisSetTimerObject',
  'NdisSetCoalescableTimerObject',
  'NdisTestNblFlag',
  'NdisTestNblFlags',
  'NdisEqualString',
  'NdisEqualUnicodeString',
]);

/** Functions without a return value that write NULL where the result goes, and the parameter they write it to. */
export const WRITES_NULL: ReadonlyMap<string, string> = new Map([
  ['NdisMAllocateSharedMemory', 'VirtualAddress'],
]);
