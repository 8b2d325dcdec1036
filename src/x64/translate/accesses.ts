/** Memory operands of an instruction and what it does with them, as far as operands say it; not the stack's. */

import type { Instruction, MemoryOperand } from '../instruction.ts';
import { accessOf } from './effects.ts';

export interface MemoryAccess {
  readonly operand: MemoryOperand;
  readonly size: number;
  readonly writes: boolean;
}

const NONE: readonly MemoryAccess[] = [];

export function accessesOf(instruction: Instruction): readonly MemoryAccess[] {
  const { operands } = instruction;
  const index = operands.findIndex((operand) => operand.kind === 'memory');
  if (index < 0) return NONE;
  const operand = operands[index];
  if (operand.kind !== 'memory') return NONE;
  const letter = accessOf(instruction)[index];
  if (letter === 'n') return NONE;
  return [{ operand, size: operand.size, writes: letter === 'w' || letter === 'x' }];
}
