/**
 * The functions through which drivers allocate and free pool memory.
 * Implements the ExAllocatePool* and ExFreePool* pages of wdm.h.
 */

import { type Address, type PoolType, poolType, tagText } from '../../memory/index.ts';
import { declareFunction } from '../declaration.ts';
import type { Driver } from '../driver.ts';
import type { Pointer } from '../edge.ts';
import { DISPATCH_LEVEL } from '../generated/constants/basic.ts';
import { BAD_POOL_CALLER } from '../generated/constants/bugCheck.ts';
import {
  POOL_FLAG_NON_PAGED,
  POOL_FLAG_NON_PAGED_EXECUTE,
  POOL_FLAG_PAGED,
  POOL_FLAG_RAISE_ON_FAILURE,
  POOL_FLAG_UNINITIALIZED,
  POOL_FLAG_UNUSED_REQUIRED_BITS,
  POOL_FLAG_USE_QUOTA,
  POOL_NX_ALLOCATION,
  POOL_QUOTA_FAIL_INSTEAD_OF_RAISE,
  POOL_RAISE_IF_ALLOCATION_FAILURE,
  POOL_ZERO_ALLOCATION,
  PoolExtendedParameterMax,
  PoolExtendedParameterNumaNode,
  PoolExtendedParameterPriority,
} from '../generated/constants/common.ts';
import { STATUS_INSUFFICIENT_RESOURCES, STATUS_QUOTA_EXCEEDED } from '../generated/constants/ntstatus.ts';
import type { POOL_EXTENDED_PARAMETER } from '../generated/structures/index.ts';
import { irqlName } from '../irql.ts';
import type { Kernel } from '../kernel.ts';
import { RaisedStatusError } from '../raisedStatus.ts';
import { poolOf } from './kernelPool.ts';

/** A 64-bit number as TypeScript (bigint or number) and the implementation (number) hold it. */
export type Wide = number | bigint;

/** The pool of a POOL_TYPE; its other bits are attributes. */
export function poolOfType(poolTypeValue: number): PoolType {
  if ((poolTypeValue & 1) !== 0) return poolType.paged;
  return (poolTypeValue & POOL_NX_ALLOCATION) !== 0 ? poolType.nonPagedNx : poolType.nonPaged;
}

/** Reports pool work that may not be done at the present IRQL. */
export function checkPoolIrql(
  kernel: Kernel,
  driver: Driver,
  paged: boolean,
  name: string,
  page: string,
): void {
  if (paged && kernel.irql >= DISPATCH_LEVEL) {
    kernel.report(
      'PAGED_POOL_AT_RAISED_IRQL',
      driver,
      `${name} was called for paged pool at ${irqlName(kernel.irql)}; use non-paged pool, or call at IRQL <= APC_LEVEL`,
      page,
    );
  }
}

const POOL2_PAGE = 'wdm/nf-wdm-exallocatepool2';

/** Allocation by POOL_FLAGS, as ExAllocatePool2 and 3 do. */
export function allocateByFlags(
  kernel: Kernel,
  driver: Driver,
  name: string,
  wideFlags: Wide,
  wideSize: Wide,
  tag: number,
): Address {
  const pool = poolOf(kernel);
  const flags = Number(BigInt.asUintN(32, BigInt(wideFlags)));
  const size = Number(wideSize);
  const kinds = flags & (POOL_FLAG_NON_PAGED | POOL_FLAG_NON_PAGED_EXECUTE | POOL_FLAG_PAGED);
  const type =
    kinds === POOL_FLAG_NON_PAGED
      ? poolType.nonPagedNx
      : kinds === POOL_FLAG_NON_PAGED_EXECUTE
        ? poolType.nonPaged
        : kinds === POOL_FLAG_PAGED
          ? poolType.paged
          : null;
  checkPoolIrql(kernel, driver, type === poolType.paged, name, POOL2_PAGE);
  let address: Address = 0;
  const reserved = flags & (POOL_FLAG_UNUSED_REQUIRED_BITS | 0x610);
  if (type === null || tag === 0 || reserved !== 0) {
    reportBadRequest(
      kernel,
      driver,
      name,
      type === null || reserved !== 0 ? `Flags 0x${flags.toString(16)} are invalid` : 'Tag is 0',
    );
  } else {
    if (size === 0) reportZeroBytes(kernel, driver, name, POOL2_PAGE);
    address =
      (flags & POOL_FLAG_USE_QUOTA) !== 0
        ? pool.allocateWithQuota(type, size, tag, driver.id)
        : pool.allocate(type, size, tag, driver.id);
    if (address !== 0 && (flags & POOL_FLAG_UNINITIALIZED) === 0)
      kernel.memory.u8.fill(0, address, address + size);
  }
  if (address === 0 && (flags & POOL_FLAG_RAISE_ON_FAILURE) !== 0) raiseShort(name, size);
  return address;
}

