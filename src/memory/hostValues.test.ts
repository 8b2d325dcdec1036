/** Opaque addresses for values of the host: stable, owned, and never mistaken for one another after a release. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CALLABLE_RANGE_START, OBJECT_RANGE_START } from './addressSpace.ts';
import { HOST_VALUE_LIMIT, HostValueLimitError, HostValues } from './hostValues.ts';

const make = () => new HostValues(OBJECT_RANGE_START, 'object');

describe('host values', () => {
  test('keep one address per owner until that owner is released', () => {
    const values = make();
    const value = {};
    const address = values.addressOf(value, 'a');
    expect(values.addressOf(value, 'a')).toBe(address);
    expect(values.addressOf(value, 'b')).not.toBe(address);
    values.release('a');
    expect(values.valueAt(address)).toBeUndefined();
    expect(values.isStale(address)).toBe(true);
    expect(values.addressOf(value, 'a')).not.toBe(address);
    expect(values.size).toBe(2);
  });

  test('know addresses that were never handed out', () => {
    const values = make();
    const address = values.addressOf({});
    for (const wrong of [0, 1, -16, address + 1, address + 16, address - 16, CALLABLE_RANGE_START, 2 ** 31]) {
      expect(values.valueAt(wrong)).toBeUndefined();
      expect(values.isStale(wrong)).toBe(false);
    }
    expect(values.isStale(address)).toBe(false);
  });

  test('do not mind releases of what they do not know', () => {
    const values = make();
    values.releaseValue({}, 'nobody');
    values.release('nobody');
    expect(values.size).toBe(0);
  });

  test('give a reused slot fifteen other addresses before one repeats', () => {
    const values = make();
    const seen = new Set<number>();
    for (let reuse = 0; reuse < 16; reuse++) {
      const value = {};
      seen.add(values.addressOf(value, 'a'));
      values.releaseValue(value, 'a');
    }
    expect(seen.size).toBe(16);
    expect(seen).toContain(values.addressOf({}, 'a'));
  });

  test('end with an error that says what to look for, and go on after a release', () => {
    const values = make();
    for (let index = 0; index < HOST_VALUE_LIMIT; index++) values.addressOf(index, 'a');
    expect(() => values.addressOf({}, 'b')).toThrow(HostValueLimitError);
    expect(() => values.addressOf({}, 'b')).toThrow(/never released/);
    values.releaseValue(7, 'a');
    const last = values.addressOf('last', 'b');
    expect(values.valueAt(last)).toBe('last');
    expect(last).toBeLessThan(CALLABLE_RANGE_START);
    expect(last).toBeGreaterThanOrEqual(OBJECT_RANGE_START);
  });

  test('behave as a map from owner and value does, whatever the order of calls', () => {
    const owner = fc.constantFrom('a', 'b', 'c');
    const value = fc.integer({ min: 0, max: 9 });
    const call = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), owner, value }),
      fc.record({ kind: fc.constant('remove' as const), owner, value }),
      fc.record({ kind: fc.constant('release' as const), owner, value }),
    );
    fc.assert(
      fc.property(fc.array(call, { maxLength: 200 }), (calls) => {
        const values = make();
        const model = new Map<string, number>();
        for (const { kind, owner: who, value: what } of calls) {
          const key = `${who}${what}`;
          if (kind === 'add') {
            const address = values.addressOf(what, who);
            expect(model.get(key) ?? address).toBe(address);
            expect(address % 16).toBe(0);
            model.set(key, address);
          } else if (kind === 'remove') {
            values.releaseValue(what, who);
            model.delete(key);
          } else {
            values.release(who);
            for (const known of model.keys()) if (known.startsWith(who)) model.delete(known);
          }
          expect(values.size).toBe(model.size);
          for (const [known, address] of model) expect(values.valueAt(address)).toBe(Number(known.slice(1)));
        }
        expect(new Set(model.values()).size).toBe(model.size);
      }),
      { numRuns: 200 },
    );
  });
});
