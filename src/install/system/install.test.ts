/** Installing, binding and uninstalling on a system in memory. Rules of the pages in windows-driver-docs-pr/network and /install. */

import { describe, expect, test } from 'vitest';
import { adapterInf, filterInf, installInf, protocolInf } from '../../../test/support/packages.ts';
import { exportRegFile } from '../../kernel/index.ts';
import { bindByHand } from './bind.ts';
import { bindingPaths } from './bindings.ts';
import { componentLabel, listComponents, textsOf } from './components.ts';
import { InstalledSystem } from './installedSystem.ts';
import { listPackages, listServices, uninstall } from './uninstall.ts';

const CLASS = 'Control\\Class\\{4D36E972-E325-11CE-BFC1-08002BE10318}';

/** All of a system as text, to compare. */
function everything(system: InstalledSystem): string {
  const files = system.files.list().map(({ path }) => path);
  return [exportRegFile(system.registry.root), ...files, ...system.wires.keys()].join('\n');
}

/** Values of a key. */
function values(system: InstalledSystem, path: string): Record<string, unknown> {
  const key = system.find(path);
  return Object.fromEntries((key?.values() ?? []).map(({ name, data }) => [name, data]));
}

/** `echo -> Ethernet` for every binding. */
function bound(system: InstalledSystem): string[] {
  return bindingPaths(listComponents(system))
    .filter((path) => path.bound)
    .map(({ upper, lower }) => `${componentLabel(upper)} -> ${componentLabel(lower)}`);
}

describe('an adapter', () => {
  const system = new InstalledSystem(7);
  const report = installInf(
    system,
    'Card',
    adapterInf({
      name: 'card',
      registry: [
        'HKR,Ndi\\Params\\*JumboPacket,ParamDesc,0,"Jumbo"',
        'HKR,Ndi\\Params\\*JumboPacket,Type,0,"int"',
        'HKR,Ndi\\Params\\*JumboPacket,Default,0,"1514"',
        'HKR,Ndi\\Params\\*JumboPacket,Min,0,"1514"',
        'HKR,Ndi\\Params\\*JumboPacket,Max,0,"9014"',
        'HKR,Ndi\\Params\\NetworkAddress,ParamDesc,0,"Address"',
        'HKR,Ndi\\Params\\NetworkAddress,Type,0,"edit"',
        'HKR,Ndi\\Params\\NetworkAddress,Default,0,"x"',
        'HKR,Ndi\\Params\\NetworkAddress,Optional,0,"1"',
      ],
      service: ['LoadOrderGroup = NDIS', 'Dependencies = first, +Group'],
    }),
    { devices: [{ name: 'LAN', wire: { type: 'segment', name: 'x' }, parameters: { Speed: '5' } }, {}] },
  );

  test('gets a software key with what the INF file says and what describes it', () => {
    expect(values(system, `${CLASS}\\0000`)).toMatchObject({
      ComponentId: 'root\\card',
      DriverDesc: 'card of the tests',
      ProviderName: 'Tests',
      InfPath: 'oem0.inf',
      InfSection: 'Install',
      InfSectionExt: '.NTamd64',
      DriverDate: '1-2-2026',
      DriverVersion: '1.2.3.4',
      DeviceInstanceID: 'ROOT\\NET\\0000',
      Characteristics: 1,
      '*IfType': 6,
      Speed: '5',
    });
    expect(values(system, `${CLASS}\\0000\\Ndi\\Interfaces`)).toEqual({
      UpperRange: 'ndis5',
      LowerRange: 'ethernet',
    });
  });

  test('gets the defaults of its parameters, but not of optional ones (specifying-configuration-parameters-...)', () => {
    expect(values(system, `${CLASS}\\0000`)).toMatchObject({ '*JumboPacket': '1514' });
    expect(values(system, `${CLASS}\\0000`)).not.toHaveProperty('NetworkAddress');
  });

  test('gets a hardware key, a connection with a name, and its wire', () => {
    expect(values(system, 'Enum\\ROOT\\NET\\0000')).toMatchObject({
      HardwareID: ['ROOT\\card'],
      Service: 'card',
      FriendlyName: 'LAN',
      Driver: '{4D36E972-E325-11CE-BFC1-08002BE10318}\\0000',
    });
    const guid = String(values(system, `${CLASS}\\0000`)['NetCfgInstanceId']);
    expect(guid).toMatch(/^\{[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}\}$/);
    expect(
      values(system, `Control\\Network\\{4D36E972-E325-11CE-BFC1-08002BE10318}\\${guid}\\Connection`),
    ).toMatchObject({ Name: 'LAN' });
    expect(system.wires.get('ROOT\\NET\\0000')).toEqual({ type: 'segment', name: 'x' });
  });

  test('a second device without a name gets one, and another GUID', () => {
    expect(values(system, 'Enum\\ROOT\\NET\\0001')['FriendlyName']).toBe('Ethernet');
    expect(values(system, `${CLASS}\\0001`)['NetCfgInstanceId']).not.toBe(
      values(system, `${CLASS}\\0000`)['NetCfgInstanceId'],
    );
  });

  test('its service is recorded as AddService says (inf-addservice-directive)', () => {
    expect(values(system, 'Services\\card')).toMatchObject({
      Type: 1,
      Start: 3,
      ErrorControl: 1,
      Group: 'NDIS',
      DependOnService: ['first'],
      DependOnGroup: ['Group'],
      Owners: ['oem0.inf'],
    });
    expect(values(system, 'Services\\card')['ImagePath']).toMatch(
      /^\\SystemRoot\\System32\\DriverStore\\FileRepository\\card\.inf_amd64_[0-9a-f]{16}\\card\.sys$/,
    );
  });

  test('the package lies in the driver store, its INF file as oem0.inf', () => {
    const [stored] = listPackages(system);
    expect(stored).toMatchObject({ oemName: 'oem0.inf', infName: 'Card.inf', provider: 'Tests' });
    expect(system.files.list().map(({ path }) => path)).toEqual([
      'C:\\Windows\\INF\\oem0.inf',
      `C:\\Windows\\System32\\DriverStore\\FileRepository\\${stored.folder}\\Card.inf`,
      `C:\\Windows\\System32\\DriverStore\\FileRepository\\${stored.folder}\\card.sys`,
    ]);
    expect(report.devices.map(({ what }) => what)).toEqual(['"LAN"', '"Ethernet"']);
  });

  test('the same seed gives the same system, another seed other GUIDs', () => {
    const make = (seed: number): string => {
      const other = new InstalledSystem(seed);
      installInf(other, 'card', adapterInf({ name: 'card' }));
      return everything(other);
    };
    expect(make(1)).toBe(make(1));
    expect(make(1)).not.toBe(make(2));
  });

  test('what is saved and loaded again is the same', () => {
    expect(everything(InstalledSystem.load(system.save()))).toBe(everything(system));
  });
});

