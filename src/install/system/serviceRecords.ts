/**
 * Services in the registry of an installed system: installed as AddService says, owned by packages, removed with the last.
 * Implements "INF AddService Directive" and "INF DelService Directive" (windows-driver-docs-pr/install).
 */

import { type HostKey, REG_BINARY, REG_EXPAND_SZ, REG_MULTI_SZ } from '../../kernel/index.ts';
import { InfError } from '../inf/infError.ts';
import { pathOfImage } from '../package/paths.ts';
import {
  NOCLOBBER_DEPENDENCIES,
  NOCLOBBER_DESCRIPTION,
  NOCLOBBER_DISPLAY_NAME,
  NOCLOBBER_ERROR_CONTROL,
  NOCLOBBER_GROUP,
  NOCLOBBER_START_TYPE,
  type ServiceInstall,
  TAG_TO_FRONT,
} from '../package/services.ts';
import { applyRegistry } from './applyRegistry.ts';
import { numberOf, textOf, textsOf } from './components.ts';
import { InstallError } from './installError.ts';
import { type InstalledSystem, SERVICES_KEY } from './installedSystem.ts';
import { deleteUpwards } from './instanceKeys.ts';
import type { InstallReport } from './report.ts';

/** Names of the values of Start. */
export const START_NAMES = ['boot', 'system', 'auto', 'demand', 'disabled'] as const;
const GROUP_ORDER = 'Control\\GroupOrderList';

/** Where the event log settings of a service lie. */
function eventLogKey(log: string, name: string): string {
  return `${SERVICES_KEY}\\EventLog\\${log}\\${name}`;
}

/**
 * Installs a service for a package. @param owner its `oemN.inf`.
 * @throws InfError INF_FILE_MISSING, INF_VALUE; InstallError INSTALL_SERVICE_CONFLICT
 */
export function installService(
  system: InstalledSystem,
  service: ServiceInstall,
  owner: string,
  report: InstallReport,
): void {
  const binary = system.files.get(service.binary);
  if (binary === null) {
    throw new InfError(
      'INF_FILE_MISSING',
      service.place,
      `the service ${service.name} runs ${service.binary}, but no CopyFiles puts a file there.`,
    );
  }
  const path = `${SERVICES_KEY}\\${service.name}`;
  const known = system.registry.open(path);
  const exists = known !== null && known.getRaw('ImagePath') !== undefined;
  if (exists) refuseConflict(system, known, service, owner);
  const key = known ?? system.registry.create(path);
  writeRecord(system, key, service, exists);
  const owners = textsOf(key, 'Owners');
  if (!owners.includes(owner)) key.set('Owners', [...owners, owner], REG_MULTI_SZ);
  key.create('Parameters');
  for (const outside of applyRegistry(system, service.registry, path))
    report.keys.push({ what: outside, why: `AddReg of the service ${service.name}` });
  const { eventLog } = service;
  if (eventLog !== null) {
    const log = eventLogKey(eventLog.log, eventLog.name);
    system.registry.create(log);
    applyRegistry(system, eventLog.registry, log);
    key.set('EventLogKey', log);
    report.keys.push({ what: log, why: 'event log settings' });
  }
  report.services.push({
    what: service.name,
    why: `${START_NAMES[service.start]} start, runs ${service.binary}${service.group === '' ? '' : `, group ${service.group}`}`,
  });
}

