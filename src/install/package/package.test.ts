/** What INF files say, entry by entry, and mistakes with their places. Pages of windows-driver-docs-pr/install and /network. */

import { describe, expect, test } from 'vitest';
import { adapterInf, filterInf, installInf, protocolInf } from '../../../test/support/packages.ts';
import { NdisboxError } from '../../kernel/index.ts';
import { applies, compareDecorations, parseDecoration, TARGET_SYSTEM } from '../inf/decoration.ts';
import { InfDocument } from '../inf/document.ts';
import { InfError } from '../inf/infError.ts';
import { InstalledSystem } from '../system/installedSystem.ts';
import { listServices } from '../system/uninstall.ts';
import { identifierScore, readModels } from './models.ts';
import { joinPath, pathOfImage } from './paths.ts';

const INSTANCE = 'Control\\Class\\{4D36E972-E325-11CE-BFC1-08002BE10318}\\0000';

/** Code and line of the error that installing a file gives. */
function failure(text: string, files: Readonly<Record<string, string | Uint8Array>> = {}): string {
  try {
    installInf(new InstalledSystem(), 'x', text, {}, files);
  } catch (error) {
    if (error instanceof InfError) return `${error.code} ${lineAt(text, error.place.line)}`;
    if (error instanceof NdisboxError) return error.code;
    throw error;
  }
  return 'no error';
}

/** The text of a line, so that a test says where an error has to point. */
function lineAt(text: string, line: number): string {
  return text.split('\n')[line - 1] ?? '';
}

describe('target systems (inf-manufacturer-section)', () => {
  const target = { ...TARGET_SYSTEM, build: 20_000 };
  /** The decoration of those given that is used. */
  const chosen = (decorations: string): string => {
    const fitting = decorations.split(' ').filter((text) => {
      const decoration = parseDecoration(text);
      return decoration !== null && applies(decoration, target);
    });
    const rank = (text: string) => parseDecoration(text);
    return fitting.reduce((best, text) => {
      const [a, b] = [rank(text), rank(best)];
      return a !== null && b !== null && compareDecorations(a, b) > 0 ? text : best;
    }, fitting[0] ?? 'none');
  };
  test.each([
    ['NTamd64', 'NTamd64'],
    ['NTx86 NTarm64', 'none'],
    ['NT', 'none'],
    ['ntAMD64 NTamd64.6.1 NTamd64.10.0', 'NTamd64.10.0'],
    ['NTamd64.10.1', 'none'],
    ['NTamd64.11', 'none'],
    ['NTamd64.10.0...16299 NTamd64.10.0 NTamd64.10.0...19041', 'NTamd64.10.0...19041'],
    ['NTamd64.10.0...22000 NTamd64.10.0', 'NTamd64.10.0'],
    ['NTamd64.6.1...99999', 'NTamd64.6.1...99999'],
    ['NTamd64...0x1 NTamd64', 'NTamd64...0x1'],
    ['NTamd64...0x3 NTamd64', 'NTamd64'],
    ['NTamd64....0x100 NTamd64', 'NTamd64....0x100'],
    ['NTamd64....0x80 NTamd64.5', 'NTamd64.5'],
    ['NTamd64....0x100 NTamd64.5', 'NTamd64.5'],
  ])('of %s %s is used', (decorations, expected) => {
    expect(chosen(decorations)).toBe(expected);
  });

  test.each(['NT.a', 'NTppc', 'amd64', 'NTamd64.1.2.3.4.5.6', 'NTamd64.-1'])('%s is no target', (text) => {
    expect(parseDecoration(text)).toBeNull();
  });

  test('each line of [Manufacturer] gives one section; an empty one excludes the system', () => {
    const text = `[Manufacturer]
%A% = A,NTamd64,NTamd64.10.0
%B% = B,NTamd64,NTamd64.12.0
[A.NTamd64]
d = I,old
[A.NTamd64.10.0]
[B.NTamd64]
d = I,HW,COMPATIBLE
[B.NTamd64.12.0]
d = I,new
[Strings]
A = "a"
B = "b"`;
    const models = readModels(InfDocument.parse('t.inf', text), TARGET_SYSTEM);
    expect(models.map(({ manufacturer, hardwareId }) => `${manufacturer} ${hardwareId}`)).toEqual(['b HW']);
    expect(identifierScore(models[0], ['x', 'hw'], [])).toBe(0x0001);
    expect(identifierScore(models[0], ['compatible'], [])).toBe(0x1000);
    expect(identifierScore(models[0], [], ['HW'])).toBe(0x2000);
    expect(identifierScore(models[0], [], ['y', 'compatible'])).toBe(0x3001);
    expect(identifierScore(models[0], ['other'], [])).toBeNull();
  });
});

