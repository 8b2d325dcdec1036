/**
 * The instruction table: integer operations of x86-64, without branches and system instructions. Implements the
 * instruction reference of the Intel 64 manual, volume 2.
 */

import { RAX, RBX, RCX, RDI, RDX, RSI, RSP } from '../state.ts';
import { type Definition, define, type Facts } from './operation.ts';

const ARITHMETIC: Facts = { writes: 'oszapc', lock: true };
const LOGIC: Facts = { writes: 'oszpc', undefined: 'a', lock: true };

/** The eight operations of the first half of the one-byte map, which have the same nine forms. */
function binary(name: string, facts: Facts, extension: number): Definition {
  const opcode = (low: number) => (extension * 8 + low).toString(16).padStart(2, '0');
  return define(
    name,
    facts,
    `${opcode(0)} Eb,Gb`,
    `${opcode(1)} Ev,Gv`,
    `${opcode(2)} Gb,Eb`,
    `${opcode(3)} Gv,Ev`,
    `${opcode(4)} Ab,Ib`,
    `${opcode(5)} Av,Iz`,
    `80 /${extension} Eb,Ib`,
    `81 /${extension} Ev,Iz`,
    `83 /${extension} Ev,Is`,
  );
}

/** Shifts and rotates: by an immediate, by one, by cl. A count of 0 leaves the flags alone. */
function shift(name: string, facts: Facts, ...extensions: number[]): Definition {
  const forms = extensions.flatMap((extension) => [
    `c0 /${extension} Eb,Iu`,
    `c1 /${extension} Ev,Iu`,
    `d0 /${extension} Eb,1`,
    `d1 /${extension} Ev,1`,
    `d2 /${extension} Eb,cl`,
    `d3 /${extension} Ev,cl`,
  ]);
  return define(name, facts, ...forms);
}

/** OF is defined for a count of 1 only, CF of shifts for counts up to the width only. */
const ROTATE: Facts = { writes: 'oc', undefined: 'o' };
const ROTATE_THROUGH_CARRY: Facts = { reads: 'c', writes: 'oc', undefined: 'o' };
const SHIFT: Facts = { writes: 'oszpc', undefined: 'oac' };
const DOUBLE_SHIFT: Facts = { writes: 'oszpc', undefined: 'oac' };
const BIT_TEST: Facts = { writes: 'c', undefined: 'osap', access: 'xr', lock: true };

const string = (reads: readonly number[], writes: readonly number[], facts: Facts): Facts => ({
  reads: 'd',
  implicitReads: [...reads, RCX],
  implicitWrites: [...writes, RCX],
  ...facts,
});

