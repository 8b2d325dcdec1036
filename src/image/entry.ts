/**
 * A function of a driver in machine code as the library calls it. Implements "parameter passing" of the x64 calling
 * convention, from the side of the caller.
 */

import type { AnyFunction, CallbackDeclaration, Driver } from '../kernel/index.ts';
import type { Address } from '../memory/index.ts';
import type { ValueKind } from './valueKinds.ts';

/** A function of a driver in machine code. */
export interface Entry {
  readonly address: Address;
  readonly kinds: readonly ValueKind[];
  readonly result: ValueKind;
  readonly name: string;
  readonly driver: Driver;
  readonly declaration: CallbackDeclaration<unknown>;
}

/**
 * A function that hands its arguments over as a list: the same list at each call, because they are in registers before
 * anything else can call. Gathering them anew would cost an allocation per packet.
 */
export function gathered(count: number, enter: (args: readonly unknown[]) => unknown): AnyFunction {
  const args: unknown[] = Array.from({ length: count }, () => 0);
  switch (count) {
    case 1:
      return (a) => {
        args[0] = a;
        return enter(args);
      };
    case 2:
      return (a, b) => {
        args[0] = a;
        args[1] = b;
        return enter(args);
      };
    case 3:
      return (a, b, c) => {
        args[0] = a;
        args[1] = b;
        args[2] = c;
        return enter(args);
      };
    case 4:
      return (a, b, c, d) => {
        args[0] = a;
        args[1] = b;
        args[2] = c;
        args[3] = d;
        return enter(args);
      };
    case 5:
      return (a, b, c, d, e) => {
        args[0] = a;
        args[1] = b;
        args[2] = c;
        args[3] = d;
        args[4] = e;
        return enter(args);
      };
    default:
      return (...given) => enter(given);
  }
}
