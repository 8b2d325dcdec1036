/**
 * The 5.1 driver of the teaching device in C (mingw-w64), by the suite of its younger kin. What differs: it asks for no
 * messages, which came with NDIS 6, so a device that could send them interrupts by its pin (once is enough: `msi` is left
 * out); and it has a keyword in place of OID_GEN_INTERRUPT_MODERATION, which came with NDIS 6, too. No test is skipped.
 */

import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { functionOf, inventoryOf } from '../src/ndis/index.ts';
import { cardportSuite } from './support/cardportSuite.ts';
import { CommandFolder } from './support/command.ts';
import { installAll, ping, startInstalled } from './support/installedMachine.ts';
import { buildWithMingw, hasMingw, MINIPORT51 } from './support/mingw.ts';

/** The register MODERATION. */
const MODERATION = 0x018;

const limits = { lineOnly: true, moderatesByKeyword: true };

if (hasMingw) {
  cardportSuite('cardport51 in C', () => buildWithMingw('cardport51', MINIPORT51), limits);
  cardportSuite(
    'cardport51 in C without scatter/gather lists',
    () => buildWithMingw('cardport51', [...MINIPORT51, 'CARDPORT51_COPIES']),
    limits,
  );
}

test.runIf(hasMingw)(
  'cardport51 is installed from its INF file, with moderated interrupts, and answers',
  async () => {
    const folder = new CommandFolder();
    try {
      writeFileSync(folder.file('cardport51.sys'), buildWithMingw('cardport51', MINIPORT51));
      const system = installAll([
        {
          inf: 'native/legacy/cardport51/cardport51.inf',
          sources: [folder.path],
          devices: ['Ethernet'],
          parameters: { '*InterruptModeration': '1' },
        },
        { inf: 'drivers/echo/echo.inf' },
      ]);
      const { machine, problems, stations } = await startInstalled(system);
      expect(problems).toEqual([]);
      const [adapter] = inventoryOf(machine.ndis).adapters;
      expect(functionOf(machine.ndis, adapter)?.device.read(0, MODERATION, 4)).toBe(100);
      const station = stations.get('Ethernet');
      if (station === undefined) throw new Error('the adapter has no wire');
      const [{ macAddress }] = machine.snapshot().adapters;
      expect(await ping(machine, station, { mac: macAddress, ip: '192.0.2.2' }, [1, 2, 3])).toEqual([
        1, 2, 3,
      ]);
      await machine.stop();
      expect(machine.kernel.findings).toEqual([]);
    } finally {
      folder.remove();
    }
  },
);
