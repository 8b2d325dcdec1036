/**
 * Random play of requests through filter modules: made, held, answered, passed on and cancelled in any order, modules
 * taken out meanwhile. Whatever happens, every request completes once.
 */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createFilterStack, type FilterStack } from '../../../test/support/filterStack.ts';
import {
  completeForDrivers,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_REQUEST_ABORTED,
  NDIS_STATUS_SUCCESS,
} from '../index.ts';
import { oidRequestsOf } from './requestRecord.ts';

const PRIVATE = 0xff010203;
const NAMES = ['first', 'second', 'third'];

type Behaviour = 'pass' | 'hold' | 'answer';

const action = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('ask' as const), id: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('own' as const), filter: fc.nat(2) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('cancel' as const), id: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('release' as const), filter: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('detach' as const), filter: fc.nat(2) }) },
);

/** Plays at one driver: what it does with the next requests, and those that it holds. */
class Player {
  readonly held: number[] = [];
  readonly #behaviours: readonly Behaviour[];
  #next = 0;
  tired = false;

  constructor(behaviours: readonly Behaviour[]) {
    this.#behaviours = behaviours;
  }

  behaviour(): Behaviour {
    if (this.tired || this.#behaviours.length === 0) return 'pass';
    return this.#behaviours[this.#next++ % this.#behaviours.length];
  }
}

async function play(
  count: number,
  seed: number,
  behaviours: readonly (readonly Behaviour[])[],
  actions: readonly (typeof action extends fc.Arbitrary<infer A> ? A : never)[],
): Promise<void> {
  const x: FilterStack = await createFilterStack({ seed }, NAMES.slice(0, count));
  const { s, filters } = x;
  const { ndis } = s.p.driver;
  const players = [...filters, null].map((_, index) => new Player(behaviours[index] ?? []));
  const miniport = players[count];
  /** Requests that were made, with how often each completed. */
  const completed = new Map<number, number>();
  const done = (request: number): void => {
    completed.set(request, (completed.get(request) ?? 0) + 1);
  };
  s.on.complete = (request) => done(request);
  s.on.request = (request) => {
    if (miniport.behaviour() !== 'hold') return NDIS_STATUS_SUCCESS;
    miniport.held.push(request.address);
    return NDIS_STATUS_PENDING;
  };
  const complete = (index: number, request: number, status: number): void => {
    const { held } = players[index];
    const at = held.indexOf(request);
    if (at < 0) return;
    held.splice(at, 1);
    if (index === count) s.m.driver.ndis.NdisMOidRequestComplete(s.m.adapters[0], request, status);
    else filters[index].f.driver.ndis.NdisFOidRequestComplete(filters[index].handle, request, status);
  };
  // A driver that is asked to cancel completes what it holds; there is one request at a time.
  s.on.cancel = () => complete(count, miniport.held[0] ?? 0, NDIS_STATUS_REQUEST_ABORTED);
  for (const [index, filter] of filters.entries()) {
    const player = players[index];
    const forward = filter.onComplete;
    filter.onComplete = (request, status) =>
      completed.has(request) ? done(request) : forward(request, status);
    filter.onRequest = (request) => {
      const behaviour = player.behaviour();
      if (behaviour === 'pass') return filter.pass(request.address);
      if (behaviour === 'answer') return NDIS_STATUS_FAILURE;
      player.held.push(request.address);
      return NDIS_STATUS_PENDING;
    };
    filter.onCancel = (id) => {
      if (player.held.length > 0) complete(index, player.held[0], NDIS_STATUS_REQUEST_ABORTED);
      else filter.f.driver.ndis.NdisFCancelOidRequest(filter.handle, id as number);
    };
  }
  const make = async (request: number, call: () => number | Promise<number>): Promise<void> => {
    completed.set(request, 0);
    const status = await s.t.run(call);
    if (status !== NDIS_STATUS_PENDING) done(request);
  };
  const attached = new Set(filters);
  for (const step of actions) {
    const filter = step.kind === 'own' || step.kind === 'detach' ? filters[step.filter] : undefined;
    switch (step.kind) {
      case 'ask': {
        const request = s.create({ oid: PRIVATE, id: step.id });
        await make(request.address, () => s.send(request));
        break;
      }
      case 'own': {
        if (filter === undefined || !attached.has(filter)) break;
        const { address } = s.create({ oid: PRIVATE });
        await make(address, () => filter.f.driver.ndis.NdisFOidRequest(filter.handle, address));
        break;
      }
      case 'cancel':
        await s.t.run(() => ndis.NdisCancelOidRequest(s.bindings[0].handle, step.id));
        break;
      case 'release': {
        const player = players[step.filter];
        const [request] = player?.held ?? [];
        if (request !== undefined) await s.t.run(() => complete(step.filter, request, NDIS_STATUS_SUCCESS));
        break;
      }
      case 'detach': {
        if (filter === undefined || !attached.delete(filter)) break;
        // A driver waits for what it asked itself before it lets go of its module.
        while (
          [...oidRequestsOf(s.t.ndis).records.values()].some(
            (record) => record.module?.handle === filter.handle,
          )
        ) {
          for (const player of players) player.tired = true;
          for (const [index, player] of players.entries())
            for (const request of player.held.slice()) await s.t.run(() => complete(index, request, 0));
          await s.t.runAll();
        }
        s.t.start(() => filter.f.driver.ndis.NdisFDeregisterFilterDriver(filter.f.handle.value));
        break;
      }
    }
    if (seed % 2 === 0) await s.t.runAll();
  }
  for (const player of players) player.tired = true;
  for (let left = 200; left > 0; left--) {
    await s.t.runAll();
    const index = players.findIndex((player) => player.held.length > 0);
    if (index < 0) break;
    await s.t.run(() => complete(index, players[index].held[0], NDIS_STATUS_SUCCESS));
  }
  expect(completeForDrivers(s.t.ndis)).toBe(0);
  expect([...completed.values()].filter((times) => times !== 1)).toEqual([]);
  expect(oidRequestsOf(s.t.ndis).records.size).toBe(0);
  expect(s.bindings[0].requestsOutstanding).toBe(0);
  expect(s.adapter.filters).toHaveLength(attached.size);
  expect(s.t.findings()).toEqual([]);
}

test('each request completes once, in any play (network/filtering-oid-requests-in-an-ndis-filter-driver)', async () => {
  const behaviours = fc.array(
    fc.array(fc.constantFrom<Behaviour>('pass', 'hold', 'hold', 'answer'), { maxLength: 4 }),
    { minLength: 4, maxLength: 4 },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3 }),
      fc.nat(10_000),
      behaviours,
      fc.array(action, { maxLength: 14 }),
      play,
    ),
    { numRuns: 80, seed: 11 },
  );
}, 60_000);
