/** The sample filter drivers together over one adapter, each in TypeScript or compiled, put in and taken out under load. */

import { describe, expect, test } from 'vitest';
import { echo } from '../drivers/echo/echo.ts';
import { monitor } from '../drivers/monitor/monitor.ts';
import { passthrough } from '../drivers/passthrough/passthrough.ts';
import { vlan } from '../drivers/vlan/vlan.ts';
import { wireport } from '../drivers/wireport/wireport.ts';
import { type DriverImage, Machine, Segment } from '../src/machine/index.ts';
import { ethernet, icmpEcho, ip, ipv4, mac, tagged } from './support/frames.ts';
import { TestStation } from './support/station.ts';
import { compiled, VARIANTS } from './support/twins.ts';

const OWN_MAC = mac('02:00:00:00:01:00');
const HOST_MAC = mac('02:00:00:00:01:01');
const FILTERS: readonly (readonly [name: string, image: DriverImage])[] = [
  ['passthrough', passthrough],
  ['vlan', vlan],
  ['monitor', monitor],
];

const ping = (sequence: number) =>
  ethernet(
    OWN_MAC,
    HOST_MAC,
    0x0800,
    ipv4(
      { protocol: 1, source: ip('192.0.2.1'), destination: ip('192.0.2.2') },
      icmpEcho(7, sequence, [1, 2, 3, sequence]),
    ),
  );

describe.each([1, 2])('on %i processors', (processors) => {
  for (let bits = 0; bits < 8; bits++) {
    const isCompiled = FILTERS.map((_, index) => (bits & (1 << index)) !== 0);
    const variant = VARIANTS[(bits + processors) % VARIANTS.length];
    const kinds = FILTERS.map(([name], index) => `${name} ${isCompiled[index] ? 'C' : 'TS'}`);
    test(`${kinds.join(', ')} (${variant})`, async () => {
      const segment = new Segment({});
      const machine = new Machine({ memorySize: 32 * 1024 * 1024, processors, seed: bits + 1 });
      machine.configureFilter('monitor', { type: 'monitoring' });
      expect(await machine.load('wireport', wireport)).toBe(0);
      expect(await machine.load('echo', echo, { Address: '192.0.2.2' })).toBe(0);
      const wire = segment.addPort(OWN_MAC);
      expect(await machine.addAdapter('wireport', { name: 'Ethernet', wire })).toBe(true);
      const station = new TestStation(segment, machine, HOST_MAC);
      let sequence = 0;
      /** Pings, plain or in VLAN 10, that are under way while `change` happens. */
      const under = async (inVlan: boolean, change: () => Promise<number>): Promise<void> => {
        const frames = Array.from({ length: 10 }, () => ping(sequence++ & 0xff));
        station.send(...frames.map((frame) => (inVlan ? tagged(frame, 10) : frame)));
        expect(await change()).toBe(0);
        await machine.settle();
        station.received();
      };
      for (const [index, [name, image]] of FILTERS.entries()) {
        const driver = isCompiled[index] ? compiled(name, variant) : image;
        const parameters = name === 'vlan' ? { VlanId: 10 } : {};
        await under(index > 1, () => machine.load(name, driver, parameters));
      }
      // One monitoring module over the miniport and one over each modifying one.
      const stack = machine.snapshot().adapters[0];
      expect(stack.state).toBe('Running');
      const device = await machine.openDevice('\\\\.\\Monitor');
      station.send(...Array.from({ length: 10 }, (_, i) => tagged(ping(i), 10)), ping(99));
      await machine.settle();
      const answers = station.received();
      expect(answers.map((frame) => [frame[12], frame[15], frame[frame.length - 1]])).toEqual(
        Array.from({ length: 10 }, (_, i) => [0x81, 10, i]),
      );
      expect((await device.read(65_536)).data.length).toBeGreaterThan(1000);
      await device.close();
      for (const [name] of [FILTERS[1], FILTERS[2], FILTERS[0]])
        await under(name === 'vlan', () => machine.unload(name));
      station.send(ping(1));
      await machine.settle();
      expect(station.received()).toHaveLength(1);
      await machine.stop();
      expect(machine.kernel.findings).toEqual([]);
    });
  }
});
