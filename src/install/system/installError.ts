/** What can go wrong with an installed system besides its INF files. */

import { NdisboxError } from '../../kernel/index.ts';

/** Every code of {@link InstallError}. */
export type InstallErrorCode =
  | 'INSTALL_EXISTS'
  | 'INSTALL_SERVICE_CONFLICT'
  | 'INSTALL_NOT_FOUND'
  | 'INSTALL_AMBIGUOUS'
  | 'INSTALL_NAME'
  | 'INSTALL_PROTECTED_KEY'
  | 'INSTALL_NOT_A_DEVICE'
  | 'INSTALL_NOT_BINDABLE'
  | 'INSTALL_LIMIT'
  | 'SYSTEM_DAMAGED';

/** Something about an installed system that its user can correct. */
export class InstallError extends NdisboxError {
  constructor(code: InstallErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
    this.name = 'InstallError';
  }
}
