/**
 * The network components of an installed system, read from its registry: adapters below the key of the class Net,
 * protocols, clients and services below Control\\Network.
 * Implements "Add-registry-sections in a Network INF File", "Specifying Binding Interfaces" and "Configuring an INF File
 * for a Modifying Filter Driver" (network).
 */

import type { HostKey } from '../../kernel/index.ts';
import { interfaceList, NCF_LW_FILTER } from '../package/characteristics.ts';
import { CLASS_GUIDS, type ClassName } from '../package/version.ts';
import type { InstalledSystem } from './installedSystem.ts';

/** How a filter driver asks to be placed. */
export interface FilterSettings {
  readonly monitoring: boolean;
  readonly mandatory: boolean;
  /** FilterClass; '' for a monitoring filter. */
  readonly filterClass: string;
  readonly mediaTypes: readonly string[];
}

/** One installed component. */
export interface NetworkComponent {
  readonly className: ClassName;
  /** NetCfgInstanceId: `{GUID}`. */
  readonly guid: string;
  readonly componentId: string;
  readonly description: string;
  readonly characteristics: number;
  /** Ndi\\Service. */
  readonly service: string;
  /** Ndi\\CoServices, or the one service. */
  readonly coServices: readonly string[];
  readonly upperRange: readonly string[];
  readonly lowerRange: readonly string[];
  readonly filter: FilterSettings | null;
  /** `oem0.inf` */
  readonly infPath: string;
  /** Its instance key. */
  readonly key: HostKey;
  /** Rises with every component that is installed. */
  readonly order: number;
  /** The device of an adapter; null for a software component and for virtual miniports without one. */
  readonly device: ComponentDevice | null;
}

/** The device of an adapter. */
export interface ComponentDevice {
  /** `ROOT\\NET\\0000` */
  readonly instanceId: string;
  /** What people read, `Ethernet 1`. */
  readonly name: string;
  readonly hardwareIds: readonly string[];
}

/** Where instance keys lie. */
export function instanceRoot(className: ClassName): string {
  const guid = CLASS_GUIDS[className];
  return className === 'Net' ? `Control\\Class\\${guid}` : `Control\\Network\\${guid}`;
}

/** Values of texts and numbers that may be missing or of another type. */
export function textOf(key: HostKey | null, name: string): string {
  const data = key?.get(name);
  return typeof data === 'string' ? data : typeof data === 'number' ? String(data) : '';
}

export function textsOf(key: HostKey | null, name: string): string[] {
  const data = key?.get(name);
  if (typeof data === 'string') return data === '' ? [] : [data];
  return Array.isArray(data) ? data.filter((item): item is string => typeof item === 'string') : [];
}

export function numberOf(key: HostKey | null, name: string, otherwise = 0): number {
  const data = key?.get(name);
  if (typeof data === 'number') return data;
  // Many INF files write numbers as texts.
  return typeof data === 'string' && /^(?:0x[0-9a-f]{1,8}|\d{1,10})$/i.test(data) ? Number(data) : otherwise;
}

const NETWORK_CLASSES: readonly ClassName[] = ['Net', 'NetTrans', 'NetService', 'NetClient'];

/** All components in the order of their installation. */
export function listComponents(system: InstalledSystem): NetworkComponent[] {
  const components = NETWORK_CLASSES.flatMap((className) => {
    const root = system.find(instanceRoot(className));
    return (root?.keys() ?? []).flatMap((name) => {
      const key = root?.open(name) ?? null;
      return key === null || textOf(key, 'ComponentId') === ''
        ? []
        : [readComponent(system, className, name, key)];
    });
  });
  return components.sort((a, b) => a.order - b.order);
}

function readComponent(
  system: InstalledSystem,
  className: ClassName,
  name: string,
  key: HostKey,
): NetworkComponent {
  const ndi = key.open('Ndi');
  const interfaces = key.open('Ndi\\Interfaces');
  const service = textOf(ndi, 'Service');
  const coServices = textsOf(ndi, 'CoServices');
  const characteristics = numberOf(key, 'Characteristics');
  return {
    className,
    guid: className === 'Net' ? textOf(key, 'NetCfgInstanceId') : name,
    componentId: textOf(key, 'ComponentId'),
    description: textOf(key, className === 'Net' ? 'DriverDesc' : 'Description'),
    characteristics,
    service,
    coServices: coServices.length > 0 ? coServices : service === '' ? [] : [service],
    upperRange: interfaceList(textOf(interfaces, 'UpperRange')),
    lowerRange: interfaceList(textOf(interfaces, 'LowerRange')),
    filter: (characteristics & NCF_LW_FILTER) === 0 ? null : readFilter(ndi, interfaces),
    infPath: textOf(key, 'InfPath'),
    key,
    order: numberOf(key, 'InstallOrder'),
    device: readDevice(system, textOf(key, 'DeviceInstanceID')),
  };
}

function readFilter(ndi: HostKey | null, interfaces: HostKey | null): FilterSettings {
  const monitoring = numberOf(ndi, 'FilterType') === 1;
  return {
    monitoring,
    mandatory: numberOf(ndi, 'FilterRunType') === 1,
    filterClass: monitoring ? '' : textOf(ndi, 'FilterClass').trim().toLowerCase(),
    mediaTypes: interfaceList(textOf(interfaces, 'FilterMediaTypes')),
  };
}

function readDevice(system: InstalledSystem, instanceId: string): ComponentDevice | null {
  const key = instanceId === '' ? null : system.find(`Enum\\${instanceId}`);
  if (key === null) return null;
  return { instanceId, name: textOf(key, 'FriendlyName'), hardwareIds: textsOf(key, 'HardwareID') };
}

/** What a component is called in reports: the name of its adapter, or its service. */
export function componentLabel(component: NetworkComponent): string {
  const { device, service, componentId, className } = component;
  if (device === null && className === 'Net') return `the virtual miniports of ${service}`;
  return device?.name ?? (service || componentId);
}