test('a component that requires another one says so while that is missing (requiring-the-installation-of-...)', () => {
  const text = protocolInf({ name: 'upper', registry: ['HKR,Ndi,RequiredAll,0,"TEST_base"'] });
  const notes = (...before: string[]): readonly string[] => {
    const system = new InstalledSystem();
    for (const name of before) installInf(system, name, protocolInf({ name }));
    return installInf(system, 'upper', text).notes;
  };
  expect(notes()).toEqual(['it requires the component TEST_base, which is not installed; install it too']);
  expect(notes('base')).toEqual([]);
});

describe('bindings follow the interfaces (specifying-binding-interfaces)', () => {
  test.each([
    ['ndis5', 'ndis5', true],
    ['NDIS5', 'ndis4, ndis5', true],
    ['ndis5_ip', 'ndis5', false],
    ['ndis5_ip', 'ndis5,ndis5_ip', true],
    ['flpp4,flpp6', 'flpp6', true],
    ['noupper', 'nolower', false],
    ['noupper', 'noupper', false],
    ['vendor', 'vendor', true],
  ])('UpperRange %s below, LowerRange %s above: %s', (upper, lower, expected) => {
    const system = new InstalledSystem();
    installInf(system, 'card', adapterInf({ name: 'card', upper }));
    installInf(system, 'proto', protocolInf({ name: 'proto', lower }));
    expect(bound(system)).toEqual(expected ? ['proto -> Ethernet'] : []);
  });

  test('the order of installation does not matter, and Linkage says what is bound', () => {
    const system = new InstalledSystem();
    installInf(system, 'proto', protocolInf({ name: 'proto' }));
    installInf(system, 'card', adapterInf({ name: 'card' }));
    const [, adapter] = listComponents(system);
    expect(values(system, 'Services\\proto\\Linkage')).toEqual({
      Bind: [`\\Device\\${adapter.guid}`],
      Export: [`\\Device\\proto_${adapter.guid}`],
      Route: [`"${adapter.guid}"`],
    });
    expect(values(system, `${CLASS}\\0000\\Linkage`)).toEqual({
      RootDevice: [adapter.guid],
      Export: [`\\Device\\${adapter.guid}`],
      UpperBind: ['proto'],
      FilterList: [],
    });
  });

  test('what is unbound by hand stays so, until it is bound again', () => {
    const system = new InstalledSystem();
    installInf(system, 'card', adapterInf({ name: 'card' }), { devices: [{ name: 'A' }, { name: 'B' }] });
    installInf(system, 'proto', protocolInf({ name: 'proto' }));
    expect(bindByHand(system, 'proto', 'A', false)).toMatchObject({ changed: true });
    expect(bindByHand(system, 'test_proto', 'a', false)).toMatchObject({ changed: false });
    installInf(system, 'more', protocolInf({ name: 'more' }));
    expect(bound(system)).toEqual(['proto -> B', 'more -> A', 'more -> B']);
    expect(bindByHand(system, 'proto', 'A', true)).toMatchObject({ changed: true });
    expect(bound(system)).toContain('proto -> A');
  });

  test('what cannot be bound is told with both ranges', () => {
    const system = new InstalledSystem();
    installInf(system, 'card', adapterInf({ name: 'card', upper: 'ndis5_ip' }));
    installInf(system, 'proto', protocolInf({ name: 'proto' }));
    expect(() => bindByHand(system, 'proto', 'Ethernet', true)).toThrow(
      /LowerRange of proto is ndis5, UpperRange of Ethernet is ndis5_ip/,
    );
    expect(() => bindByHand(system, 'no', 'Ethernet', true)).toThrow(
      /there is no protocol or filter "no"; there are proto/,
    );
  });
});

