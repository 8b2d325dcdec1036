/**
 * The 5.1 driver of the teaching device in C (mingw-w64), by the suite of its younger kin. What differs: it asks for no
 * messages, which came with NDIS 6, so a device that could send them interrupts by its pin (once is enough: `msi` is left
 * out); and it has a keyword in place of OID_GEN_INTERRUPT_MODERATION, which came with NDIS 6, too. No test is skipped.
 */

import { cardportSuite } from './support/cardportSuite.ts';
import { buildWithMingw, hasMingw, MINIPORT51 } from './support/mingw.ts';

const limits = { lineOnly: true, moderatesByKeyword: true };

if (hasMingw) {
  cardportSuite('cardport51 in C', () => buildWithMingw('cardport51', MINIPORT51), limits);
  cardportSuite(
    'cardport51 in C without scatter/gather lists',
    () => buildWithMingw('cardport51', [...MINIPORT51, 'CARDPORT51_COPIES']),
    limits,
  );
}
