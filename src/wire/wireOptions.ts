/**
 * Wires as they stand in a stack file: one object with a `type`, checked member by member, so that a mistake is
 * told by its place and with what is expected there.
 */

import { parseMacAddress } from './bytes.ts';
import type { FaultOptions } from './faultyWire.ts';
import type { SegmentOptions } from './segment.ts';
import { WireError } from './wireError.ts';

/** What every wire may have around it. */
export interface CommonWireOptions {
  /** Path of a pcapng that everything that passes is recorded into. */
  readonly recordTo?: string;
  /** Faults injected between the wire and its adapter. */
  readonly faults?: FaultOptions;
}

interface CommonLiveOptions extends CommonWireOptions {
  /** Name of the Linux interface. */
  readonly name: string;
  readonly offloads?: boolean;
  readonly framesPerWake?: number;
  readonly busyPollMicroseconds?: number;
}

/** A Linux TAP device. */
export interface TapOptions extends CommonLiveOptions {
  readonly type: 'tap';
  readonly bringUp?: boolean;
  /** `192.0.2.1/24` */
  readonly hostAddress?: string;
}

/** A Linux packet socket. */
export interface PacketOptions extends CommonLiveOptions {
  readonly type: 'packet';
  readonly promiscuous?: boolean;
  readonly receiveBufferSize?: number;
}

/** A capture file to play, one to record what is sent, or both. */
export interface CaptureOptions extends CommonWireOptions {
  readonly type: 'capture';
  readonly play?: string;
  readonly record?: string;
  readonly pace?: 'recorded' | 'fastest';
  /** Nanoseconds. */
  readonly startDelay?: number;
  readonly sourceMacAddress?: string;
  readonly macAddress?: string;
  readonly maximumFrameSize?: number;
}

/** A UNIX stream socket. */
export interface StreamOptions extends CommonWireOptions {
  readonly type: 'stream';
  readonly path: string;
  readonly role?: 'connect' | 'listen';
  readonly macAddress?: string;
  readonly maximumFrameSize?: number;
  readonly bufferSize?: number;
}

/** A port of a segment in memory: wires that give the same `name` are on the same one. */
export interface SegmentPortOptions extends CommonWireOptions, SegmentOptions {
  readonly type: 'segment';
  readonly name: string;
  readonly macAddress?: string;
}

export type WireOptions = TapOptions | PacketOptions | CaptureOptions | StreamOptions | SegmentPortOptions;

/** What an option must be: a check that gives the words for what is expected, or undefined if all is well. */
type Check = (value: unknown, path: string) => string | undefined;
type Table = Readonly<Record<string, Check>>;

const text: Check = (value) =>
  typeof value === 'string' && value !== '' ? undefined : 'a text that is not empty';
const flag: Check = (value) => (typeof value === 'boolean' ? undefined : 'true or false');
const probability: Check = (value) =>
  typeof value === 'number' && value >= 0 && value <= 1 ? undefined : 'a number from 0 to 1';
