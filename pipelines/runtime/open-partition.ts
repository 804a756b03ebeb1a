/** Opens one partition of a job from its committed position: checkpoint, state, compiled plan, reader. */
import { InvalidPlanError } from '../../core/errors.ts'
import type { Offset } from '../../core/ids.ts'
import type { JobPosition } from '../../core/ports/control-store.ts'
import type { Feed } from '../../core/ports/feed.ts'
import type { ObjectStore } from '../../core/ports/object-store.ts'
import type { TableName } from '../../core/tables.ts'
import { Watermark } from '../core/watermark.ts'
import type { Pipeline } from '../plan/draft.ts'
import type { DedupeStep, ReadStep } from '../plan/node/step.ts'
import type { RunFacts } from '../plan/sinks.ts'
import { readCheckpoint, removeOldCheckpoints, statePrefix } from './checkpoints.ts'
import { compilePlan } from './compile-plan.ts'
import type { EpochOutput } from './epoch-output.ts'
import { Partition } from './partition.ts'
import type { OpenState, StepState } from './state.ts'

export interface OpenPartitionOptions {
  readonly pipeline: Pipeline
  readonly job: string
  readonly fence: number
  readonly feed: Feed
  readonly objects: ObjectStore
  readonly openState: OpenState
  /** Of one partition's state. */
  readonly stateMaxBytes: number
  readonly facts: RunFacts
  readonly context: Readonly<Record<string, unknown>>
  readonly output: EpochOutput
  readonly tables?: readonly TableName[]
  readonly committed: JobPosition
  readonly stopAt: Offset | null
}

/**
 * @throws CorruptCheckpointError where state is gone or damaged; OffsetTrimmedError where the feed no longer has the
 * position; InvalidPlanError where the checkpoint has state of a step that the plan has no more
 */
export async function openPartition(options: OpenPartitionOptions): Promise<Partition> {
  const { job, feed, objects, committed, pipeline } = options
  const { partition, next, checkpoint } = committed
  await removeOldCheckpoints(objects, job, partition, { committed: checkpoint, fence: options.fence })
  const states = await openStates(options)
  try {
    const watermark = new Watermark(watermarkDelayMs(pipeline), committed.watermark)
    const plan = compilePlan({ ...options, states, watermark })
    const reader = await feed.read(partition, next)
    const { stopAt, output } = options
    return new Partition({ source: feed.source, committed, reader, plan, states, watermark, output, stopAt })
  } catch (error) {
    await Promise.allSettled([...states.values()].map((state) => state.close()))
    throw error
  }
}

async function openStates(options: OpenPartitionOptions): Promise<ReadonlyMap<string, StepState>> {
  const { job, feed, objects, committed, pipeline } = options
  const { partition, next, checkpoint } = committed
  const expected = { job, source: feed.source, partition, next }
  const saved = checkpoint === null ? {} : (await readCheckpoint(objects, checkpoint, expected)).steps
  const steps = pipeline.plan.steps.filter((step): step is DedupeStep => step.kind === 'dedupe')
  const lost = Object.keys(saved).find((name) => !steps.some((step) => step.name === name))
  if (lost !== undefined) {
    throw new InvalidPlanError(
      `'${lost}' has saved state in job '${job}', but the plan has no such step; give the step its name back, or rerun`,
    )
  }
  const states = new Map<string, StepState>()
  try {
    for (const step of steps) {
      const prefix = statePrefix(job, partition, step.name)
      const limitBytes = Math.floor(options.stateMaxBytes / steps.length)
      const from = saved[step.name] ?? null
      states.set(step.name, await options.openState({ job, step, prefix, saved: from, limitBytes }))
    }
  } catch (error) {
    await Promise.allSettled([...states.values()].map((state) => state.close()))
    throw error
  }
  return states
}

function watermarkDelayMs(pipeline: Pipeline): number {
  return pipeline.plan.steps.find((step): step is ReadStep => step.kind === 'read')?.watermarkDelayMs ?? 0
}