describe('filters (configuring-an-inf-file-for-a-modifying-filter-driver)', () => {
  /** Services in FilterList, from the top. */
  function filters(system: InstalledSystem): string[] {
    const components = listComponents(system);
    const list = textsOf(system.find(`${CLASS}\\0000\\Linkage`), 'FilterList');
    return list.map((text) => components.find(({ guid }) => text.includes(`-${guid}-`))?.service ?? text);
  }

  test('stand in the order of their classes; of one class the first installed is the lowest', () => {
    const system = new InstalledSystem();
    installInf(system, 'card', adapterInf({ name: 'card' }));
    for (const [name, filterClass] of [
      ['custom1', 'custom'],
      ['monitor1', ''],
      ['scheduler', 'scheduler'],
      ['custom2', 'CUSTOM'],
      ['provider', 'provider_address'],
      ['monitor2', ''],
      ['vpn', 'vpn'],
    ])
      installInf(system, name, filterInf({ name, filterClass }));
    expect(filters(system)).toEqual([
      'scheduler',
      'vpn',
      'custom2',
      'custom1',
      'provider',
      'monitor2',
      'monitor1',
    ]);
  });

  test('attach where a medium of FilterMediaTypes is in the LowerRange of the adapter, never over nolower', () => {
    const system = new InstalledSystem();
    installInf(system, 'card', adapterInf({ name: 'card' }), { devices: [{ name: 'ethernet' }] });
    installInf(system, 'radio', adapterInf({ name: 'radio', lower: 'wlan' }), {
      devices: [{ name: 'wlan' }],
    });
    installInf(system, 'virtual', adapterInf({ name: 'virtual', lower: 'nolower' }), {
      devices: [{ name: 'none' }],
    });
    installInf(system, 'f', filterInf({ name: 'f', filterClass: 'custom', media: 'wan, wlan' }));
    installInf(system, 'g', filterInf({ name: 'g', filterClass: 'custom' }));
    expect(bound(system)).toEqual(['f -> wlan', 'g -> ethernet']);
    bindByHand(system, 'g', 'ethernet', false);
    expect(filters(system)).toEqual([]);
  });

  test('a NetCfgInstanceId of the INF file is used, once', () => {
    const system = new InstalledSystem();
    const guid = '{5cbf81bd-5055-47cd-9055-a76b2b4e3697}';
    const install = [`NetCfgInstanceId = "${guid}"`];
    installInf(system, 'f', filterInf({ name: 'f', filterClass: 'custom', install }));
    expect(listComponents(system)[0].guid).toBe(guid.toUpperCase());
    expect(() => installInf(system, 'g', filterInf({ name: 'g', filterClass: 'custom', install }))).toThrow(
      /belongs to another component/,
    );
  });
});

