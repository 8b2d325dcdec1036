/** The OIDs of receive side scaling and of the receive hash, and the macros for hash information. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { generalAttributes, registrationAttributes } from '../../../test/support/drivers.ts';
import { createOidStack, type OidStack, word } from '../../../test/support/oidStack.ts';
import { poolOf } from '../../kernel/index.ts';
import { type Address, poolType } from '../../memory/index.ts';
import {
  NDIS_HASH_IPV4,
  NDIS_HASH_TCP_IPV4,
  NDIS_OBJECT_TYPE_DEFAULT,
  NDIS_OBJECT_TYPE_RSS_CAPABILITIES,
  NDIS_OBJECT_TYPE_RSS_PARAMETERS,
  NDIS_RECEIVE_HASH_FLAG_ENABLE_HASH,
  NDIS_RECEIVE_HASH_PARAMETERS,
  NDIS_RECEIVE_SCALE_CAPABILITIES_REVISION_2,
  NDIS_RECEIVE_SCALE_PARAMETERS_REVISION_2,
  NDIS_RSS_CAPS_HASH_TYPE_TCP_IPV4,
  NDIS_RSS_PARAM_FLAG_DISABLE_RSS,
  NDIS_RSS_PARAM_FLAG_HASH_INFO_UNCHANGED,
  NDIS_RSS_PARAM_FLAG_HASH_KEY_UNCHANGED,
  NDIS_RSS_PARAM_FLAG_ITABLE_UNCHANGED,
  NDIS_SIZEOF_RECEIVE_SCALE_CAPABILITIES_REVISION_2,
  NDIS_SIZEOF_RECEIVE_SCALE_PARAMETERS_REVISION_2,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_DATA,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_SUCCESS,
  NdisHashFunctionToeplitz,
  NdisRequestSetInformation,
  OID_GEN_RECEIVE_HASH,
  OID_GEN_RECEIVE_SCALE_CAPABILITIES,
  OID_GEN_RECEIVE_SCALE_PARAMETERS,
  receiveScaling,
} from '../index.ts';

const KEY = Array.from({ length: 40 }, (_, index) => index + 1);
const TCP4 = NDIS_HASH_TCP_IPV4 | NdisHashFunctionToeplitz;
const half = (value: number): number[] => [value & 255, value >> 8];

/** A stack whose miniport can scale receives over the processors of the machine; the header of its capabilities is given. */
async function createScalingStack(type = NDIS_OBJECT_TYPE_RSS_CAPABILITIES): Promise<OidStack> {
  return createOidStack({ processors: 4 }, 1, {
    miniport: (m, t) => ({
      InitializeHandlerEx: (handle: Address) => {
        const { memory } = t;
        const at = poolOf(t.kernel).allocateZeroed(poolType.nonPagedNx, 32, 1, 0);
        const size = NDIS_SIZEOF_RECEIVE_SCALE_CAPABILITIES_REVISION_2;
        memory.u8.set([type, NDIS_RECEIVE_SCALE_CAPABILITIES_REVISION_2, size], at);
        const capabilities = NDIS_RSS_CAPS_HASH_TYPE_TCP_IPV4 | NdisHashFunctionToeplitz;
        memory.u32.set([capabilities, 4, 4], (at + 4) >> 2);
        const attributes = generalAttributes() as { GeneralAttributes: object };
        m.driver.ndis.NdisMSetMiniportAttributes(handle, registrationAttributes({ handle }));
        m.driver.ndis.NdisMSetMiniportAttributes(handle, {
          GeneralAttributes: { ...attributes.GeneralAttributes, RecvScaleCapabilities: at },
        } as object);
        return NDIS_STATUS_SUCCESS;
      },
    }),
  });
}

interface Scaling {
  readonly flags?: number;
  readonly hash?: number;
  readonly table?: readonly number[];
  readonly tableOffset?: number;
  readonly key?: readonly number[];
  readonly revision?: number;
  readonly type?: number;
}

const SIZE = NDIS_SIZEOF_RECEIVE_SCALE_PARAMETERS_REVISION_2;
/** Processors 0 to 3, twice. */
const TABLE = [0, 1, 2, 3, 0, 1, 2, 3].flatMap((number) => [0, 0, number, 0]);

function scaling(given: Scaling): number[] {
  const { flags = 0, hash = TCP4, table = TABLE, key = KEY } = given;
  const { type = NDIS_OBJECT_TYPE_RSS_PARAMETERS, revision = NDIS_RECEIVE_SCALE_PARAMETERS_REVISION_2 } =
    given;
  return [
    type,
    revision,
    ...half(SIZE),
    ...half(flags),
    ...half(0),
    ...word(hash),
    ...half(table.length),
    0,
    0,
    ...word(given.tableOffset ?? SIZE),
    ...half(key.length),
    0,
    0,
    ...word(SIZE + table.length),
    ...word(0),
    ...word(0),
    ...word(0),
    ...table,
    ...key,
  ];
}

const set = (s: OidStack, data: readonly number[], oid = OID_GEN_RECEIVE_SCALE_PARAMETERS) =>
  s.ask({ type: NdisRequestSetInformation, oid, data }).then(({ status }) => status);

