/**
 * Connection-oriented drivers for conformance tests: a client, a call manager and a miniport, or a miniport call manager,
 * that record what is asked of them. What a handler does is a property of `on`, which tests replace.
 */

import { poolOf } from '../../src/kernel/index.ts';
import { type Address, poolType, type Structure, type View } from '../../src/memory/index.ts';
import {
  CO_CALL_PARAMETERS,
  NDIS_CO_CALL_MANAGER_OPTIONAL_HANDLERS,
  NDIS_CO_CLIENT_OPTIONAL_HANDLERS,
  NDIS_MINIPORT_CO_CHARACTERISTICS,
  NDIS_OBJECT_TYPE_CO_CALL_MANAGER_OPTIONAL_HANDLERS,
  NDIS_OBJECT_TYPE_CO_CLIENT_OPTIONAL_HANDLERS,
  NDIS_OBJECT_TYPE_CO_MINIPORT_CHARACTERISTICS,
  NDIS_OBJECT_TYPE_CO_PROTOCOL_CHARACTERISTICS,
  NDIS_PROTOCOL_CO_CHARACTERISTICS,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
} from '../../src/ndis/index.ts';
import {
  createTestMiniport,
  createTestProtocol,
  protocolCharacteristics,
  registerMiniport,
  registerProtocol,
  type TestBinding,
  type TestMiniport,
  type TestProtocol,
} from './drivers.ts';
import type { TestDriver, TestNdis } from './ndis.ts';

/** The address family that the test call managers offer. */
export const FAMILY = 0x1234;

const CL = [
  'CreateVc',
  'DeleteVc',
  'OidRequest',
  'OidRequestComplete',
  'OpenAfComplete',
  'CloseAfComplete',
  'RegisterSapComplete',
  'DeregisterSapComplete',
  'MakeCallComplete',
  'ModifyCallQoSComplete',
  'CloseCallComplete',
  'AddPartyComplete',
  'DropPartyComplete',
  'IncomingCall',
  'IncomingCallQoSChange',
  'IncomingCloseCall',
  'IncomingDropParty',
  'CallConnected',
  'NotifyCloseAf',
] as const;
const CM = [
  'CreateVc',
  'DeleteVc',
  'OpenAf',
  'CloseAf',
  'RegisterSap',
  'DeregisterSap',
  'MakeCall',
  'CloseCall',
  'IncomingCallComplete',
  'AddParty',
  'DropParty',
  'ActivateVcComplete',
  'DeactivateVcComplete',
  'ModifyCallQoS',
  'OidRequest',
  'OidRequestComplete',
  'NotifyCloseAfComplete',
] as const;
const MP = [
  'CreateVc',
  'DeleteVc',
  'ActivateVc',
  'DeactivateVc',
  'SendNetBufferLists',
  'OidRequest',
] as const;
const CO = ['Status', 'AfRegisterNotify', 'ReceiveNetBufferLists', 'SendNetBufferListsComplete'] as const;
/** Handlers whose last parameter is where a context goes: 1 more than its index from the end. */
const GIVES_CONTEXT: Readonly<Record<string, true>> = {
  CreateVc: true,
  OpenAf: true,
  RegisterSap: true,
  MakeCall: true,
  AddParty: true,
};

/** What a test handler does: gets the arguments, gives a status, or nothing for success. */
export type TestHandler = (...args: never[]) => unknown;

/** One side. */
export interface CondisSide {
  readonly driver: TestDriver;
  readonly log: string[];
  readonly on: Record<string, TestHandler | undefined>;
  /** The last arguments of each handler. */
  readonly last: Record<string, readonly unknown[]>;
}

export interface TestClient extends CondisSide {
  readonly p: TestProtocol;
  /** Context and handle variables of address families that it opened, in order. */
  readonly families: { readonly handle: { value: Address }; readonly context: object; status: number }[];
  /** The handle of its first family. */
  readonly family: Address;
}