function reportBadRequest(kernel: Kernel, driver: Driver, name: string, what: string): void {
  kernel.report('BAD_POOL_REQUEST', driver, `${name}: ${what}, so no memory is allocated`, POOL2_PAGE);
}

function reportZeroBytes(kernel: Kernel, driver: Driver, name: string, page: string): void {
  kernel.report('ZERO_BYTE_ALLOCATION', driver, `${name} was asked for 0 bytes; ask for at least one`, page);
}

function raiseShort(name: string, size: number): never {
  throw new RaisedStatusError(
    STATUS_INSUFFICIENT_RESOURCES,
    `${name} has no ${size} bytes and was told to raise`,
  );
}

/** Allocation by POOL_TYPE, as the functions before Windows 10, version 2004 do. */
export function allocateByType(
  kernel: Kernel,
  driver: Driver,
  name: string,
  typeBits: number,
  wideSize: Wide,
  tag: number,
): Address {
  const page = `wdm/nf-wdm-${name.toLowerCase()}`;
  const type = poolOfType(typeBits);
  const size = Number(wideSize);
  checkPoolIrql(kernel, driver, type === poolType.paged, name, page);
  if (size === 0) reportZeroBytes(kernel, driver, name, page);
  const pool = poolOf(kernel);
  const zero = (typeBits & POOL_ZERO_ALLOCATION) !== 0;
  const address = zero
    ? pool.allocateZeroed(type, size, tag, driver.id)
    : pool.allocate(type, size, tag, driver.id);
  if (address === 0 && (typeBits & POOL_RAISE_IF_ALLOCATION_FAILURE) !== 0) raiseShort(name, size);
  return address;
}

/** Allocation charged to the quota; raises unless told not to. */
export function allocateByQuota(
  kernel: Kernel,
  driver: Driver,
  name: string,
  typeBits: number,
  wideSize: Wide,
  tag: number,
): Address {
  const page = `wdm/nf-wdm-${name.toLowerCase()}`;
  const type = poolOfType(typeBits);
  const size = Number(wideSize);
  checkPoolIrql(kernel, driver, type === poolType.paged, name, page);
  if (size === 0) reportZeroBytes(kernel, driver, name, page);
  const address = poolOf(kernel).allocateWithQuota(type, size, tag, driver.id);
  if (address !== 0) {
    if ((typeBits & POOL_ZERO_ALLOCATION) !== 0) kernel.memory.u8.fill(0, address, address + size);
    return address;
  }
  if ((typeBits & POOL_QUOTA_FAIL_INSTEAD_OF_RAISE) !== 0) return 0;
  throw new RaisedStatusError(STATUS_QUOTA_EXCEEDED, `${name} cannot charge ${size} bytes to the quota`);
}

/** Frees a block of a driver. @param tag the tag it must have, undefined for any. */
export function freeBlock(
  kernel: Kernel,
  driver: Driver,
  name: string,
  address: Address,
  tag: number | undefined,
): void {
  const pool = poolOf(kernel);
  if (address === 0) {
    kernel.bugCheck(
      BAD_POOL_CALLER,
      [0x46, 0, 0, 0],
      `${driver.name} called ${name} with NULL; free only what was allocated`,
    );
  }
  if (kernel.irql >= DISPATCH_LEVEL) {
    checkPoolIrql(kernel, driver, pool.isPaged(address), name, `wdm/nf-wdm-${name.toLowerCase()}`);
  }
  pool.free(address, tag);
}

