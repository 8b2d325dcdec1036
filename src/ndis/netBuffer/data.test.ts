import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  createTestLibrary,
  listPoolParameters,
  makeChain,
  poolParameters,
  type TestLibrary,
} from '../../../test/support/netBuffers.ts';
import { mdlsOf } from './mdl.ts';
import { copyBytesToNetBuffer, copyNetBufferToBytes, netBufferFault } from './netBufferAccess.ts';
import { MDL_FLAGS } from './offsets.ts';

const SUCCESS = 0;
const RESOURCES = 0xc000009a;
const FAILURE = 0xc0000001;

const bytes = Uint8Array.from({ length: 4096 }, (_, index) => (index * 7 + 3) & 0xff);

/** A net buffer over a chain of the given lengths; `offset` bytes at its start are unused. */
function makeNetBuffer(library: TestLibrary, lengths: readonly number[], offset: number) {
  const { imports } = library;
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const pool = imports.NdisAllocateNetBufferPool(0, poolParameters());
  const chain = makeChain(library, lengths, bytes);
  return imports.NdisAllocateNetBuffer(pool, chain, offset, total - offset);
}

/** A list over the chains of several net buffers. */
function makeList(library: TestLibrary, chains: readonly (readonly number[])[], offset: number) {
  const { imports } = library;
  const pool = imports.NdisAllocateNetBufferListPool(0, listPoolParameters({}));
  const nbl = imports.NdisAllocateNetBufferList(pool, 0, 0);
  let previous = 0;
  for (const lengths of chains) {
    const nb = makeNetBuffer(library, lengths, offset);
    if (previous === 0) imports.NET_BUFFER_LIST_FIRST_NB(nbl, nb);
    else imports.NET_BUFFER_NEXT_NB(previous, nb);
    previous = nb;
  }
  return nbl;
}

function dataOf(library: TestLibrary, nb: number): Uint8Array {
  const result = new Uint8Array(library.imports.NET_BUFFER_DATA_LENGTH(nb));
  expect(copyNetBufferToBytes(library.memory, nb, result, 0)).toBe(result.length);
  return result;
}

function buffersOf(library: TestLibrary, nbl: number): number[] {
  const found: number[] = [];
  let nb = library.imports.NET_BUFFER_LIST_FIRST_NB(nbl);
  for (; nb !== 0; nb = library.imports.NET_BUFFER_NEXT_NB(nb)) found.push(nb);
  return found;
}

function joined(library: TestLibrary, nbl: number): number[] {
  return buffersOf(library, nbl).flatMap((nb) => [...dataOf(library, nb)]);
}

describe('NdisGetDataBuffer', () => {
  test('gives contiguous data in place and copies other data to Storage (nblapi/nf-nblapi-ndisgetdatabuffer)', async () => {
    const library = createTestLibrary();
    const { run, imports, allocate, memory } = library;
    await run(() => {
      const nb = makeNetBuffer(library, [16, 16], 2);
      const storage = allocate(64);
      const inPlace = imports.NdisGetDataBuffer(nb, 14, storage, 1, 0);
      expect(inPlace).not.toBe(storage);
      expect(memory.u8[inPlace]).toBe(bytes[2]);
      expect(imports.NdisGetDataBuffer(nb, 14, 0, 4, 2)).toBe(inPlace);
      expect(imports.NdisGetDataBuffer(nb, 14, storage, 4, 0)).toBe(storage);
      expect(imports.NdisGetDataBuffer(nb, 15, storage, 1, 0)).toBe(storage);
      expect([...memory.u8.subarray(storage, storage + 15)]).toEqual([...bytes.subarray(2, 17)]);
    });
  });

  test('gives NULL for more than there is, and for split data without Storage (nblapi/nf-nblapi-ndisgetdatabuffer)', async () => {
    const library = createTestLibrary();
    const { run, imports, allocate } = library;
    await run(() => {
      const nb = makeNetBuffer(library, [16, 16], 2);
      expect(imports.NdisGetDataBuffer(nb, 31, allocate(64), 1, 0)).toBe(0);
      expect(imports.NdisGetDataBuffer(nb, 15, 0, 1, 0)).toBe(0);
    });
  });

  test('equals a flat copy for any chain (nblapi/nf-nblapi-ndisgetdatabuffer)', async () => {
    const library = createTestLibrary({ checks: true }, { memorySize: 0x200_0000 });
    await library.run(() => {
      const storage = library.allocate(2048);
      fc.assert(
        fc.property(
          fc.array(fc.integer({ min: 0, max: 90 }), { minLength: 1, maxLength: 6 }),
          fc.nat(),
          fc.nat(),
          fc.constantFrom(1, 2, 4, 8),
          (lengths, offsetSeed, neededSeed, align) => {
            const total = lengths.reduce((sum, length) => sum + length, 0);
            const offset = offsetSeed % (total + 1);
            const needed = neededSeed % (total - offset + 1);
            const nb = makeNetBuffer(library, lengths, offset);
            const address = library.imports.NdisGetDataBuffer(nb, needed, storage, align, 0);
            expect([...library.memory.u8.subarray(address, address + needed)]).toEqual([
              ...bytes.subarray(offset, offset + needed),
            ]);
          },
        ),
        { numRuns: 150 },
      );
    });
    expect(library.codes()).toEqual([]);
  });
});

