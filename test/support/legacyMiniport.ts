/** A small miniport driver for NDIS 5 for conformance tests: it records what is asked of it. */

import type { Address } from '../../src/memory/index.ts';
import {
  inventoryOf,
  type MiniportAdapter,
  type MiniportDriver,
  NDIS_ATTRIBUTE_DESERIALIZE,
  NDIS_MAC_OPTION_NO_LOOPBACK,
  NDIS_STATUS_BUFFER_TOO_SHORT,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_SUCCESS,
  NdisMedium802_3,
  OID_802_3_CURRENT_ADDRESS,
  OID_802_3_MAXIMUM_LIST_SIZE,
  OID_802_3_PERMANENT_ADDRESS,
  OID_GEN_LINK_SPEED,
  OID_GEN_MAC_OPTIONS,
  OID_GEN_MAXIMUM_FRAME_SIZE,
  OID_GEN_MAXIMUM_LOOKAHEAD,
  OID_GEN_MAXIMUM_SEND_PACKETS,
  OID_GEN_MEDIA_CONNECT_STATUS,
  OID_GEN_SUPPORTED_LIST,
} from '../../src/ndis/index.ts';
import type { Cell, TestDriver, TestNdis } from './ndis.ts';

const MAC = [2, 0, 0, 0, 0, 5];

/** A test miniport for NDIS 5. */
export interface LegacyMiniportTest {
  readonly driver: TestDriver;
  readonly wrapper: Cell;
  readonly log: string[];
  /** MiniportAdapterHandle by order of initialization. */
  readonly adapters: Address[];
  /** NDIS_ATTRIBUTE_ flags that MiniportInitialize states. */
  attributes: number;
  /** Answers by OID; tests change and delete them. */
  readonly answers: Map<number, readonly number[]>;
  /** Status that MiniportInitialize returns. */
  initializeStatus: number;
  onSend: (context: unknown, packet: Address, flags: number) => number;
  onSendPackets: (context: unknown, packets: Address[]) => void;
  onReturn: (context: unknown, packet: Address) => void;
  onQuery: (oid: number, buffer: Address, length: number, written: Address, needed: Address) => number | null;
  onSet: (oid: number, bytes: number[]) => number;
  onReset: (addressingReset: Address) => number;
  object(): MiniportDriver;
}

const word = (value: number): number[] => [
  value & 255,
  (value >> 8) & 255,
  (value >> 16) & 255,
  value >>> 24,
];

export function createLegacyMiniport(
  t: TestNdis,
  name = 'legacy',
  driver: TestDriver = t.createDriver(name),
): LegacyMiniportTest {
  const oids = [OID_GEN_SUPPORTED_LIST, OID_GEN_MAXIMUM_FRAME_SIZE, OID_GEN_LINK_SPEED];
  const m: LegacyMiniportTest = {
    driver,
    wrapper: driver.cell(),
    log: [],
    adapters: [],
    attributes: NDIS_ATTRIBUTE_DESERIALIZE,
    answers: new Map<number, readonly number[]>([
      [OID_GEN_SUPPORTED_LIST, oids.flatMap(word)],
      [OID_GEN_MAXIMUM_FRAME_SIZE, word(1500)],
      [OID_GEN_LINK_SPEED, word(10_000_000)],
      [OID_GEN_MAC_OPTIONS, word(NDIS_MAC_OPTION_NO_LOOPBACK)],
      [OID_GEN_MAXIMUM_LOOKAHEAD, word(1500)],
      [OID_GEN_MEDIA_CONNECT_STATUS, word(0)],
      [OID_GEN_MAXIMUM_SEND_PACKETS, word(8)],
      [OID_802_3_PERMANENT_ADDRESS, MAC],
      [OID_802_3_CURRENT_ADDRESS, MAC],
      [OID_802_3_MAXIMUM_LIST_SIZE, word(32)],
    ]),
    initializeStatus: NDIS_STATUS_SUCCESS,
    onSend: () => NDIS_STATUS_SUCCESS,
    onSendPackets: (_context, packets) => {
      for (const packet of packets) driver.ndis.NdisMSendComplete(m.adapters[0], packet, NDIS_STATUS_SUCCESS);
    },
    onReturn: () => {},
    onQuery: () => null,
    onSet: () => NDIS_STATUS_SUCCESS,
    onReset: () => NDIS_STATUS_SUCCESS,
    object: () => {
      for (const miniport of inventoryOf(t.ndis).miniports)
        if (miniport.driver === driver.driver) return miniport;
      throw new Error('the test miniport is not registered');
    },
  };
  return m;
}

