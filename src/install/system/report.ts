/** What an installation did and why, as data; the command prints it. */

import type { InfWarning } from '../inf/infError.ts';
import type { BindingPath } from './bindings.ts';

/** One thing that was done. */
export interface ReportItem {
  /** A path, a key, a name. */
  readonly what: string;
  /** Why, or what it means. */
  readonly why: string;
}

/** What one command did. */
export class InstallReport {
  readonly title: string;
  readonly files: ReportItem[] = [];
  readonly services: ReportItem[] = [];
  readonly keys: ReportItem[] = [];
  readonly devices: ReportItem[] = [];
  readonly notes: string[] = [];
  warnings: readonly InfWarning[] = [];
  /** Every pair that concerns what was installed. */
  bindings: readonly BindingPath[] = [];

  constructor(title: string) {
    this.title = title;
  }
}
