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

/**
 * Gives `table`, which got its many properties one by one, the layout that V8 gives to objects used as prototypes: a
 * call of an import then costs what a call of a method costs, instead of a look-up in a hash table each time. Other
 * engines lose nothing.
 */
export function withFastProperties<T extends object>(table: T): T {
  Object.create(table);
  return table;
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
