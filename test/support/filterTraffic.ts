/**
 * Traffic through filter modules that come and go: a miniport, protocols and filters that hold lists, originate their
 * own and keep to the rules of pausing, and an account of every list, so that none is lost and none comes back twice.
 */

import type { Address } from '../../src/memory/index.ts';
import {
  NBL_SOURCE_HANDLE,
  NBL_STATUS,
  NDIS_STATUS_PAUSED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
  type NET_PNP_EVENT_NOTIFICATION,
  NetEventPause,
  NetEventRestart,
} from '../../src/ndis/index.ts';
import {
  createTestMiniport,
  createTestProtocol,
  registerMiniport,
  registerProtocol,
  type TestBinding,
} from './drivers.ts';
import {
  createTestFilter,
  FILTER_ATTRIBUTES,
  partialCharacteristics,
  registerFilter,
  type TestFilter,
} from './filter.ts';
import { chain, createFrames, listsOf } from './lists.ts';
import type { TestDriver, TestNdis } from './ndis.ts';

const OTHER = [2, 0, 0, 0, 0, 9];

/** Where every list is: with its owner, or on its way. */
export class Account {
  readonly #free: Address[] = [];
  readonly #out = new Map<Address, string>();
  readonly mistakes: string[] = [];
  sent = 0;

  add(lists: readonly Address[]): void {
    this.#free.push(...lists);
  }

  /** Takes `count` lists to send or indicate as `owner`. */
  take(count: number, owner: string): Address[] {
    const lists = this.#free.splice(0, Math.min(count, this.#free.length));
    for (const list of lists) this.#out.set(list, owner);
    this.sent += lists.length;
    return lists;
  }

