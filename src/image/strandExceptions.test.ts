/**
 * Exceptions between machine code and functions of the host that call one another, on stacks of their own and on a
 * shared one. Rules: "Exceptions" of docs/decisions/0001-control-passing.md.
 */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createTestKernel } from '../../test/support/kernel.ts';
import * as functions from '../kernel/functions.ts';
import {
  DISPATCH_LEVEL,
  declareCallback,
  dumpOf,
  isFunctionDeclaration,
  PASSIVE_LEVEL,
  pagesOf,
  RaisedStatusError,
  STATUS_DATA_ERROR,
  STATUS_INTEGER_DIVIDE_BY_ZERO,
} from '../kernel/index.ts';
import type { Address } from '../memory/index.ts';
import { Engine } from '../x64/index.ts';
import {
  exportedFunction,
  GuestException,
  type LoadedImage,
  MachineCode,
  mapImage,
  parseImage,
} from './index.ts';

const FIXTURE = new URL('../../native/fixtures/exceptions.sys', import.meta.url);
const CALL = declareCallback<(first: number, second: number) => number>({
  prototype: 'ULONG CALL(PVOID First, PVOID Second)',
  role: 'Call',
  irql: 'any',
  waits: 'never',
  since: '2000',
  page: 'test',
});

function createTest() {
  const test = createTestKernel(functions, { seam: { trace: false } });
  const { kernel, driver, seam } = test;
  const { memory } = kernel;
  let image: LoadedImage | null = null;
  const code = new MachineCode({
    kernel,
    createEngine: (host) =>
      new Engine(memory, host, { pages: pagesOf(kernel), thresholds: { calls: 3, loops: 3 } }),
    translate: () => -1,
    kpcr: () => 0,
    images: { imageAt: (address) => (image?.contains(address) === true ? image : null) },
  });
  kernel.machineCode = code;
  const exported = (name: string): Address | null => {
    const declaration = new Map<string, unknown>(Object.entries(functions)).get(name);
    if (!isFunctionDeclaration(declaration)) return code.exceptions.exportAt(name);
    const call = seam.machineFunction(declaration, kernel, driver);
    return memory.callables.addressOf(exportedFunction(declaration, call, code.convention), driver);
  };
  const loaded = mapImage(
    pagesOf(kernel),
    parseImage(new Uint8Array(readFileSync(FIXTURE)), 'exceptions.sys'),
    {
      resolve: (_dll, symbol) => exported(String(symbol)),
      random: () => 1,
    },
  );
  image = loaded;
  const symbol = (name: string): Address => {
    const found = loaded.find(name);
    if (typeof found !== 'number') throw new Error(name);
    return found;
  };
  /** A function of the image, as the library calls it. */
  const compiled = (name: string) => {
    const callback = driver.callback(symbol(name), CALL);
    if (callback === null) throw new Error(name);
    return callback.invoke;
  };
  /** A function of the host, as machine code calls it. */
  const hosted = (call: (argument: number) => number): Address => memory.callables.addressOf(call, driver);
  const events = (): number[] => {
    const first = symbol('events') >> 2;
    return [...memory.u32.subarray(first, first + memory.u32[symbol('eventCount') >> 2])];
  };
  return { ...test, compiled, hosted, events, address: symbol };
}

function raise(): number {
  throw new RaisedStatusError(STATUS_DATA_ERROR, 'the test raised it');
}

describe.each([PASSIVE_LEVEL, DISPATCH_LEVEL])('at IRQL %i', (irql) => {
  function at<R>(test: ReturnType<typeof createTest>, call: () => R): Promise<R> {
    return test.run(() => {
      const before = test.imports.KfRaiseIrql(irql);
      try {
        return call();
      } finally {
        test.imports.KeLowerIrql(before);
      }
    });
  }

  it('machine code catches what a function of the host raises', async () => {
    const test = createTest();
    const guarded = test.compiled('guardedCall');
    for (let round = 0; round < 20; round++) {
      expect((await at(test, () => guarded(test.hosted(raise), 0))) >>> 0).toBe(STATUS_DATA_ERROR);
    }
    expect(test.events().slice(0, 2)).toEqual([61, 61]);
  });

  it('and what machine code raises that a function of the host called', async () => {
    const test = createTest();
    const guarded = test.compiled('guardedCall');
    const unhandled = test.compiled('unhandled');
    const between = test.hosted((argument) => unhandled(argument, 0));
    for (let round = 1; round <= 20; round++) {
      const result = await at(test, () => guarded(between, STATUS_DATA_ERROR));
      expect(result >>> 0).toBe(STATUS_DATA_ERROR);
    }
    // The block of the frames above runs before the filter below is asked: they are gone by then.
    expect(test.events().slice(0, 4)).toEqual([60, 61, 60, 61]);
    expect(test.kernel.synchronousDepth).toBe(0);
  });

  it('a function of the host catches what the machine code raises that it called', async () => {
    const test = createTest();
    const blocked = test.compiled('blockedCall');
    const caught: unknown[] = [];
    await at(test, () => {
      try {
        blocked(test.hosted(raise), 0);
      } catch (error) {
        caught.push(error);
      }
    });
    expect(caught[0]).toBeInstanceOf(GuestException);
    expect(caught[0]).toMatchObject({ status: STATUS_DATA_ERROR });
    expect(test.events()).toEqual([62]);
    expect(test.kernel.stopReason).toBeNull();
  });

  it('a filter may lead through the host to an exception that is handled there', async () => {
    const test = createTest();
    const filtered = test.compiled('filteredCall');
    const guarded = test.compiled('guardedCall');
    const divide = test.compiled('catchDivide');
    const inner = test.hosted(() => guarded(test.hosted(raise), 0));
    expect((await at(test, () => filtered(inner, 0))) >>> 0).toBe(0xc000_0061);
    expect(test.events()).toEqual([63, 61, STATUS_DATA_ERROR, 64]);
    expect(
      (await at(test, () =>
        filtered(
          test.hosted(() => divide(1, 0)),
          0,
        ),
      )) >>> 0,
    ).toBe(0xc000_0061);
    expect(test.events()[5]).toBe(STATUS_INTEGER_DIVIDE_BY_ZERO);
  });

  it('an exception that leaves such a filter is offered to the frames around it', async () => {
    const test = createTest();
    const filtered = test.compiled('filteredCall');
    const guarded = test.compiled('guardedCall');
    const outer = test.hosted((argument) => filtered(argument, 0));
    // The filter is asked about its own exception, and so on: its first call raises, the second does not.
    let calls = 0;
    const once = test.hosted(() => (calls++ === 0 ? raise() : 5));
    expect((await at(test, () => guarded(outer, once))) >>> 0).toBe(STATUS_DATA_ERROR);
    expect(test.events()).toEqual([63, 63, 5, 64]);
  });
});

