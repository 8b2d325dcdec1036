import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Address, PAGE_SIZE } from './addressSpace.ts';
import { KernelMemory } from './memory.ts';
import { PAGE_EXECUTE, Pages } from './pages.ts';
import { Pool, type PoolOptions } from './pool.ts';
import { type PoolFault, type PoolType, poolType, tagOfText, tagText } from './poolBlock.ts';

const TAG = tagOfText('Test');

function makePool(options: PoolOptions = {}, size = 0x20_0000): { pool: Pool; memory: KernelMemory } {
  const memory = new KernelMemory(size);
  const pool = new Pool(new Pages(memory), options);
  memory.generations = pool;
  return { pool, memory };
}

type Step =
  | {
      readonly do: 'allocate';
      readonly type: number;
      readonly size: number;
      readonly tag: number;
      readonly owner: number;
    }
  | { readonly do: 'free'; readonly pick: number };

const size = fc.oneof(
  fc.nat(300),
  fc.nat(2 * PAGE_SIZE),
  fc.constantFrom(0, 1, 16, 2048, 2049, 4080, 4095, 4096, 4097, 20000),
);
const steps = fc.array(
  fc.oneof(
    fc.record({
      do: fc.constant('allocate' as const),
      type: fc.nat(2),
      size,
      tag: fc.nat(5),
      owner: fc.nat(3),
    }),
    fc.record({ do: fc.constant('free' as const), pick: fc.nat(1000) }),
  ),
  { maxLength: 200 },
);

interface Live {
  readonly address: Address;
  readonly size: number;
  readonly tag: number;
  readonly owner: number;
  readonly fill: number;
}

/** Runs steps against a model and checks what must hold after each. */
function runAgainstModel(options: PoolOptions, sequence: readonly Step[]): void {
  const { pool, memory } = makePool(options, 0x10_0000);
  const live: Live[] = [];
  let fill = 0;
  for (const step of sequence) {
    if (step.do === 'free') {
      if (live.length === 0) continue;
      const [block] = live.splice(step.pick % live.length, 1);
      const contents = memory.u8.subarray(block.address, block.address + block.size);
      expect(contents.every((byte) => byte === block.fill)).toBe(true);
      expect(pool.tryFree(block.address, block.tag)).toBeNull();
      continue;
    }
    const address = pool.allocate(step.type as PoolType, step.size, step.tag, step.owner);
    if (address === 0) continue;
    expect(address % (step.size >= PAGE_SIZE ? PAGE_SIZE : 16)).toBe(0);
    if (step.size <= PAGE_SIZE && step.size > 0) {
      expect(Math.floor((address + step.size - 1) / PAGE_SIZE)).toBe(Math.floor(address / PAGE_SIZE));
    }
    const overlapping = live.filter(
      (other) =>
        address < other.address + Math.max(other.size, 1) && other.address < address + Math.max(step.size, 1),
    );
    expect(overlapping).toEqual([]);
    fill = (fill + 1) & 0xff;
    memory.u8.fill(fill, address, address + step.size);
    live.push({ address, size: step.size, tag: step.tag, owner: step.owner, fill });
  }
  expect(pool.verify()).toBeNull();
  for (let key = 0; key < 6; key++) {
    const tagged = live.filter((block) => block.tag === key);
    const bytes = tagged.reduce((sum, block) => sum + block.size, 0);
    expect(pool.useOfTag(key)).toMatchObject({ blocks: tagged.length, bytes });
    const owned = live.filter((block) => block.owner === key);
    expect(pool.leaks(key).map((block) => block.start)).toEqual(
      owned.map((block) => block.address).sort((left, right) => left - right),
    );
    expect(pool.useOfOwner(key).blocks).toBe(owned.length);
  }
}

