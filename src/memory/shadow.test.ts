import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KernelMemory, Pages, Pool, poolType, Shadow } from './index.ts';

const make = () => {
  const memory = new KernelMemory(0x40_0000, { memorySafety: true });
  const shadow = new Shadow(memory);
  const pages = new Pages(memory);
  shadow.follow(pages);
  return { memory, shadow, pages };
};

describe('the shadow', () => {
  it('agrees with a map of single bytes, whatever is allowed and forbidden', () => {
    const change = fc.record({
      allow: fc.boolean(),
      granule: fc.integer({ min: 0, max: 30 }),
      size: fc.integer({ min: 1, max: 90 }),
    });
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 12 }),
        fc.nat(200),
        fc.integer({ min: 1, max: 32 }),
        (changes, at, size) => {
          const { shadow } = make();
          const base = 0x1_0000;
          const model = new Uint8Array(512);
          for (const { allow, granule, size: length } of changes) {
            const start = granule * 8;
            if (allow) {
              shadow.allow(base + start, length);
              // What is left of the last eight bytes becomes a red zone.
              model.fill(1, start, start + length).fill(0, start + length, (start + length + 7) & ~7);
            } else {
              shadow.forbid(base + start, length, 'redZone');
              model.fill(0, start, (start + length + 7) & ~7);
            }
          }
          const wrong = model.subarray(at, at + size).indexOf(0);
          expect(shadow.firstViolation(base + at, size)).toBe(wrong < 0 ? -1 : base + at + wrong);
        },
      ),
    );
  });

  it('lets pages in use be touched and no others', () => {
    const { shadow, pages } = make();
    const address = pages.allocate(2);
    expect(shadow.firstViolation(address, 8192)).toBe(-1);
    expect(shadow.firstViolation(address + 8190, 4)).toBe(address + 8192);
    expect(shadow.reasonAt(address + 8192)).toBe('neverAllocated');
    pages.release(address, 2);
    expect(shadow.firstViolation(address, 1)).toBe(address);
    expect(shadow.reasonAt(address)).toBe('freedPages');
  });

  it('knows every block of the pool to the byte, and that it was freed', () => {
    const { shadow, pages } = make();
    const pool = new Pool(pages, { redZones: true, shadow });
    for (const size of [0, 1, 7, 8, 13, 64, 500, 4000, 4096, 9000]) {
      const block = pool.allocate(poolType.nonPagedNx, size, 0x74736554, 1);
      expect(shadow.firstViolation(block, size)).toBe(-1);
      expect(shadow.firstViolation(block, size + 1)).toBe(block + size);
      expect(shadow.reasonAt(block + size)).toBe('redZone');
      pool.free(block);
      if (size === 0) continue;
      expect(shadow.firstViolation(block, 1)).toBe(block);
      expect(shadow.reasonAt(block)).toBe('freedBlock');
    }
  });
});
