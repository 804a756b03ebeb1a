/** The part of recovery that commits epochs again: under fences above all there were, each lost epoch as it was. */
import { JournalGapError } from '../../../core/errors.ts'
import type { ClusterStore } from '../../../core/ports/cluster-store.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import { readEntry } from './entries.ts'
import { inParallel } from './in-parallel.ts'
import type { Journal } from './journal.ts'
import { countOf, fenceFolder, holderOf, kindFolder, timeOf } from './names.ts'
import { type IndexedEpoch, placeKey, planEpochs, type Standing } from './plan-epochs.ts'

/** Fencing numbers drawn to come above those of the journal: one for each time partitions were taken since the copy. */
export const maxFenceRaises = 100_000

export interface EpochParts {
  readonly store: ClusterStore
  readonly objects: ObjectStore
  readonly journal: Journal
  /** Who takes the partitions. */
  readonly owner: string
}

/** The journal's epochs written at `since` or later. */
export async function indexEpochs(objects: ObjectStore, since: number): Promise<readonly IndexedEpoch[]> {
  const names = (await objects.list(kindFolder('epochs'))).filter((name) => timeOf(name) >= since)
  const index = await inParallel(names, async (name): Promise<readonly IndexedEpoch[]> => {
    const entry = await readEntry(objects, name, 'epoch')
    if (entry === undefined) return [] // it expired meanwhile
    const { job, source, fence, partitions, staged, writing, erasuresKnown } = entry.commit
    const moves = partitions.map(({ partition, from, next, checkpoint }) => ({
      partition,
      from,
      next,
      checkpoint,
      started: entry.started[partition],
    }))
    const facts = { name, stamp: entry.stamp, job, source, fence, moves, writing, erasuresKnown }
    return [{ ...facts, staged: staged.map((file) => file.name) }]
  })
  return index.flat()
}

/**
 * Takes all partitions of each job's newest source that the journal knows to have been taken, under fences above all of
 * the journal: from here on nobody of before commits.
 */
export async function raiseJobFences({ store, objects, journal, owner }: EpochParts): Promise<void> {
  const jobs = new Map<string, string[]>()
  for (const name of await objects.list(fenceFolder('jobs'))) {
    jobs.set(holderOf(name), [...(jobs.get(holderOf(name)) ?? []), name])
  }
  for (const [job, names] of jobs) {
    const entries = (await inParallel(names, (name) => readEntry(objects, name, 'taken'))).filter(
      (entry) => entry !== undefined,
    )
    const source = entries.at(-1)?.source
    if (source === undefined) continue
    const ofSource = entries.filter((entry) => entry.source === source)
    const partitions = [...new Set(ofSource.flatMap((entry) => entry.partitions))].sort((a, b) => a - b)
    const highest = countOf(names.at(-1) ?? '').count
    for (let raised = 0; ; raised++) {
      const { fence } = await store.acquirePartitions(job, source, owner, partitions)
      if (fence > highest) {
        await journal.taken(job, fence, source, partitions)
        break
      }
      if (raised >= maxFenceRaises) throw new JournalGapError(`fence ${fence} of ${job} is too far below ${highest}`)
    }
  }
}

export interface Takings {
  readonly standing: ReadonlyMap<string, Standing>
  /** Makes the source the job's, where it is not, and returns the fence its partitions are stamped with. */
  fence(job: string, source: string): Promise<number>
  /** Leaves each job with the source of its newest entry. */
  settle(): Promise<void>
}

/** Takes the partitions that the entries move, and learns where they stand. */
export async function takePartitions(
  { store, journal, owner }: EpochParts,
  index: readonly IndexedEpoch[],
): Promise<Takings> {
  const standing = new Map<string, Standing>()
  const current = new Map<string, { readonly source: string; readonly fence: number }>()
  const sources = sourcesOf(index)

  async function take(job: string, source: string): Promise<number> {
    const partitions = sources.find((each) => each.job === job && each.source === source)?.partitions ?? []
    const { fence, positions } = await store.acquirePartitions(job, source, owner, partitions)
    await journal.taken(job, fence, source, partitions)
    for (const { partition, next, checkpoint } of positions) {
      standing.set(placeKey(job, source, partition), { next, checkpoint })
    }
    current.set(job, { source, fence })
    return fence
  }

  for (const { job, source } of sources) await take(job, source)
  return {
    standing,
    async fence(job, source) {
      const known = current.get(job)
      return known?.source === source ? known.fence : take(job, source)
    },
    async settle() {
      const newest = new Map(sources.map(({ job, source }) => [job, source]))
      for (const [job, source] of newest) if (current.get(job)?.source !== source) await take(job, source)
    },
  }
}

/** Where the newest source of each job stands, without taking anything. */
export async function standingNow(
  store: Pick<ClusterStore, 'versionsSince'>,
  index: readonly IndexedEpoch[],
): Promise<ReadonlyMap<string, Standing>> {
  const newest = new Map(sourcesOf(index).map(({ job, source }) => [job, source]))
  const { positions } = await store.versionsSince(Number.MAX_SAFE_INTEGER)
  return new Map(
    positions.flatMap(({ job, partition, next, checkpoint }) => {
      const source = newest.get(job)
      return source === undefined ? [] : [[placeKey(job, source, partition), { next, checkpoint }] as const]
    }),
  )
}

/** Only what was read of the newest source of each job. */
export function ofNewestSources(index: readonly IndexedEpoch[]): readonly IndexedEpoch[] {
  const newest = new Map(sourcesOf(index).map(({ job, source }) => [job, source]))
  return index.filter(({ job, source }) => newest.get(job) === source)
}

export function plan(
  objects: ObjectStore,
  index: readonly IndexedEpoch[],
  facts: { readonly standing: ReadonlyMap<string, Standing>; readonly published: ReadonlySet<string> },
): Promise<readonly IndexedEpoch[]> {
  return planEpochs(index, { ...facts, exists: async (name) => (await objects.size(name)) !== undefined })
}

/** Commits the planned epochs, in order. */
export async function commitAgain(
  { store, objects }: EpochParts,
  takings: Takings,
  planned: readonly IndexedEpoch[],
): Promise<void> {
  for (const { name, job, source } of planned) {
    const entry = await readEntry(objects, name, 'epoch')
    if (entry === undefined) throw new JournalGapError(`${name} is gone`)
    // Whatever is to be written by now: it counted by what was to be written then.
    const { writing: _, ...commit } = entry.commit
    await store.commitEpoch({ ...commit, fence: await takings.fence(job, source) })
  }
  await takings.settle()
}

interface SourceOfJob {
  readonly job: string
  readonly source: string
  readonly partitions: readonly number[]
}

/** Of each job the sources it read, the one with the newest entry last. */
function sourcesOf(index: readonly IndexedEpoch[]): readonly SourceOfJob[] {
  const found = new Map<string, { job: string; source: string; newest: number; partitions: Set<number> }>()
  for (const { job, source, stamp, moves } of index) {
    const key = JSON.stringify([job, source])
    const each = found.get(key) ?? { job, source, newest: 0, partitions: new Set<number>() }
    found.set(key, each)
    each.newest = Math.max(each.newest, stamp.at)
    for (const { partition } of moves) each.partitions.add(partition)
  }
  return [...found.values()]
    .sort((a, b) => a.newest - b.newest)
    .map(({ job, source, partitions }) => ({ job, source, partitions: [...partitions].sort((a, b) => a - b) }))
}
