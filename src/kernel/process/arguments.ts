/**
 * Checks of the pointers that machine code passes: before a function of the library runs, what its parameters point to
 * must lie in memory that the driver can reach. Derived from the declared types (decision 2 of the design), so that a
 * wild or half-valid pointer is the fault that Windows would have, whichever function it is given to.
 */

import {
  type Address,
  FIRST_MAPPED_ADDRESS,
  type Structure,
  scalars,
  type View,
} from '../../memory/index.ts';
import type { FunctionDeclaration, Parameter } from '../declaration.ts';
import type { Kernel } from '../kernel.ts';
import { type AnyFunction, checkedCall } from '../seamShapes.ts';
import { pageFault } from './pageFault.ts';

/** What has to hold for one argument. */
export interface ArgumentRule {
  readonly index: number;
  readonly name: string;
  /** Bytes that must be there; 1 where the length is not known from the type. */
  readonly size: number;
  /** Whether it points to a counted string, whose characters must be there as well. */
  readonly counted: boolean;
  /** Index of the parameter with the number of bytes, for buffers of any length; -1 for structures. */
  readonly lengthIndex: number;
  /** Whether addresses of objects without bytes are legal too: threads that are waited for. */
  readonly objects: boolean;
  /** Whether NULL faults as well, because the function documents no meaning for it. */
  readonly required: boolean;
}

/** What the rules are made from: layouts, and which parameters the reference documents as never NULL. */
export interface ArgumentFacts {
  readonly structureOf: (name: string) => Structure<View, string> | undefined;
  readonly isRequired: (functionName: string, parameter: string) => boolean;
}

/** Bytes behind pointers to scalars. */
const SCALAR_SIZES: Readonly<Record<string, number>> = {
  ULONG: 4,
  LONG: 4,
  UINT: 4,
  INT: 4,
  BOOLEAN: 1,
  UCHAR: 1,
  CHAR: 1,
  USHORT: 2,
  SHORT: 2,
  WCHAR: 2,
  STR: 1,
  CSTR: 1,
  WSTR: 2,
  CWSTR: 2,
  KIRQL: 1,
  NTSTATUS: 4,
  NDIS_STATUS: 4,
  ACCESS_MASK: 4,
  SIZE_T: 8,
  ULONG_PTR: 8,
  LARGE_INTEGER: 8,
  PHYSICAL_ADDRESS: 8,
  NDIS_PHYSICAL_ADDRESS: 8,
  LONG64: 8,
  ULONG64: 8,
  LONGLONG: 8,
  ULONGLONG: 8,
  KSPIN_LOCK: 8,
  EX_SPIN_LOCK: 4,
  EX_PUSH_LOCK: 8,
  HANDLE: 8,
  NDIS_HANDLE: 8,
  NET_IFINDEX: 4,
  UINT32: 4,
  KAFFINITY: 8,
  VOID: 0,
  void: 0,
};
/** Objects that drivers know by an address without bytes behind it. */
const OPAQUE =
  /^(K|E|RK)?(PROCESS|THREAD)$|^OBJECT_TYPE$|^EX_TIMER$|^IO_WORKITEM$|^EX_RUNDOWN_REF_CACHE_AWARE$/;
/** Names of parameters that come back to the driver as they are, and that no function looks behind. */
const CONTEXT = /Context$|^(ApcContext|SystemArgument[12]|Tag|CallbackAddress)$/;
/** Bytes behind pointers whose type does not say it. */
const PLAIN_SIZES: Readonly<Record<string, number>> = {
  'ExUuidCreate.Uuid': 16,
  'KeWaitForSingleObject.Object': 24,
  'PsGetVersion.CSDVersion': 16,
  'RtlGetVersion.lpVersionInformation': 276,
  'RtlQueryRegistryValues.QueryTable': 56,
  'RtlVerifyVersionInfo.VersionInfo': 284,
  'WdmlibIoCreateDeviceSecure.DeviceClassGuid': 16,
};
/** Buffers whose length is not the parameter behind them. */
const LENGTHS: Readonly<Record<string, string>> = {
  'NdisGetDataBuffer.Storage': 'BytesNeeded',
  'NdisWriteEventLogEntry.Data': 'DataSize',
};
/** Functions that take any address: they look at it themselves, or only keep it. */
const ANY_ADDRESS =
  /^(Io|Ndis)AllocateMdl$|^IoBuild|^ProbeFor|^MmSizeOfMdl$|^NdisM?Free|^MmFree|^MmMapLocked|^Rtl(Copy|Move|Fill|Zero|Compare)Memory|^mem/;
