/**
 * The settings of receive side scaling and of the receive hash: NDIS checks what a driver sets, remembers what the
 * miniport driver accepted, and answers queries from it. Implements "RSS Configuration", oid-gen-receive-scale-parameters,
 * oid-gen-receive-hash and oid-gen-receive-scale-capabilities (network).
 */

import type { Address, KernelMemory } from '../../memory/index.ts';
import {
  NDIS_HASH_FUNCTION_MASK,
  NDIS_HASH_IPV4,
  NDIS_HASH_IPV6,
  NDIS_HASH_IPV6_EX,
  NDIS_HASH_TCP_IPV4,
  NDIS_HASH_TCP_IPV6,
  NDIS_HASH_TCP_IPV6_EX,
  NDIS_HASH_TYPE_MASK,
  NDIS_HASH_UDP_IPV4,
  NDIS_HASH_UDP_IPV6,
  NDIS_HASH_UDP_IPV6_EX,
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_OBJECT_TYPE_RSS_PARAMETERS,
  NDIS_RECEIVE_HASH_FLAG_ENABLE_HASH,
  NDIS_RECEIVE_HASH_FLAG_HASH_INFO_UNCHANGED,
  NDIS_RECEIVE_HASH_FLAG_HASH_KEY_UNCHANGED,
  NDIS_RECEIVE_HASH_PARAMETERS_REVISION_1,
  NDIS_RECEIVE_SCALE_PARAMETERS_REVISION_1,
  NDIS_RECEIVE_SCALE_PARAMETERS_REVISION_2,
  NDIS_RSS_PARAM_FLAG_DISABLE_RSS,
  NDIS_RSS_PARAM_FLAG_HASH_INFO_UNCHANGED,
  NDIS_RSS_PARAM_FLAG_HASH_KEY_UNCHANGED,
  NDIS_RSS_PARAM_FLAG_ITABLE_UNCHANGED,
  NDIS_SIZEOF_RECEIVE_SCALE_PARAMETERS_REVISION_1,
  NDIS_SIZEOF_RECEIVE_SCALE_PARAMETERS_REVISION_2,
  NDIS_STATUS_INVALID_DATA,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_NOT_SUPPORTED,
  NdisHashFunctionToeplitz,
  OID_GEN_RECEIVE_HASH,
  OID_GEN_RECEIVE_SCALE_CAPABILITIES,
  OID_GEN_RECEIVE_SCALE_PARAMETERS,
} from '../generated/constants/index.ts';
import {
  NDIS_RECEIVE_HASH_PARAMETERS,
  NDIS_RECEIVE_SCALE_PARAMETERS,
} from '../generated/structures/index.ts';
import { type NdisLibrary, perNdis } from '../library.ts';
import type { MiniportAdapter } from '../miniport/miniportAdapter.ts';
import { oidAnswersOf } from '../oid/answers.ts';
import { oidRulesOf } from '../oid/oidRules.ts';
import { type RequestFields, setBytesNeeded } from '../oid/requestFormat.ts';
import { TOEPLITZ_KEY_SIZE } from './toeplitz.ts';

/** The most entries of an indirection table: 7 bits of the hash choose one. */
const TABLE_LIMIT = 128;
const PROCESSOR_NUMBER_SIZE = 4;

/** What holds for an adapter now. */
export interface ReceiveScaling {
  /** NDIS_HASH_* types and the hash function; 0: receive side scaling is off. */
  readonly hashInformation: number;
  readonly baseCpuNumber: number;
  /** PROCESSOR_NUMBERs, or single bytes before 6.20. */
  readonly table: Uint8Array;
  readonly key: Uint8Array;
}

interface ReceiveHashSettings {
  readonly enabled: boolean;
  readonly hashInformation: number;
  readonly key: Uint8Array;
}

const NO_BYTES = new Uint8Array(0);
const OFF: ReceiveScaling = { hashInformation: 0, baseCpuNumber: 0, table: NO_BYTES, key: NO_BYTES };
const NO_HASH: ReceiveHashSettings = { enabled: false, hashInformation: 0, key: NO_BYTES };

const scalingOf = perNdis('receive scaling', () => new WeakMap<MiniportAdapter, ReceiveScaling>());
const hashingOf = perNdis('receive hash', () => new WeakMap<MiniportAdapter, ReceiveHashSettings>());

