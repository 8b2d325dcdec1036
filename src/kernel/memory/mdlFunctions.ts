/** The functions through which drivers use memory descriptor lists. Implements the MDL pages of wdm.h. */

import { type Address, PAGE_SIZE, pagesOfSize } from '../../memory/index.ts';
import { declareFunction } from '../declaration.ts';
import { MDL_MAPPED_TO_SYSTEM_VA, MDL_SOURCE_IS_NONPAGED_POOL } from '../generated/constants/common.ts';
import { STATUS_INVALID_PARAMETER_2, STATUS_SUCCESS } from '../generated/constants/ntstatus.ts';
import { IRP } from '../generated/structures/index.ts';
import type { Kernel } from '../kernel.ts';
import { poolOf } from './kernelPool.ts';
import {
  advanceMdl,
  allocateMdl,
  buildForNonPagedPool,
  buildPartial,
  freeMdl,
  initializeMdl,
  linkToChain,
  MDL_SIZE,
  mapLockedPages,
  mappedAddress,
  mdlAddress,
  mdlByteCount,
  mdlByteOffset,
  mdlFlags,
  misuse,
  prepareForReuse,
  probeAndLock,
  spanPages,
  USER_MODE,
  unlockPages,
  unmapLockedPages,
} from './mdl.ts';
import type { Wide } from './poolFunctions.ts';

const atDispatch = { irql: '<=DISPATCH_LEVEL', waits: 'never', since: '2000' } as const;
const inlineAny = { irql: 'any', waits: 'never', since: '2000', inline: true } as const;

/**
 * An MDL for a buffer of `Length` bytes, linked to an IRP where one is given. IRQL <= DISPATCH_LEVEL. NULL when
 * memory is short. wdm/nf-wdm-ioallocatemdl
 */
export const IoAllocateMdl = declareFunction('ntoskrnl', {
  ...atDispatch,
  prototype:
    'PMDL IoAllocateMdl(PVOID VirtualAddress, ULONG Length, BOOLEAN SecondaryBuffer, BOOLEAN ChargeQuota, PIRP Irp)',
  page: 'wdm/nf-wdm-ioallocatemdl',
  implement:
    (kernel: Kernel, driver) =>
    (
      VirtualAddress: Address,
      Length: number,
      SecondaryBuffer: boolean | number,
      _ChargeQuota: boolean | number,
      Irp: Address,
    ) => {
      const mdl = allocateMdl(kernel, driver.id, VirtualAddress, Length);
      if (mdl !== 0 && Irp !== 0) {
        linkToChain(kernel, Irp + IRP.offset.MdlAddress, mdl, Boolean(SecondaryBuffer));
      }
      return mdl;
    },
});

/** Frees an MDL, and the mapping of a partial one. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-iofreemdl */
export const IoFreeMdl = declareFunction('ntoskrnl', {
  ...atDispatch,
  prototype: 'VOID IoFreeMdl(PMDL Mdl)',
  page: 'wdm/nf-wdm-iofreemdl',
  implement: (kernel: Kernel, driver) => (Mdl: Address) => freeMdl(kernel, driver, Mdl),
});

/**
 * Makes `TargetMdl` describe a part of `SourceMdl`; a Length of 0 means the rest. IRQL <= DISPATCH_LEVEL. A part
 * that does not lie in the source, or needs more pages than the target holds, is a finding and changes nothing.
 * wdm/nf-wdm-iobuildpartialmdl
 */
export const IoBuildPartialMdl = declareFunction('ntoskrnl', {
  ...atDispatch,
  prototype: 'VOID IoBuildPartialMdl(PMDL SourceMdl, PMDL TargetMdl, PVOID VirtualAddress, ULONG Length)',
  page: 'wdm/nf-wdm-iobuildpartialmdl',
  implement:
    (kernel: Kernel, driver) =>
    (SourceMdl: Address, TargetMdl: Address, VirtualAddress: Address, Length: number) => {
      if (!buildPartial(kernel, SourceMdl, TargetMdl, VirtualAddress, Length)) {
        const what = `cannot describe ${Length} bytes at 0x${VirtualAddress.toString(16)} of another MDL: they lie outside of it, or need more pages`;
        misuse(kernel, driver, 'BAD_PARTIAL_MDL', TargetMdl, what, 'wdm/nf-wdm-iobuildpartialmdl');
      }
    },
});