export interface TestCallManager extends CondisSide {
  /** Null in a miniport. */
  readonly p: TestProtocol | null;
}

export interface CondisStack {
  readonly t: TestNdis;
  readonly client: TestClient;
  readonly manager: TestCallManager;
  readonly m: TestMiniport;
  readonly miniport: CondisSide;
  /** NdisBindingHandle of the client and of a stand-alone call manager. */
  readonly clientBinding: Address;
  readonly managerBinding: Address;
}

function side(driver: TestDriver): CondisSide {
  return { driver, log: [], on: {}, last: {} };
}

/** The handlers of a structure: `prefix` + name + `Handler`, `Ex` where the member has it. */
function handlers(
  t: TestNdis,
  of: CondisSide,
  names: readonly string[],
  member: (name: string) => string,
): Record<string, (...args: unknown[]) => unknown> {
  return Object.fromEntries(
    names.map((name) => [
      member(name),
      (...args: unknown[]): unknown => {
        of.log.push(name);
        of.last[name] = args;
        const last = args.at(-1);
        if (GIVES_CONTEXT[name] && typeof last === 'number' && last !== 0) {
          t.memory.writePointer(last, t.memory.objects.addressOf({ of: name }, of.driver.driver));
        }
        // Tests write handlers for exactly these arguments.
        return (
          (of.on[name] as ((...all: unknown[]) => unknown) | undefined)?.(...args) ?? NDIS_STATUS_SUCCESS
        );
      },
    ]),
  );
}

/** A structure in the driver's memory: its header, and functions for its handlers. */
function structureOf(
  t: TestNdis,
  of: CondisSide,
  structure: Structure<View, string>,
  type: number,
  functions: Readonly<Record<string, unknown>>,
): Address {
  const at = poolOf(t.kernel).allocateZeroed(poolType.nonPagedNx, structure.size, 1, 0);
  t.memory.u8[at] = type;
  t.memory.u8[at + 1] = 1;
  t.memory.u16[(at + 2) >> 1] = structure.size;
  t.memory.callables.owner = of.driver.driver;
  Object.assign(structure.at(t.memory, at), functions);
  return at;
}

/** NDIS_PROTOCOL_CO_CHARACTERISTICS of a side. */
export function coCharacteristics(t: TestNdis, of: CondisSide): Address {
  return structureOf(
    t,
    of,
    NDIS_PROTOCOL_CO_CHARACTERISTICS,
    NDIS_OBJECT_TYPE_CO_PROTOCOL_CHARACTERISTICS,
    handlers(t, of, CO, (name) => `Co${name}Handler${name === 'Status' ? 'Ex' : ''}`),
  );
}

/** NDIS_CO_CLIENT_OPTIONAL_HANDLERS of a side. */
export function clientHandlers(t: TestNdis, of: CondisSide): Address {
  return structureOf(
    t,
    of,
    NDIS_CO_CLIENT_OPTIONAL_HANDLERS,
    NDIS_OBJECT_TYPE_CO_CLIENT_OPTIONAL_HANDLERS,
    handlers(t, of, CL, (name) => `Cl${name}Handler${name === 'OpenAfComplete' ? 'Ex' : ''}`),
  );
}

/** NDIS_CO_CALL_MANAGER_OPTIONAL_HANDLERS of a side. */
export function callManagerHandlers(t: TestNdis, of: CondisSide): Address {
  return structureOf(
    t,
    of,
    NDIS_CO_CALL_MANAGER_OPTIONAL_HANDLERS,
    NDIS_OBJECT_TYPE_CO_CALL_MANAGER_OPTIONAL_HANDLERS,
    handlers(t, of, CM, (name) => `Cm${name}Handler`),
  );
}

/** NDIS_MINIPORT_CO_CHARACTERISTICS of a side; a miniport call manager has no handlers for VCs. */
export function miniportHandlers(t: TestNdis, of: CondisSide, mcm: boolean): Address {
  const names = mcm ? (['SendNetBufferLists', 'OidRequest'] as const) : MP;
  return structureOf(
    t,
    of,
    NDIS_MINIPORT_CO_CHARACTERISTICS,
    NDIS_OBJECT_TYPE_CO_MINIPORT_CHARACTERISTICS,
    handlers(t, of, names, (name) => `Co${name}Handler`),
  );
}

