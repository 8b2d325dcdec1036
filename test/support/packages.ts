/** INF files for tests: small ones of each kind, and packages in memory. */

import type { InstalledSystem, PackageSource } from '../../src/install/index.ts';
import { type InstallReport, type InstallRequest, installPackage } from '../../src/install/index.ts';

/** What differs between the INF files of tests. */
export interface InfParts {
  readonly name: string;
  readonly upper?: string;
  readonly lower?: string;
  /** Lines of the add-registry section. */
  readonly registry?: readonly string[];
  /** Lines of the DDInstall section. */
  readonly install?: readonly string[];
  /** Lines of the service-install section; later ones replace earlier ones of the same key. */
  readonly service?: readonly string[];
  /** Whole sections. */
  readonly sections?: string;
}

const GUIDS = { Net: '4D36E972', NetTrans: '4D36E975', NetService: '4D36E974' } as const;

function inf(
  className: keyof typeof GUIDS,
  parts: InfParts,
  defaults: { install: string[]; registry: string[] },
): string {
  const { name } = parts;
  const keyOf = (line: string): string => line.split('=')[0].trim().toUpperCase();
  const merge = (base: readonly string[], own: readonly string[] = []): string[] => [
    ...base.filter((line) => !own.some((other) => keyOf(other) === keyOf(line))),
    ...own,
  ];
  const service = [
    'ServiceType = 1',
    'StartType = 3',
    'ErrorControl = 1',
    `ServiceBinary = %13%\\${name}.sys`,
  ];
  return `[Version]
Signature = "$Windows NT$"
Class = ${className}
ClassGuid = {${GUIDS[className]}-E325-11CE-BFC1-08002BE10318}
Provider = %Me%
CatalogFile = ${name}.cat
DriverVer = 01/02/2026,1.2.3.4
[Manufacturer]
%Me% = Models,NTamd64
[Models.NTamd64]
%Description% = Install,${className === 'Net' ? `ROOT\\${name}` : `test_${name}`}
[Install.NTamd64]
${merge([...defaults.install, 'AddReg = Registry', 'CopyFiles = @' + name + '.sys'], parts.install).join('\n')}
[Install.NTamd64.Services]
AddService = ${name},${className === 'Net' ? '2' : ''},Service
[Service]
${merge(service, parts.service).join('\n')}
[Registry]
HKR,Ndi,Service,0,"${name}"
${[...defaults.registry, ...(parts.registry ?? [])].join('\n')}
[SourceDisksNames]
1 = "Disk"
[SourceDisksFiles]
${name}.sys = 1
[DestinationDirs]
DefaultDestDir = 13
${parts.sections ?? ''}
[Strings]
Me = "Tests"
Description = "${name} of the tests"
`;
}

function ranges(upper: string, lower: string): string[] {
  return [`HKR,Ndi\\Interfaces,UpperRange,0,"${upper}"`, `HKR,Ndi\\Interfaces,LowerRange,0,"${lower}"`];
}

/** An adapter. */
export function adapterInf(parts: InfParts): string {
  return inf('Net', parts, {
    install: ['Characteristics = 0x1', '*IfType = 6', '*MediaType = 0', '*PhysicalMediaType = 14'],
    registry: ranges(parts.upper ?? 'ndis5', parts.lower ?? 'ethernet'),
  });
}

/** A protocol. */
export function protocolInf(parts: InfParts): string {
  return inf('NetTrans', parts, {
    install: ['Characteristics = 0'],
    registry: ranges(parts.upper ?? 'noupper', parts.lower ?? 'ndis5'),
  });
}

/** A filter: class and media of FilterMediaTypes; no class for a monitoring one. */
export function filterInf(
  parts: InfParts & { readonly filterClass: string; readonly media?: string },
): string {
  const { filterClass, media = 'ethernet' } = parts;
  return inf('NetService', parts, {
    install: ['Characteristics = 0x40000'],
    registry: [
      ...ranges('noupper', 'nolower'),
      `HKR,Ndi\\Interfaces,FilterMediaTypes,0,"${media}"`,
      `HKR,Ndi,FilterType,0x00010001,${filterClass === '' ? 1 : 2}`,
      'HKR,Ndi,FilterRunType,0x00010001,2',
      ...(filterClass === '' ? [] : [`HKR,Ndi,FilterClass,0,"${filterClass}"`]),
    ],
  });
}

/** A package in memory; files that are not given have three bytes. */
export function memorySource(files: Readonly<Record<string, string | Uint8Array>>): PackageSource {
  const folded = new Map(Object.entries(files).map(([name, content]) => [name.toLowerCase(), content]));
  return {
    name: 'memory',
    read: (path) => {
      const content = folded.get(path.toLowerCase());
      if (typeof content === 'string') return new TextEncoder().encode(content);
      if (content !== undefined) return content;
      return /\.(?:sys|mjs)$/i.test(path) ? new Uint8Array([1, 2, 3]) : null;
    },
  };
}

/** Installs one INF file of a test. */
export function installInf(
  system: InstalledSystem,
  name: string,
  text: string,
  request: InstallRequest = {},
  others: Readonly<Record<string, string | Uint8Array>> = {},
): InstallReport {
  return installPackage(system, memorySource({ [`${name}.inf`]: text, ...others }), `${name}.inf`, request);
}
