/** Calls into machine code and out of it, waits, splitting and preemption, over a kernel without images. */

import { describe, expect, it } from 'vitest';
import { createTestKernel } from '../../test/support/kernel.ts';
import { bytesOf } from '../../test/support/machineCode.ts';
import * as functions from '../kernel/functions.ts';
import {
  type CallbackDeclaration,
  declareCallback,
  isFunctionDeclaration,
  pagesOf,
} from '../kernel/index.ts';
import { type Address, PAGE_EXECUTE, PAGE_READ } from '../memory/index.ts';
import { Engine } from '../x64/index.ts';
import { exportedFunction, MachineCode } from './index.ts';

/*
 * clang -O1 of:
 * struct table { void *irql; long (*wait)(void*, int, char, char, long long*); void *event; volatile int flag;
 *                unsigned char (*currentIrql)(void); long (*again)(void*, long); };
 */
const CODE = {
  // long leaf(long a, long b, long c, long d, long e, long f) { return a + 2*b + 3*c + 4*d + 5*e + 6*f; }
  leaf: '8b442430448b5424288d0c51438d144001ca428d0c8a438d149201ca8d04408d0442c3',
  // long irql(struct table *t) { return t->currentIrql() + 100; }
  irql: '4883ec28ff51200fb6c083c0644883c428c3',
  // long waits(struct table *t) { return t->wait(t->event, 0, 0, 0, 0) + 7; }
  waits: '4883ec284889c8488b491048c74424200000000031d24531c04531c9ff500883c0074883c428c3',
  // long polls(struct table *t) { long n = 0; while (!t->flag) n++; return n > 0; }
  polls: 'ba0100000066662e0f1f840000000000ffca8379180074f831c085d20f95c0c3',
  // long recurses(struct table *t, long n) { return n == 0 ? 0 : 1 + t->again(t, n - 1); }
  recurses: '4883ec2885d27409ffcaff5128ffc0eb0231c04883c428c3',
  // void increments(void *dpc, volatile long *p, void *a, void *b) { long v = *p; *p = v + 1; }
  increments: '8b02ffc08902c3',
  // void lockedIncrements(void *dpc, volatile long *p, void *a, void *b) { __sync_fetch_and_add(p, 1); }
  lockedIncrements: 'f0ff02c3',
} as const;

const PARAMETERS = { irql: 'any', waits: 'never', since: '2000', page: 'test' } as const;
const LEAF = declareCallback<(...args: number[]) => number>({
  ...PARAMETERS,
  prototype: 'LONG LEAF(LONG a, LONG b, LONG c, LONG d, LONG e, LONG f)',
  role: 'Leaf',
});
type WithTable = (table: Address) => number | Promise<number>;
const SYNCHRONOUS = declareCallback<WithTable>({
  ...PARAMETERS,
  prototype: 'LONG SYNCHRONOUS(PVOID Table)',
  role: 'Synchronous',
});
const SPLITTING = declareCallback<WithTable>({
  ...PARAMETERS,
  prototype: 'VOID SPLITTING(PVOID Table)',
  role: 'Splitting',
  onWait: 'split',
});
const RECURSING = declareCallback<(table: Address, n: number) => number>({
  ...PARAMETERS,
  prototype: 'LONG RECURSING(PVOID Table, LONG n)',
  role: 'Recursing',
});

function createTest(options: { readonly processors?: number; readonly seed?: number } = {}) {
  const test = createTestKernel(functions, { seam: { trace: false }, ...options });
  const { kernel, driver, seam } = test;
  const { memory } = kernel;
  const code = new MachineCode({
    kernel,
    createEngine: (host) =>
      new Engine(memory, host, {
        pages: pagesOf(kernel),
        preemptBefore: ({ low, locked }) => code.preemptBefore(low, locked),
      }),
    translate: () => -1,
    kpcr: () => 0,
  });
  kernel.machineCode = code;
  const page = pagesOf(kernel).allocate(1);
  const addresses: Record<string, Address> = {};
  let at = page;
  for (const [name, hex] of Object.entries(CODE)) {
    addresses[name] = at;
    const bytes = bytesOf(hex);
    memory.u8.set(bytes, at);
    at = (at + bytes.length + 15) & ~15;
  }
  pagesOf(kernel).protect(page, 1, PAGE_READ | PAGE_EXECUTE);
  const declarations = new Map<string, unknown>(Object.entries(functions));
  const exported = (name: string): Address => {
    const declaration = declarations.get(name);
    if (!isFunctionDeclaration(declaration)) throw new Error(name);
    const call = seam.machineFunction(declaration, kernel, driver);
    return memory.callables.addressOf(exportedFunction(declaration, call, code.convention), driver);
  };
  const table = pagesOf(kernel).allocate(1);
  memory.writePointer(table + 8, exported('KeWaitForSingleObject'));
  memory.writePointer(table + 0x10, table + 0x100);
  memory.writePointer(table + 0x20, exported('KeGetCurrentIrql'));
  const at2 = <F>(name: keyof typeof CODE, declaration: CallbackDeclaration<F>): F => {
    const callback = driver.callback(addresses[name], declaration);
    if (callback === null) throw new Error(name);
    return callback.invoke;
  };
  return { ...test, code, table, addresses, event: table + 0x100, functionAt: at2 };
}

