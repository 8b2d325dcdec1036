/** Carries entries of add-registry sections and their like out in a registry. */

import {
  encodeValue,
  type HostKey,
  multiStrings,
  NdisboxError,
  NT_SUCCESS,
  ntstatusName,
  REG_BINARY,
  REG_MULTI_SZ,
} from '../../kernel/index.ts';
import { InfError, type InfPlace } from '../inf/infError.ts';
import type { RegistryEntry } from '../package/registryEntries.ts';
import { InstallError } from './installError.ts';
import { CONTROL_SET, type InstalledSystem } from './installedSystem.ts';

/** Keys without which no system works; INF files may not delete them or what lies above them. */
const PROTECTED = [
  `${CONTROL_SET}\\Control\\Class`,
  `${CONTROL_SET}\\Control\\Network`,
  `${CONTROL_SET}\\Enum`,
  `${CONTROL_SET}\\Services`,
  `${CONTROL_SET}\\Hardware Profiles\\Current`,
  'HKEY_LOCAL_MACHINE\\System\\ControlSet001\\Control\\Class',
  'HKEY_LOCAL_MACHINE\\System\\ControlSet001\\Control\\Network',
  'HKEY_LOCAL_MACHINE\\System\\ControlSet001\\Enum',
  'HKEY_LOCAL_MACHINE\\System\\ControlSet001\\Services',
  'HKEY_LOCAL_MACHINE\\System\\ControlSet001\\Hardware Profiles\\Current',
  'HKEY_LOCAL_MACHINE\\System\\DriverDatabase\\DriverPackages',
  'HKEY_LOCAL_MACHINE\\System\\DriverDatabase\\DriverInfFiles',
  'HKEY_LOCAL_MACHINE\\Software\\Microsoft\\Windows NT\\CurrentVersion',
  'HKEY_LOCAL_MACHINE\\Software\\Classes',
  'HKEY_LOCAL_MACHINE\\Hardware\\DeviceMap',
  'HKEY_USERS\\.Default',
].map((path) => `${path.toUpperCase()}\\`);

const LONG_ROOTS = {
  HKLM: 'HKEY_LOCAL_MACHINE',
  HKCR: 'HKEY_LOCAL_MACHINE\\Software\\Classes',
  HKCU: 'HKEY_USERS\\.Default',
  HKU: 'HKEY_USERS',
} as const;

/** Where each value that was set comes from, by `key|value` in capitals. */
export type Provenance = Map<string, InfPlace>;

/**
 * Carries entries out, in order.
 * @param relativeRoot what HKR stands for; null where it has no meaning. @param provenance gets the places of values.
 * @returns the paths of keys outside of `relativeRoot` that were written to.
 * @throws InfError INF_REGISTRY_ROOT, INF_VALUE; InstallError INSTALL_PROTECTED_KEY
 */
export function applyRegistry(
  system: InstalledSystem,
  entries: readonly RegistryEntry[],
  relativeRoot: string | null,
  provenance: Provenance = new Map(),
): string[] {
  const outside = new Set<string>();
  for (const entry of entries) {
    const base = entry.root === 'HKR' ? relativeRoot : LONG_ROOTS[entry.root];
    if (base === null) {
      throw new InfError(
        'INF_REGISTRY_ROOT',
        entry.place,
        'HKR stands for nothing here; begin with HKLM or another root.',
      );
    }
    const path = entry.subkey === '' ? base : `${base}\\${entry.subkey}`;
    try {
      apply(system, entry, path);
    } catch (error) {
      // The registry names its limits, but not the entry that goes beyond them.
      if (!(error instanceof NdisboxError) || error instanceof InfError) throw error;
      if (error instanceof InstallError) throw error;
      throw new InfError('INF_VALUE', entry.place, error.message);
    }
    if ('name' in entry) provenance.set(`${path}|${entry.name}`.toUpperCase(), entry.place);
    if (entry.root !== 'HKR') outside.add(path);
  }
  return [...outside];
}

function apply(system: InstalledSystem, entry: RegistryEntry, path: string): void {
  const { registry } = system;
  switch (entry.kind) {
    case 'createKey':
      registry.create(path);
      return;
    case 'deleteKey':
      deleteKey(system, path, entry.place);
      return;
    case 'deleteValue':
      registry.open(path)?.delete(entry.name);
      return;
    case 'deleteText':
      deleteText(registry.open(path), entry.name, entry.text);
      return;
    case 'append':
      appendTexts(registry.create(path), entry.name, entry.texts);
      return;
    case 'bits':
      changeBits(registry.open(path), entry.name, entry);
      return;
    case 'set': {
      if (entry.when === 'present' && registry.open(path)?.getRaw(entry.name) === undefined) return;
      const key = registry.create(path);
      if (entry.when === 'missing' && key.getRaw(entry.name) !== undefined) return;
      const status = registry.setValue(key.key, entry.name, entry.type, entry.data);
      if (NT_SUCCESS(status)) return;
      throw new InfError(
        'INF_VALUE',
        entry.place,
        `the registry refuses the value with ${ntstatusName(status)}; it is too large, or the registry is full.`,
      );
    }
  }
}

function deleteKey(system: InstalledSystem, path: string, place: InfPlace): void {
  const folded = `${path.toUpperCase()}\\`;
  if (PROTECTED.some((key) => key.startsWith(folded))) {
    throw new InstallError(
      'INSTALL_PROTECTED_KEY',
      `${place.file}:${place.line}:${place.column}: the entry deletes ${path}, without which no system works.`,
    );
  }
  system.registry.open(path)?.deleteTree();
}

function deleteText(key: HostKey | null, name: string, text: string): void {
  const value = key?.getRaw(name);
  if (key === null || value === undefined || value.type !== REG_MULTI_SZ) return;
  const rest = multiStrings(value.data).filter((item) => item.toUpperCase() !== text.toUpperCase());
  key.set(name, encodeValue(REG_MULTI_SZ, rest), REG_MULTI_SZ);
}

function appendTexts(key: HostKey, name: string, texts: readonly string[]): void {
  const value = key.getRaw(name);
  const known = value === undefined ? [] : multiStrings(value.data);
  const seen = new Set(known.map((text) => text.toUpperCase()));
  const added = texts.filter((text) => {
    const folded = text.toUpperCase();
    return !seen.has(folded) && seen.add(folded);
  });
  key.set(name, encodeValue(REG_MULTI_SZ, [...known, ...added]), REG_MULTI_SZ);
}

function changeBits(
  key: HostKey | null,
  name: string,
  { set, mask, byte }: { readonly set: boolean; readonly mask: number; readonly byte: number },
): void {
  const value = key?.getRaw(name);
  // Only bytes that are there change.
  if (key === null || value === undefined || value.type !== REG_BINARY || byte >= value.data.length) return;
  const data = value.data.slice();
  data[byte] = set ? data[byte] | mask : data[byte] & ~mask;
  key.set(name, data, REG_BINARY);
}