const LENGTH_NAME = /^(Length|DataSize|Size|.*(Length|BufferSize))$/;
/** Counted strings that functions fill: nothing in them counts before. */
const FILLED = /^(Destination|GuidString|SymbolicLinkName)/;
/** Functions that read the name of a link, which others fill. */
const NAMES_A_LINK = /^Io(Create|Delete)SymbolicLink$/;
/** Types of pointers by their names: a pointer to one points to 8 bytes. */
const POINTER_TYPE = /^P(?!HYSICAL_|OOL_|OWER_)[A-Z]/;
/** Structures of NDIS with a Header, which begins with their size. */
const VERSIONED = /^(NDIS|NET)_/;
/** A structure that begins with its size and revision may be shorter than the newest one. */
const VERSIONED_SIZE = 4;

/** What the type of a parameter says of its argument; null where any value is legal. */
function argumentRule(
  functionName: string,
  parameter: Parameter,
  index: number,
  facts: ArgumentFacts,
): ArgumentRule | null {
  const { name, type } = parameter;
  // The reference gives this handle the type of a pointer to one.
  if (CONTEXT.test(name) || (functionName === 'NdisGetDriverHandle' && index === 0)) return null;
  const match = /^(?:CONST |const )?(?:(\w+) ?(\*+)|P(?:C|R(?=K))?(?=[A-Z])(\w+?)(\*?))$/.exec(type);
  if (match === null) return null;
  const target = match[1] ?? match[3];
  const levels = match[1] === undefined ? 1 + match[4].length : match[2].length;
  const required = facts.isRequired(functionName, name);
  const rule = { index, name, counted: false, lengthIndex: -1, objects: false, required };
  const known = PLAIN_SIZES[`${functionName}.${name}`];
  if (known !== undefined) return { ...rule, size: known, objects: name === 'Object' };
  if (levels > 1 || (match[1] !== undefined && POINTER_TYPE.test(target))) return { ...rule, size: 8 };
  if (OPAQUE.test(target)) return null;
  const scalar = SCALAR_SIZES[target];
  if (scalar !== undefined && scalar > 0) return { ...rule, size: scalar };
  if (scalar === 0) return null;
  if (/^(UNICODE|ANSI|NDIS|OEM)_STRING$/.test(target))
    return { ...rule, size: 16, counted: !FILLED.test(name) || NAMES_A_LINK.test(functionName) };
  const structure = facts.structureOf(target);
  if (structure === undefined) return null;
  return {
    ...rule,
    size: VERSIONED.test(target) && 'Header' in structure.offset ? VERSIONED_SIZE : structure.size,
  };
}

/** A buffer of plain bytes with its length beside it; null for anything else. */
function bufferRule(
  functionName: string,
  parameters: readonly Parameter[],
  index: number,
  facts: ArgumentFacts,
): ArgumentRule | null {
  const { name, type } = parameters[index];
  if (!/^(PVOID|VOID ?\*)$/i.test(type) || ANY_ADDRESS.test(functionName)) return null;
  const length = LENGTHS[`${functionName}.${name}`];
  const lengthIndex =
    length === undefined ? index + 1 : parameters.findIndex((parameter) => parameter.name === length);
  const next = parameters[lengthIndex];
  if (next === undefined || !/^(ULONG|UINT|SIZE_T)$/.test(next.type)) return null;
  if (length === undefined && !LENGTH_NAME.test(next.name)) return null;
  const required = facts.isRequired(functionName, name);
  return { index, name, size: 1, counted: false, lengthIndex, objects: false, required };
}

