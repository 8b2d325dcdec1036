import { describe, expect, test } from 'vitest';
import { wireport } from '../drivers/wireport/wireport.ts';
import { defineDriver, Machine, Segment } from '../src/machine/index.ts';

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

test('a DriverEntry that waits for ever is an error of its own, not a success', async () => {
  const machine = new Machine();
  const stuck = defineDriver(({ ntoskrnl, data }) => ({
    async DriverEntry() {
      const event = data(24);
      ntoskrnl.KeInitializeEvent(event, 0, false);
      return ntoskrnl.KeWaitForSingleObject(event, 0, 0, false, null);
    },
  }));
  await expect(machine.load('stuck', stuck)).rejects.toMatchObject({ code: 'DRIVER_STUCK' });
});
