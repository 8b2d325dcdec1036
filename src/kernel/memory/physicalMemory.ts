/**
 * Whole pages for drivers: contiguous memory, pages for MDLs, and physical addresses. A physical address is the low
 * half of the kernel address. Implements the MmAllocateContiguousMemory*, MmAllocatePagesForMdl* pages of wdm.h.
 */

import {
  type Address,
  PAGE_EXECUTE,
  PAGE_READ_WRITE,
  PAGE_SIZE,
  pagesOfSize,
  type RangeLimits,
} from '../../memory/index.ts';
import { declareFunction } from '../declaration.ts';
import type { Driver } from '../driver.ts';
import { BAD_POOL_CALLER } from '../generated/constants/bugCheck.ts';
import { MDL_PAGES_LOCKED } from '../generated/constants/common.ts';
import { STATUS_NOT_SUPPORTED } from '../generated/constants/ntstatus.ts';
import type { Kernel } from '../kernel.ts';
import { perKernel } from '../kernel.ts';
import { pagesOf } from './kernelPool.ts';
import { allocateMdl, fillPageNumbers, MDL_SIZE, mdlByteCount, setMdlFlags } from './mdl.ts';
import type { Wide } from './poolFunctions.ts';

/** What drivers allocated in whole pages: number of pages by address. */
const rangesOf = perKernel('page ranges of drivers', () => new Map<Address, number>());

/** A limit as it comes by value; addresses beyond memory count as its end. */
function limit(kernel: Kernel, address: Wide): number {
  return Math.min(Number(BigInt.asUintN(64, BigInt(address))), kernel.memory.size - 1);
}

function allocateRange(
  kernel: Kernel,
  driver: Driver,
  name: string,
  size: number,
  releasedBy: string,
  limits?: RangeLimits,
): Address {
  const count = pagesOfSize(size);
  const fail = kernel.poolOptions.fail;
  if (fail?.(0, size, 0, driver.id) === true) return 0;
  const address = pagesOf(kernel).allocate(count, PAGE_READ_WRITE | PAGE_EXECUTE, limits);
  if (address === 0) return 0;
  rangesOf(kernel).set(address, count);
  driver.own(`pages ${address}`, {
    kind: 'pages',
    name: `${size} bytes of ${name} at 0x${address.toString(16)}`,
    releasedBy,
    release: () => releaseRange(kernel, driver, address),
  });
  return address;
}

function releaseRange(kernel: Kernel, driver: Driver, address: Address): boolean {
  const count = rangesOf(kernel).get(address);
  if (count === undefined) return false;
  rangesOf(kernel).delete(address);
  driver.disown(`pages ${address}`);
  pagesOf(kernel).release(address, count);
  return true;
}

function freeRange(kernel: Kernel, driver: Driver, name: string, address: Address): void {
  if (releaseRange(kernel, driver, address)) return;
  kernel.bugCheck(
    BAD_POOL_CALLER,
    [0x46, address, 0, 0],
    `${driver.name} called ${name} for 0x${address.toString(16)}, which was not allocated so or was freed before`,
  );
}

const common = { irql: '<=DISPATCH_LEVEL', waits: 'never', since: '2000' } as const;

/**
 * Physically contiguous non-paged memory below an address, page-aligned. IRQL <= DISPATCH_LEVEL. NULL when there is
 * none. wdm/nf-wdm-mmallocatecontiguousmemory
 */
export const MmAllocateContiguousMemory = declareFunction('ntoskrnl', {
  ...common,
  prototype:
    'PVOID MmAllocateContiguousMemory(SIZE_T NumberOfBytes, PHYSICAL_ADDRESS HighestAcceptableAddress)',
  page: 'wdm/nf-wdm-mmallocatecontiguousmemory',
  implement: (kernel: Kernel, driver) => (NumberOfBytes: Wide, HighestAcceptableAddress: Wide) =>
    allocateRange(kernel, driver, 'contiguous memory', Number(NumberOfBytes), 'MmFreeContiguousMemory', {
      highest: limit(kernel, HighestAcceptableAddress),
    }),
});

function specifyCache(name: string, more: string, since: string) {
  return declareFunction('ntoskrnl', {
    ...common,
    since,
    prototype: `PVOID ${name}(SIZE_T NumberOfBytes, PHYSICAL_ADDRESS LowestAcceptableAddress, PHYSICAL_ADDRESS HighestAcceptableAddress, PHYSICAL_ADDRESS BoundaryAddressMultiple, MEMORY_CACHING_TYPE CacheType${more})`,
    page: `wdm/nf-wdm-${name.toLowerCase()}`,
    implement:
      (kernel: Kernel, driver) =>
      (
        NumberOfBytes: Wide,
        Lowest: Wide,
        Highest: Wide,
        Boundary: Wide,
        _CacheType: number,
        _Node: number = 0,
      ) =>
        allocateRange(kernel, driver, 'contiguous memory', Number(NumberOfBytes), 'MmFreeContiguousMemory', {
          lowest: limit(kernel, Lowest),
          highest: limit(kernel, Highest),
          boundary: Number(Boundary),
        }),
  });
}

