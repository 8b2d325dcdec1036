/**
 * Sends every call between TypeScript drivers and the library through machine code: a thunk of the compiled image
 * `relay` calls what its slot points at, with the same arguments. So the conformance suite, whose drivers are written in
 * TypeScript, crosses the binary interface in both directions. Chosen by the environment variable NDISBOX_RELAY, the
 * variant of the image.
 */

import {
  exportedFunction,
  HostFunction,
  type LoadedImage,
  MachineCode,
  mapImage,
  parseImage,
} from '../../src/image/index.ts';
import { parameterKinds, valueKind } from '../../src/image/valueKinds.ts';
import {
  type CallbackDeclaration,
  type Driver,
  type FunctionDeclaration,
  type Kernel,
  kpcrOf,
  pagesOf,
  type SeamRelay,
  translateAddress,
} from '../../src/kernel/index.ts';
import type { Address } from '../../src/memory/index.ts';
import { Engine } from '../../src/x64/index.ts';
import { compiled, VARIANTS } from './twins.ts';

type AnyFunction = (...args: unknown[]) => unknown;

/** Bytes of RELAY_ENTRY, and where its members are. */
const ENTRY_SIZE = 24;
const SLOT = 8;
const ARGUMENTS = 16;
const REGISTER_ARGUMENTS = 4;
const MOST_ARGUMENTS = 12;

/** The variant of the image asked for, or null where calls shall pass directly. */
export function relayVariant(): (typeof VARIANTS)[number] | null {
  const asked = process.env['NDISBOX_RELAY'];
  if (asked === undefined || asked === '') return null;
  const variant = VARIANTS.find((one) => one === asked);
  if (variant === undefined) throw new Error(`NDISBOX_RELAY is ${asked}; give one of ${VARIANTS.join(', ')}`);
  return variant;
}

/** Relays of one kernel. */
export class Relay implements SeamRelay {
  readonly #kernel: Kernel;
  readonly #code: MachineCode;
  readonly #image: Uint8Array;
  readonly #images: LoadedImage[] = [];
  /** Free thunks, by how many arguments they pass on: the address of the thunk and of its slot. */
  readonly #free = new Map<number, [thunk: Address, slot: Address][]>();

  constructor(kernel: Kernel, image: Uint8Array) {
    this.#kernel = kernel;
    this.#image = image;
    this.#code = new MachineCode({
      kernel,
      createEngine: (host) => new Engine(kernel.memory, host, { pages: pagesOf(kernel) }),
      translate: (low, high, size, access) => translateAddress(kernel, low, high, size, access),
      kpcr: (processor) => kpcrOf(kernel, processor),
      images: { imageAt: (address) => this.#images.find((one) => one.contains(address)) ?? null },
    });
    kernel.machineCode = this.#code;
  }

  import(declaration: FunctionDeclaration<never, unknown>, driver: Driver, call: AnyFunction): AnyFunction {
    const { parameters } = declaration.parsed;
    // A thunk does not know how many arguments there are behind `...`.
    if (parameters.some(({ type }) => type === '...') || parameters.length > MOST_ARGUMENTS) return call;
    const through = this.#through(
      exportedFunction(declaration, call, this.#code.convention),
      parameters.length,
      driver,
      {
        ...declaration,
        kind: 'callback',
        role: declaration.parsed.name,
        hot: false,
        changesIrql: true,
        onWait: 'split',
      },
    );
    if (declaration.waits === 'never') return through;
    // A TypeScript handler waits by itself: the machine code that called it waits for its promise.
    return (...args) => (this.#code.current === null ? through(...args) : call(...args));
  }

  callback(declaration: CallbackDeclaration<unknown>, driver: Driver, handler: AnyFunction): AnyFunction {
    const { parsed, role } = declaration;
    const kinds = parameterKinds(parsed);
    const result = valueKind(parsed.returns);
    const target = new HostFunction(role, handler, kinds, result, true, this.#code.convention);
    const through = this.#through(target, kinds.length, driver, declaration);
    const { objects } = this.#kernel.memory;
    // The library gives a TypeScript driver its own objects as contexts; machine code gets their addresses.
    const plain = (value: unknown): unknown =>
      typeof value === 'object' && value !== null && !('address' in value)
        ? objects.addressOf(value, driver)
        : value;
    return (...args) => through(...args.map(plain));
  }

  #through(
    target: HostFunction,
    argumentCount: number,
    driver: Driver,
    declaration: CallbackDeclaration<unknown>,
  ): AnyFunction {
    const { memory } = this.#kernel;
    const [thunk, slot] = this.#take(Math.max(argumentCount, REGISTER_ARGUMENTS));
    memory.writePointer(slot, memory.callables.addressOf(target, driver));
    const handler = this.#code.handlerAt(driver, thunk, declaration);
    if (handler === null) throw new Error('the thunk of the relay is no machine code');
    return handler;
  }

  #take(argumentCount: number): [thunk: Address, slot: Address] {
    const free = this.#free.get(argumentCount)?.pop();
    if (free !== undefined) return free;
    this.#map();
    return this.#take(argumentCount);
  }

  /** Maps one more copy of the image and notes its thunks. */
  #map(): void {
    const { memory } = this.#kernel;
    const loaded = mapImage(pagesOf(this.#kernel), parseImage(this.#image, 'relay.sys'), {
      resolve: () => null,
      random: () => 1,
    });
    this.#images.push(loaded);
    const [entries, count] = ['RelayEntries', 'RelayEntryCount'].map((name) => loaded.find(name));
    if (typeof entries !== 'number' || typeof count !== 'number')
      throw new Error('relay.sys exports no RelayEntries; run npm run native');
    for (let i = memory.u32[count >> 2] - 1; i >= 0; i--) {
      const entry = entries + i * ENTRY_SIZE;
      const known = this.#free.get(memory.u32[(entry + ARGUMENTS) >> 2]);
      const thunk: [Address, Address] = [memory.readPointer(entry), memory.readPointer(entry + SLOT)];
      if (known === undefined) this.#free.set(memory.u32[(entry + ARGUMENTS) >> 2], [thunk]);
      else known.push(thunk);
    }
  }
}

/** The relay that the environment asks for, made for a kernel; undefined where calls shall pass directly. */
export function relayFor(kernel: Kernel): Relay | undefined {
  const variant = relayVariant();
  return variant === null ? undefined : new Relay(kernel, compiled('relay', variant));
}