function refuseConflict(system: InstalledSystem, key: HostKey, service: ServiceInstall, owner: string): void {
  const others = textsOf(key, 'Owners').filter((name) => name !== owner);
  if (others.length === 0) return;
  const path = pathOfImage(textOf(key, 'ImagePath'));
  const theirs = path === null ? null : system.files.get(path);
  const ours = system.files.get(service.binary);
  if (theirs !== null && ours !== null && sameBytes(theirs.bytes, ours.bytes)) return;
  throw new InstallError(
    'INSTALL_SERVICE_CONFLICT',
    `the service ${service.name} belongs to ${others.join(', ')} and runs another file, ${path ?? 'an unknown one'}; ` +
      'uninstall that package first, or give the service another name.',
  );
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function writeRecord(system: InstalledSystem, key: HostKey, service: ServiceInstall, exists: boolean): void {
  const may = (flag: number): boolean => !exists || (service.flags & flag) === 0;
  key.set('Type', service.type);
  if (may(NOCLOBBER_START_TYPE)) key.set('Start', service.start);
  if (may(NOCLOBBER_ERROR_CONTROL)) key.set('ErrorControl', service.errorControl);
  key.set('ImagePath', service.imagePath, REG_EXPAND_SZ);
  if (service.displayName !== '' && may(NOCLOBBER_DISPLAY_NAME)) key.set('DisplayName', service.displayName);
  if (service.description !== '' && may(NOCLOBBER_DESCRIPTION)) key.set('Description', service.description);
  if (may(NOCLOBBER_DEPENDENCIES)) {
    if (service.dependOnService.length > 0) key.set('DependOnService', service.dependOnService, REG_MULTI_SZ);
    if (service.dependOnGroup.length > 0) key.set('DependOnGroup', service.dependOnGroup, REG_MULTI_SZ);
  }
  if (service.group !== '' && may(NOCLOBBER_GROUP)) {
    key.set('Group', service.group);
    // Drivers that are loaded before the service control manager runs have a place in their group.
    if (service.start <= 1) assignTag(system, key, service);
  }
}

/** Gives the service a tag that is free in its group, and puts it into the group's list. */
function assignTag(system: InstalledSystem, key: HostKey, service: ServiceInstall): void {
  const lists = system.control(GROUP_ORDER);
  const tags = tagsOf(lists, service.group);
  let tag = numberOf(key, 'Tag');
  if (tag === 0) {
    tag = 1;
    while (tags.includes(tag)) tag++;
    key.set('Tag', tag);
  }
  const rest = tags.filter((other) => other !== tag);
  writeTags(lists, service.group, (service.flags & TAG_TO_FRONT) !== 0 ? [tag, ...rest] : [...rest, tag]);
}

function tagsOf(lists: HostKey, group: string): number[] {
  const data = lists.get(group);
  if (!(data instanceof Uint8Array)) return [];
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  return Array.from({ length: Math.max(0, (data.length >> 2) - 1) }, (_, index) =>
    view.getUint32(4 + index * 4, true),
  );
}

function writeTags(lists: HostKey, group: string, tags: readonly number[]): void {
  if (tags.length === 0) {
    lists.delete(group);
    return;
  }
  const data = new Uint8Array(4 + tags.length * 4);
  const view = new DataView(data.buffer);
  view.setUint32(0, tags.length, true);
  for (const [index, tag] of tags.entries()) view.setUint32(4 + index * 4, tag, true);
  lists.set(group, data, REG_BINARY);
}

/** Deletes a service whoever owns it. Returns false where there is none. */
export function deleteService(system: InstalledSystem, name: string): boolean {
  const key = system.registry.open(`${SERVICES_KEY}\\${name}`);
  if (key === null) return false;
  const lists = system.find(GROUP_ORDER);
  const group = textOf(key, 'Group');
  if (lists !== null && group !== '') {
    writeTags(
      lists,
      group,
      tagsOf(lists, group).filter((tag) => tag !== numberOf(key, 'Tag')),
    );
    if (lists.values().length === 0) lists.deleteTree();
  }
  const log = textOf(key, 'EventLogKey');
  if (log !== '') {
    deleteUpwards(system, log, SERVICES_KEY);
  }
  key.deleteTree();
  return true;
}

/**
 * Takes a package from the owners of all services. Those that nobody owns any more are deleted; others run the file of
 * an owner that is left. @param imageOf the file of a service in the package of an owner. Returns the deleted ones.
 */
export function disownServices(
  system: InstalledSystem,
  owner: string,
  imageOf: (owner: string, imagePath: string) => string | null,
): string[] {
  const deleted: string[] = [];
  const services = system.registry.open(SERVICES_KEY);
  for (const name of services?.keys() ?? []) {
    const key = services?.open(name) ?? null;
    const owners = textsOf(key, 'Owners');
    if (key === null || !owners.includes(owner)) continue;
    const rest = owners.filter((other) => other !== owner);
    if (rest.length === 0) {
      deleteService(system, name);
      deleted.push(name);
      continue;
    }
    key.set('Owners', rest, REG_MULTI_SZ);
    const image = imageOf(rest[0], textOf(key, 'ImagePath'));
    if (image !== null) key.set('ImagePath', image, REG_EXPAND_SZ);
  }
  return deleted;
}
