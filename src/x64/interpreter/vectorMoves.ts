/**
 * Moves into, out of and between XMM registers that do not copy all 16 bytes, and insertion and extraction of lanes.
 * Implements MOVSS to MOVLHPS, MOVD, MOVQ, MOVDDUP, MOVMSKPS, PMOVMSKB, MASKMOVDQU, PINSR, PEXTR, INSERTPS, the BLEND
 * instructions and PSHUFB of the Intel 64 manual, volume 2.
 */

import type { Address } from '../../memory/index.ts';
import type { Instruction } from '../instruction.ts';
import { RDI, STATE_FS_BASE, STATE_GENERAL, STATE_GS_BASE, STATE_XMM } from '../state.ts';
import type { Cpu } from './cpu.ts';
import { copyResult } from './floatLanes.ts';
import { FAST_WRITE, type Handler, RESULT_SLOT, ZERO_SLOT } from './op.ts';
import { always, type HandlerChoice, type Handlers, write } from './values.ts';

const RDI_AT = STATE_GENERAL + RDI * 8;

function copy(cpu: Cpu, to: Address, from: Address, bytes: number): void {
  const { data } = cpu;
  const low = data.getInt32(from, true);
  const high = bytes === 8 ? data.getInt32(from + 4, true) : 0;
  data.setInt32(to, low, true);
  if (bytes === 8) data.setInt32(to + 4, high, true);
}

function clearFrom(cpu: Cpu, register: Address, bytes: number): void {
  cpu.u8.fill(0, register + bytes, register + 16);
}

/** movss and movsd: from memory they clear the other lanes. */
function moveScalar(bytes: 4 | 8): HandlerChoice {
  return ({ operands }) => {
    const clears = operands[1].kind === 'memory';
    return (cpu, _op, d, s) => {
      copy(cpu, d, s, bytes);
      if (clears) clearFrom(cpu, d, bytes);
    };
  };
}

/** Eight bytes between halves: `to` and `from` are offsets into registers. */
function moveHalf(to: number, from: number): HandlerChoice {
  return ({ operands }) => {
    const toMemory = operands[0].kind === 'memory';
    const fromMemory = operands[1].kind === 'memory';
    return (cpu, _op, d, s) => copy(cpu, toMemory ? d : d + to, fromMemory ? s : s + from, 8);
  };
}

/** movhps and movhpd: the upper half of the register, whichever operand it is. */
const moveHigh: HandlerChoice = ({ operands }) =>
  operands[0].kind === 'memory'
    ? (cpu, _op, d, s) => copy(cpu, d, s + 8, 8)
    : (cpu, _op, d, s) => copy(cpu, d + 8, s, 8);

/** Lanes of `width` bytes by number. */
function pick(width: number, lanes: readonly number[]): Handler {
  return (cpu, _op, d, s) => {
    lanes.forEach((from, i) => {
      cpu.u8.copyWithin(RESULT_SLOT + i * width, s + from * width, s + (from + 1) * width);
    });
    copyResult(cpu, d, 16);
  };
}

/** movd: 4 or 8 bytes between a general register or memory and an XMM register. */
const moveGeneral: HandlerChoice = ({ operands }) => {
  const [to, from] = operands;
  if (to.kind === 'xmm') {
    const bytes = from.size === 8 ? 8 : 4;
    return (cpu, _op, d, s) => {
      copy(cpu, d, s, bytes);
      clearFrom(cpu, d, bytes);
    };
  }
  return (cpu, _op, d, s) =>
    write(cpu, d, to.size, cpu.data.getInt32(s, true), cpu.data.getInt32(s + 4, true));
};

const moveQuad: HandlerChoice = ({ operands }) => {
  const toRegister = operands[0].kind === 'xmm';
  return (cpu, _op, d, s) => {
    copy(cpu, d, s, 8);
    if (toRegister) clearFrom(cpu, d, 8);
  };
};

/** The sign bits of all lanes. */
function signMask(width: number): Handler {
  return (cpu, _op, d, s) => {
    let mask = 0;
    for (let i = 0; i < 16 / width; i++) mask |= (cpu.data.getUint8(s + (i + 1) * width - 1) >> 7) << i;
    write(cpu, d, 8, mask, 0);
  };
}

/** Bytes of the first operand whose mask byte has its sign, to where rdi points. Checked byte by byte, first. */
function maskedStore(instruction: Instruction): Handler {
  const { segment, addressSize } = instruction;
  const base = segment === 'gs' ? STATE_GS_BASE : segment === 'fs' ? STATE_FS_BASE : ZERO_SLOT;
  return (cpu, op, d, s) => {
    op.base = RDI_AT >> 2;
    op.segmentBase = base >> 2;
    op.addressMask = addressSize === 4 ? 0 : -1;
    op.displacement = 0;
    cpu.computeAddress(op);
    const { addressLow, addressHigh, data } = cpu;
    const targets: Address[] = [];
    for (let i = 0; i < 16; i++) {
      const low = (addressLow + i) | 0;
      const high = low >>> 0 < addressLow >>> 0 ? addressHigh + 1 : addressHigh;
      targets.push((data.getUint8(s + i) & 0x80) !== 0 ? cpu.check(low, high | 0, 1, FAST_WRITE) : 0);
    }
    targets.forEach((target, i) => {
      if (target !== 0) data.setUint8(target, data.getUint8(d + i));
    });
  };
}