/** Registers a client, which opens every family that it is told of. */
async function registerClient(t: TestNdis, name: string): Promise<TestClient> {
  const p = createTestProtocol(t, name);
  const { ndis } = p.driver;
  const families: TestClient['families'] = [];
  const client: TestClient = {
    ...side(p.driver),
    p,
    families,
    get family() {
      return families[0]?.handle.value ?? 0;
    },
  };
  client.on['AfRegisterNotify'] = ((binding: TestBinding, family: object) => {
    const opened = { handle: p.driver.cell(), context: { of: name }, status: NDIS_STATUS_PENDING as number };
    families.push(opened);
    const status = ndis.NdisClOpenAddressFamilyEx(
      binding.handle.value,
      family as never,
      opened.context,
      opened.handle,
    );
    if (status !== NDIS_STATUS_PENDING) opened.status = status;
  }) as TestHandler;
  client.on['OpenAfComplete'] = ((context: object, _handle: Address, status: number) => {
    const opened = families.find((family) => family.context === context);
    if (opened !== undefined) opened.status = status;
  }) as TestHandler;
  await registerProtocol(t, p, {
    SetOptionsHandler: (handle: Address) => {
      ndis.NdisSetOptionalHandlers(handle, coCharacteristics(t, client));
      return ndis.NdisSetOptionalHandlers(handle, clientHandlers(t, client));
    },
  });
  return client;
}

/** Registers a stand-alone call manager, which offers its family on every adapter. */
async function registerCallManager(t: TestNdis): Promise<TestCallManager> {
  const p = createTestProtocol(t, 'manager');
  const { ndis } = p.driver;
  const manager: TestCallManager = { ...side(p.driver), p };
  const usual = protocolCharacteristics(p);
  const offer = (binding: TestBinding): number =>
    ndis.NdisCmRegisterAddressFamilyEx(binding.handle.value, {
      AddressFamily: FAMILY,
      MajorVersion: 1,
      MinorVersion: 0,
    });
  await registerProtocol(t, p, {
    BindAdapterHandlerEx: (...args: Parameters<typeof usual.BindAdapterHandlerEx>) => {
      const status = usual.BindAdapterHandlerEx(...args);
      return status === NDIS_STATUS_SUCCESS ? offer(p.bindings[p.bindings.length - 1]) : status;
    },
    OpenAdapterCompleteHandlerEx: (context: TestBinding, status: number) => {
      ndis.NdisCompleteBindAdapterEx(context.bindContext, status === 0 ? offer(context) : status);
    },
    SetOptionsHandler: (handle: Address) => {
      ndis.NdisSetOptionalHandlers(handle, coCharacteristics(t, manager));
      return ndis.NdisSetOptionalHandlers(handle, callManagerHandlers(t, manager));
    },
  });
  return manager;
}

/** A miniport call manager offers its family, as it does whenever it was initialized. */
export async function offerFamily(t: TestNdis, m: TestMiniport): Promise<void> {
  await t.run(() => {
    const family = { AddressFamily: FAMILY, MajorVersion: 1, MinorVersion: 0 };
    m.driver.ndis.NdisMCmRegisterAddressFamilyEx(m.adapters.at(-1) ?? 0, family);
  });
  await t.runAll();
}

