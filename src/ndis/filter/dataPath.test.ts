import { describe, expect, test } from 'vitest';
import {
  createTestMiniport,
  createTestProtocol,
  registerMiniport,
  registerProtocol,
} from '../../../test/support/drivers.ts';
import {
  BYPASSING,
  createTestFilter,
  moduleOf,
  partialCharacteristics,
  registerFilter,
  type TestFilter,
} from '../../../test/support/filter.ts';
import { chain, createFrames, listsOf } from '../../../test/support/lists.ts';
import { createTestNdis } from '../../../test/support/ndis.ts';
import { runDown } from '../../../test/support/takeDown.ts';
import type { Address } from '../../memory/index.ts';
import { updateReceivers } from '../dataPath/receivers.ts';
import {
  type FilterModule,
  NBL_SOURCE_HANDLE,
  NBL_STATUS,
  NDIS_RECEIVE_FLAGS_RESOURCES,
  NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK,
  NDIS_STATUS_PAUSED,
  NDIS_STATUS_SEND_ABORTED,
  NDIS_STATUS_SUCCESS,
  queueOperation,
} from '../index.ts';

const OTHER = [2, 0, 0, 0, 0, 9];

/** A miniport, filters from the bottom up, and a protocol; who sees what goes to `seen`. */
async function stack(names: readonly string[], changes: Readonly<Record<string, object>> = {}) {
  const t = createTestNdis({ seed: 3 });
  const m = createTestMiniport(t);
  const p = createTestProtocol(t);
  const filters = names.map((name) => createTestFilter(t, name));
  const seen: string[] = [];
  const sent: Address[][] = [];
  const note = (who: string, what: string, lists: Address) =>
    seen.push(`${who} ${what} ${listsOf(t, lists).length}`);
  await registerMiniport(t, m, {
    CancelSendHandler: (_context: unknown, id: unknown) => seen.push(`miniport cancel ${Number(id)}`),
  });
  await registerProtocol(t, p);
  for (const f of filters) {
    const { onSend, onSendComplete, onReceive, onReturn } = f;
    const name = f.driver.driver.name;
    f.onSend = (context, lists, port, flags) => {
      note(name, 'send', lists);
      onSend(context, lists, port, flags);
    };
    f.onSendComplete = (context, lists, flags) => {
      note(name, 'complete', lists);
      onSendComplete(context, lists, flags);
    };
    f.onReceive = (context, lists, port, count, flags) => {
      note(name, 'receive', lists);
      onReceive(context, lists, port, count, flags);
    };
    f.onReturn = (context, lists, flags) => {
      note(name, 'return', lists);
      onReturn(context, lists, flags);
    };
    expect(await registerFilter(t, f, changes[name] ?? {})).toBe(NDIS_STATUS_SUCCESS);
  }
  m.onSend = (_context, lists) => {
    note('miniport', 'send', lists);
    sent.push(listsOf(t, lists));
  };
  m.onReturn = (_context, lists) => void note('miniport', 'return', lists);
  const received: Address[][] = [];
  p.onReceive = (_context, lists, _port, _count, flags) => {
    note('protocol', (flags & NDIS_RECEIVE_FLAGS_RESOURCES) === 0 ? 'receive' : 'lent', lists);
    if ((flags & NDIS_RECEIVE_FLAGS_RESOURCES) === 0) received.push(listsOf(t, lists));
  };
  const statuses: number[] = [];
  p.onSendComplete = (_context, lists) => {
    note('protocol', 'complete', lists);
    for (const list of listsOf(t, lists)) statuses.push(t.memory.u32[(list + NBL_STATUS) >> 2]);
  };
  const adapter = t.addAdapter(m.object(), 'Ethernet');
  await t.runAll();
  const binding = [...p.object().bindings][0];
  binding.packetFilter = 0x20;
  updateReceivers(adapter);
  const frame = await t.run(() => createFrames(t, p.driver));
  const frames = (count: number, source: Address) =>
    Array.from({ length: count }, () => frame(OTHER, source));
  const send = (count: number, flags = 0) =>
    t.run(() =>
      p.driver.ndis.NdisSendNetBufferLists(binding.handle, chain(t, frames(count, binding.handle)), 0, flags),
    );
  const completeAll = () =>
    t.run(() => {
      for (const lists of sent.splice(0))
        m.driver.ndis.NdisMSendNetBufferListsComplete(m.adapters[0], chain(t, lists), 0);
    });
  const indicate = (count: number, flags = 0) =>
    t.run(() =>
      m.driver.ndis.NdisMIndicateReceiveNetBufferLists(
        m.adapters[0],
        chain(t, frames(count, m.adapters[0])),
        0,
        count,
        flags,
      ),
    );
  const returnAll = () =>
    t.run(() => {
      for (const lists of received.splice(0))
        p.driver.ndis.NdisReturnNetBufferLists(binding.handle, chain(t, lists), 0);
    });
  const module = (f: TestFilter): FilterModule => [...f.object().modules][0];
  return {
    t,
    m,
    p,
    filters,
    adapter,
    binding,
    seen,
    statuses,
    sent,
    frames,
    send,
    completeAll,
    indicate,
    returnAll,
    module,
  };
}