/** The settings that the miniport driver of an adapter accepted last. */
export function receiveScaling(ndis: NdisLibrary, adapter: MiniportAdapter): ReceiveScaling {
  return scalingOf(ndis).get(adapter) ?? OFF;
}

/** An adapter was initialized: receive side scaling and receive hash are off. */
export function resetReceiveScaling(ndis: NdisLibrary, adapter: MiniportAdapter): void {
  scalingOf(ndis).delete(adapter);
  hashingOf(ndis).delete(adapter);
}

/** The combinations of hash types that the documentation allows: any of a set, but not of both sets for IPv6. */
const IPV4_TYPES = NDIS_HASH_IPV4 | NDIS_HASH_TCP_IPV4 | NDIS_HASH_UDP_IPV4;
const IPV6_TYPES = NDIS_HASH_IPV6 | NDIS_HASH_TCP_IPV6 | NDIS_HASH_UDP_IPV6;
const IPV6_EX_TYPES = NDIS_HASH_IPV6_EX | NDIS_HASH_TCP_IPV6_EX | NDIS_HASH_UDP_IPV6_EX;
const ALL_TYPES = IPV4_TYPES | IPV6_TYPES | IPV6_EX_TYPES;

function goodHashInformation(information: number): boolean {
  const types = information & NDIS_HASH_TYPE_MASK;
  const hashFunction = information & NDIS_HASH_FUNCTION_MASK;
  if (hashFunction === 0) return true;
  return hashFunction === NdisHashFunctionToeplitz && types !== 0 && (types & ~ALL_TYPES) === 0;
}

/** Bytes at an offset of a structure; null where they do not lie behind it and inside of the buffer. */
function part(
  memory: KernelMemory,
  fields: RequestFields,
  offset: number,
  size: number,
  after: number,
): Uint8Array | null {
  if (offset < after || offset + size > fields.length) return null;
  return memory.u8.slice(fields.buffer + offset, fields.buffer + offset + size);
}

const at = NDIS_RECEIVE_SCALE_PARAMETERS.offset;

/** The settings that a set request leads to, from those that hold; a status where it is wrong. */
function readScaling(
  memory: KernelMemory,
  fields: RequestFields,
  now: ReceiveScaling,
): ReceiveScaling | number {
  const { buffer } = fields;
  const { data } = memory;
  const revision = data.getUint8(buffer + 1);
  const size =
    revision < NDIS_RECEIVE_SCALE_PARAMETERS_REVISION_2
      ? NDIS_SIZEOF_RECEIVE_SCALE_PARAMETERS_REVISION_1
      : NDIS_SIZEOF_RECEIVE_SCALE_PARAMETERS_REVISION_2;
  const type = data.getUint8(buffer);
  const goodType = type === NDIS_OBJECT_TYPE_RSS_PARAMETERS || type === NDIS_OBJECT_TYPE_DEFAULT;
  if (!goodType || revision < NDIS_RECEIVE_SCALE_PARAMETERS_REVISION_1) return NDIS_STATUS_INVALID_DATA;
  if (fields.length < size || data.getUint16(buffer + 2, true) < size) return NDIS_STATUS_INVALID_LENGTH;
  const flags = data.getUint16(buffer + at.Flags, true);
  if ((flags & NDIS_RSS_PARAM_FLAG_DISABLE_RSS) !== 0) return OFF;
  const hashInformation =
    (flags & NDIS_RSS_PARAM_FLAG_HASH_INFO_UNCHANGED) === 0
      ? data.getUint32(buffer + at.HashInformation, true)
      : now.hashInformation;
  if (!goodHashInformation(hashInformation)) return NDIS_STATUS_INVALID_DATA;
  if ((hashInformation & NDIS_HASH_FUNCTION_MASK) === 0) return OFF;
  let { table, key } = now;
  if ((flags & NDIS_RSS_PARAM_FLAG_ITABLE_UNCHANGED) === 0) {
    const entrySize = revision < NDIS_RECEIVE_SCALE_PARAMETERS_REVISION_2 ? 1 : PROCESSOR_NUMBER_SIZE;
    const length = data.getUint16(buffer + at.IndirectionTableSize, true);
    const count = length / entrySize;
    if (!isTableSize(count)) return NDIS_STATUS_INVALID_DATA;
    const given = part(
      memory,
      fields,
      data.getUint32(buffer + at.IndirectionTableOffset, true),
      length,
      size,
    );
    if (given === null) return NDIS_STATUS_INVALID_LENGTH;
    table = given;
  }
  if ((flags & NDIS_RSS_PARAM_FLAG_HASH_KEY_UNCHANGED) === 0) {
    const length = data.getUint16(buffer + at.HashSecretKeySize, true);
    if (length !== TOEPLITZ_KEY_SIZE) return NDIS_STATUS_INVALID_DATA;
    const given = part(memory, fields, data.getUint32(buffer + at.HashSecretKeyOffset, true), length, size);
    if (given === null) return NDIS_STATUS_INVALID_LENGTH;
    key = given;
  }
  return { hashInformation, baseCpuNumber: data.getUint16(buffer + at.BaseCpuNumber, true), table, key };
}

