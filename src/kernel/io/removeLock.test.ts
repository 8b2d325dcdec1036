import { describe, expect, test } from 'vitest';
import { bytesAt } from '../../../test/support/cells.ts';
import { createIoMachine } from '../../../test/support/ioDriver.ts';
import { STATUS_DELETE_PENDING, STATUS_SUCCESS } from '../generated/constants/ntstatus.ts';

describe.each([
  ['functions', true],
  ['macros', false],
] as const)('remove locks, %s', (_name, functions) => {
  function createLock(processors = 1) {
    const m = createIoMachine({ processors });
    const lock = bytesAt(m.kernel, 32);
    const { imports } = m;
    return {
      m,
      initialize: () =>
        functions
          ? imports.IoInitializeRemoveLockEx(lock, 0x6b_636f, 1, 5, 32)
          : imports.IoInitializeRemoveLock(lock, 0x6b_636f, 1, 5),
      acquire: (tag: number) =>
        functions
          ? imports.IoAcquireRemoveLockEx(lock, tag, 0, 1, 32)
          : imports.IoAcquireRemoveLock(lock, tag),
      release: (tag: number) =>
        functions ? imports.IoReleaseRemoveLockEx(lock, tag, 32) : imports.IoReleaseRemoveLock(lock, tag),
      wait: (tag: number) =>
        functions
          ? imports.IoReleaseRemoveLockAndWaitEx(lock, tag, 32)
          : imports.IoReleaseRemoveLockAndWait(lock, tag),
    };
  }

  test('the wait ends with the last operation; new ones are refused (wdm/nf-wdm-ioreleaseremovelockandwait)', async () => {
    const { m, initialize, acquire, release, wait } = createLock(2);
    const order: string[] = [];
    await m.run(() => {
      initialize();
      expect([acquire(1), acquire(2), acquire(3)]).toEqual([0, 0, 0]);
      release(3);
    });
    m.start(async () => {
      await wait(1);
      order.push('removed');
      return 0;
    });
    await m.runAll();
    await m.run(() => {
      expect(acquire(4)).toBe(STATUS_DELETE_PENDING);
      order.push('last');
      release(2);
    });
    await m.runAll();
    expect(order).toEqual(['last', 'removed']);
    expect(m.codes()).toEqual([]);
  });

  test('without operations under way the wait is none (wdm/nf-wdm-ioreleaseremovelockandwait)', async () => {
    const { m, initialize, acquire, wait } = createLock();
    await m.run(async () => {
      initialize();
      expect(acquire(1)).toBe(STATUS_SUCCESS);
      await wait(1);
      expect(acquire(1)).toBe(STATUS_DELETE_PENDING);
    });
    expect(m.codes()).toEqual([]);
  });

  test('a release without acquisition, or with another tag, is a finding (wdm/nf-wdm-ioreleaseremovelock)', async () => {
    const { m, initialize, acquire, release } = createLock();
    await m.run(() => {
      initialize();
      release(1);
      acquire(1);
      release(2);
    });
    expect(m.codes()).toEqual(['REMOVE_LOCK_NOT_HELD', 'REMOVE_LOCK_TAG']);
  });
});