/**
 * Allocates zeroed pool memory, or uninitialized with POOL_FLAG_UNINITIALIZED. IRQL <= DISPATCH_LEVEL, <= APC_LEVEL
 * for POOL_FLAG_PAGED. NULL when memory is short, the tag is 0 or the flags are invalid; raises instead with
 * POOL_FLAG_RAISE_ON_FAILURE. wdm/nf-wdm-exallocatepool2
 */
export const ExAllocatePool2 = declareFunction('ntoskrnl', {
  prototype: 'PVOID ExAllocatePool2(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '10 2004',
  page: POOL2_PAGE,
  implement: (kernel: Kernel, driver) => (Flags: Wide, NumberOfBytes: Wide, Tag: number) =>
    allocateByFlags(kernel, driver, 'ExAllocatePool2', Flags, NumberOfBytes, Tag),
});

/** Bytes of POOL_EXTENDED_PARAMETER; Type is in the low 8 bits of its first 8 bytes, bit 8 says Optional. */
const EXTENDED_PARAMETER_SIZE = 16;

/**
 * ExAllocatePool2 with extended parameters: priority and NUMA node are accepted and change nothing in a machine of
 * one node; secure pool is refused unless optional. IRQL, results as ExAllocatePool2. wdm/nf-wdm-exallocatepool3
 */
export const ExAllocatePool3 = declareFunction('ntoskrnl', {
  prototype:
    'PVOID ExAllocatePool3(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag, PCPOOL_EXTENDED_PARAMETER ExtendedParameters, ULONG ExtendedParametersCount)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '10 2004',
  page: 'wdm/nf-wdm-exallocatepool3',
  implement:
    (kernel: Kernel, driver) =>
    (
      Flags: Wide,
      NumberOfBytes: Wide,
      Tag: number,
      ExtendedParameters: Pointer<POOL_EXTENDED_PARAMETER>,
      Count: number,
    ) => {
      const name = 'ExAllocatePool3';
      for (let index = 0; index < Count; index++) {
        const head = kernel.memory.data.getUint16(ExtendedParameters + index * EXTENDED_PARAMETER_SIZE, true);
        const type = head & 0xff;
        const known = type === PoolExtendedParameterPriority || type === PoolExtendedParameterNumaNode;
        const optional = (head & 0x100) !== 0;
        if (known || (optional && type < PoolExtendedParameterMax && type !== 0)) continue;
        reportBadRequest(
          kernel,
          driver,
          name,
          `ExtendedParameters[${index}] of type ${type} is not supported`,
        );
        if ((Number(BigInt.asUintN(32, BigInt(Flags))) & POOL_FLAG_RAISE_ON_FAILURE) !== 0) {
          raiseShort(name, Number(NumberOfBytes));
        }
        return 0;
      }
      return allocateByFlags(kernel, driver, name, Flags, NumberOfBytes, Tag);
    },
});

function declareByType(name: string, since: string, tagged: boolean) {
  return declareFunction('ntoskrnl', {
    prototype: `PVOID ${name}(POOL_TYPE PoolType, SIZE_T NumberOfBytes${tagged ? ', ULONG Tag' : ''})`,
    irql: '<=DISPATCH_LEVEL',
    waits: 'never',
    since,
    page: `wdm/nf-wdm-${name.toLowerCase()}`,
    implement:
      (kernel: Kernel, driver) =>
      (PoolType: number, NumberOfBytes: Wide, Tag: number = NO_TAG) =>
        allocateByType(kernel, driver, name, PoolType, NumberOfBytes, Tag),
  });
}

/** The tag of blocks allocated without one, `None`. */
const NO_TAG = 0x656e6f4e;

/**
 * Allocates uninitialized pool memory. IRQL <= DISPATCH_LEVEL, <= APC_LEVEL for paged pool. NULL when memory is
 * short; raises instead with POOL_RAISE_IF_ALLOCATION_FAILURE. wdm/nf-wdm-exallocatepoolwithtag
 */
export const ExAllocatePoolWithTag = declareByType('ExAllocatePoolWithTag', '2000', true);

/** ExAllocatePoolWithTag with the tag `None`. wdm/nf-wdm-exallocatepool */
export const ExAllocatePool = declareByType('ExAllocatePool', '2000', false);

/**
 * ExAllocatePoolWithTag with a priority, which decides nothing while memory lasts. IRQL, results as there.
 * wdm/nf-wdm-exallocatepoolwithtagpriority
 */
