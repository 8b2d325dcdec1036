import { describe, expect, test } from 'vitest';
import {
  type CondisStack,
  callParameters,
  clientVc,
  cm,
  connectedCall,
  createCondisStack,
  FAMILY,
  managerVc,
  type TestHandler,
} from '../../../test/support/condis.ts';
import { createTestNdis } from '../../../test/support/ndis.ts';
import { poolOf } from '../../kernel/index.ts';
import { type Address, poolType } from '../../memory/index.ts';
import {
  NDIS_OBJECT_TYPE_OID_REQUEST,
  NDIS_OID_REQUEST,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  NdisRequestQueryInformation,
} from '../index.ts';

function memoryOf(s: CondisStack, size: number): Address {
  return poolOf(s.t.kernel).allocateZeroed(poolType.nonPagedNx, size, 1, 0);
}

function request(s: CondisStack, oid: number, length = 16): Address {
  const { memory } = s.t;
  const at = memoryOf(s, NDIS_OID_REQUEST.size + length);
  const view = NDIS_OID_REQUEST.at(memory, at);
  view.Header.Type = NDIS_OBJECT_TYPE_OID_REQUEST;
  view.Header.Revision = 1;
  view.Header.Size = NDIS_OID_REQUEST.size;
  view.RequestType = NdisRequestQueryInformation;
  memory.u32[(at + NDIS_OID_REQUEST.offset['DATA.Oid']) >> 2] = oid;
  memory.writePointer(
    at + NDIS_OID_REQUEST.offset['DATA.QUERY_INFORMATION.InformationBuffer'],
    at + NDIS_OID_REQUEST.size,
  );
  memory.u32[(at + NDIS_OID_REQUEST.offset['DATA.QUERY_INFORMATION.InformationBufferLength']) >> 2] = length;
  return at;
}