const drained = (modules: readonly FilterModule[]) => modules.map((module) => module.drained);

describe('lists on their way through the modules', () => {
  test('a send goes from the topmost module to the miniport, its completion from the lowest up (network/sending-data-from-a-filter-driver)', async () => {
    const s = await stack(['lower', 'upper']);
    await s.send(3);
    expect(s.seen).toEqual(['upper send 3', 'lower send 3', 'miniport send 3']);
    expect([s.adapter.sendsOutstanding, s.binding.sendsOutstanding]).toEqual([3, 3]);
    s.seen.length = 0;
    await s.completeAll();
    expect(s.seen).toEqual(['lower complete 3', 'upper complete 3', 'protocol complete 3']);
    expect([s.adapter.sendsOutstanding, s.binding.sendsOutstanding]).toEqual([0, 0]);
    expect(drained(s.adapter.filters)).toEqual([true, true]);
    expect(s.t.findings()).toEqual([]);
  });

  test('an indication goes from the lowest module to the protocol, the return from the topmost down (network/receiving-data-in-a-filter-driver)', async () => {
    const s = await stack(['lower', 'upper']);
    await s.indicate(2);
    expect(s.seen).toEqual(['lower receive 2', 'upper receive 2', 'protocol receive 2']);
    expect([s.adapter.receivesOutstanding, s.binding.receivesOutstanding]).toEqual([2, 2]);
    s.seen.length = 0;
    await s.returnAll();
    expect(s.seen).toEqual(['upper return 2', 'lower return 2', 'miniport return 2']);
    expect([s.adapter.receivesOutstanding, s.binding.receivesOutstanding]).toEqual([0, 0]);
    expect(drained(s.adapter.filters)).toEqual([true, true]);
    expect(s.t.findings()).toEqual([]);
  });

  test('lists that are lent come back to the miniport when the indication returns (ndis/nc-ndis-filter_receive_net_buffer_lists)', async () => {
    const s = await stack(['lower', 'upper']);
    await s.indicate(2, NDIS_RECEIVE_FLAGS_RESOURCES);
    expect(s.seen).toEqual(['lower receive 2', 'upper receive 2', 'protocol lent 2']);
    expect([s.adapter.receivesOutstanding, s.binding.receivesOutstanding]).toEqual([0, 0]);
    expect(drained(s.adapter.filters)).toEqual([true, true]);
    expect(s.t.findings()).toEqual([]);
  });

  test('what no binding wants goes back through the modules that saw it (network/receiving-data-in-a-filter-driver)', async () => {
    const s = await stack(['lower', 'upper']);
    s.binding.packetFilter = 1;
    updateReceivers(s.adapter);
    await s.indicate(2);
    expect(s.seen).toEqual([
      'lower receive 2',
      'upper receive 2',
      'upper return 2',
      'lower return 2',
      'miniport return 2',
    ]);
    expect(s.adapter.receivesOutstanding).toBe(0);
    expect(s.t.findings()).toEqual([]);
  });

  test('a module may drop: it completes or returns lists, and nobody beyond it sees them (network/filter-module-send-and-receive-operations)', async () => {
    const s = await stack(['lower', 'upper']);
    const [lower] = s.filters;
    const { ndis } = lower.driver;
    lower.onSend = (context, lists, _port, flags) =>
      ndis.NdisFSendNetBufferListsComplete(moduleOf(context), lists, flags & 1);
    lower.onReceive = (context, lists, _port, _count, flags) =>
      ndis.NdisFReturnNetBufferLists(moduleOf(context), lists, flags & 1);
    await s.send(1);
    await s.indicate(1);
    expect(s.seen).toEqual(['upper send 1', 'upper complete 1', 'protocol complete 1', 'miniport return 1']);
    expect(s.t.findings()).toEqual([]);
  });

  test('a module with a receive handler and no return handler is skipped on the way back, and the other way round; each function is bypassed by itself (network/data-bypass-mode)', async () => {
    const s = await stack(['lower', 'upper'], {
      lower: { ReturnNetBufferListsHandler: null, SendNetBufferListsHandler: null },
      upper: { SendNetBufferListsCompleteHandler: null, SendNetBufferListsHandler: null },
    });
    await s.indicate(1);
    await s.returnAll();
    await s.send(1);
    await s.completeAll();
    expect(s.seen).toEqual([
      'lower receive 1',
      'upper receive 1',
      'protocol receive 1',
      'upper return 1',
      'miniport return 1',
      'miniport send 1',
      'lower complete 1',
      'protocol complete 1',
    ]);
    expect(s.t.findings()).toEqual([]);
  });

  test('modules without handlers are on no path (network/data-bypass-mode)', async () => {
    const s = await stack(['lower', 'upper'], { lower: BYPASSING, upper: BYPASSING });
    const { topSend, topReturn, topCancel, bottomComplete, bottomReceive } = s.adapter;
    expect([topSend, topReturn, topCancel, bottomComplete, bottomReceive]).toEqual([
      null,
      null,
      null,
      null,
      null,
    ]);
    await s.send(1);
    await s.completeAll();
    await s.indicate(1);
    await s.returnAll();
    expect(s.seen).toEqual([
      'miniport send 1',
      'protocol complete 1',
      'protocol receive 1',
      'miniport return 1',
    ]);
  });
});

