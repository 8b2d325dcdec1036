/** One suite over every driver of the teaching device: traffic, interrupts, moderation, reset, halt and removal. */

import { describe, expect, test } from 'vitest';
import type { LowerBinding } from '../../drivers/support/lowerBinding.ts';
import { busOf, type InterruptMode, poolOf } from '../../src/kernel/index.ts';
import {
  type DeviceOptions,
  type DriverImage,
  type Finding,
  Machine,
  type MachineOptions,
  NdisInterruptModerationEnabled,
  NET_BUFFER_LIST,
  OID_GEN_INTERRUPT_MODERATION,
  Segment,
} from '../../src/machine/index.ts';
import { functionOf, inventoryOf } from '../../src/ndis/index.ts';
import { ethernet, mac } from './frames.ts';
import { type Probe, probing } from './probeProtocol.ts';
import { TestStation } from './station.ts';

const OWN_MAC = mac('02:00:00:00:01:00');
const HOST_MAC = mac('02:00:00:00:01:01');
const OTHER_MAC = mac('02:00:00:00:01:02');

/** What a driver cannot do. */
interface CardportLimits {
  /** It asks for no messages: it gets the pin, whichever way its device could interrupt. */
  readonly lineOnly?: boolean;
  /** It moderates interrupts by the keyword *InterruptModeration, not by OID_GEN_INTERRUPT_MODERATION. */
  readonly moderatesByKeyword?: boolean;
}

interface SuiteOptions {
  readonly parameters?: Readonly<Record<string, number>>;
  readonly device?: DeviceOptions;
  readonly machine?: MachineOptions;
  readonly atBind?: (binding: LowerBinding) => Promise<void>;
}

/** A machine with the driver over its device on a segment, a probing protocol above, a station beside. */
async function setUp(image: () => DriverImage | Uint8Array, options: SuiteOptions = {}) {
  const segment = new Segment();
  const machine = new Machine({ memorySize: 64 * 1024 * 1024, ...options.machine });
  const probe: Probe = {
    imports: null,
    binding: null,
    lists: null,
    received: [],
    completed: [],
    ...(options.atBind === undefined ? {} : { atBind: options.atBind }),
  };
  expect(await machine.load('cardport', image())).toBe(0);
  await machine.load('probe', probing(probe));
  const wire = segment.addPort(OWN_MAC);
  const device = options.device ?? {};
  const { parameters = {} } = options;
  expect(await machine.addAdapter('cardport', { name: 'Ethernet', wire, device, parameters })).toBe(true);
  await machine.settle();
  const [adapter] = inventoryOf(machine.ndis).adapters;
  const target = functionOf(machine.ndis, adapter);
  if (target === null) throw new Error('the adapter has no device');
  const station = new TestStation(segment, machine, HOST_MAC);
  const codes = () => machine.kernel.findings.map(({ code }: Finding) => code);
  const send = (frame: Uint8Array, offset = 0): void => {
    const { imports, binding, lists } = probe;
    const list = lists?.take() ?? 0;
    if (imports === null || binding === null || lists === null || list === 0) throw new Error('no list');
    imports.memory.u8.set(frame, lists.bufferOf(list) + offset);
    lists.setFrame(list, offset, frame.length);
    imports.memory.writePointer(list, 0);
    imports.memory.writePointer(list + NET_BUFFER_LIST.offset.SourceHandle, binding.handle);
    binding.sendsOutstanding++;
    imports.ndis.NdisSendNetBufferLists(binding.handle, list, 0, 0);
  };
  const register = (offset: number): number => target.device.read(0, offset, 4);
  return { machine, probe, station, target, adapter, segment, send, codes, register };
}

type Stack = Awaited<ReturnType<typeof setUp>>;

const frame = (length: number, destination = OWN_MAC, source = HOST_MAC): Uint8Array =>
  ethernet(
    destination,
    source,
    0x88b5,
    Array.from({ length }, (_, i) => (i * 7 + length) & 0xff),
  );

