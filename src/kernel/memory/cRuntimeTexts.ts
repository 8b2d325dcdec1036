/**
 * The functions of the C runtime for zero-terminated texts that the kernel exports, of one and of two bytes a character.
 * Implements the pages of string.h and wchar.h of the C runtime reference.
 */

import type { Address } from '../../memory/index.ts';
import { declareFunction } from '../declaration.ts';
import type { TextPointer } from '../edge.ts';
import type { Kernel } from '../kernel.ts';
import type { Wide } from './poolFunctions.ts';
import { TerminatedText } from './terminatedText.ts';

const anyLevel = { irql: 'any', waits: 'never', since: '2000' } as const;
type Width = 1 | 2;
/** Where the reference says what a text of that width is. */
const pageOf = (width: Width): string =>
  width === 1 ? 'wdm/nf-wdm-rtlinitansistring' : 'wdm/nf-wdm-rtlinitunicodestring';
const typeOf = (width: Width): string => (width === 1 ? 'PCSTR' : 'PCWSTR');
/** errno_t of the functions with a size. */
const EINVAL = 22;
const ERANGE = 34;

function comparison(name: string, width: Width, fold: boolean) {
  return declareFunction('ntoskrnl', {
    ...anyLevel,
    prototype: `INT ${name}(${typeOf(width)} string1, ${typeOf(width)} string2)`,
    page: pageOf(width),
    implement: (kernel: Kernel) => {
      const texts = new TerminatedText(kernel, name, width);
      return (string1: TextPointer, string2: TextPointer) =>
        texts.compare(string1, string2, Number.POSITIVE_INFINITY, fold);
    },
  });
}

function boundedComparison(name: string, width: Width, fold: boolean) {
  return declareFunction('ntoskrnl', {
    ...anyLevel,
    prototype: `INT ${name}(${typeOf(width)} string1, ${typeOf(width)} string2, SIZE_T count)`,
    page: pageOf(width),
    implement: (kernel: Kernel) => {
      const texts = new TerminatedText(kernel, name, width);
      return (string1: TextPointer, string2: TextPointer, count: Wide) =>
        texts.compare(string1, string2, Number(count), fold);
    },
  });
}

/** Copies behind `offset` characters: those of the destination for the functions that append. */
function copying(name: string, width: Width, append: boolean) {
  return declareFunction('ntoskrnl', {
    ...anyLevel,
    prototype: `PVOID ${name}(PVOID dest, ${typeOf(width)} src)`,
    page: pageOf(width),
    implement: (kernel: Kernel) => {
      const texts = new TerminatedText(kernel, name, width);
      return (dest: Address, src: TextPointer): Address => {
        const offset = append ? texts.length(dest) * width : 0;
        texts.copy(dest + offset, src, texts.length(src) + 1);
        return dest;
      };
    },
  });
}

/** Copies at most `count` characters; a shorter text is filled up with zeros, a longer one gets none. */
function boundedCopy(name: string, width: Width) {
  return declareFunction('ntoskrnl', {
    ...anyLevel,
    prototype: `PVOID ${name}(PVOID dest, ${typeOf(width)} src, SIZE_T count)`,
    page: pageOf(width),
    implement: (kernel: Kernel) => {
      const texts = new TerminatedText(kernel, name, width);
      return (dest: Address, src: TextPointer, count: Wide): Address => {
        const length = texts.length(src, Number(count));
        texts.copy(dest, src, length);
        for (let index = length; index < Number(count); index++) texts.set(dest + index * width, 0);
        return dest;
      };
    },
  });
}

/** Appends at most `count` characters and a zero. */
function boundedAppend(name: string, width: Width) {
  return declareFunction('ntoskrnl', {
    ...anyLevel,
    prototype: `PVOID ${name}(PVOID dest, ${typeOf(width)} src, SIZE_T count)`,
    page: pageOf(width),
    implement: (kernel: Kernel) => {
      const texts = new TerminatedText(kernel, name, width);
      return (dest: Address, src: TextPointer, count: Wide): Address => {
        const length = texts.length(src, Number(count));
        const end = dest + texts.length(dest) * width;
        texts.copy(end, src, length);
        texts.set(end + length * width, 0);
        return dest;
      };
    },
  });
}

/** The copy, or the appending, that knows the size of the buffer in characters. */
function sizedCopy(name: string, width: Width, append: boolean) {
  return declareFunction('ntoskrnl', {
    ...anyLevel,
    prototype: `INT ${name}(PVOID dest, SIZE_T size, ${typeOf(width)} src)`,
    page: pageOf(width),
    implement: (kernel: Kernel) => {
      const texts = new TerminatedText(kernel, name, width);
      return (dest: Address, size: Wide, src: TextPointer): number => {
        const room = Number(size);
        if (dest === 0 || room === 0) return EINVAL;
        if (Number(src) === 0) {
          texts.set(dest, 0);
          return EINVAL;
        }
        const offset = append ? texts.length(dest, room) : 0;
        const length = texts.length(src, room);
        if (offset + length >= room) {
          texts.set(dest, 0);
          return offset >= room ? EINVAL : ERANGE;
        }
        texts.copy(dest + offset * width, src, length + 1);
        return 0;
      };
    },
  });
}

/** The first or the last place of a character, NULL where there is none; the zero counts. */
function search(name: string, width: Width, last: boolean) {
  return declareFunction('ntoskrnl', {
    ...anyLevel,
    prototype: `PVOID ${name}(${typeOf(width)} str, ${width === 1 ? 'INT' : 'WCHAR'} c)`,
    page: pageOf(width),
    implement: (kernel: Kernel) => {
      const texts = new TerminatedText(kernel, name, width);
      return (str: TextPointer, c: number): Address => {
        const wanted = width === 1 ? c & 0xff : c & 0xffff;
        let found = 0;
        for (let at: number = str; ; at += width) {
          const unit = texts.get(at);
          if (unit === wanted) {
            found = at;
            if (!last) return found;
          }
          if (unit === 0) return found;
        }
      };
    },
  });
}