describe('copies', () => {
  test('a copy stops where data or space ends (nblapi/nf-nblapi-ndiscopyfromnetbuffertonetbuffer)', async () => {
    const library = createTestLibrary();
    const { run, imports, allocate, memory } = library;
    await run(() => {
      const source = makeNetBuffer(library, [7, 9, 300], 3);
      const target = makeNetBuffer(library, [5, 290, 20], 1);
      const copied = allocate(4);
      expect(imports.NdisCopyFromNetBufferToNetBuffer(target, 2, 400, source, 10, copied)).toBe(SUCCESS);
      expect(memory.u32[copied >> 2]).toBe(303);
      expect([...dataOf(library, target).subarray(2, 305)]).toEqual([...bytes.subarray(13, 316)]);
      expect(imports.NdisCopyFromNetBufferToNetBuffer(target, 300, 400, source, 0, copied)).toBe(SUCCESS);
      expect(memory.u32[copied >> 2]).toBe(14);
      expect(imports.NdisCopyFromNetBufferToNetBuffer(target, 0, 400, source, 1000, copied)).toBe(SUCCESS);
      expect(memory.u32[copied >> 2]).toBe(0);
    });
  });

  test('NdisCopyFromNetBufferToNetBuffer copies nothing where an MDL cannot be mapped or the chain has no end (nblapi/nf-nblapi-ndiscopyfromnetbuffertonetbuffer)', async () => {
    const library = createTestLibrary();
    const { run, imports, memory, allocate } = library;
    await run(() => {
      const copied = allocate(4);
      const whole = makeNetBuffer(library, [100], 0);
      for (const broken of [0, 1]) {
        const other = makeNetBuffer(library, [50, 50], 0);
        const second = memory.i32[imports.NET_BUFFER_FIRST_MDL(other) >> 2];
        memory.u8[second + MDL_FLAGS] = 0;
        const [target, source] = broken === 0 ? [whole, other] : [other, whole];
        memory.u32[copied >> 2] = 7;
        expect(imports.NdisCopyFromNetBufferToNetBuffer(target, 0, 100, source, 0, copied)).toBe(RESOURCES);
        expect(memory.u32[copied >> 2]).toBe(0);
        expect(imports.NdisCopyFromNetBufferToNetBuffer(target, 0, 50, source, 0, copied)).toBe(SUCCESS);
      }
      const cycle = makeNetBuffer(library, [10, 0], 0);
      const last = memory.i32[imports.NET_BUFFER_FIRST_MDL(cycle) >> 2];
      imports.NDIS_MDL_LINKAGE(last, last);
      imports.NET_BUFFER_DATA_LENGTH(cycle, 100);
      expect(imports.NdisCopyFromNetBufferToNetBuffer(whole, 0, 100, cycle, 0, copied)).toBe(RESOURCES);
    });
  });

  test('host bytes go in and come out of any chain', async () => {
    const library = createTestLibrary();
    await library.run(() => {
      const nb = makeNetBuffer(library, [3, 100, 1, 500], 2);
      const given = bytes.slice(1000, 1602);
      expect(copyBytesToNetBuffer(library.memory, nb, given, 0, 602)).toBe(602);
      expect([...dataOf(library, nb)]).toEqual([...given]);
      expect(copyBytesToNetBuffer(library.memory, nb, bytes, 0, 700)).toBe(602);
    });
  });

  test('the physical count is that of all pages, CurrentMdl follows DataOffset (nblapi/nf-nblapi-ndisquerynetbufferphysicalcount, nblapi/nf-nblapi-ndisadjustnetbuffercurrentmdl)', async () => {
    const library = createTestLibrary();
    const { run, imports } = library;
    await run(() => {
      const nb = makeNetBuffer(library, [8192, 16], 0);
      expect(imports.NdisQueryNetBufferPhysicalCount(nb)).toBe(3);
      imports.NET_BUFFER_DATA_OFFSET(nb, 8200);
      imports.NET_BUFFER_DATA_LENGTH(nb, 8);
      imports.NdisAdjustNetBufferCurrentMdl(nb);
      expect(imports.NET_BUFFER_CURRENT_MDL_OFFSET(nb)).toBe(8);
      expect(netBufferFault(library.memory, nb)).toBeNull();
      const second = imports.NDIS_MDL_LINKAGE(imports.NET_BUFFER_FIRST_MDL(nb));
      expect(imports.NET_BUFFER_CURRENT_MDL(nb)).toBe(second);
    });
  });
});