export const INTEGER_OPERATIONS: readonly Definition[] = [
  binary('add', ARITHMETIC, 0),
  binary('or', LOGIC, 1),
  binary('adc', { ...ARITHMETIC, reads: 'c' }, 2),
  binary('sbb', { ...ARITHMETIC, reads: 'c' }, 3),
  binary('and', LOGIC, 4),
  binary('sub', ARITHMETIC, 5),
  binary('xor', LOGIC, 6),
  binary('cmp', { writes: 'oszapc', access: 'rr' }, 7),
  define(
    'test',
    { writes: 'oszpc', undefined: 'a', access: 'rr' },
    '84 Eb,Gb',
    '85 Ev,Gv',
    'a8 Ab,Ib',
    'a9 Av,Iz',
    'f6 /0 Eb,Ib',
    'f6 /1 Eb,Ib',
    'f7 /0 Ev,Iz',
    'f7 /1 Ev,Iz',
  ),
  define('not', { lock: true }, 'f6 /2 Eb', 'f7 /2 Ev'),
  define('neg', ARITHMETIC, 'f6 /3 Eb', 'f7 /3 Ev'),
  define('inc', { writes: 'oszap', lock: true }, 'fe /0 Eb', 'ff /0 Ev'),
  define('dec', { writes: 'oszap', lock: true }, 'fe /1 Eb', 'ff /1 Ev'),
  define(
    'mul',
    { writes: 'oc', undefined: 'szap', access: 'r', implicitReads: [RAX], implicitWrites: [RAX, RDX] },
    'f6 /4 Eb',
    'f7 /4 Ev',
  ),
  // With one operand also rax and rdx, as mul.
  define(
    'imul',
    { writes: 'oc', undefined: 'szap' },
    'f6 /5 Eb @r',
    'f7 /5 Ev @r',
    '0f af Gv,Ev @xr',
    '69 Gv,Ev,Iz @wrr',
    '6b Gv,Ev,Is @wrr',
  ),
  define(
    'div',
    { undefined: 'oszapc', access: 'r', implicitReads: [RAX, RDX], implicitWrites: [RAX, RDX] },
    'f6 /6 Eb',
    'f7 /6 Ev',
  ),
  define(
    'idiv',
    { undefined: 'oszapc', access: 'r', implicitReads: [RAX, RDX], implicitWrites: [RAX, RDX] },
    'f6 /7 Eb',
    'f7 /7 Ev',
  ),
  shift('rol', ROTATE, 0),
  shift('ror', ROTATE, 1),
  shift('rcl', ROTATE_THROUGH_CARRY, 2),
  shift('rcr', ROTATE_THROUGH_CARRY, 3),
  shift('shl', SHIFT, 4, 6),
  shift('shr', SHIFT, 5),
  shift('sar', SHIFT, 7),
  define('shld', DOUBLE_SHIFT, '0f a4 Ev,Gv,Iu', '0f a5 Ev,Gv,cl'),
  define('shrd', DOUBLE_SHIFT, '0f ac Ev,Gv,Iu', '0f ad Ev,Gv,cl'),
  // A register as bit number reaches beyond a memory operand.
  define('bt', { ...BIT_TEST, access: 'rr', lock: false }, '0f a3 Ev,Gv', '0f ba /4 Ev,Iu'),
  define('bts', BIT_TEST, '0f ab Ev,Gv', '0f ba /5 Ev,Iu'),
  define('btr', BIT_TEST, '0f b3 Ev,Gv', '0f ba /6 Ev,Iu'),
  define('btc', BIT_TEST, '0f bb Ev,Gv', '0f ba /7 Ev,Iu'),
  // Of zero they leave the destination alone.
  define('bsf', { writes: 'z', undefined: 'osapc', access: 'xr' }, '0f bc Gv,Ev'),
  define('bsr', { writes: 'z', undefined: 'osapc', access: 'xr' }, '0f bd Gv,Ev'),
  define('tzcnt', { writes: 'zc', undefined: 'osap', access: 'wr', feature: 'bmi1' }, 'f3 0f bc Gv,Ev'),
  define('lzcnt', { writes: 'zc', undefined: 'osap', access: 'wr', feature: 'lzcnt' }, 'f3 0f bd Gv,Ev'),
  define('popcnt', { writes: 'oszapc', access: 'wr', feature: 'popcnt' }, 'f3 0f b8 Gv,Ev'),
  // Of 16 bits the result is undefined.
  define('bswap', {}, '0f c8+r Zv'),
  define(
    'movbe',
    { access: 'wr', feature: 'movbe' },
    'np 0f 38 f0 Gv,Mv',
    '66 0f 38 f0 Gv,Mv',
    'np 0f 38 f1 Mv,Gv',
    '66 0f 38 f1 Mv,Gv',
  ),
  define('crc32', { access: 'xr', feature: 'sse4.2' }, 'f2 0f 38 f0 Gy,Eb', 'f2 0f 38 f1 Gy,Ev'),

  define(
    'mov',
    { access: 'wr' },
    '88 Eb,Gb',
    '89 Ev,Gv',
    '8a Gb,Eb',
    '8b Gv,Ev',
    'a0 Ab,Ob',
    'a1 Av,Ov',
    'a2 Ob,Ab',
    'a3 Ov,Av',
    'b0+r Zb,Ib',
    'b8+r Zv,Iv',
    'c6 /0 Eb,Ib',
    'c7 /0 Ev,Iz',
  ),
  define('movzx', { access: 'wr' }, '0f b6 Gv,Eb', '0f b7 Gv,Ew'),
  define('movsx', { access: 'wr' }, '0f be Gv,Eb', '0f bf Gv,Ew'),
  define('movsxd', { access: 'wr' }, '63 Gv,Ez'),
  define('movnti', { access: 'wr', feature: 'sse2' }, 'np 0f c3 My,Gy'),
  define('lea', { access: 'wn' }, '8d Gv,Mv'),
  // With memory it is locked, prefix or not.
  define('xchg', { access: 'xx', lock: true }, '86 Eb,Gb', '87 Ev,Gv', '90+r Zv,Av'),
  define('xadd', { writes: 'oszapc', access: 'xx', lock: true }, '0f c0 Eb,Gb', '0f c1 Ev,Gv'),
  define(
    'cmpxchg',
    { writes: 'oszapc', access: 'xr', lock: true, implicitReads: [RAX], implicitWrites: [RAX] },
    '0f b0 Eb,Gb',
    '0f b1 Ev,Gv',
  ),
  define(
    'cmpxchg8b',
    {
      writes: 'z',
      access: 'x',
      lock: true,
      mnemonics: 'cmpxchg8b cmpxchg8b cmpxchg8b cmpxchg8b cmpxchg16b',
      implicitReads: [RAX, RDX, RCX, RBX],
      implicitWrites: [RAX, RDX],
    },
    '0f c7 /1 Mt',
  ),
  define('cmovcc', { reads: 'oszpc', access: 'xr' }, '0f 40+c Gv,Ev'),
  define('setcc', { reads: 'oszpc', access: 'w' }, '0f 90+c Eb'),
  define('cbw', { mnemonics: 'cbw cwde cdqe', implicitReads: [RAX], implicitWrites: [RAX] }, '98 :v'),
  define('cwd', { mnemonics: 'cwd cdq cqo', implicitReads: [RAX], implicitWrites: [RDX] }, '99 :v'),
  define(
    'nop',
    { access: 'nn' },
    '90',
    '0f 19 Ev',
    '0f 1a Ev',
    '0f 1b Ev',
    '0f 1c Ev',
    '0f 1d Ev',
    '0f 1e Ev',
    '0f 1f Ev',
    '0f 18 Ev',
    '0f 0d Ev',
  ),
  define('endbr64', {}, 'f3 0f 1e =fa'),
  define('pause', {}, 'f3 90'),
  define('xlat', { implicitReads: [RAX, RBX], implicitWrites: [RAX] }, 'd7 :b'),

  define(
    'push',
    { access: 'r', implicitReads: [RSP], implicitWrites: [RSP] },
    '50+r Zv d64',
    '68 Iz d64 :v',
    '6a Is d64',
    'ff /6 Ev d64',
    '0f a0 fs d64 :v',
    '0f a8 gs d64 :v',
  ),
  define(
    'pop',
    { access: 'w', implicitReads: [RSP], implicitWrites: [RSP] },
    '58+r Zv d64',
    '8f /0 Ev d64',
    '0f a1 fs d64 :v',
    '0f a9 gs d64 :v',
  ),
  define(
    'pushf',
    { reads: 'oszapcdit', mnemonics: 'pushfw pushf pushf', implicitReads: [RSP], implicitWrites: [RSP] },
    '9c d64 :v',
  ),
  define(
    'popf',
    { writes: 'oszapcdit', mnemonics: 'popfw popf popf', implicitReads: [RSP], implicitWrites: [RSP] },
    '9d d64 :v',
  ),
  define('enter', { access: 'rr', implicitReads: [RSP, 5], implicitWrites: [RSP, 5] }, 'c8 Iw,Iu d64 :v'),
  define('leave', { implicitReads: [5], implicitWrites: [RSP, 5] }, 'c9 d64 :v'),
  define('sahf', { writes: 'szapc', implicitReads: [RAX] }, '9e :b'),
  define('lahf', { reads: 'szapc', implicitReads: [RAX], implicitWrites: [RAX] }, '9f :b'),
  define('cmc', { reads: 'c', writes: 'c' }, 'f5'),
  define('clc', { writes: 'c' }, 'f8'),
  define('stc', { writes: 'c' }, 'f9'),
  define('cld', { writes: 'd' }, 'fc'),
  define('std', { writes: 'd' }, 'fd'),

  define('movs', string([RSI, RDI], [RSI, RDI], { repeat: 'rep' }), 'a4 :b', 'a5 :v'),
  define('cmps', string([RSI, RDI], [RSI, RDI], { repeat: 'repWhile', writes: 'oszapc' }), 'a6 :b', 'a7 :v'),
  define('stos', string([RAX, RDI], [RDI], { repeat: 'rep' }), 'aa :b', 'ab :v'),
  define('lods', string([RAX, RSI], [RAX, RSI], { repeat: 'rep' }), 'ac :b', 'ad :v'),
  define('scas', string([RAX, RDI], [RDI], { repeat: 'repWhile', writes: 'oszapc' }), 'ae :b', 'af :v'),
  define('ins', string([RDX, RDI], [RDI], { repeat: 'rep' }), '6c :b', '6d :z'),
  define('outs', string([RDX, RSI], [RSI], { repeat: 'rep' }), '6e :b', '6f :z'),

  define(
    'andn',
    { writes: 'oszc', undefined: 'ap', access: 'wrr', feature: 'bmi1' },
    'vex np 0f 38 f2 Gy,By,Ey',
  ),
  define(
    'blsr',
    { writes: 'oszc', undefined: 'ap', access: 'wr', feature: 'bmi1' },
    'vex np 0f 38 f3 /1 By,Ey',
  ),
  define(
    'blsmsk',
    { writes: 'oszc', undefined: 'ap', access: 'wr', feature: 'bmi1' },
    'vex np 0f 38 f3 /2 By,Ey',
  ),
  define(
    'blsi',
    { writes: 'oszc', undefined: 'ap', access: 'wr', feature: 'bmi1' },
    'vex np 0f 38 f3 /3 By,Ey',
  ),
  define(
    'bextr',
    { writes: 'ozc', undefined: 'sap', access: 'wrr', feature: 'bmi1' },
    'vex np 0f 38 f7 Gy,Ey,By',
  ),
  define(
    'bzhi',
    { writes: 'oszc', undefined: 'ap', access: 'wrr', feature: 'bmi2' },
    'vex np 0f 38 f5 Gy,Ey,By',
  ),
  define('pext', { access: 'wrr', feature: 'bmi2' }, 'vex f3 0f 38 f5 Gy,By,Ey'),
  define('pdep', { access: 'wrr', feature: 'bmi2' }, 'vex f2 0f 38 f5 Gy,By,Ey'),
  // The high half goes to the first operand, the low half to the second; of the same register, the high half stays.
  define('mulx', { access: 'wwr', feature: 'bmi2', implicitReads: [RDX] }, 'vex f2 0f 38 f6 Gy,By,Ey'),
  define('shlx', { access: 'wrr', feature: 'bmi2' }, 'vex 66 0f 38 f7 Gy,Ey,By'),
  define('sarx', { access: 'wrr', feature: 'bmi2' }, 'vex f3 0f 38 f7 Gy,Ey,By'),
  define('shrx', { access: 'wrr', feature: 'bmi2' }, 'vex f2 0f 38 f7 Gy,Ey,By'),
  define('rorx', { access: 'wrr', feature: 'bmi2' }, 'vex f2 0f 3a f0 Gy,Ey,Iu'),
];
