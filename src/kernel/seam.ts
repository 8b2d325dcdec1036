/**
 * The import seam: makes the objects through which one driver calls the kernel and the library, and wraps the
 * callbacks it registers. What is to be checked and traced is chosen here, when the driver is loaded, so what is off
 * costs nothing.
 */

import {
  type Address,
  CALLABLE_RANGE_START,
  type Fields,
  type KernelMemory,
  OBJECT_RANGE_START,
  type Structure,
  type View,
} from '../memory/index.ts';
import type { TraceValue } from '../trace/index.ts';
import type { DriverCallback } from './callback.ts';
import {
  type CallbackDeclaration,
  type DataDeclaration,
  type FunctionDeclaration,
  irqlRange,
  type Parameter,
} from './declaration.ts';
import { Driver } from './driver.ts';
import type { Imports } from './edge.ts';
import { irqlName } from './irql.ts';
import type { Kernel } from './kernel.ts';
import { type AnyFunction, edgeOfArity, lazyTable, numbersFirst } from './seamShapes.ts';
import { TransientMemory } from './transientMemory.ts';
import { isDataDeclaration, variableAddress } from './variables.ts';
import { LibraryObject } from './waitableObject.ts';

type AnyDeclaration<C> = FunctionDeclaration<C, unknown>;

/** Told of a call that returned, with its arguments as the callee got them. */
export type SeamObserver = (
  declaration: AnyDeclaration<never> | CallbackDeclaration<unknown>,
  args: readonly unknown[],
  result: unknown,
  memory: KernelMemory,
) => void;

/** Gets each crossing as a function that takes numbers, and gives the function to be called instead. */
export interface SeamRelay {
  import(declaration: AnyDeclaration<never>, driver: Driver, call: AnyFunction): AnyFunction;
  callback(declaration: CallbackDeclaration<unknown>, driver: Driver, handler: AnyFunction): AnyFunction;
}

export interface SeamOptions {
  /** Check IRQL and arguments at every crossing; refuse calls of a stopped machine. */
  readonly checks: boolean;
  /** Send every crossing to the kernel's trace. */
  readonly trace: boolean;
  /** Let other processors run at the calls of TypeScript drivers. */
  readonly explore: boolean;
  /** Told of every import and callback that returned: for the coverage of the tests. */
  readonly observe?: SeamObserver | undefined;
  /** Stands between TypeScript drivers and the kernel, both ways: for tests that send every call through machine code. */
  readonly through?: SeamRelay | undefined;
  /** Asked before each call that may fail: true makes the call fail without running. */
  readonly fault?: ((driver: Driver, declaration: AnyDeclaration<never>) => number | null) | undefined;
}

/** Finds a declared structure by its C name, `NDIS_BIND_PARAMETERS`. */
export type StructureLookup = (name: string) => Structure<View, string> | undefined;

/** Data-path structures stay numbers at the edge. */
const NUMERIC_STRUCTURES = new Set([
  'NET_BUFFER_LIST',
  'NET_BUFFER',
  'MDL',
  'NET_BUFFER_LIST_CONTEXT',
  'NDIS_PACKET',
  'NDIS_BUFFER',
]);

export class Seam {
  readonly kernel: Kernel;
  readonly options: SeamOptions;
  readonly #structures: StructureLookup;
  readonly #transient: TransientMemory;

  constructor(kernel: Kernel, options: SeamOptions, structures: StructureLookup) {
    this.kernel = kernel;
    this.options = options;
    this.#structures = structures;
    this.#transient = new TransientMemory(kernel);
  }

  /** Makes the record of a driver that is about to be loaded. */
  createDriver(name: string): Driver {
    const driver = new Driver(this.kernel.drivers.length + 1, name, (owner, address, declaration) =>
      this.#bindCallback(owner, address, declaration),
    );
    this.kernel.drivers.push(driver);
    return driver;
  }

