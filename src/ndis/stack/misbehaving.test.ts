import { describe, expect, test } from 'vitest';
import {
  createTestMiniport,
  createTestProtocol,
  registerMiniport,
  registerProtocol,
  type TestBinding,
  type TestMiniport,
  type TestProtocol,
} from '../../../test/support/drivers.ts';
import { createTestNdis, type TestNdis } from '../../../test/support/ndis.ts';
import { runDown } from '../../../test/support/takeDown.ts';
import { inventoryOf, NDIS_STATUS_PENDING, NDIS_STATUS_SUCCESS, NetEventPause } from '../index.ts';

interface Case {
  readonly name: string;
  readonly protocol?: (p: TestProtocol) => object;
  readonly miniport?: (m: TestMiniport) => object;
  /** Findings of which one at least must appear. */
  readonly findings: readonly string[];
}

const GARBAGE = 0x1234_5678;
const pausePending = (_context: unknown, event: { NetPnPEvent: { NetEvent: number } }) =>
  event.NetPnPEvent.NetEvent === NetEventPause ? NDIS_STATUS_PENDING : NDIS_STATUS_SUCCESS;

const cases: readonly Case[] = [
  {
    name: 'a bind that is never completed',
    protocol: () => ({ BindAdapterHandlerEx: () => NDIS_STATUS_PENDING }),
    findings: ['NEVER_COMPLETED protocol'],
  },
  {
    name: 'a bind that succeeds without an open adapter',
    protocol: () => ({ BindAdapterHandlerEx: () => NDIS_STATUS_SUCCESS }),
    findings: ['BOUND_WITHOUT_OPEN protocol'],
  },
  {
    name: 'a bind that returns garbage',
    protocol: () => ({ BindAdapterHandlerEx: () => GARBAGE }),
    findings: [],
  },
  {
    name: 'an unbind that is never completed',
    protocol: () => ({ UnbindAdapterHandlerEx: () => NDIS_STATUS_PENDING }),
    findings: ['NEVER_COMPLETED protocol'],
  },
  {
    name: 'an unbind that does not close the adapter',
    protocol: () => ({ UnbindAdapterHandlerEx: () => NDIS_STATUS_SUCCESS }),
    findings: ['UNBOUND_WITHOUT_CLOSE protocol'],
  },
  {
    name: 'an unbind that returns garbage',
    protocol: (p) => ({
      UnbindAdapterHandlerEx: async (_unbind: number, context: TestBinding) => {
        await p.driver.ndis.NdisCloseAdapterEx(context.handle.value);
        return GARBAGE;
      },
      CloseAdapterCompleteHandlerEx: () => {},
    }),
    findings: ['UNBIND_FAILED protocol'],
  },
  {
    name: 'an unbind that is completed twice',
    protocol: (p) => ({
      UnbindAdapterHandlerEx: async (unbindContext: number, context: TestBinding) => {
        await p.driver.ndis.NdisCloseAdapterEx(context.handle.value);
        p.driver.ndis.NdisCompleteUnbindAdapterEx(unbindContext);
        p.driver.ndis.NdisCompleteUnbindAdapterEx(unbindContext);
        return NDIS_STATUS_PENDING;
      },
      CloseAdapterCompleteHandlerEx: () => {},
    }),
    findings: ['NOT_PENDING protocol'],
  },
  {
    name: 'a pause of the protocol that is never completed',
    protocol: () => ({ NetPnPEventHandler: pausePending }),
    findings: ['NEVER_COMPLETED protocol'],
  },
  {
    name: 'PnP events that fail with garbage',
    protocol: () => ({ NetPnPEventHandler: () => GARBAGE }),
    findings: [],
  },
  {
    name: 'a MiniportPause that is never completed',
    miniport: () => ({ PauseHandler: () => NDIS_STATUS_PENDING }),
    findings: ['NEVER_COMPLETED miniport'],
  },
  {
    name: 'a MiniportPause that returns garbage',
    miniport: () => ({ PauseHandler: () => GARBAGE }),
    findings: ['PAUSE_FAILED miniport'],
  },
  {
    name: 'a MiniportPause that is completed twice',
    miniport: (m) => ({
      PauseHandler: (context: { handle: number }) => {
        m.driver.ndis.NdisMPauseComplete(context.handle);
        m.driver.ndis.NdisMPauseComplete(context.handle);
        return NDIS_STATUS_PENDING;
      },
    }),
    findings: ['NOT_PENDING miniport'],
  },
  {
    name: 'a MiniportPause that completes and returns success',
    miniport: (m) => ({
      PauseHandler: (context: { handle: number }) => {
        m.driver.ndis.NdisMPauseComplete(context.handle);
        return NDIS_STATUS_SUCCESS;
      },
    }),
    findings: ['COMPLETED_WITHOUT_PENDING miniport'],
  },
  {
    name: 'a MiniportRestart that is never completed',
    miniport: () => ({ RestartHandler: () => NDIS_STATUS_PENDING }),
    findings: ['NEVER_COMPLETED miniport'],
  },
  {
    name: 'a MiniportRestart that returns garbage',
    miniport: () => ({ RestartHandler: () => GARBAGE }),
    findings: [],
  },
  {
    name: 'a MiniportInitializeEx that returns NDIS_STATUS_PENDING',
    miniport: () => ({ InitializeHandlerEx: () => NDIS_STATUS_PENDING }),
    findings: ['PENDING_FROM_INITIALIZE miniport'],
  },
  {
    name: 'a MiniportInitializeEx that sets no attributes',
    miniport: () => ({ InitializeHandlerEx: () => NDIS_STATUS_SUCCESS }),
    findings: ['ATTRIBUTES_MISSING miniport'],
  },
  {
    name: 'a miniport that never answers requests',
    miniport: () => ({ OidRequestHandler: () => NDIS_STATUS_PENDING }),
    protocol: () => ({}),
    findings: [],
  },
];

