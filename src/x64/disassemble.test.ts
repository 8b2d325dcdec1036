/**
 * The decoder and its text beside objdump, which knows all of x86-64: over every form of the table and over random
 * bytes. Their spellings differ; what is left after that is a defect of ours.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encode, operandSizes, rmKinds } from '../../test/x64/encode.ts';
import { KernelMemory } from '../memory/index.ts';
import { Decoder, disassemble, FORMS } from './index.ts';

const AT = 0x1_0000;
/** Bytes between samples: 15 of an instruction, and nops until objdump is in step again. */
const STRIDE = 32;

/** Small generator of numbers, the same on each run. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    state ^= state >>> 13;
    return (state >>> 0) % below;
  };
}

/** Whether objdump is there and knows x86-64, which on other hosts it may not. */
function findObjdump(): boolean {
  try {
    return execFileSync('objdump', ['-i'], { encoding: 'utf8', stdio: 'pipe' }).includes('x86-64');
  } catch {
    return false;
  }
}

interface Line {
  readonly length: number;
  readonly text: string;
}

/** What objdump says, by address. */
function objdump(bytes: Uint8Array): Map<number, Line> {
  const folder = mkdtempSync(join(tmpdir(), 'ndisbox-objdump-'));
  try {
    const file = join(folder, 'code.bin');
    writeFileSync(file, bytes);
    const text = execFileSync(
      'objdump',
      [
        '-D',
        '-b',
        'binary',
        '-m',
        'i386:x86-64',
        '-M',
        'intel,intel64',
        '--insn-width=16',
        '-z',
        '--adjust-vma=0xffff800000010000',
        file,
      ],
      { encoding: 'utf8', maxBuffer: 1 << 29 },
    );
    const lines = new Map<number, Line>();
    for (const line of text.split('\n')) {
      const match = /^\s*ffff8000([0-9a-f]{8}):\t([0-9a-f ]+?)\s*(?:\t(.*))?$/.exec(line);
      if (match === null) continue;
      lines.set(Number.parseInt(match[1], 16), { length: match[2].split(' ').length, text: match[3] ?? '' });
    }
    return lines;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const PREFIX_WORDS =
  /^((lock|rep[nz]*|repne|data16|addr32|[cdefgs]s|notrack|bnd|xacquire|xrelease|rex(\.[WRXB]+)?)\s+)+/;
const NUMBER = /(?<![a-z0-9])(0x[0-9a-f]+|\d+)(?![a-z0-9])/g;

/** objdump's text in one spelling with ours: without prefixes, spaces and the sizes of operands. */
function common(text: string): string {
  let result = text.replace(PREFIX_WORDS, '').toLowerCase();
  // The comment has the address of a rip-relative operand.
  const comment = /\s*# (0x[0-9a-f]+).*$/.exec(result);
  if (comment !== null) result = result.replace(comment[0], '').replace(/\[rip[^\]]*\]/, `[${comment[1]}]`);
  result = result.replace(/\b(byte|word|dword|qword|xmmword|fword|oword|tbyte) ptr /g, '');
  // An index of nothing, a displacement of nothing, a carry into the high half of an address.
  result = result
    .replace(/\+[er]iz(\*\d)?|[er]iz(\*\d)?(\+|(?=-))|\*1\b|\+0x0(?=\])/g, '')
    .replace('[eiz]', '[0x0]')
    .replace('0xffff7fff', '0xffff8000')
    .replace(
      /\[-(0x[0-9a-f]+)\]/,
      (_, digits: string) => `[0x${((1n << 64n) - BigInt(digits)).toString(16)}]`,
    );
  result = result.replace(/\bds:(0x[0-9a-f]+)/, '[$1]');
  result = result
    .replace(/\b([fg]s):(0x[0-9a-f]+)/, '$1:[$2]')
    .replace(NUMBER, (digits) => BigInt(digits).toString(16));
  const [mnemonic, ...operands] = result.split(/\s+/);
  return `${mnemonic} ${operands.join('')}`.trim();
}

/** Mnemonics that objdump spells in its own way. */
function spelling(text: string): string {
  return text
    .replace(/^movabs /, 'mov ')
    .replace(/^(movs|cmps|stos|lods|scas|ins|outs)[bwdq]?($| (?!xmm).*)/, '$1')
    .replace(/^(push|pop|enter|leave)w\b/, '$1')
    .replace(/^sys(ret|exit)d/, 'sys$1')
    .replace(/^xchg ax,ax$/, 'nop')
    .replace(/^(xlat).*/, '$1')
    .replace(/^(rex\S*|data16|addr32|[cdefgs]s|lock|rep\S*)$/, '');
}

