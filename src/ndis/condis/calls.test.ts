import { describe, expect, test } from 'vitest';
import {
  type CondisStack,
  callParameters,
  clientVc,
  cm,
  connectedCall,
  createCondisStack,
  endCall,
  managerVc,
  type TestHandler,
} from '../../../test/support/condis.ts';
import { createTestNdis } from '../../../test/support/ndis.ts';
import type { Address } from '../../memory/index.ts';
import {
  connectionsOf,
  NDIS_STATUS_CLOSING,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_DATA,
  NDIS_STATUS_NOT_ACCEPTED,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  VirtualConnection,
} from '../index.ts';

const pending = (() => NDIS_STATUS_PENDING) as TestHandler;
const failing = (status: number) => (() => status) as TestHandler;

/** A SAP of the client, registered; its CO_SAP lies in the driver's data. */
async function sapOf(s: CondisStack): Promise<Address> {
  const cell = s.client.driver.cell();
  const at = callParameters(s.t);
  const status = await s.t.run(() =>
    s.client.driver.ndis.NdisClRegisterSap(s.client.family, { of: 'SAP' }, at, cell),
  );
  expect(status).toBe(NDIS_STATUS_SUCCESS);
  return cell.value;
}

function vcOf(s: CondisStack, handle: Address): VirtualConnection {
  const connection = s.t.ndis.resolve(handle, VirtualConnection);
  if (connection === null) throw new Error('no VC');
  return connection;
}

/** Nothing of any call is left. */
function expectNothingLeft(s: CondisStack): void {
  for (const { connections } of connectionsOf(s.t.ndis).adapters.values()) expect(connections.size).toBe(0);
}