describe('machine code', () => {
  it('gets six arguments and returns a signed result', async () => {
    const { functionAt, run } = createTest();
    const leaf = functionAt('leaf', LEAF);
    expect(await run(() => leaf(1, 2, 3, 4, 5, -60))).toBe(1 + 4 + 9 + 16 + 25 - 360);
  });

  it('calls an import and sees its result', async () => {
    const { functionAt, run, table, imports } = createTest();
    const irql = functionAt('irql', SYNCHRONOUS);
    expect(await run(() => irql(table))).toBe(100);
    const raised = await run(() => {
      const before = imports.KfRaiseIrql(2);
      const result = irql(table);
      imports.KeLowerIrql(before);
      return result;
    });
    expect(raised).toBe(102);
  });

  it('waits as a thread of its own, and goes on when the event is set', async () => {
    const { addresses, run, table, event, imports, kernel } = createTest();
    const handle = table + 0x200;
    imports.KeInitializeEvent(event, 1, false);
    await run(() => imports.PsCreateSystemThread(handle, 0, 0, 0, 0, addresses['waits'], table));
    await kernel.scheduler.run(() => false);
    expect([...kernel.scheduler.threads]).toHaveLength(1);
    await run(() => imports.KeSetEvent(event, 0, false));
    await kernel.scheduler.run(() => false);
    expect([...kernel.scheduler.threads]).toHaveLength(0);
    expect(kernel.stopReason).toBeNull();
  });

  it('is split off when it waits under a caller that cannot wait', async () => {
    const { functionAt, run, table, event, imports, kernel } = createTest();
    imports.KeInitializeEvent(event, 1, false);
    const waits = functionAt('waits', SPLITTING);
    const order: string[] = [];
    await run(() => {
      expect(waits(table)).toBe(0);
      order.push('caller goes on');
    });
    expect([...kernel.scheduler.threads].map(({ name }) => name)).toEqual(['split Splitting of testdriver']);
    await run(() => imports.KeSetEvent(event, 0, false));
    await kernel.scheduler.run(() => false);
    expect([...kernel.scheduler.threads]).toHaveLength(0);
    expect(order).toEqual(['caller goes on']);
    expect(kernel.stopReason).toBeNull();
  });

  it('does not split for a wait that is satisfied', async () => {
    const { functionAt, run, table, event, imports, kernel } = createTest();
    imports.KeInitializeEvent(event, 1, true);
    const waits = functionAt('waits', SYNCHRONOUS);
    expect(await run(() => waits(table))).toBe(7);
    expect(kernel.stopReason).toBeNull();
  });

  it('that waits where its result is needed at once stops the machine with WAIT_IN_CALL', async () => {
    const { functionAt, run, table, event, imports } = createTest();
    imports.KeInitializeEvent(event, 1, false);
    const waits = functionAt('waits', SYNCHRONOUS);
    await expect(run(() => waits(table))).rejects.toMatchObject({ code: 'WAIT_IN_CALL' });
  });

  it('that polls is preempted by a thread that sets what it polls', async () => {
    const { addresses, run, table, imports, kernel } = createTest();
    await run(() => imports.PsCreateSystemThread(table + 0x200, 0, 0, 0, 0, addresses['polls'], table));
    let turns = 0;
    await run(() => {
      turns++;
      kernel.memory.i32[(table + 0x18) >> 2] = 1;
    });
    await kernel.scheduler.run(() => false);
    expect(turns).toBe(1);
    expect([...kernel.scheduler.threads]).toHaveLength(0);
    expect(kernel.stopReason).toBeNull();
  });

  it('and host functions call one another, and calling without end is a bug check', async () => {
    const { functionAt, run, table, addresses, kernel, driver } = createTest();
    const recurses = functionAt('recurses', RECURSING);
    kernel.memory.writePointer(
      table + 0x28,
      kernel.memory.callables.addressOf((at: number, n: number) => recurses(at, n), driver),
    );
    expect(addresses['recurses']).toBeGreaterThan(0);
    expect(await run(() => recurses(table, 20))).toBe(20);
    await expect(run(() => recurses(table, 1_000_000))).rejects.toMatchObject({ bugCheckCode: 0x7f });
  });

  it.each([
    ['increments', true],
    ['lockedIncrements', false],
  ] as const)('%s on two processors: an update is lost for some seed: %s', async (name, loses) => {
    let lost = 0;
    for (let seed = 1; seed <= 80; seed++) {
      const { addresses, run, table, imports, kernel } = createTest({ processors: 2, seed });
      const counter = table + 0x80;
      await run(() => {
        for (const processor of [0, 1]) {
          const dpc = table + 0x400 + processor * 0x40;
          imports.KeInitializeDpc(dpc, addresses[name], counter);
          imports.KeSetTargetProcessorDpc(dpc, processor);
          imports.KeInsertQueueDpc(dpc, 0, 0);
        }
      });
      await kernel.scheduler.run(() => false);
      expect(kernel.stopReason).toBeNull();
      if (kernel.memory.i32[counter >> 2] !== 2) lost++;
    }
    expect(lost > 0).toBe(loses);
  });
});
