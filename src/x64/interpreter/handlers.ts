/** Finds the handler of an instruction that has no case of its own in the main loop. */

import type { Instruction } from '../instruction.ts';
import { ARITHMETIC_HANDLERS } from './arithmeticAnySize.ts';
import { BIT_HANDLERS } from './bits.ts';
import { CONTROL_HANDLERS } from './control.ts';
import { CONVERT_HANDLERS } from './convert.ts';
import { FLOAT_HANDLERS } from './floatLanes.ts';
import { MULTIPLY_HANDLERS } from './multiplyDivide.ts';
import type { Handler } from './op.ts';
import { packedHandler } from './packed.ts';
import { SHIFT_HANDLERS } from './shifts.ts';
import { STRING_HANDLERS } from './strings.ts';
import { SYSTEM_HANDLERS } from './system.ts';
import type { Handlers } from './values.ts';
import { VECTOR_MOVE_HANDLERS } from './vectorMoves.ts';
import { VECTOR_SUM_HANDLERS } from './vectorSums.ts';

const HANDLERS: Handlers = {
  ...SYSTEM_HANDLERS,
  ...ARITHMETIC_HANDLERS,
  ...SHIFT_HANDLERS,
  ...MULTIPLY_HANDLERS,
  ...BIT_HANDLERS,
  ...STRING_HANDLERS,
  ...CONTROL_HANDLERS,
  ...FLOAT_HANDLERS,
  ...CONVERT_HANDLERS,
  ...VECTOR_MOVE_HANDLERS,
  ...VECTOR_SUM_HANDLERS,
};

/** @throws Error for an operation that the table has and the interpreter has not: a mistake of ours. */
export function chooseHandler(instruction: Instruction): Handler {
  const choice = HANDLERS[instruction.operation];
  if (choice !== undefined) return choice(instruction);
  const packed = packedHandler(instruction);
  if (packed === null) throw new Error(`the interpreter does not know ${instruction.operation}`);
  return packed;
}
