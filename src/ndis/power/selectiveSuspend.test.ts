import { describe, expect, test } from 'vitest';
import { createFrames } from '../../../test/support/lists.ts';
import { place } from '../../../test/support/placed.ts';
import { createPowerStack, type PowerStackOptions } from '../../../test/support/powerStack.ts';
import {
  idleOf,
  NDIS_MINIPORT_SS_CHARACTERISTICS,
  NDIS_STATUS_BUSY,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
  NdisDeviceStateD0,
  NdisDeviceStateD2,
  NdisDeviceStateD3,
  OID_GEN_VENDOR_ID,
  powerOf,
  queueOperation,
  signalWake,
  surpriseRemove,
} from '../index.ts';
import { completeForDrivers } from '../stack/stalled.ts';

interface SuspendOptions extends PowerStackOptions {
  /** What MiniportIdleNotification does; default: confirms D2 inside the call. */
  readonly notify?: (confirm: (state?: number) => Promise<void>, forced: boolean) => number | Promise<number>;
  /** What MiniportCancelIdleNotification does; default: completes inside the call. */
  readonly cancel?: (complete: () => void) => void;
}

/** A stack whose driver has selective suspend. */
async function suspendable(options: SuspendOptions = {}) {
  const { notify, cancel } = options;
  const handle = (): number => s.m.adapters[0];
  const confirm = (state = NdisDeviceStateD2) =>
    s.m.driver.ndis.NdisMIdleNotificationConfirm(handle(), state);
  const complete = (): void => s.m.driver.ndis.NdisMIdleNotificationComplete(handle());
  const registered: number[] = [];
  const s = await createPowerStack({
    capabilities: { Flags: 2 },
    ...options,
    setOptions: (t, m, driverHandle) => {
      const handlers = {
        Header: { Type: 0xb4, Revision: 1, Size: 24 },
        IdleNotificationHandler: async (_context: unknown, forced: number) => {
          m.log.push(`idle ${forced}`);
          if (notify !== undefined) return notify(confirm, forced !== 0);
          await confirm();
          return NDIS_STATUS_PENDING;
        },
        CancelIdleNotificationHandler: () => {
          m.log.push('cancel idle');
          if (cancel === undefined) complete();
          else cancel(complete);
        },
      };
      const give = (fields: object): number =>
        m.driver.ndis.NdisSetOptionalHandlers(
          driverHandle,
          place(t, m.driver, NDIS_MINIPORT_SS_CHARACTERISTICS, fields),
        );
      registered.push(give({ ...handlers, CancelIdleNotificationHandler: undefined }), give(handlers));
      return NDIS_STATUS_SUCCESS;
    },
  });
  const pass = async (seconds: number): Promise<void> => {
    await s.t.run(() => s.m.driver.ndis.NdisMSleep(seconds * 1_000_000));
    await s.t.runAll();
  };
  return { ...s, confirm, complete, pass, registered, idle: idleOf(s.t.ndis, s.adapter) };
}

const DOWN = ['miniport:idle 0', 'miniport:OID_PM_PARAMETERS 0 0 10', 'miniport:OID_PNP_SET_POWER D2'];
const UP = ['miniport:cancel idle', 'miniport:OID_PNP_SET_POWER D0'];

describe('an idle adapter', () => {
  test('is suspended after *SSIdleTimeout, without a pause and without the protocols (network/handling-the-ndis-selective-suspend-idle-notification)', async () => {
    const s = await suspendable();
    expect(s.registered).toEqual([NDIS_STATUS_FAILURE, NDIS_STATUS_SUCCESS]);
    await s.pass(4);
    expect(s.log).toEqual([]);
    await s.pass(3);
    expect(s.log).toEqual(DOWN);
    expect([s.idle.state, powerOf(s.t.ndis, s.adapter).state, s.adapter.state]).toEqual([
      'Suspended',
      'D2',
      'Running',
    ]);
    await s.pass(25);
    expect(s.log).toEqual(DOWN);
    expect(s.t.findings()).toEqual([]);
  });

  test('is suspended later or never, as the configuration says (network/standardized-inf-keywords-for-ndis-selective-suspend)', async () => {
    const late = await suspendable({ keywords: { '*SSIdleTimeout': '20' } });
    await late.pass(18);
    expect(late.log).toEqual([]);
    await late.pass(5);
    expect(late.log).toEqual(DOWN);
    for (const options of [{ keywords: { '*SelectiveSuspend': '0' } }, { capabilities: { Flags: 0 } }]) {
      const never = await suspendable(options);
      await never.pass(100);
      expect(never.log).toEqual([]);
    }
  });

  test('is woken by a request, which waits until it is back in D0 (network/canceling-the-ndis-selective-suspend-idle-notification)', async () => {
    const s = await suspendable();
    await s.pass(7);
    s.log.length = 0;
    expect((await s.ask({ oid: OID_GEN_VENDOR_ID })).status).toBe(NDIS_STATUS_SUCCESS);
    expect(s.log).toEqual([...UP, 'miniport:OID_GEN_VENDOR_ID']);
    expect([s.idle.state, powerOf(s.t.ndis, s.adapter).state]).toEqual(['Active', 'D0']);
    await s.pass(7);
    expect(s.log.slice(3)).toEqual(DOWN);
    expect(s.t.findings()).toEqual([]);
  });

  test('is woken by a send, which its driver gets when it is back in D0 (ndis/nc-ndis-miniport_cancel_idle_notification)', async () => {
    const s = await suspendable();
    await s.pass(7);
    s.log.length = 0;
    const [p] = s.protocols;
    await s.t.run(() => {
      const frame = createFrames(s.t, p.driver);
      const binding = p.bindings[0].handle.value;
      p.driver.ndis.NdisSendNetBufferLists(binding, frame([2, 0, 0, 0, 0, 9], binding), 0, 0);
      expect(s.log).toEqual([]);
    });
    await s.t.runAll();
    expect(s.log).toEqual([...UP, 'miniport:send', 'protocol:sendComplete']);
    expect(s.adapter.sendsOutstanding).toBe(0);
    await s.pass(3);
    expect(s.idle.state).toBe('Active');
    expect(s.t.findings()).toEqual([]);
  });

  test('is woken by its hardware, or by its driver (network/completing-the-ndis-selective-suspend-idle-notification)', async () => {
    const s = await suspendable();
    await s.pass(7);
    s.log.length = 0;
    expect(signalWake(s.t.ndis, s.adapter)).toBe(true);
    await s.t.runAll();
    expect(s.log).toEqual(UP);
    await s.pass(7);
    s.log.length = 0;
    await s.t.run(() => s.complete());
    await s.t.runAll();
    expect(s.log).toEqual(['miniport:OID_PNP_SET_POWER D0']);
    expect(s.t.findings()).toEqual([]);
  });

  test('is woken before its stack is changed, halted or put to sleep', async () => {
    const s = await suspendable();
    await s.pass(7);
    s.log.length = 0;
    await s.set(NdisDeviceStateD3);
    expect(s.log.slice(0, 3)).toEqual([...UP, 'protocol:set power D3']);
    await s.set(NdisDeviceStateD0);
    await s.pass(7);
    s.log.length = 0;
    s.t.halt(s.adapter);
    await s.t.runAll();
    expect(s.log.slice(0, 3)).toEqual([...UP, 'protocol:pause']);
    expect(s.adapter.halted).toBe(true);
    const other = await suspendable();
    await other.pass(7);
    surpriseRemove(other.t.ndis, other.adapter, 0);
    await other.t.runAll();
    expect(other.adapter.halted).toBe(true);
    expect([...s.t.findings(), ...other.t.findings()]).toEqual([]);
  });
});

