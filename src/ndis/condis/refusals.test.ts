import { describe, expect, test } from 'vitest';
import {
  cm,
  connectedCall,
  createCondisStack,
  endCall,
  FAMILY,
  type TestHandler,
} from '../../../test/support/condis.ts';
import { createTestNdis } from '../../../test/support/ndis.ts';
import { poolOf } from '../../kernel/index.ts';
import { poolType } from '../../memory/index.ts';
import {
  AddressFamily,
  NDIS_OBJECT_TYPE_OID_REQUEST,
  NDIS_OID_REQUEST,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_DATA,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  VirtualConnection,
} from '../index.ts';

const failing = (status: number) => (() => status) as TestHandler;
const family = { AddressFamily: FAMILY, MajorVersion: 1, MinorVersion: 0 };

describe.each([
  ['a stand-alone call manager', false],
  ['a miniport call manager', true],
])('what %s refuses', (_name, mcm) => {
  test('an open of its family, at once and later (ndis/nc-ndis-protocol_cm_open_af)', async () => {
    const s = await createCondisStack(createTestNdis(), { mcm });
    const { ndis } = s.client.driver;
    const cell = s.client.driver.cell();
    const open = () =>
      s.t.run(() => ndis.NdisClOpenAddressFamilyEx(s.clientBinding, family, { of: 'again' }, cell));
    s.manager.on['OpenAf'] = failing(NDIS_STATUS_RESOURCES);
    expect(await open()).toBe(NDIS_STATUS_RESOURCES);
    expect(cell.value).toBe(0);
    s.manager.on['OpenAf'] = failing(NDIS_STATUS_PENDING);
    expect(await open()).toBe(NDIS_STATUS_PENDING);
    await s.t.run(() => {
      cm(s, 'OpenAddressFamilyComplete')(NDIS_STATUS_FAILURE, cell.value, 0);
    });
    await s.t.runAll();
    expect(s.client.last['OpenAfComplete']).toEqual([{ of: 'again' }, 0, NDIS_STATUS_FAILURE]);
    expect(await open()).toBe(NDIS_STATUS_PENDING);
    await s.t.run(() => {
      cm(s, 'OpenAddressFamilyComplete')(NDIS_STATUS_SUCCESS, cell.value, { of: 'CM family' });
    });
    await s.t.runAll();
    const opened = s.t.ndis.resolve(cell.value, AddressFamily);
    expect([opened?.state, opened?.managerContext.value]).toEqual(['Open', { of: 'CM family' }]);
    expect(s.t.findings()).toEqual([]);
  });

  test('to drop a party and to close a call: both stay (ndis/nc-ndis-protocol_cm_close_call)', async () => {
    const s = await createCondisStack(createTestNdis(), { mcm });
    const first = s.client.driver.cell();
    const second = s.client.driver.cell();
    const vc = await connectedCall(s, first);
    const { ndis } = s.client.driver;
    const parameters = poolOf(s.t.kernel).allocateZeroed(poolType.nonPagedNx, 64, 1, 0);
    await s.t.run(() => {
      ndis.NdisClAddParty(vc, {}, parameters, second);
      s.manager.on['DropParty'] = failing(NDIS_STATUS_INVALID_DATA);
      expect(ndis.NdisClDropParty(second.value, 0, 0)).toBe(NDIS_STATUS_INVALID_DATA);
      s.manager.on['DropParty'] = undefined;
      expect(ndis.NdisClDropParty(second.value, 0, 0)).toBe(NDIS_STATUS_SUCCESS);
      s.manager.on['CloseCall'] = failing(NDIS_STATUS_INVALID_DATA);
      expect(ndis.NdisClCloseCall(vc, first.value, 0, 0)).toBe(NDIS_STATUS_INVALID_DATA);
      expect(s.t.ndis.resolve(vc, VirtualConnection)?.state).toBe('Connected');
      s.manager.on['CloseCall'] = undefined;
    });
    expect(await endCall(s, vc, first.value)).toEqual([0, 0, 0]);
    expect(s.t.findings()).toEqual([]);
  });

  test('a request (ndis/nc-ndis-protocol_co_oid_request)', async () => {
    const s = await createCondisStack(createTestNdis(), { mcm });
    const at = poolOf(s.t.kernel).allocateZeroed(poolType.nonPagedNx, NDIS_OID_REQUEST.size, 1, 0);
    const view = NDIS_OID_REQUEST.at(s.t.memory, at);
    view.Header.Type = NDIS_OBJECT_TYPE_OID_REQUEST;
    view.Header.Revision = 1;
    view.Header.Size = NDIS_OID_REQUEST.size;
    s.manager.on['OidRequest'] = failing(NDIS_STATUS_INVALID_LENGTH);
    const { ndis } = s.client.driver;
    const status = await s.t.run(() => ndis.NdisCoOidRequest(s.clientBinding, s.client.family, 0, 0, at));
    expect(status).toBe(NDIS_STATUS_INVALID_LENGTH);
    expect(s.client.log).not.toContain('OidRequestComplete');
  });
});

test('a VC that the miniport refuses is not created (ndis/nc-ndis-miniport_co_create_vc)', async () => {
  const s = await createCondisStack(createTestNdis());
  const cell = s.client.driver.cell();
  const { ndis } = s.client.driver;
  const create = () => s.t.run(() => ndis.NdisCoCreateVc(s.clientBinding, s.client.family, {}, cell));
  s.miniport.on['CreateVc'] = failing(NDIS_STATUS_RESOURCES);
  expect(await create()).toBe(NDIS_STATUS_RESOURCES);
  expect(s.manager.log).not.toContain('CreateVc');
  s.miniport.on['CreateVc'] = failing(NDIS_STATUS_PENDING);
  expect(await create()).toBe(NDIS_STATUS_FAILURE);
  expect(s.miniport.log).toEqual(['CreateVc', 'CreateVc', 'DeleteVc']);
  expect(s.t.findings()).toEqual(['CREATE_VC_PENDING miniport']);
});
