/**
 * What an import slot of machine code leads to: one declared function, made for one driver, that takes its arguments
 * from registers. Implements "exports derived from the declarations" (decision 2 of the design).
 */

import type { AnyFunction, FunctionDeclaration } from '../kernel/index.ts';
import type { Convention } from './convention.ts';
import { parameterKinds, type ValueKind, valueKind } from './valueKinds.ts';

/** Arguments that a function with `...` may take; a format that asks for more gets zeros. */
const VARIADIC_LIMIT = 64;
/** Characters of a format that are looked at for what it asks. */
const FORMAT_LIMIT = 4096;

/** A function of the host behind a callable address. */
export class HostFunction {
  /** The documented name, for traces and reports. */
  readonly name: string;
  readonly result: ValueKind;
  /** Whether it may return a promise. */
  readonly waits: boolean;
  readonly #kinds: readonly ValueKind[];
  readonly #call: AnyFunction;
  readonly #convention: Convention;
  readonly #variadic: boolean;
  /** Bytes of a character of the format, which is the last named argument of a function with `...`. */
  readonly #formatWidth: 1 | 2;

  constructor(
    name: string,
    call: AnyFunction,
    kinds: readonly ValueKind[],
    result: ValueKind,
    waits: boolean,
    convention: Convention,
    formatWidth: 1 | 2 = 1,
  ) {
    this.name = name;
    this.result = result;
    this.waits = waits;
    this.#call = call;
    this.#kinds = kinds;
    this.#convention = convention;
    this.#variadic = kinds.at(-1) === 'variadic';
    this.#formatWidth = formatWidth;
  }

  /** Calls the function with the arguments that machine code has passed; written out, because it runs per packet. */
  call(): unknown {
    const call = this.#call;
    const k = this.#kinds;
    const c = this.#convention;
    if (this.#variadic) return this.#callVariadic();
    switch (k.length) {
      case 0:
        return call();
      case 1:
        return call(c.argument(k[0], 0));
      case 2:
        return call(c.argument(k[0], 0), c.argument(k[1], 1));
      case 3:
        return call(c.argument(k[0], 0), c.argument(k[1], 1), c.argument(k[2], 2));
      case 4:
        return call(c.argument(k[0], 0), c.argument(k[1], 1), c.argument(k[2], 2), c.argument(k[3], 3));
      case 5:
        return call(
          c.argument(k[0], 0),
          c.argument(k[1], 1),
          c.argument(k[2], 2),
          c.argument(k[3], 3),
          c.argument(k[4], 4),
        );
      default:
        return call(...k.map((kind, index) => c.argument(kind, index)));
    }
  }

  #callVariadic(): unknown {
    const named = this.#kinds.length - 1;
    const c = this.#convention;
    const args = this.#kinds.slice(0, named).map((kind, index) => c.argument(kind, index));
    const asked = c.formatArguments(Number(args[named - 1] ?? 0), this.#formatWidth, FORMAT_LIMIT);
    for (let i = 0; i < Math.min(asked, VARIADIC_LIMIT); i++) args.push(c.argument('variadic', named + i));
    return this.#call(...args);
  }
}

/** The function behind a declared export, `call` taking numbers. */
export function exportedFunction(
  declaration: FunctionDeclaration<never, unknown>,
  call: AnyFunction,
  convention: Convention,
): HostFunction {
  const { parsed } = declaration;
  const result = valueKind(parsed.returns);
  return new HostFunction(
    parsed.name,
    call,
    parameterKinds(parsed),
    result,
    declaration.waits !== 'never',
    convention,
    /^PC?WSTR$/.test(parsed.parameters.at(-2)?.type ?? '') ? 2 : 1,
  );
}

/** A function of the host whose prototype is not known: a handler of a TypeScript driver that machine code calls. */
export function plainFunction(name: string, call: AnyFunction, convention: Convention): HostFunction {
  const kinds = Array.from({ length: Math.max(4, call.length) }, (): ValueKind => 'pointer');
  return new HostFunction(name, call, kinds, 'pointer', true, convention);
}
