import { describe, expect, test } from 'vitest';
import { createTestLibrary, listPoolParameters } from '../../../test/support/netBuffers.ts';
import {
  NDIS_NBL_MEDIA_SPECIFIC_INFORMATION,
  NDIS_NBL_MEDIA_SPECIFIC_INFORMATION_EX,
  NET_BUFFER,
  NET_BUFFER_LIST,
  NET_BUFFER_SHARED_MEMORY,
} from '../generated/structures/index.ts';

const SUCCESS = 0;
const RESOURCES = 0xc000009a;
const FAILURE = 0xc0000001;

/** A library with a list that has a net buffer. */
async function withList(
  code: (given: ReturnType<typeof createTestLibrary> & { nbl: number; nb: number }) => void,
  ContextSize = 0,
) {
  const library = createTestLibrary();
  await library.run(() => {
    const { imports } = library;
    const parameters = listPoolParameters({ fAllocateNetBuffer: true, ContextSize });
    const pool = imports.NdisAllocateNetBufferListPool(0, parameters);
    const nbl = imports.NdisAllocateNetBufferAndNetBufferList(pool, 0, 0, 0, 0, 0);
    code({ ...library, nbl, nb: imports.NET_BUFFER_LIST_FIRST_NB(nbl) });
  });
  return library;
}

describe('member macros', () => {
  test('read and write the members they name (nblaccessors)', async () => {
    await withList(({ imports, memory, nbl, nb, allocate }) => {
      const list = NET_BUFFER_LIST.at(memory, nbl);
      const buffer = NET_BUFFER.at(memory, nb);
      expect(imports.NET_BUFFER_LIST_NEXT_NBL(nbl, 0x12340)).toBe(0x12340);
      expect(list.Next).toBe(0x12340);
      imports.NET_BUFFER_LIST_NEXT_NBL(nbl, 0);
      expect(memory.u64[nbl >> 3]).toBe(0n);
      imports.NET_BUFFER_LIST_FLAGS(nbl, 5);
      imports.NET_BUFFER_LIST_STATUS(nbl, 0xc0000001);
      expect([list.Flags, list.Status]).toEqual([5, 0xc0000001]);
      expect(imports.NET_BUFFER_LIST_STATUS(nbl)).toBe(0xc0000001);
      expect(imports.NET_BUFFER_LIST_PROTOCOL_RESERVED(nbl)).toBe(nbl + 64);
      expect(imports.NET_BUFFER_LIST_MINIPORT_RESERVED(nbl)).toBe(nbl + 96);
      expect(imports.NET_BUFFER_PROTOCOL_RESERVED(nb)).toBe(nb + 80);
      expect(imports.NET_BUFFER_MINIPORT_RESERVED(nb)).toBe(nb + 128);
      imports.NET_BUFFER_CHECKSUM_BIAS(nb, 14);
      imports.NET_BUFFER_DATA_PHYSICAL_ADDRESS(nb, 0x1_2345_6789n);
      imports.NET_BUFFER_FIRST_MDL(nb, 0x20000);
      imports.NET_BUFFER_CURRENT_MDL(nb, 0x20010);
      imports.NET_BUFFER_CURRENT_MDL_OFFSET(nb, 7);
      expect([buffer.ChecksumBias, buffer.MdlChain, buffer.CurrentMdl, buffer.CurrentMdlOffset]).toEqual([
        14, 0x20000, 0x20010, 7,
      ]);
      expect(imports.NET_BUFFER_DATA_PHYSICAL_ADDRESS(nb)).toBe(0x1_2345_6789n);
      const shared = allocate(32);
      NET_BUFFER_SHARED_MEMORY.fill(memory, shared, {
        NextSharedMemorySegment: 0x30000,
        SharedMemoryFlags: 1,
        SharedMemoryHandle: 0x40000,
        SharedMemoryOffset: 2,
        SharedMemoryLength: 3,
      });
      expect([
        imports.NET_BUFFER_SHARED_MEM_NEXT_SEGMENT(shared),
        imports.NET_BUFFER_SHARED_MEM_FLAGS(shared),
        imports.NET_BUFFER_SHARED_MEM_HANDLE(shared),
        imports.NET_BUFFER_SHARED_MEM_OFFSET(shared),
        imports.NET_BUFFER_SHARED_MEM_LENGTH(shared),
      ]).toEqual([0x30000, 1, 0x40000, 2, 3]);
    });
  });

  test('flags are set, cleared and tested, one and all (nblaccessors/nf-nblaccessors-ndistestnblflags)', async () => {
    await withList(({ imports, nbl }) => {
      imports.NdisSetNblFlag(nbl, 0x200);
      imports.NdisSetNblFlag(nbl, 0x800);
      expect(imports.NET_BUFFER_LIST_NBL_FLAGS(nbl)).toBe(0xa00);
      expect(imports.NdisTestNblFlag(nbl, 0x800)).toBe(true);
      expect(imports.NdisTestNblFlags(nbl, 0xa00)).toBe(true);
      expect(imports.NdisTestNblFlags(nbl, 0xe00)).toBe(false);
      imports.NdisClearNblFlag(nbl, 0x800);
      expect(imports.NdisTestNblFlag(nbl, 0x800)).toBe(false);
    });
  });
});

