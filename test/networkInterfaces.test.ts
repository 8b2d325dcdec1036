/** The network interfaces of a whole machine, as a management program sees them. */

import { expect, test } from 'vitest';
import { wireport } from '../drivers/index.ts';
import {
  Machine,
  NDIS_INTERFACE_INFORMATION,
  NDIS_STATUS_INTERFACE_NOT_FOUND,
  NDIS_STATUS_SUCCESS,
  NET_IF_OPER_STATUS_UP,
  OID_GEN_INTERFACE_INFO,
  Segment,
} from '../src/machine/index.ts';

test('a machine lists its interfaces and answers for them; *IfType of the configuration makes the NET_LUID', async () => {
  const machine = new Machine({ seed: 3 });
  const segment = new Segment();
  await machine.load('wireport', wireport);
  await machine.addAdapter('wireport', { name: 'Ethernet', wire: segment.addPort() });
  await machine.addAdapter('wireport', {
    name: 'Wireless',
    wire: segment.addPort(),
    parameters: { '*IfType': '71' },
  });
  expect(machine.snapshot().interfaces).toEqual([
    { ifIndex: 1, netLuid: '0x0006000001000000', kind: 'adapter', name: 'Ethernet', lower: [] },
    { ifIndex: 2, netLuid: '0x0047000001000000', kind: 'adapter', name: 'Wireless', lower: [] },
  ]);
  const { status, bytes } = await machine.queryInterface(1, OID_GEN_INTERFACE_INFO);
  expect(status).toBe(NDIS_STATUS_SUCCESS);
  const data = new DataView(bytes.buffer, bytes.byteOffset);
  expect(data.getUint32(NDIS_INTERFACE_INFORMATION.offset.ifOperStatus, true)).toBe(NET_IF_OPER_STATUS_UP);
  expect((await machine.queryInterface(9, OID_GEN_INTERFACE_INFO)).status).toBe(
    NDIS_STATUS_INTERFACE_NOT_FOUND,
  );
  await machine.stop();
  expect(machine.snapshot().findings).toEqual([]);
  expect(machine.snapshot().interfaces).toEqual([]);
});
