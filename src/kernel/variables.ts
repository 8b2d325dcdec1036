/**
 * Exported variables: a declared one has an address in each machine, which an import slot of machine code holds and a
 * TypeScript driver gets. Implements the data imports of "PE Format".
 */

import { type Address, poolType } from '../memory/index.ts';
import type { DataDeclaration } from './declaration.ts';
import { NdisboxError } from './errors.ts';
import { type Kernel, perKernel } from './kernel.ts';
import { poolOf } from './memory/kernelPool.ts';

/** `Vars` */
const TAG = 0x7372_6156;

const variablesOf = perKernel('exported variables', () => new Map<DataDeclaration, Address>());

/** The address of an exported variable; it is made, with its first value, when it is first asked for. */
export function variableAddress(kernel: Kernel, declaration: DataDeclaration): Address {
  const known = variablesOf(kernel).get(declaration);
  if (known !== undefined) return known;
  const address = poolOf(kernel).allocateZeroed(poolType.nonPagedNx, Math.max(declaration.size, 8), TAG, 0);
  if (address === 0) {
    throw new NdisboxError(
      'OUT_OF_MEMORY',
      `no memory is left for the variable ${declaration.name}; give the machine more (memorySize)`,
    );
  }
  declaration.initial(kernel, address);
  variablesOf(kernel).set(declaration, address);
  return address;
}

/** Whether an export of a table of functions is a variable. */
export function isDataDeclaration(value: unknown): value is DataDeclaration {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'data';
}