/** The first place of a text in another, NULL where there is none. */
function searchText(name: string, width: Width) {
  return declareFunction('ntoskrnl', {
    ...anyLevel,
    prototype: `PVOID ${name}(${typeOf(width)} str, ${typeOf(width)} strSearch)`,
    page: pageOf(width),
    implement: (kernel: Kernel) => {
      const texts = new TerminatedText(kernel, name, width);
      return (str: TextPointer, strSearch: TextPointer): Address => {
        const wanted = texts.length(strSearch);
        for (let at: number = str; ; at += width) {
          if (texts.compare(at, strSearch, wanted, false) === 0) return at;
          if (texts.get(at) === 0) return 0;
        }
      };
    },
  });
}

function boundedLength(name: string, width: Width) {
  return declareFunction('ntoskrnl', {
    ...anyLevel,
    prototype: `SIZE_T ${name}(${typeOf(width)} str, SIZE_T maximum)`,
    page: pageOf(width),
    implement: (kernel: Kernel) => {
      const texts = new TerminatedText(kernel, name, width);
      return (str: TextPointer, maximum: Wide) => texts.length(str, Number(maximum));
    },
  });
}

function caseChange(name: string, width: Width, upper: boolean) {
  return declareFunction('ntoskrnl', {
    ...anyLevel,
    prototype: `PVOID ${name}(PVOID str)`,
    page: pageOf(width),
    implement: (kernel: Kernel) => {
      const texts = new TerminatedText(kernel, name, width);
      return (str: Address): Address =>
        texts.map(str, (unit) => (upper ? texts.upper(unit) : texts.lower(unit)));
    },
  });
}

/** Compares zero-terminated texts. C runtime. */
export const strcmp = comparison('strcmp', 1, false);

/** Compares zero-terminated texts without regard to case. C runtime. */
export const _stricmp = comparison('_stricmp', 1, true);

/** Compares at most `count` characters. C runtime. */
export const strncmp = boundedComparison('strncmp', 1, false);

/** Compares at most `count` characters without regard to case. C runtime. */
export const _strnicmp = boundedComparison('_strnicmp', 1, true);

/** Compares zero-terminated UTF-16 texts. C runtime. */
export const wcscmp = comparison('wcscmp', 2, false);

/** Compares at most `count` characters. C runtime. */
export const wcsncmp = boundedComparison('wcsncmp', 2, false);

/** Compares at most `count` characters without regard to case. C runtime. */
export const _wcsnicmp = boundedComparison('_wcsnicmp', 2, true);

/** Copies a text; returns the destination. C runtime. */
export const wcscpy = copying('wcscpy', 2, false);

/** Appends a text; returns the destination. C runtime. */
export const strcat = copying('strcat', 1, true);

/** Copies at most `count` characters, filled up with zeros. C runtime. */
export const strncpy = boundedCopy('strncpy', 1);

/** Appends at most `count` characters and a zero. C runtime. */
export const strncat = boundedAppend('strncat', 1);

/** Copies a text into a buffer of `size` characters; ERANGE where it does not fit, EINVAL for NULL. C runtime. */
export const strcpy_s = sizedCopy('strcpy_s', 1, false);

/** Appends a text in a buffer of `size` characters; ERANGE where it does not fit, EINVAL for NULL. C runtime. */
export const strcat_s = sizedCopy('strcat_s', 1, true);

/** The first place of a character, or NULL. C runtime. */
export const strchr = search('strchr', 1, false);

/** The last place of a character, or NULL. C runtime. */
export const strrchr = search('strrchr', 1, true);

/** The first place of a text, or NULL. C runtime. */
export const strstr = searchText('strstr', 1);

/** Characters before the zero, at most `maximum`. C runtime. */
export const strnlen = boundedLength('strnlen', 1);

/** Makes a text lower case in place; returns it. C runtime. */
export const _strlwr = caseChange('_strlwr', 1, false);

/** Appends a text; returns the destination. C runtime. */
export const wcscat = copying('wcscat', 2, true);

/** Copies at most `count` characters, filled up with zeros. C runtime. */
export const wcsncpy = boundedCopy('wcsncpy', 2);

/** Appends at most `count` characters and a zero. C runtime. */
export const wcsncat = boundedAppend('wcsncat', 2);

/** Copies a text into a buffer of `size` characters; ERANGE where it does not fit, EINVAL for NULL. C runtime. */
export const wcscpy_s = sizedCopy('wcscpy_s', 2, false);

/** Appends a text in a buffer of `size` characters; ERANGE where it does not fit, EINVAL for NULL. C runtime. */
export const wcscat_s = sizedCopy('wcscat_s', 2, true);

/** The first place of a character, or NULL. C runtime. */
export const wcschr = search('wcschr', 2, false);

/** The last place of a character, or NULL. C runtime. */
export const wcsrchr = search('wcsrchr', 2, true);

/** The first place of a text, or NULL. C runtime. */
export const wcsstr = searchText('wcsstr', 2);

/** Characters before the zero, at most `maximum`. C runtime. */
export const wcsnlen = boundedLength('wcsnlen', 2);

/** Makes a text lower case in place; returns it. C runtime. */
export const _wcslwr = caseChange('_wcslwr', 2, false);

/** Makes a text upper case in place; returns it. C runtime. */
export const _wcsupr = caseChange('_wcsupr', 2, true);
