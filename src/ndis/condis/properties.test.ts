import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type CondisStack,
  callParameters,
  cm,
  createCondisStack,
  type TestHandler,
} from '../../../test/support/condis.ts';
import { createTestNdis } from '../../../test/support/ndis.ts';
import { runDown } from '../../../test/support/takeDown.ts';
import { poolOf } from '../../kernel/index.ts';
import type { Address } from '../../memory/index.ts';
import {
  connectionsOf,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
  VirtualConnection,
} from '../index.ts';
import { NDIS_POOL_TAG } from '../reserve.ts';

const OPERATIONS = [
  'registerSap',
  'deregisterSap',
  'clientVc',
  'managerVc',
  'makeCall',
  'makeMultipoint',
  'addParty',
  'dropParty',
  'incomingDrop',
  'activate',
  'deactivate',
  'incomingCall',
  'connected',
  'modify',
  'incomingQoS',
  'closeCall',
  'incomingClose',
  'deleteVc',
  'notify',
  'closeAf',
  'complete',
  'complete',
  'settle',
] as const;

/** How the handlers that may pend answer. */
const ANSWERS = ['success', 'failure', 'pending', 'completed inside'] as const;

const step = fc.record({
  what: fc.constantFrom(...OPERATIONS),
  answer: fc.constantFrom(...ANSWERS),
  pick: fc.nat(7),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** What has to be completed, oldest first. */
type Owed = (status: number) => void;

class Play {
  readonly s: CondisStack;
  readonly owed: Owed[] = [];
  readonly vcs: Address[] = [];
  readonly saps: Address[] = [];
  readonly parties: Address[] = [];
  readonly #parameters: Address;

  constructor(s: CondisStack) {
    this.s = s;
    this.#parameters = callParameters(s.t);
  }

  pick<T>(from: readonly T[], { pick }: Step): T | undefined {
    return from.length === 0 ? undefined : from[pick % from.length];
  }

  /** A handler that answers as asked; `complete` is how its driver completes later. */
  handler(answer: Step['answer'], complete: (args: readonly unknown[]) => Owed): TestHandler {
    return ((...args: unknown[]) => {
      if (answer === 'success') return NDIS_STATUS_SUCCESS;
      if (answer === 'failure') return NDIS_STATUS_FAILURE;
      if (answer === 'pending') this.owed.push(complete(args));
      else complete(args)(NDIS_STATUS_SUCCESS);
      return NDIS_STATUS_PENDING;
    }) as TestHandler;
  }

  #vcOf(context: unknown): Address {
    for (const handle of this.vcs) {
      const vc = this.s.t.ndis.resolve(handle, VirtualConnection);
      if (vc?.managerContext.value === context || vc?.miniportContext.value === context) return handle;
    }
    return 0;
  }

  prepare(answer: Step['answer']): void {
    const { s } = this;
    const p = this.#parameters;
    const { manager, client, miniport } = s;
    const on = (name: string, complete: (args: readonly unknown[]) => Owed): void => {
      manager.on[name] = this.handler(answer, complete);
    };
    on('RegisterSap', (args) => (status) => cm(s, 'RegisterSapComplete')(status, args[2], {}));
    on('CloseAf', () => (status) => cm(s, 'CloseAddressFamilyComplete')(status, client.family));
    on('MakeCall', (args) => {
      const vc = this.#vcOf(args[0]);
      return (status) => cm(s, 'MakeCallComplete')(status, vc, args[2], {}, p);
    });
    on('ModifyCallQoS', (args) => {
      const vc = this.#vcOf(args[0]);
      return (status) => cm(s, 'ModifyCallQoSComplete')(status, vc, p);
    });
    on('AddParty', (args) => (status) => cm(s, 'AddPartyComplete')(status, args[2], {}, p));
    client.on['IncomingCall'] = this.handler(answer, () => {
      const vc = this.vcs.find(
        (handle) => s.t.ndis.resolve(handle, VirtualConnection)?.pending.has('incomingCall') === true,
      );
      return (status) => client.driver.ndis.NdisClIncomingCallComplete(status, vc ?? 0, p);
    });
    client.on['NotifyCloseAf'] = this.handler(
      answer,
      () => (status) => client.driver.ndis.NdisClNotifyCloseAddressFamilyComplete(client.family, status),
    );
    const { ndis } = s.m.driver;
    miniport.on['ActivateVc'] = this.handler(answer, (args) => {
      const vc = this.#vcOf(args[0]);
      return (status) => ndis.NdisMCoActivateVcComplete(status, vc, p);
    });
    miniport.on['DeactivateVc'] = this.handler(answer === 'failure' ? 'success' : answer, (args) => {
      const vc = this.#vcOf(args[0]);
      return () => ndis.NdisMCoDeactivateVcComplete(NDIS_STATUS_SUCCESS, vc);
    });
  }

  /** One operation, whether it is allowed now or not. */
  perform(one: Step): void {
    const { s } = this;
    const p = this.#parameters;
    const cl = s.client.driver.ndis;
    const mcm = s.manager.p === null;
    const managerNdis = s.manager.driver.ndis;
    const vc = this.pick(this.vcs, one) ?? 0;
    const party = this.pick(this.parties, one) ?? 0;
    const cell = s.client.driver.cell();
    this.prepare(one.answer);
    switch (one.what) {
      case 'registerSap':
        cl.NdisClRegisterSap(s.client.family, {}, p, cell);
        if (cell.value !== 0) this.saps.push(cell.value);
        return;
      case 'deregisterSap':
        return void cl.NdisClDeregisterSap(this.pick(this.saps, one) ?? 0);
      case 'clientVc':
        cl.NdisCoCreateVc(s.clientBinding, s.client.family, {}, cell);
        if (cell.value !== 0) this.vcs.push(cell.value);
        return;
      case 'managerVc':
        if (mcm) managerNdis.NdisMCmCreateVc(s.m.adapters[0], s.client.family, {}, cell);
        else managerNdis.NdisCoCreateVc(s.managerBinding, s.client.family, {}, cell);
        if (cell.value !== 0) this.vcs.push(cell.value);
        return;
      case 'makeCall':
        return void cl.NdisClMakeCall(vc, p, null, null);
      case 'makeMultipoint':
        cl.NdisClMakeCall(vc, p, {}, cell);
        if (cell.value !== 0) this.parties.push(cell.value);
        return;
      case 'addParty':
        cl.NdisClAddParty(vc, {}, p, cell);
        if (cell.value !== 0) this.parties.push(cell.value);
        return;
      case 'dropParty':
        return void cl.NdisClDropParty(party, 0, 0);
      case 'incomingDrop':
        return void cm(s, 'DispatchIncomingDropParty')(0, party, 0, 0);
      case 'activate':
        return void cm(s, 'ActivateVc')(vc, p);
      case 'deactivate':
        return void cm(s, 'DeactivateVc')(vc);
      case 'incomingCall':
        return void cm(s, 'DispatchIncomingCall')(this.pick(this.saps, one) ?? 0, vc, p);
      case 'connected':
        return void cm(s, 'DispatchCallConnected')(vc);
      case 'modify':
        return void cl.NdisClModifyCallQoS(vc, p);
      case 'incomingQoS':
        return void cm(s, 'DispatchIncomingCallQoSChange')(vc, p);
      case 'closeCall':
        return void cl.NdisClCloseCall(vc, one.pick % 2 === 0 ? 0 : party, 0, 0);
      case 'incomingClose':
        return void cm(s, 'DispatchIncomingCloseCall')(0, vc, 0, 0);
      case 'deleteVc':
        return void (mcm && one.pick % 2 === 0
          ? managerNdis.NdisMCmDeleteVc(vc)
          : (one.pick % 2 === 0 ? managerNdis : cl).NdisCoDeleteVc(vc));
      case 'notify':
        return void cm(s, 'NotifyCloseAddressFamily')(s.client.family);
      case 'closeAf':
        return void cl.NdisClCloseAddressFamily(s.client.family);
      case 'complete':
        return this.owed.shift()?.(one.pick % 3 === 0 ? NDIS_STATUS_FAILURE : NDIS_STATUS_SUCCESS);
      case 'settle':
        return;
    }
  }
}

const bytesOfNdis = (s: CondisStack): readonly number[] => {
  const use = poolOf(s.t.kernel)
    .accounts.usesByTag()
    .find(({ tag }) => tag === NDIS_POOL_TAG)?.use;
  return [use?.bytes ?? 0, use?.blocks ?? 0];
};

/** Plays operations, then halts the adapter in whatever state all this is. */
async function play(
  seed: number,
  mcm: boolean,
  processors: number,
  steps: readonly Step[],
): Promise<CondisStack> {
  const fresh = await createCondisStack(createTestNdis({ seed, processors }), { mcm });
  fresh.t.halt([...fresh.m.object().adapters][0]);
  await runDown(fresh.t);
  const empty = bytesOfNdis(fresh);

  const s = await createCondisStack(createTestNdis({ seed, processors }), { mcm });
  const play = new Play(s);
  for (const one of steps) {
    if (one.what === 'settle') await s.t.runAll();
    else
      await s.t.run(() => {
        play.perform(one);
      });
  }
  const [adapter] = s.m.object().adapters;
  s.t.halt(adapter);
  await runDown(s.t);
  expect(adapter.halted).toBe(true);
  expect(connectionsOf(s.t.ndis).adapters.size).toBe(0);
  expect(connectionsOf(s.t.ndis).requests.size).toBe(0);
  for (const handle of [...play.vcs, ...play.saps, ...play.parties, s.client.family])
    expect(s.t.memory.objects.valueAt(handle)).toBeUndefined();
  expect(bytesOfNdis(s)).toEqual(empty);
  expect(adapter.sendsOutstanding).toBe(0);
  return s;
}

test.each([
  ['a stand-alone call manager', false, 1],
  ['a stand-alone call manager', false, 4],
  ['a miniport call manager', true, 1],
  ['a miniport call manager', true, 2],
])(
  'whatever client, call manager and miniport do, in every order, with every answer, the stack goes down and nothing is left: %s (in the miniport: %s), %i processors (network/closing-an-address-family)',
  async (_name, mcm, processors) => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 1000 }),
        fc.array(step, { maxLength: 40 }),
        async (seed, steps) => {
          const s = await play(seed, mcm, processors, steps);
          const own = s.t.findings().filter((finding) => finding.startsWith('LIBRARY_'));
          expect(own).toEqual([]);
        },
      ),
      { numRuns: 25, seed: 11 },
    );
  },
  120_000,
);
