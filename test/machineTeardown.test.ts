import { describe, expect, test } from 'vitest';
import { wireport } from '../drivers/wireport/wireport.ts';
import { type DriverImage, Machine, Segment } from '../src/machine/index.ts';
import { NDIS_STATUS_PENDING, NDIS_STATUS_SUCCESS } from '../src/ndis/index.ts';

/** A protocol that leaves every bind pending and never completes it. */
const stuck: DriverImage = (imports) => ({
  DriverEntry: async () =>
    imports.ndis.NdisRegisterProtocolDriver(
      null,
      {
        Header: { Type: 0x95, Revision: 1, Size: 128 },
        MajorNdisVersion: 6,
        MinorNdisVersion: 30,
        Name: 'stuck',
        BindAdapterHandlerEx: () => NDIS_STATUS_PENDING,
        UnbindAdapterHandlerEx: () => NDIS_STATUS_SUCCESS,
        OpenAdapterCompleteHandlerEx: () => {},
        CloseAdapterCompleteHandlerEx: () => {},
        NetPnPEventHandler: () => NDIS_STATUS_SUCCESS,
        OidRequestCompleteHandler: () => {},
        ReceiveNetBufferListsHandler: () => {},
        SendNetBufferListsCompleteHandler: () => {},
      },
      imports.cell(),
    ),
});

async function machineWith(image: DriverImage | null) {
  const machine = new Machine({ seed: 5 });
  await machine.load('wireport', wireport);
  if (image !== null) await machine.load('stuck', image);
  const wire = new Segment({}).addPort();
  const runs = await machine.addAdapter('wireport', { name: 'Ethernet', wire });
  return { machine, runs };
}

describe('taking a machine down', () => {
  test('a driver that never completes its bind is a finding with its name, and the machine still comes down', async () => {
    const { machine, runs } = await machineWith(stuck);
    expect(runs).toBe(false);
    await machine.stop();
    expect(machine.snapshot().adapters).toEqual([]);
    const codes = machine.kernel.findings.map(({ code, driver }) => `${code} ${driver}`);
    expect(codes).toContain('NEVER_COMPLETED stuck');
    expect(machine.driver('wireport')).toBe(null);
  });

  test('shutdown calls MiniportShutdownEx and stops the machine; nothing is called after it', async () => {
    const { machine } = await machineWith(null);
    await machine.shutdown();
    expect(machine.kernel.stopReason?.code).toBe('SHUT_DOWN');
    expect(machine.snapshot().adapters[0].state).toBe('Shutdown');
    await machine.stop();
    await machine.shutdown();
    await expect(machine.run(1)).rejects.toThrow(/shut down/);
  });
});