describe('retreat and advance', () => {
  test('unused data space is used first, and given back (network/retreat-operations)', async () => {
    const library = createTestLibrary();
    const { run, imports, codes } = library;
    await run(() => {
      const nb = makeNetBuffer(library, [8, 8, 8], 20);
      const chain = imports.NET_BUFFER_FIRST_MDL(nb);
      expect(imports.NdisRetreatNetBufferDataStart(nb, 2, 0, 0)).toBe(SUCCESS);
      expect(imports.NdisRetreatNetBufferDataStart(nb, 18, 0, 0)).toBe(SUCCESS);
      expect(imports.NET_BUFFER_FIRST_MDL(nb)).toBe(chain);
      expect([...dataOf(library, nb)]).toEqual([...bytes.subarray(0, 24)]);
      imports.NdisAdvanceNetBufferDataStart(nb, 9, false, 0);
      expect(imports.NET_BUFFER_DATA_OFFSET(nb)).toBe(9);
      expect(imports.NET_BUFFER_CURRENT_MDL_OFFSET(nb)).toBe(1);
      imports.NdisAdvanceNetBufferDataStart(nb, 16, false, 0);
    });
    expect(codes()).toEqual(['ADVANCE_TOO_FAR']);
  });

  test('a retreat calls the functions of the driver, and an advance gives the MDL back (nblapi/nc-nblapi-net_buffer_allocate_mdl, nblapi/nc-nblapi-net_buffer_free_mdl)', async () => {
    const library = createTestLibrary();
    const { run, imports, allocate, memory } = library;
    const freed: number[] = [];
    let asked = 0;
    let given = 0;
    const allocateMdl = (BufferSize: number) => {
      asked = memory.u32[BufferSize >> 2];
      given = imports.NdisAllocateMdl(0, allocate(asked), asked);
      return given;
    };
    await run(() => {
      const nb = makeNetBuffer(library, [10], 4);
      const chain = imports.NET_BUFFER_FIRST_MDL(nb);
      expect(imports.NdisRetreatNetBufferDataStart(nb, 14, 20, allocateMdl)).toBe(SUCCESS);
      expect(asked).toBe(30);
      expect(imports.NET_BUFFER_FIRST_MDL(nb)).toBe(given);
      expect(imports.NET_BUFFER_DATA_OFFSET(nb)).toBe(20);
      expect(imports.NET_BUFFER_DATA_LENGTH(nb)).toBe(20);
      imports.NdisAdvanceNetBufferDataStart(nb, 14, true, (Mdl: number) => {
        freed.push(Mdl);
        imports.NdisFreeMdl(Mdl);
      });
      expect(freed).toEqual([given]);
      expect(imports.NET_BUFFER_FIRST_MDL(nb)).toBe(chain);
      expect(imports.NET_BUFFER_DATA_OFFSET(nb)).toBe(4);
      expect(imports.NdisRetreatNetBufferDataStart(nb, 14, 0, () => 0)).toBe(RESOURCES);
      const tooSmall = () => imports.NdisAllocateMdl(0, allocate(4), 4);
      expect(imports.NdisRetreatNetBufferDataStart(nb, 14, 0, tooSmall)).toBe(FAILURE);
      expect(imports.NET_BUFFER_DATA_LENGTH(nb)).toBe(6);
    });
    expect(library.codes()).toEqual(['RETREAT_MDL_TOO_SMALL']);
  });

  test('a list is retreated as a whole or not at all (nblapi/nf-nblapi-ndisretreatnetbufferlistdatastart)', async () => {
    const library = createTestLibrary();
    const { run, imports, failAllocations, codes } = library;
    await run(() => {
      const nbl = makeList(library, [[30], [30]], 6);
      failAllocations(true);
      expect(imports.NdisRetreatNetBufferListDataStart(nbl, 6, 0, 0, 0)).toBe(SUCCESS);
      expect(imports.NdisRetreatNetBufferListDataStart(nbl, 1, 0, 0, 0)).toBe(RESOURCES);
      failAllocations(false);
      let left = 1;
      const oneOnly = (BufferSize: number) =>
        left-- > 0
          ? imports.NdisAllocateMdl(0, library.allocate(64), library.memory.u32[BufferSize >> 2])
          : 0;
      const free = (Mdl: number) => imports.NdisFreeMdl(Mdl);
      expect(imports.NdisRetreatNetBufferListDataStart(nbl, 8, 0, oneOnly, free)).toBe(RESOURCES);
      expect(buffersOf(library, nbl).map((nb) => imports.NET_BUFFER_DATA_LENGTH(nb))).toEqual([30, 30]);
      imports.NdisAdvanceNetBufferListDataStart(nbl, 6, true, 0);
      expect(buffersOf(library, nbl).map((nb) => imports.NET_BUFFER_DATA_OFFSET(nb))).toEqual([6, 6]);
      imports.NdisAdvanceNetBufferListDataStart(nbl, 25, true, 0);
    });
    expect(codes()).toEqual(['ADVANCE_TOO_FAR', 'ADVANCE_TOO_FAR']);
  });

  test('any sequence keeps the data and a sound net buffer, and frees what it allocated (network/retreat-and-advance-operations)', async () => {
    const library = createTestLibrary({ checks: true }, { memorySize: 0x200_0000 });
    const { imports, memory } = library;
    await library.run(() => {
      fc.assert(
        fc.property(
          fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 }),
          fc.nat(40),
          fc.array(fc.record({ delta: fc.nat(60), backFill: fc.nat(30), free: fc.boolean() }), {
            maxLength: 12,
          }),
          (lengths, offsetSeed, steps) => {
            const total = lengths.reduce((sum, length) => sum + length, 0);
            const offset = offsetSeed % (total + 1);
            const nb = makeNetBuffer(library, lengths, offset);
            const retreats: { readonly delta: number; readonly free: boolean }[] = [];
            for (const { delta, backFill, free } of steps) {
              if (free && retreats.length > 0) {
                imports.NdisAdvanceNetBufferDataStart(nb, retreats.pop()?.delta ?? 0, backFill % 2 === 0, 0);
              } else {
                expect(imports.NdisRetreatNetBufferDataStart(nb, delta, backFill, 0)).toBe(SUCCESS);
                retreats.push({ delta, free });
              }
              expect(netBufferFault(memory, nb)).toBeNull();
              const before = retreats.reduce((sum, retreat) => sum + retreat.delta, 0);
              expect([...dataOf(library, nb).subarray(before)]).toEqual([...bytes.subarray(offset, total)]);
            }
            const before = retreats.reduce((sum, retreat) => sum + retreat.delta, 0);
            imports.NdisAdvanceNetBufferDataStart(nb, before, true, 0);
            expect(netBufferFault(memory, nb)).toBeNull();
            expect(imports.NET_BUFFER_DATA_OFFSET(nb)).toBe(offset);
          },
        ),
        { numRuns: 120 },
      );
    });
    expect(library.codes()).toEqual([]);
  });
});

