/** Measures the interpreter on hot loops, in ns an instruction. Run: npm run bench interpreter */

import {
  KERNEL_WINDOW_HIGH,
  KernelMemory,
  PAGE_EXECUTE,
  PAGE_READ,
  PAGE_READ_WRITE,
  Pages,
} from '../src/memory/index.ts';
import {
  CALL_STOP,
  Engine,
  STATE_FLAGS,
  STATE_FUEL,
  STATE_GENERAL,
  STATE_MXCSR,
  STATE_RIP,
} from '../src/x64/index.ts';
import { bytesOf } from './support/hexadecimal.ts';

const CODE = 0x2_0000;
const DATA = 0x4_0000;
const STACK = 0x6_0000;
const COUNT = 2_000_000;

/** Each is entered with rcx = COUNT or 0, rdi and rsi at data, and ends with ret. */
const LOOPS: Readonly<Record<string, { code: string; registers: Readonly<Record<number, number>> }>> = {
  // movzx eax, word [rdi+rcx*2]; add edx, eax; inc rcx; cmp rcx, rsi; jb
  'checksum of 16-bit words': { code: '0fb7044f01c248ffc14839f172f2c3', registers: { 6: 30_000 } },
  // movzx eax, byte [rsi+rcx]; mov [rdi+rcx], al; inc rcx; cmp rcx, rdx; jne
  'copy byte by byte': { code: '0fb6040e88040f48ffc14839d175f1c3', registers: { 2: 60_000 } },
  // mov rax, [rax]; cmp [rax+8], edx; je; test rax, rax; je; dec ecx; jnz
  'list walk': { code: '488b0039500874094885c07404ffc975efc3', registers: { 1: COUNT } },
  // movzx ebx, byte [rsi]; xor ebx, eax; movzx ebx, bl; shr eax, 8; xor eax, [rdi+rbx*4]; ...; dec ecx; jnz
  'table CRC32': {
    code: '0fb61e31c30fb6dbc1e80833049f48ffc64c21c64809feffc975e5c3',
    registers: { 1: COUNT, 8: DATA + 0xffff },
  },
  // push rbx; sub rsp, 32; mov rbx, rcx; call f; mov rcx, rbx; add rsp, 32; pop rbx; dec ecx; jnz; f: 6 instructions
  calls: {
    code: '534883ec204889cbe80d0000004889d94883c4205bffc975e7c348894c2408488d044985c074054803442408c3',
    registers: { 1: COUNT },
  },
  // movups xmm0, [rsi]; movups [rdi], xmm0; pxor xmm2, xmm0; dec ecx; jnz
  'SSE copy': { code: '0f10060f1107660fefd0ffc975f2c3', registers: { 1: COUNT } },
};

const memory = new KernelMemory(0x100_0000);
const pages = new Pages(memory);
pages.reserve(CODE, 1, PAGE_READ | PAGE_EXECUTE);
pages.reserve(DATA, 32, PAGE_READ_WRITE);
pages.reserve(STACK, 16, PAGE_READ_WRITE);
const engine = new Engine(
  memory,
  {
    call: () => CALL_STOP,
    readIrql: () => 0,
    writeIrql: () => 0,
    readPort: () => 0,
    writePort: () => undefined,
    readTimestamp: () => 0,
    translate: () => -1,
  },
  { pages, translate: false },
);

const { i32, u8 } = memory;

function run(code: string, registers: Readonly<Record<number, number>>): number {
  const bytes = bytesOf(code);
  u8.set(bytes, CODE);
  i32.fill(0, STATE_GENERAL >> 2, (STATE_GENERAL >> 2) + 32);
  const pointer = (register: number, low: number) => {
    i32[(STATE_GENERAL >> 2) + register * 2] = low;
    i32[(STATE_GENERAL >> 2) + register * 2 + 1] = KERNEL_WINDOW_HIGH;
  };
  pointer(0, DATA);
  pointer(4, STACK + 0x8000);
  pointer(6, DATA);
  pointer(7, DATA);
  pointer(8, -1);
  for (const [register, value] of Object.entries(registers)) {
    i32[(STATE_GENERAL >> 2) + Number(register) * 2] = value;
    i32[(STATE_GENERAL >> 2) + Number(register) * 2 + 1] = register === '8' ? KERNEL_WINDOW_HIGH : 0;
  }
  i32[(STACK + 0x8000) >> 2] = 0x7800_0000;
  i32[((STACK + 0x8000) >> 2) + 1] = KERNEL_WINDOW_HIGH;
  // A list that leads to itself.
  i32[DATA >> 2] = DATA;
  i32[(DATA >> 2) + 1] = KERNEL_WINDOW_HIGH;
  i32[(DATA >> 2) + 2] = 1;
  i32[STATE_RIP >> 2] = CODE;
  i32[(STATE_RIP >> 2) + 1] = KERNEL_WINDOW_HIGH;
  i32[STATE_FLAGS >> 2] = 2;
  i32[STATE_MXCSR >> 2] = 0x1f80;
  i32[STATE_FUEL >> 2] = 0x7fff_ffff;
  engine.forget(CODE, 0x1000);
  const exit = engine.run();
  if (exit.kind !== 'stopped')
    throw new Error(`left with ${JSON.stringify(exit)} at ${i32[STATE_RIP >> 2].toString(16)}`);
  return 0x7fff_ffff - i32[STATE_FUEL >> 2];
}

let product = 1;
for (const [name, { code, registers }] of Object.entries(LOOPS)) {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 12; round++) {
    let instructions = 0;
    const start = process.cpuUsage();
    while (instructions < 10_000_000) instructions += run(code, registers);
    best = Math.min(best, (process.cpuUsage(start).user * 1e3) / instructions);
  }
  product *= best;
  console.log(`${name.padEnd(48)} ${best.toFixed(2)} ns`);
}
console.log(`${'geometric mean'.padEnd(48)} ${(product ** (1 / Object.keys(LOOPS).length)).toFixed(2)} ns`);
