/**
 * The 5.1 driver of the teaching device in C (mingw-w64), by the suite of its elders. It asks for no messages, which came
 * with NDIS 6, so it gets the pin in every mode; it knows no OID_GEN_INTERRUPT_MODERATION, which did, too, and has a
 * keyword. Nothing of the suite is skipped.
 */

import { cardportSuite } from './support/cardportSuite.ts';
import { buildWithMingw, hasMingw, MINIPORT51 } from './support/mingw.ts';

if (hasMingw)
  cardportSuite('cardport51 in C', () => buildWithMingw('cardport51', MINIPORT51), {
    lineOnly: true,
    moderatesByKeyword: true,
  });