/** The number of entries is a power of 2. */
function isTableSize(count: number): boolean {
  return Number.isInteger(count) && count > 0 && count <= TABLE_LIMIT && (count & (count - 1)) === 0;
}

/** A table that names a processor that is not there, or is not for receive side scaling. */
function namesAbsentProcessor(ndis: NdisLibrary, settings: ReceiveScaling, entrySize: number): boolean {
  const present = ndis.kernel.scheduler.processors.length;
  for (let entry = 0; entry < settings.table.length; entry += entrySize) {
    const group = entrySize === 1 ? 0 : settings.table[entry] | (settings.table[entry + 1] << 8);
    const number = entrySize === 1 ? settings.table[entry] : settings.table[entry + 2];
    if (group !== 0 || number >= present) return true;
  }
  return false;
}

function checkScaling(
  ndis: NdisLibrary,
  adapter: MiniportAdapter,
  request: Address,
  fields: RequestFields,
): number | null {
  if (adapter.receiveScaleCapabilities === null) return NDIS_STATUS_NOT_SUPPORTED;
  if (fields.length < NDIS_SIZEOF_RECEIVE_SCALE_PARAMETERS_REVISION_1) {
    setBytesNeeded(ndis.memory, request, NDIS_SIZEOF_RECEIVE_SCALE_PARAMETERS_REVISION_1);
    return NDIS_STATUS_INVALID_LENGTH;
  }
  const settings = readScaling(ndis.memory, fields, receiveScaling(ndis, adapter));
  if (typeof settings === 'number') return settings;
  const revision = ndis.memory.u8[fields.buffer + 1];
  const entrySize = revision < NDIS_RECEIVE_SCALE_PARAMETERS_REVISION_2 ? 1 : PROCESSOR_NUMBER_SIZE;
  if (namesAbsentProcessor(ndis, settings, entrySize)) return NDIS_STATUS_INVALID_DATA;
  if (settings.hashInformation !== 0 && hashingOf(ndis).get(adapter)?.enabled === true) {
    ndis.kernel.note(
      'OID_GEN_RECEIVE_SCALE_PARAMETERS',
      `${adapter.label} calculates receive hashes; disable them before receive side scaling is enabled`,
    );
  }
  return null;
}

const hashAt = NDIS_RECEIVE_HASH_PARAMETERS.offset;

function readHash(
  memory: KernelMemory,
  fields: RequestFields,
  now: ReceiveHashSettings,
): ReceiveHashSettings | number {
  const { buffer } = fields;
  const { data } = memory;
  const { size } = NDIS_RECEIVE_HASH_PARAMETERS;
  if (fields.length < size || data.getUint16(buffer + 2, true) < size) return NDIS_STATUS_INVALID_LENGTH;
  if (data.getUint8(buffer + 1) < NDIS_RECEIVE_HASH_PARAMETERS_REVISION_1) return NDIS_STATUS_INVALID_DATA;
  const flags = data.getUint32(buffer + hashAt.Flags, true);
  if ((flags & NDIS_RECEIVE_HASH_FLAG_ENABLE_HASH) === 0) return NO_HASH;
  const hashInformation =
    (flags & NDIS_RECEIVE_HASH_FLAG_HASH_INFO_UNCHANGED) === 0
      ? data.getUint32(buffer + hashAt.HashInformation, true)
      : now.hashInformation;
  if (!goodHashInformation(hashInformation)) return NDIS_STATUS_INVALID_DATA;
  let { key } = now;
  if ((flags & NDIS_RECEIVE_HASH_FLAG_HASH_KEY_UNCHANGED) === 0) {
    const length = data.getUint16(buffer + hashAt.HashSecretKeySize, true);
    if (length !== TOEPLITZ_KEY_SIZE) return NDIS_STATUS_INVALID_DATA;
    const given = part(
      memory,
      fields,
      data.getUint32(buffer + hashAt.HashSecretKeyOffset, true),
      length,
      size,
    );
    if (given === null) return NDIS_STATUS_INVALID_LENGTH;
    key = given;
  }
  return { enabled: true, hashInformation, key };
}

