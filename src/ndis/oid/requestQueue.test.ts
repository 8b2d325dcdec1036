/** The queue of regular requests, under any mix of answers, completions and cancellations. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createOidStack } from '../../../test/support/oidStack.ts';
import { DISPATCH_LEVEL } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import { NDIS_STATUS_PENDING, NDIS_STATUS_REQUEST_ABORTED, NDIS_STATUS_SUCCESS } from '../index.ts';

const PRIVATE = 0xff000001;

type Behaviour = 'answers' | 'pends' | 'completesInside' | 'waits';
type Step =
  | {
      readonly kind: 'send';
      readonly protocol: number;
      readonly raised: boolean;
      readonly behaviour: Behaviour;
    }
  | { readonly kind: 'complete' }
  | { readonly kind: 'cancel'; readonly protocol: number; readonly nth: number };

const behaviour = fc.constantFrom<Behaviour>('answers', 'pends', 'completesInside', 'waits');
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('send'), protocol: fc.nat(1), raised: fc.boolean(), behaviour }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('complete') }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cancel'), protocol: fc.nat(1), nth: fc.nat(12) }) },
) as fc.Arbitrary<Step>;

/** Runs the steps and checks what must hold whatever they are. */
async function check(steps: readonly Step[], seed: number): Promise<void> {
  const s = await createOidStack({ seed }, 2);
  const { ndis, ntoskrnl } = s.m.driver;
  const behaviours = new Map<Address, Behaviour>();
  const sent: Address[] = [];
  const handled: Address[] = [];
  const results = new Map<Address, number>();
  const interval = s.m.driver.cell();
  s.t.memory.i64[interval.address >> 3] = -1000n;
  let pending: Address = 0;
  let inside = 0;
  const finish = (address: Address, status: number) =>
    ndis.NdisMOidRequestComplete(s.m.adapters[0], address, status);
  s.on.request = async (request) => {
    expect(inside + (pending === 0 ? 0 : 1)).toBe(0);
    inside++;
    const { address } = request;
    handled.push(address);
    const what = behaviours.get(address);
    if (what === 'waits') await ntoskrnl.KeDelayExecutionThread(0, 0, interval.address);
    inside--;
    if (what === 'pends') pending = address;
    if (what === 'completesInside') finish(address, NDIS_STATUS_SUCCESS);
    return what === 'pends' || what === 'completesInside' ? NDIS_STATUS_PENDING : NDIS_STATUS_SUCCESS;
  };
  s.on.cancel = () => {
    if (pending === 0) return;
    const address = pending;
    pending = 0;
    finish(address, NDIS_STATUS_REQUEST_ABORTED);
  };
  const record = (address: Address, status: number) => {
    expect(results.has(address)).toBe(false);
    results.set(address, status);
  };
  s.on.complete = record;
  const completePending = () => {
    const address = pending;
    pending = 0;
    if (address !== 0) finish(address, NDIS_STATUS_SUCCESS);
  };
  for (const action of steps) {
    await s.t.run(async () => {
      if (action.kind === 'complete') return completePending();
      const p = s.protocols[action.protocol];
      const binding = p.bindings[0].handle.value;
      if (action.kind === 'cancel') {
        p.driver.ndis.NdisCancelOidRequest(binding, 100 + action.nth);
        return undefined;
      }
      const request = s.create({ oid: PRIVATE, id: 100 + sent.length });
      behaviours.set(request.address, action.behaviour);
      sent.push(request.address);
      if (action.raised) s.t.kernel.irql = DISPATCH_LEVEL;
      const returned = s.send(request, action.protocol);
      if (action.raised) s.t.kernel.irql = 0;
      const status = await returned;
      if (status !== NDIS_STATUS_PENDING) record(request.address, status);
      return undefined;
    });
  }
  for (let i = 0; i <= steps.length; i++) {
    await s.t.runAll();
    await s.t.run(completePending);
  }
  await s.t.runAll();
  // Each is complete once; the miniport saw them in order, but for those that were cancelled before their turn.
  expect(new Set(results.keys())).toEqual(new Set(sent));
  expect(handled).toEqual(sent.filter((address) => handled.includes(address)));
  for (const address of sent) {
    if (!handled.includes(address)) expect(results.get(address)).toBe(NDIS_STATUS_REQUEST_ABORTED);
  }
  expect(s.bindings.map((binding) => binding.requestsOutstanding)).toEqual([0, 0]);
  expect(s.t.findings()).toEqual([]);
}

test('one request at a time, in order, each completed once, whatever happens (network/miniport-adapter-oid-request-serialization)', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), fc.nat(100_000), check), {
    numRuns: 40,
  });
}, 60_000);

test('the same seed makes the same choices between inline and pending', async () => {
  const choices = async (seed: number) => {
    const s = await createOidStack({ seed });
    const returned: number[] = [];
    for (let i = 0; i < 12; i++) {
      returned.push(await s.t.run(() => s.send(s.create({ oid: PRIVATE }))));
      await s.t.runAll();
    }
    return returned;
  };
  const first = await choices(7);
  expect(await choices(7)).toEqual(first);
  expect(new Set(first)).toEqual(new Set([NDIS_STATUS_SUCCESS, NDIS_STATUS_PENDING]));
});

test('a close gives up what the miniport never completes, and names it (nf-ndis-ndismoidrequestcomplete)', async () => {
  const s = await createOidStack({ seed: 3 });
  let first = true;
  s.on.request = () => {
    const status = first ? NDIS_STATUS_PENDING : NDIS_STATUS_SUCCESS;
    first = false;
    return status;
  };
  const requests = [s.create({ oid: PRIVATE }), s.create({ oid: PRIVATE })];
  for (const request of requests) await s.t.run(() => s.send(request));
  await s.t.run(() => s.p.driver.ndis.NdisUnbindAdapter(s.p.bindings[0].handle.value));
  await s.t.runAll();
  expect(s.completions.map(([address]) => address)).toContain(requests[0].address);
  expect(s.p.object().bindings.size).toBe(0);
  expect(s.t.findings()).toEqual(['OID_REQUEST_NEVER_COMPLETED miniport']);
  s.t.halt(s.adapter);
  await s.t.runAll();
  expect(s.adapter.state).toBe('Halted');
});