  /** The imports of `driver` from a table of declarations; each is made when the driver first asks for it. */
  imports<C, T extends Readonly<Record<string, unknown>>>(
    declarations: T,
    context: C,
    driver: Driver,
  ): Imports<T> {
    const table = lazyTable(declarations, isImportable, (declaration) =>
      declaration.kind === 'data'
        ? variableAddress(this.kernel, declaration)
        : this.importFunction(declaration, context, driver),
    );
    // Each property is made from the declaration of the same name, so it has the type Imports derives from it.
    return table as Imports<T>;
  }

  /** One import of `driver`. */
  importFunction<C>(declaration: AnyDeclaration<C>, context: C, driver: Driver): AnyFunction {
    const call = this.machineFunction(declaration, context, driver);
    const { through } = this.options;
    const relayed =
      through === undefined || declaration.inline ? call : through.import(declaration, driver, call);
    return this.#marshalled(declaration, driver, relayed);
  }

  /** One import of a compiled driver: it takes the numbers that machine code passes, with what the options ask for. */
  machineFunction<C>(declaration: AnyDeclaration<C>, context: C, driver: Driver): AnyFunction {
    // A declaration's implementation takes the parameters of its prototype; its caller supplies exactly these.
    let call = declaration.implement(context, driver) as AnyFunction;
    const { checks, trace, explore, fault, observe } = this.options;
    if (observe !== undefined) call = this.#observed(declaration, call, observe);
    // A macro is the driver's own code in C: nothing crosses a seam that could be checked or traced.
    if (declaration.inline) return call;
    if (checks) call = this.#checked(declaration, driver, call);
    if (explore) call = this.#explored(call);
    if (trace) call = this.#traced(declaration, driver, call);
    if (fault !== undefined) call = this.#faulty(declaration, driver, call, fault);
    return call;
  }

  #marshalled<C>(declaration: AnyDeclaration<C>, driver: Driver, call: AnyFunction): AnyFunction {
    const { parameters } = declaration.parsed;
    if (!parameters.some((parameter) => this.#needsMarshalling(parameter))) return call;
    const { memory } = this.kernel;
    const marshalled: AnyFunction = (...args) => {
      memory.objects.owner = driver;
      memory.callables.owner = driver;
      const mark = this.#transient.mark();
      for (let i = 0; i < args.length; i++) {
        if (typeof args[i] !== 'number')
          args[i] = this.#toNumber(declaration, parameters[i], driver, args[i]);
      }
      const result = call(...args);
      if (!(result instanceof Promise)) {
        this.#transient.release(mark);
        return result;
      }
      const release = this.#transient.hold(mark);
      return result.finally(() => {
        memory.objects.owner = driver;
        memory.callables.owner = driver;
        release();
      });
    };
    const variadic = parameters.some(({ name }) => name.endsWith('...'));
    return numbersFirst(variadic ? 0 : parameters.length, call, marshalled, (): void => {
      memory.objects.owner = driver;
      memory.callables.owner = driver;
    });
  }

  #needsMarshalling(parameter: Parameter): boolean {
    const target = pointee(parameter.type);
    if (target !== null && NUMERIC_STRUCTURES.has(target)) return false;
    if (target !== null && this.#structures(target) !== undefined) return true;
    return (
      isContext(parameter) ||
      isText(parameter.type) ||
      isFunctionType(parameter.type) ||
      parameter.type === 'BOOLEAN' ||
      /^(P|LP)[A-Z]|\*/.test(parameter.type)
    );
  }

  /** The number that stands for what a TypeScript driver gave for a parameter. */
  #toNumber(
    declaration: AnyDeclaration<never>,
    parameter: Parameter | undefined,
    driver: Driver,
    value: unknown,
  ): unknown {
    const { memory } = this.kernel;
    switch (typeof value) {
      case 'undefined':
        return 0;
      case 'boolean':
        return value ? 1 : 0;
      case 'bigint':
        return value;
      case 'function':
        return memory.callables.addressOf(value, driver);
      case 'string':
        return this.#text(parameter, value);
      case 'object': {
        if (value === null) return 0;
        if ('address' in value && typeof value.address === 'number') return value.address;
        const target = parameter === undefined ? null : pointee(parameter.type);
        const structure = target === null ? undefined : this.#structures(target);
        if (structure === undefined || (parameter !== undefined && isContext(parameter))) {
          return memory.objects.addressOf(value, driver);
        }
        return this.#literal(structure, driver, value);
      }
      default:
        throw new TypeError(
          `${declaration.parsed.name}: ${parameter?.name ?? 'an argument'} cannot be a ${typeof value}`,
        );
    }
  }

