import { describe, expect, test } from 'vitest';
import {
  createTestLibrary,
  listPoolParameters,
  makeChain,
  poolParameters,
} from '../../../test/support/netBuffers.ts';
import { MDL } from '../../kernel/index.ts';
import { NET_BUFFER, NET_BUFFER_LIST, NET_BUFFER_LIST_CONTEXT } from '../generated/structures/index.ts';
import * as offsets from './offsets.ts';
import { MDL_SIZE, NB_SIZE, NB_STATE, NBL_SIZE, NBL_STATE } from './offsets.ts';

const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);

test('the offsets of the data path are those of the declared structures', () => {
  const nbl = NET_BUFFER_LIST.offset;
  expect(NBL_SIZE).toBe(NET_BUFFER_LIST.size);
  expect(NB_SIZE).toBe(NET_BUFFER.size);
  expect(MDL_SIZE).toBe(MDL.size);
  expect([
    offsets.NBL_NEXT,
    offsets.NBL_FIRST_NET_BUFFER,
    offsets.NBL_CONTEXT,
    offsets.NBL_PARENT,
    offsets.NBL_POOL_HANDLE,
    offsets.NBL_NDIS_RESERVED,
    offsets.NBL_PROTOCOL_RESERVED,
    offsets.NBL_MINIPORT_RESERVED,
    offsets.NBL_SCRATCH,
    offsets.NBL_SOURCE_HANDLE,
    offsets.NBL_NBL_FLAGS,
    offsets.NBL_CHILD_REF_COUNT,
    offsets.NBL_FLAGS,
    offsets.NBL_STATUS,
    offsets.NBL_INFO,
  ]).toEqual([
    nbl.Next,
    nbl.FirstNetBuffer,
    nbl.Context,
    nbl.ParentNetBufferList,
    nbl.NdisPoolHandle,
    nbl.NdisReserved,
    nbl.ProtocolReserved,
    nbl.MiniportReserved,
    nbl.Scratch,
    nbl.SourceHandle,
    nbl.NblFlags,
    nbl.ChildRefCount,
    nbl.Flags,
    nbl.Status,
    nbl.NetBufferListInfo,
  ]);
  const nb = NET_BUFFER.offset;
  expect([
    offsets.NB_NEXT,
    offsets.NB_CURRENT_MDL,
    offsets.NB_CURRENT_MDL_OFFSET,
    offsets.NB_DATA_LENGTH,
    offsets.NB_MDL_CHAIN,
    offsets.NB_DATA_OFFSET,
    offsets.NB_CHECKSUM_BIAS,
    offsets.NB_POOL_HANDLE,
    offsets.NB_PROTOCOL_RESERVED,
    offsets.NB_MINIPORT_RESERVED,
    offsets.NB_DATA_PHYSICAL_ADDRESS,
    offsets.NB_SHARED_MEMORY_INFO,
    NB_STATE,
  ]).toEqual([
    nb.Next,
    nb.CurrentMdl,
    nb.CurrentMdlOffset,
    nb.DataLength,
    nb.MdlChain,
    nb.DataOffset,
    nb.ChecksumBias,
    nb.NdisPoolHandle,
    nb.ProtocolReserved,
    nb.MiniportReserved,
    nb.DataPhysicalAddress,
    nb.SharedMemoryInfo,
    nb.NdisReserved,
  ]);
  const mdl = MDL.offset;
  expect([
    offsets.MDL_NEXT,
    offsets.MDL_SIZE_FIELD,
    offsets.MDL_FLAGS,
    offsets.MDL_PROCESS,
    offsets.MDL_MAPPED_SYSTEM_VA,
    offsets.MDL_START_VA,
    offsets.MDL_BYTE_COUNT,
    offsets.MDL_BYTE_OFFSET,
  ]).toEqual([
    mdl.Next,
    mdl.Size,
    mdl.MdlFlags,
    mdl.Process,
    mdl.MappedSystemVa,
    mdl.StartVa,
    mdl.ByteCount,
    mdl.ByteOffset,
  ]);
  const context = NET_BUFFER_LIST_CONTEXT.offset;
  expect([
    offsets.CONTEXT_NEXT,
    offsets.CONTEXT_DATA_SIZE,
    offsets.CONTEXT_OFFSET,
    offsets.CONTEXT_SIZE,
  ]).toEqual([context.Next, context.Size, context.Offset, context.ContextData]);
});

