import { describe, expect, test } from 'vitest';
import {
  createTestMiniport,
  createTestProtocol,
  protocolCharacteristics,
  registerMiniport,
  registerProtocol,
  type TestBinding,
  type TestProtocol,
} from '../../../test/support/drivers.ts';
import { createTestNdis } from '../../../test/support/ndis.ts';
import { poolOf } from '../../kernel/index.ts';
import {
  NDIS_STATUS_ADAPTER_NOT_FOUND,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NDIS_STATUS_UNSUPPORTED_MEDIA,
} from '../index.ts';
import { OPERATION_LIMIT } from '../stack/operations.ts';
import { queueOperation } from '../stack/queue.ts';

const seeds = Array.from({ length: 20 }, (_, index) => index + 1);

async function stack(seed: number, processors: number, changes: (p: TestProtocol) => object = () => ({})) {
  const t = createTestNdis({ seed, processors });
  const m = createTestMiniport(t);
  const p = createTestProtocol(t);
  await registerMiniport(t, m);
  await registerProtocol(t, p, changes(p));
  const adapter = t.addAdapter(m.object(), 'Ethernet');
  await t.runAll();
  return { t, m, p, adapter };
}

/** States that a binding went through, as the trace has them. */
const statesOf = (t: ReturnType<typeof createTestNdis>) =>
  t.events.flatMap((event) =>
    event.kind === 'state' && event.object.startsWith('binding') ? [event.to] : [],
  );

describe.each([
  [1, seeds],
  [2, seeds.slice(0, 6)],
  [4, seeds.slice(6, 12)],
])(
  'binding and unbinding, %i processors (network/binding-states-of-a-protocol-driver)',
  (processors, seedsHere) => {
    test.each(['at once', 'later'])(
      'a bind that the protocol completes %s passes through the documented states, whether open and close are immediate or pending',
      async (when) => {
        const pendingOpens = new Set<boolean>();
        const pendingCloses = new Set<boolean>();
        for (const seed of seedsHere) {
          const { t, p, adapter } = await stack(seed, processors, (protocol) => {
            if (when === 'at once') return {};
            const given = protocolCharacteristics(protocol);
            const { ndis } = protocol.driver;
            return {
              BindAdapterHandlerEx: (...args: Parameters<typeof given.BindAdapterHandlerEx>) => {
                const status = given.BindAdapterHandlerEx(...args);
                if (status === NDIS_STATUS_SUCCESS) ndis.NdisCompleteBindAdapterEx(args[1], status);
                return NDIS_STATUS_PENDING;
              },
              UnbindAdapterHandlerEx: async (unbindContext: number, binding: TestBinding) => {
                protocol.log.push('unbind');
                binding.unbindContext = unbindContext;
                const status = await ndis.NdisCloseAdapterEx(binding.handle.value);
                if (status === NDIS_STATUS_SUCCESS) ndis.NdisCompleteUnbindAdapterEx(unbindContext);
                return NDIS_STATUS_PENDING;
              },
            };
          });
          expect(adapter.state).toBe('Running');
          const [binding] = p.object().bindings;
          expect(binding.state).toBe('Running');
          expect(await t.run(() => p.driver.ndis.NdisUnbindAdapter(binding.handle))).toBe(
            NDIS_STATUS_SUCCESS,
          );
          await t.runAll();
          expect(statesOf(t)).toEqual([
            'Opening',
            'Paused',
            'Restarting',
            'Running',
            'Pausing',
            'Paused',
            'Closing',
            'Unbound',
          ]);
          expect(p.object().bindings.size).toBe(0);
          expect(adapter.state).toBe('Running');
          expect(t.findings()).toEqual([]);
          pendingOpens.add(p.log.includes('openComplete'));
          pendingCloses.add(p.log.includes('closeComplete'));
          await t.run(() => p.driver.ndis.NdisReEnumerateProtocolBindings(p.handle.value));
          await t.runAll();
          expect(p.log.filter((line) => line === 'bind')).toHaveLength(2);
          expect(p.object().bindings.size).toBe(1);
        }
        expect([pendingOpens.size, pendingCloses.size]).toEqual([2, 2]);
      },
    );

    test('NdisUnbindAdapter while the bind is in progress waits behind it (ndis/nf-ndis-ndisunbindadapter)', async () => {
      for (const seed of seedsHere) {
        const t = createTestNdis({ seed, processors });
        const m = createTestMiniport(t);
        const p = createTestProtocol(t);
        const given = protocolCharacteristics(p);
        await registerMiniport(t, m);
        await registerProtocol(t, p, {
          BindAdapterHandlerEx: (...args: Parameters<typeof given.BindAdapterHandlerEx>) => {
            given.BindAdapterHandlerEx(...args);
            return NDIS_STATUS_PENDING;
          },
          OpenAdapterCompleteHandlerEx: () => {},
        });
        t.addAdapter(m.object(), 'Ethernet');
        await t.runAll();
        const [binding] = p.bindings;
        await t.run(() => {
          expect(p.driver.ndis.NdisUnbindAdapter(binding.handle.value)).toBe(NDIS_STATUS_SUCCESS);
          p.driver.ndis.NdisCompleteBindAdapterEx(binding.bindContext, NDIS_STATUS_SUCCESS);
        });
        await t.runAll();
        expect(p.log).toContain('unbind');
        expect(p.object().bindings.size).toBe(0);
        expect(t.findings()).toEqual([]);
      }
    });
  },
);

