/**
 * Mapping the memory of devices. A physical address is also the virtual one, once it is mapped.
 * Implements MmMapIoSpace, MmMapIoSpaceEx and MmUnmapIoSpace (wdm.h).
 */

import type { Address } from '../../memory/index.ts';
import { declareFunction } from '../declaration.ts';
import type { Driver } from '../driver.ts';
import type { Kernel } from '../kernel.ts';
import type { Wide } from '../memory/poolFunctions.ts';
import { busOf } from './bus.ts';

const common = { irql: '<=DISPATCH_LEVEL', waits: 'never', since: '2000' } as const;

function map(kernel: Kernel, driver: Driver, name: string, physical: Wide, bytes: Wide): Address {
  const address = BigInt(physical) < BigInt(kernel.memory.size) ? Number(physical) : 0;
  const length = Number(bytes);
  if (!busOf(kernel).map(address, length)) {
    kernel.report(
      'NO_HARDWARE',
      driver,
      `${name} of ${bytes} bytes at physical 0x${physical.toString(16)} gives NULL: no device has its memory there`,
      'wdm/nf-wdm-mmmapiospace',
    );
    return 0;
  }
  driver.own(`device memory ${address} ${length}`, {
    kind: 'mapping of device memory',
    name: `${length} bytes at 0x${address.toString(16)}`,
    releasedBy: 'MmUnmapIoSpace',
    release: () => busOf(kernel).unmap(address, length),
  });
  return address;
}

/**
 * Maps memory of a device. IRQL <= DISPATCH_LEVEL. NULL, and a finding, where no device has it.
 * wdm/nf-wdm-mmmapiospace
 */
export const MmMapIoSpace = declareFunction('ntoskrnl', {
  ...common,
  prototype:
    'PVOID MmMapIoSpace(PHYSICAL_ADDRESS PhysicalAddress, SIZE_T NumberOfBytes, MEMORY_CACHING_TYPE CacheType)',
  page: 'wdm/nf-wdm-mmmapiospace',
  implement: (kernel: Kernel, driver) => (PhysicalAddress: Wide, NumberOfBytes: Wide, _CacheType: number) =>
    map(kernel, driver, 'MmMapIoSpace', PhysicalAddress, NumberOfBytes),
});

/** MmMapIoSpace with a page protection. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-mmmapiospaceex */
export const MmMapIoSpaceEx = declareFunction('ntoskrnl', {
  ...common,
  since: '10',
  prototype: 'PVOID MmMapIoSpaceEx(PHYSICAL_ADDRESS PhysicalAddress, SIZE_T NumberOfBytes, ULONG Protect)',
  page: 'wdm/nf-wdm-mmmapiospaceex',
  implement: (kernel: Kernel, driver) => (PhysicalAddress: Wide, NumberOfBytes: Wide, _Protect: number) =>
    map(kernel, driver, 'MmMapIoSpaceEx', PhysicalAddress, NumberOfBytes),
});

/** Undoes MmMapIoSpace of the same range; any other is a finding. IRQL <= DISPATCH_LEVEL. wdm/nf-wdm-mmunmapiospace */
export const MmUnmapIoSpace = declareFunction('ntoskrnl', {
  ...common,
  prototype: 'VOID MmUnmapIoSpace(PVOID BaseAddress, SIZE_T NumberOfBytes)',
  page: 'wdm/nf-wdm-mmunmapiospace',
  implement: (kernel: Kernel, driver) => (BaseAddress: Address, NumberOfBytes: Wide) => {
    const length = Number(NumberOfBytes);
    const key = `device memory ${BaseAddress} ${length}`;
    if (driver.owned.some(({ name }) => name === `${length} bytes at 0x${BaseAddress.toString(16)}`)) {
      driver.disown(key);
      busOf(kernel).unmap(BaseAddress, length);
      return;
    }
    kernel.report(
      'NOT_MAPPED',
      driver,
      `MmUnmapIoSpace: ${length} bytes at 0x${BaseAddress.toString(16)} are not mapped; unmap what was mapped, with its length`,
      'wdm/nf-wdm-mmunmapiospace',
    );
  },
});