describe('pools of lists', () => {
  test('a pool gives lists that name it and its protocol (nblapi/ns-nblapi-net_buffer_list_pool_parameters)', async () => {
    const { run, imports, codes, memory } = createTestLibrary();
    await run(() => {
      const pool = imports.NdisAllocateNetBufferListPool(0, listPoolParameters({ ProtocolId: 2 }));
      const nbl = imports.NdisAllocateNetBufferList(pool, 0, 0);
      expect(nbl).not.toBe(0);
      expect(nbl % 16).toBe(0);
      expect(imports.NdisGetPoolFromNetBufferList(nbl)).toBe(pool);
      expect(imports.NET_BUFFER_LIST_INFO(nbl, 7)).toBe(2);
      expect(imports.NET_BUFFER_LIST_FIRST_NB(nbl)).toBe(0);
      const view = NET_BUFFER_LIST.at(memory, nbl);
      expect([view.ParentNetBufferList, view.ChildRefCount, view.Context]).toEqual([0, 0, 0]);
      imports.NdisFreeNetBufferList(nbl);
      imports.NdisFreeNetBufferListPool(pool);
    });
    expect(codes()).toEqual([]);
  });

  test('a pool is refused where its header, ContextSize or DataSize is wrong (nblapi/ns-nblapi-net_buffer_list_pool_parameters)', async () => {
    const { run, imports, codes } = createTestLibrary();
    await run(() => {
      const good = listPoolParameters({});
      for (const Header of [
        { Type: 0x81, Revision: 1, Size: 16 },
        { Type: 0x80, Revision: 0, Size: 16 },
        { Type: 0x80, Revision: 1, Size: 15 },
        { Type: 0x80, Revision: 2, Size: 16 },
      ]) {
        expect(imports.NdisAllocateNetBufferListPool(0, { ...good, Header })).toBe(0);
      }
      expect(codes()).toEqual([]);
      expect(imports.NdisAllocateNetBufferListPool(0, { ...good, ContextSize: 8 })).toBe(0);
      expect(imports.NdisAllocateNetBufferListPool(0, { ...good, DataSize: 64 })).toBe(0);
      expect(imports.NdisAllocateNetBufferListPool(0, { ...good, ProtocolId: 0x40 })).toBe(0);
    });
    expect(codes()).toEqual(['BAD_POOL_PARAMETERS', 'BAD_POOL_PARAMETERS', 'BAD_POOL_PARAMETERS']);
  });

  test('lists that are not free when their pool is freed are named (nblapi/nf-nblapi-ndisfreenetbufferlistpool)', async () => {
    const { run, imports, kernel, driver } = createTestLibrary();
    await run(() => {
      const pool = imports.NdisAllocateNetBufferListPool(0, listPoolParameters({}));
      expect(driver.owned.map((resource) => resource.releasedBy)).toEqual(['NdisFreeNetBufferListPool']);
      const nbl = imports.NdisAllocateNetBufferList(pool, 0, 0);
      const other = imports.NdisAllocateNetBufferList(pool, 0, 0);
      imports.NdisFreeNetBufferList(other);
      imports.NdisFreeNetBufferListPool(pool);
      expect(kernel.findings.map((finding) => finding.code)).toEqual(['NBL_POOL_IN_USE']);
      expect(kernel.findings[0].text).toContain(`1 of the pool`);
      expect(kernel.findings[0].text).toContain(`(0x${nbl.toString(16)})`);
      expect(driver.owned).toEqual([]);
      expect(imports.NdisAllocateNetBufferList(pool, 0, 0)).toBe(0);
      imports.NdisFreeNetBufferList(nbl);
      imports.NdisFreeNetBufferListPool(pool);
    });
    expect(kernel.findings.map((finding) => finding.code)).toEqual([
      'NBL_POOL_IN_USE',
      'BAD_HANDLE',
      'NBL_WITHOUT_POOL',
      'BAD_HANDLE',
    ]);
  });

  test('a revision 2 pool with the verify flag gives freed lists back at once (nblapi/ns-nblapi-net_buffer_list_pool_parameters)', async () => {
    const { run, imports, allocate, memory, codes } = createTestLibrary();
    await run(() => {
      const parameters = allocate(20);
      memory.u8.set([0x80, 2, 20, 0, 0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 1, 0, 0, 0], parameters);
      const pool = imports.NdisAllocateNetBufferListPool(0, parameters);
      const nbl = imports.NdisAllocateNetBufferList(pool, 0, 0);
      const before = memory.generations.generationAt(nbl);
      imports.NdisFreeNetBufferList(nbl);
      expect(memory.generations.generationAt(nbl)).not.toBe(before);
      imports.NdisFreeNetBufferListPool(pool);
    });
    expect(codes()).toEqual([]);
  });
});