describe('mistakes', () => {
  /** Functions that return a status, with arguments in which every handle is wrong. */
  const wrong = (s: CondisStack): Record<string, () => unknown> => {
    const { ndis: cl } = s.client.driver;
    const { ndis: mp } = s.m.driver;
    const cmNdis = s.manager.driver.ndis;
    const p = callParameters(s.t);
    const cell = s.client.driver.cell();
    const bad = 0x1234;
    return {
      NdisClOpenAddressFamilyEx: () =>
        cl.NdisClOpenAddressFamilyEx(
          s.clientBinding,
          { AddressFamily: 0x777, MajorVersion: 1, MinorVersion: 0 },
          {},
          cell,
        ),
      NdisClCloseAddressFamily: () => cl.NdisClCloseAddressFamily(bad),
      NdisClRegisterSap: () => cl.NdisClRegisterSap(bad, {}, p, cell),
      NdisClDeregisterSap: () => cl.NdisClDeregisterSap(bad),
      NdisClMakeCall: () => cl.NdisClMakeCall(bad, p, null, null),
      NdisClModifyCallQoS: () => cl.NdisClModifyCallQoS(bad, p),
      NdisClCloseCall: () => cl.NdisClCloseCall(bad, 0, 0, 0),
      NdisClAddParty: () => cl.NdisClAddParty(bad, {}, p, cell),
      NdisClDropParty: () => cl.NdisClDropParty(bad, 0, 0),
      NdisCoCreateVc: () => cl.NdisCoCreateVc(s.clientBinding, bad, {}, cell),
      NdisCoDeleteVc: () => cl.NdisCoDeleteVc(bad),
      NdisCoOidRequest: () => cl.NdisCoOidRequest(bad, 0, 0, 0, request(s, 1)),
      NdisCmRegisterAddressFamilyEx: () =>
        cmNdis.NdisCmRegisterAddressFamilyEx(s.managerBinding, {
          AddressFamily: FAMILY,
          MajorVersion: 1,
          MinorVersion: 0,
        }),
      NdisCmActivateVc: () => cmNdis.NdisCmActivateVc(bad, p),
      NdisCmDeactivateVc: () => cmNdis.NdisCmDeactivateVc(bad),
      NdisCmDispatchIncomingCall: () => cmNdis.NdisCmDispatchIncomingCall(bad, bad, p),
      NdisCmNotifyCloseAddressFamily: () => cmNdis.NdisCmNotifyCloseAddressFamily(bad),
      NdisMCmRegisterAddressFamilyEx: () =>
        mp.NdisMCmRegisterAddressFamilyEx(s.m.adapters[0], {
          AddressFamily: FAMILY,
          MajorVersion: 1,
          MinorVersion: 0,
        }),
      NdisMCmCreateVc: () => mp.NdisMCmCreateVc(s.m.adapters[0], bad, {}, cell),
      NdisMCmActivateVc: () => mp.NdisMCmActivateVc(bad, p),
      NdisMCmDeactivateVc: () => mp.NdisMCmDeactivateVc(bad),
      NdisMCmDeleteVc: () => mp.NdisMCmDeleteVc(bad),
      NdisMCmOidRequest: () => mp.NdisMCmOidRequest(bad, 0, 0, request(s, 1)),
    };
  };

  test('with wrong handles every call fails and the machine goes on (ndis/nf-ndis-ndisclmakecall)', async () => {
    const s = await createCondisStack(createTestNdis());
    for (const [name, call] of Object.entries(wrong(s))) {
      expect(await s.t.run(call as () => number), name).toBe(NDIS_STATUS_FAILURE);
    }
  });

  test('completions of what is not pending are findings (ndis/nf-ndis-ndiscmmakecallcomplete)', async () => {
    const s = await createCondisStack(createTestNdis());
    const party = s.client.driver.cell();
    const sap = s.client.driver.cell();
    const vc = await connectedCall(s, party);
    const p = callParameters(s.t);
    const { ndis } = s.manager.driver;
    await s.t.run(() => {
      s.client.driver.ndis.NdisClRegisterSap(s.client.family, {}, p, sap);
      ndis.NdisCmOpenAddressFamilyComplete(0, s.client.family, {});
      ndis.NdisCmCloseAddressFamilyComplete(0, s.client.family);
      ndis.NdisCmRegisterSapComplete(0, sap.value, {});
      ndis.NdisCmDeregisterSapComplete(0, sap.value);
      ndis.NdisCmMakeCallComplete(0, vc, 0, 0, p);
      ndis.NdisCmModifyCallQoSComplete(0, vc, p);
      ndis.NdisCmCloseCallComplete(0, vc, 0);
      ndis.NdisCmAddPartyComplete(0, party.value, {}, p);
      ndis.NdisCmDropPartyComplete(0, party.value);
      s.m.driver.ndis.NdisMCoActivateVcComplete(0, vc, p);
      s.m.driver.ndis.NdisMCoDeactivateVcComplete(0, vc);
      s.client.driver.ndis.NdisClIncomingCallComplete(0, vc, p);
      s.client.driver.ndis.NdisClNotifyCloseAddressFamilyComplete(s.client.family, 0);
    });
    expect(s.t.findings()).toHaveLength(13);
    for (const finding of s.t.findings()) expect(finding).toMatch(/^NOT_PENDING /);
  });

  test('a handler that completes and then returns a status, and a completion with pending (ndis/nf-ndis-ndiscmclosecallcomplete)', async () => {
    const s = await createCondisStack(createTestNdis());
    const vc = await connectedCall(s);
    s.manager.on['CloseCall'] = (() => {
      cm(s, 'CloseCallComplete')(NDIS_STATUS_PENDING, vc, 0);
      return NDIS_STATUS_SUCCESS;
    }) as TestHandler;
    expect(await s.t.run(() => s.client.driver.ndis.NdisClCloseCall(vc, 0, 0, 0))).toBe(NDIS_STATUS_PENDING);
    expect(s.client.last['CloseCallComplete'][0]).toBe(NDIS_STATUS_FAILURE);
    expect(s.t.findings()).toEqual(['COMPLETED_WITH_PENDING manager', 'COMPLETED_WITHOUT_PENDING manager']);
  });

  test('drivers use only their own handles, and only creators delete (ndis/nf-ndis-ndiscodeletevc)', async () => {
    const s = await createCondisStack(createTestNdis());
    const vc = await managerVc(s);
    const p = callParameters(s.t);
    await s.t.run(() => {
      expect(s.client.driver.ndis.NdisCoDeleteVc(vc)).toBe(NDIS_STATUS_FAILURE);
      expect(s.client.driver.ndis.NdisCmActivateVc(vc, p)).toBe(NDIS_STATUS_FAILURE);
      expect(s.client.driver.ndis.NdisClMakeCall(vc, p, null, null)).toBe(NDIS_STATUS_FAILURE);
      expect(s.manager.driver.ndis.NdisClCloseCall(vc, 0, 0, 0)).toBe(NDIS_STATUS_FAILURE);
    });
    expect(s.t.findings()).toEqual([
      'NOT_THE_CREATOR client',
      'BAD_HANDLE client',
      'NOT_THE_CREATOR client',
      'BAD_HANDLE manager',
    ]);
  });

  test('parameters that are gone when the call returns are refused (ndis/nf-ndis-ndisclmakecall)', async () => {
    const s = await createCondisStack(createTestNdis());
    const vc = await clientVc(s);
    const literal = { Flags: 0 } as never;
    expect(await s.t.run(() => s.client.driver.ndis.NdisClMakeCall(vc, literal, null, null))).toBe(
      NDIS_STATUS_FAILURE,
    );
    expect(s.t.findings()).toEqual(['TRANSIENT_PARAMETERS client']);
  });

  test('without memory nothing is made (ndis/nf-ndis-ndiscocreatevc)', async () => {
    const s = await createCondisStack(createTestNdis());
    const vc = await clientVc(s);
    const p = callParameters(s.t);
    const cell = s.client.driver.cell();
    const { ndis } = s.client.driver;
    poolOf(s.t.kernel).fail = () => true;
    await s.t.run(() => {
      expect(ndis.NdisCoCreateVc(s.clientBinding, s.client.family, {}, cell)).toBe(NDIS_STATUS_RESOURCES);
      expect(ndis.NdisClRegisterSap(s.client.family, {}, p, cell)).toBe(NDIS_STATUS_RESOURCES);
      expect(ndis.NdisClMakeCall(vc, p, {}, cell)).toBe(NDIS_STATUS_RESOURCES);
    });
    poolOf(s.t.kernel).fail = undefined;
    expect(s.t.findings()).toEqual([]);
  });
});
