/**
 * The one instruction table. Reading order: notation, semantics as data, the operations, how an opcode finds its form.
 */

import { buildDispatch } from './dispatch.ts';
import { FLOATING_POINT_OPERATIONS } from './floatingPoint.ts';
import { INTEGER_OPERATIONS } from './integer.ts';
import { define, type Form, type Operation } from './operation.ts';
import { PACKED_OPERATIONS } from './packed.ts';
import { parseTable } from './parse.ts';
import { SYSTEM_OPERATIONS } from './system.ts';
import { nameUnsupportedIn } from './unsupported.ts';
import type { Address } from '../../memory/index.ts';

export * from './operation.ts';
export * from './semantics.ts';

const { operations, forms } = parseTable([
  // What the decoder returns for bytes that are no instruction it knows; always number 0.
  define('invalid', { control: 'interrupt' }),
  ...INTEGER_OPERATIONS,
  ...SYSTEM_OPERATIONS,
  ...FLOATING_POINT_OPERATIONS,
  ...PACKED_OPERATIONS,
]);

/** All operations; each stands at its number. */
export const OPERATIONS: readonly Operation[] = operations;
/** All encodings; each stands at its number. */
export const FORMS: readonly Form[] = forms;
/** Number of the operation that stands for bytes that cannot be executed. */
export const INVALID_OPERATION = 0;

const byName = new Map(operations.map((operation) => [operation.name, operation]));

/** The operation of a name. @throws RangeError when the table has none: a mistake of ours. */
export function operationNamed(name: string): Operation {
  const operation = byName.get(name);
  if (operation === undefined) throw new RangeError(`the instruction table has no operation '${name}'`);
  return operation;
}

export const DISPATCH = buildDispatch(forms);

/** What bytes that are none of our instructions would be on another processor. */
export function nameUnsupported(u8: Uint8Array, address: Address, length: number): string {
  return nameUnsupportedIn(DISPATCH, forms, u8, address, length);
}
