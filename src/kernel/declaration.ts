/**
 * How a function of the kernel or of NDIS is declared: once, with its documented prototype, IRQL and waiting. The
 * import of a TypeScript driver, the thunk for machine code, the IRQL check, the trace record, the fault point and
 * the coverage page all derive from the declaration. Implements decision 2 of the design.
 */

import type { Address } from '../memory/index.ts';
import type { Driver } from './driver.ts';
import { APC_LEVEL, DISPATCH_LEVEL, HIGH_LEVEL, PASSIVE_LEVEL } from './generated/constants/basic.ts';
import type { Irql } from './irql.ts';
import type { Kernel } from './kernel.ts';

/** The documented IRQL of a call. */
export type IrqlRule =
  | 'PASSIVE_LEVEL'
  | '<=APC_LEVEL'
  | '<=DISPATCH_LEVEL'
  | 'DISPATCH_LEVEL'
  | '>=DISPATCH_LEVEL'
  | '<=DIRQL'
  | 'any';

/** Lowest and highest IRQL that a rule allows. */
export function irqlRange(rule: IrqlRule): readonly [lowest: Irql, highest: Irql] {
  switch (rule) {
    case 'PASSIVE_LEVEL':
      return [PASSIVE_LEVEL, PASSIVE_LEVEL];
    case '<=APC_LEVEL':
      return [PASSIVE_LEVEL, APC_LEVEL];
    case '<=DISPATCH_LEVEL':
      return [PASSIVE_LEVEL, DISPATCH_LEVEL];
    case 'DISPATCH_LEVEL':
      return [DISPATCH_LEVEL, DISPATCH_LEVEL];
    case '>=DISPATCH_LEVEL':
      return [DISPATCH_LEVEL, HIGH_LEVEL];
    case '<=DIRQL':
      return [PASSIVE_LEVEL, 12];
    case 'any':
      return [PASSIVE_LEVEL, HIGH_LEVEL];
  }
}

/**
 * Whether a call may wait before it returns: never, always, or depending on its arguments. What may wait, or calls
 * a callback that may, returns a promise to TypeScript; everything else is synchronous.
 */
export type Waits = 'never' | 'depends' | 'always';

/** One parameter of a prototype. */
export interface Parameter {
  /** The C type as documented, `PNDIS_HANDLE`. */
  readonly type: string;
  readonly name: string;
}

/** A parsed prototype. */
export interface Prototype {
  readonly name: string;
  readonly returns: string;
  readonly parameters: readonly Parameter[];
}

/** Parses `NDIS_STATUS NdisX(NDIS_HANDLE Handle, PVOID Buffer)`; the documented C text without annotations. */
export function parsePrototype(text: string): Prototype {
  const match = /^\s*([\w\s*]+?)\s*\b(\w+)\s*\(([^)]*)\)\s*$/.exec(text);
  if (match === null) throw new SyntaxError(`not a C prototype: ${text}`);
  const [, returns, name, list] = match;
  const inner = list.trim();
  const parameters =
    inner === '' || inner.toUpperCase() === 'VOID'
      ? []
      : inner.split(',').map((part): Parameter => {
          const parameter = /^\s*(.+?[\s*])(\w+(?:\.\.\.)?|\.\.\.)\s*$/.exec(part);
          if (parameter === null) {
            if (part.trim() === '...') return { type: '...', name: '...' };
            throw new SyntaxError(`no type and name in "${part}" of ${text}`);
          }
          return { type: parameter[1].replace(/\s+/g, ' ').replace(/ ?\*/g, '*').trim(), name: parameter[2] };
        });
  return { name, returns, parameters };
}

/** What is said of a function or callback, apart from its prototype. */
export interface DeclarationFacts {
  /** The documented C prototype. */
  readonly prototype: string;
  readonly irql: IrqlRule;
  readonly waits: Waits;
  /** First version: of NDIS for the library (`6.20`), of Windows for the kernel (`2000`). */
  readonly since: string;
  /** Page of the reference below wdk-ddi-src/content, without `.md`. */
  readonly page: string;
}