describe('AddReg, DelReg and BitReg (inf-addreg-directive)', () => {
  /** The value that entries leave in the key. */
  const value = (...entries: string[]): unknown => {
    const system = new InstalledSystem();
    installInf(system, 'x', adapterInf({ name: 'x', registry: entries }));
    return system.find(INSTANCE)?.get('v');
  };
  test.each([
    [['HKR,,v,,"text"'], 'text'],
    [['HKR,,v,0x00020000,"%%SystemRoot%%\\x"'], '%SystemRoot%\\x'],
    [['HKR,,v,0x00010000,a,"b c",,d'], ['a', 'b c', 'd']],
    [['HKR,,v,0x00010001,0x10'], 16],
    [['HKR,,v,0x00010001,4294967295'], 0xffff_ffff],
    [['HKR,,v,0x00010001,-1'], 0xffff_ffff],
    [['HKR,,v,65537,1,2,3,4'], 0x0403_0201],
    [['HKR,,v,0x000b0001,0x123456789'], 0x1_2345_6789n],
    [['HKR,,v,1,de,AD,0xbe,f'], Uint8Array.of(0xde, 0xad, 0xbe, 0xf)],
    [['HKR,,v,0x00380001,1,2'], Uint8Array.of(1, 2)],
    [['HKR,,v,,a', 'HKR,,v,2,b'], 'a'],
    [['HKR,,v,0x20,b'], undefined],
    [['HKR,,v,,a', 'HKR,,v,0x20,b'], 'b'],
    [['HKR,,v,,a', 'HKR,,v,4'], undefined],
    [
      ['HKR,,v,0x00010000,a', 'HKR,,v,0x00010008,A,b,c'],
      ['a', 'b', 'c'],
    ],
    [['HKR,,v,,"say ""hi"""'], 'say "hi"'],
  ])('%s gives %s', (entries, expected) => {
    expect(value(...entries)).toEqual(expected);
  });

  test('keys alone, subkeys, other roots and the 32-bit registry', () => {
    const system = new InstalledSystem();
    const registry = [
      'HKR,Empty,v,0x10,x',
      'HKR,A\\B,v,,deep',
      'HKR,Gone,v,,x',
      'HKR,Gone,,4',
      'HKLM,Software\\Mine,v,,machine',
      'HKLM,Software\\Mine,v,0x4000,narrow',
      'HKCU,Mine,v,,user',
      'HKCR,.mine,,,class',
    ];
    installInf(system, 'x', adapterInf({ name: 'x', registry }));
    expect(system.find(`${INSTANCE}\\Empty`)?.values()).toEqual([]);
    expect(system.find(`${INSTANCE}\\A\\B`)?.get('v')).toBe('deep');
    expect(system.find(`${INSTANCE}\\Gone`)).toBeNull();
    expect(system.registry.open('HKLM\\Software\\Mine')?.get('v')).toBe('machine');
    expect(system.registry.open('HKLM\\Software\\WOW6432Node\\Mine')?.get('v')).toBe('narrow');
    expect(system.registry.open('HKCU\\Mine')?.get('v')).toBe('user');
    expect(system.registry.open('HKCR\\.mine')?.get('')).toBe('class');
  });

  test('DelReg comes before AddReg, BitReg after it', () => {
    const system = new InstalledSystem();
    system.registry.create('HKLM\\Software\\Mine').set('old', 1).set('list', ['a', 'B', 'c']);
    const sections = `[Del]
HKLM,Software\\Mine,old
HKLM,Software\\Mine,list,0x00018002,b
[Bits]
HKR,,bits,1,0x80,1
HKR,,bits,0,0x01,0
HKR,,bits,1,0xff,9
HKR,,none,1,0xff,0
`;
    const install = ['DelReg = Del', 'BitReg = Bits'];
    installInf(system, 'x', adapterInf({ name: 'x', install, sections, registry: ['HKR,,bits,1,ff,00'] }));
    expect(
      system.registry
        .open('HKLM\\Software\\Mine')
        ?.values()
        .map(({ name, data }) => [name, data]),
    ).toEqual([['list', ['a', 'c']]]);
    expect(system.find(INSTANCE)?.get('bits')).toEqual(Uint8Array.of(0xfe, 0x80));
    expect(system.find(INSTANCE)?.get('none')).toBeUndefined();
  });

  test.each([
    ['HKX,,v,,x', 'INF_REGISTRY_ROOT'],
    ['v = x', 'INF_REGISTRY_ROOT'],
    ['HKR,A\\\\B,v,,x', 'INF_VALUE'],
    ['HKR,,v,x,1', 'INF_VALUE'],
    ['HKR,,v,0x00030000,1', 'INF_VALUE'],
    ['HKR,,v,0x00010001,4294967296', 'INF_VALUE'],
    ['HKR,,v,0x00010001,text', 'INF_VALUE'],
    ['HKR,,v,1,123', 'INF_VALUE'],
    ['HKR,,v,8,x', 'INF_VALUE'],
    [`HKR,,"${'n'.repeat(4000)}",,${'x'.repeat(96)}%%`, 'no error'],
    [`HKR,"${'a\\'.repeat(600)}b",v,,x`, 'INF_VALUE'],
  ])('%s: %s', (entry, expected) => {
    expect(failure(adapterInf({ name: 'x', registry: [entry] }))).toBe(
      expected === 'no error' ? expected : `${expected} ${entry}`,
    );
  });

  test.each([
    'HKLM,System',
    'HKLM,System\\CurrentControlSet\\Services',
    'HKLM,SYSTEM\\ControlSet001',
    'HKLM,Software',
  ])('a key that every system needs is not deleted: %s', (entry) => {
    expect(failure(adapterInf({ name: 'x', install: ['DelReg = D'], sections: `[D]\n${entry}\n` }))).toBe(
      'INSTALL_PROTECTED_KEY',
    );
    expect(failure(adapterInf({ name: 'x', registry: [`${entry},,4`] }))).toBe('INSTALL_PROTECTED_KEY');
  });
});