describe('OID_GEN_RECEIVE_SCALE_CAPABILITIES (network/oid-gen-receive-scale-capabilities)', () => {
  test('NDIS answers with what the miniport driver said when it initialized', async () => {
    const s = await createScalingStack();
    const { status, request } = await s.ask({ oid: OID_GEN_RECEIVE_SCALE_CAPABILITIES });
    expect(status).toBe(NDIS_STATUS_SUCCESS);
    expect(request.view.DATA.QUERY_INFORMATION.BytesWritten).toBe(
      NDIS_SIZEOF_RECEIVE_SCALE_CAPABILITIES_REVISION_2,
    );
    expect(request.bytes(8).slice(4)).toEqual(
      word(NDIS_RSS_CAPS_HASH_TYPE_TCP_IPV4 | NdisHashFunctionToeplitz),
    );
  });

  test('an adapter without them, or with a wrong header, cannot scale receives', async () => {
    for (const s of [await createOidStack(), await createScalingStack(0x91)]) {
      expect((await s.ask({ oid: OID_GEN_RECEIVE_SCALE_CAPABILITIES })).status).toBe(
        NDIS_STATUS_NOT_SUPPORTED,
      );
      expect((await s.ask({ oid: OID_GEN_RECEIVE_SCALE_PARAMETERS })).status).toBe(NDIS_STATUS_NOT_SUPPORTED);
      expect(await set(s, scaling({}))).toBe(NDIS_STATUS_NOT_SUPPORTED);
    }
  });
});