describe.each([
  ['a stand-alone call manager', false],
  ['a miniport call manager', true],
])('calls through %s', (_name, mcm) => {
  const start = (seed = 1) => createCondisStack(createTestNdis({ seed }), { mcm });

  test('a VC is made known to the other end, and to the miniport of a stand-alone call manager, before the call returns (network/creating-a-vc)', async () => {
    const s = await start();
    const vc = await clientVc(s);
    expect(s.manager.log.filter((line) => line === 'CreateVc')).toHaveLength(1);
    expect(s.miniport.log).toEqual(mcm ? [] : ['CreateVc']);
    expect(s.manager.last['CreateVc'][1]).toBe(vc);
    expect(await s.t.run(() => s.client.driver.ndis.NdisCoDeleteVc(vc))).toBe(NDIS_STATUS_SUCCESS);
    expect(s.manager.log.at(-1)).toBe('DeleteVc');
    if (!mcm) expect(s.miniport.log).toEqual(['CreateVc', 'DeleteVc']);
    expectNothingLeft(s);
    expect(s.t.findings()).toEqual([]);
  });

  test('a VC that the other end refuses is not created, and what was told is taken back (ndis/nf-ndis-ndiscocreatevc)', async () => {
    const s = await start();
    const cell = s.client.driver.cell();
    const create = () =>
      s.t.run(() => s.client.driver.ndis.NdisCoCreateVc(s.clientBinding, s.client.family, {}, cell));
    s.manager.on['CreateVc'] = failing(NDIS_STATUS_RESOURCES);
    expect(await create()).toBe(NDIS_STATUS_RESOURCES);
    if (!mcm) expect(s.miniport.log).toEqual(['CreateVc', 'DeleteVc']);
    s.manager.on['CreateVc'] = pending;
    expect(await create()).toBe(NDIS_STATUS_FAILURE);
    expect(s.manager.log.at(-1)).toBe('DeleteVc');
    expect(cell.value).toBe(0);
    expect(s.t.findings()).toEqual([`CREATE_VC_PENDING ${s.manager.driver.driver.name}`]);
    expectNothingLeft(s);
  });

  test('an outgoing call: pending, active, connected, closed (network/making-a-call)', async () => {
    const s = await start();
    const vc = await connectedCall(s);
    expect(s.client.last['MakeCallComplete'].slice(0, 3)).toEqual([0, { of: 'client VC' }, 0]);
    expect([vcOf(s, vc).state, vcOf(s, vc).activation.state]).toEqual(['Connected', 'Active']);
    expect(await s.t.run(() => s.client.driver.ndis.NdisCoDeleteVc(vc))).toBe(NDIS_STATUS_NOT_ACCEPTED);
    expect(await endCall(s, vc)).toEqual([0, 0, 0]);
    expectNothingLeft(s);
    expect(s.t.findings()).toEqual([]);
  });

  test('a call that the call manager refuses at once leaves the VC for another (ndis/nf-ndis-ndisclmakecall)', async () => {
    const s = await start();
    const vc = await clientVc(s);
    const parameters = callParameters(s.t);
    const call = () => s.t.run(() => s.client.driver.ndis.NdisClMakeCall(vc, parameters, null, null));
    s.manager.on['MakeCall'] = failing(NDIS_STATUS_NOT_SUPPORTED);
    expect(await call()).toBe(NDIS_STATUS_NOT_SUPPORTED);
    s.manager.on['MakeCall'] = ((_context: unknown, given: { address: Address }) => {
      cm(s, 'ActivateVc')(vc, given.address);
      return NDIS_STATUS_SUCCESS;
    }) as TestHandler;
    expect(await call()).toBe(NDIS_STATUS_SUCCESS);
    expect(await call()).toBe(NDIS_STATUS_FAILURE);
    expect(s.t.findings()).toEqual(['ILLEGAL_TRANSITION client']);
    expect(s.client.log).not.toContain('MakeCallComplete');
  });

  test('a call may be closed while it is made: both are completed (ndis/nf-ndis-ndisclclosecall)', async () => {
    const s = await start();
    const vc = await clientVc(s);
    const parameters = callParameters(s.t);
    s.manager.on['MakeCall'] = pending;
    s.manager.on['CloseCall'] = pending;
    await s.t.run(() => {
      const { ndis } = s.client.driver;
      expect(ndis.NdisClMakeCall(vc, parameters, null, null)).toBe(NDIS_STATUS_PENDING);
      expect(ndis.NdisClCloseCall(vc, 0, 0, 0)).toBe(NDIS_STATUS_PENDING);
      expect(vcOf(s, vc).state).toBe('Abandoning');
      cm(s, 'MakeCallComplete')(NDIS_STATUS_FAILURE, vc, 0, 0, parameters);
      cm(s, 'CloseCallComplete')(NDIS_STATUS_SUCCESS, vc, 0);
      expect(ndis.NdisCoDeleteVc(vc)).toBe(NDIS_STATUS_SUCCESS);
    });
    expect(s.client.log.slice(-2)).toEqual(['MakeCallComplete', 'CloseCallComplete']);
    expect(s.t.findings()).toEqual([]);
  });

  test.each(['accept', 'accept later', 'reject', 'reject later'])(
    'an incoming call: offered, %s (network/indicating-an-incoming-call)',
    async (what) => {
      const s = await start();
      const sap = await sapOf(s);
      const vc = await managerVc(s);
      expect(s.client.last['CreateVc'][1]).toBe(vc);
      const parameters = callParameters(s.t);
      const answer = what.startsWith('accept') ? NDIS_STATUS_SUCCESS : NDIS_STATUS_FAILURE;
      s.client.on['IncomingCall'] = what.endsWith('later') ? pending : failing(answer);
      await s.t.run(() => {
        cm(s, 'ActivateVc')(vc, parameters);
        const offered = cm(s, 'DispatchIncomingCall')(sap, vc, parameters);
        if (what.endsWith('later')) {
          expect(offered).toBe(NDIS_STATUS_PENDING);
          s.client.driver.ndis.NdisClIncomingCallComplete(answer, vc, parameters);
          expect(s.manager.last['IncomingCallComplete'].slice(0, 2)).toEqual([answer, { of: 'manager VC' }]);
        } else expect(offered).toBe(answer);
        if (answer === NDIS_STATUS_SUCCESS) {
          cm(s, 'DispatchCallConnected')(vc);
          cm(s, 'DispatchIncomingCloseCall')(NDIS_STATUS_SUCCESS, vc, 0, 0);
          expect(s.client.driver.ndis.NdisClCloseCall(vc, 0, 0, 0)).toBe(NDIS_STATUS_SUCCESS);
        }
        expect(vcOf(s, vc).state).toBe('Idle');
        cm(s, 'DeactivateVc')(vc);
        const { ndis } = s.manager.driver;
        expect(mcm ? ndis.NdisMCmDeleteVc(vc) : ndis.NdisCoDeleteVc(vc)).toBe(NDIS_STATUS_SUCCESS);
        expect(s.client.driver.ndis.NdisClDeregisterSap(sap)).toBe(NDIS_STATUS_SUCCESS);
      });
      const connected = answer === NDIS_STATUS_SUCCESS ? ['CallConnected', 'IncomingCloseCall'] : [];
      expect(s.client.log.filter((line) => /Connected|IncomingClose/.test(line))).toEqual(connected);
      expect(s.client.last['IncomingCall'].slice(0, 2)).toEqual([{ of: 'SAP' }, { of: 'CreateVc' }]);
      expect(s.t.findings()).toEqual([]);
      expectNothingLeft(s);
    },
  );

  test('the quality of service is changed by either side (network/client-initiated-request-to-change-call-parameters)', async () => {
    const s = await start();
    const vc = await connectedCall(s);
    const parameters = callParameters(s.t);
    const { ndis } = s.client.driver;
    await s.t.run(() => {
      expect(ndis.NdisClModifyCallQoS(vc, parameters)).toBe(NDIS_STATUS_SUCCESS);
      s.manager.on['ModifyCallQoS'] = failing(NDIS_STATUS_INVALID_DATA);
      expect(ndis.NdisClModifyCallQoS(vc, parameters)).toBe(NDIS_STATUS_INVALID_DATA);
      s.manager.on['ModifyCallQoS'] = pending;
      expect(ndis.NdisClModifyCallQoS(vc, parameters)).toBe(NDIS_STATUS_PENDING);
      expect(ndis.NdisClModifyCallQoS(vc, parameters)).toBe(NDIS_STATUS_FAILURE);
      cm(s, 'ActivateVc')(vc, parameters);
      cm(s, 'ModifyCallQoSComplete')(NDIS_STATUS_SUCCESS, vc, parameters);
      cm(s, 'DispatchIncomingCallQoSChange')(vc, parameters);
    });
    expect(s.client.log.slice(-2)).toEqual(['ModifyCallQoSComplete', 'IncomingCallQoSChange']);
    expect(await endCall(s, vc)).toEqual([0, 0, 0]);
    expect(s.t.findings()).toEqual([]);
  });

  test('parties come and go, the last with the call (network/adding-a-party-to-a-multipoint-call)', async () => {
    const s = await start();
    const first = s.client.driver.cell();
    const second = s.client.driver.cell();
    const third = s.client.driver.cell();
    const vc = await connectedCall(s, first);
    const parameters = callParameters(s.t);
    const { ndis } = s.client.driver;
    await s.t.run(() => {
      expect(ndis.NdisClAddParty(vc, { of: 'second' }, parameters, second)).toBe(NDIS_STATUS_SUCCESS);
      s.manager.on['AddParty'] = pending;
      expect(ndis.NdisClAddParty(vc, { of: 'third' }, parameters, third)).toBe(NDIS_STATUS_PENDING);
      cm(s, 'AddPartyComplete')(NDIS_STATUS_SUCCESS, third.value, { of: 'CM third' }, parameters);
      expect(s.client.last['AddPartyComplete'].slice(0, 3)).toEqual([0, { of: 'third' }, third.value]);
      cm(s, 'DispatchIncomingDropParty')(NDIS_STATUS_SUCCESS, second.value, 0, 0);
      expect(s.client.last['IncomingDropParty'][1]).toEqual({ of: 'second' });
      expect(ndis.NdisClDropParty(second.value, 0, 0)).toBe(NDIS_STATUS_SUCCESS);
      s.manager.on['DropParty'] = pending;
      expect(ndis.NdisClDropParty(first.value, 0, 0)).toBe(NDIS_STATUS_PENDING);
      expect(s.manager.last['DropParty'][0]).toEqual({ of: 'CM party' });
      cm(s, 'DropPartyComplete')(NDIS_STATUS_SUCCESS, first.value);
      expect(s.client.last['DropPartyComplete']).toEqual([0, { of: 'first party' }]);
    });
    expect(await endCall(s, vc, third.value)).toEqual([0, 0, 0]);
    expect(s.manager.last['CloseCall'][1]).toEqual({ of: 'CM third' });
    expect(s.t.findings()).toEqual([]);
    expectNothingLeft(s);
  });

  test('the last party is not dropped, and a call is closed with a party of its own (ndis/nf-ndis-ndiscldropparty)', async () => {
    const s = await start();
    const first = s.client.driver.cell();
    const vc = await connectedCall(s, first);
    const { ndis } = s.client.driver;
    await s.t.run(() => {
      expect(ndis.NdisClDropParty(first.value, 0, 0)).toBe(NDIS_STATUS_FAILURE);
      expect(ndis.NdisClCloseCall(vc, 0, 0, 0)).toBe(NDIS_STATUS_FAILURE);
    });
    expect(s.t.findings()).toEqual(['LAST_PARTY_DROPPED client', 'WRONG_PARTY client']);
    expect(await endCall(s, vc, first.value)).toEqual([0, 0, 0]);
  });

  test('a party that cannot be added is none, and a point-to-point call has no parties (ndis/nf-ndis-ndiscladdparty)', async () => {
    const s = await start();
    const first = s.client.driver.cell();
    const cell = s.client.driver.cell();
    const vc = await connectedCall(s, first);
    const other = await connectedCall(s);
    const parameters = callParameters(s.t);
    const { ndis } = s.client.driver;
    s.manager.on['AddParty'] = failing(NDIS_STATUS_RESOURCES);
    await s.t.run(() => {
      expect(ndis.NdisClAddParty(vc, {}, parameters, cell)).toBe(NDIS_STATUS_RESOURCES);
      expect(cell.value).toBe(0);
      expect(ndis.NdisClAddParty(other, {}, parameters, cell)).toBe(NDIS_STATUS_FAILURE);
    });
    expect(s.t.findings()).toEqual(['NOT_MULTIPOINT client']);
    expect(vcOf(s, vc).parties.size).toBe(1);
  });

  test('a SAP may be registered and given up later, and calls come while it is pending (network/registering-a-sap)', async () => {
    const s = await start();
    const cell = s.client.driver.cell();
    const at = callParameters(s.t);
    const { ndis } = s.client.driver;
    s.manager.on['RegisterSap'] = pending;
    s.manager.on['DeregisterSap'] = pending;
    await s.t.run(() => {
      expect(ndis.NdisClRegisterSap(s.client.family, { of: 'SAP' }, at, cell)).toBe(NDIS_STATUS_PENDING);
    });
    const vc = await managerVc(s);
    await s.t.run(() => {
      expect(cm(s, 'DispatchIncomingCall')(cell.value, vc, at)).toBe(NDIS_STATUS_SUCCESS);
      cm(s, 'RegisterSapComplete')(NDIS_STATUS_SUCCESS, cell.value, { of: 'CM SAP' });
      expect(s.client.last['RegisterSapComplete'].slice(0, 2)).toEqual([0, { of: 'SAP' }]);
      expect(ndis.NdisClDeregisterSap(cell.value)).toBe(NDIS_STATUS_PENDING);
      expect(ndis.NdisClDeregisterSap(cell.value)).toBe(NDIS_STATUS_FAILURE);
      expect(s.manager.last['DeregisterSap']).toEqual([{ of: 'CM SAP' }]);
      cm(s, 'DeregisterSapComplete')(NDIS_STATUS_SUCCESS, cell.value);
      expect(s.client.last['DeregisterSapComplete']).toEqual([0, { of: 'SAP' }]);
      s.manager.on['RegisterSap'] = failing(NDIS_STATUS_INVALID_DATA);
      expect(ndis.NdisClRegisterSap(s.client.family, {}, at, cell)).toBe(NDIS_STATUS_INVALID_DATA);
    });
    expect(s.t.findings()).toEqual([]);
  });

  test('a close of the family that is pending, and one that the call manager asks for (network/closing-an-address-family)', async () => {
    const s = await start();
    const { family } = s.client;
    const { ndis } = s.client.driver;
    s.manager.on['CloseAf'] = pending;
    s.client.on['NotifyCloseAf'] = pending;
    await s.t.run(() => {
      expect(cm(s, 'NotifyCloseAddressFamily')(family)).toBe(NDIS_STATUS_PENDING);
      expect(cm(s, 'NotifyCloseAddressFamily')(family)).toBe(NDIS_STATUS_FAILURE);
      expect(ndis.NdisClCloseAddressFamily(family)).toBe(NDIS_STATUS_PENDING);
      cm(s, 'CloseAddressFamilyComplete')(NDIS_STATUS_SUCCESS, family);
      ndis.NdisClNotifyCloseAddressFamilyComplete(family, NDIS_STATUS_SUCCESS);
    });
    expect(s.client.log.slice(-2)).toEqual(['NotifyCloseAf', 'CloseAfComplete']);
    expect(s.manager.last['NotifyCloseAfComplete'][1]).toBe(0);
    expect(s.t.findings()).toEqual([]);
    expect(
      connectionsOf(s.t.ndis).adapters.get(s.m.object().adapters.values().next().value as never)?.families
        .size,
    ).toBe(0);
  });

  test('a VC goes when nothing happens on it any more (ndis/nf-ndis-ndiscodeletevc)', async () => {
    const s = await start();
    const vc = await connectedCall(s);
    if (!mcm) s.miniport.on['DeactivateVc'] = pending;
    const { ndis } = s.client.driver;
    await s.t.run(() => {
      expect(ndis.NdisCoDeleteVc(vc)).toBe(NDIS_STATUS_NOT_ACCEPTED);
      expect(ndis.NdisClCloseCall(vc, 0, 0, 0)).toBe(NDIS_STATUS_SUCCESS);
      expect(ndis.NdisCoDeleteVc(vc)).toBe(NDIS_STATUS_NOT_ACCEPTED);
      if (mcm) expect(s.manager.driver.ndis.NdisMCmDeactivateVc(vc)).toBe(NDIS_STATUS_SUCCESS);
      else {
        expect(s.manager.driver.ndis.NdisCmDeactivateVc(vc)).toBe(NDIS_STATUS_PENDING);
        expect(ndis.NdisCoDeleteVc(vc)).toBe(NDIS_STATUS_CLOSING);
        s.m.driver.ndis.NdisMCoDeactivateVcComplete(NDIS_STATUS_SUCCESS, vc);
        expect(s.manager.last['DeactivateVcComplete']).toEqual([0, { of: 'CreateVc' }]);
      }
      expect(cm(s, 'DeactivateVc')(vc)).toBe(NDIS_STATUS_NOT_ACCEPTED);
      s.manager.on['DeleteVc'] = failing(NDIS_STATUS_NOT_ACCEPTED);
      expect(ndis.NdisCoDeleteVc(vc)).toBe(NDIS_STATUS_NOT_ACCEPTED);
      s.manager.on['DeleteVc'] = undefined;
      expect(ndis.NdisCoDeleteVc(vc)).toBe(NDIS_STATUS_SUCCESS);
      expect(ndis.NdisCoDeleteVc(vc)).toBe(NDIS_STATUS_FAILURE);
    });
    expect(s.t.findings()).toEqual(['BAD_HANDLE client']);
  });
});

