import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  createTestMiniport,
  createTestProtocol,
  registerMiniport,
  registerProtocol,
} from '../../../test/support/drivers.ts';
import { chain, createFrames, listsOf } from '../../../test/support/lists.ts';
import { createTestNdis } from '../../../test/support/ndis.ts';
import type { Address } from '../../memory/index.ts';
import {
  Ieee8021QNetBufferListInfo,
  NBL_NBL_FLAGS,
  NBL_STATUS,
  NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET,
  NDIS_PACKET_TYPE_ALL_MULTICAST,
  NDIS_PACKET_TYPE_BROADCAST,
  NDIS_PACKET_TYPE_DIRECTED,
  NDIS_PACKET_TYPE_MULTICAST,
  NDIS_PACKET_TYPE_PROMISCUOUS,
  NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL,
  NDIS_RECEIVE_FLAGS_RESOURCES,
  NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PAUSED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
  NET_BUFFER_LIST,
  type NET_PNP_EVENT_NOTIFICATION,
  NetEventRestart,
} from '../index.ts';
import { updateReceivers } from './receivers.ts';

const OWN = [2, 0, 0, 0, 0, 1];
const OTHER = [2, 0, 0, 0, 0, 9];
const BROADCAST = [255, 255, 255, 255, 255, 255];
const GROUP = [1, 0, 0x5e, 0, 0, 1];
const GROUP2 = [1, 0, 0x5e, 0, 0, 2];
const DESTINATIONS = [OWN, OTHER, BROADCAST, GROUP, GROUP2];

interface Received {
  readonly protocol: number;
  readonly lists: Address[];
  readonly flags: number;
  readonly count: number;
}

/** An adapter with some protocols; each keeps what it gets until it is told to return it. */
async function stack(filters: readonly number[], options: { seed?: number; processors?: number } = {}) {
  const t = createTestNdis({ seed: 1, ...options });
  const m = createTestMiniport(t);
  const protocols = filters.map((_, index) => createTestProtocol(t, `protocol${index}`));
  await registerMiniport(t, m);
  const received: Received[] = [];
  const returned: Address[][] = [];
  const sent: Address[][] = [];
  const completed: { protocol: number; lists: Address[]; status: number[] }[] = [];
  m.onReturn = (_context, lists) => void returned.push(listsOf(t, lists));
  m.onSend = (_context, lists) => void sent.push(listsOf(t, lists));
  for (const [index, p] of protocols.entries()) {
    await registerProtocol(t, p);
    p.onReceive = (_context, lists, _port, count, flags) =>
      void received.push({ protocol: index, lists: listsOf(t, lists), flags, count });
    p.onSendComplete = (_context, lists) => {
      const all = listsOf(t, lists);
      completed.push({
        protocol: index,
        lists: all,
        status: all.map((list) => t.memory.u32[(list + NBL_STATUS) >> 2]),
      });
    };
  }
  const adapter = t.addAdapter(m.object(), 'Ethernet');
  await t.runAll();
  const bindings = protocols.map((p) => [...p.object().bindings][0]);
  for (const [index, binding] of bindings.entries()) {
    binding.packetFilter = filters[index];
    binding.multicastList = Uint8Array.from(GROUP);
  }
  updateReceivers(adapter);
  const frame = await t.run(() => createFrames(t, m.driver));
  const indicate = (lists: readonly Address[], flags = 0, count = lists.length) =>
    t.run(() =>
      m.driver.ndis.NdisMIndicateReceiveNetBufferLists(m.adapters[0], chain(t, lists), 0, count, flags),
    );
  const giveBack = (one: Received) =>
    t.run(() =>
      protocols[one.protocol].driver.ndis.NdisReturnNetBufferLists(
        bindings[one.protocol].handle,
        chain(t, one.lists),
        0,
      ),
    );
  return {
    t,
    m,
    protocols,
    adapter,
    bindings,
    received,
    returned,
    sent,
    completed,
    frame,
    indicate,
    giveBack,
  };
}

/** Whether a binding with this filter and the multicast list GROUP wants a frame: oid-gen-current-packet-filter. */
function wants(filter: number, destination: readonly number[]): boolean {
  if ((filter & NDIS_PACKET_TYPE_PROMISCUOUS) !== 0) return true;
  if (destination === OWN) return (filter & NDIS_PACKET_TYPE_DIRECTED) !== 0;
  if (destination === OTHER) return false;
  if (destination === BROADCAST) return (filter & NDIS_PACKET_TYPE_BROADCAST) !== 0;
  if ((filter & NDIS_PACKET_TYPE_ALL_MULTICAST) !== 0) return true;
  return destination === GROUP && (filter & NDIS_PACKET_TYPE_MULTICAST) !== 0;
}

