/** Which generations a job writes, and by which plans, as of the opening of a session; an epoch is committed under that. */
import type { ControlStore, EpochCommit } from '../../core/ports/control-store.ts'
import type { WrittenGeneration } from '../../core/ports/rerun-store.ts'
import { firstGeneration } from '../../schemas/tables.ts'
import type { Pipeline } from '../plan/draft.ts'
import type { BesideGeneration } from './generations-plan.ts'

/** Plans of this release and of earlier ones, by their version. */
export interface PlanVersions {
  /** @throws PlanNotFoundError, PlanCorruptError */
  load(version: string): Promise<Pipeline>
}

export interface JobWriting {
  /** `sinks`: those that the base writes still; null: all of the plan. */
  readonly base: {
    readonly pipeline: Pipeline
    readonly generation: number
    readonly sinks: WrittenGeneration['sinks'] | null
  }
  readonly beside: readonly BesideGeneration[]
  /** What an epoch is committed under; undefined where the job knows of one generation only. */
  readonly writing: EpochCommit['writing']
}

export async function openWriting(options: {
  readonly plan: Pipeline
  readonly generation?: number
  readonly versions?: PlanVersions
  readonly store: Pick<ControlStore, 'writing'>
  readonly dataSets: Readonly<Record<string, string>>
}): Promise<JobWriting> {
  const { plan, versions, store, dataSets, generation = firstGeneration } = options
  if (versions === undefined) {
    return { base: { pipeline: plan, generation, sinks: null }, beside: [], writing: undefined }
  }
  const { name } = plan.plan
  const { revision, generations } = await store.writing(name)
  const load = (version: string | null) => (version === null ? plan : versions.load(version))
  const [base, ...others] = generations
  if (base === undefined) throw new RangeError(`the jobs of '${name}' are to write no generation`)
  const beside = await Promise.all(
    others.map(async (written): Promise<BesideGeneration> => {
      const pipeline = await load(written.plan)
      return { written, pipeline, plan: pipeline.hash(dataSets) }
    }),
  )
  return {
    base: { pipeline: await load(base.plan), generation: base.generation, sinks: base.sinks },
    beside,
    writing: { pipeline: name, revision },
  }
}
