import { describe, expect, test } from 'vitest';
import {
  createTestMiniport,
  createTestProtocol,
  registerMiniport,
  registerProtocol,
} from '../../../test/support/drivers.ts';
import { createTestNdis } from '../../../test/support/ndis.ts';

describe.each([1, 2, 3, 4, 5, 6])('a stack comes up and goes down, seed %i', (seed) => {
  test('initialize, bind, restart from the bottom up, then pause from the top down (network/starting-a-driver-stack)', async () => {
    const t = createTestNdis({ seed });
    const m = createTestMiniport(t);
    const p = createTestProtocol(t);
    expect(await registerMiniport(t, m)).toBe(0);
    expect(await registerProtocol(t, p)).toBe(0);
    const adapter = t.addAdapter(m.object(), 'Ethernet');
    await t.runAll();
    expect(adapter.state).toBe('Running');
    expect([...p.object().bindings].map((binding) => binding.state)).toEqual(['Running']);
    expect(m.log).toEqual(['initialize', 'restart']);
    expect(p.log.filter((line) => line !== 'openComplete')).toEqual(['bind', 'netEventRestart']);

    t.halt(adapter);
    await t.runAll();
    expect(adapter.state).toBe('Halted');
    expect(m.log).toEqual(['initialize', 'restart', 'pause', 'halt']);
    expect(p.log.filter((line) => !/Complete/.test(line))).toEqual([
      'bind',
      'netEventRestart',
      'netEventPause',
      'unbind',
    ]);
    expect(p.object().bindings.size).toBe(0);
    expect(t.findings()).toEqual([]);
  });
});