describe('context space', () => {
  test('is taken from what is unused, then allocated, and given back in turn (nblapi/nf-nblapi-ndisallocatenetbufferlistcontext)', async () => {
    const library = await withList(({ imports, memory, nbl, kernel, codes, failAllocations }) => {
      const own = memory.readPointer(nbl + 16);
      expect(imports.NET_BUFFER_LIST_CONTEXT_DATA_SIZE(nbl)).toBe(32);
      expect(imports.NET_BUFFER_LIST_CONTEXT_DATA_START(nbl)).toBe(own + 16 + 32);
      expect(imports.NdisAllocateNetBufferListContext(nbl, 24, 0, 1)).toBe(SUCCESS);
      expect(imports.NET_BUFFER_LIST_CONTEXT_DATA_START(nbl)).toBe(own + 16 + 8);
      expect(imports.NdisAllocateNetBufferListContext(nbl, 16, 24, 1)).toBe(SUCCESS);
      const added = memory.readPointer(nbl + 16);
      expect(added).not.toBe(own);
      expect(imports.NET_BUFFER_LIST_CONTEXT_DATA_SIZE(nbl)).toBe(40);
      expect(imports.NdisAllocateNetBufferListContext(nbl, 24, 0, 1)).toBe(SUCCESS);
      expect(imports.NET_BUFFER_LIST_CONTEXT_DATA_START(nbl)).toBe(added + 16);
      expect(imports.NdisAllocateNetBufferListContext(nbl, 4, 0, 1)).toBe(FAILURE);
      expect(imports.NdisAllocateNetBufferListContext(nbl, 0xfff8, 8, 1)).toBe(FAILURE);
      failAllocations(true);
      expect(imports.NdisAllocateNetBufferListContext(nbl, 8, 0, 1)).toBe(RESOURCES);
      failAllocations(false);
      imports.NdisFreeNetBufferListContext(nbl, 24);
      imports.NdisFreeNetBufferListContext(nbl, 16);
      expect(memory.readPointer(nbl + 16)).toBe(own);
      imports.NdisFreeNetBufferListContext(nbl, 24);
      expect(codes()).toEqual([]);
      imports.NdisFreeNetBufferListContext(nbl, 8);
      expect(kernel.findings[0].code).toBe('NBL_CONTEXT_FREE');
      imports.NdisAllocateNetBufferListContext(nbl, 64, 0, 1);
      imports.NdisFreeNetBufferList(nbl);
    }, 32);
    expect(library.codes()).toEqual(['NBL_CONTEXT_FREE', 'NBL_CONTEXT_NOT_FREED']);
  });

  test('what a list is allocated with is not to be freed (nblapi/nf-nblapi-ndisfreenetbufferlist)', async () => {
    const library = createTestLibrary();
    const { run, imports, codes } = library;
    await run(() => {
      const pool = imports.NdisAllocateNetBufferListPool(0, listPoolParameters({ ContextSize: 16 }));
      for (const [size, backFill] of [
        [16, 0],
        [32, 16],
      ]) {
        const nbl = imports.NdisAllocateNetBufferList(pool, size, backFill);
        expect(imports.NET_BUFFER_LIST_CONTEXT_DATA_SIZE(nbl)).toBe(size + backFill);
        imports.NdisAllocateNetBufferListContext(nbl, backFill, 0, 1);
        imports.NdisFreeNetBufferListContext(nbl, backFill);
        imports.NdisFreeNetBufferListContext(nbl, size);
        imports.NdisFreeNetBufferList(nbl);
      }
    });
    expect(codes()).toEqual(['NBL_CONTEXT_FREE', 'NBL_CONTEXT_FREE']);
  });
});