  /** Lists come back to `owner`. */
  back(lists: readonly Address[], owner: string): void {
    for (const list of lists) {
      const known = this.#out.get(list);
      if (known !== owner)
        this.mistakes.push(`0x${list.toString(16)} of ${known ?? 'nobody'} came back to ${owner}`);
      if (!this.#out.delete(list)) continue;
      this.#free.push(list);
    }
  }

  get out(): number {
    return this.#out.size;
  }
}

/** A module of a traffic filter. */
interface Module {
  readonly handle: Address;
  running: boolean;
  pausing: boolean;
  own: number;
  /** Sends and receives of others that it keeps for a while. */
  readonly sends: Address[];
  readonly receives: Address[];
}

export interface TrafficFilter {
  readonly f: TestFilter;
  readonly modules: Module[];
  /** Register, deregister, toggle handlers; each returns at once. */
  register(): Promise<void>;
  deregister(): void;
  toggle(choice: number): Promise<void>;
  originate(count: number): Promise<void>;
  /** Passes on what it keeps. */
  flush(): Promise<void>;
  readonly registered: boolean;
}

function withSource(t: TestNdis, lists: readonly Address[], source: Address): Address {
  for (const list of lists) t.memory.writePointer(list + NBL_SOURCE_HANDLE, source);
  return chain(t, lists);
}

/** A filter that passes on, keeps or originates, as `keep` says. */
export function createTrafficFilter(
  t: TestNdis,
  name: string,
  account: Account,
  keep: number,
): TrafficFilter {
  const f = createTestFilter(t, name);
  const { ndis } = f.driver;
  const modules: Module[] = [];
  let registered = false;
  let counter = 0;
  let handlers: readonly boolean[] = [true, true];
  const split = (module: Module, lists: Address): readonly [Address[], Address[]] => {
    const own: Address[] = [];
    const others: Address[] = [];
    for (const list of listsOf(t, lists))
      (t.memory.readPointer(list + NBL_SOURCE_HANDLE) === module.handle ? own : others).push(list);
    return [own, others];
  };
  const backHome = (module: Module, own: readonly Address[]): void => {
    if (own.length === 0) return;
    module.own -= own.length;
    account.back(own, name);
    if (module.pausing && module.own === 0) {
      module.pausing = false;
      ndis.NdisFPauseComplete(module.handle);
    }
  };
  const moduleAt = (context: unknown) => context as Module;
  f.onSend = (context, lists, port, flags) => {
    const module = moduleAt(context);
    if (keep > 0 && module.running && counter++ % keep === 0) module.sends.push(...listsOf(t, lists));
    else ndis.NdisFSendNetBufferLists(module.handle, lists, port, flags);
  };
  f.onSendComplete = (context, lists, flags) => {
    const module = moduleAt(context);
    const [own, others] = split(module, lists);
    if (others.length > 0) ndis.NdisFSendNetBufferListsComplete(module.handle, chain(t, others), flags);
    backHome(module, own);
  };
  f.onReceive = (context, lists, port, count, flags) => {
    const module = moduleAt(context);
    if (keep > 0 && module.running && (flags & 2) === 0 && counter++ % keep === 0)
      module.receives.push(...listsOf(t, lists));
    else ndis.NdisFIndicateReceiveNetBufferLists(module.handle, lists, port, count, flags);
  };
  f.onReturn = (context, lists, flags) => {
    const module = moduleAt(context);
    const [own, others] = split(module, lists);
    if (others.length > 0) ndis.NdisFReturnNetBufferLists(module.handle, chain(t, others), flags);
    backHome(module, own);
  };
  const giveBack = (module: Module): void => {
    const sends = module.sends.splice(0);
    for (const list of sends) t.memory.u32[(list + NBL_STATUS) >> 2] = NDIS_STATUS_PAUSED;
    if (sends.length > 0) ndis.NdisFSendNetBufferListsComplete(module.handle, chain(t, sends), 0);
    const receives = module.receives.splice(0);
    if (receives.length > 0) ndis.NdisFReturnNetBufferLists(module.handle, chain(t, receives), 0);
  };
  const characteristics = {
    AttachHandler: (handle: Address) => {
      const module: Module = { handle, running: false, pausing: false, own: 0, sends: [], receives: [] };
      modules.push(module);
      return ndis.NdisFSetAttributes(handle, module, FILTER_ATTRIBUTES);
    },
    DetachHandler: (context: unknown) => {
      modules.splice(modules.indexOf(moduleAt(context)), 1);
    },
    RestartHandler: (context: unknown) => {
      moduleAt(context).running = true;
      return NDIS_STATUS_SUCCESS;
    },
    PauseHandler: (context: unknown) => {
      const module = moduleAt(context);
      module.running = false;
      giveBack(module);
      module.pausing = module.own > 0;
      return module.pausing ? NDIS_STATUS_PENDING : NDIS_STATUS_SUCCESS;
    },
    SetFilterModuleOptionsHandler: (context: unknown) => {
      const [send, receive] = handlers;
      return ndis.NdisSetOptionalHandlers(
        moduleAt(context).handle,
        partialCharacteristics(t, f.driver, {
          SendNetBufferListsHandler: send ? f.onSend : null,
          SendNetBufferListsCompleteHandler: send ? f.onSendComplete : null,
          ReceiveNetBufferListsHandler: receive ? f.onReceive : null,
          ReturnNetBufferListsHandler: receive ? f.onReturn : null,
        }),
      );
    },
  };
  return {
    f,
    modules,
    get registered() {
      return registered;
    },
    register: async () => {
      registered = true;
      await registerFilter(t, f, characteristics);
    },
    deregister: () => {
      registered = false;
      t.start(() => ndis.NdisFDeregisterFilterDriver(f.handle.value));
    },
    toggle: async (choice) => {
      handlers = [(choice & 1) !== 0, (choice & 2) !== 0];
      await t.run(() => {
        for (const module of modules) if (module.running) ndis.NdisFRestartFilter(module.handle);
      });
    },
    originate: (count) =>
      t.run(() => {
        for (const module of modules) {
          const [send, receive] = handlersOf(t, module);
          if (!module.running) continue;
          const down = send ? account.take(count, name) : [];
          module.own += down.length;
          if (down.length > 0)
            ndis.NdisFSendNetBufferLists(module.handle, withSource(t, down, module.handle), 0, 0);
          if (!module.running) continue;
          const up = receive ? account.take(count, name) : [];
          module.own += up.length;
          if (up.length > 0)
            ndis.NdisFIndicateReceiveNetBufferLists(
              module.handle,
              withSource(t, up, module.handle),
              0,
              up.length,
              0,
            );
        }
      }),
    flush: () =>
      t.run(() => {
        for (const module of modules) {
          const sends = module.sends.splice(0);
          if (sends.length > 0) ndis.NdisFSendNetBufferLists(module.handle, chain(t, sends), 0, 0);
          const receives = module.receives.splice(0);
          if (receives.length > 0)
            ndis.NdisFIndicateReceiveNetBufferLists(module.handle, chain(t, receives), 0, receives.length, 0);
        }
      }),
  };
}

/** Whether a module has its completion and return handlers now: without them it may not originate. */
function handlersOf(t: TestNdis, module: Module): readonly [boolean, boolean] {
  const object = t.memory.objects.valueAt(module.handle) as {
    readonly data: { readonly sendComplete: unknown; readonly returnLists: unknown };
  };
  return [object.data.sendComplete !== null, object.data.returnLists !== null];
}

/** A miniport that keeps sends until told, and pauses as documented. */
export async function createTrafficMiniport(t: TestNdis, account: Account) {
  const m = createTestMiniport(t, 'nic');
  const { ndis } = m.driver;
  const queue: Address[] = [];
  let indicated = 0;
  let running = false;
  let pausing = false;
  const complete = (status: number): void => {
    const lists = queue.splice(0);
    for (const list of lists) t.memory.u32[(list + NBL_STATUS) >> 2] = status;
    if (lists.length > 0) ndis.NdisMSendNetBufferListsComplete(m.adapters[0], chain(t, lists), 0);
  };
  let sent = 0;
  m.onSend = (_context, lists) => {
    sent += listsOf(t, lists).length;
    queue.push(...listsOf(t, lists));
  };
  m.onReturn = (_context, lists) => {
    const all = listsOf(t, lists);
    indicated -= all.length;
    account.back(all, 'nic');
    if (!pausing || indicated > 0) return;
    pausing = false;
    ndis.NdisMPauseComplete(m.adapters[0]);
  };
  await registerMiniport(t, m, {
    RestartHandler: () => {
      running = true;
      return NDIS_STATUS_SUCCESS;
    },
    PauseHandler: () => {
      running = false;
      complete(NDIS_STATUS_PAUSED);
      pausing = indicated > 0;
      return pausing ? NDIS_STATUS_PENDING : NDIS_STATUS_SUCCESS;
    },
  });
  return {
    m,
    /** Lists that reached it. */
    sent: () => sent,
    complete: () => t.run(() => complete(NDIS_STATUS_SUCCESS)),
    indicate: (count: number, lend: boolean) =>
      t.run(() => {
        if (!running) return;
        const lists = account.take(count, 'nic');
        if (lists.length === 0) return;
        if (!lend) indicated += lists.length;
        const flags = lend ? 2 : 0;
        ndis.NdisMIndicateReceiveNetBufferLists(
          m.adapters[0],
          withSource(t, lists, m.adapters[0]),
          0,
          lists.length,
          flags,
        );
        if (lend) account.back(lists, 'nic');
      }),
  };
}

/** A protocol that keeps what it receives until told, and pauses as documented. */
export async function createTrafficProtocol(t: TestNdis, name: string, account: Account) {
  const p = createTestProtocol(t, name);
  const { ndis } = p.driver;
  const kept: Address[] = [];
  let running = false;
  let outstanding = 0;
  let pause: NET_PNP_EVENT_NOTIFICATION | null = null;
  const handle = () => p.bindings.at(-1)?.handle.value ?? 0;
  const giveBack = (): void => {
    const lists = kept.splice(0);
    if (lists.length > 0) ndis.NdisReturnNetBufferLists(handle(), chain(t, lists), 0);
  };
  p.onReceive = (_context, lists, _port, _count, flags) => {
    if ((flags & 2) === 0) kept.push(...listsOf(t, lists));
    if (!running) giveBack();
  };
  p.onSendComplete = (_context, lists) => {
    const all = listsOf(t, lists);
    outstanding -= all.length;
    account.back(all, name);
  };
  const finishPause = (): Promise<void> =>
    t.run(() => {
      if (pause === null || outstanding > 0) return;
      const event = pause;
      pause = null;
      ndis.NdisCompleteNetPnPEvent(handle(), event.address, NDIS_STATUS_SUCCESS);
    });
  await registerProtocol(t, p, {
    NetPnPEventHandler: (_context: TestBinding, event: NET_PNP_EVENT_NOTIFICATION) => {
      const { NetEvent } = event.NetPnPEvent;
      if (NetEvent === NetEventRestart) running = true;
      if (NetEvent !== NetEventPause) return NDIS_STATUS_SUCCESS;
      running = false;
      giveBack();
      if (outstanding === 0) return NDIS_STATUS_SUCCESS;
      pause = event;
      return NDIS_STATUS_PENDING;
    },
  });
  return {
    p,
    finishPause,
    returnKept: () => t.run(giveBack),
    send: (count: number) =>
      t.run(() => {
        if (!running) return;
        const lists = account.take(count, name);
        outstanding += lists.length;
        if (lists.length > 0) ndis.NdisSendNetBufferLists(handle(), withSource(t, lists, handle()), 0, 0);
      }),
  };
}

/** Lists for an account, made by one driver. */
export async function fill(t: TestNdis, driver: TestDriver, account: Account, count: number): Promise<void> {
  const frame = await t.run(() => createFrames(t, driver));
  account.add(await t.run(() => Array.from({ length: count }, () => frame(OTHER))));
}
