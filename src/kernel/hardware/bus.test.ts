import { describe, expect, test } from 'vitest';
import { createTestKernel } from '../../../test/support/kernel.ts';
import {
  DMA_ADDRESS,
  DMA_FILL,
  LATER,
  RAISE,
  READS,
  SCRATCH,
  TestDevice,
} from '../../../test/support/testDevice.ts';
import { DISPATCH_LEVEL } from '../generated/constants/index.ts';
import { KeLowerIrql, KfRaiseIrql } from '../sync/irql.ts';
import { KeStallExecutionProcessor } from '../sync/time.ts';
import { busOf } from './bus.ts';
import { InterruptLock } from './interrupts.ts';
import * as ioSpace from './ioSpaceFunctions.ts';
import * as ports from './portFunctions.ts';
import * as registers from './registerFunctions.ts';

const functions = { ...ioSpace, ...ports, ...registers, KeLowerIrql, KfRaiseIrql, KeStallExecutionProcessor };

function setUp(options: { processors?: number; seed?: number; interrupts?: 'line' | 'msi' | 'msi-x' } = {}) {
  const test = createTestKernel(functions, options);
  const device = new TestDevice(test.kernel.memory);
  const bus = busOf(test.kernel);
  const target = bus.attach(
    device,
    options.interrupts === undefined ? {} : { interrupts: options.interrupts },
  );
  return { ...test, device, bus, target };
}

describe('configuration space (PCI Local Bus 3.0, chapter 6)', () => {
  test('has identity, BARs that can be sized, and a list of capabilities', () => {
    const { target, bus } = setUp();
    const { configuration } = target;
    expect(configuration.value(0, 4)).toBe(0x10ff1af4);
    expect(configuration.value(0x2c, 4)).toBe(0x56781234);
    expect(configuration.value(0x10, 4)).toBe(target.ranges[0].start);
    expect(configuration.value(0x14, 4)).toBe(target.ranges[1].start | 1);
    bus.writeConfiguration(target, 0x10, new Uint8Array([255, 255, 255, 255]));
    expect(configuration.value(0x10, 4)).toBe(0xffffe000);
    const ids: number[] = [];
    for (let at = configuration.value(0x34, 1); at !== 0; at = configuration.value(at + 1, 1))
      ids.push(configuration.value(at, 1));
    expect(ids).toEqual([1, 5, 0x11]);
  });

  test('reads and writes end where the space ends', () => {
    const { target, bus } = setUp();
    expect(bus.readConfiguration(target, 254, new Uint8Array(8))).toBe(2);
    expect(bus.readConfiguration(target, 256, new Uint8Array(4))).toBe(0);
    expect(bus.writeConfiguration(target, 300, new Uint8Array(4))).toBe(0);
    const bytes = new Uint8Array(4);
    expect(bus.readConfiguration(null, 0, bytes)).toBe(0);
    expect([...bytes]).toEqual([255, 255, 255, 255]);
  });
});

describe('registers', () => {
  test('of mapped memory and ports reach the device, with side effects', async () => {
    const { run, imports, target } = setUp();
    const [memory, port] = target.ranges;
    await run(() => {
      const at = imports.MmMapIoSpace(BigInt(memory.start), 4096n, 0);
      expect(at).toBe(memory.start);
      imports.WRITE_REGISTER_ULONG(at + SCRATCH, 0x12345678);
      expect(imports.READ_REGISTER_ULONG(at + SCRATCH)).toBe(0x12345678);
      expect(imports.READ_REGISTER_ULONG(at + READS)).toBe(1);
      expect(imports.READ_PORT_ULONG(port.start + READS)).toBe(2);
      imports.WRITE_PORT_USHORT(port.start + SCRATCH, 0x4321);
      expect(imports.READ_PORT_USHORT(port.start + SCRATCH)).toBe(0x4321);
      expect(imports.READ_PORT_UCHAR(0x300)).toBe(0xff);
      imports.MmUnmapIoSpace(at, 4096n);
    });
  });

  test('read as ones when the device is gone, when decoding is off, when misaligned', async () => {
    const { run, imports, target, bus } = setUp();
    const at = target.ranges[0].start;
    await run(() => {
      imports.MmMapIoSpace(BigInt(at), 4096n, 0);
      expect(imports.READ_REGISTER_ULONG(at + 2)).toBe(0xffffffff);
      bus.writeConfiguration(target, 4, new Uint8Array([4, 0]));
      expect(imports.READ_REGISTER_ULONG(at + READS)).toBe(0xffffffff);
      bus.writeConfiguration(target, 4, new Uint8Array([7, 0]));
      expect(imports.READ_REGISTER_ULONG(at + READS)).toBe(1);
      target.remove();
      expect(imports.READ_REGISTER_USHORT(at + READS)).toBe(0xffff);
    });
  });

  test('that no device has cannot be mapped (wdm/nf-wdm-mmmapiospace)', async () => {
    const { run, imports, kernel, target } = setUp();
    await run(() => {
      expect(imports.MmMapIoSpace(0x8000_0000n, 4096n, 0)).toBe(0);
      expect(imports.MmMapIoSpace(BigInt(target.ranges[0].start), 16384n, 0)).toBe(0);
      imports.MmUnmapIoSpace(target.ranges[0].start, 4096n);
    });
    expect(kernel.findings.map(({ code }) => code)).toEqual(['NO_HARDWARE', 'NO_HARDWARE', 'NOT_MAPPED']);
  });
});