describe('out-of-band information', () => {
  test('sends and receives carry along what their pages list (nblapi/nf-nblapi-ndiscopysendnetbufferlistinfo, nblapi/nf-nblapi-ndiscopyreceivenetbufferlistinfo)', async () => {
    await withList(({ imports, memory, nbl }) => {
      const pool = imports.NdisAllocateNetBufferListPool(0, listPoolParameters({}));
      const copied = (copy: (to: number, from: number) => void) => {
        const target = imports.NdisAllocateNetBufferList(pool, 0, 0);
        for (let id = 0; id < 27; id++) memory.u64[(nbl + 144 + id * 8) >> 3] = BigInt(id + 1) << 33n;
        copy(target, nbl);
        const ids = Array.from({ length: 27 }, (_, id) => id);
        return ids.filter((id) => memory.u64[(target + 144 + id * 8) >> 3] === BigInt(id + 1) << 33n);
      };
      expect(copied(imports.NdisCopySendNetBufferListInfo)).toEqual([0, 1, 2, 4, 5, 6, 7, 11, 12, 14, 20]);
      expect(copied(imports.NdisCopyReceiveNetBufferListInfo)).toEqual([
        0, 1, 2, 4, 6, 7, 8, 9, 11, 12, 14, 20,
      ]);
    });
  });

  test('protocol and cancel identifiers are kept in the list (ndis/nf-ndis-ndisgeneratepartialcancelid)', async () => {
    await withList(({ imports, nbl }) => {
      imports.NdisSetNetBufferListProtocolId(nbl, 6);
      expect(imports.NdisGetNetBufferListProtocolId(nbl)).toBe(6);
      const first = imports.NdisGeneratePartialCancelId();
      expect(imports.NdisGeneratePartialCancelId()).not.toBe(first);
      imports.NDIS_SET_NET_BUFFER_LIST_CANCEL_ID(nbl, 0xff00_0001);
      expect(imports.NDIS_GET_NET_BUFFER_LIST_CANCEL_ID(nbl)).toBe(0xff00_0001);
      expect(imports.NET_BUFFER_LIST_INFO(nbl, 5)).toBe(0xff00_0001 | 0);
      imports.NET_BUFFER_LIST_INFO(nbl, 0, 0x11);
      expect(imports.NET_BUFFER_LIST_INFO(nbl, 0)).toBe(0x11);
    });
  });

  test('media-specific information is a list searched by tag (ndis/nf-ndis-ndis_nbl_get_media_specific_info)', async () => {
    await withList(({ imports, nbl, allocate, memory }) => {
      const [first, second, pattern, found] = [allocate(32), allocate(32), allocate(32), allocate(8)];
      const plain = NDIS_NBL_MEDIA_SPECIFIC_INFORMATION;
      for (const [at, tag] of [
        [first, 1],
        [second, 2],
        [pattern, 1],
      ])
        plain.fill(memory, at, { Tag: tag });
      imports.NDIS_NBL_ADD_MEDIA_SPECIFIC_INFO(nbl, first);
      imports.NDIS_NBL_ADD_MEDIA_SPECIFIC_INFO(nbl, second);
      imports.NDIS_NBL_GET_MEDIA_SPECIFIC_INFO(nbl, 1, found);
      expect(memory.readPointer(found)).toBe(first);
      imports.NDIS_NBL_REMOVE_MEDIA_SPECIFIC_INFO(nbl, pattern);
      imports.NDIS_NBL_GET_MEDIA_SPECIFIC_INFO(nbl, 1, found);
      expect(memory.readPointer(found)).toBe(0);
      expect(imports.NET_BUFFER_LIST_INFO(nbl, 6)).toBe(second);
      const extended = NDIS_NBL_MEDIA_SPECIFIC_INFORMATION_EX;
      for (const [at, tag] of [
        [first, 1],
        [second, 2],
        [pattern, 2],
      ])
        extended.fill(memory, at, { Tag: tag });
      imports.NDIS_NBL_ADD_MEDIA_SPECIFIC_INFO_EX(nbl, first);
      imports.NDIS_NBL_ADD_MEDIA_SPECIFIC_INFO_EX(nbl, second);
      imports.NDIS_NBL_REMOVE_MEDIA_SPECIFIC_INFO_EX(nbl, pattern);
      imports.NDIS_NBL_GET_MEDIA_SPECIFIC_INFO_EX(nbl, 1, found);
      expect(memory.readPointer(found)).toBe(first);
      expect(imports.NET_BUFFER_LIST_INFO(nbl, 15)).toBe(first);
    });
  });

  test('timestamps and coalescing counts are kept in the list (nbltimestamp/nf-nbltimestamp-ndissetnbltimestampinfo, nblrsc/nf-nblrsc-net_buffer_list_dup_ack_count)', async () => {
    await withList(({ imports, nbl, allocate, memory }) => {
      const pool = imports.NdisAllocateNetBufferListPool(0, listPoolParameters({}));
      const other = imports.NdisAllocateNetBufferList(pool, 0, 0);
      const at = allocate(8);
      imports.NdisSetNblTimestampInfo(nbl, { Timestamp: 0x1234_5678_9abc_def0n });
      imports.NdisCopyNblTimestampInfo(other, nbl);
      imports.NdisGetNblTimestampInfo(other, at);
      expect(memory.u64[at >> 3]).toBe(0x1234_5678_9abc_def0n);
      imports.NET_BUFFER_LIST_COALESCED_SEG_COUNT(nbl, 3);
      imports.NET_BUFFER_LIST_DUP_ACK_COUNT(nbl, 2);
      expect(imports.NET_BUFFER_LIST_COALESCED_SEG_COUNT(nbl)).toBe(3);
      expect(imports.NET_BUFFER_LIST_INFO(nbl, 22)).toBe(0x2_0003);
    });
  });
});