describe('lists that a module originates', () => {
  test('its own sends come back to it and go no higher (ndis/nf-ndis-ndisfsendnetbufferlists)', async () => {
    const s = await stack(['lower', 'upper']);
    const [lower, upper] = s.filters;
    const own: Address[] = [];
    const passOn = upper.onSendComplete;
    upper.onSendComplete = (context, lists, flags) => {
      const all = listsOf(s.t, lists);
      const handle = moduleOf(context);
      own.push(...all.filter((list) => s.t.memory.readPointer(list + NBL_SOURCE_HANDLE) === handle));
      const others = all.filter((list) => !own.includes(list));
      if (others.length > 0) passOn(context, chain(s.t, others), flags);
    };
    const module = s.module(upper);
    await s.send(1);
    await s.t.run(() =>
      upper.driver.ndis.NdisFSendNetBufferLists(module.handle, chain(s.t, s.frames(2, module.handle)), 0, 0),
    );
    expect(module.sendsOutstanding).toBe(2);
    // The miniport mixes what different drivers sent.
    s.sent.splice(0, 2, s.sent.flat().toReversed());
    s.seen.length = 0;
    await s.completeAll();
    expect(s.seen).toEqual(['lower complete 3', 'upper complete 1', 'protocol complete 1']);
    expect(own.length).toBe(2);
    expect(drained([module, s.module(lower)])).toEqual([true, true]);
    expect(s.t.findings()).toEqual([]);
  });

  test('its own indications come back to it and go no lower (ndis/nf-ndis-ndisfindicatereceivenetbufferlists)', async () => {
    const s = await stack(['lower', 'upper']);
    const [lower, upper] = s.filters;
    const back: number[] = [];
    lower.onReturn = (_context, lists) => void back.push(listsOf(s.t, lists).length);
    const module = s.module(lower);
    await s.t.run(() =>
      lower.driver.ndis.NdisFIndicateReceiveNetBufferLists(
        module.handle,
        chain(s.t, s.frames(2, module.handle)),
        0,
        2,
        0,
      ),
    );
    expect(module.receivesOutstanding).toBe(2);
    await s.returnAll();
    expect(s.seen).toEqual(['upper receive 2', 'protocol receive 2', 'upper return 2']);
    expect(back).toEqual([2]);
    expect(drained([module, s.module(upper)])).toEqual([true, true]);
    expect(s.t.findings()).toEqual([]);
  });
});