describe('OID_GEN_RECEIVE_SCALE_PARAMETERS (network/oid-gen-receive-scale-parameters)', () => {
  test('what the miniport driver accepted holds, and NDIS answers queries with it', async () => {
    const s = await createScalingStack();
    const seen: number[] = [];
    s.on.request = (request) => {
      seen.push(request.DATA.Oid);
      return NDIS_STATUS_SUCCESS;
    };
    expect(await set(s, scaling({}))).toBe(NDIS_STATUS_SUCCESS);
    const { request } = await s.ask({ oid: OID_GEN_RECEIVE_SCALE_PARAMETERS, length: 256 });
    expect(seen).toEqual([OID_GEN_RECEIVE_SCALE_PARAMETERS]);
    expect(request.bytes(SIZE + TABLE.length + KEY.length)).toEqual(scaling({}));
  });

  test('what the miniport driver refused changes nothing', async () => {
    const s = await createScalingStack();
    s.on.request = () => NDIS_STATUS_FAILURE;
    expect(await set(s, scaling({}))).toBe(NDIS_STATUS_FAILURE);
    expect(receiveScaling(s.t.ndis, s.adapter).hashInformation).toBe(0);
  });

  test('members that are flagged as unchanged keep their values; to disable clears all', async () => {
    const s = await createScalingStack();
    await set(s, scaling({}));
    const rest = NDIS_RSS_PARAM_FLAG_HASH_INFO_UNCHANGED | NDIS_RSS_PARAM_FLAG_HASH_KEY_UNCHANGED;
    expect(await set(s, scaling({ flags: rest, hash: 77, table: [0, 0, 3, 0], key: [] }))).toBe(
      NDIS_STATUS_SUCCESS,
    );
    expect(receiveScaling(s.t.ndis, s.adapter)).toMatchObject({
      hashInformation: TCP4,
      table: Uint8Array.of(0, 0, 3, 0),
      key: Uint8Array.from(KEY),
    });
    const hash = NDIS_HASH_IPV4 | NdisHashFunctionToeplitz;
    await set(s, scaling({ flags: NDIS_RSS_PARAM_FLAG_ITABLE_UNCHANGED, hash, table: [] }));
    expect(receiveScaling(s.t.ndis, s.adapter)).toMatchObject({
      hashInformation: hash,
      table: Uint8Array.of(0, 0, 3, 0),
    });
    await set(s, scaling({ flags: NDIS_RSS_PARAM_FLAG_DISABLE_RSS, hash: 99 }));
    expect(receiveScaling(s.t.ndis, s.adapter)).toMatchObject({
      hashInformation: 0,
      table: new Uint8Array(0),
    });
  });

  test.each([
    ['a table whose size is no power of 2', { table: TABLE.slice(0, 12) }, NDIS_STATUS_INVALID_DATA],
    ['an empty table', { table: [] }, NDIS_STATUS_INVALID_DATA],
    ['a table of more than 128 entries', { table: Array<number>(1024).fill(0) }, NDIS_STATUS_INVALID_DATA],
    ['a table that names a processor that is not there', { table: [0, 0, 4, 0] }, NDIS_STATUS_INVALID_DATA],
    ['a table of another group', { table: [1, 0, 0, 0] }, NDIS_STATUS_INVALID_DATA],
    ['a table outside of the buffer', { tableOffset: 0xffff_fff0 }, NDIS_STATUS_INVALID_LENGTH],
    ['a table inside of the structure', { tableOffset: 8 }, NDIS_STATUS_INVALID_LENGTH],
    ['a key of another size than 40', { key: KEY.slice(1) }, NDIS_STATUS_INVALID_DATA],
    ['an unknown hash function', { hash: NDIS_HASH_IPV4 | 2 }, NDIS_STATUS_INVALID_DATA],
    ['a hash function without types', { hash: NdisHashFunctionToeplitz }, NDIS_STATUS_INVALID_DATA],
    ['a revision of 0', { revision: 0 }, NDIS_STATUS_INVALID_DATA],
    ['a wrong type', { type: 0x91 }, NDIS_STATUS_INVALID_DATA],
  ])('%s is refused before the miniport driver sees it', async (_what, given, expected) => {
    const s = await createScalingStack();
    let seen = 0;
    s.on.request = () => seen++;
    expect(await set(s, scaling(given))).toBe(expected);
    expect(await set(s, scaling({}).slice(0, 20))).toBe(NDIS_STATUS_INVALID_LENGTH);
    expect(seen).toBe(0);
  });

  test('any bytes are refused or lead to a table whose entries exist', async () => {
    const s = await createScalingStack();
    const base = scaling({});
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(base.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        async (changes) => {
          const data = [...base];
          for (const [at, value] of changes) data[at] = value;
          const status = await set(s, data);
          if (status !== NDIS_STATUS_SUCCESS) return;
          const { table } = receiveScaling(s.t.ndis, s.adapter);
          expect(table.length === 0 || (table.length & (table.length - 1)) === 0).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('OID_GEN_RECEIVE_HASH (network/oid-gen-receive-hash)', () => {
  const size = NDIS_RECEIVE_HASH_PARAMETERS.size;
  const parameters = (flags: number, key: readonly number[] = KEY, offset = size): number[] => [
    NDIS_OBJECT_TYPE_DEFAULT,
    1,
    ...half(size),
    ...word(flags),
    ...word(TCP4),
    ...half(key.length),
    0,
    0,
    ...word(offset),
    ...key,
  ];

  test('NDIS answers a query with what holds; a wrong key is refused', async () => {
    const s = await createScalingStack();
    const query = async () =>
      (await s.ask({ oid: OID_GEN_RECEIVE_HASH, length: 256 })).request.bytes(size + KEY.length);
    expect((await query()).slice(4, 8)).toEqual(word(0));
    expect(await set(s, parameters(NDIS_RECEIVE_HASH_FLAG_ENABLE_HASH), OID_GEN_RECEIVE_HASH)).toBe(0);
    expect(await query()).toEqual(parameters(NDIS_RECEIVE_HASH_FLAG_ENABLE_HASH));
    for (const wrong of [parameters(1, KEY.slice(2)), parameters(1, KEY, 400), parameters(1, KEY, 0)])
      expect(await set(s, wrong, OID_GEN_RECEIVE_HASH)).not.toBe(NDIS_STATUS_SUCCESS);
    await set(s, parameters(0), OID_GEN_RECEIVE_HASH);
    expect((await query()).slice(4, 12)).toEqual([...word(0), ...word(0)]);
  });
});

describe('hash information (hashtypes.h, nblhash.h)', () => {
  test('types and function are put together and taken apart (nf-hashtypes-ndis_rss_hash_info_from_type_and_func)', async () => {
    const { t, m } = await createOidStack();
    const { ndis } = m.driver;
    await t.run(() => {
      expect(ndis.NDIS_RSS_HASH_INFO_FROM_TYPE_AND_FUNC(NDIS_HASH_TCP_IPV4, 1)).toBe(TCP4);
      expect(ndis.NDIS_RSS_HASH_TYPE_FROM_HASH_INFO(TCP4)).toBe(NDIS_HASH_TCP_IPV4);
      expect(ndis.NDIS_RSS_HASH_FUNC_FROM_HASH_INFO(TCP4)).toBe(NdisHashFunctionToeplitz);
    });
  });

  test('a list holds type, function and value of its hash, each for itself (nf-nblhash-net_buffer_list_set_hash_type)', async () => {
    const { t, m } = await createOidStack();
    const { ndis } = m.driver;
    const list = poolOf(t.kernel).allocateZeroed(poolType.nonPagedNx, 512, 1, 0);
    await t.run(() => {
      ndis.NET_BUFFER_LIST_SET_HASH_VALUE(list, 0x8765_4321);
      ndis.NET_BUFFER_LIST_SET_HASH_TYPE(list, NDIS_HASH_IPV4);
      ndis.NET_BUFFER_LIST_SET_HASH_FUNCTION(list, NdisHashFunctionToeplitz);
      ndis.NET_BUFFER_LIST_SET_HASH_TYPE(list, NDIS_HASH_TCP_IPV4);
      expect(ndis.NET_BUFFER_LIST_GET_HASH_VALUE(list)).toBe(0x8765_4321);
      expect(ndis.NET_BUFFER_LIST_GET_HASH_TYPE(list)).toBe(NDIS_HASH_TCP_IPV4);
      expect(ndis.NET_BUFFER_LIST_GET_HASH_FUNCTION(list)).toBe(NdisHashFunctionToeplitz);
    });
  });
});
