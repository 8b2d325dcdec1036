/**
 * The state of a module, with what the data path looks at.
 * Implements "Filter Module States and Operations" (network).
 */

import type { Kernel } from '../../kernel/index.ts';
import { apply } from '../stateTable.ts';
import { type FilterModule, type FilterModuleEvent, filterModuleStates } from './filterModule.ts';

/** Makes a transition of the table. */
export function changeModule(kernel: Kernel, module: FilterModule, event: FilterModuleEvent): void {
  apply(kernel, filterModuleStates, module, event, module.filter.driver);
  const { state } = module;
  module.sending = state === 'Running' || state === 'Pausing';
  module.receiving = module.sending || state === 'Restarting';
}