describe('a driver', () => {
  test('may veto, and is asked again later (ndis/nc-ndis-miniport_idle_notification)', async () => {
    const s = await suspendable({ notify: () => NDIS_STATUS_BUSY });
    await s.pass(16);
    expect(s.log).toEqual(['miniport:idle 0', 'miniport:idle 0', 'miniport:idle 0']);
    expect(s.t.findings()).toEqual([]);
  });

  test('may not veto what is forced, nor succeed (network/handling-the-ndis-selective-suspend-idle-notification)', async () => {
    const s = await suspendable({ notify: () => NDIS_STATUS_BUSY });
    queueOperation(s.t.ndis, s.adapter, { kind: 'idle', forced: true, event: 0 });
    await s.t.runAll();
    expect(s.log).toEqual(['miniport:idle 1']);
    expect(s.t.findings()).toEqual(['IDLE_NOTIFICATION_ANSWER miniport']);
    const other = await suspendable({ notify: () => NDIS_STATUS_SUCCESS });
    await other.pass(6);
    expect(other.t.findings()).toEqual(['IDLE_NOTIFICATION_ANSWER miniport']);
    expect(other.idle.state).toBe('Active');
  });

  test('may confirm later, from another thread; a request in between cancels the notification', async () => {
    const s = await suspendable({ notify: () => NDIS_STATUS_PENDING });
    await s.pass(7);
    expect([s.log, s.idle.state]).toEqual([['miniport:idle 0'], 'Notified']);
    await s.t.run(() => s.confirm());
    expect(s.idle.state).toBe('Suspended');
    await s.ask({ oid: OID_GEN_VENDOR_ID });
    await s.pass(7);
    s.log.length = 0;
    expect((await s.ask({ oid: OID_GEN_VENDOR_ID })).status).toBe(NDIS_STATUS_SUCCESS);
    // It never reached a low-power state, so that it need not leave one.
    expect(s.log).toEqual(['miniport:cancel idle', 'miniport:OID_GEN_VENDOR_ID']);
    expect(s.t.findings()).toEqual([]);
  });

  test('that confirms or completes what is not there is a finding (ndis/nf-ndis-ndismidlenotificationconfirm)', async () => {
    const s = await suspendable();
    await s.t.run(() => s.confirm());
    await s.t.run(() => s.complete());
    expect(s.t.findings()).toEqual(['NOT_PENDING miniport', 'NOT_PENDING miniport']);
    await s.t.run(() => s.m.driver.ndis.NdisMIdleNotificationConfirm(0x1234, NdisDeviceStateD2));
    await s.t.run(() => s.m.driver.ndis.NdisMIdleNotificationComplete(0x1234));
    expect(s.t.findings().slice(2)).toEqual(['BAD_HANDLE miniport', 'BAD_HANDLE miniport']);
  });

  test('that confirms a state in which nothing sleeps gets D2 and a finding', async () => {
    const s = await suspendable({
      notify: async (confirm) => {
        await confirm(NdisDeviceStateD0);
        return NDIS_STATUS_PENDING;
      },
    });
    await s.pass(7);
    expect(powerOf(s.t.ndis, s.adapter).state).toBe('D2');
    expect(s.t.findings()).toEqual(['BAD_POWER_STATE miniport']);
  });

  test('that never completes a cancelled notification is a finding, and the machine goes on', async () => {
    const s = await suspendable({ cancel: () => {} });
    await s.pass(7);
    s.t.halt(s.adapter);
    await s.t.runAll();
    expect([s.idle.state, s.adapter.halted]).toEqual(['Cancelling', false]);
    expect(completeForDrivers(s.t.ndis)).toBe(1);
    await s.t.runAll();
    expect(s.adapter.halted).toBe(true);
    expect(s.t.findings()).toEqual(['NEVER_COMPLETED miniport']);
  });
});