const whole =
  (minimum: number, maximum: number): Check =>
  (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= minimum && value <= maximum
      ? undefined
      : `a whole number from ${minimum} to ${maximum}`;
const oneOf =
  (...values: string[]): Check =>
  (value) =>
    typeof value === 'string' && values.includes(value)
      ? undefined
      : values.map((entry) => `"${entry}"`).join(' or ');
const macAddress: Check = (value) =>
  typeof value === 'string' && parseMacAddress(value) !== undefined
    ? undefined
    : 'a MAC address such as "02:00:00:00:00:01"';
const interfaceName: Check = (value) =>
  typeof value === 'string' && /^[^\s/]{1,15}$/.test(value)
    ? undefined
    : 'an interface name of 1 to 15 characters without spaces and slashes';
const ipv4Prefix: Check = (value) => {
  const match =
    typeof value === 'string' ? /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(value) : null;
  const good =
    match !== null && match.slice(1, 5).every((part) => Number(part) <= 255) && Number(match[5]) <= 32;
  return good ? undefined : 'an IPv4 address with a prefix length such as "192.0.2.1/24"';
};
const time = whole(0, Number.MAX_SAFE_INTEGER);
const seed = whole(0, 0xffff_ffff);
const frameSize = whole(64, 65535);
const object =
  (table: Table): Check =>
  (value, path) => {
    if (!isObject(value)) return 'an object';
    checkMembers(value, table, path);
    return undefined;
  };

const DIRECTION_FAULTS: Table = {
  loss: probability,
  duplication: probability,
  corruption: probability,
  truncation: probability,
  delaying: probability,
  delay: time,
};
const COMMON: Table = {
  type: text,
  recordTo: text,
  faults: object({
    seed,
    receive: object(DIRECTION_FAULTS),
    send: object(DIRECTION_FAULTS),
    partialSend: probability,
    queueCapacity: whole(1, 65536),
  }),
};
const LIVE: Table = {
  ...COMMON,
  name: interfaceName,
  offloads: flag,
  framesPerWake: whole(1, 65536),
  busyPollMicroseconds: whole(0, 1_000_000),
};
const TABLES: Readonly<Record<WireOptions['type'], { members: Table; required: readonly string[] }>> = {
  tap: { members: { ...LIVE, bringUp: flag, hostAddress: ipv4Prefix }, required: ['name'] },
  packet: {
    members: { ...LIVE, promiscuous: flag, receiveBufferSize: whole(4096, 1 << 30) },
    required: ['name'],
  },
  capture: {
    members: {
      ...COMMON,
      play: text,
      record: text,
      pace: oneOf('recorded', 'fastest'),
      startDelay: time,
      sourceMacAddress: macAddress,
      macAddress,
      maximumFrameSize: frameSize,
    },
    required: [],
  },
  stream: {
    members: {
      ...COMMON,
      path: text,
      role: oneOf('connect', 'listen'),
      macAddress,
      maximumFrameSize: frameSize,
      bufferSize: whole(4096, 1 << 30),
    },
    required: ['path'],
  },
  segment: {
    members: {
      ...COMMON,
      name: text,
      macAddress,
      seed,
      minimumDelay: time,
      maximumDelay: time,
      loss: probability,
      duplication: probability,
      reordering: probability,
      reorderingDelay: time,
      queueCapacity: whole(1, 65536),
      maximumFrameSize: frameSize,
      linkSpeedBitsPerSecond: time,
      offloads: flag,
    },
    required: ['name'],
  },
};

/**
 * Checks that a value from a stack file describes a wire.
 * @param path where the value stands, for messages: `adapters[0].wire`.
 * @throws WireError WIRE_OPTIONS_INVALID, with the member at fault in `option`.
 */
export function parseWireOptions(value: unknown, path = 'wire'): WireOptions {
  const types = Object.keys(TABLES).map((type) => `"${type}"`);
  if (!isObject(value)) throw invalid(path, `an object with a type, one of ${types.join(', ')}`, value);
  if (!isWireType(value['type'])) throw invalid(`${path}.type`, `one of ${types.join(', ')}`, value['type']);
  const { members, required } = TABLES[value['type']];
  checkMembers(value, members, path);
  for (const name of required) {
    if (value[name] === undefined) {
      throw new WireError(
        'WIRE_OPTIONS_INVALID',
        `${path}.${name} is missing: a "${value['type']}" wire needs it.`,
        {
          option: `${path}.${name}`,
        },
      );
    }
  }
  // The table of its type has just been checked member by member; the types above say the same.
  return value as unknown as WireOptions;
}

function checkMembers(value: Record<string, unknown>, table: Table, path: string): void {
  for (const [name, member] of Object.entries(value)) {
    const at = `${path}.${name}`;
    if (!Object.hasOwn(table, name)) {
      throw new WireError(
        'WIRE_OPTIONS_INVALID',
        `${at} is not known: remove it, or use one of ${Object.keys(table).join(', ')}.`,
        { option: at },
      );
    }
    const expected = table[name](member, at);
    if (expected !== undefined) throw invalid(at, expected, member);
  }
}

function invalid(path: string, expected: string, value: unknown): WireError {
  const shown = value === undefined ? 'nothing' : (JSON.stringify(value) ?? typeof value).slice(0, 60);
  return new WireError('WIRE_OPTIONS_INVALID', `${path} is ${shown}: give ${expected}.`, { option: path });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isWireType(value: unknown): value is WireOptions['type'] {
  return typeof value === 'string' && Object.hasOwn(TABLES, value);
}