async function stop(stack: Stack): Promise<void> {
  await stack.machine.stop();
  expect(stack.machine.kernel.findings).toEqual([]);
  expect(busOf(stack.machine.kernel).slots.every((slot) => slot === null)).toBe(true);
}

/** Sends both ways in bursts, checking every byte. */
async function exchange(stack: Stack, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const sizes = [46, 100, 777, 1500];
    const out = sizes.map((size) => frame(size - (round % 3), HOST_MAC, OWN_MAC));
    for (const [index, sent] of out.entries()) stack.send(sent, index);
    const incoming = [OWN_MAC, mac('ff:ff:ff:ff:ff:ff')].flatMap((to) =>
      sizes.map((size, index) => {
        const made = frame(size, to);
        // The last byte of the source chooses the queue.
        made[11] = index & 1;
        return made;
      }),
    );
    stack.station.send(...incoming);
    await stack.machine.run(10);
    expect(stack.station.received()).toEqual(out);
    const got = stack.probe.received.splice(0).map((one) => one.frame);
    expect(new Set(got.map(String))).toEqual(new Set(incoming.map(String)));
    expect(got).toHaveLength(incoming.length);
    expect(stack.probe.completed.splice(0).map(({ status }) => status)).toEqual(sizes.map(() => 0));
  }
}

