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

  test('uninstall unbinds, calls ProtocolUninstall once, and then unloads (ndis/nc-ndis-protocol_uninstall)', async () => {
    const log: string[] = [];
    const image: DriverImage = (imports) => {
      const { ndis } = imports;
      const handle = imports.cell();
      const binding = imports.cell();
      const medium = imports.cell();
      return {
        DriverEntry: async (DriverObject) => {
          DriverObject.DriverUnload = () => void log.push('unload');
          return ndis.NdisRegisterProtocolDriver(
            null,
            {
              Header: { Type: 0x95, Revision: 2, Size: 144 },
              MajorNdisVersion: 6,
              MinorNdisVersion: 30,
              Name: 'leaving',
              BindAdapterHandlerEx: async (_: unknown, bind: number, given: { AdapterName: number }) => {
                log.push('bind');
                const status = ndis.NdisOpenAdapterEx(
                  handle.value,
                  { bind },
                  {
                    Header: { Type: 0x87, Revision: 1, Size: 64 },
                    AdapterName: given.AdapterName,
                    MediumArray: medium.address,
                    MediumArraySize: 1,
                    SelectedMediumIndex: medium.address,
                  },
                  bind,
                  binding,
                );
                return status;
              },
              UnbindAdapterHandlerEx: async (unbind: number) => {
                log.push('unbind');
                const status = await ndis.NdisCloseAdapterEx(binding.value);
                if (status === NDIS_STATUS_SUCCESS) ndis.NdisCompleteUnbindAdapterEx(unbind);
                else closing = unbind;
                return NDIS_STATUS_PENDING;
              },
              OpenAdapterCompleteHandlerEx: (context: { bind: number }, status: number) =>
                ndis.NdisCompleteBindAdapterEx(context.bind, status),
              CloseAdapterCompleteHandlerEx: () => ndis.NdisCompleteUnbindAdapterEx(closing),
              UninstallHandler: async () => {
                log.push('uninstall');
                await ndis.NdisDeregisterProtocolDriver(handle.value);
              },
              NetPnPEventHandler: () => NDIS_STATUS_SUCCESS,
              OidRequestCompleteHandler: () => {},
              ReceiveNetBufferListsHandler: () => {},
              SendNetBufferListsCompleteHandler: () => {},
            },
            handle,
          );
        },
      };
    };
    let closing = 0;
    const machine = new Machine({ seed: 5 });
    await machine.load('wireport', wireport);
    await machine.load('leaving', image);
    await machine.addAdapter('wireport', { name: 'Ethernet', wire: new Segment({}).addPort() });
    expect(await machine.uninstall('leaving')).toBe(0);
    expect(log).toEqual(['bind', 'unbind', 'uninstall', 'unload']);
    expect(machine.driver('leaving')).toBe(null);
    expect(machine.snapshot().adapters[0].state).toBe('Running');
    expect(await machine.uninstall('wireport')).toBe(0);
    await machine.stop();
    expect(machine.kernel.findings).toEqual([]);
  });

  test('an unload routine that never returns is DRIVER_STUCK; stop goes on without it, with a finding', async () => {
    const waiting: DriverImage = ({ ntoskrnl, data, cell }) => ({
      DriverEntry: async (DriverObject) => {
        const event = data(24);
        ntoskrnl.KeInitializeEvent(event, 0, false);
        DriverObject.DriverUnload = async () => {
          await ntoskrnl.KeWaitForSingleObject(event, 0, 0, false, null);
        };
        return ntoskrnl.IoCreateDevice(DriverObject, 0, null, 0x22, 0, false, cell());
      },
    });
    const first = new Machine();
    await first.load('waiting', waiting);
    await expect(first.unload('waiting')).rejects.toMatchObject({ code: 'DRIVER_STUCK' });
    const second = new Machine();
    await second.load('wireport', wireport);
    await second.load('waiting', waiting);
    await second.stop();
    expect(second.driver('wireport')).toBe(null);
    const codes = second.kernel.findings.map(({ code, driver }) => `${code} ${driver}`);
    expect(codes).toEqual(['NEVER_COMPLETED waiting']);
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
