import { describe, expect, test } from 'vitest';
import { type DriverImage, Machine, Segment } from '../../src/machine/index.ts';
import { arpRequest, ethernet, icmpEcho, ip, ipv4, mac } from '../../test/support/frames.ts';
import { TestStation } from '../../test/support/station.ts';
import { twins } from '../../test/support/twins.ts';
import { echo } from '../echo/echo.ts';
import { wireport } from '../wireport/wireport.ts';
import { IOCTL_PASSTHROUGH_QUERY, IOCTL_PASSTHROUGH_SET_BYPASS, passthrough } from './passthrough.ts';

const OWN_MAC = mac('02:00:00:00:01:00');
const HOST_MAC = mac('02:00:00:00:01:01');
const OWN = ip('192.0.2.2');
const HOST = ip('192.0.2.1');

const ping = (sequence: number) =>
  ethernet(
    OWN_MAC,
    HOST_MAC,
    0x0800,
    ipv4({ protocol: 1, source: HOST, destination: OWN }, icmpEcho(7, sequence, [1, 2, 3, sequence])),
  );

/** echo over a wire port, and `count` instances of the filter between them. */
async function stack(driver: DriverImage | Uint8Array, options: object = {}, parameters = {}, count = 1) {
  const segment = new Segment({});
  const machine = new Machine({ memorySize: 32 * 1024 * 1024, ...options });
  expect(await machine.load('wireport', wireport)).toBe(0);
  for (let i = 0; i < count; i++)
    expect(await machine.load(i === 0 ? 'filter' : `filter${i}`, driver, parameters)).toBe(0);
  expect(await machine.load('echo', echo)).toBe(0);
  expect(await machine.addAdapter('wireport', { name: 'Ethernet', wire: segment.addPort(OWN_MAC) })).toBe(
    true,
  );
  await machine.settle();
  const station = new TestStation(segment, machine, HOST_MAC);
  const device = await machine.openDevice('\\\\.\\Passthrough');
  const counts = async () => {
    const { data } = await device.ioctl(IOCTL_PASSTHROUGH_QUERY, new Uint8Array(0), 48);
    const view = new DataView(data.buffer, data.byteOffset);
    const at = (index: number) => Number(view.getBigUint64(8 * index, true));
    return {
      sent: at(0),
      received: at(1),
      requests: at(2),
      statuses: at(3),
      modules: view.getUint32(40, true),
      bypass: view.getUint32(44, true) === 1,
    };
  };
  const setBypass = async (bypass: boolean) => {
    const input = new Uint8Array(Uint32Array.of(bypass ? 1 : 0).buffer);
    expect((await device.ioctl(IOCTL_PASSTHROUGH_SET_BYPASS, input)).status).toBe(0);
    await machine.settle();
  };
  const stop = async () => {
    await device.close();
    await machine.stop();
    expect(machine.kernel.findings).toEqual([]);
  };
  return { machine, station, device, counts, setBypass, stop };
}

/** The sequence numbers that come back for `count` pings. */
async function answers(machine: Machine, station: TestStation, first: number, count: number) {
  station.send(...Array.from({ length: count }, (_, i) => ping(first + i)));
  await machine.settle();
  return station.received().map((frame) => frame[frame.length - 1]);
}

const numbers = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i);

describe.each(twins(passthrough, 'passthrough'))('passthrough (%s)', (_kind, driver) => {
  for (const processors of [1, 2]) {
    for (let seed = 1; seed <= 3; seed++) {
      test(`everything goes through and is counted: seed ${seed}, processors ${processors}`, async () => {
        const { machine, station, counts, stop } = await stack(driver, { seed, processors });
        station.send(arpRequest(HOST_MAC, HOST, OWN));
        await machine.settle();
        expect(station.received()).toHaveLength(1);
        expect(await answers(machine, station, 0, 20)).toEqual(numbers(0, 20));
        const seen = await counts();
        expect(seen).toMatchObject({ sent: 21, received: 21, modules: 1, bypass: false });
        // echo sets its packet filter.
        expect(seen.requests).toBeGreaterThan(0);
        await stop();
      });
    }
  }

  test('bypassed at run time nothing goes through it and nothing is lost; put back it sees everything again', async () => {
    const { machine, station, counts, setBypass, stop } = await stack(driver);
    await setBypass(true);
    const before = await counts();
    expect(before.bypass).toBe(true);
    expect(await answers(machine, station, 0, 10)).toEqual(numbers(0, 10));
    expect(await counts()).toMatchObject({ sent: before.sent, received: before.received });
    await setBypass(false);
    expect(await answers(machine, station, 10, 10)).toEqual(numbers(10, 10));
    expect(await counts()).toMatchObject({ sent: before.sent + 10, received: before.received + 10 });
    await stop();
  });

  test('may begin bypassed', async () => {
    const { machine, station, counts, stop } = await stack(driver, {}, { Bypass: 1 });
    expect(await answers(machine, station, 0, 5)).toEqual(numbers(0, 5));
    expect(await counts()).toMatchObject({ sent: 0, received: 0, modules: 1, bypass: true });
    await stop();
  });

  test('unloaded from a running stack and loaded again', async () => {
    const { machine, station, device, stop } = await stack(driver);
    await device.close();
    expect(await machine.unload('filter')).toBe(0);
    expect(await answers(machine, station, 0, 5)).toEqual(numbers(0, 5));
    expect(await machine.load('filter', driver)).toBe(0);
    await machine.settle();
    expect(await answers(machine, station, 5, 5)).toEqual(numbers(5, 5));
    await stop();
  });

  test('controls with too small buffers and of other codes are refused', async () => {
    const { device, stop } = await stack(driver);
    expect((await device.ioctl(IOCTL_PASSTHROUGH_QUERY, new Uint8Array(0), 40)).status).toBe(0xc0000023);
    expect((await device.ioctl(IOCTL_PASSTHROUGH_SET_BYPASS)).status).toBe(0xc000000d);
    expect((await device.ioctl(0x120000)).status).toBe(0xc0000010);
    expect((await device.read(4)).status).toBe(0xc0000010);
    await stop();
  });
});
