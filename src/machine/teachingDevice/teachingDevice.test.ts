/** The teaching device against its data sheet, and against drivers that write anything (docs/teaching-device.md). */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mac } from '../../../test/support/frames.ts';
import { busOf, poolOf } from '../../kernel/index.ts';
import { poolType } from '../../memory/index.ts';
import { Segment } from '../../wire/index.ts';
import { Machine } from '../machine.ts';
import * as r from './registers.ts';
import { TeachingDevice } from './teachingDevice.ts';

const OWN = mac('02:00:00:00:01:00');
const CONTROL_REGISTERS = [0x004, 0x00c, 0x010, 0x014, 0x018, 0x020, 0x028, 0x030];

function setUp() {
  const machine = new Machine({ memorySize: 16 * 1024 * 1024 });
  const { kernel } = machine;
  const segment = new Segment();
  const wire = segment.addPort(OWN);
  const device = new TeachingDevice({ memory: kernel.memory, wire, epochNanoseconds: 0n, wake: () => {} });
  const target = busOf(kernel).attach(device);
  const { start } = target.ranges[0];
  return {
    machine,
    kernel,
    target,
    read: (register: number) => busOf(kernel).readMemory(start + register, 4),
    write: (register: number, value: number) => busOf(kernel).writeMemory(start + register, 4, value),
    codes: () => new Set(kernel.findings.map(({ code }) => code)),
  };
}

describe('registers (section 3)', () => {
  test('have their reset values, and have them again after a reset of 100 microseconds', async () => {
    const s = setUp();
    expect(s.read(r.IDENTITY)).toBe(0x5842_444e);
    expect([s.read(r.MAC_LOW), s.read(r.MAC_HIGH)]).toEqual([0x0000_0002, 0x0001]);
    s.write(r.MAC_LOW, 0xffff_ffff);
    s.write(r.RECEIVE_FILTER, 0xff);
    expect(s.read(r.RECEIVE_FILTER)).toBe(0x1f);
    s.write(r.CONTROL, r.CONTROL_RESET);
    expect(s.read(r.CONTROL)).toBe(r.CONTROL_RESET);
    // Erratum 1: while it resets it hears nothing.
    s.write(r.MODERATION, 5);
    await s.machine.run(0.11);
    expect([s.read(r.CONTROL), s.read(r.MODERATION), s.read(r.MAC_LOW)]).toEqual([0, 0, 2]);
  });

  test('take ring sizes that are powers of two from 8 to 1024, and no tail beyond the ring', () => {
    const s = setUp();
    for (const [size, kept] of [
      [8, 8],
      [1024, 1024],
      [12, 0],
      [4, 0],
      [2048, 0],
    ]) {
      s.write(r.TRANSMIT_RING + r.RING_SIZE, size);
      expect(s.read(r.TRANSMIT_RING + r.RING_SIZE)).toBe(kept);
    }
    s.write(r.TRANSMIT_RING + r.RING_SIZE, 8);
    s.write(r.TRANSMIT_RING + r.RING_TAIL, 8);
    expect(s.read(r.TRANSMIT_RING + r.RING_TAIL)).toBe(0);
  });

  test('are reached through the ports', () => {
    const s = setUp();
    const bus = busOf(s.kernel);
    const [, ports] = s.target.ranges;
    bus.writePort(ports.start + r.PORT_INDEX, 4, r.IDENTITY);
    expect(bus.readPort(ports.start + r.PORT_DATA, 4)).toBe(0x5842_444e);
  });
});

test('frames that are too long, too short or in too many pieces are refused (section 4)', async () => {
  const s = setUp();
  const { memory } = s.kernel;
  const ring = poolOf(s.kernel).allocateZeroed(poolType.nonPagedNx, 1024 + 4096, 1, 0);
  const buffer = ring + 1024;
  s.write(r.TRANSMIT_RING + r.RING_LOW, ring);
  s.write(r.TRANSMIT_RING + r.RING_SIZE, 64);
  const describeFrame = (at: number, length: number, flags: number) =>
    memory.u32.set([buffer, 0, length, flags], (ring + 16 * at) >> 2);
  describeFrame(0, 13, r.FLAG_END);
  describeFrame(1, 4000, r.FLAG_END);
  for (let piece = 0; piece < 33; piece++) describeFrame(2 + piece, 2, piece === 32 ? r.FLAG_END : 0);
  describeFrame(35, 60, r.FLAG_END);
  s.write(r.CONTROL, r.CONTROL_TRANSMIT);
  s.write(r.TRANSMIT_RING + r.RING_TAIL, 36);
  await s.machine.run(1);
  const flags = [0, 1, 34, 35].map((at) => memory.u32[(ring + 16 * at + 12) >> 2] >>> 30);
  expect(flags).toEqual([3, 3, 3, 2]);
  expect([s.read(r.COUNTERS), s.read(r.COUNTERS + 8)]).toEqual([1, 3]);
  expect(s.codes()).toEqual(new Set());
});

test('whatever a driver writes, the device stays bounded and touches only memory that is there (property)', async () => {
  const registers = fc.constantFrom(
    ...CONTROL_REGISTERS,
    ...[0x040, 0x060, 0x080].flatMap((ring) => [0, 4, 8, 0x10].map((register) => ring + register)),
  );
  const values = fc.oneof(
    fc.constantFrom(0, 1, 2, 4, 6, 8, 14, 16, 64, 1024, 0x10000, 0xffff_fff0, 0xffff_ffff),
    fc.integer({ min: 0, max: 0xffff_ffff }),
  );
  const writes = fc.array(fc.tuple(registers, values), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(writes, async (sequence) => {
      const s = setUp();
      for (const [register, value] of sequence) {
        s.write(register, value);
        expect(s.read(register)).toBeGreaterThanOrEqual(0);
      }
      await s.machine.run(5);
      expect(s.kernel.stopReason).toBeNull();
      expect([...s.codes()].filter((code) => code !== 'BAD_DMA')).toEqual([]);
      s.target.remove();
      expect(s.read(r.IDENTITY)).toBe(0xffff_ffff);
    }),
    { numRuns: 60 },
  );
});
