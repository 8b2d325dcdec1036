/** The compiled driver `workshop`: exceptions, lists, everything that runs code, the registry and waiting requests. */

import { beforeEach, describe, expect, test } from 'vitest';
import { Machine, type OpenedDevice } from '../src/machine/index.ts';
import { compiled, VARIANTS } from './support/twins.ts';

/** CTL_CODE(FILE_DEVICE_UNKNOWN, number, method, FILE_ANY_ACCESS), as in native/drivers/workshop/workshop.h. */
const code = (number: number, method = 0): number => (0x22 << 16) | (number << 2) | method;
const METHOD_NEITHER = 3;
const SUM = code(0x800, METHOD_NEITHER);
const EXCEPTIONS = code(0x801);
const ALLOCATIONS = code(0x802);
const EXECUTION = code(0x803);
const REGISTRY = code(0x804);
const WAIT = code(0x805);
const RELEASE = code(0x806);

const STATUS_TIMEOUT = 0x102;
const STATUS_UNSUCCESSFUL = 0xc000_0001;
const STATUS_ACCESS_VIOLATION = 0xc000_0005;
const STATUS_INVALID_DEVICE_REQUEST = 0xc000_0010;
const STATUS_BUFFER_TOO_SMALL = 0xc000_0023;
const STATUS_OBJECT_NAME_NOT_FOUND = 0xc000_0034;
const STATUS_INTEGER_DIVIDE_BY_ZERO = 0xc000_0094;
const STATUS_CANCELLED = 0xc000_0120;
const STATUS_TOO_LATE = 0xc000_0189;
const STATUS_NOT_FOUND = 0xc000_0225;

describe.each(VARIANTS)('workshop, %s', (variant) => {
  describe.each([1, 2])('%i processors', (processors) => {
    let machine: Machine;
    let device: OpenedDevice;
    beforeEach(async () => {
      machine = new Machine({ memorySize: 16 * 1024 * 1024, processors });
      expect(await machine.load('workshop', compiled('workshop', variant))).toBe(0);
      device = await machine.openDevice('\\\\.\\Workshop');
    });

    const words = (data: Uint8Array): number[] => [...new Uint32Array(data.slice().buffer)];
    const exercise = async (control: number): Promise<number[]> => {
      const { status, data } = await device.ioctl(control, new Uint8Array(0), 256);
      expect(status).toBe(0);
      return words(data);
    };
    const finish = async (): Promise<void> => {
      await device.close();
      expect(await machine.unload('workshop')).toBe(0);
      await machine.stop();
      expect(machine.kernel.findings).toEqual([]);
    };

    test('filters, handlers and blocks run in their order, after calls and after faults', async () => {
      expect(await exercise(EXCEPTIONS)).toEqual([
        0,
        1,
        STATUS_TOO_LATE,
        // The inner filter declines, the outer one accepts; then the block in between, then the handler.
        11,
        10,
        20,
        STATUS_NOT_FOUND,
        STATUS_ACCESS_VIOLATION,
        2,
        STATUS_UNSUCCESSFUL,
        14,
        STATUS_INTEGER_DIVIDE_BY_ZERO,
      ]);
      await finish();
    });

    test('buffers of a program are probed, and read where they lie', async () => {
      const numbers = new Uint8Array(Uint32Array.of(1, 20, 300, 0xffff_ffff).buffer);
      const { status, data } = await device.ioctl(SUM, numbers, 4);
      expect([status, ...words(data)]).toEqual([0, 320]);
      expect((await device.ioctl(SUM, numbers, 3)).status).toBe(STATUS_BUFFER_TOO_SMALL);
      await finish();
    });

    test('lookaside lists give back what was freed last, by calls and inline alike; lists keep their order', async () => {
      expect(await exercise(ALLOCATIONS)).toEqual([1, 1, 3, 2, 1, 2, 3, 3, 3, 2, 0]);
      await finish();
    });

    test('DPCs, timers, work items and threads run at their IRQL and meet', async () => {
      expect(await exercise(EXECUTION)).toEqual([1, 2, 0, 1, 0, 0, 1, 4, 14, STATUS_TIMEOUT]);
      await finish();
    });

    test('keys and values come and go', async () => {
      expect(await exercise(REGISTRY)).toEqual([
        0,
        1,
        0,
        0,
        4,
        42,
        0,
        STATUS_OBJECT_NAME_NOT_FOUND,
        0,
        STATUS_OBJECT_NAME_NOT_FOUND,
      ]);
      await finish();
    });

    test('requests wait, are let go in order, and end when they are cancelled or their file is closed', async () => {
      const other = await machine.openDevice('\\\\.\\Workshop');
      const first = device.ioctl(WAIT);
      const second = device.ioctl(WAIT);
      await machine.settle();
      expect(words((await other.ioctl(RELEASE, new Uint8Array(0), 4)).data)).toEqual([2]);
      expect((await first).status).toBe(0);
      expect(await device.cancel()).toBe(1);
      expect((await second).status).toBe(STATUS_CANCELLED);
      const third = other.ioctl(WAIT);
      await machine.settle();
      await other.close();
      expect((await third).status).toBe(STATUS_CANCELLED);
      expect((await device.ioctl(code(0x900))).status).toBe(STATUS_INVALID_DEVICE_REQUEST);
      await finish();
    });
  });
});