describe('derived lists', () => {
  test('a clone describes the same data, with MDLs of its own or shared (nblapi/nf-nblapi-ndisallocateclonenetbufferlist)', async () => {
    const library = createTestLibrary();
    const { run, imports, ndis, driver, codes, memory } = library;
    await run(() => {
      const original = makeList(library, [[10, 20, 5], [40]], 12);
      const mdls = mdlsOf(ndis).outstandingOf(driver.id);
      for (const flags of [0, 2]) {
        const clone = imports.NdisAllocateCloneNetBufferList(original, 0, 0, flags);
        expect(joined(library, clone)).toEqual(joined(library, original));
        expect(memory.readPointer(clone + 16)).toBe(0);
        expect(memory.readPointer(clone + 24)).toBe(0);
        const [first] = buffersOf(library, clone);
        const shared = imports.NET_BUFFER_CURRENT_MDL(buffersOf(library, original)[0]);
        expect(imports.NET_BUFFER_CURRENT_MDL(first) === shared).toBe(flags === 2);
        imports.NdisFreeCloneNetBufferList(clone, flags ^ 2);
        imports.NdisFreeCloneNetBufferList(clone, flags);
        expect(mdlsOf(ndis).outstandingOf(driver.id)).toBe(mdls);
      }
      const lists = imports.NdisAllocateNetBufferListPool(
        0,
        listPoolParameters({ fAllocateNetBuffer: true }),
      );
      const clone = imports.NdisAllocateCloneNetBufferList(original, lists, 0, 0);
      expect(joined(library, clone)).toEqual(joined(library, original));
      expect(imports.NdisGetPoolFromNetBufferList(clone)).toBe(lists);
      imports.NdisFreeNetBufferList(clone);
      imports.NdisFreeCloneNetBufferList(clone, 0);
      imports.NdisFreeNetBufferListPool(lists);
    });
    expect(codes()).toEqual([
      'NBL_FREED_BY_WRONG_CALL',
      'NBL_FREED_BY_WRONG_CALL',
      'NBL_FREED_BY_WRONG_CALL',
    ]);
  });

  test('fragments are cut per net buffer and retreated (nblapi/nf-nblapi-ndisallocatefragmentnetbufferlist)', async () => {
    const library = createTestLibrary();
    const { run, imports, codes } = library;
    await run(() => {
      const original = makeList(library, [[10, 25], [16]], 0);
      const list = imports.NdisAllocateFragmentNetBufferList(original, 0, 0, 4, 10, 6, 2, 0);
      const buffers = buffersOf(library, list);
      expect(buffers.map((nb) => imports.NET_BUFFER_DATA_LENGTH(nb))).toEqual([16, 16, 16, 7, 16, 8]);
      expect(buffers.map((nb) => imports.NET_BUFFER_DATA_OFFSET(nb))).toEqual([2, 2, 2, 2, 2, 2]);
      expect([...dataOf(library, buffers[1]).subarray(6)]).toEqual([...bytes.subarray(14, 24)]);
      imports.NdisFreeFragmentNetBufferList(list, 6, 0);
      expect(imports.NdisAllocateFragmentNetBufferList(original, 0, 0, 100, 10, 0, 0, 0)).toBe(0);
      expect(codes()).toEqual([]);
      expect(imports.NdisAllocateFragmentNetBufferList(original, 0, 0, 0, 0, 0, 0, 0)).toBe(0);
    });
    expect(codes()).toEqual(['BAD_ALLOCATION']);
  });

  test('clone, fragment and reassemble give the same bytes and free all they allocate (network/derived-net-buffer-list-structures)', async () => {
    const library = createTestLibrary({ checks: true }, { memorySize: 0x200_0000 });
    const { imports, ndis, driver } = library;
    await library.run(() => {
      const pool = imports.NdisAllocateNetBufferListPool(0, listPoolParameters({ fAllocateNetBuffer: true }));
      fc.assert(
        fc.property(
          fc.array(fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 4 }), {
            minLength: 1,
            maxLength: 3,
          }),
          fc.nat(20),
          fc.integer({ min: 1, max: 60 }),
          fc.nat(20),
          fc.boolean(),
          (chains, offsetSeed, maximum, delta, own) => {
            const shortest = Math.min(
              ...chains.map((chain) => chain.reduce((sum, length) => sum + length, 0)),
            );
            const original = makeList(library, chains, offsetSeed % shortest);
            const mdls = mdlsOf(ndis).outstandingOf(driver.id);
            const handle = own ? pool : 0;
            const expected = joined(library, original);
            const clone = imports.NdisAllocateCloneNetBufferList(original, handle, 0, 0);
            const pieces = imports.NdisAllocateFragmentNetBufferList(
              clone,
              handle,
              0,
              0,
              maximum,
              delta,
              3,
              0,
            );
            const whole = imports.NdisAllocateReassembledNetBufferList(pieces, handle, delta, delta, 5, 0);
            const [nb] = buffersOf(library, whole);
            expect([...dataOf(library, nb).subarray(delta)]).toEqual(expected);
            for (const list of [clone, pieces, whole]) {
              for (const buffer of buffersOf(library, list))
                expect(netBufferFault(library.memory, buffer)).toBeNull();
            }
            imports.NdisFreeReassembledNetBufferList(whole, delta, 0);
            imports.NdisFreeFragmentNetBufferList(pieces, delta, 0);
            imports.NdisFreeCloneNetBufferList(clone, 0);
            expect(mdlsOf(ndis).outstandingOf(driver.id)).toBe(mdls);
          },
        ),
        { numRuns: 100 },
      );
      imports.NdisFreeNetBufferListPool(pool);
    });
    expect(library.codes()).toEqual([]);
  });

  test('short memory at any allocation gives NULL and leaves nothing behind (nblapi/nf-nblapi-ndisallocatereassemblednetbufferlist)', async () => {
    const library = createTestLibrary();
    const { run, imports, ndis, driver, kernel } = library;
    const { poolOf } = await import('../../kernel/index.ts');
    await run(() => {
      const original = makeList(
        library,
        [
          [2000, 30],
          [9000, 20000],
        ],
        3,
      );
      const pool = poolOf(kernel);
      const attempts = [
        () => imports.NdisAllocateCloneNetBufferList(original, 0, 0, 0),
        () => imports.NdisAllocateFragmentNetBufferList(original, 0, 0, 0, 16000, 40, 0, 0),
        () => imports.NdisAllocateReassembledNetBufferList(original, 0, 0, 40, 0, 0),
      ];
      const frees = [
        (list: number) => imports.NdisFreeCloneNetBufferList(list, 0),
        (list: number) => imports.NdisFreeFragmentNetBufferList(list, 40, 0),
        (list: number) => imports.NdisFreeReassembledNetBufferList(list, 40, 0),
      ];
      const mdls = mdlsOf(ndis).outstandingOf(driver.id);
      attempts.forEach((attempt, index) => {
        let refused = 0;
        for (let allowed = 0; ; allowed++) {
          let left = allowed;
          pool.fail = () => left-- <= 0;
          const list = attempt();
          pool.fail = undefined;
          if (list === 0) refused++;
          else frees[index](list);
          expect(mdlsOf(ndis).outstandingOf(driver.id)).toBe(mdls);
          if (list !== 0) break;
        }
        expect(refused).toBeGreaterThan(0);
      });
      const plain = imports.NdisAllocateNetBufferListPool(0, listPoolParameters({}));
      expect(imports.NdisAllocateReassembledNetBufferList(original, plain, 0, 0, 0, 0)).toBe(0);
      expect(imports.NdisAllocateCloneNetBufferList(original, 0x1234, 0, 0)).toBe(0);
    });
    expect(library.codes()).toEqual(['BAD_ALLOCATION', 'BAD_HANDLE']);
  });
});
