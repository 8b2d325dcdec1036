/** Memory operands of an instruction and what it does with them, as far as operands say it; not the stack's. */

import type { Instruction, MemoryOperand } from '../instruction.ts';
import { OPERATIONS } from '../table/index.ts';

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
  const { access, name } = OPERATIONS[instruction.operationNumber];
  // imul with three operands only reads memory, with one too.
  const letter = name === 'imul' ? 'r' : (access[index] ?? (index === 0 ? 'x' : 'r'));
  if (letter === 'n') return NONE;
  return [{ operand, size: operand.size, writes: letter === 'w' || letter === 'x' }];
}
