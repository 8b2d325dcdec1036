import { cardportSuite } from '../../test/support/cardportSuite.ts';
import { cardport } from './cardport.ts';

cardportSuite('cardport in TypeScript', () => cardport);