/**
 * Makes an MDL describe non-paged pool, so that it is mapped. IRQL <= DISPATCH_LEVEL. A buffer in paged pool is a
 * finding. wdm/nf-wdm-mmbuildmdlfornonpagedpool
 */
export const MmBuildMdlForNonPagedPool = declareFunction('ntoskrnl', {
  ...atDispatch,
  prototype: 'VOID MmBuildMdlForNonPagedPool(PMDL MemoryDescriptorList)',
  page: 'wdm/nf-wdm-mmbuildmdlfornonpagedpool',
  implement: (kernel: Kernel, driver) => (MemoryDescriptorList: Address) => {
    if (poolOf(kernel).isPaged(mdlAddress(kernel, MemoryDescriptorList))) {
      const what =
        'describes paged pool; allocate the buffer from non-paged pool or lock it with MmProbeAndLockPages';
      misuse(
        kernel,
        driver,
        'MDL_OF_PAGED_POOL',
        MemoryDescriptorList,
        what,
        'wdm/nf-wdm-mmbuildmdlfornonpagedpool',
      );
    }
    buildForNonPagedPool(kernel, MemoryDescriptorList);
  },
});

/** Writes the header of an MDL in memory of the driver's. Any IRQL. wdm/nf-wdm-mminitializemdl */
export const MmInitializeMdl = declareFunction('ntoskrnl', {
  ...inlineAny,
  prototype: 'VOID MmInitializeMdl(PMDL MemoryDescriptorList, PVOID BaseVa, SIZE_T Length)',
  page: 'wdm/nf-wdm-mminitializemdl',
  implement: (kernel: Kernel) => (MemoryDescriptorList: Address, BaseVa: Address, Length: Wide) =>
    initializeMdl(kernel, MemoryDescriptorList, BaseVa, Number(Length)),
});

/** Bytes of an MDL for a buffer, page numbers included. Any IRQL. wdm/nf-wdm-mmsizeofmdl */
export const MmSizeOfMdl = declareFunction('ntoskrnl', {
  ...inlineAny,
  inline: false,
  prototype: 'SIZE_T MmSizeOfMdl(PVOID Base, SIZE_T Length)',
  page: 'wdm/nf-wdm-mmsizeofmdl',
  implement: () => (Base: Address, Length: Wide) => MDL_SIZE + spanPages(Base, Number(Length)) * 8,
});

/**
 * Locks the pages of a buffer. IRQL <= DISPATCH_LEVEL, <= APC_LEVEL for paged memory. Raises
 * STATUS_ACCESS_VIOLATION where they may not be accessed as `Operation` says. wdm/nf-wdm-mmprobeandlockpages
 */
export const MmProbeAndLockPages = declareFunction('ntoskrnl', {
  ...atDispatch,
  prototype:
    'VOID MmProbeAndLockPages(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode, LOCK_OPERATION Operation)',
  page: 'wdm/nf-wdm-mmprobeandlockpages',
  implement:
    (kernel: Kernel, driver) => (MemoryDescriptorList: Address, AccessMode: number, Operation: number) =>
      probeAndLock(kernel, driver, MemoryDescriptorList, AccessMode, Operation),
});

/** Unlocks what MmProbeAndLockPages locked; the mapping is released. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-mmunlockpages */
export const MmUnlockPages = declareFunction('ntoskrnl', {
  ...atDispatch,
  prototype: 'VOID MmUnlockPages(PMDL MemoryDescriptorList)',
  page: 'wdm/nf-wdm-mmunlockpages',
  implement: (kernel: Kernel, driver) => (MemoryDescriptorList: Address) =>
    unlockPages(kernel, driver, MemoryDescriptorList),
});

