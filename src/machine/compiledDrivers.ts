/**
 * Compiled drivers of one machine: their images, the engine that runs them, and what they import. Implements the word
 * "driver image" of the design for PE32+ files.
 */

import {
  CallGuard,
  HostFunction,
  importResolver,
  type LoadedImage,
  MachineCode,
  mapImage,
  markDiscarded,
  markSections,
  moduleKey,
  type PeImage,
  parseImage,
  type UnknownImport,
} from '../image/index.ts';
import {
  busOf,
  type Driver,
  deviceMemoryOf,
  type FunctionDeclaration,
  type Kernel,
  KMODE_EXCEPTION_NOT_HANDLED,
  kpcrOf,
  NdisboxError,
  pagesOf,
  STATUS_ENTRYPOINT_NOT_FOUND,
  shadowOf,
  translateAddress,
} from '../kernel/index.ts';
import type { Address, Shadow } from '../memory/index.ts';
import { Engine } from '../x64/index.ts';
import type { ImportParts } from './driverImports.ts';
import { ExportTable } from './exportTable.ts';

/** How a compiled driver is loaded. */
export interface CompiledOptions {
  /** Load it although it imports functions that the machine does not have; calling one of them is a bug check. */
  readonly stubMissing?: boolean;
}

/** A compiled driver that was read and checked. */
export interface ParsedDriver {
  /** Maps it for the record of the driver; gives the address of its entry point. */
  readonly map: (driver: Driver) => Address;
}

export class CompiledDrivers {
  readonly code: MachineCode;
  readonly #kernel: Kernel;
  readonly #engine: Engine;
  readonly #exports: ExportTable;
  /** Null where memory safety is not checked. */
  readonly #shadow: Shadow | null;
  /** Enforced where memory safety is checked. */
  readonly #guard: CallGuard | null;
  readonly #images = new Map<Driver, LoadedImage>();

  constructor(parts: ImportParts) {
    const { kernel, ndis, seam, rings } = parts;
    this.#kernel = kernel;
    const pages = pagesOf(kernel);
    const shadow = shadowOf(kernel);
    this.#shadow = shadow;
    let engine: Engine | null = null;
    this.#guard =
      shadow === null
        ? null
        : new CallGuard(kernel, (address) => this.imageAt(address)?.isCallTarget(address) ?? false);
    this.code = new MachineCode({
      kernel,
      createEngine: (host) => {
        engine = new Engine(kernel.memory, host, {
          pages,
          ...(shadow === null ? {} : { safety: shadow }),
          ...(parts.exploreAccesses
            ? { preemptBefore: ({ low, locked }) => this.code.preemptBefore(low, locked) }
            : {}),
        });
        return engine;
      },
      translate: (low, high, size, access) => translateAddress(kernel, low, high, size, access),
      ports: {
        readPort: (port, size) => busOf(kernel).readPort(port, size),
        writePort: (port, size, value) => busOf(kernel).writePort(port, size, value),
      },
      posted: deviceMemoryOf(kernel),
      kpcr: (processor) => kpcrOf(kernel, processor),
      images: this,
      spinLimit: parts.spinLimit,
      guard: this.#guard,
    });
    if (engine === null) throw new NdisboxError('INTERNAL', 'MachineCode made no engine');
    this.#engine = engine;
    this.code.describe = (address) => this.describe(address);
    this.#exports = new ExportTable(seam, this.code, { kernel, ndis, ndisbox: rings });
    kernel.machineCode = this.code;
  }

  /** Reads an image. @throws PeImageError */
  parse(name: string, bytes: Uint8Array, options: CompiledOptions): ParsedDriver {
    const image = parseImage(bytes, `${name}.sys`);
    return { map: (driver) => this.#map(driver, image, options) };
  }

  #map(driver: Driver, image: PeImage, options: CompiledOptions): Address {
    const kernel = this.#kernel;
    const modules = this.#exports.modulesFor(driver);
    for (const other of this.#images.values()) modules.set(moduleKey(other.name), other);
    const loaded = mapImage(pagesOf(kernel), image, {
      resolve: importResolver(modules),
      random: () => kernel.random.below(0x1_0000_0000),
      ...(this.#guard === null ? {} : { guard: this.#guard.functions }),
      codeGone: ({ start, end }) => this.#engine.invalidate(start, end - start),
      ...(options.stubMissing === true ? { stubMissing: (missing) => this.#stub(driver, missing) } : {}),
    });
    if (this.#shadow !== null) markSections(this.#shadow, loaded);
    // The pages may have held another image before.
    this.#engine.forget(loaded.base, loaded.size);
    for (const note of image.notes) kernel.note(image.name, note);
    driver.compiled = true;
    this.#images.set(driver, loaded);
    return loaded.entryPoint;
  }

  /** A function that stops the machine when it is called. */
  #stub(driver: Driver, { dll, symbol }: UnknownImport): Address {
    const name = `${dll}!${typeof symbol === 'number' ? `#${symbol}` : symbol}`;
    const call = (): never =>
      this.#kernel.bugCheck(
        KMODE_EXCEPTION_NOT_HANDLED,
        [STATUS_ENTRYPOINT_NOT_FOUND, 0, 0, 0],
        `${driver.name} called ${name}, which the machine does not have; it was loaded with stubMissing`,
      );
    const target = new HostFunction(name, call, [], 'none', false, this.code.convention);
    return this.#kernel.memory.callables.addressOf(target, driver);
  }

  /** DriverEntry has returned: its initialization sections go. Nothing for a driver that is not compiled. */
  entered(driver: Driver): void {
    const image = this.#images.get(driver);
    if (image === undefined) return;
    image.discardInit();
    if (this.#shadow !== null) markDiscarded(this.#shadow, image);
  }

  /** Gives the memory of a driver's image back. Nothing for a driver that is not compiled. */
  unmap(driver: Driver): void {
    this.#images.get(driver)?.unmap();
    this.#images.delete(driver);
  }

  /** An export as a compiled driver gets it by name at run time; undefined for a driver that is not compiled. */
  routine(driver: Driver, module: string, name: string): HostFunction | null | undefined {
    return this.#images.has(driver) ? this.#exports.find(driver, module, name) : undefined;
  }

  /** A handler of ndis as a compiled driver calls it; undefined for a driver that is not compiled. */
  handler(driver: Driver, declaration: FunctionDeclaration<unknown, unknown>): HostFunction | undefined {
    return this.#images.has(driver) ? this.#exports.handler(driver, declaration) : undefined;
  }

  /** The image around an address. */
  imageAt(address: Address): LoadedImage | null {
    for (const image of this.#images.values()) if (image.contains(address)) return image;
    return null;
  }

  /** `mux.sys!DriverEntry+0x12`, `mux.sys+0x1234`, or the address itself. */
  describe(address: Address): string {
    return this.imageAt(address)?.describeAddress(address) ?? `0x${address.toString(16)}`;
  }
}
