/** A kernel, a driver and its imports for tests, without a machine around them. */

import {
  attachBugChecks,
  attachDevices,
  attachFiles,
  attachInputOutput,
  attachSynchronization,
  type Driver,
  declareCallback,
  type Imports,
  Kernel,
  type KernelOptions,
  procedure,
  Seam,
  type SeamOptions,
  type StructureLookup,
} from '../../src/kernel/index.ts';
import type { TraceEvent } from '../../src/trace/index.ts';
import { observe } from './observed.ts';
import { relayFor } from './relay.ts';

/** Code of a driver thread in a test. */
export type TestBody = () => unknown;

const TEST_BODY = declareCallback<TestBody>({
  prototype: 'NTSTATUS TEST_BODY(VOID)',
  role: 'TestBody',
  irql: 'any',
  waits: 'depends',
  since: '2000',
  page: 'test',
});

const body = procedure<Kernel, { readonly driver: number; readonly handler: number }>('TestBody', {
  start: (kernel, locals, step) => {
    const callback = kernel.drivers[locals.driver].callback(locals.handler, TEST_BODY);
    return callback === null ? step.done(0) : step.call('over', callback);
  },
  over: (_kernel, _locals, step, result) => step.done(result),
});

export interface TestKernel<T> {
  readonly kernel: Kernel;
  readonly seam: Seam;
  readonly driver: Driver;
  /** The imports of the driver. */
  readonly imports: Imports<T>;
  readonly events: TraceEvent[];
  /** Runs code as a thread of the driver at PASSIVE_LEVEL and gives what it returned; fails if the machine stopped. */
  readonly run: <R>(code: () => R | Promise<R>) => Promise<R>;
  /** Starts a thread of the driver; `runAll` runs it. */
  readonly start: (code: TestBody, name?: string) => void;
  /** Runs until nothing is left to do. */
  readonly runAll: () => Promise<void>;
}

/** Makes a kernel whose test driver imports `declarations`. */
export function createTestKernel<T extends Readonly<Record<string, unknown>>>(
  declarations: T,
  options: KernelOptions & {
    readonly seam?: Partial<SeamOptions>;
    readonly structures?: StructureLookup;
  } = {},
): TestKernel<T> {
  const events: TraceEvent[] = [];
  const kernel = new Kernel({
    memorySize: 0x80_0000,
    trace: { emit: (event) => events.push(event) },
    ...options,
  });
  attachSynchronization(kernel);
  attachInputOutput(kernel);
  attachDevices(kernel);
  attachFiles(kernel);
  attachBugChecks(kernel);
  const through = relayFor(kernel);
  const seam = new Seam(
    kernel,
    { checks: true, trace: true, explore: (options.processors ?? 1) > 1, observe, through, ...options.seam },
    options.structures ?? (() => undefined),
  );
  const driver = seam.createDriver('testdriver');
  const imports = seam.imports(declarations, kernel, driver);
  const start = (code: TestBody, name = 'test', finished?: () => void) => {
    const handler = kernel.memory.callables.addressOf(code, driver);
    const locals = { driver: driver.id - 1, handler };
    kernel.scheduler.createThread(name, body, kernel, locals, finished === undefined ? {} : { finished });
  };
  return {
    kernel,
    seam,
    driver,
    imports,
    events,
    start: (code, name) => start(code, name),
    runAll: async () => {
      await kernel.scheduler.run(() => false);
      if (kernel.stopReason !== null) throw kernel.stopReason;
    },
    run: async <R>(code: () => R | Promise<R>) => {
      const outcome: { value?: R; over: boolean } = { over: false };
      const finish = (value: R) => {
        outcome.value = value;
        return 0;
      };
      const wrapped = () => {
        const value = code();
        return value instanceof Promise ? value.then(finish) : finish(value);
      };
      start(wrapped, 'test', () => {
        outcome.over = true;
      });
      const end = await kernel.scheduler.run(() => outcome.over);
      if (kernel.stopReason !== null) throw kernel.stopReason;
      if (end === 'idle') throw new Error('the test thread waits for something that nothing will signal');
      // The thread is over, so its code returned a value of R.
      return outcome.value as R;
    },
  };
}