function insert(width: 1 | 2): Handler {
  return (cpu, op, d, s) => {
    const at = d + (op.low & (16 / width - 1)) * width;
    if (width === 1) cpu.data.setUint8(at, cpu.data.getUint8(s));
    else cpu.data.setUint16(at, cpu.data.getUint16(s, true), true);
  };
}

const insertWide: HandlerChoice = ({ operands }) => {
  const width = operands[1].size === 8 ? 8 : 4;
  return (cpu, op, d, s) => copy(cpu, d + (op.low & (16 / width - 1)) * width, s, width);
};

/** Into a general register the lane is zero-extended. */
function extract(width: 1 | 2): HandlerChoice {
  return ({ operands }) => {
    const toMemory = operands[0].kind === 'memory';
    return (cpu, op, d, s) => {
      const at = s + (op.low & (16 / width - 1)) * width;
      const value = width === 1 ? cpu.data.getUint8(at) : cpu.data.getUint16(at, true);
      write(cpu, d, toMemory ? width : 8, value, 0);
    };
  };
}

const extractWide: HandlerChoice = ({ operands }) => {
  const width = operands[0].size === 8 ? 8 : 4;
  return (cpu, op, d, s) => {
    const at = s + (op.low & (16 / width - 1)) * width;
    write(cpu, d, width, cpu.data.getInt32(at, true), width === 8 ? cpu.data.getInt32(at + 4, true) : 0);
  };
};

/** Bits 6 and 7 choose the source lane, 4 and 5 the destination, 0 to 3 lanes that become zero. */
const insertSingle: HandlerChoice = ({ operands }) => {
  const fromMemory = operands[1].kind === 'memory';
  return (cpu, op, d, s) => {
    const { data } = cpu;
    const value = data.getInt32(fromMemory ? s : s + ((op.low >> 6) & 3) * 4, true);
    data.setInt32(d + ((op.low >> 4) & 3) * 4, value, true);
    for (let i = 0; i < 4; i++) if ((op.low & (1 << i)) !== 0) data.setInt32(d + i * 4, 0, true);
  };
};

/** Lanes of the source where the immediate has a bit. */
function blend(width: number): Handler {
  return (cpu, op, d, s) => {
    for (let i = 0; i < 16 / width; i++) {
      if ((op.low & (1 << i)) !== 0) cpu.u8.copyWithin(d + i * width, s + i * width, s + (i + 1) * width);
    }
  };
}

/** Lanes of the source where xmm0 has the sign. */
function blendVariable(width: number): Handler {
  return (cpu, _op, d, s) => {
    const { u8 } = cpu;
    u8.copyWithin(RESULT_SLOT, d, d + 16);
    for (let at = 0; at < 16; at += width) {
      if (u8[STATE_XMM + at + width - 1] >= 0x80) u8.copyWithin(RESULT_SLOT + at, s + at, s + at + width);
    }
    copyResult(cpu, d, 16);
  };
}

function shuffleBytes(cpu: Cpu, _op: unknown, d: Address, s: Address): void {
  const { u8 } = cpu;
  for (let i = 0; i < 16; i++) {
    const control = u8[s + i];
    u8[RESULT_SLOT + i] = control >= 0x80 ? 0 : u8[d + (control & 15)];
  }
  copyResult(cpu, d, 16);
}

/** Sixteen bytes of the pair destination:source, from the byte that the immediate names. */
const alignRight: Handler = (cpu, op, d, s) => {
  const { u8 } = cpu;
  const from = op.low & 0xff;
  for (let i = 0; i < 16; i++) {
    const at = from + i;
    u8[RESULT_SLOT + i] = at < 16 ? u8[s + at] : at < 32 ? u8[d + at - 16] : 0;
  }
  copyResult(cpu, d, 16);
};

export const VECTOR_MOVE_HANDLERS: Handlers = {
  movss: moveScalar(4),
  movsd: moveScalar(8),
  movlps: moveHalf(0, 0),
  movlpd: moveHalf(0, 0),
  movhlps: moveHalf(0, 8),
  movhps: moveHigh,
  movhpd: moveHigh,
  movlhps: moveHalf(8, 0),
  movsldup: always(pick(4, [0, 0, 2, 2])),
  movshdup: always(pick(4, [1, 1, 3, 3])),
  movddup: always(pick(8, [0, 0])),
  movmskps: always(signMask(4)),
  movmskpd: always(signMask(8)),
  pmovmskb: always(signMask(1)),
  movd: moveGeneral,
  movq: moveQuad,
  maskmovdqu: maskedStore,
  pinsrb: always(insert(1)),
  pinsrw: always(insert(2)),
  pinsrd: insertWide,
  pextrb: extract(1),
  pextrw: extract(2),
  pextrd: extractWide,
  extractps: extractWide,
  insertps: insertSingle,
  blendps: always(blend(4)),
  blendpd: always(blend(8)),
  pblendw: always(blend(2)),
  blendvps: always(blendVariable(4)),
  blendvpd: always(blendVariable(8)),
  pblendvb: always(blendVariable(1)),
  pshufb: always(shuffleBytes),
  palignr: always(alignRight),
};