/** A stack of a client over a call manager, stand-alone or in the miniport, up and running, its family open. */
export async function createCondisStack(
  t: TestNdis,
  options: { readonly mcm?: boolean } = {},
): Promise<CondisStack> {
  const { mcm = false } = options;
  const m = createTestMiniport(t);
  const miniport = side(m.driver);
  const inMiniport: TestCallManager = { ...side(m.driver), p: null };
  await registerMiniport(t, m, {
    SetOptionsHandler: (handle: Address) => {
      if (mcm) m.driver.ndis.NdisSetOptionalHandlers(handle, callManagerHandlers(t, inMiniport));
      return m.driver.ndis.NdisSetOptionalHandlers(handle, miniportHandlers(t, miniport, mcm));
    },
  });
  const manager = mcm ? inMiniport : await registerCallManager(t);
  const client = await registerClient(t, 'client');
  t.addAdapter(m.object(), 'Atm');
  await t.runAll();
  if (mcm) await offerFamily(t, m);
  return {
    t,
    client,
    manager,
    m,
    miniport,
    get clientBinding() {
      return client.p.bindings[0].handle.value;
    },
    get managerBinding() {
      return manager.p?.bindings[0].handle.value ?? 0;
    },
  };
}

type AnyCall = (...args: unknown[]) => unknown;

/** The function of a call manager: `NdisCm` + name, or `NdisMCm` + name in a miniport. */
export function cm(s: CondisStack, name: string): AnyCall {
  const table = s.manager.driver.ndis as unknown as Readonly<Record<string, AnyCall>>;
  return table[`${s.manager.p === null ? 'NdisMCm' : 'NdisCm'}${name}`];
}

/** CO_CALL_PARAMETERS in non-paged pool. */
export function callParameters(t: TestNdis): Address {
  return poolOf(t.kernel).allocateZeroed(poolType.nonPagedNx, CO_CALL_PARAMETERS.size, 1, 0);
}

/** A VC of the client. */
export async function clientVc(s: CondisStack): Promise<Address> {
  const cell = s.client.driver.cell();
  const context = { of: 'client VC' };
  const status = await s.t.run(() =>
    s.client.driver.ndis.NdisCoCreateVc(s.clientBinding, s.client.family, context, cell),
  );
  if (status !== NDIS_STATUS_SUCCESS) throw new Error(`NdisCoCreateVc: 0x${status.toString(16)}`);
  return cell.value;
}

/** A VC of the call manager for the client's family. */
export async function managerVc(s: CondisStack): Promise<Address> {
  const cell = s.manager.driver.cell();
  const context = { of: 'manager VC' };
  const { ndis } = s.manager.driver;
  const status = await s.t.run(() =>
    s.manager.p === null
      ? ndis.NdisMCmCreateVc(s.m.adapters[0], s.client.family, context, cell)
      : ndis.NdisCoCreateVc(s.managerBinding, s.client.family, context, cell),
  );
  if (status !== NDIS_STATUS_SUCCESS) throw new Error(`create VC: 0x${status.toString(16)}`);
  return cell.value;
}

/** A connected call of the client, multipoint where a cell for its first party is given. */
export async function connectedCall(s: CondisStack, party?: { value: Address }): Promise<Address> {
  const vc = await clientVc(s);
  const parameters = callParameters(s.t);
  s.manager.on['MakeCall'] = (() => NDIS_STATUS_PENDING) as TestHandler;
  await s.t.run(() => {
    const context = party === undefined ? null : { of: 'first party' };
    s.client.driver.ndis.NdisClMakeCall(vc, parameters, context, (party ?? null) as never);
    cm(s, 'ActivateVc')(vc, parameters);
    const handle = s.manager.last['MakeCall'][2];
    cm(s, 'MakeCallComplete')(NDIS_STATUS_SUCCESS, vc, handle, { of: 'CM party' }, parameters);
  });
  s.manager.on['MakeCall'] = undefined;
  return vc;
}

/** Ends a call and deletes its VC, which its creator may. */
export async function endCall(s: CondisStack, vc: Address, party: Address = 0): Promise<number[]> {
  return s.t.run(() => {
    const closed = s.client.driver.ndis.NdisClCloseCall(vc, party, 0, 0);
    const deactivated = cm(s, 'DeactivateVc')(vc) as number;
    return [closed, deactivated, s.client.driver.ndis.NdisCoDeleteVc(vc)];
  });
}