/** The module that exports a function; `ndisbox` is ours, what real hardware would be to a miniport. */
export type Library = 'ndis' | 'ntoskrnl' | 'hal' | 'ndisbox';

/** A declared function: `implement` makes it for one driver of one machine. */
export interface FunctionDeclaration<C, F> extends DeclarationFacts {
  readonly kind: 'function';
  readonly library: Library;
  readonly parsed: Prototype;
  /** Documented as a macro or inline function: TypeScript drivers import it, machine code never does. */
  readonly inline: boolean;
  /** Whether a call with these arguments returns an address of the user window; other pointers are kernel addresses. */
  readonly userResult?: (args: readonly unknown[]) => boolean;
  /** @param context the kernel or the NDIS library of the machine. @param driver who imports the function. */
  readonly implement: (context: C, driver: Driver) => F;
}

/**
 * What becomes of a compiled handler with `waits: 'never'` that waits at an IRQL where it may, while functions of the
 * host lie under it (docs/decisions/0001-control-passing.md):
 * `split`: what it was given is its own until it passes it on, so it goes on as a thread of its own;
 * `raise`: what it was given is taken back when it returns, so it is called at DISPATCH_LEVEL, which it has to expect;
 * `refuse`: neither is possible, the machine stops with an error.
 */
export type OnWait = 'split' | 'raise' | 'refuse';

/** A declared callback: what a driver registers. `F` is the type of a TypeScript handler. */
export interface CallbackDeclaration<F> extends DeclarationFacts {
  readonly kind: 'callback';
  readonly parsed: Prototype;
  /** The name that the documentation gives the driver's function, `ProtocolBindAdapterEx`. */
  readonly role: string;
  /** Data path: structure pointers stay numbers and nothing is wrapped unless traced or checked. */
  readonly hot: boolean;
  /** It returns at another IRQL than it was called at, as documented: a cancel routine, a lock callback. */
  readonly changesIrql: boolean;
  /** What becomes of a compiled handler that waits although its caller cannot wait for it. */
  readonly onWait: OnWait | ((args: readonly unknown[]) => OnWait);
  /** Never set; carries the type. */
  readonly handler?: F;
}

/** The parts of a function declaration that are written by hand. */
export type FunctionSource<C, F> = DeclarationFacts & {
  readonly inline?: boolean;
  readonly userResult?: (args: readonly unknown[]) => boolean;
  readonly implement: FunctionDeclaration<C, F>['implement'];
};

/** Declares an export of `library`. */
export function declareFunction<C, F>(
  library: Library,
  source: FunctionSource<C, F>,
): FunctionDeclaration<C, F> {
  return { inline: false, ...source, kind: 'function', library, parsed: parsePrototype(source.prototype) };
}

/** Declares a callback. */
export function declareCallback<F>(
  source: DeclarationFacts & {
    readonly role: string;
    readonly hot?: boolean;
    readonly changesIrql?: boolean;
    readonly onWait?: CallbackDeclaration<F>['onWait'];
  },
): CallbackDeclaration<F> {
  return {
    hot: false,
    changesIrql: false,
    onWait: 'refuse',
    ...source,
    kind: 'callback',
    parsed: parsePrototype(source.prototype),
  };
}

/** A declared variable that a library exports. */
export interface DataDeclaration {
  readonly kind: 'data';
  readonly library: Library;
  readonly name: string;
  /** Its C type, `POBJECT_TYPE`; an import points to it. */
  readonly type: string;
  /** Bytes. */
  readonly size: number;
  /** Writes its first value. */
  readonly initial: (kernel: Kernel, address: Address) => void;
}

/** Declares a variable that `library` exports. */
export function declareData(
  library: Library,
  source: Omit<DataDeclaration, 'kind' | 'library'>,
): DataDeclaration {
  return { ...source, kind: 'data', library };
}