test('an activation may take its time, fail, and be done again (network/activating-a-vc)', async () => {
  const s = await createCondisStack(createTestNdis());
  const vc = await clientVc(s);
  const parameters = callParameters(s.t);
  const { ndis } = s.manager.driver;
  const miniport = s.m.driver.ndis;
  await s.t.run(() => {
    s.miniport.on['ActivateVc'] = failing(NDIS_STATUS_INVALID_DATA);
    expect(ndis.NdisCmActivateVc(vc, parameters)).toBe(NDIS_STATUS_INVALID_DATA);
    s.miniport.on['ActivateVc'] = pending;
    expect(ndis.NdisCmActivateVc(vc, parameters)).toBe(NDIS_STATUS_PENDING);
    expect(vcOf(s, vc).activation.state).toBe('Activating');
    expect(ndis.NdisCmActivateVc(vc, parameters)).toBe(NDIS_STATUS_FAILURE);
    miniport.NdisMCoActivateVcComplete(NDIS_STATUS_SUCCESS, vc, parameters);
    expect(s.manager.last['ActivateVcComplete'].slice(0, 2)).toEqual([0, { of: 'CreateVc' }]);
    expect(ndis.NdisCmActivateVc(vc, parameters)).toBe(NDIS_STATUS_PENDING);
    miniport.NdisMCoActivateVcComplete(NDIS_STATUS_RESOURCES, vc, parameters);
    expect(vcOf(s, vc).activation.state).toBe('Active');
    miniport.NdisMCoActivateVcComplete(NDIS_STATUS_SUCCESS, vc, parameters);
  });
  expect(s.t.findings()).toEqual(['ILLEGAL_TRANSITION manager', 'NOT_PENDING miniport']);
});