/** NDIS_RECEIVE_SCALE_PARAMETERS of revision 2, with table and key behind it. */
function writeScaling({ hashInformation, baseCpuNumber, table, key }: ReceiveScaling): Uint8Array {
  const size = NDIS_SIZEOF_RECEIVE_SCALE_PARAMETERS_REVISION_2;
  const bytes = new Uint8Array(size + table.length + key.length);
  const data = new DataView(bytes.buffer);
  data.setUint8(0, NDIS_OBJECT_TYPE_RSS_PARAMETERS);
  data.setUint8(1, NDIS_RECEIVE_SCALE_PARAMETERS_REVISION_2);
  data.setUint16(2, size, true);
  data.setUint16(at.BaseCpuNumber, baseCpuNumber, true);
  data.setUint32(at.HashInformation, hashInformation, true);
  data.setUint16(at.IndirectionTableSize, table.length, true);
  data.setUint32(at.IndirectionTableOffset, size, true);
  data.setUint16(at.HashSecretKeySize, key.length, true);
  data.setUint32(at.HashSecretKeyOffset, size + table.length, true);
  bytes.set(table, size);
  bytes.set(key, size + table.length);
  return bytes;
}

/** NDIS_RECEIVE_HASH_PARAMETERS with the key behind it. */
function writeHash({ enabled, hashInformation, key }: ReceiveHashSettings): Uint8Array {
  const { size } = NDIS_RECEIVE_HASH_PARAMETERS;
  const bytes = new Uint8Array(size + key.length);
  const data = new DataView(bytes.buffer);
  data.setUint8(0, NDIS_OBJECT_TYPE_DEFAULT);
  data.setUint8(1, NDIS_RECEIVE_HASH_PARAMETERS_REVISION_1);
  data.setUint16(2, size, true);
  data.setUint32(hashAt.Flags, enabled ? NDIS_RECEIVE_HASH_FLAG_ENABLE_HASH : 0, true);
  data.setUint32(hashAt.HashInformation, hashInformation, true);
  data.setUint16(hashAt.HashSecretKeySize, key.length, true);
  data.setUint32(hashAt.HashSecretKeyOffset, size, true);
  bytes.set(key, size);
  return bytes;
}

/** Makes the library check, remember and answer these OIDs. */
export function attachReceiveScaling(ndis: NdisLibrary): void {
  oidRulesOf(ndis).set(OID_GEN_RECEIVE_SCALE_PARAMETERS, {
    check: checkScaling,
    changed: (library, adapter, fields) => {
      const settings = readScaling(library.memory, fields, receiveScaling(library, adapter));
      if (typeof settings !== 'number') scalingOf(library).set(adapter, settings);
    },
  });
  const hashNow = (library: NdisLibrary, adapter: MiniportAdapter) =>
    hashingOf(library).get(adapter) ?? NO_HASH;
  oidRulesOf(ndis).set(OID_GEN_RECEIVE_HASH, {
    check: (library, adapter, _request, fields) => {
      const settings = readHash(library.memory, fields, hashNow(library, adapter));
      return typeof settings === 'number' ? settings : null;
    },
    changed: (library, adapter, fields) => {
      const settings = readHash(library.memory, fields, hashNow(library, adapter));
      if (typeof settings !== 'number') hashingOf(library).set(adapter, settings);
    },
  });
  const answers = oidAnswersOf(ndis);
  answers.set(
    OID_GEN_RECEIVE_SCALE_CAPABILITIES,
    (_library, adapter) => adapter.receiveScaleCapabilities ?? NDIS_STATUS_NOT_SUPPORTED,
  );
  answers.set(OID_GEN_RECEIVE_SCALE_PARAMETERS, (library, adapter) =>
    adapter.receiveScaleCapabilities === null
      ? NDIS_STATUS_NOT_SUPPORTED
      : writeScaling(receiveScaling(library, adapter)),
  );
  answers.set(OID_GEN_RECEIVE_HASH, (library, adapter) => writeHash(hashNow(library, adapter)));
}