test('a cancel goes to every module with the handler and to the miniport; cancelled sends come back up (network/canceling-a-send-request-in-a-filter-driver)', async () => {
  const s = await stack(['lower', 'upper'], {});
  const [, upper] = s.filters;
  await s.t.run(() => upper.driver.ndis.NdisFCancelSendNetBufferLists(s.module(upper).handle, 7));
  await s.t.run(() => s.p.driver.ndis.NdisCancelSendNetBufferLists(s.binding.handle, 8));
  expect(s.seen).toEqual(['miniport cancel 7', 'miniport cancel 8']);
});

test('a module that queues sends completes those with the cancel id and passes the cancel on (ndis/nc-ndis-filter_cancel_send_net_buffer_lists)', async () => {
  const queue: Address[] = [];
  let handle: Address = 0;
  let complete: (lists: Address) => void = () => {};
  let passOn: (id: number) => void = () => {};
  const s = await stack(['filter'], {
    filter: {
      SendNetBufferListsHandler: (_context: unknown, lists: Address) => void queue.push(lists),
      CancelSendNetBufferListsHandler: (_context: unknown, id: unknown) => {
        for (const lists of queue.splice(0)) complete(lists);
        passOn(Number(id));
      },
    },
  });
  const [f] = s.filters;
  handle = s.module(f).handle;
  complete = (lists) => {
    for (const list of listsOf(s.t, lists))
      s.t.memory.u32[(list + NBL_STATUS) >> 2] = NDIS_STATUS_SEND_ABORTED;
    f.driver.ndis.NdisFSendNetBufferListsComplete(handle, lists, 0);
  };
  passOn = (id) => f.driver.ndis.NdisFCancelSendNetBufferLists(handle, id);
  await s.send(2);
  await s.t.run(() => s.p.driver.ndis.NdisCancelSendNetBufferLists(s.binding.handle, 5));
  expect(s.seen).toEqual(['protocol complete 2', 'miniport cancel 5']);
  expect(s.statuses).toEqual([NDIS_STATUS_SEND_ABORTED, NDIS_STATUS_SEND_ABORTED]);
});

test('a frame that NDIS loops back is copied under the modules and goes up through them, not to its sender (network/sending-data-from-a-filter-driver)', async () => {
  const s = await stack(['filter']);
  const second = createTestProtocol(s.t, 'second');
  await registerProtocol(s.t, second);
  await s.t.runAll();
  const other = [...second.object().bindings][0];
  other.packetFilter = 0x20;
  updateReceivers(s.adapter);
  await s.send(1);
  await s.t.runAll();
  // The copy is indicated by a DPC, before or after the miniport got the frame.
  expect(s.seen.toSorted()).toEqual([
    'filter receive 1',
    'filter return 1',
    'filter send 1',
    'miniport send 1',
  ]);
  expect(s.seen[0]).toBe('filter send 1');
  expect(second.log).toContain('receive 1');
  expect(s.adapter.loopedOutstanding).toBe(0);
  expect(s.adapter.receivesOutstanding).toBe(0);
  s.seen.length = 0;
  await s.send(1, NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK);
  await s.t.runAll();
  expect(s.seen).toContain('protocol lent 1');
  await s.completeAll();
  expect(s.t.findings()).toEqual([]);
});