describe('services (inf-addservice-directive)', () => {
  test('flags keep what a service has', () => {
    const system = new InstalledSystem();
    const key = system.control('Services\\x').set('ImagePath', 'old').set('Start', 1).set('ErrorControl', 3);
    key.set('DisplayName', 'old').set('Description', 'old').set('Group', 'old');
    const text = adapterInf({
      name: 'x',
      service: ['DisplayName = new', 'Description = new', 'LoadOrderGroup = new'],
    });
    installInf(system, 'x', text.replace('AddService = x,2', 'AddService = x,0x17a'));
    expect(Object.fromEntries(key.values().map(({ name, data }) => [name, data]))).toMatchObject({
      Start: 1,
      ErrorControl: 3,
      DisplayName: 'old',
      Description: 'old',
      Group: 'old',
    });
  });

  test('boot and system drivers of a group get tags, and with flag 1 the first place', () => {
    const system = new InstalledSystem();
    const service = ['StartType = 1', 'LoadOrderGroup = NDIS'];
    for (const name of ['a', 'b']) installInf(system, name, protocolInf({ name, service }));
    installInf(
      system,
      'c',
      protocolInf({ name: 'c', service }).replace('AddService = c,', 'AddService = c,1'),
    );
    const list = system.find('Control\\GroupOrderList')?.get('NDIS');
    expect(list).toEqual(new Uint8Array(Uint32Array.of(3, 3, 1, 2).buffer));
    expect(listServices(system).map(({ name, start, group }) => `${name} ${start} ${group}`)).toEqual([
      'a system NDIS',
      'b system NDIS',
      'c system NDIS',
    ]);
  });

  test.each([
    ['ServiceType = 0x10', 'INF_SERVICE ServiceType = 0x10'],
    ['StartType = 4', 'INF_SERVICE StartType = 4'],
    ['StartType = 9', 'INF_SERVICE StartType = 9'],
    ['ErrorControl = x', 'INF_VALUE ErrorControl = x'],
    ['ServiceBinary = %13%\\other.sys', 'INF_FILE_MISSING AddService = x,2,Service'],
    ['ServiceBinary = x.sys', 'INF_PATH ServiceBinary = x.sys'],
    ['ServiceBinary = %13%\\..\\..\\x.sys', 'INF_PATH ServiceBinary = %13%\\..\\..\\x.sys'],
    ['ServiceBinary = %99%\\x.sys', 'INF_DIRID ServiceBinary = %99%\\x.sys'],
    ['AddReg = Missing', 'INF_SECTION_MISSING AddReg = Missing'],
  ])('%s: %s', (line, expected) => {
    expect(failure(adapterInf({ name: 'x', service: [line] }))).toBe(expected);
  });
});