const filterOf = fc.constantFrom(
  0,
  NDIS_PACKET_TYPE_DIRECTED,
  NDIS_PACKET_TYPE_BROADCAST,
  NDIS_PACKET_TYPE_MULTICAST | NDIS_PACKET_TYPE_DIRECTED,
  NDIS_PACKET_TYPE_ALL_MULTICAST,
  NDIS_PACKET_TYPE_PROMISCUOUS,
  0x2f,
);

describe('NdisMIndicateReceiveNetBufferLists to several bindings', () => {
  test.each([0, NDIS_RECEIVE_FLAGS_RESOURCES])(
    'every list reaches exactly the bindings whose filter wants it, each is owned by one of them and comes back once, chains intact, flags %i (ndis/nf-ndis-ndismindicatereceivenetbufferlists)',
    async (flags) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(filterOf, { minLength: 1, maxLength: 4 }),
          fc.array(fc.nat(DESTINATIONS.length - 1), { minLength: 1, maxLength: 12 }),
          fc.integer({ min: 1, max: 100 }),
          async (filters, numbers, seed) => {
            const s = await stack(filters, { seed });
            const destinations = numbers.map((number) => DESTINATIONS[number]);
            const lists = await s.t.run(() => destinations.map((destination) => s.frame(destination)));
            await s.indicate(lists, flags);
            for (const [protocol, filter] of filters.entries()) {
              const got = s.received.filter((one) => one.protocol === protocol).flatMap((one) => one.lists);
              const expected = lists.filter((_, index) => wants(filter, destinations[index]));
              expect(got.toSorted((a, b) => a - b)).toEqual(expected.toSorted((a, b) => a - b));
            }
            for (const one of s.received) expect(one.count).toBe(one.lists.length);
            const owned = s.received.filter((one) => (one.flags & NDIS_RECEIVE_FLAGS_RESOURCES) === 0);
            if (flags === NDIS_RECEIVE_FLAGS_RESOURCES) {
              expect(owned).toEqual([]);
              expect(s.returned).toEqual([]);
              expect(listsOf(s.t, lists[0])).toEqual(lists);
            } else {
              for (const one of owned) await s.giveBack(one);
              expect(s.returned.flat().toSorted((a, b) => a - b)).toEqual(lists.toSorted((a, b) => a - b));
            }
            expect(s.bindings.every((binding) => binding.drained)).toBe(true);
            expect(s.adapter.receivesOutstanding).toBe(0);
            expect(s.t.findings()).toEqual([]);
          },
        ),
        { numRuns: 25, seed: 3 },
      );
    },
    60_000,
  );

  test('a binding that is alone and promiscuous gets the chain as it is, with the flags of the miniport', async () => {
    const s = await stack([NDIS_PACKET_TYPE_PROMISCUOUS]);
    const lists = await s.t.run(() => [s.frame(OTHER), s.frame(BROADCAST)]);
    await s.indicate(lists);
    expect(s.received).toEqual([{ protocol: 0, lists, flags: 0, count: 2 }]);
    await s.giveBack(s.received[0]);
    expect(s.returned).toEqual([lists]);
  });

  test('NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL is passed on', async () => {
    const s = await stack([0x2f]);
    const list = await s.t.run(() => s.frame(OWN));
    await s.t.run(() => {
      const { KeRaiseIrqlToDpcLevel: raise, KeLowerIrql: lower } = s.m.driver.ntoskrnl;
      const before = raise();
      s.m.driver.ndis.NdisMIndicateReceiveNetBufferLists(
        s.m.adapters[0],
        list,
        0,
        1,
        NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL,
      );
      lower(before);
    });
    expect(s.received[0].flags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL).toBe(NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL);
    expect(s.t.findings()).toEqual([]);
  });

  test('while nothing runs above, the lists go straight back', async () => {
    const s = await stack([0]);
    const lists = await s.t.run(() => [s.frame(OWN), s.frame(BROADCAST)]);
    await s.indicate(lists);
    expect(s.received).toEqual([]);
    expect(s.returned).toEqual([lists]);
  });

  test('a wrong adapter handle is a finding', async () => {
    const s = await stack([0x2f]);
    const list = await s.t.run(() => s.frame(OWN));
    await s.t.run(() => s.m.driver.ndis.NdisMIndicateReceiveNetBufferLists(0x55, list, 0, 1, 0));
    expect(s.t.findings()).toEqual(['BAD_HANDLE miniport']);
  });
});

