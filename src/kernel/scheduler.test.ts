import { describe, expect, test } from 'vitest';
import type { TraceEvent } from '../trace/index.ts';
import { declareCallback, declareFunction } from './declaration.ts';
import { type Context, type Imports, Kernel, type OutPointer, procedure, Seam } from './index.ts';

type DELAYED_CALLBACK = (TestContext: unknown) => number | Promise<number>;
const DELAYED_CALLBACK = declareCallback<DELAYED_CALLBACK>({
  prototype: 'NTSTATUS DELAYED_CALLBACK(PVOID TestContext)',
  role: 'DelayedCallback',
  irql: 'PASSIVE_LEVEL',
  waits: 'depends',
  since: '2000',
  page: 'test',
});

const delay = procedure<Kernel, { readonly units: number }>('TestDelay', {
  start: (_kernel, locals, step) =>
    step.wait('over', { objects: [], type: 'any', timeout: locals.units, reason: 'TestDelay' }),
  over: (_kernel, _locals, step, result) => step.done(result),
});

const callTwice = procedure<Kernel, { callback: number; driver: number; context: number; sum: number }>(
  'TestCallTwice',
  {
    start: (kernel, locals, step) => {
      const callback = kernel.drivers[locals.driver].callback(locals.callback, DELAYED_CALLBACK);
      if (callback === null) return step.done(-1);
      return step.call('first', callback, locals.context);
    },
    first: (kernel, locals, step, result) => {
      locals.sum = result;
      const callback = kernel.drivers[locals.driver].callback(locals.callback, DELAYED_CALLBACK);
      if (callback === null) return step.done(-1);
      return step.call('second', callback, locals.context);
    },
    second: (_kernel, locals, step, result) => step.done(locals.sum + result),
  },
);

const functions = {
  TestDelay: declareFunction('ntoskrnl', {
    prototype: 'NTSTATUS TestDelay(ULONG Units)',
    irql: '<=APC_LEVEL',
    waits: 'always',
    since: '2000',
    page: 'test',
    implement: (kernel: Kernel) => (Units: number) =>
      kernel.scheduler.execute(delay, kernel, { units: Units }),
  }),
  TestCallTwice: declareFunction('ntoskrnl', {
    prototype: 'NTSTATUS TestCallTwice(DELAYED_CALLBACK Callback, PVOID TestContext)',
    irql: 'PASSIVE_LEVEL',
    waits: 'depends',
    since: '2000',
    page: 'test',
    implement: (kernel: Kernel, driver) => (Callback: Context, TestContext: Context) =>
      kernel.scheduler.execute(callTwice, kernel, {
        callback: Callback,
        driver: driver.id - 1,
        context: TestContext,
        sum: 0,
      }),
  }),
  TestWrite: declareFunction('ntoskrnl', {
    prototype: 'VOID TestWrite(PULONG Target, ULONG Value)',
    irql: 'any',
    waits: 'never',
    since: '2000',
    page: 'test',
    implement: (kernel: Kernel) => (Target: OutPointer, Value: number) => {
      kernel.memory.u32[Target >> 2] = Value;
    },
  }),
};

function machine(seed = 1, processors = 1) {
  const events: TraceEvent[] = [];
  const kernel = new Kernel({
    memorySize: 0x40_0000,
    seed,
    processors,
    trace: { emit: (event) => events.push(event) },
  });
  const seam = new Seam(kernel, { checks: true, trace: true, explore: false }, () => undefined);
  const driver = seam.createDriver('test');
  const imports: Imports<typeof functions> = seam.imports(functions, kernel, driver);
  return { kernel, seam, driver, imports, events };
}

const body = procedure<Kernel, { handler: number }>('Body', {
  start: (kernel, locals, step) => {
    const callback = kernel.drivers[0].callback(locals.handler, DELAYED_CALLBACK);
    return callback === null ? step.done(0) : step.call('end', callback, 0);
  },
  end: (_kernel, _locals, step, result) => step.done(result),
});