/** MmAllocateContiguousMemory within limits. wdm/nf-wdm-mmallocatecontiguousmemoryspecifycache */
export const MmAllocateContiguousMemorySpecifyCache = specifyCache(
  'MmAllocateContiguousMemorySpecifyCache',
  '',
  '2000',
);

/** MmAllocateContiguousMemory within limits; the machine has one node. wdm/nf-wdm-mmallocatecontiguousmemoryspecifycachenode */
export const MmAllocateContiguousMemorySpecifyCacheNode = specifyCache(
  'MmAllocateContiguousMemorySpecifyCacheNode',
  ', NODE_REQUIREMENT PreferredNode',
  'Vista',
);

/** Frees contiguous memory. What was not allocated so is bug check BAD_POOL_CALLER. wdm/nf-wdm-mmfreecontiguousmemory */
export const MmFreeContiguousMemory = declareFunction('ntoskrnl', {
  ...common,
  prototype: 'VOID MmFreeContiguousMemory(PVOID BaseAddress)',
  page: 'wdm/nf-wdm-mmfreecontiguousmemory',
  implement: (kernel: Kernel, driver) => (BaseAddress: Address) =>
    freeRange(kernel, driver, 'MmFreeContiguousMemory', BaseAddress),
});

/** MmFreeContiguousMemory by its longer name. wdm/nf-wdm-mmfreecontiguousmemoryspecifycache */
export const MmFreeContiguousMemorySpecifyCache = declareFunction('ntoskrnl', {
  ...common,
  prototype:
    'VOID MmFreeContiguousMemorySpecifyCache(PVOID BaseAddress, SIZE_T NumberOfBytes, MEMORY_CACHING_TYPE CacheType)',
  page: 'wdm/nf-wdm-mmfreecontiguousmemoryspecifycache',
  implement: (kernel: Kernel, driver) => (BaseAddress: Address, _NumberOfBytes: Wide, _CacheType: number) =>
    freeRange(kernel, driver, 'MmFreeContiguousMemorySpecifyCache', BaseAddress),
});

/** Non-cached memory in whole pages. IRQL <= APC_LEVEL. NULL when there is none. ntddk/nf-ntddk-mmallocatenoncachedmemory */
export const MmAllocateNonCachedMemory = declareFunction('ntoskrnl', {
  ...common,
  irql: '<=APC_LEVEL',
  prototype: 'PVOID MmAllocateNonCachedMemory(SIZE_T NumberOfBytes)',
  page: 'ntddk/nf-ntddk-mmallocatenoncachedmemory',
  implement: (kernel: Kernel, driver) => (NumberOfBytes: Wide) =>
    allocateRange(kernel, driver, 'non-cached memory', Number(NumberOfBytes), 'MmFreeNonCachedMemory'),
});

/** Frees non-cached memory. IRQL <= APC_LEVEL. ntddk/nf-ntddk-mmfreenoncachedmemory */
export const MmFreeNonCachedMemory = declareFunction('ntoskrnl', {
  ...common,
  irql: '<=APC_LEVEL',
  prototype: 'VOID MmFreeNonCachedMemory(PVOID BaseAddress, SIZE_T NumberOfBytes)',
  page: 'ntddk/nf-ntddk-mmfreenoncachedmemory',
  implement: (kernel: Kernel, driver) => (BaseAddress: Address, _NumberOfBytes: Wide) =>
    freeRange(kernel, driver, 'MmFreeNonCachedMemory', BaseAddress),
});

const MM_DONT_ZERO_ALLOCATION = 1;
const MM_ALLOCATE_FULLY_REQUIRED = 4;
const MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS = 0x20;

/** An MDL over pages of its own: as much of `size` as there is, unless all is required. */
function allocatePagesForMdl(
  kernel: Kernel,
  driver: Driver,
  low: Wide,
  high: Wide,
  size: number,
  flags: number,
): Address {
  const limits = { lowest: limit(kernel, low), highest: limit(kernel, high) };
  const whole = (flags & (MM_ALLOCATE_FULLY_REQUIRED | MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS)) !== 0;
  for (let bytes = size; bytes > 0; bytes = Math.floor(bytes / 2 / PAGE_SIZE) * PAGE_SIZE) {
    const address = allocateRange(kernel, driver, 'pages for an MDL', bytes, 'MmFreePagesFromMdl', limits);
    if (address !== 0) {
      const mdl = allocateMdl(kernel, driver.id, 0, bytes);
      if (mdl === 0) {
        releaseRange(kernel, driver, address);
        return 0;
      }
      fillPageNumbers(kernel, mdl, address);
      setMdlFlags(kernel, mdl, MDL_PAGES_LOCKED);
      if ((flags & MM_DONT_ZERO_ALLOCATION) === 0)
        kernel.memory.u8.fill(0, address, address + pagesOfSize(bytes) * PAGE_SIZE);
      return mdl;
    }
    if (whole) return 0;
  }
  return 0;
}

