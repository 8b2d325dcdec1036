import { describe, expect, test } from 'vitest';
import { bytesAt } from '../../../test/support/cells.ts';
import { createIoMachine } from '../../../test/support/ioDriver.ts';
import { EX_TIMER_HIGH_RESOLUTION, EX_TIMER_NO_WAKE } from '../generated/constants/common.ts';

const MILLISECOND = 10_000n;

describe('timers that the system allocates', () => {
  test('a periodic timer calls back until it is cancelled (wdm/nf-wdm-exsettimer, wdm/nf-wdm-excanceltimer)', async () => {
    const m = createIoMachine();
    const seen: unknown[] = [];
    const context = { name: 'context' };
    await m.run(async () => {
      const callback = (timer: number, given: unknown) => seen.push(timer, given);
      const timer = m.imports.ExAllocateTimer(callback, context, 0);
      const parameters = bytesAt(m.kernel, 24);
      m.imports.ExInitializeSetTimerParameters(parameters);
      expect(m.imports.ExSetTimer(timer, -5n * MILLISECOND, 2n * MILLISECOND, parameters)).toBe(0);
      const delay = bytesAt(m.kernel, 8);
      m.kernel.memory.data.setBigInt64(delay, -8n * MILLISECOND, true);
      await m.imports.KeDelayExecutionThread(0, false, delay);
      expect(seen).toEqual([timer, context, timer, context]);
      expect(m.imports.ExSetTimer(timer, -5n * MILLISECOND, 0n, null)).toBe(1);
      expect(m.imports.ExCancelTimer(timer, null)).toBe(1);
      expect(m.imports.ExCancelTimer(timer, null)).toBe(0);
      expect(m.imports.ExDeleteTimer(timer, true, true, null)).toBe(0);
      expect(m.imports.ExSetTimer(timer, -1n, 0n, null)).toBe(0);
    });
    await m.runAll();
    expect(seen).toHaveLength(4);
    expect(m.codes()).toEqual(['NOT_AN_EX_TIMER']);
    expect(m.driver.owned.filter(({ kind }) => kind === 'timer')).toEqual([]);
  });

  test('deleting cancels, or lets the timer expire first; then it tells (wdm/nf-wdm-exdeletetimer)', async () => {
    const m = createIoMachine();
    const order: string[] = [];
    const remove = (cancel: boolean) => {
      const timer = m.imports.ExAllocateTimer(() => order.push('expired'), null, 0);
      m.imports.ExSetTimer(timer, -MILLISECOND, 0n, null);
      const parameters = bytesAt(m.kernel, 24);
      m.imports.ExInitializeDeleteTimerParameters(parameters);
      const deleted = () => order.push(cancel ? 'cancelled' : 'deleted');
      m.kernel.memory.writePointer(parameters + 8, m.kernel.memory.callables.addressOf(deleted, m.driver));
      return m.imports.ExDeleteTimer(timer, cancel, cancel, parameters);
    };
    await m.run(() => {
      expect(remove(true)).toBe(1);
      expect(order).toEqual(['cancelled']);
      expect(remove(false)).toBe(0);
    });
    await m.runAll();
    expect(order).toEqual(['cancelled', 'expired', 'deleted']);
  });

  test('a timer without callback is waited for (wdm/nf-wdm-exallocatetimer)', async () => {
    const m = createIoMachine();
    await m.run(async () => {
      const timer = m.imports.ExAllocateTimer(null, null, 0);
      m.imports.ExSetTimer(timer, -MILLISECOND, 0n, null);
      expect(await m.imports.KeWaitForSingleObject(timer, 0, 0, false, null)).toBe(0);
      m.imports.ExDeleteTimer(timer, false, true, null);
      m.imports.ExAllocateTimer(null, null, EX_TIMER_HIGH_RESOLUTION | EX_TIMER_NO_WAKE);
    });
    expect(m.codes()).toEqual(['EX_TIMER_WAIT_WITHOUT_CANCEL', 'EX_TIMER_ATTRIBUTES']);
  });
});
