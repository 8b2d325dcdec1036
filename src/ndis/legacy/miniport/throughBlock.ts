/**
 * Macros of miniport drivers for NDIS 5, which call through NDIS_MINIPORT_BLOCK, and what finds the adapter behind the
 * handle that such a call passes. Implements the NdisM macros of ddk/ndis.h.
 */

import {
  type Driver,
  declareFunction,
  type FunctionDeclaration,
  type Handle,
} from '../../../kernel/index.ts';
import type { Address } from '../../../memory/index.ts';
import { NDIS_MINIPORT_BLOCK } from '../../generated/structures/index.ts';
import type { NdisLibrary } from '../../library.ts';
import { MiniportAdapter } from '../../miniport/miniportAdapter.ts';
import { callThrough, type ProvidedHandler } from '../providedHandlers.ts';
import { type LegacyAdapter, legacyAdaptersOf } from './legacyAdapter.ts';

type BlockMember = keyof typeof NDIS_MINIPORT_BLOCK.offset;

/** The adapter of a driver for NDIS 5 behind a handle; null, and the finding BAD_HANDLE, where there is none. */
export function legacyAdapterAt(
  ndis: NdisLibrary,
  driver: Driver,
  handle: Handle,
  call: string,
  page: string,
): LegacyAdapter | null {
  const adapter = ndis.expect(handle, MiniportAdapter, driver, call, page);
  if (adapter === null) return null;
  const legacy = legacyAdaptersOf(ndis).get(adapter);
  if (legacy !== undefined) return legacy;
  const text = `${call} is for miniport drivers of NDIS 5; ${adapter.label} has one of NDIS 6`;
  ndis.kernel.report('WRONG_NDIS_VERSION', driver, text, page);
  return null;
}

/** Facts of what ddk/ndis.h declares for NDIS 5 and the reference has no page for any more. */
export function oldFacts(prototype: string, kind: 'nf' | 'nc') {
  const name = /(\w+)\(/.exec(prototype)?.[1] ?? '';
  const page = `ndis/${kind}-ndis-${name.toLowerCase()}`;
  return { prototype, irql: '<=DISPATCH_LEVEL', waits: 'never', since: '4.0', page } as const;
}

/** How the arguments of a macro become those of its handler. */
type Rearranged = (ndis: NdisLibrary, handle: Address, rest: readonly number[]) => readonly number[];

const unchanged: Rearranged = (_ndis, handle, rest) => [handle, ...rest];

/**
 * Declares a macro that calls the handler whose pointer `member` of the block holds.
 * @param exported the handler, where ndis exports a function of the macro's name too.
 */
export function throughBlock<F extends (handle: Handle, ...rest: never[]) => void>(
  prototype: string,
  member: BlockMember,
  options: { readonly rearranged?: Rearranged; readonly exported?: ProvidedHandler } = {},
): FunctionDeclaration<NdisLibrary, F> {
  const facts = oldFacts(prototype, 'nf');
  const call = /(\w+)\(/.exec(prototype)?.[1] ?? '';
  const at = NDIS_MINIPORT_BLOCK.offset[member];
  const { rearranged = unchanged, exported } = options;
  const implement = (ndis: NdisLibrary, driver: Driver) => {
    // Machine code has the macro compiled in, so what it imports is the function.
    if (driver.compiled && exported !== undefined) return exported.implement(ndis, driver);
    return (handle: Handle, ...rest: number[]): void => {
      // A C driver would read a block that is not there, which only a machine can say gently.
      if (legacyAdapterAt(ndis, driver, handle, call, facts.page)?.block !== handle) return;
      callThrough(ndis, handle + at, ...rearranged(ndis, handle, rest));
    };
  };
  // The parameters are those of the prototype, which `F` repeats for the compiler.
  return declareFunction('ndis', { ...facts, inline: exported === undefined, implement: implement as never });
}

/** The first argument of the macros for one medium: the filter that `member` points to. */
export function withFilter(member: BlockMember) {
  const at = NDIS_MINIPORT_BLOCK.offset[member];
  return (ndis: NdisLibrary, handle: Address, rest: readonly number[]): readonly number[] => [
    ndis.memory.readPointer(handle + at),
    ...rest,
  ];
}
