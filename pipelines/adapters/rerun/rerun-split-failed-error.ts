import { PlatformError } from '../../../core/errors.ts'

/** The thread that ran the split died. What it had staged is nobody's; the split can be run again. */
export class RerunSplitFailedError extends PlatformError {
  readonly code = 'RERUN_SPLIT_FAILED'
  readonly retry = 'afterBackoff'
  constructor(
    readonly split: string,
    cause: Error,
  ) {
    super(`split '${split}' failed: ${cause.message}`, { cause })
  }
}
