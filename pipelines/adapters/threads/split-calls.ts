/** What the thread that starts a run and the threads that run its splits ask of each other. */
import type { BoundedResult } from '../../runtime/bounded/result.ts'
import type { BoundedSummary } from '../../runtime/bounded/run-bounded.ts'
import type { Split } from '../../runtime/bounded/split.ts'

export interface SplitProgram {
  /** Address of the module, as `import` takes it. */
  readonly module: string
  /** Under which it exports its program. */
  readonly export: string
  readonly stateMaxBytes: number | null
}

/** Answered by the thread of a split. One split at a time. */
export interface ThreadCalls {
  run(program: SplitProgram, split: Split): Promise<BoundedSummary>
}

/** Answered by the thread that started the run. */
export interface HostCalls {
  /** Kept when whoever takes results has taken these. */
  take(split: string, results: readonly BoundedResult[]): Promise<void>
}

/** Batches of results of a thread that nobody has taken yet, at most; at the limit it waits. */
export const untakenBatchesMax = 2
