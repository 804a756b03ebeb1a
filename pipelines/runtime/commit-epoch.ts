/**
 * The end of an epoch (design.md, section 4): stage every sink that has rows, store a checkpoint of every partition that
 * moved, then ONE control-store transaction. Before it nothing of the epoch counts, after it all of it does. Where it is
 * not known which, `OutcomeUnknownError` says so and keeps what would be needed if it did commit.
 */
import { PlatformError, StaleEpochError } from '../../core/errors.ts'
import type { ControlStore, EpochCommit, JobPosition } from '../../core/ports/control-store.ts'
import type { LakeWriter, StagedFile } from '../../core/ports/lake.ts'
import type { ObjectStore } from '../../core/ports/object-store.ts'
import { checkpointName, windowsPlanName, windowsStateName, writeCheckpoint } from './checkpoints.ts'
import type { EpochOutput } from './epoch-output.ts'
import type { Partition } from './partition.ts'
import type { BooksKeeping, EpochFacts } from './runner-options.ts'

/**
 * Rows of one staged file. The lake holds all rows of a file at once while it writes it, and an epoch of a cluster may have
 * several times as many.
 */
export const stagedFileMaxRows = 50_000

export interface CommitParts {
  readonly job: string
  readonly source: string
  /** Hash of the plan. */
  readonly plan: string
  readonly fence: number
  readonly books: BooksKeeping
  /** What it was made by; undefined: one generation, always. */
  readonly writing: EpochCommit['writing']
  /** Undefined: it looked up no erasures. */
  readonly erasuresKnown: EpochCommit['erasuresKnown']
  readonly droppedDays: NonNullable<EpochCommit['droppedDays']>
  /** Rises with every attempt under one fence, so that no attempt writes over the files of another. */
  readonly attempt: number
  readonly store: Pick<ControlStore, 'commitEpoch'>
  readonly lake: Pick<LakeWriter, 'stage' | 'discard'>
  readonly objects: ObjectStore
}

export interface CommittedEpoch {
  readonly commit: number
  readonly positions: readonly JobPosition[]
  /** Objects that nothing needs any more. */
  readonly obsolete: readonly string[]
  readonly staged: readonly StagedFile[]
}

/** The transaction may have happened or not: ask the store for its positions. */
export class OutcomeUnknownError extends Error {
  override readonly name = 'OutcomeUnknownError'
  /** What to tell if it did. */
  facts: EpochFacts | null = null
  constructor(
    readonly epoch: Omit<CommittedEpoch, 'commit'>,
    readonly discard: () => Promise<void>,
    options: ErrorOptions,
  ) {
    super('whether an epoch was committed is not known; the control store is asked next', options)
  }
}

/** @throws OutcomeUnknownError, what the store refuses it with, or what staging throws; in the latter two nothing is left of the epoch */
export async function commitEpoch(
  parts: CommitParts,
  output: EpochOutput,
  partitions: readonly Partition[],
): Promise<CommittedEpoch> {
  const made: { readonly staged: string[]; readonly objects: string[] } = { staged: [], objects: [] }
  const discard = async () => {
    await Promise.allSettled([
      ...made.staged.map((name) => parts.lake.discard(name)),
      ...made.objects.map((name) => parts.objects.remove(name)),
    ])
  }
  let epoch: Omit<CommittedEpoch, 'commit'>
  let commit: EpochCommit
  try {
    const staged = await stageAll(parts, output, made.staged)
    const saved = await saveAll(parts, partitions, made.objects)
    const { obsolete, positions } = saved
    epoch = { positions, obsolete, staged }
    const moves = positions.map((position, i) => ({ ...position, from: (partitions[i] as Partition).committed.next }))
    const { job, source, plan, fence, writing, erasuresKnown, droppedDays } = parts
    const touched = output.touched.list()
    const books = parts.books === 'kept' ? output.books.deltas() : []
    commit = {
      ...{ job, source, plan, fence, partitions: moves, staged, touched, books },
      ...(writing && { writing }),
      ...(erasuresKnown !== undefined && { erasuresKnown, droppedDays }),
    }
  } catch (error) {
    await discard()
    throw error
  }
  try {
    return { ...(await parts.store.commitEpoch(commit)), ...epoch }
  } catch (error) {
    if (!isRefusal(error)) throw new OutcomeUnknownError(epoch, discard, { cause: error })
    await discard()
    throw error
  }
}

async function stageAll(parts: CommitParts, output: EpochOutput, made: string[]): Promise<readonly StagedFile[]> {
  const staged: StagedFile[] = []
  for (const sink of output.filled()) {
    sink.check()
    const { name } = sink.table
    const files = `staged/${name}/${parts.job}-${parts.fence}-${String(parts.attempt).padStart(10, '0')}`
    for (let from = 0; from < sink.rows.length; from += stagedFileMaxRows) {
      const file = from === 0 ? `${files}.parquet` : `${files}-${from / stagedFileMaxRows}.parquet`
      made.push(file)
      staged.push(await parts.lake.stage(name, file, sink.rows.slice(from, from + stagedFileMaxRows)))
    }
  }
  return staged
}

async function saveAll(parts: CommitParts, partitions: readonly Partition[], made: string[]) {
  const { job, source, plan, fence, objects, attempt } = parts
  const positions: JobPosition[] = []
  const obsolete: string[] = []
  for (const partition of partitions) {
    const { number, next, received, forwarded, committed, watermark, windows } = partition
    const steps: Record<string, Uint8Array> = {}
    for (const [step, state] of partition.parts.states) {
      const { saved, obsolete: old } = await state.checkpoint()
      steps[partition.parts.savedAs.get(step) ?? step] = saved
      obsolete.push(...old)
    }
    if (windows !== null) {
      steps[windowsStateName] = windows.save()
      steps[windowsPlanName] = windows.plan
    }
    const again = next === committed.next ? { again: attempt } : {}
    const checkpoint = checkpointName(job, number, { next, fence, ...again })
    made.push(checkpoint)
    await writeCheckpoint(objects, checkpoint, { plan, job, source, partition: number, next, steps })
    if (committed.checkpoint !== null) obsolete.push(committed.checkpoint)
    positions.push({ partition: number, next, checkpoint, watermark, received, forwarded })
  }
  return { positions, obsolete }
}

/** Whether the store has said no, so that it is certain that nothing happened. */
function isRefusal(error: unknown): boolean {
  return error instanceof StaleEpochError || (error instanceof PlatformError && error.retry === 'afterBackoff')
}