describe('partial characteristics', () => {
  test('FilterSetModuleOptions changes the handlers of its module at NdisFRestartFilter, of no other one (network/data-bypass-mode)', async () => {
    let bypass = false;
    const statuses: number[] = [];
    let set: (handle: Address) => number = () => 0;
    const s = await stack(['lower', 'upper'], {
      upper: {
        SetFilterModuleOptionsHandler: (context: unknown) => {
          if (bypass) statuses.push(set(moduleOf(context)));
          return NDIS_STATUS_SUCCESS;
        },
      },
    });
    const [lower, upper] = s.filters;
    set = (handle) =>
      upper.driver.ndis.NdisSetOptionalHandlers(
        handle,
        partialCharacteristics(s.t, upper.driver, {
          ReceiveNetBufferListsHandler: upper.onReceive,
          ReturnNetBufferListsHandler: upper.onReturn,
        }),
      );
    bypass = true;
    expect(await s.t.run(() => upper.driver.ndis.NdisFRestartFilter(s.module(upper).handle))).toBe(
      NDIS_STATUS_SUCCESS,
    );
    await s.t.runAll();
    expect(statuses).toEqual([NDIS_STATUS_SUCCESS]);
    expect(upper.log).toEqual(['attach', 'restart', 'pause', 'restart']);
    expect(lower.log).toEqual(['attach', 'restart', 'pause', 'restart']);
    await s.send(1);
    await s.completeAll();
    await s.indicate(1);
    await s.returnAll();
    expect(s.seen).toEqual([
      'lower send 1',
      'miniport send 1',
      'lower complete 1',
      'protocol complete 1',
      'lower receive 1',
      'upper receive 1',
      'protocol receive 1',
      'upper return 1',
      'lower return 1',
      'miniport return 1',
    ]);
    expect(s.t.findings()).toEqual([]);
  });

  test('outside of FilterSetModuleOptions they are refused (ndis/nc-ndis-filter_set_module_options)', async () => {
    const s = await stack(['filter']);
    const [f] = s.filters;
    expect(
      await s.t.run(() =>
        f.driver.ndis.NdisSetOptionalHandlers(s.module(f).handle, partialCharacteristics(s.t, f.driver, {})),
      ),
    ).not.toBe(NDIS_STATUS_SUCCESS);
    expect(s.t.findings()).toEqual(['OPTIONAL_HANDLERS_REFUSED filter']);
  });
});

describe('while a module is paused', () => {
  test('its own sends come back with NDIS_STATUS_PAUSED, its own indications come back (network/pausing-a-filter-module)', async () => {
    const s = await stack(['filter']);
    const [f] = s.filters;
    const module = s.module(f);
    const back: number[] = [];
    f.onSendComplete = (_context, lists) => {
      for (const list of listsOf(s.t, lists)) back.push(s.t.memory.u32[(list + NBL_STATUS) >> 2]);
    };
    let returned = 0;
    f.onReturn = (_context, lists) => {
      returned += listsOf(s.t, lists).length;
    };
    queueOperation(s.t.ndis, s.adapter, { kind: 'pause', reason: 1, event: 0 });
    await s.t.runAll();
    expect(module.state).toBe('Paused');
    const { ndis } = f.driver;
    await s.t.run(() =>
      ndis.NdisFSendNetBufferLists(module.handle, chain(s.t, s.frames(2, module.handle)), 0, 0),
    );
    await s.t.run(() =>
      ndis.NdisFIndicateReceiveNetBufferLists(module.handle, chain(s.t, s.frames(1, module.handle)), 0, 1, 0),
    );
    expect(back).toEqual([NDIS_STATUS_PAUSED, NDIS_STATUS_PAUSED]);
    expect(returned).toBe(1);
    expect(module.drained).toBe(true);
    expect(s.t.findings()).toEqual(['SEND_WHILE_PAUSED filter', 'RECEIVE_WHILE_PAUSED filter']);
  });

  test('NDIS refuses sends into it and gives back what is indicated to it (network/filter-module-states-and-operations)', async () => {
    const s = await stack(['lower', 'upper']);
    const [lower] = s.filters;
    s.module(lower).sending = false;
    s.module(lower).receiving = false;
    await s.send(1);
    await s.indicate(1);
    expect(s.seen).toEqual(['upper send 1', 'upper complete 1', 'protocol complete 1', 'miniport return 1']);
    expect(s.statuses).toEqual([NDIS_STATUS_PAUSED]);
  });
});

