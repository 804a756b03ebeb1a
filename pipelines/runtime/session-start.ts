/** What a session begins with, and the error by which it says that state has no room. */
import type { StateLimitError } from '../../core/errors.ts'
import type { Offset } from '../../core/ids.ts'
import type { JobPosition } from '../../core/ports/control-store.ts'
import type { CommittedEpoch } from './commit-epoch.ts'
import type { EpochFacts } from './runner-options.ts'

/** The state of a partition has no room for the record at `offset`; everything before it can be processed. */
export class StateFullError extends Error {
  override readonly name = 'StateFullError'
  constructor(
    readonly partition: number,
    readonly offset: Offset,
    override readonly cause: StateLimitError,
  ) {
    super(cause.message)
  }
}

export interface SessionStart {
  readonly job: string
  readonly fence: number
  /** Of the partitions to work on. */
  readonly positions: readonly JobPosition[]
  /** By partition: records from here on are left alone for now. */
  readonly stopAt: ReadonlyMap<number, Offset>
  readonly nextAttempt: () => number
  /** What `stop` asks for: all that is durable at that moment, or only what was processed by then. */
  readonly stopAfter: 'what is durable' | 'what was processed'
  readonly onCommitted: (epoch: CommittedEpoch, facts: EpochFacts) => void
  readonly onPartitionFailed: (error: unknown) => void
}
