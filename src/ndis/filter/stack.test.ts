import { describe, expect, test } from 'vitest';
import {
  createTestMiniport,
  createTestProtocol,
  registerMiniport,
  registerProtocol,
} from '../../../test/support/drivers.ts';
import { createTestFilter, registerFilter } from '../../../test/support/filter.ts';
import { createTestNdis } from '../../../test/support/ndis.ts';
import { runDown } from '../../../test/support/takeDown.ts';

describe.each([1, 2, 3])('a stack with filter modules, seed %i', (seed) => {
  test('comes up: the miniport initializes, modules attach from the bottom, protocols bind, all restart from the bottom; and goes down from the top (network/starting-a-driver-stack, network/stopping-a-driver-stack)', async () => {
    const t = createTestNdis({ seed });
    const m = createTestMiniport(t);
    const p = createTestProtocol(t);
    const [lower, upper] = ['lower', 'upper'].map((name) => createTestFilter(t, name));
    const order: string[] = [];
    for (const one of [lower, upper, m, p]) {
      one.log.push = (...lines: string[]) => {
        order.push(...lines.map((line) => `${one.driver.driver.name} ${line}`));
        return lines.length;
      };
    }
    await registerMiniport(t, m);
    await registerProtocol(t, p);
    expect(await registerFilter(t, lower)).toBe(0);
    expect(await registerFilter(t, upper)).toBe(0);
    const adapter = t.addAdapter(m.object(), 'Ethernet');
    await t.runAll();
    expect(adapter.filters.map((module) => [module.filter.name, module.state])).toEqual([
      ['upper', 'Running'],
      ['lower', 'Running'],
    ]);
    expect(order.filter((line) => !/Complete/.test(line))).toEqual([
      'miniport initialize',
      'lower attach',
      'upper attach',
      'protocol bind',
      'miniport restart',
      'lower restart',
      'upper restart',
      'protocol netEventRestart',
    ]);
    order.length = 0;
    t.halt(adapter);
    await t.runAll();
    expect(order.filter((line) => !/Complete/.test(line))).toEqual([
      'protocol netEventPause',
      'upper pause',
      'lower pause',
      'miniport pause',
      'protocol unbind',
      'upper detach',
      'lower detach',
      'miniport halt',
    ]);
    expect(lower.object().modules.size).toBe(0);
    expect(t.findings()).toEqual([]);
  });
});

test('a filter that registers later is attached to the running stack, which is paused for it and restarted; deregistering detaches it (network/modifying-a-running-driver-stack)', async () => {
  const t = createTestNdis();
  const m = createTestMiniport(t);
  const p = createTestProtocol(t);
  const f = createTestFilter(t);
  await registerMiniport(t, m);
  await registerProtocol(t, p);
  const adapter = t.addAdapter(m.object(), 'Ethernet');
  await t.runAll();
  await registerFilter(t, f);
  await t.runAll();
  expect(m.log).toEqual(['initialize', 'restart', 'pause', 'restart']);
  expect(f.log).toEqual(['attach', 'restart']);
  expect(p.log.filter((line) => line.startsWith('net'))).toEqual([
    'netEventRestart',
    'netEventPause',
    'netEventRestart',
  ]);
  await t.run(() => f.driver.ndis.NdisFDeregisterFilterDriver(f.handle.value));
  expect(f.log).toEqual(['attach', 'restart', 'pause', 'detach']);
  expect(adapter.filters).toEqual([]);
  await runDown(t);
  expect(adapter.state).toBe('Running');
  expect(t.findings()).toEqual([]);
});