/**
 * Zeroed pages described by an MDL, not mapped; fewer when memory is short. IRQL <= DISPATCH_LEVEL. NULL when there
 * are none. Always one contiguous range here. wdm/nf-wdm-mmallocatepagesformdl
 */
export const MmAllocatePagesForMdl = declareFunction('ntoskrnl', {
  ...common,
  prototype:
    'PMDL MmAllocatePagesForMdl(PHYSICAL_ADDRESS LowAddress, PHYSICAL_ADDRESS HighAddress, PHYSICAL_ADDRESS SkipBytes, SIZE_T TotalBytes)',
  page: 'wdm/nf-wdm-mmallocatepagesformdl',
  implement:
    (kernel: Kernel, driver) => (LowAddress: Wide, HighAddress: Wide, _SkipBytes: Wide, TotalBytes: Wide) =>
      allocatePagesForMdl(kernel, driver, LowAddress, HighAddress, Number(TotalBytes), 0),
});

/** MmAllocatePagesForMdl with flags. wdm/nf-wdm-mmallocatepagesformdlex */
export const MmAllocatePagesForMdlEx = declareFunction('ntoskrnl', {
  ...common,
  since: 'Vista',
  prototype:
    'PMDL MmAllocatePagesForMdlEx(PHYSICAL_ADDRESS LowAddress, PHYSICAL_ADDRESS HighAddress, PHYSICAL_ADDRESS SkipBytes, SIZE_T TotalBytes, MEMORY_CACHING_TYPE CacheType, ULONG Flags)',
  page: 'wdm/nf-wdm-mmallocatepagesformdlex',
  implement:
    (kernel: Kernel, driver) =>
    (
      LowAddress: Wide,
      HighAddress: Wide,
      _SkipBytes: Wide,
      TotalBytes: Wide,
      _CacheType: number,
      Flags: number,
    ) =>
      allocatePagesForMdl(kernel, driver, LowAddress, HighAddress, Number(TotalBytes), Flags),
});

/** Frees the pages of such an MDL; the MDL itself is freed with ExFreePool. wdm/nf-wdm-mmfreepagesfrommdl */
export const MmFreePagesFromMdl = declareFunction('ntoskrnl', {
  ...common,
  prototype: 'VOID MmFreePagesFromMdl(PMDL MemoryDescriptorList)',
  page: 'wdm/nf-wdm-mmfreepagesfrommdl',
  implement: (kernel: Kernel, driver) => (MemoryDescriptorList: Address) => {
    const count = mdlByteCount(kernel, MemoryDescriptorList);
    const first = count === 0 ? 0 : kernel.memory.u32[(MemoryDescriptorList + MDL_SIZE) >> 2] * PAGE_SIZE;
    freeRange(kernel, driver, 'MmFreePagesFromMdl', first);
    setMdlFlags(kernel, MemoryDescriptorList, 0);
  },
});

/** The physical address of a valid address, 0 for one that is not mapped. Any IRQL. ntddk/nf-ntddk-mmgetphysicaladdress */
export const MmGetPhysicalAddress = declareFunction('ntoskrnl', {
  ...common,
  irql: 'any',
  prototype: 'PHYSICAL_ADDRESS MmGetPhysicalAddress(PVOID BaseAddress)',
  page: 'ntddk/nf-ntddk-mmgetphysicaladdress',
  implement: (kernel: Kernel) => (BaseAddress: Address) =>
    pagesOf(kernel).isMapped(BaseAddress) ? BigInt(BaseAddress) : 0n,
});

/** Whether reading an address would not fault. IRQL <= DISPATCH_LEVEL. ntddk/nf-ntddk-mmisaddressvalid */
export const MmIsAddressValid = declareFunction('ntoskrnl', {
  ...common,
  prototype: 'BOOLEAN MmIsAddressValid(PVOID VirtualAddress)',
  page: 'ntddk/nf-ntddk-mmisaddressvalid',
  implement: (kernel: Kernel) => (VirtualAddress: Address) =>
    pagesOf(kernel).isMapped(VirtualAddress) ? 1 : 0,
});

/**
 * Driver Verifier is not active in the machine: STATUS_NOT_SUPPORTED. IRQL <= DISPATCH_LEVEL.
 * ntddk/nf-ntddk-mmisverifierenabled
 */
export const MmIsVerifierEnabled = declareFunction('ntoskrnl', {
  ...common,
  prototype: 'NTSTATUS MmIsVerifierEnabled(PULONG VerifierFlags)',
  page: 'ntddk/nf-ntddk-mmisverifierenabled',
  implement: (kernel: Kernel) => (VerifierFlags: Address) => {
    kernel.memory.u32[VerifierFlags >> 2] = 0;
    return STATUS_NOT_SUPPORTED;
  },
});