/** The characteristics of version 5.1; tests change a member to see it refused. */
export function legacyCharacteristics(t: TestNdis, m: LegacyMiniportTest) {
  const { ndis } = m.driver;
  const { memory } = t;
  return {
    MajorNdisVersion: 5,
    MinorNdisVersion: 1,
    InitializeHandler: (
      _openError: Address,
      selected: Address,
      media: Address,
      count: number,
      handle: Address,
    ) => {
      m.log.push('initialize');
      if (m.initializeStatus !== NDIS_STATUS_SUCCESS) return m.initializeStatus;
      const index = [...memory.u32.subarray(media >> 2, (media >> 2) + count)].indexOf(NdisMedium802_3);
      memory.u32[selected >> 2] = index;
      m.adapters.push(handle);
      ndis.NdisMSetAttributesEx(handle, { handle }, 4, m.attributes, 0);
      return NDIS_STATUS_SUCCESS;
    },
    HaltHandler: () => {
      m.log.push('halt');
    },
    ResetHandler: (addressing: Address) => {
      m.log.push('reset');
      return m.onReset(addressing);
    },
    QueryInformationHandler: (
      _context: unknown,
      oid: number,
      buffer: Address,
      length: number,
      written: Address,
      needed: Address,
    ) => {
      const special = m.onQuery(oid, buffer, length, written, needed);
      if (special !== null) return special;
      const answer = m.answers.get(oid);
      if (answer === undefined) return NDIS_STATUS_NOT_SUPPORTED;
      memory.u32[needed >> 2] = answer.length;
      if (length < answer.length) return NDIS_STATUS_BUFFER_TOO_SHORT;
      memory.u8.set(answer, buffer);
      memory.u32[written >> 2] = answer.length;
      return NDIS_STATUS_SUCCESS;
    },
    SetInformationHandler: (
      _context: unknown,
      oid: number,
      buffer: Address,
      length: number,
      read: Address,
    ) => {
      m.log.push(`set 0x${oid.toString(16)}`);
      memory.u32[read >> 2] = length;
      return m.onSet(oid, [...memory.u8.subarray(buffer, buffer + length)]);
    },
    SendHandler: (context: unknown, packet: Address, flags: number) => m.onSend(context, packet, flags),
    ReturnPacketHandler: (context: unknown, packet: Address) => m.onReturn(context, packet),
  };
}

/** MiniportSendPackets of the test miniport, to be added to its characteristics. */
export function sendPacketsHandler(t: TestNdis, m: LegacyMiniportTest) {
  return (context: unknown, array: Address, count: number): void => {
    m.onSendPackets(
      context,
      Array.from({ length: count }, (_, index) => t.memory.readPointer(array + 8 * index)),
    );
  };
}

/** Registers it as DriverEntry would; the value is that of NdisMRegisterMiniport. */
export async function registerLegacy(
  t: TestNdis,
  m: LegacyMiniportTest,
  changes: object = {},
  length = 240,
): Promise<number> {
  return t.run(async () => {
    const { ndis } = m.driver;
    ndis.NdisMInitializeWrapper(m.wrapper, m.driver.driverObject, m.driver.driver.registryPath, null);
    return ndis.NdisMRegisterMiniport(
      m.wrapper.value,
      { ...legacyCharacteristics(t, m), ...changes } as object,
      length,
    );
  });
}

/** Registers it, adds an adapter and brings it up. */
export async function startLegacy(
  t: TestNdis,
  m: LegacyMiniportTest,
  changes: object = {},
): Promise<MiniportAdapter> {
  await registerLegacy(t, m, changes);
  const adapter = t.addAdapter(m.object(), 'Ethernet');
  await t.runAll();
  return adapter;
}
