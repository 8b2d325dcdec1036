import { describe, expect, test } from 'vitest';
import { createTestLibrary } from '../../../test/support/netBuffers.ts';
import { NDIS_GENERIC_OBJECT, NDIS_SHARED_MEMORY_PARAMETERS } from '../generated/structures/index.ts';
import { NdisObject } from '../library.ts';
import { DmaObject, MINIPORT_ALLOCATE_SHARED_MEM_COMPLETE } from './sharedMemory.ts';

const TAG = 0x74736554;

describe('pool memory', () => {
  test('is allocated and freed in each of the documented ways (ndis/nf-ndis-ndisallocatememorywithtagpriority)', async () => {
    const { run, imports, failAllocations, codes } = createTestLibrary();
    await run(() => {
      const [first, second, third] = [1, 2, 3].map(() =>
        imports.NdisAllocateMemoryWithTagPriority(0, 100, TAG, 16),
      );
      imports.NdisFreeMemory(first, 100, 0);
      imports.NdisFreeMemoryWithTag(second, TAG);
      imports.NdisFreeMemoryWithTagPriority(0, third, TAG);
      failAllocations(true);
      expect(imports.NdisAllocateMemoryWithTagPriority(0, 100, TAG, 16)).toBe(0);
      expect(imports.NdisAllocateGenericObject(0, TAG, 8)).toBe(0);
    });
    expect(codes()).toEqual([]);
  });

  test('freed with another tag stops the machine (ndis/nf-ndis-ndisfreememorywithtagpriority)', async () => {
    const { run, imports } = createTestLibrary();
    const wrong = run(() => {
      const memory = imports.NdisAllocateMemoryWithTagPriority(0, 100, TAG, 16);
      imports.NdisFreeMemoryWithTagPriority(0, memory, TAG + 1);
    });
    await expect(wrong).rejects.toMatchObject({ bugCheckCode: 0xc2 });
  });

  test('MemoryFlags that NDIS 6 does not know are a finding (ndis/nf-ndis-ndisfreememory)', async () => {
    const { run, imports, codes } = createTestLibrary();
    await run(() => imports.NdisFreeMemory(imports.NdisAllocateMemoryWithTagPriority(0, 8, TAG, 16), 8, 1));
    expect(codes()).toEqual(['BAD_MEMORY_FLAGS']);
  });

  test('a generic object has zeroed space of the caller behind it and is owned until freed (ndis/nf-ndis-ndisallocategenericobject)', async () => {
    const { run, imports, memory, driver } = createTestLibrary();
    await run(() => {
      const address = imports.NdisAllocateGenericObject(0x12340, TAG, 24);
      expect(NDIS_GENERIC_OBJECT.at(memory, address).DriverObject).toBe(0x12340);
      expect(memory.u8.subarray(address + 32, address + 56).every((byte) => byte === 0)).toBe(true);
      expect(driver.owned.map((resource) => resource.releasedBy)).toEqual(['NdisFreeGenericObject']);
      imports.NdisFreeGenericObject(address);
      expect(driver.owned).toEqual([]);
    });
  });

  test('moves, fills, zeroes and compares (ndis/nf-ndis-ndismovememory, ndis/nf-ndis-ndisequalmemory)', async () => {
    const { run, imports, memory, allocate } = createTestLibrary();
    await run(() => {
      const [one, two] = [allocate(300), allocate(300)];
      imports.NdisFillMemory(one, 300, 7);
      imports.NdisZeroMemory(one + 100, 100);
      imports.NdisMoveMemory(two, one, 300);
      expect(imports.NdisEqualMemory(one, two, 300)).toBe(1);
      imports.NdisMoveMemory(two + 1, one + 100, 3);
      expect([...memory.u8.subarray(two, two + 5)]).toEqual([7, 0, 0, 0, 7]);
      expect(imports.NdisEqualMemory(one, two, 300)).toBe(0);
      expect(imports.NdisGetSharedDataAlignment()).toBe(64);
    });
  });

  test('lookaside lists give blocks and take them back (ndis/nf-ndis-ndisinitializenpagedlookasidelist)', async () => {
    const { run, imports, allocate, failAllocations, codes } = createTestLibrary();
    await run(() => {
      const list = allocate(128);
      imports.NdisInitializeNPagedLookasideList(list, 0, 0, 0, 48, TAG, 0);
      const block = imports.NdisAllocateFromNPagedLookasideList(list);
      imports.NdisFreeToNPagedLookasideList(list, block);
      failAllocations(true);
      expect(imports.NdisAllocateFromNPagedLookasideList(list)).toBe(block);
      expect(imports.NdisAllocateFromNPagedLookasideList(list)).toBe(0);
      failAllocations(false);
      imports.NdisFreeToNPagedLookasideList(list, block);
      imports.NdisDeleteNPagedLookasideList(list);
    });
    expect(codes()).toEqual([]);
  });
});