describe('files', () => {
  const copying = (files: string, more = ''): string =>
    adapterInf({ name: 'x', install: ['CopyFiles = Files, @x.sys'], sections: `[Files]\n${files}\n${more}` });

  test('go where DestinationDirs says, from where SourceDisksNames and SourceDisksFiles say', () => {
    const system = new InstalledSystem();
    const text = copying(
      'new.dll,old.dll',
      '[SourceDisksNames.amd64]\n2 = "Disk",,,\\bin\n[SourceDisksFiles.amd64]\nold.dll = 2,sub\n',
    ).replace('DefaultDestDir = 13', 'DefaultDestDir = 13\nFiles = 11,Deep\\Down');
    installInf(system, 'x', text, {}, { 'bin/sub/old.dll': new Uint8Array([7]) });
    expect(system.files.get('c:\\windows\\SYSTEM32\\deep\\down\\NEW.dll')?.bytes).toEqual(
      new Uint8Array([7]),
    );
  });

  test('are renamed and deleted before they are copied; flags keep what is there or needs it', () => {
    const system = new InstalledSystem();
    for (const name of ['a', 'b', 'keep'])
      system.files.set(`C:\\Windows\\System32\\${name}.dll`, new Uint8Array([1]));
    const text = adapterInf({
      name: 'x',
      install: ['CopyFiles = Copy, @x.sys', 'DelFiles = Del', 'RenFiles = Ren'],
      sections:
        '[Copy]\nkeep.dll,x.sys,,0x10\nabsent.dll,x.sys,,0x400\nfresh.dll,x.sys\n[Del]\na.dll\n[Ren]\nc.dll,b.dll\n',
    }).replace('DefaultDestDir = 13', 'DefaultDestDir = 13\nCopy = 11\nDel = 11\nRen = 11');
    installInf(system, 'x', text);
    const names = system.files.below('C:\\Windows\\System32').filter(({ path }) => path.endsWith('.dll'));
    expect(names.map(({ path, bytes }) => `${path.slice(20)} ${bytes.length}`)).toEqual([
      'c.dll 1',
      'fresh.dll 3',
      'keep.dll 1',
    ]);
  });

  test.each([
    ['..\\..\\evil.sys,x.sys', 'INF_PATH'],
    ['C:\\evil.sys,x.sys', 'INF_PATH'],
    ['a:b,x.sys', 'INF_PATH'],
    ['con.sys,x.sys', 'INF_PATH'],
    ['trailing.,x.sys', 'INF_PATH'],
    [`${'n'.repeat(256)},x.sys`, 'INF_PATH'],
    ['x.sys,other.sys', 'INF_VALUE_MISSING'],
    ['x.sys,,,x', 'INF_VALUE'],
  ])('%s is refused: %s', (entry, expected) => {
    expect(failure(copying(entry))).toBe(`${expected} ${entry}`);
  });

  test.each([
    ['..\\..\\..\\etc', 'INF_PATH'],
    ['/etc/passwd/..', 'INF_PATH'],
    ['con', 'INF_PATH'],
  ])('a source folder %s is refused', (folder, expected) => {
    const text = copying(
      'y.sys,secret',
      `[SourceDisksNames]\n2 = "D",,,"${folder}"\n[SourceDisksFiles]\nsecret = 2\n`,
    );
    expect(failure(text)).toMatch(new RegExp(`^${expected} `));
  });

  test('paths of C: keep inside', () => {
    expect(joinPath('C:\\Windows', 'a/b\\\\c')).toEqual({ path: 'C:\\Windows\\a\\b\\c' });
    expect(joinPath('D:\\x')).toHaveProperty('fault');
    expect(pathOfImage('\\SystemRoot\\System32\\x.sys')).toBe('C:\\Windows\\System32\\x.sys');
    expect(pathOfImage('System32\\drivers\\x.sys')).toBe('C:\\Windows\\System32\\drivers\\x.sys');
    expect(pathOfImage('\\??\\C:\\a.sys')).toBe('C:\\a.sys');
    expect(pathOfImage('\\Device\\x')).toBeNull();
  });
});

