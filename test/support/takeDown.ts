/** Taking a test library down in order, whatever its drivers owe. */

import { completeForDrivers } from '../../src/ndis/index.ts';
import type { TestNdis } from './ndis.ts';

/** Runs until nothing is left to do, with what drivers owe completed for them. */
export async function runDown(t: TestNdis): Promise<void> {
  do await t.runAll();
  while (completeForDrivers(t.ndis) > 0);
}
