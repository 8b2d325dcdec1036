/**
 * The functions that translated code shares: the way in from JavaScript, 128-bit products, checks of long ranges.
 * Implements the convention of convention.ts.
 */

import { FIRST_MAPPED_ADDRESS, KERNEL_WINDOW_HIGH, PAGE_SIZE } from '../../memory/index.ts';
import { R8, RAX, RCX, RDX, RSP, STATE_FUEL, STATE_RIP } from '../state.ts';
import { Body, OTHER_I32, OTHER_I64 } from './body.ts';
import type { Code } from './code.ts';
import {
  type CheckMap,
  FUEL,
  PARAMETERS,
  REASON_CONTINUE,
  stateOf,
  TYPE_GUEST,
  TYPE_HOST,
  TYPE_MULTIPLY,
  TYPE_RANGE,
  TYPE_WINDOW,
  TYPES,
} from './convention.ts';
import { moduleBytes } from './module.ts';
import { op } from './opcodes.ts';

const SLOT = OTHER_I32 + 20;
const RESULT = OTHER_I64 + 20;
const LEFT = OTHER_I64 + 21;
const RIGHT = OTHER_I64 + 22;
const MIDDLE = OTHER_I64 + 23;
const AT = OTHER_I32 + 21;
const END = OTHER_I32 + 22;

/** The module of the shared functions. */
export function runtimeBytes(map: CheckMap): Uint8Array<ArrayBuffer> {
  return moduleBytes({
    types: TYPES,
    imports: [],
    functions: [
      { type: TYPE_HOST, code: enter(), export: 'enter' },
      { type: TYPE_GUEST, code: leaveStub(), export: 'stub' },
      { type: TYPE_MULTIPLY, code: multiplyHigh(false), export: 'multiplyHighUnsigned' },
      { type: TYPE_MULTIPLY, code: multiplyHigh(true), export: 'multiplyHighSigned' },
      { type: TYPE_RANGE, code: checkRange(map.readMap, map.shadow), export: 'canRead' },
      { type: TYPE_RANGE, code: checkRange(map.writeMap, map.shadow), export: 'canWrite' },
      { type: TYPE_WINDOW, code: openWindow(), export: 'openWindow' },
    ],
  });
}

/** (slot) => reason: enters the function in a slot with the registers of the state block. */
function enter(): Code {
  const body = new Body([SLOT]);
  const load = (register: number) => {
    body.i32(0);
    body.memory(op.i64Load, stateOf(register));
  };
  load(RSP);
  // The function's own use of the state block leaves another one there.
  body.tee(RSP);
  body.i32(0);
  body.memory(op.i32Load, STATE_FUEL);
  load(RCX);
  load(RDX);
  load(R8);
  body.get(SLOT);
  body.callIndirect(TYPE_GUEST);
  body.set(RESULT);
  body.tee(FUEL);
  body.i32(0);
  body.op(op.i32LeS);
  body.open(op.if);
  body.i32(0);
  body.get(FUEL);
  body.op(op.i32Sub);
  body.op(op.return);
  body.close();
  // It returned: rip and rsp are its caller's business.
  body.i32(0);
  body.get(FUEL);
  body.memory(op.i32Store, STATE_FUEL);
  body.i32(0);
  body.get(RESULT);
  body.memory(op.i64Store, stateOf(RAX));
  body.i32(0);
  body.get(RSP);
  body.op(op.i32WrapI64);
  body.memory(op.i64Load, 0);
  body.memory(op.i64Store, STATE_RIP);
  body.i32(0);
  body.get(RSP);
  body.i64(8);
  body.op(op.i64Add);
  body.memory(op.i64Store, stateOf(RSP));
  body.i32(REASON_CONTINUE);
  return body.finish();
}

/** What slots hold whose function is not translated: it leaves to the address in rip. */
function leaveStub(): Code {
  const body = new Body(PARAMETERS);
  for (const register of [RSP, RCX, RDX, R8]) {
    body.i32(0);
    body.get(register);
    body.memory(op.i64Store, stateOf(register));
  }
  body.i32(0);
  body.get(FUEL);
  body.memory(op.i32Store, STATE_FUEL);
  // A call looks at the fuel: -1 is REASON_FUEL, 0 REASON_LEAVE.
  body.i32(0);
  body.get(FUEL);
  body.i32(0);
  body.op(op.i32LeS);
  body.op(op.i32Sub);
  body.i64(0);
  return body.finish();
}

/** The high 64 bits of a product, from four products of 32 bits. */
function multiplyHigh(signed: boolean): Code {
  const body = new Body([LEFT, RIGHT]);
  const low = (local: number) => {
    body.get(local);
    body.i64(-1, 0);
    body.op(op.i64And);
  };
  const high = (local: number) => {
    body.get(local);
    body.i64(32);
    body.op(signed ? op.i64ShrS : op.i64ShrU);
  };
  const up = () => {
    body.i64(32);
    body.op(signed ? op.i64ShrS : op.i64ShrU);
  };
  // middle = high(left) * low(right) + (low * low >> 32)
  high(LEFT);
  low(RIGHT);
  body.op(op.i64Mul);
  low(LEFT);
  low(RIGHT);
  body.op(op.i64Mul);
  body.i64(32);
  body.op(op.i64ShrU);
  body.op(op.i64Add);
  body.set(MIDDLE);
  high(LEFT);
  high(RIGHT);
  body.op(op.i64Mul);
  body.get(MIDDLE);
  up();
  body.op(op.i64Add);
  low(LEFT);
  high(RIGHT);
  body.op(op.i64Mul);
  low(MIDDLE);
  body.op(op.i64Add);
  up();
  body.op(op.i64Add);
  return body.finish();
}