/** Runs `handler` as the code of a driver thread. */
async function runThread(m: ReturnType<typeof machine>, handler: DELAYED_CALLBACK): Promise<number> {
  let value = -1;
  let over = false;
  m.kernel.scheduler.createThread(
    'body',
    body,
    m.kernel,
    { handler: m.kernel.memory.callables.addressOf(handler, m.driver) },
    {
      finished: (result) => {
        value = result;
        over = true;
      },
    },
  );
  await m.kernel.scheduler.run(() => over);
  return value;
}

describe('scheduler', () => {
  test('a TypeScript thread waits in virtual time and goes on', async () => {
    const m = machine();
    const result = await runThread(m, async () => {
      await m.imports.TestDelay(50_000);
      await m.imports.TestDelay(20_000);
      return 7;
    });
    expect(result).toBe(7);
    expect(m.kernel.clock.now).toBeGreaterThanOrEqual(70_000);
  });

  test('a procedure calls handlers, asynchronous and synchronous ones, inside the call of its caller', async () => {
    const m = machine();
    const order: string[] = [];
    const result = await runThread(m, async () => {
      const context = { name: 'mine' };
      let calls = 0;
      const handler = (given: unknown) => {
        expect(given).toBe(context);
        calls++;
        order.push(`enter ${calls}`);
        if (calls === 1) return m.imports.TestDelay(10).then(() => 3);
        return 4;
      };
      const sum = await m.imports.TestCallTwice(handler, context);
      order.push('after');
      return sum;
    });
    expect(result).toBe(7);
    expect(order).toEqual(['enter 1', 'enter 2', 'after']);
  });

  test('two threads interleave at their waits, the same way for the same seed', async () => {
    const run = async () => {
      const m = machine(5, 2);
      const order: number[] = [];
      let over = 0;
      for (const id of [1, 2]) {
        const handler = async () => {
          for (let i = 0; i < 3; i++) {
            order.push(id);
            await m.imports.TestDelay(100);
          }
          return 0;
        };
        m.kernel.scheduler.createThread(
          `t${id}`,
          body,
          m.kernel,
          { handler: m.kernel.memory.callables.addressOf(handler, m.driver) },
          {
            finished: () => {
              over++;
            },
          },
        );
      }
      await m.kernel.scheduler.run(() => over === 2);
      return { order, events: JSON.stringify(m.events) };
    };
    const first = await run();
    expect(first.order).toEqual([1, 2, 1, 2, 1, 2]);
    expect(await run()).toEqual(first);
  });

  test('awaiting a foreign promise stops the machine with FOREIGN_AWAIT', async () => {
    const m = machine();
    await runThread(m, async () => {
      await new Promise(() => {});
      return 0;
    });
    expect(m.kernel.stopReason?.code).toBe('FOREIGN_AWAIT');
  });

  test('a second call before the first is finished is TWO_WAITS', async () => {
    const m = machine();
    await runThread(m, async () => {
      const first = m.imports.TestDelay(10);
      await m.imports.TestDelay(10);
      await first;
      return 0;
    });
    expect(m.kernel.stopReason?.code).toBe('TWO_WAITS');
  });

  test('a handler that returns before what it called is NOT_AWAITED', async () => {
    const m = machine();
    await runThread(m, () => {
      void m.imports.TestDelay(10);
      return 0;
    });
    expect(m.kernel.stopReason?.code).toBe('NOT_AWAITED');
  });

  test('an exception of a driver is a bug check; the machine then refuses calls, the process lives', async () => {
    const m = machine();
    await runThread(m, async () => {
      await m.imports.TestDelay(1);
      throw new Error('oops');
    });
    expect(m.kernel.stopReason).toMatchObject({ code: 'BUG_CHECK', bugCheckCode: 0x1e });
    expect(() => m.imports.TestWrite(0x2_0000, 1)).toThrow(/stopped/);
  });
});