describe('pool', () => {
  test('any sequence keeps blocks apart, aligned, unchanged and exactly counted', () => {
    fc.assert(fc.property(steps, (sequence) => runAgainstModel({}, sequence)));
  });

  test('any sequence does so with red zones and delayed reuse', () => {
    fc.assert(
      fc.property(steps, fc.nat(20), (sequence, delay) =>
        runAgainstModel({ redZones: true, delay }, sequence),
      ),
    );
  });

  test('equal sequences give equal addresses', () => {
    const addresses = () => {
      const { pool } = makePool();
      return [100, 5000, 16, 100].map((bytes) => pool.allocate(poolType.nonPagedNx, bytes, TAG, 1));
    };
    expect(addresses()).toEqual(addresses());
  });

  test('memory that is short gives 0, and all of it can be had again in another size', () => {
    const { pool } = makePool();
    const drain = (bytes: number) => {
      const blocks: Address[] = [];
      for (let block = pool.allocate(poolType.paged, bytes, TAG, 1); block !== 0; ) {
        blocks.push(block);
        block = pool.allocate(poolType.paged, bytes, TAG, 1);
      }
      for (const block of blocks) pool.free(block, TAG);
      return blocks.length;
    };
    const small = drain(16);
    expect(pool.failures).toBe(1);
    expect(drain(8192)).toBe(small / 512);
    expect(drain(48)).toBe((small / 256) * 85);
    expect(pool.allocate(poolType.paged, 0x8000_0000, TAG, 1)).toBe(0);
    expect(pool.allocate(poolType.paged, -1, TAG, 1)).toBe(0);
    expect(pool.allocate(poolType.paged, Number.NaN, TAG, 1)).toBe(0);
  });

  test('misuse is told apart and changes nothing', () => {
    const { pool } = makePool();
    const kind = (address: Address, tag?: number) => pool.tryFree(address, tag)?.kind;
    for (const bytes of [40, 9000]) {
      const block = pool.allocate(poolType.nonPagedNx, bytes, TAG, 3);
      expect(kind(block, TAG + 1)).toBe('wrongTag');
      expect(kind(block + 16)).toBe('notBlockStart');
      expect(pool.blockAt(block + 17)).toMatchObject({
        start: block,
        size: bytes,
        tag: TAG,
        owner: 3,
        freed: false,
      });
      expect(kind(block, TAG)).toBeUndefined();
      expect(kind(block, TAG)).toBe('freedTwice');
    }
    for (const wild of [0, 1, 0x8000, 0x1f_fff0, 0x20_0000, 0x7000_0000, -16]) {
      expect(kind(wild)).toBe('notPool');
      expect(pool.blockAt(wild)).toBeNull();
    }
    expect(pool.useOfOwner(3)).toMatchObject({ blocks: 0, bytes: 0, allocations: 2, peakBytes: 9000 });
  });

  test('the bytes behind the last block of a slab are no block', () => {
    const { pool } = makePool();
    const block = pool.allocate(poolType.nonPagedNx, 1360, TAG, 1);
    pool.allocate(poolType.nonPagedNx, 1360, TAG, 1);
    const behind = (block & ~0xfff) + 4088;
    expect(pool.blockAt(behind)).toBeNull();
    expect(pool.tryFree(behind)?.kind).toBe('notBlockStart');
  });

  test('red zones find the first byte that was written around a block', () => {
    for (const bytes of [0, 40, 4070, 4090, 4096, 9000]) {
      const { pool, memory } = makePool({ redZones: true });
      const block = pool.allocate(poolType.nonPagedNx, bytes, TAG, 1);
      memory.u8[block + bytes + 3] = 1;
      expect(pool.verify()).toMatchObject({ kind: 'overrun', at: block + bytes + 3 });
      expect(pool.tryFree(block, TAG)).toMatchObject({
        kind: 'overrun',
        at: block + bytes + 3,
        block: { size: bytes },
      });
    }
    const { pool, memory } = makePool({ redZones: true });
    const block = pool.allocate(poolType.nonPagedNx, 40, TAG, 1);
    expect(memory.u8[block]).toBe(0xcd);
    memory.u8[block - 1] = 1;
    expect(pool.tryFree(block, TAG)).toMatchObject({ kind: 'underrun', at: block - 1 });
  });

  test('a write to a freed block is found at the latest when its memory is reused', () => {
    const { pool, memory } = makePool({ redZones: true, delay: 2 });
    const faults: PoolFault[] = [];
    pool.onFault = (fault) => faults.push(fault);
    const blocks = [1, 2, 3].map(() => pool.allocate(poolType.nonPagedNx, 64, TAG, 1));
    pool.free(blocks[0]);
    expect(memory.u8[blocks[0]]).toBe(0xdd);
    expect(pool.allocate(poolType.nonPagedNx, 64, TAG, 1)).not.toBe(blocks[0]);
    memory.u8[blocks[0] + 5] = 7;
    expect(pool.verify()).toMatchObject({
      kind: 'writtenAfterFree',
      at: blocks[0] + 5,
      block: { freed: true, size: 64 },
    });
    pool.free(blocks[1]);
    expect(faults).toEqual([]);
    pool.free(blocks[2]);
    expect(faults).toMatchObject([{ kind: 'writtenAfterFree', at: blocks[0] + 5 }]);
  });

  test('generations change when a block is freed and when it is handed out anew', () => {
    const { pool } = makePool();
    for (const bytes of [40, 9000]) {
      const block = pool.allocate(poolType.nonPagedNx, bytes, TAG, 1);
      const seen = [pool.generationAt(block + 8)];
      pool.free(block);
      seen.push(pool.generationAt(block + 8));
      expect(pool.allocate(poolType.nonPagedNx, bytes, TAG, 1)).toBe(block);
      seen.push(pool.generationAt(block + 8));
      expect(new Set(seen).size).toBe(3);
    }
    expect(pool.generationAt(0x1f_0000)).toBe(0);
    expect(pool.generationAt(0x7000_0000)).toBe(0);
  });

  test('every allocation can be made to fail, and quota and callers are kept', () => {
    const { pool } = makePool({ quota: 100, caller: () => 'ExAllocatePool2' });
    const first = pool.allocateWithQuota(poolType.paged, 60, TAG, 1);
    expect(pool.blockAt(first)?.allocatedBy).toBe('ExAllocatePool2');
    expect(pool.allocateWithQuota(poolType.paged, 60, TAG, 1)).toBe(0);
    expect(pool.allocateWithQuota(poolType.paged, 60, TAG, 2)).not.toBe(0);
    pool.free(first);
    expect(pool.allocateWithQuota(poolType.paged, 60, TAG, 1)).not.toBe(0);
    pool.fail = (type, bytes, tag, owner) =>
      type === poolType.paged && bytes === 7 && tag === TAG && owner === 1;
    expect(pool.allocate(poolType.paged, 7, TAG, 1)).toBe(0);
    expect(pool.allocate(poolType.paged, 8, TAG, 1)).not.toBe(0);
    pool.fail = undefined;
    expect(pool.allocate(poolType.paged, 7, TAG, 1)).not.toBe(0);
  });

  test('executable pool may be executed, the other pools not; zeroed blocks are zero', () => {
    const { pool, memory } = makePool();
    const executable = (type: PoolType) =>
      pool.pages.allows(pool.allocate(type, 32, TAG, 1), 32, PAGE_EXECUTE);
    expect([poolType.nonPaged, poolType.paged, poolType.nonPagedNx].map(executable)).toEqual([
      true,
      false,
      false,
    ]);
    const block = pool.allocate(poolType.paged, 100, TAG, 1);
    memory.u8.fill(1, block, block + 100);
    pool.free(block);
    expect(pool.allocateZeroed(poolType.paged, 100, TAG, 1)).toBe(block);
    expect(memory.u8.subarray(block, block + 100).every((byte) => byte === 0)).toBe(true);
    expect(pool.isPaged(block)).toBe(true);
  });

  test('more tags than there are accounts share the last one', () => {
    const { pool } = makePool();
    for (let tag = 0; tag < 5000; tag++) pool.free(pool.allocate(poolType.paged, 16, tag, tag), tag);
    expect(pool.useOfTag(17).allocations).toBe(1);
    expect(pool.useOfTag(4999)).toMatchObject({ blocks: 0, allocations: 905 });
  });

  test('a tag reads as it is spelled', () => {
    expect(tagText(tagOfText('Ndis'))).toBe('Ndis');
    expect(tagOfText('Fred')).toBe(0x64657246);
    expect(tagText(1)).toBe('....');
  });
});