test('NdisUnbindAdapter fails while too many operations wait at the adapter, and for a wrong handle (ndis/nf-ndis-ndisunbindadapter)', async () => {
  const t = createTestNdis();
  const m = createTestMiniport(t);
  const p = createTestProtocol(t);
  await registerMiniport(t, m);
  await registerProtocol(t, p);
  const adapter = t.addAdapter(m.object(), 'Ethernet');
  await t.runAll();
  const { NdisUnbindAdapter } = p.driver.ndis;
  const [{ handle }] = p.bindings;
  await t.run(() => {
    for (let count = 0; count < OPERATION_LIMIT + 1; count++) {
      queueOperation(t.ndis, adapter, { kind: 'reconfigure', event: 0 });
    }
    expect(NdisUnbindAdapter(handle.value)).toBe(NDIS_STATUS_RESOURCES);
    expect(NdisUnbindAdapter(0x123)).toBe(NDIS_STATUS_FAILURE);
  });
  await t.runAll();
  expect(p.object().bindings.size).toBe(1);
  expect(await t.run(() => NdisUnbindAdapter(handle.value))).toBe(NDIS_STATUS_SUCCESS);
  await t.runAll();
  expect(p.object().bindings.size).toBe(0);
  expect(t.findings()).toEqual(['BAD_HANDLE protocol']);
});

describe('NdisOpenAdapterEx (ndis/nf-ndis-ndisopenadapterex)', () => {
  /** Binds with changed open parameters; gives the status and what NDIS found. */
  async function open(changes: object, prepare: (pool: ReturnType<typeof poolOf>) => void = () => {}) {
    const t = createTestNdis();
    const m = createTestMiniport(t);
    const p = createTestProtocol(t);
    let status = -1;
    await registerMiniport(t, m);
    await registerProtocol(t, p, {
      BindAdapterHandlerEx: (_: unknown, bindContext: number, parameters: { AdapterName: number }) => {
        const medium = p.driver.cell();
        prepare(poolOf(t.kernel));
        status = p.driver.ndis.NdisOpenAdapterEx(
          p.handle.value,
          {},
          {
            Header: { Type: 0x87, Revision: 1, Size: 64 },
            AdapterName: parameters.AdapterName,
            MediumArray: medium.address,
            MediumArraySize: 1,
            SelectedMediumIndex: medium.address,
            ...changes,
          },
          bindContext,
          p.handle,
        );
        poolOf(t.kernel).fail = undefined;
        return status === NDIS_STATUS_PENDING || status === NDIS_STATUS_SUCCESS
          ? NDIS_STATUS_FAILURE
          : status;
      },
    });
    t.addAdapter(m.object(), 'Ethernet');
    await t.runAll();
    return { status, t, p };
  }

  test('a name that is no adapter gives NDIS_STATUS_ADAPTER_NOT_FOUND', async () => {
    expect((await open({ AdapterName: 0 })).status).toBe(NDIS_STATUS_ADAPTER_NOT_FOUND);
  });

  test('an array without the medium of the adapter gives NDIS_STATUS_UNSUPPORTED_MEDIA', async () => {
    expect((await open({ MediumArraySize: 0 })).status).toBe(NDIS_STATUS_UNSUPPORTED_MEDIA);
  });

  test('a wrong header gives NDIS_STATUS_FAILURE', async () => {
    expect((await open({ Header: { Type: 0x11, Revision: 1, Size: 64 } })).status).toBe(NDIS_STATUS_FAILURE);
  });

  test('short memory gives NDIS_STATUS_RESOURCES', async () => {
    const { status, t } = await open({}, (pool) => {
      pool.fail = () => true;
    });
    expect(status).toBe(NDIS_STATUS_RESOURCES);
    expect(t.findings()).toEqual([]);
  });

  test('outside of ProtocolBindAdapterEx it fails, with a finding', async () => {
    const { t, p } = await stack(1, 1);
    const [binding] = p.bindings;
    const status = await t.run(() =>
      p.driver.ndis.NdisOpenAdapterEx(
        p.handle.value,
        {},
        { Header: { Type: 0x87, Revision: 1, Size: 64 } },
        binding.bindContext,
        p.handle,
      ),
    );
    expect(status).toBe(NDIS_STATUS_FAILURE);
    expect(t.findings()).toEqual(['OPEN_OUTSIDE_OF_BIND protocol']);
  });

  test('a bind that fails and leaves the adapter open is a finding', async () => {
    const { t } = await open({});
    expect(t.findings()).toEqual(['BIND_FAILED_WITH_OPEN_ADAPTER protocol']);
  });
});

