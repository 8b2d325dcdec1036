/** Which instructions are translated, and by which handler. The others are executed one by one in the interpreter. */

import type { Instruction } from '../instruction.ts';
import { OPERATIONS } from '../table/index.ts';
import type { Action } from './analysis.ts';
import { ARITHMETIC, canDoArithmetic } from './arithmetic.ts';
import { BITS, canDoBits } from './bits.ts';
import type { Handler } from './emitter.ts';
import { canDoStack, STACK } from './stack.ts';
import { canDoStrings, STRINGS } from './strings.ts';
import { canDoVectors, VECTORS } from './vectors.ts';

const BY_NUMBER: readonly (Handler | undefined)[] = OPERATIONS.map(
  ({ name }) => ARITHMETIC[name] ?? BITS[name] ?? STACK[name] ?? STRINGS[name] ?? VECTORS.get(name),
);

export function handlerOf(instruction: Instruction): Handler | undefined {
  return BY_NUMBER[instruction.operationNumber];
}

const CONTROL = new Set(['jmp', 'jcc', 'ret']);

/** How an instruction is translated. */
export function actionOf(instruction: Instruction): Action {
  const { operation } = instruction;
  if (operation === 'call') {
    const [target] = instruction.operands;
    if (target.kind === 'target') return 'call';
    return target.kind === 'general' || target.kind === 'memory' ? 'callIndirect' : 'step';
  }
  if (CONTROL.has(operation)) return 'native';
  if (handlerOf(instruction) === undefined) return 'step';
  if (operation in STACK) return canDoStack(instruction) ? 'native' : 'step';
  if (operation in STRINGS) return canDoStrings(instruction) ? 'native' : 'step';
  if (VECTORS.has(operation)) return canDoVectors(instruction) ? 'native' : 'step';
  if (!canDoArithmetic(instruction)) return 'step';
  return canDoBits(instruction) ? 'native' : 'step';
}