describe('lists that a module gets wrong', () => {
  test('its own lists completed or returned to others stay with it (ndis/nf-ndis-ndisfsendnetbufferlistscomplete)', async () => {
    const s = await stack(['filter']);
    const [f] = s.filters;
    const { handle } = s.module(f);
    await s.t.run(() => {
      f.driver.ndis.NdisFSendNetBufferListsComplete(handle, chain(s.t, s.frames(1, handle)), 0);
      f.driver.ndis.NdisFReturnNetBufferLists(handle, chain(s.t, s.frames(1, handle)), 0);
    });
    expect(s.seen).toEqual([]);
    expect(s.t.findings()).toEqual(['OWN_LISTS_PASSED_ON filter', 'OWN_LISTS_PASSED_ON filter']);
  });

  test('completing or returning twice is found (ndis/nf-ndis-ndisfreturnnetbufferlists)', async () => {
    const s = await stack(['filter']);
    const [f] = s.filters;
    const { handle } = s.module(f);
    await s.t.run(() => {
      f.driver.ndis.NdisFSendNetBufferListsComplete(handle, chain(s.t, s.frames(1, s.binding.handle)), 0);
      f.driver.ndis.NdisFReturnNetBufferLists(handle, chain(s.t, s.frames(1, s.adapter.handle)), 0);
    });
    expect(s.t.findings()).toEqual(['COMPLETED_TWICE filter', 'RETURNED_TWICE filter']);
    expect(s.adapter.receivesOutstanding).toBe(0);
  });

  test('a list without a SourceHandle gets that of the module; one passed on twice is found (ndis/nf-ndis-ndisfsendnetbufferlists)', async () => {
    const s = await stack(['filter']);
    const [f] = s.filters;
    const module = s.module(f);
    const completed: number[] = [];
    f.onSendComplete = (_context, lists) => void completed.push(listsOf(s.t, lists).length);
    await s.t.run(() =>
      f.driver.ndis.NdisFSendNetBufferLists(module.handle, chain(s.t, s.frames(2, 0)), 0, 0),
    );
    await s.completeAll();
    expect(completed).toEqual([2]);
    expect(module.drained).toBe(true);
    await s.t.run(() =>
      f.driver.ndis.NdisFIndicateReceiveNetBufferLists(
        module.handle,
        chain(s.t, s.frames(1, s.adapter.handle)),
        0,
        1,
        0,
      ),
    );
    expect(s.t.findings()).toEqual(['SOURCE_HANDLE_NOT_SET filter', 'LISTS_NOT_HELD filter']);
  });

  test('without the completion handler a module cannot originate (ndis/nc-ndis-filter_send_net_buffer_lists_complete)', async () => {
    const s = await stack(['filter'], { filter: BYPASSING });
    const [f] = s.filters;
    const { handle } = s.module(f);
    await s.t.run(() => {
      f.driver.ndis.NdisFSendNetBufferLists(handle, chain(s.t, s.frames(1, handle)), 0, 0);
      f.driver.ndis.NdisFIndicateReceiveNetBufferLists(handle, chain(s.t, s.frames(1, handle)), 0, 1, 0);
    });
    expect(s.seen).toEqual([]);
    expect(s.t.findings()).toEqual(['HANDLER_MISSING filter', 'HANDLER_MISSING filter']);
  });

  test('lists that a module keeps for ever do not keep the stack from coming down (network/pausing-a-filter-module)', async () => {
    const s = await stack(['filter']);
    const [f] = s.filters;
    f.onSend = () => {};
    f.onReceive = () => {};
    await s.send(2);
    await s.indicate(3);
    s.t.halt(s.adapter);
    await runDown(s.t);
    expect(s.adapter.halted).toBe(true);
    const findings = s.t.findings();
    expect(findings).toContain('PAUSED_WITH_LISTS_OUTSTANDING filter');
    expect(findings).toContain('NEVER_COMPLETED filter');
    expect(findings).not.toContain('NEVER_COMPLETED miniport');
  });

  test('keeping what was lent is found (network/receiving-data-in-a-filter-driver)', async () => {
    const s = await stack(['filter']);
    const [f] = s.filters;
    const { ndis } = f.driver;
    f.onReceive = (context, lists, port, count) =>
      ndis.NdisFIndicateReceiveNetBufferLists(moduleOf(context), lists, port, count, 0);
    await s.indicate(1, NDIS_RECEIVE_FLAGS_RESOURCES);
    expect(s.t.findings()).toContain('LENT_LISTS_KEPT filter');
  });

  test.each([
    'NdisFSendNetBufferLists',
    'NdisFSendNetBufferListsComplete',
    'NdisFIndicateReceiveNetBufferLists',
    'NdisFReturnNetBufferLists',
    'NdisFCancelSendNetBufferLists',
  ] as const)('%s refuses a handle that is no module', async (name) => {
    const s = await stack(['filter']);
    const [f] = s.filters;
    const lists = s.frames(1, s.binding.handle)[0];
    await s.t.run(() => f.driver.ndis[name](s.binding.handle, lists, 0, 1, 0));
    expect(s.t.findings()).toEqual(['BAD_HANDLE filter']);
    expect(s.seen).toEqual([]);
  });
});
