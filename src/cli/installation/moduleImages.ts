/**
 * Images of installed drivers. A compiled one is its bytes. A module is put, with all that lies beside it in the driver
 * store, into a folder of its own from where Node loads it and finds the package `ndisbox` that runs.
 */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { InstalledSystem, SystemFile } from '../../install/index.ts';
import type { DriverImage } from '../../machine/index.ts';
import { packageFile } from '../packageFiles.ts';
import { loadImage } from '../stack/driverImages.ts';

/** Whether this is the source and not what was compiled from it. */
const FROM_SOURCE = import.meta.url.endsWith('.ts');

export class ModuleImages {
  readonly #system: InstalledSystem;
  #folder: string | null = null;

  constructor(system: InstalledSystem) {
    this.#system = system;
  }

  /** The image of a service. @throws CliError DRIVER_FILE_MISSING, DRIVER_FILE_INVALID */
  load(service: string, file: SystemFile): Promise<DriverImage | Uint8Array> {
    if (/\.sys$/i.test(file.path)) return Promise.resolve(file.bytes);
    const path = this.#place(file);
    return loadImage({ name: service, builtIn: null, path, parameters: {} });
  }

  /** Removes the folder; what was loaded from it stays usable. */
  close(): void {
    if (this.#folder !== null) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = null;
  }

  /** Writes a module and its neighbours to the host and gives its path there. */
  #place(file: SystemFile): string {
    const folder = this.#folder ?? this.#makeFolder();
    const directory = file.path.slice(0, file.path.lastIndexOf('\\'));
    for (const { path, bytes } of this.#system.files.below(directory)) {
      const target = hostPath(folder, path);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, bytes);
    }
    return hostPath(folder, file.path);
  }

  #makeFolder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'ndisbox-drivers-'));
    this.#folder = folder;
    const shim = join(folder, 'node_modules', 'ndisbox');
    mkdirSync(shim, { recursive: true });
    const exported: Record<string, string> = {};
    for (const [name, path] of exportsOfPackage()) {
      const file = `./${name === '.' ? 'index' : name.slice(2).replaceAll('/', '-')}.mjs`;
      exported[name] = file;
      writeFileSync(join(shim, file), `export * from ${JSON.stringify(pathToFileURL(path).href)};\n`);
    }
    writeFileSync(
      join(shim, 'package.json'),
      JSON.stringify({ name: 'ndisbox', type: 'module', exports: exported }),
    );
    return folder;
  }
}

function hostPath(folder: string, path: string): string {
  return join(folder, ...path.replace(/^C:/, 'C').split('\\'));
}

/** What the package exports, by name, as files of the package that runs. */
function exportsOfPackage(): [name: string, path: string][] {
  const value: unknown = JSON.parse(readFileSync(packageFile('package.json'), 'utf8'));
  const exported = typeof value === 'object' && value !== null && 'exports' in value ? value.exports : null;
  if (typeof exported !== 'object' || exported === null) return [];
  return Object.entries(exported).flatMap(([name, target]: [string, unknown]): [string, string][] => {
    if (typeof target !== 'object' || target === null || !('default' in target)) return [];
    const compiled = String(target.default);
    const file = FROM_SOURCE ? compiled.replace(/^\.\/dist\//, './').replace(/\.js$/, '.ts') : compiled;
    return [[name, packageFile(file)]];
  });
}