/** (low, size) => whether all of a range may be accessed; size is not 0 and below 2^31. */
function checkRange(table: number, shadow: number): Code {
  const body = new Body([AT, END]);
  const fail = () => {
    body.open(op.if);
    body.i32(0);
    body.op(op.return);
    body.close();
  };
  // Beyond the end of the low half nothing is mapped.
  body.get(AT);
  body.i32(FIRST_MAPPED_ADDRESS);
  body.op(op.i32LtU);
  fail();
  body.get(AT);
  body.get(END);
  body.op(op.i32Add);
  body.tee(END);
  body.get(AT);
  body.op(op.i32LeU);
  fail();
  if (shadow >= 0) checkShadow(body, shadow);
  body.get(AT);
  body.i32(12);
  body.op(op.i32ShrU);
  body.set(AT);
  body.get(END);
  body.i32(1);
  body.op(op.i32Sub);
  body.i32(12);
  body.op(op.i32ShrU);
  body.set(END);
  const loop = body.open(op.loop);
  body.get(AT);
  body.memory(op.i32Load8u, table);
  fail();
  body.get(AT);
  body.i32(1);
  body.op(op.i32Add);
  body.tee(AT);
  body.get(END);
  body.op(op.i32LeU);
  body.brIf(loop);
  body.close();
  body.i32(1);
  return body.finish();
}

/** Every shadow byte but the last must allow all eight bytes; the last as many as the range has. */
function checkShadow(body: Body, shadow: number): void {
  const at = OTHER_I32 + 23;
  const last = OTHER_I32 + 24;
  body.get(END);
  body.i32(1);
  body.op(op.i32Sub);
  body.set(last);
  body.get(AT);
  body.i32(3);
  body.op(op.i32ShrU);
  body.set(at);
  const done = body.open(op.block);
  const loop = body.open(op.loop);
  body.get(at);
  body.get(last);
  body.i32(3);
  body.op(op.i32ShrU);
  body.op(op.i32GeU);
  body.brIf(done);
  body.get(at);
  body.memory(op.i32Load8u, shadow);
  body.i32(0xbf);
  body.op(op.i32And);
  body.i32(8);
  body.op(op.i32Ne);
  body.open(op.if);
  body.i32(0);
  body.op(op.return);
  body.close();
  body.get(at);
  body.i32(1);
  body.op(op.i32Add);
  body.set(at);
  body.br(loop);
  body.close();
  body.close();
  body.get(at);
  body.memory(op.i32Load8s, shadow);
  body.get(last);
  body.i32(7);
  body.op(op.i32And);
  body.op(op.i32LeS);
  body.open(op.if);
  body.i32(0);
  body.op(op.return);
  body.close();
}

/**
 * (address, map, size) => lowest address of the accessible pages around it, at most eight on each side, and at how
 * many addresses in them an access of `size` bytes may begin: none where the address itself is not accessible.
 */
function openWindow(): Code {
  const address = LEFT;
  const table = AT;
  const size = END;
  const page = OTHER_I32 + 23;
  const below = MIDDLE;
  const body = new Body([address, table, size]);
  body.get(address);
  body.i64(32);
  body.op(op.i64ShrU);
  body.op(op.i32WrapI64);
  body.i32(KERNEL_WINDOW_HIGH);
  body.op(op.i32Xor);
  body.get(address);
  body.op(op.i32WrapI64);
  body.i32(12);
  body.op(op.i32ShrU);
  body.get(table);
  body.op(op.i32Add);
  body.tee(page);
  body.memory(op.i32Load8u, 0);
  body.op(op.i32Or);
  body.open(op.if);
  body.i64(0);
  body.i64(0);
  body.op(op.return);
  body.close();
  // Eight entries of the map at once: zeros next to the page are accessible ones.
  body.get(page);
  body.i32(8);
  body.op(op.i32Sub);
  body.memory(op.i64Load, 0);
  body.op(op.i64Clz);
  body.i64(3);
  body.op(op.i64ShrU);
  body.set(below);
  body.get(address);
  body.i64(-PAGE_SIZE);
  body.op(op.i64And);
  body.get(below);
  body.i64(12);
  body.op(op.i64Shl);
  body.op(op.i64Sub);
  body.get(page);
  body.memory(op.i64Load, 1);
  body.op(op.i64Ctz);
  body.i64(3);
  body.op(op.i64ShrU);
  body.get(below);
  body.op(op.i64Add);
  body.i64(12);
  body.op(op.i64Shl);
  body.get(size);
  body.op(op.i64ExtendI32U);
  body.op(op.i64Sub);
  body.i64(PAGE_SIZE + 1);
  body.op(op.i64Add);
  return body.finish();
}
