import { describe, expect, test } from 'vitest';
import { createTestMiniport, registerMiniport } from '../../../test/support/drivers.ts';
import { createTestNdis } from '../../../test/support/ndis.ts';
import { place } from '../../../test/support/placed.ts';
import {
  IRP,
  IRP_MJ_PNP,
  IRP_MN_FILTER_RESOURCE_REQUIREMENTS,
  IRP_MN_START_DEVICE,
  ioManagerOf,
} from '../../kernel/index.ts';
import {
  NDIS_MINIPORT_PNP_CHARACTERISTICS,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  queueOperation,
} from '../index.ts';

const INFORMATION = IRP.offset.IoStatus + 8;
const CURRENT = IRP.offset['Tail.Overlay.CurrentStackLocation'];

interface Answers {
  readonly filter?: (irp: number) => number;
  readonly start?: (irp: number) => number;
}

/** A miniport that handles the IRPs of its device; its log holds minor codes and what the driver was asked else. */
async function stack(answers: Answers = {}) {
  const t = createTestNdis();
  const m = createTestMiniport(t);
  const { memory } = t;
  const handle = (answer: ((irp: number) => number) | undefined) => (_context: unknown, irp: IRP) => {
    const location = memory.readPointer(irp.address + CURRENT);
    expect(memory.u8[location]).toBe(IRP_MJ_PNP);
    m.log.push(`irp ${memory.u8[location + 1]}`);
    return answer?.(irp.address) ?? NDIS_STATUS_SUCCESS;
  };
  await registerMiniport(t, m, {
    SetOptionsHandler: (driverHandle: number) =>
      m.driver.ndis.NdisSetOptionalHandlers(
        driverHandle,
        place(t, m.driver, NDIS_MINIPORT_PNP_CHARACTERISTICS, {
          Header: { Type: 0x92, Revision: 1, Size: 0x2c },
          MiniportAddDeviceHandler: () => {
            m.log.push('add');
            return NDIS_STATUS_SUCCESS;
          },
          MiniportRemoveDeviceHandler: () => {
            m.log.push('remove');
          },
          MiniportFilterResourceRequirementsHandler: handle(answers.filter),
          MiniportStartDeviceHandler: handle(answers.start),
        }),
      ),
  });
  const irps = ioManagerOf(t.kernel).irps.size;
  const adapter = t.addAdapter(m.object(), 'Ethernet');
  await t.runAll();
  expect(ioManagerOf(t.kernel).irps.size).toBe(irps);
  return { t, m, adapter };
}

describe('MiniportFilterResourceRequirements and MiniportStartDevice (ndis/nc-ndis-miniport_pnp_irp)', () => {
  test('get their IRPs between MiniportAddDevice and MiniportInitializeEx, at every start', async () => {
    const { t, m, adapter } = await stack();
    const starts = [`irp ${IRP_MN_FILTER_RESOURCE_REQUIREMENTS}`, `irp ${IRP_MN_START_DEVICE}`, 'initialize'];
    expect(m.log.slice(0, 4)).toEqual(['add', ...starts]);
    m.log.length = 0;
    for (const request of [
      'IRP_MN_QUERY_STOP_DEVICE',
      'IRP_MN_STOP_DEVICE',
      'IRP_MN_START_DEVICE',
    ] as const) {
      queueOperation(t.ndis, adapter, { kind: 'device', request, event: 0 });
    }
    await t.runAll();
    expect(m.log.filter((line) => line !== 'pause' && line !== 'restart')).toEqual(['halt', ...starts]);
    expect(t.findings()).toEqual([]);
  });

  test('a driver that fails to filter gets what the bus asks for', async () => {
    const { t, adapter } = await stack({ filter: () => NDIS_STATUS_FAILURE });
    expect(adapter.state).toBe('Running');
    expect(t.findings()).toEqual([]);
  });

  test('a driver that fails to start is not initialized, and its device is removed', async () => {
    const { m, adapter } = await stack({ start: () => NDIS_STATUS_RESOURCES });
    expect(adapter.halted).toBe(true);
    expect(m.log.slice(-1)).toEqual(['remove']);
    expect(m.log).not.toContain('initialize');
  });

  test('a list that a driver allocated is freed with its IRP', async () => {
    const made = await stack();
    const { t, m } = made;
    let old = 0;
    let given = 0;
    const another = createTestMiniport(t, 'another');
    await registerMiniport(t, another, {
      SetOptionsHandler: (driverHandle: number) =>
        another.driver.ndis.NdisSetOptionalHandlers(
          driverHandle,
          place(t, another.driver, NDIS_MINIPORT_PNP_CHARACTERISTICS, {
            Header: { Type: 0x92, Revision: 1, Size: 0x2c },
            MiniportAddDeviceHandler: () => NDIS_STATUS_SUCCESS,
            MiniportRemoveDeviceHandler: () => {},
            MiniportFilterResourceRequirementsHandler: (_context: unknown, irp: IRP) => {
              const { ndis } = another.driver;
              old = t.memory.readPointer(irp.address + INFORMATION);
              given = ndis.NdisAllocateMemoryWithTagPriority(another.handle.value, 64, 1, 0);
              t.memory.u8.copyWithin(given, old, old + 40);
              ndis.NdisFreeMemory(old, 0, 0);
              t.memory.writePointer(irp.address + INFORMATION, given);
              return NDIS_STATUS_SUCCESS;
            },
          }),
        ),
    });
    const adapter = t.addAdapter(another.object(), 'Other');
    await t.runAll();
    expect(adapter.state).toBe('Running');
    expect([old, given].every((address) => address !== 0)).toBe(true);
    expect(m.log).not.toContain('halt');
    expect(t.findings()).toEqual([]);
  });
});