/**
 * Maps locked pages into system space, or for user mode into the current process. IRQL <= DISPATCH_LEVEL. NULL when
 * the pages are not locked; in user mode that raises STATUS_INVALID_PARAMETER. wdm/nf-wdm-mmmaplockedpagesspecifycache
 */
export const MmMapLockedPagesSpecifyCache = declareFunction('ntoskrnl', {
  ...atDispatch,
  prototype:
    'PVOID MmMapLockedPagesSpecifyCache(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode, MEMORY_CACHING_TYPE CacheType, PVOID RequestedAddress, ULONG BugCheckOnFailure, ULONG Priority)',
  page: 'wdm/nf-wdm-mmmaplockedpagesspecifycache',
  userResult: (args) => args[1] === USER_MODE,
  implement:
    (kernel: Kernel, driver) =>
    (
      MemoryDescriptorList: Address,
      AccessMode: number,
      _CacheType: number,
      _RequestedAddress: Address,
      _BugCheckOnFailure: number,
      _Priority: number,
    ) =>
      mapLockedPages(kernel, driver, MemoryDescriptorList, AccessMode),
});

/** The older form of MmMapLockedPagesSpecifyCache. wdm/nf-wdm-mmmaplockedpages */
export const MmMapLockedPages = declareFunction('ntoskrnl', {
  ...atDispatch,
  prototype: 'PVOID MmMapLockedPages(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode)',
  page: 'wdm/nf-wdm-mmmaplockedpages',
  userResult: (args) => args[1] === USER_MODE,
  implement: (kernel: Kernel, driver) => (MemoryDescriptorList: Address, AccessMode: number) =>
    mapLockedPages(kernel, driver, MemoryDescriptorList, AccessMode),
});

/** Releases a mapping. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-mmunmaplockedpages */
export const MmUnmapLockedPages = declareFunction('ntoskrnl', {
  ...atDispatch,
  prototype: 'VOID MmUnmapLockedPages(PVOID BaseAddress, PMDL MemoryDescriptorList)',
  page: 'wdm/nf-wdm-mmunmaplockedpages',
  implement: (kernel: Kernel, driver) => (BaseAddress: Address, MemoryDescriptorList: Address) =>
    unmapLockedPages(kernel, driver, MemoryDescriptorList, BaseAddress),
});

/**
 * The system address of an MDL's buffer; maps it if it is not mapped. IRQL <= DISPATCH_LEVEL. NULL when it cannot be
 * mapped. wdm/nf-wdm-mmgetsystemaddressformdlsafe
 */
export const MmGetSystemAddressForMdlSafe = declareFunction('ntoskrnl', {
  ...atDispatch,
  inline: true,
  prototype: 'PVOID MmGetSystemAddressForMdlSafe(PMDL Mdl, ULONG Priority)',
  page: 'wdm/nf-wdm-mmgetsystemaddressformdlsafe',
  implement: (kernel: Kernel, driver) => (Mdl: Address, _Priority: number) =>
    (mdlFlags(kernel, Mdl) & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL)) !== 0
      ? mappedAddress(kernel, Mdl)
      : mapLockedPages(kernel, driver, Mdl, 0),
});

/** Length of the buffer in bytes. Any IRQL. wdm/nf-wdm-mmgetmdlbytecount */
export const MmGetMdlByteCount = declareFunction('ntoskrnl', {
  ...inlineAny,
  prototype: 'ULONG MmGetMdlByteCount(PMDL Mdl)',
  page: 'wdm/nf-wdm-mmgetmdlbytecount',
  implement: (kernel: Kernel) => (Mdl: Address) => mdlByteCount(kernel, Mdl),
});

/** Offset of the buffer in its first page. Any IRQL. wdm/nf-wdm-mmgetmdlbyteoffset */
export const MmGetMdlByteOffset = declareFunction('ntoskrnl', {
  ...inlineAny,
  prototype: 'ULONG MmGetMdlByteOffset(PMDL Mdl)',
  page: 'wdm/nf-wdm-mmgetmdlbyteoffset',
  implement: (kernel: Kernel) => (Mdl: Address) => mdlByteOffset(kernel, Mdl),
});

