/** A stack of an adapter that knows power and two protocols, with one log of what all of them were asked. */

import { poolOf, registryOf } from '../../src/kernel/index.ts';
import { poolType } from '../../src/memory/index.ts';
import {
  type MiniportAdapter,
  NDIS_OID_REQUEST,
  NDIS_PM_CAPABILITIES,
  NDIS_PNP_CAPABILITIES,
  type NDIS_STATUS_INDICATION,
  NDIS_STATUS_PENDING,
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
  statusName,
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
  /** Makes a request of a protocol and waits for its end. */
  ask(
    request: PowerRequest,
  ): Promise<{ readonly status: number; readonly bytes: Uint8Array; readonly needed: number }>;
  /** Asks for a state and waits. */
  query(state: number): Promise<void>;
}

export interface PowerRequest {
  readonly oid: number;
  /** NDIS_REQUEST_TYPE; a query when left out. */
  readonly type?: number;
  /** What the buffer holds; 1024 zeros when left out. */
  readonly bytes?: Uint8Array;
  readonly protocol?: number;
}

export interface PowerStackOptions {
  readonly seed?: number;
  readonly processors?: number;
  readonly minorVersion?: number;
  /** Members of NDIS_PM_CAPABILITIES; null: the driver knows nothing of power. */
  readonly capabilities?: object | null;
  /** MinMagicPacketWakeUp and MinPatternWakeUp of NDIS_PNP_CAPABILITIES. */
  readonly oldCapabilities?: readonly [number, number];
  /** Values of the adapter's configuration. */
  readonly keywords?: Readonly<Record<string, string>>;
  /** AttributeFlags of the registration attributes. */
  readonly flags?: number;
  /** Members of the general attributes. */
  readonly general?: object;
  readonly miniport?: object;
  /** MiniportSetOptions. */
  readonly setOptions?: (t: TestNdis, m: TestMiniport, handle: number) => number;
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
      const old =
        options.oldCapabilities === undefined
          ? 0
          : place(t, m.driver, NDIS_PNP_CAPABILITIES, {
              WakeUpCapabilities: {
                MinMagicPacketWakeUp: options.oldCapabilities[0],
                MinPatternWakeUp: options.oldCapabilities[1],
              },
            });
      const general = generalAttributes() as { GeneralAttributes: object };
      m.driver.ndis.NdisMSetMiniportAttributes(handle, {
        GeneralAttributes: {
          ...general.GeneralAttributes,
          PowerManagementCapabilities: old,
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
    ...(options.setOptions === undefined
      ? {}
      : { SetOptionsHandler: (handle: number) => options.setOptions?.(t, m, handle) ?? NDIS_STATUS_SUCCESS }),
    ...options.miniport,
  });
  if (status !== NDIS_STATUS_SUCCESS) throw new Error(`not registered: 0x${status.toString(16)}`);
  const protocols: TestProtocol[] = [];
  const completions = new Map<number, number>();
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
      OidRequestCompleteHandler: (_context: unknown, request: NDIS_OID_REQUEST, final: number) => {
        completions.set(request.address, final);
      },
      StatusHandlerEx: (_context: unknown, indication: NDIS_STATUS_INDICATION) => {
        const code = statusName(indication.StatusCode);
        if (!code.includes('PM_')) return;
        p.log.push(`${code} ${t.memory.u32[indication.StatusBuffer >> 2].toString(16)}`);
      },
      ...options.protocol,
    });
    protocols.push(p);
  }
  const adapter = t.addAdapter(m.object(), 'Ethernet');
  for (const [keyword, value] of Object.entries(options.keywords ?? {})) {
    registryOf(t.kernel).create(adapter.configurationKeyPath).set(keyword, value);
  }
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
    ask: async ({ oid, type = 0, bytes = new Uint8Array(1024), protocol = 0 }) => {
      const { driver, bindings } = protocols[protocol];
      const pool = poolOf(t.kernel);
      const buffer = pool.allocateZeroed(poolType.nonPagedNx, bytes.length + 8, 1, 0);
      t.memory.u8.set(bytes, buffer);
      const request = place(t, driver, NDIS_OID_REQUEST, {
        Header: { Type: 0x96, Revision: 1, Size: 0xec },
        RequestType: type,
        DATA: {
          SET_INFORMATION: { Oid: oid, InformationBuffer: buffer, InformationBufferLength: bytes.length },
        },
      });
      completions.delete(request);
      let status = await t.run(() => driver.ndis.NdisOidRequest(bindings[0].handle.value, request));
      if (status === NDIS_STATUS_PENDING) {
        await t.runAll();
        status = completions.get(request) ?? NDIS_STATUS_PENDING;
      }
      const { BytesWritten, BytesNeeded } = NDIS_OID_REQUEST.at(t.memory, request).DATA.QUERY_INFORMATION;
      return { status, bytes: t.memory.u8.slice(buffer, buffer + BytesWritten), needed: BytesNeeded };
    },
    set: (state) => power(false, state),
    query: (state) => power(true, state),
  };
}
