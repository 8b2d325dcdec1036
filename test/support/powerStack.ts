/** A stack of an adapter that knows power and two protocols, with one log of what all of them were asked. */

import {
  type MiniportAdapter,
  type NDIS_OID_REQUEST,
  NDIS_PM_CAPABILITIES,
  NDIS_STATUS_SUCCESS,
  type NET_PNP_EVENT_NOTIFICATION,
  NetEventPause,
  NetEventQueryPower,
  NetEventRestart,
  NetEventSetPower,
  OID_PM_PARAMETERS,
  OID_PNP_ENABLE_WAKE_UP,
  OID_PNP_QUERY_POWER,
  OID_PNP_SET_POWER,
  oidName,
  queueOperation,
} from '../../src/ndis/index.ts';
import {
  createTestMiniport,
  createTestProtocol,
  generalAttributes,
  registerMiniport,
  registerProtocol,
  registrationAttributes,
  type TestMiniport,
  type TestProtocol,
} from './drivers.ts';
import { createTestNdis, type TestNdis } from './ndis.ts';
import { place } from './placed.ts';

export interface PowerStack {
  readonly t: TestNdis;
  readonly m: TestMiniport;
  readonly protocols: readonly TestProtocol[];
  readonly adapter: MiniportAdapter;
  readonly log: string[];
  /** Takes the adapter to a state (NDIS_DEVICE_POWER_STATE) and waits. */
  set(state: number): Promise<void>;
  /** Asks for a state and waits. */
  query(state: number): Promise<void>;
}

export interface PowerStackOptions {
  readonly seed?: number;
  readonly processors?: number;
  readonly minorVersion?: number;
  /** Members of NDIS_PM_CAPABILITIES; null: the driver knows nothing of power. */
  readonly capabilities?: object | null;
  /** AttributeFlags of the registration attributes. */
  readonly flags?: number;
  /** Members of the general attributes. */
  readonly general?: object;
  readonly miniport?: object;
  readonly protocol?: object;
  readonly protocols?: number;
  /** The status of a request; undefined: success. */
  readonly oid?: (oid: number, request: NDIS_OID_REQUEST) => number | undefined;
  /** The answer of a protocol to an event. */
  readonly event?: (code: number, protocol: number) => number | undefined;
}

const NAMES = new Map<number, string>([
  [NetEventPause, 'pause'],
  [NetEventRestart, 'restart'],
  [NetEventSetPower, 'set power'],
  [NetEventQueryPower, 'query power'],
]);

/** The state that a power event or request carries. */
function stateAt(t: TestNdis, address: number): string {
  return `D${t.memory.u32[address >> 2] - 1}`;
}

/** Makes the drivers and brings the stack up; the log is empty then. */
export async function createPowerStack(options: PowerStackOptions = {}): Promise<PowerStack> {
  const { minorVersion = 30, capabilities = {}, flags = 0 } = options;
  const t = createTestNdis({ seed: options.seed ?? 1, processors: options.processors ?? 1 });
  const log: string[] = [];
  const m = createTestMiniport(t);
  m.log.push = (...lines: string[]) => log.push(...lines.map((line) => `miniport:${line}`));
  const status = await registerMiniport(t, m, {
    MinorNdisVersion: minorVersion,
    InitializeHandlerEx: (handle: number) => {
      m.log.push('initialize');
      m.adapters.push(handle);
      const registration = registrationAttributes({ handle }) as { RegistrationAttributes: object };
      m.driver.ndis.NdisMSetMiniportAttributes(handle, {
        RegistrationAttributes: { ...registration.RegistrationAttributes, AttributeFlags: flags },
      } as object);
      const power =
        capabilities === null
          ? 0
          : place(t, m.driver, NDIS_PM_CAPABILITIES, {
              Header: { Type: 0x80, Revision: minorVersion < 30 ? 1 : 2, Size: minorVersion < 30 ? 52 : 60 },
              ...capabilities,
            });
      const general = generalAttributes() as { GeneralAttributes: object };
      m.driver.ndis.NdisMSetMiniportAttributes(handle, {
        GeneralAttributes: {
          ...general.GeneralAttributes,
          PowerManagementCapabilitiesEx: power,
          ...options.general,
        },
      } as object);
      return NDIS_STATUS_SUCCESS;
    },
    HaltHandlerEx: (_context: unknown, action: number) => {
      m.log.push(`halt ${action}`);
    },
    DevicePnPEventNotifyHandler: () => {},
    OidRequestHandler: (_context: unknown, request: NDIS_OID_REQUEST) => {
      const { Oid, InformationBuffer } = request.DATA.SET_INFORMATION;
      if (Oid === OID_PNP_SET_POWER || Oid === OID_PNP_QUERY_POWER) {
        m.log.push(`${oidName(Oid)} ${stateAt(t, InformationBuffer)}`);
      } else if (Oid === OID_PM_PARAMETERS) {
        const words = [1, 2, 3].map((index) => t.memory.u32[(InformationBuffer >> 2) + index].toString(16));
        m.log.push(`${oidName(Oid)} ${words.join(' ')}`);
      } else if (Oid === OID_PNP_ENABLE_WAKE_UP) {
        m.log.push(`${oidName(Oid)} ${t.memory.u32[InformationBuffer >> 2]}`);
      } else m.log.push(oidName(Oid));
      return options.oid?.(Oid, request) ?? NDIS_STATUS_SUCCESS;
    },
    ...options.miniport,
  });
  if (status !== NDIS_STATUS_SUCCESS) throw new Error(`not registered: 0x${status.toString(16)}`);
  const protocols: TestProtocol[] = [];
  for (let index = 0; index < (options.protocols ?? 1); index++) {
    const name = index === 0 ? 'protocol' : `protocol${index}`;
    const p = createTestProtocol(t, name);
    p.log.push = (...lines: string[]) => log.push(...lines.map((line) => `${name}:${line}`));
    await registerProtocol(t, p, {
      NetPnPEventHandler: (_context: unknown, { NetPnPEvent: event }: NET_PNP_EVENT_NOTIFICATION) => {
        const what = NAMES.get(event.NetEvent);
        const power = event.NetEvent === NetEventSetPower || event.NetEvent === NetEventQueryPower;
        if (what !== undefined) p.log.push(power ? `${what} ${stateAt(t, event.Buffer)}` : what);
        return options.event?.(event.NetEvent, index) ?? NDIS_STATUS_SUCCESS;
      },
      ...options.protocol,
    });
    protocols.push(p);
  }
  const adapter = t.addAdapter(m.object(), 'Ethernet');
  await t.runAll();
  log.length = 0;
  const power = async (query: boolean, state: number): Promise<void> => {
    queueOperation(t.ndis, adapter, { kind: 'power', query, state, event: 0 });
    await t.runAll();
  };
  return {
    t,
    m,
    protocols,
    adapter,
    log,
    set: (state) => power(false, state),
    query: (state) => power(true, state),
  };
}