describe('bus-master DMA', () => {
  test('reaches memory; elsewhere it is a fault and a finding', async () => {
    const { run, imports, kernel, target, bus } = setUp();
    const at = target.ranges[0].start;
    await run(() => {
      imports.MmMapIoSpace(BigInt(at), 4096n, 0);
      const buffer = 0x1_0000;
      imports.WRITE_REGISTER_ULONG(at + DMA_ADDRESS, buffer);
      imports.WRITE_REGISTER_ULONG(at + DMA_FILL, 3);
      expect([...kernel.memory.u8.subarray(buffer, buffer + 3)]).toEqual([0xa5, 0xa5, 0xa5]);
      imports.WRITE_REGISTER_ULONG(at + DMA_ADDRESS, 0xfffff000);
      imports.WRITE_REGISTER_ULONG(at + DMA_FILL, 3);
      expect(imports.READ_REGISTER_ULONG(at + DMA_FILL)).toBe(1);
      bus.writeConfiguration(target, 4, new Uint8Array([3, 0]));
      imports.WRITE_REGISTER_ULONG(at + DMA_ADDRESS, buffer);
      imports.WRITE_REGISTER_ULONG(at + DMA_FILL, 3);
      expect(imports.READ_REGISTER_ULONG(at + DMA_FILL)).toBe(1);
    });
    expect(kernel.findings.map(({ code }) => code)).toEqual(['BAD_DMA', 'BAD_DMA']);
  });
});

