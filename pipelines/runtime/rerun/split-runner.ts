/** Runs splits in this thread: in the process that drives reruns of a cluster, in a thread of its own (embedded), in tests. */
import type { GenerationMap } from '../../../core/generations.ts'
import type { ControlStore } from '../../../core/ports/control-store.ts'
import type { LakeWriter } from '../../../core/ports/lake.ts'
import type { RerunLake } from '../../../core/ports/rerun-lake.ts'
import type { SplitOutput, SplitWork } from '../../../core/ports/rerun-work.ts'
import type { SideInputs } from '../side-inputs.ts'
import type { PlanVersions } from '../writing.ts'
import type { FlushLimits } from './limits.ts'
import { runSplit } from './run-split.ts'
import { runSqlSplit } from './run-sql-split.ts'

export interface SplitRunner {
  /** Stages; discards what it staged where it fails. @throws the signal's reason */
  run(work: SplitWork, answers: GenerationMap, options: { readonly signal: AbortSignal }): Promise<SplitOutput>
}

export interface SplitRunnerOptions {
  readonly versions: PlanVersions
  /** For one split: nothing is kept of the split before. */
  readonly inputs: () => SideInputs
  readonly store: Pick<ControlStore, 'merchantsById' | 'erasedOf'>
  readonly lake: RerunLake
  readonly writer: Pick<LakeWriter, 'stage' | 'discard'>
  /** After each batch of so many hits: may take its time. */
  readonly pace?: (hits: number) => Promise<void>
  /** `flushLimits` where absent. */
  readonly limits?: FlushLimits
}

export function createSplitRunner(options: SplitRunnerOptions): SplitRunner {
  const { versions, inputs, store, lake, writer, pace = async () => {} } = options
  const limits = options.limits === undefined ? {} : { limits: options.limits }
  return {
    async run(work, answers, { signal }) {
      signal.throwIfAborted()
      const { methods, split, request } = work
      const { sql } = lake
      // Refused hits are no rows of hits: they go through the plan.
      if (methods.hourly === 'sql' && !request.sinks.includes('hits') && split.rows.table === 'hits' && sql !== null) {
        return runSqlSplit({ store, writer, answers, pace, sql }, work, signal)
      }
      const pipeline = await versions.load(request.plan)
      return runSplit({ pipeline, inputs: inputs(), store, lake, writer, answers, pace, ...limits }, work, signal)
    },
  }
}