/** The suite for one driver. */
export function cardportSuite(
  name: string,
  image: () => DriverImage | Uint8Array,
  limits: CardportLimits = {},
): void {
  const { lineOnly = false, moderatesByKeyword = false } = limits;
  const moderated: Partial<SuiteOptions> = moderatesByKeyword
    ? { parameters: { '*InterruptModeration': 1 } }
    : { atBind: enableModeration };
  const modes: readonly InterruptMode[] = lineOnly ? ['line', 'msi-x'] : ['line', 'msi', 'msi-x'];
  describe.each(modes)(`${name} with interrupts by %s`, (interrupts) => {
    test('carries frames both ways, on one processor and on several', async () => {
      for (const machine of [
        {},
        { processors: 4, seed: 7 },
        { processors: 2, seed: 3, memorySafety: true },
      ]) {
        const stack = await setUp(image, { device: { interrupts }, machine });
        await exchange(stack, 3);
        await stop(stack);
      }
    });

    test('shares its line, or its bus, with a second device', async () => {
      const mayBind = (_protocol: string, adapter: string) => adapter === 'Ethernet';
      const stack = await setUp(image, { device: { interrupts, slot: 1 }, machine: { mayBind } });
      const wire = stack.segment.addPort(OTHER_MAC);
      const device: DeviceOptions = { interrupts, slot: 5 };
      expect(await stack.machine.addAdapter('cardport', { name: 'Second', wire, device })).toBe(true);
      if (interrupts === 'line' || lineOnly) expect(stack.target.line.services).toHaveLength(2);
      await exchange(stack, 2);
      await stop(stack);
    });

    test('is reset when its device stops after a bad transfer, and goes on', async () => {
      const stack = await setUp(image, { device: { interrupts } });
      // The ring is moved to where no memory is, as a driver with a mistake would.
      stack.target.device.write(0, 0x44, 4, 0xffff);
      stack.send(frame(60, HOST_MAC, OWN_MAC));
      await stack.machine.run(10);
      expect(stack.codes()).toEqual(['BAD_DMA']);
      expect(stack.register(0x008) & 4).toBe(4);
      await stack.machine.run(5000);
      expect(stack.register(0x008) & 4).toBe(0);
      expect(stack.probe.completed.splice(0)).toHaveLength(1);
      await exchange(stack, 1);
      await stack.machine.stop();
      expect(stack.codes()).toEqual(['BAD_DMA']);
    });

    test('is halted while the device works, and nothing is lost or left', async () => {
      const stack = await setUp(image, { device: { interrupts } });
      for (let i = 0; i < 4; i++) stack.send(frame(1000, HOST_MAC, OWN_MAC));
      stack.station.send(...Array.from({ length: 20 }, () => frame(500)));
      await stop(stack);
      expect(stack.probe.completed).toHaveLength(4);
    });

    test('is pulled out in the middle of transfers', async () => {
      for (let wait = 0; wait < 6; wait++) {
        const stack = await setUp(image, { device: { interrupts }, machine: { seed: wait + 1 } });
        for (let i = 0; i < 4; i++) stack.send(frame(1000, HOST_MAC, OWN_MAC));
        stack.station.send(...Array.from({ length: 20 }, () => frame(500)));
        await stack.machine.run(wait * 0.0005);
        await stack.machine.surpriseRemoveAdapter('Ethernet');
        expect(stack.probe.completed).toHaveLength(4);
        await stop(stack);
      }
    });

    test('moderates its interrupts when it is asked to', async () => {
      const deliveries = async (moderate: boolean): Promise<number> => {
        const stack = await setUp(image, {
          device: { interrupts },
          ...(moderate ? moderated : {}),
        });
        const sources = interrupts === 'line' || lineOnly ? [stack.target.line] : stack.target.messages;
        let count = 0;
        for (const source of sources)
          source.services.forEach((service, index) => {
            source.services[index] = {
              ...service,
              service: () => {
                count++;
                return service.service();
              },
            };
          });
        for (let i = 0; i < 50; i++) {
          stack.station.send(frame(60));
          await stack.machine.run(0.01);
        }
        await stack.machine.run(10);
        expect(stack.probe.received).toHaveLength(50);
        await stop(stack).catch(() => {});
        return count;
      };
      const [plain, fewer] = [await deliveries(false), await deliveries(true)];
      expect(plain).toBeGreaterThanOrEqual(40);
      expect(fewer).toBeLessThan(plain / 2);
    });

    test('runs out of receive buffers, counts it, and goes on', async () => {
      const stack = await setUp(image, { device: { interrupts } });
      // More in one burst than a ring holds: the device drops what finds no buffer.
      for (let i = 0; i < 4; i++) stack.station.send(...Array.from({ length: 50 }, () => frame(60)));
      await stack.machine.run(50);
      const dropped = stack.register(0x114);
      expect(stack.probe.received.length + dropped).toBe(200);
      await exchangeAfter(stack);
      await stop(stack);
    });
  });

  test(`${name}: every allocation that fails leaves nothing behind`, async () => {
    for (let failing = 0; failing < 12; failing++) {
      const segment = new Segment();
      const machine = new Machine({ memorySize: 32 * 1024 * 1024 });
      expect(await machine.load('cardport', image())).toBe(0);
      const driver = machine.driver('cardport')?.id;
      let seen = 0;
      poolOf(machine.kernel).fail = (_type, _size, _tag, owner) =>
        owner === driver && seen++ === failing * 13;
      const wire = segment.addPort(OWN_MAC);
      await machine.addAdapter('cardport', { name: 'Ethernet', wire, device: {} });
      poolOf(machine.kernel).fail = undefined;
      await machine.stop();
      expect(machine.kernel.findings).toEqual([]);
    }
  });

  test(`${name}: interleavings of interrupts with other work lose nothing (property over seeds)`, async () => {
    for (let seed = 1; seed <= 12; seed++) {
      const stack = await setUp(image, {
        device: { interrupts: modes[seed % modes.length] },
        machine: { seed, processors: 1 + (seed % 4) },
      });
      await exchange(stack, 1);
      await stop(stack);
    }
  });
}

async function exchangeAfter(stack: Stack): Promise<void> {
  stack.probe.received.length = 0;
  await exchange(stack, 1);
}

/** OID_GEN_INTERRUPT_MODERATION as a protocol sets it. */
async function enableModeration(binding: LowerBinding): Promise<void> {
  const parameters = new Uint8Array(12);
  parameters.set([0x80, 1, 12, 0]);
  parameters[8] = NdisInterruptModerationEnabled;
  expect(await binding.set(OID_GEN_INTERRUPT_MODERATION, parameters)).toBe(0);
}
