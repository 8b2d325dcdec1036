/**
 * The inline forms of the older allocation functions that set zeroing for every version of Windows.
 * Implements ExAllocatePoolZero and its neighbours of wdm.h.
 */

import type { Address } from '../../memory/index.ts';
import { declareFunction } from '../declaration.ts';
import type { Driver } from '../driver.ts';
import { POOL_ZERO_ALLOCATION } from '../generated/constants/common.ts';
import type { Kernel } from '../kernel.ts';
import { allocateByQuota, allocateByType, type Wide } from './poolFunctions.ts';

type ByType = (
  kernel: Kernel,
  driver: Driver,
  name: string,
  typeBits: number,
  size: Wide,
  tag: number,
) => Address;

function declareInline(name: string, allocate: ByType, zero: boolean, priority: boolean) {
  const extra = zero ? POOL_ZERO_ALLOCATION : 0;
  return declareFunction('ntoskrnl', {
    prototype: `PVOID ${name}(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag${priority ? ', EX_POOL_PRIORITY Priority' : ''})`,
    irql: '<=DISPATCH_LEVEL',
    waits: 'never',
    since: '10 2004',
    page: `wdm/nf-wdm-${name.toLowerCase()}`,
    inline: true,
    implement:
      (kernel: Kernel, driver) =>
      (PoolType: number, NumberOfBytes: Wide, Tag: number, _Priority: number = 0) =>
        allocate(kernel, driver, name, PoolType | extra, NumberOfBytes, Tag),
  });
}

/** Zeroed ExAllocatePoolWithTag for every version of Windows. wdm/nf-wdm-exallocatepoolzero */
export const ExAllocatePoolZero = declareInline('ExAllocatePoolZero', allocateByType, true, false);
/** ExAllocatePoolWithTag by its newer name. wdm/nf-wdm-exallocatepooluninitialized */
export const ExAllocatePoolUninitialized = declareInline(
  'ExAllocatePoolUninitialized',
  allocateByType,
  false,
  false,
);
/** Zeroed ExAllocatePoolWithQuotaTag. wdm/nf-wdm-exallocatepoolquotazero */
export const ExAllocatePoolQuotaZero = declareInline('ExAllocatePoolQuotaZero', allocateByQuota, true, false);
/** ExAllocatePoolWithQuotaTag by its newer name. wdm/nf-wdm-exallocatepoolquotauninitialized */
export const ExAllocatePoolQuotaUninitialized = declareInline(
  'ExAllocatePoolQuotaUninitialized',
  allocateByQuota,
  false,
  false,
);
/** Zeroed ExAllocatePoolWithTagPriority. wdm/nf-wdm-exallocatepoolpriorityzero */
export const ExAllocatePoolPriorityZero = declareInline(
  'ExAllocatePoolPriorityZero',
  allocateByType,
  true,
  true,
);
/** ExAllocatePoolWithTagPriority by its newer name. wdm/nf-wdm-exallocatepoolpriorityuninitialized */
export const ExAllocatePoolPriorityUninitialized = declareInline(
  'ExAllocatePoolPriorityUninitialized',
  allocateByType,
  false,
  true,
);