async function run(t: TestNdis, wrong: Case) {
  const m = createTestMiniport(t);
  const p = createTestProtocol(t);
  await registerMiniport(t, m, wrong.miniport?.(m) ?? {});
  await registerProtocol(t, p, wrong.protocol?.(p) ?? {});
  const adapter = t.addAdapter(m.object(), 'Ethernet');
  await runDown(t);
  if (!adapter.halted) t.halt(adapter);
  await runDown(t);
  expect(adapter.halted).toBe(true);
  expect(p.object().bindings.size).toBe(0);
  await t.run(() => p.driver.ndis.NdisDeregisterProtocolDriver(p.handle.value));
  expect(inventoryOf(t.ndis).protocols.size).toBe(0);
  return t.findings();
}

describe.each([1, 2, 4])(
  'drivers that misbehave, %i processors: a finding with names, and the stack still comes down',
  (processors) => {
    test.each(cases.map((wrong) => [wrong.name, wrong] as const))('%s', async (_, wrong) => {
      for (let seed = 1; seed <= 3; seed++) {
        const findings = await run(createTestNdis({ seed, processors }), wrong);
        for (const expected of wrong.findings) expect(findings).toContain(expected);
        if (wrong.findings.length === 0) expect(findings).toEqual([]);
        expect(findings.filter((line) => line.startsWith('ILLEGAL_TRANSITION'))).toEqual([]);
      }
    });
  },
);

test('a handler that throws stops the machine with a bug check that names it, not the process', async () => {
  const t = createTestNdis();
  const m = createTestMiniport(t);
  await registerMiniport(t, m, {
    InitializeHandlerEx: () => {
      throw new Error('the card is broken');
    },
  });
  t.addAdapter(m.object(), 'Ethernet');
  await expect(t.runAll()).rejects.toThrow(/the card is broken/);
});
