/** The errors of the registry's host interface: stable codes that follow the NTSTATUS of the same failure. */

import { NdisboxError } from '../errors.ts';
import {
  STATUS_KEY_DELETED,
  STATUS_OBJECT_PATH_SYNTAX_BAD,
  STATUS_REGISTRY_QUOTA_LIMIT,
} from '../generated/constants/ntstatus.ts';
import type { NTSTATUS } from '../status.ts';
import { ntstatusName } from '../statusName.ts';
import { DEEPEST_KEY, LARGEST_VALUE, LONGEST_KEY_NAME, LONGEST_VALUE_NAME } from './key.ts';

/** The error for a status. @param what what was tried, continuing "the registry cannot". */
export function registryError(status: NTSTATUS, what: string): NdisboxError {
  switch (status) {
    case STATUS_OBJECT_PATH_SYNTAX_BAD:
      return new NdisboxError('REGISTRY_PATH', `the registry cannot ${what}`);
    case STATUS_REGISTRY_QUOTA_LIMIT:
      return new NdisboxError(
        'REGISTRY_FULL',
        `the registry cannot ${what}: it is full; delete what is not needed`,
      );
    case STATUS_KEY_DELETED:
      return new NdisboxError(
        'REGISTRY_KEY_DELETED',
        `the registry cannot ${what}: the key was deleted; open it anew`,
      );
    default:
      return new NdisboxError(
        'REGISTRY_LIMIT',
        `the registry cannot ${what}: ${ntstatusName(status)}; names of keys have 1 to ${LONGEST_KEY_NAME} characters, ` +
          `names of values at most ${LONGEST_VALUE_NAME}, values at most ${LARGEST_VALUE} bytes, paths at most ${DEEPEST_KEY} keys`,
      );
  }
}