  #text(parameter: Parameter | undefined, text: string): Address {
    if (parameter !== undefined && /ANSI_STRING/.test(parameter.type))
      return this.#transient.ansiString(text);
    if (parameter !== undefined && /^(P?C?WSTR|PCWSTR|PWCHAR|WCHAR ?\*)$/.test(parameter.type)) {
      return this.#transient.wideCharacters(text);
    }
    if (parameter !== undefined && /^(PCSTR|PSTR|PCHAR|PUCHAR|PCSZ|CHAR ?\*)$/.test(parameter.type)) {
      return this.#transient.characters(text);
    }
    return this.#transient.unicodeString(text);
  }

  #literal(structure: Structure<View, string>, driver: Driver, value: object): Address {
    const { memory } = this.kernel;
    const address = this.#transient.allocate(structure.size);
    // The table of the structure checks the names; the static type was checked where the driver was written.
    structure.fill(memory, address, value as Fields<View>, {
      callableAddress: (handler) => memory.callables.addressOf(handler, driver),
      objectAddress: (object) => memory.objects.addressOf(object, driver),
      unicodeString: (text) => this.#transient.unicodeBuffer(text),
    });
    return address;
  }

  #checked<C>(declaration: AnyDeclaration<C>, driver: Driver, call: AnyFunction): AnyFunction {
    const { kernel } = this;
    const [lowest, highest] = irqlRange(declaration.irql);
    const { name } = declaration.parsed;
    const { scheduler } = kernel;
    return (...args) => {
      if (kernel.stopReason !== null) kernel.refuse();
      if (scheduler.interruptsPending > 0) scheduler.deliverInterrupts('chance');
      const { irql } = kernel;
      if (irql < lowest || irql > highest) {
        kernel.report(
          'WRONG_IRQL',
          driver,
          `${name} was called at ${irqlName(irql)}; it may be called at ${declaration.irql}`,
          declaration.page,
        );
      }
      return call(...args);
    };
  }

  #traced<C>(declaration: AnyDeclaration<C>, driver: Driver, call: AnyFunction): AnyFunction {
    const { kernel } = this;
    const { name, parameters } = declaration.parsed;
    return (...args) => {
      const from = kernel.machineCode?.caller();
      kernel.emit({
        kind: 'call',
        driver: driver.name,
        name,
        args: this.#describe(parameters, args),
        ...(from === undefined ? {} : { from }),
      });
      const result = call(...args);
      if (!(result instanceof Promise)) {
        kernel.emit({ kind: 'return', driver: driver.name, name, result: traceValue(result) });
        return result;
      }
      return result.then((value: unknown) => {
        kernel.emit({ kind: 'return', driver: driver.name, name, result: traceValue(value) });
        return value;
      });
    };
  }

  #faulty<C>(
    declaration: AnyDeclaration<C>,
    driver: Driver,
    call: AnyFunction,
    fault: NonNullable<SeamOptions['fault']>,
  ): AnyFunction {
    return (...args) => {
      const failure = fault(driver, declaration);
      if (failure === null) return call(...args);
      return declaration.waits === 'never' ? failure : Promise.resolve(failure);
    };
  }

  #explored(call: AnyFunction): AnyFunction {
    const { scheduler } = this.kernel;
    return (...args) => {
      scheduler.dpcs.preemptionPoint();
      return call(...args);
    };
  }

  #bindCallback<F>(driver: Driver, address: Address, declaration: CallbackDeclaration<F>): DriverCallback<F> {
    const compiled = this.kernel.machineCode?.handlerAt(driver, address, declaration) ?? null;
    const handler = compiled ?? this.kernel.memory.callables.valueAt(address);
    if (typeof handler !== 'function') {
      this.kernel.report(
        'NOT_CALLABLE',
        driver,
        `${declaration.role} is 0x${address.toString(16)}, which is no function; register the function itself`,
        declaration.page,
      );
      throw new TypeError(`${declaration.role} of ${driver.name} is no function`);
    }
    let invoke = handler as AnyFunction;
    const { checks, trace, explore, observe, through } = this.options;
    if (observe !== undefined) invoke = this.#observed(declaration, invoke, observe);
    if (!declaration.hot && declaration.waits === 'never') invoke = this.#synchronous(invoke);
    if (compiled !== null) {
      if (checks) invoke = this.#compiledEdge(driver, declaration, invoke);
    } else {
      if (!declaration.hot || checks) invoke = this.#callbackEdge(driver, declaration, invoke);
      if (through !== undefined) invoke = through.callback(declaration, driver, invoke);
    }
    if (trace) invoke = this.#tracedCallback(driver, declaration, invoke);
    if (explore) invoke = this.#explored(invoke);
    // The driver registered the handler under this declaration; its documented parameters are what it takes.
    return { declaration, driver, address, invoke: invoke as F };
  }

  /** Counts a handler that may not wait while it runs. An exception of it stops the machine, so the count may stay. */
  #synchronous(handler: AnyFunction): AnyFunction {
    const { kernel } = this;
    return (...args) => {
      kernel.synchronousDepth++;
      const result = handler(...args);
      kernel.synchronousDepth--;
      return result;
    };
  }

  #observed(declaration: Parameters<SeamObserver>[0], call: AnyFunction, observe: SeamObserver): AnyFunction {
    const { memory } = this.kernel;
    return (...args) => {
      const result = call(...args);
      if (!(result instanceof Promise)) {
        observe(declaration, args, result, memory);
        return result;
      }
      return result.then((value: unknown) => {
        observe(declaration, args, value, memory);
        return value;
      });
    };
  }

  /** Gives a TypeScript handler views for structure pointers and its own objects for contexts. */
  #callbackEdge<F>(driver: Driver, declaration: CallbackDeclaration<F>, handler: AnyFunction): AnyFunction {
    const { memory } = this.kernel;
    const kinds = declaration.parsed.parameters.map((parameter) => {
      const target = pointee(parameter.type);
      return target === null || NUMERIC_STRUCTURES.has(target) ? undefined : this.#structures(target);
    });
    const { kernel } = this;
    const convert = (index: number, value: unknown): unknown => {
      // Two comparisons let most numbers pass as they are: statuses, counts, NULL.
      if (typeof value !== 'number' || value === 0 || value >= CALLABLE_RANGE_START) return value;
      if (value < OBJECT_RANGE_START) return kinds[index]?.at(memory, value) ?? value;
      const held = memory.objects.valueAt(value);
      return held === undefined || held instanceof LibraryObject ? value : held;
    };
    const enter = (): number => {
      memory.objects.owner = driver;
      memory.callables.owner = driver;
      return kernel.irql;
    };
    const leave = this.#leaving(driver, declaration);
    return edgeOfArity(kinds.length, handler, convert, enter, leave);
  }

  /** Machine code takes the numbers as they are; what is left to do is to check the IRQL. */
  #compiledEdge<F>(driver: Driver, declaration: CallbackDeclaration<F>, handler: AnyFunction): AnyFunction {
    const { kernel } = this;
    return edgeOfArity(
      declaration.parsed.parameters.length,
      handler,
      (_index, value) => value,
      () => kernel.irql,
      this.#leaving(driver, declaration),
    );
  }

  /** What is checked when a handler has returned: the IRQL before it, and whether it left another one. */
  #leaving<F>(driver: Driver, declaration: CallbackDeclaration<F>) {
    const [lowest, highest] = irqlRange(declaration.irql);
    const checks = this.options.checks && !declaration.changesIrql;
    return (before: number, result: unknown): unknown => {
      if (checks && !(result instanceof Promise)) this.#checkIrqlAfter(driver, declaration, before);
      if (before < lowest || before > highest) this.#wrongCallbackIrql(driver, declaration);
      return result;
    };
  }

  #checkIrqlAfter<F>(driver: Driver, declaration: CallbackDeclaration<F>, before: number): void {
    const after = this.kernel.irql;
    if (after === before) return;
    this.kernel.report(
      'IRQL_NOT_RESTORED',
      driver,
      `${declaration.role} was called at ${irqlName(before)} and returned at ${irqlName(after)}`,
      declaration.page,
    );
    this.kernel.irql = before;
  }

  /** A mistake of ours, not of the driver's. */
  #wrongCallbackIrql<F>(driver: Driver, declaration: CallbackDeclaration<F>): void {
    this.kernel.report(
      'LIBRARY_CALLED_AT_WRONG_IRQL',
      driver,
      `ndisbox called ${declaration.role} outside of ${declaration.irql}; please report this`,
      declaration.page,
    );
  }

  #tracedCallback<F>(driver: Driver, declaration: CallbackDeclaration<F>, handler: AnyFunction): AnyFunction {
    const { kernel } = this;
    const { role: name, parsed } = declaration;
    return (...args) => {
      kernel.emit({
        kind: 'callback',
        driver: driver.name,
        name,
        args: this.#describe(parsed.parameters, args),
      });
      const result = handler(...args);
      if (!(result instanceof Promise)) {
        kernel.emit({ kind: 'callbackReturn', driver: driver.name, name, result: traceValue(result) });
        return result;
      }
      return result.then((value: unknown) => {
        kernel.emit({ kind: 'callbackReturn', driver: driver.name, name, result: traceValue(value) });
        return value;
      });
    };
  }

  #describe(parameters: readonly Parameter[], args: readonly unknown[]): TraceValue[] {
    return args.map((value, index) => {
      const type = parameters[index]?.type;
      if (type === undefined || typeof value !== 'number') return traceValue(value);
      if (isText(type)) return this.#transient.readText(type, value);
      const { machineCode } = this.kernel;
      if (machineCode !== null && value > 0xffff && isFunctionType(type) && machineCode.isCode(value))
        return machineCode.describe(value);
      return value;
    });
  }
}

