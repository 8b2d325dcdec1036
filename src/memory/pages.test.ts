import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FIRST_MAPPED_ADDRESS, PAGE_SIZE } from './addressSpace.ts';
import { KernelMemory } from './memory.ts';
import { PAGE_GUARD, PAGE_READ, PAGE_READ_WRITE, PAGE_WRITE, PageRangeError, Pages } from './pages.ts';

describe('pages', () => {
  test('any sequence keeps ranges apart, within memory and exactly counted', () => {
    const step = fc.record({ count: fc.integer({ min: 1, max: 6 }), free: fc.boolean(), pick: fc.nat(99) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const pages = new Pages(new KernelMemory(0x3_0000));
        const live: { start: number; count: number }[] = [];
        for (const { count, free, pick } of steps) {
          if (free && live.length > 0) {
            const [range] = live.splice(pick % live.length, 1);
            pages.release(range.start, range.count);
            expect(pages.isMapped(range.start)).toBe(false);
            continue;
          }
          const start = pages.allocate(count);
          if (start === 0) continue;
          const end = start + count * PAGE_SIZE;
          expect(start % PAGE_SIZE).toBe(0);
          expect(start).toBeGreaterThanOrEqual(FIRST_MAPPED_ADDRESS);
          expect(end).toBeLessThanOrEqual(0x3_0000);
          expect(live.filter((o) => start < o.start + o.count * PAGE_SIZE && o.start < end)).toEqual([]);
          live.push({ start, count });
        }
        const used = live.reduce((sum, range) => sum + range.count, 0);
        expect([pages.used, pages.free]).toEqual([used, 32 - used]);
      }),
    );
  });

  test('limits, alignment and boundaries are kept, and what cannot be had is 0', () => {
    const pages = new Pages(new KernelMemory(0x10_0000));
    expect(pages.allocate(2, PAGE_READ_WRITE, { lowest: 0x4_1001 })).toBe(0x4_2000);
    expect(pages.allocate(1, PAGE_READ_WRITE, { align: 0x1_0000 })).toBe(0x1_0000);
    expect(pages.allocate(2, PAGE_READ_WRITE, { lowest: 0x8_f000, boundary: 0x1_0000 })).toBe(0x9_0000);
    expect(pages.allocate(2, PAGE_READ_WRITE, { highest: 0x1_1fff })).toBe(0);
    for (const count of [0, -1, 1.5, 10_000]) expect(pages.allocate(count)).toBe(0);
  });

  test('an access faults at the first byte that may not be touched', () => {
    const pages = new Pages(new KernelMemory(0x10_0000));
    const start = pages.allocate(3);
    pages.protect(start + PAGE_SIZE, 1, PAGE_READ);
    pages.protect(start + 2 * PAGE_SIZE, 1, PAGE_READ | PAGE_GUARD);
    expect(pages.firstFault(start + 5, PAGE_SIZE, PAGE_READ)).toBe(-1);
    expect(pages.firstFault(start + 5, PAGE_SIZE, PAGE_WRITE)).toBe(start + PAGE_SIZE);
    expect(pages.firstFault(start, 3 * PAGE_SIZE, PAGE_READ)).toBe(start + 2 * PAGE_SIZE);
    expect([
      pages.isMapped(0),
      pages.isMapped(-8),
      pages.isMapped(0x10_0000),
      pages.isMapped(start, 0),
    ]).toEqual([false, false, false, true]);
    expect(pages.reserve(start, 1)).toBe(false);
    expect(() => pages.release(start + 3 * PAGE_SIZE, 1)).toThrow(PageRangeError);
  });
});