describe('lists', () => {
  test('a list with a net buffer describes the data it is given (nblapi/nf-nblapi-ndisallocatenetbufferandnetbufferlist)', async () => {
    const library = createTestLibrary();
    const { run, imports, codes } = library;
    await run(() => {
      const pool = imports.NdisAllocateNetBufferListPool(0, listPoolParameters({ fAllocateNetBuffer: true }));
      const chain = makeChain(library, [10, 20], bytes);
      const nbl = imports.NdisAllocateNetBufferAndNetBufferList(pool, 0, 0, chain, 14, 10);
      const nb = imports.NET_BUFFER_LIST_FIRST_NB(nbl);
      expect(imports.NdisGetPoolFromNetBuffer(nb)).toBe(pool);
      expect(imports.NET_BUFFER_DATA_LENGTH(nb)).toBe(10);
      expect(imports.NET_BUFFER_DATA_OFFSET(nb)).toBe(14);
      expect(imports.NET_BUFFER_FIRST_MDL(nb)).toBe(chain);
      expect(imports.NET_BUFFER_CURRENT_MDL(nb)).toBe(imports.NDIS_MDL_LINKAGE(chain));
      expect(imports.NET_BUFFER_CURRENT_MDL_OFFSET(nb)).toBe(4);
      imports.NdisFreeNetBufferList(nbl);
      const second = imports.NdisAllocateNetBufferAndNetBufferList(pool, 0, 0, 0, 0, 0);
      expect(imports.NET_BUFFER_CURRENT_MDL(imports.NET_BUFFER_LIST_FIRST_NB(second))).toBe(0);
      imports.NdisFreeNetBufferList(second);
    });
    expect(codes()).toEqual([]);
  });

  test('such a list needs a pool with net buffers and without data, and data only with an MDL (nblapi/nf-nblapi-ndisallocatenetbufferandnetbufferlist)', async () => {
    const { run, imports, codes } = createTestLibrary();
    await run(() => {
      const plain = imports.NdisAllocateNetBufferListPool(0, listPoolParameters({}));
      const withData = imports.NdisAllocateNetBufferListPool(
        0,
        listPoolParameters({ fAllocateNetBuffer: true, DataSize: 64 }),
      );
      const good = imports.NdisAllocateNetBufferListPool(0, listPoolParameters({ fAllocateNetBuffer: true }));
      expect(imports.NdisAllocateNetBufferAndNetBufferList(plain, 0, 0, 0, 0, 0)).toBe(0);
      expect(imports.NdisAllocateNetBufferAndNetBufferList(withData, 0, 0, 0, 0, 0)).toBe(0);
      expect(imports.NdisAllocateNetBufferAndNetBufferList(good, 0, 0, 0, 0, 5)).toBe(0);
      expect(imports.NdisAllocateNetBufferAndNetBufferList(good, 8, 0, 0, 0, 0)).toBe(0);
      expect(imports.NdisAllocateNetBufferAndNetBufferList(0, 0, 0, 0, 0, 0)).toBe(0);
      expect(imports.NdisAllocateNetBufferList(good, 0, 8)).toBe(0);
      expect(imports.NdisAllocateNetBufferList(good, 0xfff0, 0x20)).toBe(0);
    });
    expect(codes()).toEqual([
      'BAD_ALLOCATION',
      'BAD_ALLOCATION',
      'BAD_ALLOCATION',
      'BAD_ALLOCATION',
      'BAD_HANDLE',
      'BAD_ALLOCATION',
      'BAD_ALLOCATION',
    ]);
  });

  test('a pool with a data size gives list, net buffer, MDL and data at once, all of it unused (nblapi/nf-nblapi-ndisallocatenetbufferlistpool)', async () => {
    const { run, imports, codes, memory } = createTestLibrary();
    await run(() => {
      const parameters = listPoolParameters({ fAllocateNetBuffer: true, DataSize: 5000, ContextSize: 32 });
      const pool = imports.NdisAllocateNetBufferListPool(0, parameters);
      for (let round = 0; round < 2; round++) {
        const nbl = imports.NdisAllocateNetBufferList(pool, 0, 0);
        const nb = imports.NET_BUFFER_LIST_FIRST_NB(nbl);
        expect(imports.NET_BUFFER_DATA_LENGTH(nb)).toBe(0);
        expect(imports.NET_BUFFER_DATA_OFFSET(nb)).toBe(5000);
        const view = MDL.at(memory, imports.NET_BUFFER_FIRST_MDL(nb));
        expect([view.ByteCount, view.Next]).toEqual([5000, 0]);
        expect(view.StartVa + view.ByteOffset).toBe(view.MappedSystemVa);
        expect(view.MappedSystemVa).toBeGreaterThanOrEqual(view.address + view.Size);
        view.ByteCount = 3;
        imports.NdisFreeNetBufferList(nbl);
      }
    });
    expect(codes()).toEqual([]);
  });

  test('a list is not given when memory is short (nblapi/nf-nblapi-ndisallocatenetbufferlist)', async () => {
    const { run, imports, failAllocations, codes } = createTestLibrary();
    await run(() => {
      const pool = imports.NdisAllocateNetBufferListPool(0, listPoolParameters({}));
      const buffers = imports.NdisAllocateNetBufferPool(0, poolParameters());
      const withData = imports.NdisAllocateNetBufferPool(0, poolParameters(100));
      failAllocations(true);
      expect(imports.NdisAllocateNetBufferList(pool, 0, 0)).toBe(0);
      expect(imports.NdisAllocateNetBuffer(buffers, 0, 0, 0)).toBe(0);
      expect(imports.NdisAllocateNetBufferMdlAndData(withData)).toBe(0);
      failAllocations(false);
      const nbl = imports.NdisAllocateNetBufferList(pool, 0, 0);
      imports.NdisFreeNetBufferList(nbl);
      failAllocations(true);
      // The freed list is there; only more context space than the pool has must be allocated.
      expect(imports.NdisAllocateNetBufferList(pool, 16, 0)).toBe(0);
      expect(imports.NdisAllocateNetBufferList(pool, 0, 0)).toBe(nbl);
    });
    expect(codes()).toEqual([]);
  });

  test('a list that is freed twice, or while another driver holds it, is a finding (nblapi/nf-nblapi-ndisfreenetbufferlist)', async () => {
    const { run, imports, ndis, codes, memory, kernel } = createTestLibrary();
    const { netBuffersOf } = await import('./netBuffers.ts');
    await run(() => {
      const pool = imports.NdisAllocateNetBufferListPool(0, listPoolParameters({}));
      const nbl = imports.NdisAllocateNetBufferList(pool, 0, 0);
      netBuffersOf(ndis).setHolder(nbl, 7);
      imports.NdisFreeNetBufferList(nbl);
      netBuffersOf(ndis).setHolder(nbl, 0);
      NET_BUFFER_LIST.at(memory, nbl).NdisPoolHandle = 0x1234;
      imports.NdisFreeNetBufferList(nbl);
      imports.NdisFreeNetBufferList(nbl);
      expect(memory.i32[(nbl + NBL_STATE) >> 2]).toBe(offsets.BLOCK_FREE);
    });
    expect(codes()).toEqual(['NBL_FREED_WHILE_HELD', 'NBL_POOL_CHANGED', 'NBL_FREED_TWICE']);
    expect(kernel.findings[0].text).toContain('driver 7');
  });

  test('a net buffer whose data passes its MDLs is a finding (nblapi/nf-nblapi-ndisallocatenetbuffer)', async () => {
    const library = createTestLibrary();
    const { run, imports, kernel, codes } = library;
    await run(() => {
      const pool = imports.NdisAllocateNetBufferPool(0, poolParameters());
      const chain = makeChain(library, [10, 20], bytes);
      const nb = imports.NdisAllocateNetBuffer(pool, chain, 5, 26);
      imports.NdisFreeNetBuffer(nb);
    });
    expect(codes()).toEqual(['NET_BUFFER_INCONSISTENT']);
    expect(kernel.findings[0].text).toContain('DataOffset 5 and DataLength 26 pass the end');
  });
});

