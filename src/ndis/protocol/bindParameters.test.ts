/** The header of NDIS_BIND_PARAMETERS follows the version of the protocol (ndis/ns-ndis-_ndis_bind_parameters). */

import { expect, test } from 'vitest';
import { bindParametersHeader } from './bindParameters.ts';

test.each([
  [0, 1, 0xf8],
  [1, 2, 0x100],
  [20, 3, 0x118],
  [30, 4, 0x138],
  [85, 4, 0x138],
])('a protocol for NDIS 6.%i gets revision %i', (minorVersion, Revision, Size) => {
  expect(bindParametersHeader(minorVersion)).toMatchObject({ Revision, Size });
});