describe('NdisReturnNetBufferLists (ndis/nf-ndis-ndisreturnnetbufferlists)', () => {
  test('returning lists twice is a finding and they do not reach the miniport again', async () => {
    const s = await stack([0x2f]);
    const lists = await s.t.run(() => [s.frame(OWN)]);
    await s.indicate(lists);
    await s.giveBack(s.received[0]);
    await s.giveBack(s.received[0]);
    expect(s.returned).toEqual([lists]);
    expect(s.t.findings()).toEqual(['RETURNED_TWICE protocol0']);
  });

  test('lists that are still held when the adapter is closed come back by the old handle, then the close completes', async () => {
    const s = await stack([0x2f]);
    const lists = await s.t.run(() => [s.frame(OWN)]);
    await s.indicate(lists);
    await s.t.run(() => s.protocols[0].driver.ndis.NdisUnbindAdapter(s.bindings[0].handle));
    await s.t.runAll();
    expect(s.bindings[0].openState).toBe('closing');
    await s.giveBack(s.received[0]);
    await s.t.runAll();
    expect(s.returned).toEqual([lists]);
    expect(s.bindings[0].openState).toBe('closed');
    expect(s.protocols[0].object().bindings.size).toBe(0);
    expect(s.t.findings()).toEqual([]);
  });
});