describe('shared memory', () => {
  test('has its address as physical address and is freed as it was allocated (ndis/nf-ndis-ndismallocatesharedmemory, ndis/nf-ndis-ndismfreesharedmemory)', async () => {
    const { run, imports, ndis, memory, allocate, codes, failAllocations } = createTestLibrary();
    await run(() => {
      const adapter = ndis.register(new NdisObject());
      const cell = allocate(16);
      imports.NdisMAllocateSharedMemory(adapter, 5000, false, cell, cell + 8);
      const address = memory.readPointer(cell);
      expect(memory.u64[(cell + 8) >> 3]).toBe(BigInt(address));
      imports.NdisMFreeSharedMemory(adapter, 4000, false, address, BigInt(address));
      imports.NdisMFreeSharedMemory(adapter, 5000, false, address, BigInt(address));
      imports.NdisMFreeSharedMemory(adapter, 5000, false, address, BigInt(address));
      expect(codes()).toEqual(['SHARED_MEMORY_FREE', 'SHARED_MEMORY_FREE']);
      imports.NdisMAllocateSharedMemory(0, 5000, false, cell, cell + 8);
      expect(memory.readPointer(cell)).toBe(0);
      failAllocations(true);
      imports.NdisMAllocateSharedMemory(adapter, 5000, false, cell, cell + 8);
      expect(memory.readPointer(cell)).toBe(0);
    });
    expect(codes().slice(2)).toEqual(['BAD_HANDLE']);
  });

  test('comes later through MiniportSharedMemoryAllocateComplete, NULL when memory is short (ndis/nf-ndis-ndismallocatesharedmemoryasyncex)', async () => {
    const { run, runAll, imports, ndis, memory, driver, kernel, failAllocations } = createTestLibrary();
    const seen: unknown[] = [];
    const context = { name: 'request' };
    const handler = memory.callables.addressOf(
      (
        adapterContext: unknown,
        address: number,
        physical: number,
        length: number,
        requestContext: unknown,
      ) => {
        const same = address === 0 ? physical === 0 : memory.u32[physical >> 2] === address;
        seen.push([adapterContext, address !== 0, same, length, requestContext, kernel.irql]);
      },
      driver,
    );
    const complete = driver.callback(handler, MINIPORT_ALLOCATE_SHARED_MEM_COMPLETE);
    const dma = ndis.register(new DmaObject(7, complete));
    const without = ndis.register(new DmaObject(7, null));
    await run(() => {
      expect(imports.NdisMAllocateSharedMemoryAsyncEx(dma, 4096, false, context)).toBe(0x103);
      expect(imports.NdisMAllocateSharedMemoryAsyncEx(without, 4096, false, context)).toBe(0xc0000001);
      expect(seen).toEqual([]);
    });
    await runAll();
    expect(seen).toEqual([[7, true, true, 4096, context, 0]]);
    failAllocations(true);
    await run(() => imports.NdisMAllocateSharedMemoryAsyncEx(dma, 64, false, context));
    await runAll();
    expect(seen[1]).toEqual([7, false, true, 64, context, 0]);
  });

  test('comes from the provider with handle, address and list of pieces (ndis/nf-ndis-ndisallocatesharedmemory)', async () => {
    const { run, imports, ndis, memory, allocate, codes, failAllocations } = createTestLibrary();
    await run(() => {
      const owner = ndis.register(new NdisObject());
      const [parameters, cell, list] = [allocate(72), allocate(8), allocate(40)];
      const Header = { Type: 0x80, Revision: 1, Size: 64 };
      const fields = { Header, Length: 3000, SGListBuffer: list, SGListBufferLength: 40 };
      const view = NDIS_SHARED_MEMORY_PARAMETERS.fill(memory, parameters, fields);
      expect(imports.NdisAllocateSharedMemory(owner, parameters, cell)).toBe(0);
      const handle = memory.readPointer(cell);
      expect(view.SharedMemoryHandle).toBe(handle);
      expect([memory.u32[list >> 2], memory.u32[(list + 16) >> 2], memory.u32[(list + 24) >> 2]]).toEqual([
        1,
        view.VirtualAddress,
        3000,
      ]);
      imports.NdisFreeSharedMemory(owner, handle);
      imports.NdisFreeSharedMemory(owner, handle);
      failAllocations(true);
      expect(imports.NdisAllocateSharedMemory(owner, parameters, cell)).toBe(0xc000009a);
      view.Length = 0;
      expect(imports.NdisAllocateSharedMemory(owner, parameters, cell)).toBe(0xc000000d);
      view.Header.Size = 8;
      expect(imports.NdisAllocateSharedMemory(owner, parameters, cell)).toBe(0xc000000d);
      expect(imports.NdisAllocateSharedMemory(0, parameters, cell)).toBe(0xc0000001);
    });
    expect(codes()).toEqual(['BAD_HANDLE', 'BAD_HANDLE']);
  });
});