describe('MDLs', () => {
  test('are allocated over memory and read (mdlapi/nf-mdlapi-ndisallocatemdl, network/ndisquerymdl)', async () => {
    const { run, imports, allocate, memory, codes } = createTestLibrary();
    await run(() => {
      const data = allocate(10000);
      const mdl = imports.NdisAllocateMdl(0, data + 100, 5000);
      const next = imports.NdisAllocateMdl(0, data, 10);
      imports.NDIS_MDL_LINKAGE(mdl, next);
      const [address, length, offset] = [allocate(8), allocate(4), allocate(4)];
      imports.NdisQueryMdl(mdl, address, length, 16);
      expect([memory.readPointer(address), memory.u32[length >> 2]]).toEqual([data + 100, 5000]);
      imports.NdisQueryMdlOffset(mdl, offset, length);
      expect(memory.u32[offset >> 2]).toBe((data + 100) & 0xfff);
      imports.NdisGetMdlPhysicalArraySize(mdl, length);
      expect(memory.u32[length >> 2]).toBe(imports.NDIS_MDL_TO_SPAN_PAGES(mdl));
      expect(imports.NDIS_MDL_TO_SPAN_PAGES(mdl)).toBe(2);
      imports.NdisGetNextMdl(mdl, address);
      expect(memory.readPointer(address)).toBe(next);
      imports.NdisAdjustMdlLength(mdl, 200);
      imports.NdisQueryMdl(mdl, 0, length, 16);
      expect(memory.u32[length >> 2]).toBe(200);
      imports.NdisFreeMdl(mdl);
      imports.NdisFreeMdl(next);
    });
    expect(codes()).toEqual([]);
  });

  test('are not given for no memory, nor when memory is short, and are freed once (mdlapi/nf-mdlapi-ndisfreemdl)', async () => {
    const { run, imports, allocate, codes, failAllocations, memory } = createTestLibrary();
    await run(() => {
      const data = allocate(64);
      expect(imports.NdisAllocateMdl(0, 0, 64)).toBe(0);
      expect(imports.NdisAllocateMdl(0, memory.size - 8, 64)).toBe(0);
      failAllocations(true);
      expect(imports.NdisAllocateMdl(0, data, 64)).toBe(0);
      failAllocations(false);
      const mdl = imports.NdisAllocateMdl(0, data, 64);
      imports.NdisAdjustMdlLength(mdl, 0x2000);
      imports.NdisFreeMdl(mdl);
      imports.NdisFreeMdl(mdl);
      imports.NdisFreeMdl(data + 16);
    });
    expect(codes()).toEqual(['BAD_ALLOCATION', 'BAD_ALLOCATION', 'MDL_TOO_LONG', 'MDL_FREE', 'MDL_FREE']);
  });
});
