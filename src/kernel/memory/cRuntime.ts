/**
 * Characters and numbers of the C runtime that the kernel exports. Implements the pages of ctype.h and
 * stdlib.h of the C runtime reference.
 */

import type { Address } from '../../memory/index.ts';
import { declareFunction } from '../declaration.ts';
import type { TextPointer } from '../edge.ts';
import type { Kernel } from '../kernel.ts';
import { requireRange } from '../process/pageFault.ts';
import { upcaseUnit } from './countedText.ts';
import type { Wide } from './poolFunctions.ts';
import { TerminatedText } from './terminatedText.ts';

const anyLevel = { irql: 'any', waits: 'never', since: '2000' } as const;
const PAGE = 'wdm/nf-wdm-rtlupcaseunicodechar';

/** Whether a character of the C locale is of a kind: nonzero where it is. */
function kind(name: string, pattern: RegExp) {
  return declareFunction('ntoskrnl', {
    ...anyLevel,
    prototype: `INT ${name}(INT c)`,
    page: PAGE,
    implement: () => (c: number) => (c >= 0 && c < 0x80 && pattern.test(String.fromCharCode(c)) ? 1 : 0),
  });
}

/** Whether a character is a decimal digit. C runtime. */
export const isdigit = kind('isdigit', /[0-9]/);
/** Whether a character is a hexadecimal digit. C runtime. */
export const isxdigit = kind('isxdigit', /[0-9a-fA-F]/);
/** Whether a character is a letter. C runtime. */
export const isalpha = kind('isalpha', /[a-zA-Z]/);
/** Whether a character is a letter or digit. C runtime. */
export const isalnum = kind('isalnum', /[a-zA-Z0-9]/);
/** Whether a character is an upper-case letter. C runtime. */
export const isupper = kind('isupper', /[A-Z]/);
/** Whether a character is a lower-case letter. C runtime. */
export const islower = kind('islower', /[a-z]/);
/** Whether a character is white space. C runtime. */
export const isspace = kind('isspace', /[\t-\r ]/);
/** Whether a character is printable. C runtime. */
export const isprint = kind('isprint', /[ -~]/);

/** A character of the C locale in upper case. C runtime. */
export const toupper = declareFunction('ntoskrnl', {
  ...anyLevel,
  prototype: 'INT toupper(INT c)',
  page: PAGE,
  implement: () => (c: number) => (c >= 0x61 && c <= 0x7a ? c - 0x20 : c),
});
/** A character of the C locale in lower case. C runtime. */
export const tolower = declareFunction('ntoskrnl', {
  ...anyLevel,
  prototype: 'INT tolower(INT c)',
  page: PAGE,
  implement: () => (c: number) => (c >= 0x41 && c <= 0x5a ? c + 0x20 : c),
});
/** A UTF-16 unit in upper case. C runtime. */
export const towupper = declareFunction('ntoskrnl', {
  ...anyLevel,
  prototype: 'WCHAR towupper(WCHAR c)',
  page: PAGE,
  implement: () => (c: number) => upcaseUnit(c),
});

function integer(name: string) {
  return declareFunction('ntoskrnl', {
    ...anyLevel,
    prototype: `LONG ${name}(PCSTR str)`,
    page: 'wdm/nf-wdm-rtlchartointeger',
    implement: (kernel: Kernel) => {
      const texts = new TerminatedText(kernel, name, 1);
      return (str: TextPointer): number => {
        let text = '';
        // White space, a sign and more digits than 32 bits hold.
        for (let index = 0; index < 64; index++) {
          const unit = texts.get(str + index);
          if (unit === 0) break;
          text += String.fromCharCode(unit);
        }
        const digits = /^[\t-\r ]*([-+]?[0-9]+)/.exec(text)?.[1] ?? '0';
        return Math.max(-0x8000_0000, Math.min(0x7fff_ffff, Number(digits)));
      };
    },
  });
}

/** The number at the start of a text; 0 where there is none, the nearest of 32 bits for a larger one. C runtime. */
export const atoi = integer('atoi');
/** The same. C runtime. */
export const atol = integer('atol');

/** The first place of a byte in a range, or NULL. C runtime. */
export const memchr = declareFunction('ntoskrnl', {
  ...anyLevel,
  prototype: 'PVOID memchr(VOID *buffer, INT c, SIZE_T count)',
  page: 'wdm/nf-wdm-rtlcomparememory',
  implement:
    (kernel: Kernel) =>
    (buffer: Address, c: number, count: Wide): Address => {
      requireRange(kernel, 'memchr: its buffer', buffer, Number(count), 'read');
      const at = kernel.memory.u8.subarray(buffer, buffer + Number(count)).indexOf(c & 0xff);
      return at < 0 ? 0 : buffer + at;
    },
});
