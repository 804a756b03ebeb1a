/** Opens one partition of a job from its committed position: checkpoint, state, compiled plan, reader. */
import { CorruptCheckpointError } from '../../core/errors.ts'
import type { Offset } from '../../core/ids.ts'
import type { JobPosition } from '../../core/ports/control-store.ts'
import type { Feed } from '../../core/ports/feed.ts'
import type { ObjectStore } from '../../core/ports/object-store.ts'
import type { WrittenGeneration } from '../../core/ports/rerun-store.ts'
import type { TableName } from '../../core/tables.ts'
import { decodeGraphState } from '../../schemas/avro/graph-state.ts'
import { Watermark } from '../core/watermark.ts'
import type { Pipeline } from '../plan/draft.ts'
import type { DedupeStep, ReadStep } from '../plan/node/step.ts'
import type { RunFacts } from '../plan/sinks.ts'
import { readCheckpoint, removeOldCheckpoints, statePrefix, windowsPlanName, windowsStateName } from './checkpoints.ts'
import { type CompileOptions, compilePlan } from './compile-plan.ts'
import type { EpochOutput } from './epoch-output.ts'
import { type BesideGeneration, compileGenerations } from './generations-plan.ts'
import { graphPlan } from './graph-plan.ts'
import { expectWindowSteps, heirsOf } from './kept-state.ts'
import type { GraphState } from './operators/plan-graph.ts'
import { Partition } from './partition.ts'
import { isFast } from './plan-parts.ts'
import type { OpenState, StepState } from './state.ts'

export interface OpenPartitionOptions {
  /** Of the base generation: its steps keep the state. */
  readonly pipeline: Pipeline
  readonly beside: readonly BesideGeneration[]
  /** Those that the base writes still; null: all of the plan. */
  readonly baseSinks: WrittenGeneration['sinks'] | null
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
  const expected = { job, source: feed.source, partition, next }
  const saved = checkpoint === null ? {} : (await readCheckpoint(objects, checkpoint, expected)).steps
  const { [windowsStateName]: bytes = null, [windowsPlanName]: by = null, ...ofSteps } = saved
  const windows = bytes === null ? null : readWindows(checkpoint ?? '', bytes)
  const dedupes = pipeline.plan.steps.filter((step): step is DedupeStep => step.kind === 'dedupe')
  const isOfWindows = !isFast(pipeline.plan)
  if (!isOfWindows && windows !== null) expectWindowSteps([], windows, `job '${job}'`)
  const savedAs = heirsOf(dedupes, Object.keys(ofSteps), `job '${job}'`)
  const stateMaxBytes = Math.floor(options.stateMaxBytes / (dedupes.length + (isOfWindows ? 1 : 0)))
  const states = await openStates({ ...options, stateMaxBytes }, dedupes, { ofSteps, savedAs })
  try {
    const watermark = new Watermark(watermarkDelayMs(pipeline), committed.watermark)
    const compile = (compiled: CompileOptions) =>
      isOfWindows
        ? graphPlan({ ...compiled, job, stateMaxBytes, saved: windows && { state: windows, plan: by } })
        : compilePlan(compiled)
    const plan = compileGenerations({ ...options, states, watermark, compile })
    const reader = await feed.read(partition, next)
    const { stopAt, output } = options
    const { source } = feed
    return new Partition({ source, committed, reader, plan, states, savedAs, watermark, output, stopAt })
  } catch (error) {
    await Promise.allSettled([...states.values()].map((state) => state.close()))
    throw error
  }
}

interface SavedStates {
  readonly ofSteps: Readonly<Record<string, Uint8Array>>
  readonly savedAs: ReadonlyMap<string, string>
}

async function openStates(
  options: OpenPartitionOptions,
  steps: readonly DedupeStep[],
  { ofSteps, savedAs }: SavedStates,
): Promise<ReadonlyMap<string, StepState>> {
  const { job, committed, stateMaxBytes: limitBytes } = options
  const states = new Map<string, StepState>()
  try {
    for (const step of steps) {
      // Its objects stay in the folder they are in, so a renamed step's state keeps its first name among what is saved.
      const name = savedAs.get(step.name) ?? step.name
      const prefix = statePrefix(job, committed.partition, name)
      states.set(step.name, await options.openState({ job, step, prefix, saved: ofSteps[name] ?? null, limitBytes }))
    }
  } catch (error) {
    await Promise.allSettled([...states.values()].map((state) => state.close()))
    throw error
  }
  return states
}

/** @throws CorruptCheckpointError where the state is of a form that this release does not know */
function readWindows(checkpoint: string, saved: Uint8Array): GraphState {
  try {
    return decodeGraphState(saved)
  } catch (error) {
    if (error instanceof RangeError) throw new CorruptCheckpointError(checkpoint, error.message)
    throw error
  }
}

function watermarkDelayMs(pipeline: Pipeline): number {
  return pipeline.plan.steps.find((step): step is ReadStep => step.kind === 'read')?.watermarkDelayMs ?? 0
}
