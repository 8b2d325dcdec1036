/** What can be wrong with a machine directory. */

import { NdisboxError } from '../../kernel/index.ts';

/** Every code of {@link DirectoryError}. */
export type DirectoryErrorCode =
  | 'DIRECTORY_MISSING'
  | 'DIRECTORY_FOREIGN'
  | 'DIRECTORY_DAMAGED'
  | 'DIRECTORY_LOCKED'
  | 'DIRECTORY_CHANGED'
  | 'DIRECTORY_FAILED';

/** A machine directory that cannot be read or written. */
export class DirectoryError extends NdisboxError {
  constructor(code: DirectoryErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
    this.name = 'DirectoryError';
  }
}