/** The rules for the parameters of a function that have one. */
export function argumentRules(
  declaration: FunctionDeclaration<unknown, unknown>,
  facts: ArgumentFacts,
): ArgumentRule[] {
  const { name, parameters } = declaration.parsed;
  return parameters
    .map(
      (parameter, index) =>
        argumentRule(name, parameter, index, facts) ?? bufferRule(name, parameters, index, facts),
    )
    .filter((rule) => rule !== null);
}

/** Checks arguments of one function for machine code. */
export class ArgumentChecker {
  readonly #kernel: Kernel;
  readonly #name: string;
  readonly #library: boolean;
  /** Highest address at which memory of the rule's size may start. */
  readonly #limit: number;

  constructor(kernel: Kernel, declaration: FunctionDeclaration<unknown, unknown>) {
    this.#kernel = kernel;
    this.#name = declaration.parsed.name;
    this.#library = declaration.library === 'ndis';
    this.#limit = kernel.memory.size;
  }

  /** Returns for memory, and for NULL where that has a meaning; anything else is a page fault. */
  check(rule: ArgumentRule, value: unknown): void {
    if (typeof value !== 'number') return;
    if (value >= FIRST_MAPPED_ADDRESS && value + rule.size <= this.#limit) {
      if (rule.counted) this.#checkCounted(rule, value);
    } else if (value !== 0 || rule.required) this.#beyondMemory(rule, value);
  }

  #beyondMemory(rule: ArgumentRule, value: Address): void {
    const { memory } = this.#kernel;
    if (rule.objects && memory.objects.valueAt(value) !== undefined) return;
    this.#fault(rule.name, value);
  }

  /** Checks every argument of a call. */
  checkAll(rules: readonly ArgumentRule[], args: readonly unknown[]): void {
    for (const rule of rules) {
      const value = args[rule.index];
      if (rule.lengthIndex < 0) this.check(rule, value);
      else if (typeof value === 'number') this.#checkBuffer(rule, value, Number(args[rule.lengthIndex]));
    }
  }

  #checkBuffer(rule: ArgumentRule, value: Address, length: number): void {
    if (length === 0 || (value === 0 && !rule.required)) return;
    if (value < FIRST_MAPPED_ADDRESS || value + length > this.#limit) this.#fault(rule.name, value);
  }

  /** The characters of a counted string, as many as it says it has. */
  #checkCounted(rule: ArgumentRule, value: Address): void {
    const { memory } = this.#kernel;
    const length = memory.data.getUint16(value, true);
    const buffer = Number(scalars.pointer.read(memory, value + 8));
    if (length === 0 || buffer === 0) return;
    if (buffer < FIRST_MAPPED_ADDRESS || buffer + length > this.#limit) {
      this.#fault(`${rule.name}->Buffer`, buffer);
    }
  }

  #fault(path: string, address: Address): never {
    return pageFault(this.#kernel, {
      what: `${this.#name}: ${path}`,
      address,
      access: 'read',
      library: this.#library,
    });
  }
}

/**
 * `call` with its pointers checked first, for machine code. Written out for the usual numbers of parameters, because
 * it runs per packet; without a pointer to check it is `call` itself.
 */
export function withCheckedArguments(
  kernel: Kernel,
  declaration: FunctionDeclaration<unknown, unknown>,
  facts: ArgumentFacts,
  call: AnyFunction,
): AnyFunction {
  const rules = argumentRules(declaration, facts);
  const checker = new ArgumentChecker(kernel, declaration);
  const [first, second] = rules;
  if (first === undefined) return call;
  const { parameters } = declaration.parsed;
  const variadic = parameters.some(({ type }) => type === '...');
  if (parameters.length > 4 || rules.length > 2 || variadic || rules.some((rule) => rule.lengthIndex >= 0)) {
    return (...args) => {
      checker.checkAll(rules, args);
      return call(...args);
    };
  }
  const check = (a: unknown, b: unknown, c: unknown, d: unknown): void => {
    checker.check(first, pick(first.index, a, b, c, d));
    if (second !== undefined) checker.check(second, pick(second.index, a, b, c, d));
  };
  return checkedCall(parameters.length, check, call);
}

function pick(index: number, a: unknown, b: unknown, c: unknown, d: unknown): unknown {
  return index === 0 ? a : index === 1 ? b : index === 2 ? c : d;
}