const hasObjdump = findObjdump();
/** There nothing may be skipped. */
const isRequired = process.env['CI'] !== undefined && process.arch === 'x64';
const why = hasObjdump ? '' : ' (skipped: no objdump for x86-64 is installed)';

/** Differences, each with bytes and both texts. */
function compare(
  samples: readonly (readonly number[])[],
  tolerated: (ours: string, theirs: string) => boolean,
): string[] {
  const memory = new KernelMemory(Math.ceil((AT + samples.length * STRIDE + 0x1_0000) / 0x1_0000) * 0x1_0000);
  memory.u8.fill(0x90, AT);
  samples.forEach((bytes, i) => memory.u8.set(bytes, AT + i * STRIDE));
  const lines = objdump(memory.u8.subarray(AT, AT + samples.length * STRIDE));
  const decoder = new Decoder(memory);
  const differences: string[] = [];
  samples.forEach((_, i) => {
    const at = AT + i * STRIDE;
    const line = lines.get(at);
    if (line === undefined) throw new Error(`objdump shows nothing at 0x${at.toString(16)}`);
    const found = decoder.decode(at);
    const ours = found.exception >= 0 ? disassemble(found) : spelling(common(disassemble(found)));
    const theirs = spelling(common(line.text));
    if ((ours === theirs && found.length === line.length) || tolerated(ours, theirs)) return;
    const bytes = [...memory.u8.subarray(at, at + Math.max(found.length, line.length))];
    const hex = bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    differences.push(`${hex}: '${ours}' (${found.length}), objdump '${theirs}' (${line.length})`);
  });
  return differences;
}

/** Where objdump is of another opinion, knowingly. */
function toleratedAlways(ours: string, theirs: string): boolean {
  return (
    // An extension of ours where it knows a newer or stricter reading of the same bytes.
    (/^(wbinvd|bs[fr])/.test(ours) && /^(wbnoinvd|\(bad\))/.test(theirs)) ||
    // Prefixes that it shows as instructions of their own.
    theirs === '' ||
    // Hints and extensions of other processors, which are nops on one without them.
    (/^(nop|prefetchw)/.test(ours) && /^(bnd|cldemote|prefetch|rdssp|endbr32)/.test(theirs)) ||
    // The predicate as part of the mnemonic.
    (/^cmp[ps][sd]/.test(ours) && /^cmp[a-z]+[ps][sd]/.test(theirs)) ||
    // The rm field of fences does not matter to processors.
    (/^[lms]fence/.test(ours) && theirs === '(bad)')
  );
}

/** Names of what this machine does not have, as objdump gives them. */
const ABSENT =
  /\(bad\)|^(\{vex\}|\{evex\}|tdp|t(ile|dp)|a(and|or|xor|add)|clac|stac|monitor|mwait|xgetbv|xsetbv|(ld|st)mxcsr|[lms]fence|clflush|f|v|k|\(bad\)|emms|getsec|rsm|xabort|xbegin|xend|xtest|mov\w* .*(mm\d|\?|cs,|[cd]r)|mov .*|p\w+ .*mm|cvt.*mm|maskmovq|xcrypt|xstore|montmul|xsha|aes|sha|pclmul|gf2p8|adcx|adox|rdrand|rdseed|rdpid|xsave|xrstor|wrss|wruss|incssp|rdfsbase|rdgsbase|wrfsbase|wrgsbase|llwp|slwp|lwp|bextr|bl|tzmsk|t1m|invept|invvpid|invpcid|movdir|enqcmd|tpause|umwait|umonitor|cl(wb|zero|gi|flushopt|rssbsy|ui)|stui|testui|uiret|senduipi|stgi|skinit|pvalidate|rmp|psmash|rdpru|mwaitx|monitorx|ptwrite|saverst|setss|saveprev|rstorss|pconfig|encl|encls|enclu|serialize|xsusldtrk|xresldtrk|rdpkru|wrpkru|wbnoinvd|hreset|tdcall|seam|wrmsr|invlpg|pf|movntq|movntss|movntsd|extrq|insertq|insertq|cmp\w+xadd)/;

