/** Taking a test library down in order, whatever its drivers owe. */

import { completeForDrivers, inventoryOf } from '../../src/ndis/index.ts';
import type { TestProtocol } from './drivers.ts';
import type { TestNdis } from './ndis.ts';

/** Runs until nothing is left to do, with what drivers owe completed for them. */
export async function runDown(t: TestNdis): Promise<void> {
  do await t.runAll();
  while (completeForDrivers(t.ndis) > 0);
}

/** Halts every physical adapter and deregisters the protocols. */
export async function takeDown(t: TestNdis, protocols: readonly TestProtocol[] = []): Promise<void> {
  await runDown(t);
  for (const adapter of inventoryOf(t.ndis).adapters) if (!adapter.virtual) t.halt(adapter);
  await runDown(t);
  for (const p of protocols) {
    if (inventoryOf(t.ndis).protocols.size === 0) break;
    await t.run(() => p.driver.ndis.NdisDeregisterProtocolDriver(p.handle.value));
  }
}