/** Whether an export of a table of functions is one, and not a callback, type or constant beside it. */
export function isFunctionDeclaration(value: unknown): value is AnyDeclaration<unknown> {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'function';
}

function isImportable(value: unknown): value is AnyDeclaration<unknown> | DataDeclaration {
  return isFunctionDeclaration(value) || isDataDeclaration(value);
}

/** `PNDIS_BIND_PARAMETERS` and `NDIS_BIND_PARAMETERS*` point to `NDIS_BIND_PARAMETERS`. */
function pointee(type: string): string | null {
  // PCO_SAP points to a CO_SAP, PCWSTR to a constant.
  const match = /^(?:CONST |const )?(?:(\w+) ?\*|P(CO_\w+)|PC?(?=[A-Z])(\w+))$/.exec(type);
  if (match === null) return null;
  return match[1] ?? match[2] ?? match[3];
}

function isText(type: string): boolean {
  return /(UNICODE|ANSI|NDIS)_STRING$|^P?C?WSTR$|^PC?STR$/.test(type);
}

function isContext(parameter: Parameter): boolean {
  return /Context$|^(ApcContext|SystemArgument[12]|_CC?_)$/.test(parameter.name);
}

function isFunctionType(type: string): boolean {
  return (
    /(_ROUTINE|_HANDLER|_FUNCTION|_CALLBACK|_DISPATCH|_EX)$/.test(type) && !type.startsWith('NDIS_HANDLE')
  );
}

function traceValue(value: unknown): TraceValue {
  if (typeof value === 'number') return value;
  if (value === undefined || value === null) return 0;
  if (typeof value === 'object' && 'address' in value && typeof value.address === 'number')
    return value.address;
  if (typeof value === 'boolean') return value ? 1 : 0;
  return typeof value === 'function'
    ? `function ${value.name}`
    : typeof value === 'bigint'
      ? `0x${value.toString(16)}`
      : 'object';
}
