/**
 * What compiled drivers import: the declared functions by module and name, made for each driver at its first use.
 * Implements "exports derived from the declarations" (decision 2 of the design).
 */

import { exportedFunction, type HostFunction, type ImportModule, type MachineCode } from '../image/index.ts';
import * as kernelFunctions from '../kernel/functions.ts';
import { requiredPointers as requiredByKernel } from '../kernel/generated/requiredPointers.ts';
import {
  type AnyFunction,
  type ArgumentFacts,
  type Driver,
  type FunctionDeclaration,
  isDataDeclaration,
  isFunctionDeclaration,
  type Seam,
  variableAddress,
  withCheckedArguments,
} from '../kernel/index.ts';
import { type Address, USER_WINDOW_HIGH } from '../memory/index.ts';
import * as ndisFunctions from '../ndis/functions.ts';
import { requiredPointers as requiredByNdis } from '../ndis/generated/requiredPointers.ts';
import { withCheckedChains } from './chainChecks.ts';
import * as ringFunctions from './ring/ringFunctions.ts';
import { structureNamed } from './structures.ts';

/** What the pointers that machine code passes are checked by. */
const argumentFacts: ArgumentFacts = {
  structureOf: structureNamed,
  isRequired: (name, parameter) =>
    (requiredByKernel.get(name) ?? requiredByNdis.get(name))?.includes(parameter) === true,
};

/** Where ndis stands among the sources. */
const NDIS_SOURCE = 1;

/** A table of declarations with what their implementations work on. */
interface ExportSource {
  /** As `moduleKey` gives it. */
  readonly module: string;
  readonly declarations: Readonly<Record<string, unknown>>;
  readonly context: unknown;
}

/** The exports of one machine. */
export class ExportTable {
  readonly #seam: Seam;
  readonly #code: MachineCode;
  readonly #sources: readonly ExportSource[];

  /** @param contexts what the implementations of the three tables work on. */
  constructor(seam: Seam, code: MachineCode, contexts: { kernel: unknown; ndis: unknown; ndisbox: unknown }) {
    this.#seam = seam;
    this.#code = code;
    this.#sources = [
      { module: 'ntoskrnl', declarations: kernelFunctions, context: contexts.kernel },
      { module: 'ndis', declarations: ndisFunctions, context: contexts.ndis },
      { module: 'ndisbox', declarations: ringFunctions, context: contexts.ndisbox },
    ];
  }

  /** The modules of the machine as one driver sees them. */
  modulesFor(driver: Driver): Map<string, ImportModule> {
    return new Map(
      this.#sources.map((source) => [
        source.module,
        { find: (symbol) => (typeof symbol === 'number' ? null : this.#addressOf(source, driver, symbol)) },
      ]),
    );
  }

  /** What `name` of ndis or of the kernel is for a driver, to be called by machine code; null where there is none. */
  find(driver: Driver, module: string, name: string): HostFunction | null {
    const source = this.#sources.find((one) => one.module === module);
    const declaration = source === undefined ? undefined : declarationIn(source, name);
    return source === undefined || !isFunctionDeclaration(declaration)
      ? null
      : this.#functionFor(driver, declaration, source.context);
  }

  /** A handler that ndis provides, for a driver that calls it through a pointer. */
  handler(driver: Driver, declaration: FunctionDeclaration<unknown, unknown>): HostFunction {
    return this.#functionFor(driver, declaration, this.#sources[NDIS_SOURCE].context);
  }

  #addressOf(source: ExportSource, driver: Driver, name: string): Address | null {
    const { kernel, exceptions } = this.#code;
    const declaration = declarationIn(source, name);
    if (isDataDeclaration(declaration)) return variableAddress(kernel, declaration);
    if (isFunctionDeclaration(declaration)) {
      const target = this.#functionFor(driver, declaration, source.context);
      return kernel.memory.callables.addressOf(target, driver);
    }
    // What only machine code can call has no declaration: it sees and changes registers.
    return source.module === 'ntoskrnl' ? exceptions.exportAt(name) : null;
  }

  #functionFor(
    driver: Driver,
    declaration: FunctionDeclaration<unknown, unknown>,
    context: unknown,
  ): HostFunction {
    const { kernel } = this.#code;
    const unchecked: AnyFunction = this.#seam.machineFunction(declaration, context, driver);
    const checked = withCheckedArguments(
      kernel,
      declaration,
      argumentFacts,
      withCheckedChains(kernel, declaration, unchecked),
    );
    const { userResult } = declaration;
    const call = userResult === undefined ? checked : withUserResult(checked, userResult);
    return exportedFunction(declaration, call, this.#code.convention);
  }
}

function declarationIn({ declarations }: ExportSource, name: string): unknown {
  return Object.hasOwn(declarations, name) ? declarations[name] : undefined;
}

/** Gives addresses of the user window whole, where the function returns such. */
function withUserResult(call: AnyFunction, userResult: (args: readonly unknown[]) => boolean): AnyFunction {
  return (...args) => {
    const result = call(...args);
    if (typeof result !== 'number' || result === 0 || !userResult(args)) return result;
    return (BigInt(USER_WINDOW_HIGH) << 32n) | BigInt(result);
  };
}