describe('an intermediate driver of two INF files (mux-intermediate-driver-installation)', () => {
  const protocol = protocolInf({ name: 'mux', install: ['Characteristics = 0x80', 'CopyINF = mux_mp.inf'] });
  const miniport = adapterInf({ name: 'mux', install: ['Characteristics = 0x21'] });
  const make = (): InstalledSystem => {
    const system = new InstalledSystem();
    installInf(system, 'card', adapterInf({ name: 'card' }));
    installInf(system, 'proto', protocolInf({ name: 'proto' }));
    installInf(system, 'mux', protocol, {}, { 'mux_mp.inf': miniport });
    return system;
  };

  test('installs its virtual miniports with its protocol, which is never bound over them', () => {
    const system = make();
    expect(bound(system)).toEqual([
      'proto -> Ethernet',
      'proto -> the virtual miniports of mux',
      'mux -> Ethernet',
    ]);
    expect(listServices(system).find(({ name }) => name === 'mux')?.owners).toEqual(['oem2.inf', 'oem3.inf']);
  });

  test('uninstalling one takes the other along', () => {
    const system = make();
    uninstall(system, 'mux');
    expect(listPackages(system).map(({ infName }) => infName)).toEqual(['card.inf', 'proto.inf']);
    expect(bound(system)).toEqual(['proto -> Ethernet']);
  });

  test('of two intermediate drivers the later one lies above, so that they do not go in circles', () => {
    const system = make();
    const other = protocolInf({ name: 'tap', install: ['CopyINF = tap_mp.inf'] });
    const otherMiniport = adapterInf({ name: 'tap', install: ['Characteristics = 0x21'] });
    installInf(system, 'tap', other, {}, { 'tap_mp.inf': otherMiniport });
    expect(bound(system)).toContain('tap -> the virtual miniports of mux');
    expect(bound(system)).not.toContain('mux -> the virtual miniports of tap');
    expect(bound(system)).toContain('proto -> the virtual miniports of tap');
  });

  test('a service with another file of another package is refused', () => {
    const system = make();
    const other = adapterInf({ name: 'mux' });
    expect(() => installInf(system, 'own', other, {}, { 'mux.sys': new Uint8Array([9]) })).toThrow(
      /the service mux belongs to oem2.inf, oem3.inf/,
    );
  });
});

describe('uninstalling', () => {
  test('in any order leaves nothing behind', () => {
    const names = ['card', 'proto', 'f', 'monitor', 'Ethernet 2'];
    for (let first = 0; first < names.length; first++) {
      const system = new InstalledSystem();
      const before = everything(system);
      const service = ['StartType = 1', 'LoadOrderGroup = NDIS', 'AddReg = ServiceRegistry'];
      const sections =
        '[ServiceRegistry]\nHKR,Parameters,Mode,0x00010001,1\n[Log]\nAddReg = LogRegistry\n[LogRegistry]\nHKR,,TypesSupported,0x00010001,7\n';
      installInf(
        system,
        'card',
        adapterInf({ name: 'card', sections }).replace(
          'AddService = card,2,Service',
          'AddService = card,2,Service,Log',
        ),
        {
          devices: [
            { name: 'Ethernet 2', wire: { type: 'segment', name: 'x' } },
            { hardwareId: 'ROOT\\card' },
          ],
        },
      );
      installInf(system, 'proto', protocolInf({ name: 'proto', service, sections }));
      installInf(system, 'f', filterInf({ name: 'f', filterClass: 'custom', service, sections }));
      installInf(system, 'monitor', filterInf({ name: 'monitor', filterClass: '', service, sections }));
      bindByHand(system, 'proto', 'Ethernet 2', false);
      bindByHand(system, 'f', 'Ethernet', false);
      const order = [...names.slice(first), ...names.slice(0, first)];
      for (const name of order) {
        // The device may have gone with its package.
        if (name === 'Ethernet 2' && !everything(system).includes('FriendlyName"="Ethernet 2')) continue;
        uninstall(system, name);
      }
      expect(everything(system)).toBe(before);
    }
  });

  test('a file in System32\\drivers goes with the last package that copied it', () => {
    const system = new InstalledSystem();
    const text = (name: string): string =>
      protocolInf({ name, service: ['ServiceBinary = %12%\\shared.sys'] })
        .replaceAll(`${name}.sys`, 'shared.sys')
        .replace('DefaultDestDir = 13', 'DefaultDestDir = 12');
    installInf(system, 'a', text('a'));
    installInf(system, 'b', text('b'));
    const path = 'C:\\Windows\\System32\\drivers\\shared.sys';
    uninstall(system, 'a');
    expect(system.files.has(path)).toBe(true);
    uninstall(system, 'b');
    expect(system.files.has(path)).toBe(false);
  });

  test('what is not there is told with what is', () => {
    const system = new InstalledSystem();
    installInf(system, 'a', protocolInf({ name: 'a' }));
    expect(() => uninstall(system, 'b')).toThrow(
      /nothing called "b" is installed; there are oem0.inf \(a.inf\)/,
    );
  });

  test('a component is installed once; its package may be, after it is gone, again', () => {
    const system = new InstalledSystem();
    installInf(system, 'a', protocolInf({ name: 'a' }));
    expect(() => installInf(system, 'a', protocolInf({ name: 'a' }))).toThrow(
      /test_a is installed already \(oem0.inf\)/,
    );
    uninstall(system, 'oem0.inf');
    installInf(system, 'a', protocolInf({ name: 'a' }));
    expect(listPackages(system).map(({ oemName }) => oemName)).toEqual(['oem0.inf']);
  });
});