describe('Include and Needs (inf-ddinstall-section)', () => {
  test('what is needed comes first, so that the INF file has the last word', () => {
    const system = new InstalledSystem();
    const text = adapterInf({
      name: 'x',
      install: ['Include = base.inf', 'Needs = Base, Local'],
      registry: ['HKR,,v,,own'],
      sections: '[Local]\nAddReg = LocalRegistry\n[LocalRegistry]\nHKR,,w,,local\n',
    });
    const base =
      '[Version]\nSignature="$Windows NT$"\n[Base]\nAddReg = R\nNeeds = Deeper\n[Deeper]\nAddReg = S\n[R]\nHKR,,v,,base\n[S]\nHKR,,u,,%t%\n[Strings]\nt = "its own string"\n';
    installInf(system, 'x', text, {}, { 'base.inf': base });
    const key = system.find(INSTANCE);
    expect([key?.get('v'), key?.get('w'), key?.get('u')]).toEqual(['own', 'local', 'its own string']);
  });

  const needing = (lines: string[], sections = ''): string =>
    adapterInf({ name: 'x', install: lines, sections });
  test.each([
    [needing(['Needs = Nothing']), {}, 'INF_SECTION_MISSING Needs = Nothing'],
    [needing(['Include = no.inf', 'Needs = A']), {}, 'INF_INCLUDE_MISSING Include = no.inf'],
    [needing(['Include = ..\\up.inf', 'Needs = A']), {}, 'INF_INCLUDE_MISSING Include = ..\\up.inf'],
    [needing(['Needs = A'], '[A]\nNeeds = B\n[B]\nNeeds = A\n'), {}, 'INF_NEEDS_CYCLE Needs = A'],
    [needing(['Needs = Install.NTamd64']), {}, 'INF_NEEDS_CYCLE Needs = Install.NTamd64'],
  ])('%#: mistakes are told with their place', (text, files, expected) => {
    expect(failure(text, files)).toBe(expected);
  });

  test('files that include each other end', () => {
    const other = (me: string, you: string): string =>
      `[Version]\nSignature="$Windows NT$"\n[${me}]\nInclude = ${you}.inf\nNeeds = ${you}\n`;
    expect(
      failure(needing(['Include = a.inf', 'Needs = a']), {
        'a.inf': other('a', 'b'),
        'b.inf': other('b', 'a'),
      }),
    ).toMatch(/^INF_NEEDS_CYCLE/);
    const chain = Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [`c${i}.inf`, other(`c${i}`, `c${i + 1}`)]),
    );
    expect(failure(needing(['Include = c0.inf', 'Needs = c0']), chain)).toMatch(/^INF_INCLUDE_DEPTH/);
    const many = Array.from({ length: 600 }, (_, i) => `[N${i}]\nNeeds = N${i + 1}\n`).join('');
    expect(failure(needing(['Needs = N0'], many))).toMatch(/^INF_TOO_MANY/);
  });
});

