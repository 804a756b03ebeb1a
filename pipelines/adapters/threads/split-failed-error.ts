import { PlatformError } from '../../../core/errors.ts'
import type { Split } from '../../runtime/bounded/split.ts'

/** A split could not be run to its end. What the run has given so far is to be thrown away; `cause` says why. */
export class SplitFailedError extends PlatformError {
  readonly code = 'SPLIT_FAILED'
  readonly retry = 'afterBackoff'
  constructor(
    readonly split: Split,
    cause: unknown,
  ) {
    super(`split '${split.name}' failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}