describe('NdisCloseAdapterEx (ndis/nf-ndis-ndiscloseadapterex)', () => {
  test('from ProtocolBindAdapterEx, after an open that succeeded, it undoes the open', async () => {
    for (const seed of seeds) {
      const { t, p, adapter } = await stack(seed, 1, (protocol) => {
        const { ndis } = protocol.driver;
        const given = protocolCharacteristics(protocol);
        return {
          BindAdapterHandlerEx: async (...args: Parameters<typeof given.BindAdapterHandlerEx>) => {
            const status = given.BindAdapterHandlerEx(...args);
            if (status === NDIS_STATUS_PENDING) return status;
            const [binding] = protocol.bindings;
            const closed = await ndis.NdisCloseAdapterEx(binding.handle.value);
            return closed === NDIS_STATUS_PENDING ? closed : NDIS_STATUS_FAILURE;
          },
          OpenAdapterCompleteHandlerEx: async (binding: TestBinding) => {
            const closed = await ndis.NdisCloseAdapterEx(binding.handle.value);
            if (closed === NDIS_STATUS_SUCCESS)
              ndis.NdisCompleteBindAdapterEx(binding.bindContext, NDIS_STATUS_FAILURE);
          },
          CloseAdapterCompleteHandlerEx: (binding: TestBinding) =>
            ndis.NdisCompleteBindAdapterEx(binding.bindContext, NDIS_STATUS_FAILURE),
        };
      });
      expect(adapter.state).toBe('Running');
      expect(p.object().bindings.size).toBe(0);
      expect(t.findings()).toEqual([]);
    }
  });

  test('outside of a bind and an unbind nothing is closed: a finding; NdisUnbindAdapter is the way', async () => {
    const { t, p } = await stack(1, 1);
    const status = await t.run(() => p.driver.ndis.NdisCloseAdapterEx(p.bindings[0].handle.value));
    expect(status).toBe(NDIS_STATUS_FAILURE);
    expect(t.findings()).toEqual(['CLOSE_OUTSIDE_OF_UNBIND protocol']);
    expect(p.object().bindings.size).toBe(1);
  });

  test('the handle is invalid as soon as the call was made', async () => {
    const { t, p, adapter } = await stack(1, 1, (protocol) => ({
      UnbindAdapterHandlerEx: async (unbindContext: number, binding: TestBinding) => {
        binding.unbindContext = unbindContext;
        const status = await protocol.driver.ndis.NdisCloseAdapterEx(binding.handle.value);
        protocol.driver.ndis.NdisCancelSendNetBufferLists(binding.handle.value, 0);
        return status;
      },
    }));
    t.halt(adapter);
    await t.runAll();
    expect(t.findings()).toEqual(['BAD_HANDLE protocol']);
    expect(p.object().bindings.size).toBe(0);
  });
});

describe('completions of what is not pending are findings', () => {
  test.each(['NdisCompleteBindAdapterEx', 'NdisCompleteUnbindAdapterEx'] as const)('%s', async (call) => {
    const { t, p } = await stack(1, 1);
    await t.run(() => p.driver.ndis[call](p.bindings[0].bindContext, NDIS_STATUS_SUCCESS as never));
    expect(t.findings()).toEqual(['NOT_PENDING protocol']);
  });

  test('a bind that is completed and also returns its status', async () => {
    const { t } = await stack(2, 1, (protocol) => ({
      BindAdapterHandlerEx: (_: unknown, bindContext: number) => {
        protocol.driver.ndis.NdisCompleteBindAdapterEx(bindContext, NDIS_STATUS_FAILURE);
        return NDIS_STATUS_FAILURE;
      },
    }));
    expect(t.findings()).toEqual(['COMPLETED_WITHOUT_PENDING protocol']);
  });
});
