/** wireport asleep, woken and pulled out. */

import { describe, expect, test } from 'vitest';
import { Machine, Segment } from '../../src/machine/index.ts';
import { TestStation } from '../../test/support/station.ts';
import { echo } from '../echo/echo.ts';
import { wireport } from './wireport.ts';

const OWN = [0x02, 0, 0, 0, 0, 2];
const ALL = Array.from({ length: 6 }, () => 0xff);

/** A machine on a segment, and a station that sends what a test wants. */
async function network() {
  const machine = new Machine({ seed: 9 });
  const segment = new Segment({});
  await machine.load('wireport', wireport);
  await machine.load('echo', echo);
  await machine.addAdapter('wireport', { name: 'Ethernet', wire: segment.addPort(Uint8Array.from(OWN)) });
  const station = new TestStation(segment, machine);
  const send = async (bytes: readonly number[]): Promise<void> => {
    expect(station.send(Uint8Array.from(bytes))).toBe(1);
    await machine.run(10);
  };
  const state = () => machine.snapshot().adapters[0]?.state;
  return { machine, send, state };
}

const magic = [...ALL, 2, 0, 0, 0, 0, 9, 8, 0x42, ...ALL, ...Array.from({ length: 16 }, () => OWN).flat()];

describe('wireport', () => {
  test('is woken by a magic packet, and says so; other frames are gone (network/low-power-for-wake-on-lan)', async () => {
    const { machine, send, state } = await network();
    await machine.suspend();
    expect(state()).toBe('Paused');
    await send([...OWN, 2, 0, 0, 0, 0, 9, 8, 0, ...Array.from({ length: 60 }, () => 0)]);
    expect(state()).toBe('Paused');
    await send(magic);
    expect(state()).toBe('Running');
    expect(machine.kernel.recentNotes().some(({ text }) => text.includes('IRP_MN_WAIT_WAKE'))).toBe(true);
    await machine.stop();
    expect(machine.kernel.findings).toEqual([]);
  });

  test('is not woken where the configuration forbids it', async () => {
    const machine = new Machine({ seed: 9 });
    const segment = new Segment({});
    await machine.load('wireport', wireport);
    const parameters = { '*WakeOnMagicPacket': '0' };
    await machine.addAdapter('wireport', { name: 'Ethernet', wire: segment.addPort(), parameters });
    await machine.suspend();
    expect(await machine.wakeAdapter('Ethernet')).toBe(false);
    await machine.resume();
    expect(await machine.wakeAdapter('Ethernet')).toBe(false);
    await machine.stop();
    expect(machine.kernel.findings).toEqual([]);
  });

  test('that is pulled out while it sleeps, or works, leaves nothing behind', async () => {
    for (const sleeps of [true, false]) {
      const { machine, send } = await network();
      if (sleeps) await machine.setAdapterPower('Ethernet', 'D3');
      await machine.surpriseRemoveAdapter('Ethernet');
      await send(magic);
      expect(machine.snapshot().adapters).toEqual([]);
      await machine.stop();
      expect(machine.kernel.findings).toEqual([]);
    }
  });
});
