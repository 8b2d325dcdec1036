/**
 * Connection-oriented drivers for NDIS 5 for conformance tests: a client, a call manager and a miniport, or a miniport
 * call manager, that note what is asked of them. What a handler does is a property of `on`, which tests replace.
 */

import { poolOf } from '../../src/kernel/index.ts';
import { type Address, poolType } from '../../src/memory/index.ts';
import {
  CO_CALL_PARAMETERS,
  NDIS_CALL_MANAGER_CHARACTERISTICS,
  NDIS_CLIENT_CHARACTERISTICS,
  NDIS_REQUEST,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
  NdisRequestQueryInformation,
} from '../../src/ndis/index.ts';
import { createLegacyMiniport, type LegacyMiniportTest, startLegacy } from './legacyMiniport.ts';
import { type LegacyTestBinding, LegacyTestProtocol } from './legacyProtocol.ts';
import type { Cell, TestDriver, TestNdis } from './ndis.ts';

export const FAMILY = { AddressFamily: 0x1234, MajorVersion: 1, MinorVersion: 0 };

export type TestHandler = (...args: never[]) => unknown;

/** One side. */
export interface LegacySide {
  readonly driver: TestDriver;
  readonly log: string[];
  readonly on: Record<string, TestHandler | undefined>;
  /** The last arguments of each handler. */
  readonly last: Record<string, readonly unknown[]>;
}

export interface LegacyCondisStack {
  readonly t: TestNdis;
  readonly client: LegacySide;
  readonly manager: LegacySide;
  readonly miniport: LegacySide;
  readonly m: LegacyMiniportTest;
  readonly clientProtocol: LegacyTestProtocol;
  readonly managerProtocol: LegacyTestProtocol | null;
  readonly family: Cell;
  /** What NdisClOpenAddressFamily gave in the end. */
  readonly opened: { status: number };
}

const GIVES_CONTEXT = new Set(['CmCreateVc', 'ClCreateVc', 'CoCreateVc', 'CmOpenAf', 'CmRegisterSap']);

/** Records a call, gives a context where the handler has to, and does what the test says. */
export function handler(t: TestNdis, side: LegacySide, name: string): (...args: unknown[]) => unknown {
  return (...args) => {
    side.log.push(name);
    side.last[name] = args;
    const last = args.at(-1);
    if (GIVES_CONTEXT.has(name) && typeof last === 'number' && last !== 0)
      t.memory.writePointer(last, t.memory.objects.addressOf({ of: name }, side.driver.driver));
    // Tests write handlers for exactly these arguments.
    const answer = (side.on[name] as ((...all: unknown[]) => unknown) | undefined)?.(...args);
    return answer ?? NDIS_STATUS_SUCCESS;
  };
}

/** Characteristics of a client or a call manager, with every handler. */
export function characteristics(t: TestNdis, side: LegacySide, of: 'client' | 'callManager'): object {
  const { offset } = of === 'client' ? NDIS_CLIENT_CHARACTERISTICS : NDIS_CALL_MANAGER_CHARACTERISTICS;
  const members = Object.keys(offset).filter((member) => member.endsWith('Handler'));
  return {
    MajorVersion: 5,
    MinorVersion: 0,
    ...Object.fromEntries(
      members.map((member) => [member, handler(t, side, member.slice(0, -'Handler'.length))]),
    ),
  };
}

/** What a connection-oriented protocol registers besides. */
function protocolHandlers(t: TestNdis, side: LegacySide): object {
  const names = ['CoSendComplete', 'CoStatus', 'CoReceivePacket', 'CoAfRegisterNotify'];
  return Object.fromEntries(names.map((name) => [`${name}Handler`, handler(t, side, name)]));
}

function sideOf(driver: TestDriver): LegacySide {
  return { driver, log: [], on: {}, last: {} };
}

/** Answers queries of the adapter as the test miniport has them, by MiniportCoRequest. */
function answerRequest(t: TestNdis, m: LegacyMiniportTest, request: Address): number {
  const { memory } = t;
  const view = NDIS_REQUEST.at(memory, request);
  const at = NDIS_REQUEST.offset;
  if (view.RequestType !== NdisRequestQueryInformation) return NDIS_STATUS_SUCCESS;
  const answer = m.answers.get(memory.u32[(request + at['DATA.QUERY_INFORMATION.Oid']) >> 2]);
  if (answer === undefined) return NDIS_STATUS_NOT_SUPPORTED;
  memory.u8.set(answer, memory.readPointer(request + at['DATA.QUERY_INFORMATION.InformationBuffer']));
  memory.u32[(request + at['DATA.QUERY_INFORMATION.BytesWritten']) >> 2] = answer.length;
  return NDIS_STATUS_SUCCESS;
}

/** The address of what a handler gets: a view, or an address already. */
export function addressIn(value: unknown): Address {
  return typeof value === 'number' ? value : (value as { readonly address: Address }).address;
}

