/**
 * The TypeScript edge of a declared function: which JavaScript values stand for which C parameters. Implementations
 * take numbers; a TypeScript driver may also give views, object literals, texts, functions and objects.
 */

import type { Address, Fields, View } from '../memory/index.ts';

/** A pointer to a structure: TypeScript drivers may give a view or an object literal. */
export type Pointer<V extends View> = Address & { readonly __points: V };
/** A pointer to a UNICODE_STRING or ANSI_STRING: TypeScript drivers may give a text. */
export type TextPointer = Address & { readonly __text: true };
/** A pointer to a function: TypeScript drivers give the function. */
export type CallbackPointer<F> = Address & { readonly __calls: F };
/** Something of the driver's own that comes back unchanged: TypeScript drivers may give any object. */
export type Context = Address & { readonly __context: true };
/** A handle that the kernel or the library gave out. */
export type Handle = Address & { readonly __kind?: 'address' };
/** Where a result is written: TypeScript drivers give an address or a cell. */
export type OutPointer = Address & { readonly __out: true };

/** Anything with an address: a view, a cell. */
export interface Addressed {
  readonly address: Address;
}

type EdgeArgument<T> = T extends { readonly __points: infer V }
  ? Address | V | Fields<V> | null
  : T extends { readonly __text: true }
    ? Address | Addressed | string | null
    : T extends { readonly __calls: infer F }
      ? Address | F | null
      : T extends { readonly __context: true }
        ? unknown
        : T extends { readonly __out: true }
          ? Address | Addressed | null
          : T extends boolean
            ? boolean | number
            : T;

type EdgeArguments<A extends readonly unknown[]> = { [K in keyof A]: EdgeArgument<A[K]> };

/** The function that a TypeScript driver imports, for an implementation of type `F`. */
export type Edge<F> = F extends (...args: infer A) => infer R ? (...args: EdgeArguments<A>) => R : never;

/** The imports object that a table of declarations gives: functions, and the addresses of variables. */
export type Imports<T> = ImportedFunctions<T> & ImportedVariables<T>;

type ImportedVariables<T> = {
  readonly [K in keyof T as T[K] extends { readonly kind: 'data' } ? K : never]: Address;
};

type ImportedFunctions<T> = {
  readonly [K in keyof T as T[K] extends { readonly kind: 'function' } ? K : never]: T[K] extends {
    readonly implement: (...args: never[]) => infer F;
  }
    ? Edge<F>
    : never;
};