describe('NdisSendNetBufferLists and its completion', () => {
  const send = (
    s: Awaited<ReturnType<typeof stack>>,
    protocol: number,
    lists: readonly Address[],
    flags = 0,
  ) =>
    s.t.run(() =>
      s.protocols[protocol].driver.ndis.NdisSendNetBufferLists(
        s.bindings[protocol].handle,
        chain(s.t, lists),
        0,
        flags,
      ),
    );
  const complete = (s: Awaited<ReturnType<typeof stack>>, lists: readonly Address[]) =>
    s.t.run(() => s.m.driver.ndis.NdisMSendNetBufferListsComplete(s.m.adapters[0], chain(s.t, lists), 0));

  test('the miniport gets the chain; lists of several senders in one completion go back each to its own (ndis/nf-ndis-ndismsendnetbufferlistscomplete)', async () => {
    const s = await stack([0, 0]);
    const handles = s.bindings.map((binding) => binding.handle);
    const [a, b, c, d] = await s.t.run(() => [0, 1, 0, 1].map((of) => s.frame(OTHER, handles[of])));
    await send(s, 0, [a, c]);
    await send(s, 1, [b, d]);
    expect(s.sent).toEqual([
      [a, c],
      [b, d],
    ]);
    await complete(s, [a, b, d, c]);
    expect(s.completed.map(({ protocol, lists }) => [protocol, lists])).toEqual([
      [0, [a]],
      [1, [b, d]],
      [0, [c]],
    ]);
    expect(s.adapter.sendsOutstanding).toBe(0);
    expect(s.t.findings()).toEqual([]);
    await complete(s, [a]);
    expect(s.completed).toHaveLength(3);
    expect(s.t.findings()).toEqual(['COMPLETED_TWICE miniport']);
  });

  test('a list without the SourceHandle of the binding is a finding, and NDIS sets it (ndis/nf-ndis-ndissendnetbufferlists)', async () => {
    const s = await stack([0]);
    const list = await s.t.run(() => s.frame(OTHER));
    await send(s, 0, [list]);
    await complete(s, [list]);
    expect(s.completed.map(({ lists }) => lists)).toEqual([[list]]);
    expect(s.t.findings()).toEqual(['SOURCE_HANDLE_NOT_SET protocol0']);
  });

  test('while the adapter is paused the lists come back at once with NDIS_STATUS_PAUSED', async () => {
    const s = await stack([0]);
    const list = await s.t.run(() => s.frame(OTHER, s.bindings[0].handle));
    s.adapter.running = false;
    await send(s, 0, [list]);
    expect(s.sent).toEqual([]);
    expect(s.completed).toEqual([{ protocol: 0, lists: [list], status: [NDIS_STATUS_PAUSED] }]);
  });

  test('a protocol may send before it has completed NetEventRestart, when the adapter runs already; before NetEventRestart it may not (network/binding-states-of-a-protocol-driver)', async () => {
    const t = createTestNdis();
    const m = createTestMiniport(t);
    const p = createTestProtocol(t);
    const statuses: number[] = [];
    const events: Address[] = [];
    await registerMiniport(t, m);
    await registerProtocol(t, p, {
      NetPnPEventHandler: (_context: unknown, event: NET_PNP_EVENT_NOTIFICATION) => {
        if (event.NetPnPEvent.NetEvent !== NetEventRestart) return NDIS_STATUS_SUCCESS;
        events.push(event.address);
        return NDIS_STATUS_PENDING;
      },
    });
    p.onSendComplete = (_context, lists) => {
      for (const list of listsOf(t, lists)) statuses.push(t.memory.u32[(list + NBL_STATUS) >> 2]);
    };
    const adapter = t.addAdapter(m.object(), 'Ethernet');
    await t.runAll();
    const [binding] = p.object().bindings;
    expect([binding.state, adapter.running]).toEqual(['Restarting', true]);
    const frame = await t.run(() => createFrames(t, m.driver));
    const sendOne = () =>
      t.run(() => p.driver.ndis.NdisSendNetBufferLists(binding.handle, frame(OTHER, binding.handle), 0, 0));
    await sendOne();
    expect([m.log.filter((line) => line === 'send'), statuses]).toEqual([['send'], [NDIS_STATUS_SUCCESS]]);
    await t.run(() => p.driver.ndis.NdisCompleteNetPnPEvent(binding.handle, events[0], NDIS_STATUS_FAILURE));
    await t.runAll();
    expect(binding.state).toBe('Paused');
    await sendOne();
    expect(statuses).toEqual([NDIS_STATUS_SUCCESS, NDIS_STATUS_PAUSED]);
    expect(t.findings()).toEqual(['SEND_WHILE_PAUSED protocol']);
  });

  test('through a handle that is no open binding nothing is sent: a finding', async () => {
    const s = await stack([0]);
    const list = await s.t.run(() => s.frame(OTHER));
    await s.t.run(() => s.protocols[0].driver.ndis.NdisSendNetBufferLists(0x99, list, 0, 0));
    expect(s.sent).toEqual([]);
    expect(s.t.findings()).toEqual(['NOT_OPEN protocol0']);
  });

  test('NdisCancelSendNetBufferLists calls MiniportCancelSend; a wrong handle is a finding (ndis/nf-ndis-ndiscancelsendnetbufferlists)', async () => {
    const s = await stack([0]);
    const { NdisCancelSendNetBufferLists: cancel } = s.protocols[0].driver.ndis;
    await s.t.run(() => cancel(s.bindings[0].handle, 7));
    expect(s.m.log).toContain('cancelSend');
    await s.t.run(() => cancel(0x99, 7));
    expect(s.t.findings()).toEqual(['BAD_HANDLE protocol0']);
  });

  test('a send that fails mid-chain keeps each status: NDIS does not touch what the miniport wrote', async () => {
    const s = await stack([0]);
    const lists = await s.t.run(() => [1, 2].map(() => s.frame(OTHER, s.bindings[0].handle)));
    await send(s, 0, lists);
    s.t.memory.u32[(lists[1] + NBL_STATUS) >> 2] = 0xc0000001;
    await complete(s, lists);
    expect(s.completed[0].status).toEqual([0, 0xc0000001]);
  });

  test.each([
    [0, [1]],
    [NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK, [0, 1]],
  ])(
    'with NDIS_MAC_OPTION_NO_LOOPBACK NDIS loops frames back to those who want them, send flags %i (ndis/nf-ndis-ndissendnetbufferlists)',
    async (flags, receivers) => {
      const s = await stack([NDIS_PACKET_TYPE_PROMISCUOUS, NDIS_PACKET_TYPE_PROMISCUOUS, 0]);
      const list = await s.t.run(() => s.frame(OTHER, s.bindings[0].handle));
      const tag = NET_BUFFER_LIST.offset.NetBufferListInfo + 8 * Ieee8021QNetBufferListInfo;
      s.t.memory.u32[(list + tag) >> 2] = 0x1230;
      await send(s, 0, [list], flags);
      await s.t.runAll();
      expect(s.received.map((one) => one.protocol)).toEqual(receivers);
      for (const one of s.received) {
        expect(one.lists).not.toContain(list);
        expect(s.t.memory.u32[(one.lists[0] + tag) >> 2]).toBe(0x1230);
        const flag = s.t.memory.u32[(one.lists[0] + NBL_NBL_FLAGS) >> 2] & NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET;
        expect(flag).toBe(NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET);
        await s.giveBack(one);
      }
      expect(s.returned).toEqual([]);
      await complete(s, [list]);
      expect(s.bindings.every((binding) => binding.drained)).toBe(true);
      expect(s.t.findings()).toEqual([]);
    },
  );
});
