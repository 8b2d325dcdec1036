import { cardportSuite } from '../../test/support/cardportSuite.ts';
import { compiled } from '../../test/support/twins.ts';
import { cardport } from './cardport.ts';

cardportSuite('cardport in TypeScript', () => cardport);
cardportSuite('cardport in C', () => compiled('cardport', 'optimised-guarded'));