describe('disassembly', () => {
  const memory = new KernelMemory(0x4_0000);
  const textOf = (bytes: number[], symbolOf?: (address: number) => string | undefined) => {
    memory.u8.set(bytes, AT);
    return disassemble(new Decoder(memory).decode(AT), symbolOf);
  };

  it('writes destination first, sizes before memory, numbers as few digits', () => {
    expect(textOf([0x48, 0x8b, 0x41, 0x08])).toBe('mov rax, qword ptr [rcx+8]');
    expect(textOf([0xf0, 0x0f, 0xb1, 0x54, 0x8b, 0xe0])).toBe('lock cmpxchg dword ptr [rbx+rcx*4-0x20], edx');
    expect(textOf([0x65, 0x48, 0x8b, 0x04, 0x25, 0x88, 0x01, 0, 0])).toBe('mov rax, qword ptr gs:[0x188]');
    expect(textOf([0xf3, 0x48, 0xab])).toBe('rep stosq');
    expect(textOf([0x0f, 0x94, 0xc4])).toBe('sete ah');
    expect(textOf([0x48, 0x98])).toBe('cdqe');
    expect(textOf([0x44, 0x0f, 0x20, 0xc0])).toBe('mov rax, cr8');
    expect(textOf([0xdd, 0x00])).toBe('invalid (fld)');
  });

  it('names branch targets and rip-relative operands where they have names', () => {
    expect(textOf([0xe8, 0, 0, 0, 0])).toBe('call 0xffff800000010005');
    expect(textOf([0x75, 0xfe], (address) => (address === AT ? 'mux.sys+0x1000' : undefined))).toBe(
      'jne mux.sys+0x1000',
    );
    expect(textOf([0xff, 0x15, 0xfa, 0, 0, 0], (address) => `at ${address.toString(16)}`)).toBe(
      'call qword ptr [at 10100]',
    );
  });
});

describe.skipIf(!hasObjdump && !isRequired)(`disassembly beside objdump${why}`, () => {
  it('agrees on every form of the table with registers, memory and immediates', () => {
    const random = randomNumbers(1);
    const samples: number[][] = [];
    const immediates = [0n, 1n, 0x7fn, 0x80n, 0xffn, -1n, -2n, 0x1234_5678_9abc_def0n];
    for (const form of FORMS) {
      const kinds = rmKinds(form);
      // Registers that exist, whatever the reg field stands for.
      const regs = /\b[CD]q/.test(form.text)
        ? [0]
        : form.text.includes('Sw')
          ? [0, 2, 3, 4, 5]
          : [...Array(16).keys()];
      for (const operandSize of operandSizes(form)) {
        for (let i = 0; i < 12; i++) {
          const inMemory = kinds.memory && (!kinds.register || i % 2 === 1);
          const index = random(17) - 1;
          const memory = {
            base: i % 6 === 1 ? -1 : random(16),
            index: index === 4 ? -1 : index,
            scale: ([1, 2, 4, 8] as const)[random(4)],
            displacement: [0, 1, -128, 127, 128, 0x1_2345, -0x1234_5678][random(7)],
            ripRelative: i % 6 === 3,
          };
          const prefixes =
            inMemory && random(4) === 0 ? [[0x64, 0x65, 0x67][random(memory.ripRelative ? 2 : 3)]] : [];
          samples.push(
            encode(form, {
              operandSize,
              reg: regs[random(regs.length)],
              rm: random(16),
              vvvv: random(16),
              memory: inMemory ? memory : null,
              condition: random(16),
              immediate: immediates[random(8)],
              prefixes,
              forceRex: random(3) === 0 && !form.text.startsWith('vex'),
            }),
          );
        }
      }
    }
    expect(samples.length).toBeGreaterThan(10_000);
    expect(compare(samples, toleratedAlways)).toEqual([]);
  });

  it('agrees on random bytes about length and meaning', () => {
    const random = randomNumbers(2);
    const samples = Array.from({ length: 40_000 }, () => {
      const bytes = Array.from({ length: 15 }, () => random(256));
      // Half of them in the maps behind 0F and VEX, where random bytes seldom lead.
      const start = [
        [],
        [],
        [0x0f],
        [0x66, 0x0f],
        [0xf3, 0x0f],
        [0xf2, 0x0f],
        [0x66, 0x0f, 0x38],
        [0x66, 0x0f, 0x3a],
        [0xc4, 0xe2],
      ];
      return [...start[random(start.length)], ...bytes].slice(0, 15);
    });
    const differences = compare(
      samples,
      (ours, theirs) =>
        toleratedAlways(ours, theirs) ||
        (ours.startsWith('invalid') && (ABSENT.test(theirs) || ours.startsWith('invalid (lock'))),
    );
    expect(differences).toEqual([]);
  });
});