describe('rules for network components, with the place of the mistake', () => {
  const parameter = (...values: string[]): string[] => values.map((value) => `HKR,Ndi\\Params\\P,${value}`);
  const good = ['ParamDesc,0,"P"', 'Type,0,"int"', 'Min,0,"0"', 'Max,0,"10"'];
  test.each([
    [
      adapterInf({ name: 'x', install: ['Characteristics = 0x5'] }),
      'INF_CHARACTERISTICS Characteristics = 0x5',
    ],
    [
      adapterInf({ name: 'x', install: ['Characteristics = 0x0'] }),
      'INF_CHARACTERISTICS Characteristics = 0x0',
    ],
    [
      adapterInf({ name: 'x', install: ['Characteristics = 0x11'] }),
      'INF_CHARACTERISTICS Characteristics = 0x11',
    ],
    [
      protocolInf({ name: 'x', install: ['Characteristics = 0x40000'] }),
      'INF_CHARACTERISTICS Characteristics = 0x40000',
    ],
    [
      filterInf({ name: 'x', filterClass: 'custom', install: ['Characteristics = 0x40400'] }),
      'INF_CHARACTERISTICS Characteristics = 0x40400',
    ],
    [
      adapterInf({ name: 'x' }).replace(/Characteristics = .*\n/, ''),
      'INF_CHARACTERISTICS [Install.NTamd64]',
    ],
    [adapterInf({ name: 'x', registry: ['HKR,Ndi,Service,0,"y"'] }), 'INF_NETWORK HKR,Ndi,Service,0,"y"'],
    [
      adapterInf({ name: 'x', registry: ['HKR,Ndi\\Interfaces,UpperRange,0," , "'] }),
      'INF_NETWORK HKR,Ndi\\Interfaces,UpperRange,0," , "',
    ],
    [filterInf({ name: 'x', filterClass: 'best' }), 'INF_NETWORK HKR,Ndi,FilterClass,0,"best"'],
    [
      filterInf({ name: 'x', filterClass: 'custom', media: 'nolower' }),
      'INF_NETWORK HKR,Ndi\\Interfaces,FilterMediaTypes,0,"nolower"',
    ],
    [
      filterInf({ name: 'x', filterClass: 'custom', registry: ['HKR,Ndi,FilterType,0x00010001,3'] }),
      'INF_NETWORK HKR,Ndi,FilterType,0x00010001,3',
    ],
    [
      filterInf({ name: 'x', filterClass: 'custom', registry: ['HKR,Ndi\\Interfaces,LowerRange,0,"ndis5"'] }),
      'INF_NETWORK HKR,Ndi\\Interfaces,LowerRange,0,"ndis5"',
    ],
    [
      adapterInf({ name: 'x', registry: parameter(...good, 'Default,0,"11"') }),
      'INF_PARAMETER HKR,Ndi\\Params\\P,Default,0,"11"',
    ],
    [
      adapterInf({ name: 'x', registry: parameter(...good, 'Step,0,"4"', 'Default,0,"6"') }),
      'INF_PARAMETER HKR,Ndi\\Params\\P,Default,0,"6"',
    ],
    [adapterInf({ name: 'x', registry: parameter(...good, 'Step,0,"3"', 'Default,0,"6"') }), 'no error'],
    [
      adapterInf({ name: 'x', registry: parameter('ParamDesc,0,"P"', 'Type,0,"float"') }),
      'INF_PARAMETER HKR,Ndi\\Params\\P,Type,0,"float"',
    ],
    [
      adapterInf({ name: 'x', registry: parameter('ParamDesc,0,"P"', 'Type,0,"enum"') }),
      'INF_PARAMETER HKR,Ndi\\Params\\P,Type,0,"enum"',
    ],
    [
      adapterInf({
        name: 'x',
        registry: [
          ...parameter('ParamDesc,0,"P"', 'Type,0,"enum"', 'Default,0,"2"'),
          'HKR,Ndi\\Params\\P\\enum,"1",0,"one"',
        ],
      }),
      'INF_PARAMETER HKR,Ndi\\Params\\P,Default,0,"2"',
    ],
    [
      adapterInf({ name: 'x', registry: ['HKR,Ndi\\Params\\*IfType,Type,0,"int"'] }),
      'INF_PARAMETER HKR,Ndi\\Params\\*IfType,Type,0,"int"',
    ],
    [adapterInf({ name: 'x' }).replace('"$Windows NT$"', '"$Linux$"'), 'INF_SIGNATURE Signature = "$Linux$"'],
    [
      adapterInf({ name: 'x' }).replace('Class = Net', 'Class = NetTrans'),
      'INF_CLASS ClassGuid = {4D36E972-E325-11CE-BFC1-08002BE10318}',
    ],
    [
      adapterInf({ name: 'x' }).replace('01/02/2026', '2026-01-02'),
      'INF_VALUE DriverVer = 2026-01-02,1.2.3.4',
    ],
    [
      adapterInf({ name: 'x' }).replace('AddService = x,2,Service', 'AddService = x,,Service'),
      'INF_SERVICE [Install.NTamd64]',
    ],
    [adapterInf({ name: 'x' }).replaceAll('NTamd64', 'NTx86'), 'INF_NO_MODELS %Me% = Models,NTx86'],
    [
      adapterInf({ name: 'x' }).replace('[Models.NTamd64]', '[Models]'),
      'INF_SECTION_MISSING %Me% = Models,NTamd64',
    ],
  ])('%#', (text, expected) => {
    expect(failure(text)).toBe(expected);
  });

  test('what has no effect is a warning with its place', () => {
    const text = adapterInf({
      name: 'x',
      install: ['FeatureScore = 1', 'Charakteristics = 1'],
      sections: '[Install.NTamd64.CoInstallers]\nAddReg = y\n',
    });
    const report = installInf(new InstalledSystem(), 'x', text);
    expect(report.warnings.map(({ code, place }) => `${code} ${lineAt(text, place.line)}`)).toEqual([
      'ENTRY_WITHOUT_EFFECT FeatureScore = 1',
      'ENTRY_UNKNOWN Charakteristics = 1',
      'SECTION_WITHOUT_EFFECT [Install.NTamd64.CoInstallers]',
    ]);
  });
});
