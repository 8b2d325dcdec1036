/**
 * An installed system: registry, files and what its devices are wired to. It is changed as a whole: a change that fails
 * is made on a copy that is thrown away.
 */

import { exportRegFile, type HostKey, importRegFile, NdisboxError, Registry } from '../../kernel/index.ts';
import { joinPath } from '../package/paths.ts';
import { InstallError } from './installError.ts';
import { sha256OfText } from './sha256.ts';
import { SystemFiles } from './systemFiles.ts';

/** Parts of the registry that are kept, by the name of their file. */
export const HIVES = {
  'SYSTEM.reg': 'HKEY_LOCAL_MACHINE\\System',
  'SOFTWARE.reg': 'HKEY_LOCAL_MACHINE\\Software',
  'DEFAULT.reg': 'HKEY_USERS\\.Default',
} as const;

/** The current control set. */
export const CONTROL_SET = 'HKEY_LOCAL_MACHINE\\System\\CurrentControlSet';
export const SERVICES_KEY = `${CONTROL_SET}\\Services`;

/** A value as JSON has it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** What is kept beside registry and files. */
interface DeviceSettings {
  readonly format: 1;
  readonly seed: number;
  /** The wire of a device, by its instance id. */
  readonly wires: { readonly [instanceId: string]: Json };
}

const FORMAT = 1;

export class InstalledSystem {
  readonly registry = new Registry(() => 0);
  readonly files = new SystemFiles();
  /** Wires by device instance id, as a stack file describes them. */
  readonly wires = new Map<string, Json>();
  /** Every GUID that is made here depends on it. */
  readonly seed: number;

  constructor(seed = 1) {
    this.seed = seed;
  }

  /** A key below the current control set, made where missing. */
  control(path: string): HostKey {
    return this.registry.create(`${CONTROL_SET}\\${path}`);
  }

  /** A key below the current control set, or null. */
  find(path: string): HostKey | null {
    return this.registry.open(`${CONTROL_SET}\\${path}`);
  }

  /** A GUID for something with this name; the same for the same seed and name. */
  guid(name: string): string {
    const digest = sha256OfText(`${this.seed}|${name.toUpperCase()}`).toUpperCase();
    const variant = '89AB'[Number.parseInt(digest[16], 16) & 3];
    return `{${digest.slice(0, 8)}-${digest.slice(8, 12)}-4${digest.slice(13, 16)}-${variant}${digest.slice(17, 20)}-${digest.slice(20, 32)}}`;
  }

  /** The whole system as files: hives as `.reg`, the disk below `C`, the wires as JSON. */
  save(): Map<string, Uint8Array> {
    const files = new Map<string, Uint8Array>();
    const encoder = new TextEncoder();
    for (const [name, path] of Object.entries(HIVES)) {
      const key = this.registry.open(path);
      const text = key === null ? 'Windows Registry Editor Version 5.00\r\n' : exportRegFile(key.key);
      files.set(`registry/${name}`, encoder.encode(text));
    }
    const settings: DeviceSettings = {
      format: FORMAT,
      seed: this.seed,
      wires: Object.fromEntries([...this.wires].sort(([a], [b]) => (a < b ? -1 : 1))),
    };
    files.set('devices.json', encoder.encode(`${JSON.stringify(settings, null, 2)}\n`));
    for (const { path, bytes } of this.files.list()) {
      files.set(path.replace(/^C:/, 'C').replaceAll('\\', '/'), bytes);
    }
    return files;
  }

  /** Reads what `save` gave. @throws InstallError SYSTEM_DAMAGED */
  static load(files: ReadonlyMap<string, Uint8Array>): InstalledSystem {
    const settings = readSettings(files.get('devices.json'));
    const system = new InstalledSystem(settings.seed);
    for (const name of Object.keys(HIVES)) {
      const bytes = files.get(`registry/${name}`);
      if (bytes === undefined) throw damaged(`registry/${name} is missing`);
      try {
        importRegFile(system.registry, bytes);
      } catch (cause) {
        if (!(cause instanceof NdisboxError)) throw cause;
        throw damaged(`registry/${name}: ${cause.message}`, cause);
      }
    }
    for (const [instanceId, wire] of Object.entries(settings.wires)) system.wires.set(instanceId, wire);
    for (const [name, bytes] of files) {
      if (!name.startsWith('C/')) continue;
      const joined = joinPath(`C:${name.slice(1)}`);
      if ('fault' in joined) throw damaged(`${name} ${joined.fault}`);
      system.files.set(joined.path, bytes);
    }
    return system;
  }

  /** A copy that can be changed without changing this one. */
  clone(): InstalledSystem {
    return InstalledSystem.load(this.save());
  }
}

function damaged(text: string, cause?: unknown): InstallError {
  return new InstallError(
    'SYSTEM_DAMAGED',
    `the installed system is damaged: ${text}. Restore the machine directory from a copy, or remove it and install again.`,
    cause === undefined ? {} : { cause },
  );
}

function readSettings(bytes: Uint8Array | undefined): DeviceSettings {
  if (bytes === undefined) throw damaged('devices.json is missing');
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw damaged('devices.json is no JSON', cause);
  }
  if (!isSettings(value))
    throw damaged('devices.json has other members than "format": 1, "seed" and "wires"');
  return value;
}

function isSettings(value: unknown): value is DeviceSettings {
  if (typeof value !== 'object' || value === null) return false;
  if (!('format' in value) || !('seed' in value) || !('wires' in value)) return false;
  const { format, seed, wires } = value;
  if (format !== FORMAT || typeof seed !== 'number' || !Number.isInteger(seed)) return false;
  return typeof wires === 'object' && wires !== null && !Array.isArray(wires);
}