describe('interrupts', () => {
  function connect(t: ReturnType<typeof setUp>, service: () => boolean, device = t.device) {
    const source = t.target.messagesEnabled ? t.target.messages[0] : t.target.line;
    const lock = new InterruptLock(source.irql);
    const connection = { driver: t.driver, lock, service };
    t.bus.interrupts.connect(source, connection);
    return { source, lock, connection, device };
  }

  test('of a level-triggered line repeat until the device releases it, at DIRQL', async () => {
    const t = setUp({ interrupts: 'line' });
    const levels: number[] = [];
    connect(t, () => {
      levels.push(t.kernel.irql);
      if (levels.length === 3) t.bus.writeMemory(t.target.ranges[0].start + 0xc, 4, 0);
      return true;
    });
    t.device.raise();
    await t.runAll();
    expect(levels).toEqual([5, 5, 5]);
  });

  test('that nobody dismisses stop the machine with HARDWARE_INTERRUPT_STORM', async () => {
    const t = setUp({ interrupts: 'line' });
    connect(t, () => false);
    t.device.raise();
    await expect(t.runAll()).rejects.toMatchObject({ bugCheckCode: 0xf2 });
  });

  test('of a shared line ask each routine until one says it was its own', async () => {
    const t = setUp({ interrupts: 'line' });
    const other = new TestDevice(t.kernel.memory, 0, 'other');
    const second = t.bus.attach(other, { slot: t.target.slot + 4 });
    expect(second.line).toBe(t.target.line);
    const asked: string[] = [];
    for (const [name, device, at] of [
      ['first', t.device, t.target.ranges[0].start],
      ['second', other, second.ranges[0].start],
    ] as const)
      connect(t, () => {
        asked.push(name);
        if (!device.raised) return false;
        t.bus.writeMemory(at + 0xc, 4, 0);
        return true;
      });
    other.raise();
    await t.runAll();
    expect(asked).toEqual(['first', 'second']);
  });

  test('by message come once for each message, and wait while the IRQL is too high', async () => {
    const t = setUp();
    let count = 0;
    connect(t, () => {
      count++;
      return true;
    });
    await t.run(() => {
      t.imports.KfRaiseIrql(15);
      t.device.raise(0);
      t.device.raise(0);
      t.imports.KeStallExecutionProcessor(1);
      expect(count).toBe(0);
      t.imports.KeLowerIrql(DISPATCH_LEVEL);
      expect(count).toBe(1);
      t.imports.KeLowerIrql(0);
    });
    expect(count).toBe(1);
  });

  test('are held back by a mask in the MSI-X table and sent when it goes', async () => {
    const t = setUp();
    let count = 0;
    connect(t, () => {
      count++;
      return true;
    });
    t.target.maskEntry(0, true);
    t.device.raise(0);
    await t.runAll();
    expect(count).toBe(0);
    expect(t.bus.readMemory(t.target.ranges[2].start + 0x800, 4)).toBe(1);
    t.bus.writeMemory(t.target.ranges[2].start + 12, 4, 0);
    await t.runAll();
    expect(count).toBe(1);
  });

  test('do not come while their lock is held, and cannot be synchronized with twice', async () => {
    const t = setUp();
    const order: string[] = [];
    const { lock } = connect(t, () => {
      order.push('service');
      return true;
    });
    await t.run(() => {
      t.bus.interrupts.synchronize(lock, () => {
        t.device.raise(0);
        expect(t.kernel.irql).toBe(lock.irql);
        expect(t.bus.interrupts.synchronize(lock, () => 1)).toBeNull();
        t.imports.KeStallExecutionProcessor(1);
        order.push('locked');
      });
      t.imports.KeStallExecutionProcessor(1);
    });
    expect(order).toEqual(['locked', 'service']);
  });

  test('come while code stalls, when the device is due', async () => {
    const t = setUp();
    let at = 0;
    connect(t, () => {
      at = t.kernel.clock.now;
      return true;
    });
    await t.run(() => {
      const start = t.kernel.clock.now;
      t.bus.writeMemory(t.target.ranges[0].start + LATER, 4, 500);
      t.imports.KeStallExecutionProcessor(49);
      expect(at).toBe(0);
      t.imports.KeStallExecutionProcessor(2);
      expect(at).toBeGreaterThanOrEqual(start + 500);
    });
  });

  test('same seed, same order; any seed, none lost', async () => {
    const trace = async (seed: number) => {
      const t = setUp({ seed, processors: 3 });
      const log: string[] = [];
      connect(t, () => {
        log.push(`service on ${t.kernel.scheduler.processor.number}`);
        return true;
      });
      await t.run(() => {
        for (let i = 0; i < 8; i++) {
          log.push(`raise ${i}`);
          t.bus.writeMemory(t.target.ranges[0].start + RAISE, 4, 0);
          for (let call = 0; call < 4; call++) {
            log.push('call');
            t.imports.KfRaiseIrql(0);
          }
        }
      });
      await t.runAll();
      expect(log.findLastIndex((line) => line.startsWith('service'))).toBeGreaterThan(log.indexOf('raise 7'));
      return log.join();
    };
    const logs = await Promise.all([1, 1, 2, 3, 4, 5].map(trace));
    expect(logs[0]).toBe(logs[1]);
    expect(new Set(logs).size).toBeGreaterThan(1);
  });
});

describe('resources of the bus', () => {
  test('run out with an error, and are there again after a device went', () => {
    const { bus, kernel, target } = setUp();
    const more = Array.from({ length: 31 }, () => bus.attach(new TestDevice(kernel.memory)));
    expect(() => bus.attach(new TestDevice(kernel.memory))).toThrow(/slots/);
    // 48 vectors: devices beyond the twelfth got their pin.
    expect(more.filter(({ interruptMode }) => interruptMode === 'line')).toHaveLength(20);
    expect(() => bus.attach(new TestDevice(kernel.memory), { slot: 3 })).toThrow(/slot 3/);
    bus.detach(target);
    expect(bus.attach(new TestDevice(kernel.memory)).slot).toBe(target.slot);
  });
});