/** The address the MDL was made for. Any IRQL. wdm/nf-wdm-mmgetmdlvirtualaddress */
export const MmGetMdlVirtualAddress = declareFunction('ntoskrnl', {
  ...inlineAny,
  prototype: 'PVOID MmGetMdlVirtualAddress(PMDL Mdl)',
  page: 'wdm/nf-wdm-mmgetmdlvirtualaddress',
  implement: (kernel: Kernel) => (Mdl: Address) => mdlAddress(kernel, Mdl),
});

/** Where the page numbers of the MDL start, 8 bytes each. Any IRQL. wdm/nf-wdm-mmgetmdlpfnarray */
export const MmGetMdlPfnArray = declareFunction('ntoskrnl', {
  ...inlineAny,
  prototype: 'PPFN_NUMBER MmGetMdlPfnArray(PMDL Mdl)',
  page: 'wdm/nf-wdm-mmgetmdlpfnarray',
  implement: () => (Mdl: Address) => Mdl + MDL_SIZE,
});

/** Releases the mapping that a partial MDL made. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-mmpreparemdlforreuse */
export const MmPrepareMdlForReuse = declareFunction('ntoskrnl', {
  ...atDispatch,
  inline: true,
  prototype: 'VOID MmPrepareMdlForReuse(PMDL MDL)',
  page: 'wdm/nf-wdm-mmpreparemdlforreuse',
  implement: (kernel: Kernel) => (MDL: Address) => prepareForReuse(kernel, MDL),
});

/**
 * Moves the start of an MDL's buffer forward. IRQL <= DISPATCH_LEVEL. STATUS_INVALID_PARAMETER_2 beyond its end.
 * wdm/nf-wdm-mmadvancemdl
 */
export const MmAdvanceMdl = declareFunction('ntoskrnl', {
  ...atDispatch,
  prototype: 'NTSTATUS MmAdvanceMdl(PMDL Mdl, ULONG NumberOfBytes)',
  page: 'wdm/nf-wdm-mmadvancemdl',
  implement: (kernel: Kernel) => (Mdl: Address, NumberOfBytes: number) =>
    advanceMdl(kernel, Mdl, NumberOfBytes) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER_2,
});

/** Pages that a range touches. Any IRQL. wdm/nf-wdm-address_and_size_to_span_pages */
export const ADDRESS_AND_SIZE_TO_SPAN_PAGES = declareFunction('ntoskrnl', {
  ...inlineAny,
  prototype: 'ULONG ADDRESS_AND_SIZE_TO_SPAN_PAGES(PVOID Va, SIZE_T Size)',
  page: 'wdm/nf-wdm-address_and_size_to_span_pages',
  implement: () => (Va: Address, Size: Wide) => spanPages(Va, Number(Size)),
});

/** Offset of an address in its page. Any IRQL. wdm/nf-wdm-byte_offset */
export const BYTE_OFFSET = declareFunction('ntoskrnl', {
  ...inlineAny,
  prototype: 'ULONG BYTE_OFFSET(PVOID Va)',
  page: 'wdm/nf-wdm-byte_offset',
  implement: () => (Va: Address) => Va & (PAGE_SIZE - 1),
});

/** Pages that hold `Size` bytes. Any IRQL. wdm/nf-wdm-bytes_to_pages */
export const BYTES_TO_PAGES = declareFunction('ntoskrnl', {
  ...inlineAny,
  prototype: 'ULONG BYTES_TO_PAGES(SIZE_T Size)',
  page: 'wdm/nf-wdm-bytes_to_pages',
  implement: () => (Size: Wide) => pagesOfSize(Number(Size)),
});

/** Start of the page around an address. Any IRQL. wdm/nf-wdm-page_align */
export const PAGE_ALIGN = declareFunction('ntoskrnl', {
  ...inlineAny,
  prototype: 'PVOID PAGE_ALIGN(PVOID Va)',
  page: 'wdm/nf-wdm-page_align',
  implement: () => (Va: Address) => Va & -PAGE_SIZE,
});