describe('net buffers', () => {
  test('a net buffer of its own is allocated, reused and freed (nblapi/nf-nblapi-ndisallocatenetbuffer)', async () => {
    const library = createTestLibrary();
    const { run, imports, codes } = library;
    await run(() => {
      const pool = imports.NdisAllocateNetBufferPool(0, poolParameters());
      const chain = makeChain(library, [30], bytes);
      const nb = imports.NdisAllocateNetBuffer(pool, chain, 0, 30);
      expect(imports.NdisGetPoolFromNetBuffer(nb)).toBe(pool);
      expect(imports.NET_BUFFER_NEXT_NB(nb)).toBe(0);
      imports.NET_BUFFER_NEXT_NB(nb, 0x1_0000);
      imports.NdisFreeNetBuffer(nb);
      expect(imports.NdisAllocateNetBuffer(pool, chain, 0, 30)).toBe(nb);
      expect(imports.NET_BUFFER_NEXT_NB(nb)).toBe(0);
      imports.NdisFreeNetBuffer(nb);
      imports.NdisFreeNetBufferPool(pool);
    });
    expect(codes()).toEqual([]);
  });

  test('wrong pools and wrong frees are findings (nblapi/nf-nblapi-ndisallocatenetbufferpool, nblapi/nf-nblapi-ndisfreenetbuffer)', async () => {
    const { run, imports, codes } = createTestLibrary();
    await run(() => {
      const plain = imports.NdisAllocateNetBufferPool(0, poolParameters());
      const withData = imports.NdisAllocateNetBufferPool(0, poolParameters(100));
      const lists = imports.NdisAllocateNetBufferListPool(
        0,
        listPoolParameters({ fAllocateNetBuffer: true }),
      );
      expect(imports.NdisAllocateNetBuffer(withData, 0, 0, 0)).toBe(0);
      expect(imports.NdisAllocateNetBufferMdlAndData(plain)).toBe(0);
      expect(imports.NdisAllocateNetBuffer(plain, 0, 1, 0)).toBe(0);
      expect(imports.NdisAllocateNetBufferMdlAndData(lists)).toBe(0);
      expect(codes()).toEqual(['BAD_ALLOCATION', 'BAD_ALLOCATION', 'BAD_ALLOCATION', 'BAD_HANDLE']);
      const nbl = imports.NdisAllocateNetBufferList(lists, 0, 0);
      imports.NdisFreeNetBuffer(imports.NET_BUFFER_LIST_FIRST_NB(nbl));
      const nb = imports.NdisAllocateNetBufferMdlAndData(withData);
      expect(imports.NET_BUFFER_DATA_OFFSET(nb)).toBe(100);
      imports.NdisFreeNetBuffer(nb);
      imports.NdisFreeNetBuffer(nb);
      expect(codes().slice(4)).toEqual(['NET_BUFFER_FREE', 'NET_BUFFER_FREE']);
      imports.NdisAllocateNetBufferMdlAndData(withData);
      imports.NdisFreeNetBufferPool(withData);
      expect(codes().slice(6)).toEqual(['NET_BUFFER_POOL_IN_USE']);
      const header = { Type: 0x80, Revision: 1, Size: 11 };
      expect(imports.NdisAllocateNetBufferPool(0, { ...poolParameters(), Header: header })).toBe(0);
    });
  });
});