it('the call stack in one line begins with the machine code that called the host', async () => {
  const test = createTest();
  const blocked = test.compiled('blockedCall');
  const { kernel } = test;
  const stacks: string[] = [];
  const look = test.hosted(() => {
    stacks.push(kernel.machineCode?.stackText() ?? '');
    return 0;
  });
  await test.run(() => blocked(look, 0));
  expect(stacks[0]).toMatch(/^exceptions\.sys!blockedCall\+0x\w+ < Call of testdriver$/);
  expect(kernel.machineCode?.stackText()).toBe('');
});

describe('what nobody can catch is a bug check before anything is unwound', () => {
  it('in a thread of the driver', async () => {
    const test = createTest();
    const { kernel, imports } = test;
    const handle = pagesOf(kernel).allocate(1);
    const start = test.address('unhandled');
    await test.run(() => imports.PsCreateSystemThread(handle, 0, 0, 0, 0, start, STATUS_DATA_ERROR));
    await kernel.scheduler.run(() => false);
    expect(kernel.stopReason).toMatchObject({ bugCheckCode: 0x7e });
    expect(kernel.stopReason).toMatchObject({ parameters: expect.arrayContaining([STATUS_DATA_ERROR]) });
    expect(test.events()).toEqual([]);
    expect(dumpOf(kernel)?.machineCode?.stack.at(-1)).toMatch(/ of testdriver$/);
  });

  it('in a DPC', async () => {
    const test = createTest();
    const { kernel, imports } = test;
    const dpc = pagesOf(kernel).allocate(1);
    const routine = test.address('unhandled');
    await test
      .run(() => {
        imports.KeInitializeDpc(dpc, routine, 0);
        imports.KeInsertQueueDpc(dpc, 0, 0);
      })
      .catch(() => {});
    await kernel.scheduler.run(() => false);
    expect(kernel.stopReason).toMatchObject({ bugCheckCode: 0x1e });
    expect(dumpOf(kernel)?.driver).toBe('testdriver');
  });
});

describe('the dump of a machine that stops', () => {
  it('has the frames of all machine code that called one another through the host', async () => {
    const test = createTest();
    const blocked = test.compiled('blockedCall');
    const { kernel } = test;
    const stop = test.hosted(() => kernel.bugCheck(0xe2, [1, 2, 3, 4], 'the test stops the machine'));
    const middle = test.hosted((argument) => blocked(argument, 0));
    await expect(test.run(() => blocked(middle, stop))).rejects.toMatchObject({ bugCheckCode: 0xe2 });
    const stack = dumpOf(kernel)?.machineCode?.stack ?? [];
    expect(stack.filter((line) => line.startsWith('exceptions.sys'))).toHaveLength(2);
    expect(stack.filter((line) => line === 'Call of testdriver')).toHaveLength(2);
  });

  it('has them too where an exception went through the host and nobody handled it', async () => {
    const test = createTest();
    const blocked = test.compiled('blockedCall');
    const { kernel } = test;
    const middle = test.hosted((argument) => blocked(argument, 0));
    await expect(test.run(() => blocked(middle, test.hosted(raise)))).rejects.toMatchObject({
      bugCheckCode: 0x1e,
      parameters: [STATUS_DATA_ERROR, expect.any(Number), 0, 0],
    });
    const report = dumpOf(kernel)?.machineCode;
    expect(report?.stack.filter((line) => line.startsWith('exceptions.sys')).length).toBeGreaterThanOrEqual(
      1,
    );
    expect(test.events()).toEqual([62, 62]);
  });
});
