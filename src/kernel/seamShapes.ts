/**
 * The shapes of functions and objects at the import seam: what makes a call through it cost little more than a call.
 * Each is the fast form of something simple, which its comment names.
 */

/** Any function of the seam, before and after wrapping. */
export type AnyFunction = (...args: unknown[]) => unknown;

/** Calls directly, without collecting arguments, when all are numbers: the case of the hot paths. */
export function numbersFirst(
  arity: number,
  call: AnyFunction,
  marshalled: AnyFunction,
  setOwner: () => void,
): AnyFunction {
  switch (arity) {
    case 1:
      return (a) => {
        if (typeof a !== 'number') return marshalled(a);
        setOwner();
        return call(a);
      };
    case 2:
      return (a, b) => {
        if (typeof a !== 'number' || typeof b !== 'number') return marshalled(a, b);
        setOwner();
        return call(a, b);
      };
    case 3:
      return (a, b, c) => {
        if (typeof a !== 'number' || typeof b !== 'number' || typeof c !== 'number')
          return marshalled(a, b, c);
        setOwner();
        return call(a, b, c);
      };
    case 4:
      return (a, b, c, d) => {
        if (typeof a !== 'number' || typeof b !== 'number' || typeof c !== 'number' || typeof d !== 'number')
          return marshalled(a, b, c, d);
        setOwner();
        return call(a, b, c, d);
      };
    case 5:
      return (a, b, c, d, e) => {
        const first = typeof a === 'number' && typeof b === 'number' && typeof c === 'number';
        if (!first || typeof d !== 'number' || typeof e !== 'number') return marshalled(a, b, c, d, e);
        setOwner();
        return call(a, b, c, d, e);
      };
    default:
      return marshalled;
  }
}

/** Looks at the arguments of a call, at most four, before it happens; throws where they are wrong. */
type FirstArgumentsCheck = (a: unknown, b: unknown, c: unknown, d: unknown) => void;

/** `call` with `check` before it, on exactly `arity` arguments, at most four. */
export function checkedCall(arity: number, check: FirstArgumentsCheck, call: AnyFunction): AnyFunction {
  switch (arity) {
    case 1:
      return (a) => {
        check(a, undefined, undefined, undefined);
        return call(a);
      };
    case 2:
      return (a, b) => {
        check(a, b, undefined, undefined);
        return call(a, b);
      };
    case 3:
      return (a, b, c) => {
        check(a, b, c, undefined);
        return call(a, b, c);
      };
    default:
      return (a, b, c, d) => {
        check(a, b, c, d);
        return call(a, b, c, d);
      };
  }
}

/** Makes the value of an entry; kept on each table beside the values. */
const MAKE = Symbol('make');

interface LazyTable {
  readonly [MAKE]: (declaration: unknown) => unknown;
}

/** Accessors for the entries of a table of declarations: derived from it alone, so machines may share them. */
const accessors = new WeakMap<object, object>();

function accessorsOf<D>(
  declarations: Readonly<Record<string, unknown>>,
  wanted: (entry: unknown) => entry is D,
): object {
  let shape = accessors.get(declarations);
  if (shape !== undefined) return shape;
  shape = {};
  for (const [name, declaration] of Object.entries(declarations)) {
    if (!wanted(declaration)) continue;
    Object.defineProperty(shape, name, {
      enumerable: true,
      get(this: LazyTable) {
        const value = this[MAKE](declaration);
        Object.defineProperty(this, name, { value, enumerable: true });
        return value;
      },
    });
  }
  accessors.set(declarations, shape);
  return shape;
}

/**
 * A table whose values are made from the wanted entries of `declarations` when they are first read. A driver uses some
 * dozens of a thousand functions: making all would cost most of a machine's start, and so large an object would be a
 * hash table to the engine, with a look-up at every call. What was read once is an ordinary property.
 */
export function lazyTable<D>(
  declarations: Readonly<Record<string, unknown>>,
  wanted: (entry: unknown) => entry is D,
  make: (declaration: D) => unknown,
): object {
  return Object.create(accessorsOf(declarations, wanted), { [MAKE]: { value: make } }) as object;
}

/**
 * Calls `handler` with its arguments converted, between `enter` and `leave`. Written out for the usual numbers of
 * parameters, because arguments gathered in an array cost more than most handlers.
 */
export function edgeOfArity(
  parameters: number,
  handler: AnyFunction,
  convert: (index: number, value: unknown) => unknown,
  enter: () => number,
  leave: (before: number, result: unknown) => unknown,
): AnyFunction {
  switch (parameters) {
    case 1:
      return (a) => leave(enter(), handler(convert(0, a)));
    case 2:
      return (a, b) => leave(enter(), handler(convert(0, a), convert(1, b)));
    case 3:
      return (a, b, c) => leave(enter(), handler(convert(0, a), convert(1, b), convert(2, c)));
    case 4:
      return (a, b, c, d) =>
        leave(enter(), handler(convert(0, a), convert(1, b), convert(2, c), convert(3, d)));
    case 5:
      return (a, b, c, d, e) =>
        leave(enter(), handler(convert(0, a), convert(1, b), convert(2, c), convert(3, d), convert(4, e)));
    default:
      return (...args) => {
        const before = enter();
        return leave(before, handler(...args.map((value, index) => convert(index, value))));
      };
  }
}