export const ExAllocatePoolWithTagPriority = declareFunction('ntoskrnl', {
  prototype:
    'PVOID ExAllocatePoolWithTagPriority(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag, EX_POOL_PRIORITY Priority)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-exallocatepoolwithtagpriority',
  implement:
    (kernel: Kernel, driver) => (PoolType: number, NumberOfBytes: Wide, Tag: number, _Priority: number) =>
      allocateByType(kernel, driver, 'ExAllocatePoolWithTagPriority', PoolType, NumberOfBytes, Tag),
});

function declareByQuota(name: string, since: string, tagged: boolean) {
  return declareFunction('ntoskrnl', {
    prototype: `PVOID ${name}(POOL_TYPE PoolType, SIZE_T NumberOfBytes${tagged ? ', ULONG Tag' : ''})`,
    irql: '<=DISPATCH_LEVEL',
    waits: 'never',
    since,
    page: `wdm/nf-wdm-${name.toLowerCase()}`,
    implement:
      (kernel: Kernel, driver) =>
      (PoolType: number, NumberOfBytes: Wide, Tag: number = NO_TAG) =>
        allocateByQuota(kernel, driver, name, PoolType, NumberOfBytes, Tag),
  });
}

/**
 * Allocates uninitialized pool memory charged to the driver's quota. IRQL as ExAllocatePoolWithTag. Raises when it
 * cannot, NULL instead with POOL_QUOTA_FAIL_INSTEAD_OF_RAISE. wdm/nf-wdm-exallocatepoolwithquotatag
 */
export const ExAllocatePoolWithQuotaTag = declareByQuota('ExAllocatePoolWithQuotaTag', '2000', true);

/** ExAllocatePoolWithQuotaTag with the tag `None`. wdm/nf-wdm-exallocatepoolwithquota */
export const ExAllocatePoolWithQuota = declareByQuota('ExAllocatePoolWithQuota', '2000', false);

/**
 * Frees a block. IRQL <= DISPATCH_LEVEL, <= APC_LEVEL for paged pool. What was not allocated, or was freed before, is
 * bug check BAD_POOL_CALLER. wdm/nf-wdm-exfreepool
 */
export const ExFreePool = declareFunction('ntoskrnl', {
  prototype: 'VOID ExFreePool(PVOID P)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-exfreepool',
  implement: (kernel: Kernel, driver) => (P: Address) =>
    freeBlock(kernel, driver, 'ExFreePool', P, undefined),
});

/** ExFreePool of a block that must have the tag; another tag is bug check BAD_POOL_CALLER. wdm/nf-wdm-exfreepoolwithtag */
export const ExFreePoolWithTag = declareFunction('ntoskrnl', {
  prototype: 'VOID ExFreePoolWithTag(PVOID P, ULONG Tag)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '2000',
  page: 'wdm/nf-wdm-exfreepoolwithtag',
  // A tag of 0 stands for any: ExFreePool is ExFreePoolWithTag with 0 in compiled drivers.
  implement: (kernel: Kernel, driver) => (P: Address, Tag: number) =>
    freeBlock(kernel, driver, 'ExFreePoolWithTag', P, Tag === 0 ? undefined : Tag),
});

/** ExFreePoolWithTag; extended parameters are only of use for secure pool, which the machine has not. wdm/nf-wdm-exfreepool2 */
export const ExFreePool2 = declareFunction('ntoskrnl', {
  prototype:
    'VOID ExFreePool2(PVOID P, ULONG Tag, PCPOOL_EXTENDED_PARAMETER ExtendedParameters, ULONG ExtendedParametersCount)',
  irql: '<=DISPATCH_LEVEL',
  waits: 'never',
  since: '10 2004',
  page: 'wdm/nf-wdm-exfreepool2',
  implement:
    (kernel: Kernel, driver) =>
    (P: Address, Tag: number, _Parameters: Pointer<POOL_EXTENDED_PARAMETER>, Count: number) => {
      if (Count !== 0) {
        reportBadRequest(
          kernel,
          driver,
          'ExFreePool2',
          `extended parameters are for secure pool, not for tag ${tagText(Tag)}`,
        );
      }
      freeBlock(kernel, driver, 'ExFreePool2', P, Tag === 0 ? undefined : Tag);
    },
});
