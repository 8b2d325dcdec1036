import { describe, expect, test } from 'vitest';
import { wireport } from '../drivers/wireport/wireport.ts';
import { Machine, Segment } from '../src/machine/index.ts';

describe('wireport', () => {
  test('comes up over a segment and goes down with nothing left', async () => {
    const segment = new Segment({});
    const machine = new Machine({ seed: 3 });
    expect(await machine.load('wireport', wireport)).toBe(0);
    expect(await machine.addAdapter('wireport', { name: 'Ethernet', wire: segment.addPort() })).toBe(true);
    expect(machine.snapshot().adapters[0]).toMatchObject({
      state: 'Running',
      driver: 'wireport',
      macAddress: expect.any(String),
    });
    await machine.stop();
    expect(machine.kernel.findings).toEqual([]);
    expect(machine.snapshot().adapters).toEqual([]);
  });
});