/** A stack of drivers for NDIS 5, running, the family of the client open. */
export async function createLegacyCondisStack(
  t: TestNdis,
  options: { readonly mcm?: boolean; readonly changes?: object } = {},
): Promise<LegacyCondisStack> {
  const { mcm = false } = options;
  const m = createLegacyMiniport(t, 'miniport');
  const miniport = sideOf(m.driver);
  miniport.on['CoRequest'] = ((_adapter: unknown, _vc: unknown, request: unknown) =>
    answerRequest(t, m, addressIn(request))) as TestHandler;
  const managerProtocol = mcm ? null : new LegacyTestProtocol(t, 'manager');
  const manager = managerProtocol === null ? sideOf(m.driver) : sideOf(managerProtocol.driver);
  if (managerProtocol !== null) await registerManager(t, managerProtocol, manager);
  const clientProtocol = new LegacyTestProtocol(t, 'client');
  const client = sideOf(clientProtocol.driver);
  const family = clientProtocol.driver.cell();
  const opened = { status: NDIS_STATUS_PENDING as number };
  client.on['CoAfRegisterNotify'] = ((binding: LegacyTestBinding, offered: object) => {
    const status = clientProtocol.driver.ndis.NdisClOpenAddressFamily(
      binding.handle.value,
      offered as never,
      { of: 'client AF' },
      characteristics(t, client, 'client') as never,
      NDIS_CLIENT_CHARACTERISTICS.size,
      family,
    );
    if (status !== NDIS_STATUS_PENDING) opened.status = status;
  }) as TestHandler;
  client.on['ClOpenAfComplete'] = ((status: number) => {
    opened.status = status;
  }) as TestHandler;
  await clientProtocol.register(protocolHandlers(t, client));
  const vcHandlers = mcm ? [] : ['CoCreateVc', 'CoDeleteVc', 'CoActivateVc', 'CoDeactivateVc'];
  await startLegacy(t, m, {
    QueryInformationHandler: null,
    SetInformationHandler: null,
    SendHandler: null,
    ...Object.fromEntries(
      [...vcHandlers, 'CoSendPackets', 'CoRequest'].map((name) => [
        `${name}Handler`,
        handler(t, miniport, name),
      ]),
    ),
    ...options.changes,
  });
  if (mcm) {
    await t.run(() =>
      m.driver.ndis.NdisMCmRegisterAddressFamily(
        m.adapters[0],
        FAMILY,
        characteristics(t, manager, 'callManager') as never,
        NDIS_CALL_MANAGER_CHARACTERISTICS.size,
      ),
    );
    await t.runAll();
  }
  return { t, client, manager, miniport, m, clientProtocol, managerProtocol, family, opened };
}

/** Registers a stand-alone call manager, which offers its family on every adapter. */
async function registerManager(t: TestNdis, p: LegacyTestProtocol, side: LegacySide): Promise<void> {
  const offer = (binding: LegacyTestBinding): number =>
    p.driver.ndis.NdisCmRegisterAddressFamily(
      binding.handle.value,
      FAMILY,
      characteristics(t, side, 'callManager') as never,
      NDIS_CALL_MANAGER_CHARACTERISTICS.size,
    );
  const usual = p.characteristics() as {
    readonly BindAdapterHandler: (status: Address, ...rest: unknown[]) => void;
  };
  await p.register({
    ...protocolHandlers(t, side),
    BindAdapterHandler: (status: Address, ...rest: unknown[]) => {
      usual.BindAdapterHandler(status, ...rest);
      if (t.memory.u32[status >> 2] !== NDIS_STATUS_SUCCESS) return;
      t.memory.u32[status >> 2] = offer(p.bindings[p.bindings.length - 1]);
    },
    OpenAdapterCompleteHandler: (context: LegacyTestBinding, status: number) => {
      p.driver.ndis.NdisCompleteBindAdapter(context.bindContext, status === 0 ? offer(context) : status, 0);
    },
  });
}

type AnyCall = (...args: unknown[]) => unknown;

/** The function of a call manager: `NdisCm` + name, or `NdisMCm` + name in a miniport. */
export function cm(s: LegacyCondisStack, name: string): AnyCall {
  const table = s.manager.driver.ndis as unknown as Readonly<Record<string, AnyCall>>;
  return table[`${s.managerProtocol === null ? 'NdisMCm' : 'NdisCm'}${name}`];
}

/** A connected call of the client; the value is its VC. */
export async function connectedCall(s: LegacyCondisStack): Promise<Address> {
  const cell = s.client.driver.cell();
  const parameters = poolOf(s.t.kernel).allocateZeroed(poolType.nonPagedNx, CO_CALL_PARAMETERS.size, 1, 0);
  s.manager.on['CmMakeCall'] = (() => NDIS_STATUS_PENDING) as TestHandler;
  await s.t.run(() => {
    const { ndis } = s.client.driver;
    const binding = s.clientProtocol.bindings[0].handle.value;
    ndis.NdisCoCreateVc(binding, s.family.value, { of: 'client VC' }, cell);
    ndis.NdisClMakeCall(cell.value, parameters, null, null as never);
    cm(s, 'ActivateVc')(cell.value, parameters);
    cm(s, 'MakeCallComplete')(NDIS_STATUS_SUCCESS, cell.value, 0, 0, parameters);
  });
  return cell.value;
}

/** Ends a call and deletes its VC. */
export async function endCall(s: LegacyCondisStack, vc: Address): Promise<number[]> {
  return s.t.run(() => {
    const closed = s.client.driver.ndis.NdisClCloseCall(vc, 0, 0, 0);
    const deactivated = cm(s, 'DeactivateVc')(vc) as number;
    return [closed, deactivated, s.client.driver.ndis.NdisCoDeleteVc(vc)];
  });
}

/** An NDIS_REQUEST with a buffer behind it, in non-paged pool. */
export function request(s: LegacyCondisStack, oid: number, length = 16, type = 0): Address {
  const { memory } = s.t;
  const at = poolOf(s.t.kernel).allocateZeroed(poolType.nonPagedNx, NDIS_REQUEST.size + length, 1, 0);
  const { offset } = NDIS_REQUEST;
  memory.u32[(at + offset.RequestType) >> 2] = type;
  memory.u32[(at + offset['DATA.QUERY_INFORMATION.Oid']) >> 2] = oid;
  memory.writePointer(at + offset['DATA.QUERY_INFORMATION.InformationBuffer'], at + NDIS_REQUEST.size);
  memory.u32[(at + offset['DATA.QUERY_INFORMATION.InformationBufferLength']) >> 2] = length;
  return at;
}
