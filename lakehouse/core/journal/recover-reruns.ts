/**
 * The part of recovery that brings reruns back: each record, and what each pipeline writes, as the newest entry has it; and
 * splits, of each one that was committed, or may be now: all it staged is there.
 */
import { StaleErasuresError } from '../../../core/errors.ts'
import type { ClusterStore, KeptRerun } from '../../../core/ports/cluster-store.ts'
import type { EpochCommit } from '../../../core/ports/control-store.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { RerunBarrier, SplitCommit, Writing } from '../../../core/ports/rerun-store.ts'
import { type RerunEntry, readEntry, type SplitEntry } from './entries.ts'
import { inParallel } from './in-parallel.ts'
import { type DatedKind, kindFolder, timeOf } from './names.ts'

export interface RerunPlan {
  /** In the order in which they began to answer. */
  readonly reruns: readonly KeptRerun[]
  readonly writings: readonly { readonly pipeline: string; readonly writing: Writing }[]
  readonly splits: readonly SplitCommit[]
  /** Numbers of commits that moves of reruns may have taken, and their replay does not. */
  readonly commits: number
  /**
   * Whether the store refused an epoch for what it was written by: it starts where a generation was written already that it
   * knows nothing of.
   */
  refused(epoch: WrittenEpoch): boolean
}

/** An epoch as the journal's index has it. */
export interface WrittenEpoch {
  readonly job: string
  readonly source: string
  readonly moves: readonly { readonly partition: number; readonly from: number }[]
  readonly writing?: EpochCommit['writing'] | undefined
}

/** What the journal has of reruns since `since`, beyond what the store has. `published`: files that publications name. */
export async function planReruns(
  store: ClusterStore,
  objects: ObjectStore,
  { since, published }: { readonly since: number; readonly published: ReadonlySet<string> },
): Promise<RerunPlan> {
  const records = await entriesOf(objects, 'reruns', since, (name) => readEntry(objects, name, 'rerun'))
  const writings = await entriesOf(objects, 'writing', since, (name) => readEntry(objects, name, 'writing'))
  const splits = await entriesOf(objects, 'splits', since, (name) => readEntry(objects, name, 'split'))

  const newest = new Map<number, KeptRerun>()
  for (const { kept } of records) {
    const { id, revision } = kept.rerun
    if ((newest.get(id)?.rerun.revision ?? 0) < revision) newest.set(id, kept)
  }
  const lacking: KeptRerun[] = []
  for (const kept of newest.values()) {
    const known = await store.rerun(kept.rerun.id)
    if ((known?.revision ?? 0) < kept.rerun.revision) lacking.push(kept)
  }
  const cancelled = new Set(
    [...newest.values()].flatMap(({ rerun }) => (rerun.state === 'cancelled' ? [rerun.id] : [])),
  )
  const pipelines = [...new Set(writings.map(({ pipeline }) => pipeline))]
  const begun: Beginning[] = []
  const written: RerunPlan['writings'][number][] = []
  for (const pipeline of pipelines) {
    const stored = await store.writing(pipeline)
    const entered = writings.filter((entry) => entry.pipeline === pipeline).map(({ writing }) => writing)
    const all = [stored, ...entered].sort((a, b) => a.revision - b.revision)
    begun.push(...beginningsOf(pipeline, all, records))
    const last = all.at(-1) ?? stored
    if (last.revision > stored.revision) written.push({ pipeline, writing: last })
  }
  return {
    reruns: lacking.sort((a, b) => (a.answer?.order ?? 0) - (b.answer?.order ?? 0) || a.rerun.id - b.rerun.id),
    writings: written,
    splits: await splitsToCommit(store, objects, splits, { published, cancelled }),
    commits: records.length + writings.length,
    refused: (epoch) => begun.some((beginning) => isBeyond(epoch, beginning)),
  }
}

/** Splits first: a record that is restored before would not know what they made. */
export async function restoreReruns(store: ClusterStore, { reruns, writings, splits }: RerunPlan): Promise<void> {
  for (const split of splits) {
    // Where the copy has fenced an erasure that it did not know, the lost store refused it: what it staged is garbage.
    await store.restoreSplit(split).catch((error) => {
      if (!(error instanceof StaleErasuresError)) throw error
    })
  }
  for (const kept of reruns) await store.restoreRerun(kept)
  for (const { pipeline, writing } of writings) await store.restoreWriting(pipeline, writing)
}

/** The store is at `commit`; returns where it is once it is at `head`, or as near as moves of reruns can have led. */
export async function skipMoves(
  store: Pick<ClusterStore, 'skipCommit'>,
  { commits }: RerunPlan,
  at: { readonly commit: number; readonly head: number },
): Promise<number> {
  let { commit } = at
  for (let left = commits; left > 0 && commit < at.head; left--) commit = await store.skipCommit()
  return commit
}

/** From that revision on these jobs write a generation, from these barriers. */
interface Beginning {
  readonly pipeline: string
  readonly revision: number
  readonly jobs: ReadonlySet<string>
  readonly barriers: readonly RerunBarrier[]
}

/**
 * A revision that an epoch was written by is in the journal or the store, so the first one there with a generation is the
 * first that counts; of a generation that the oldest one has it is not known when it began.
 */
function beginningsOf(
  pipeline: string,
  writings: readonly Writing[],
  records: readonly RerunEntry[],
): readonly Beginning[] {
  const known = new Set(writings[0]?.generations.map(({ generation }) => generation))
  return writings.flatMap(({ revision, generations }) =>
    generations.flatMap(({ generation, barriers }): readonly Beginning[] => {
      if (known.has(generation)) return []
      known.add(generation)
      const own = records.filter(({ kept }) => kept.rerun.generation === generation)
      return [{ pipeline, revision, barriers, jobs: new Set(own.flatMap(({ jobs }) => jobs ?? [])) }]
    }),
  )
}

function isBeyond({ job, source, moves, writing }: WrittenEpoch, beginning: Beginning): boolean {
  const { pipeline, revision, jobs, barriers } = beginning
  if (writing?.pipeline !== pipeline || writing.revision >= revision || !jobs.has(job)) return false
  return moves.some(({ partition, from }) => {
    const barrier = barriers.find((each) => each.job === job && each.source === source && each.partition === partition)
    return from >= (barrier?.next ?? 0)
  })
}

/**
 * Of each split that the store lacks one entry: the one whose files are published, else the newest whose files are there, if
 * anybody wants them yet.
 */
async function splitsToCommit(
  store: ClusterStore,
  objects: ObjectStore,
  entries: readonly SplitEntry[],
  { published, cancelled }: { readonly published: ReadonlySet<string>; readonly cancelled: ReadonlySet<number> },
): Promise<readonly SplitCommit[]> {
  const done = new Map<number, ReadonlySet<string>>()
  const found = new Map<string, SplitEntry[]>()
  for (const entry of entries) {
    const { rerun, split } = entry.commit
    const names = done.get(rerun) ?? (await store.splitsDone(rerun))
    done.set(rerun, names)
    if (names.has(split)) continue
    const key = JSON.stringify([rerun, split])
    found.set(key, [...(found.get(key) ?? []), entry])
  }
  const chosen: SplitEntry[] = []
  for (const several of found.values()) {
    const entry = several.find(({ commit }) => commit.staged.some(({ name }) => published.has(name)))
    const isWanted = several.every(({ commit }) => !cancelled.has(commit.rerun))
    const one = entry ?? (isWanted ? await newestWhole(objects, several) : undefined)
    if (one !== undefined) chosen.push(one)
  }
  return chosen.sort((a, b) => a.stamp.at - b.stamp.at || a.stamp.number - b.stamp.number).map(({ commit }) => commit)
}

async function newestWhole(objects: ObjectStore, entries: readonly SplitEntry[]): Promise<SplitEntry | undefined> {
  for (const entry of [...entries].reverse()) {
    const sizes = await inParallel(entry.commit.staged, ({ name }) => objects.size(name))
    if (sizes.every((size) => size !== undefined)) return entry
  }
  return undefined
}

/** Written at `since` or later, oldest first; those that expired meanwhile are left out. */
async function entriesOf<T>(
  objects: ObjectStore,
  kind: DatedKind,
  since: number,
  read: (name: string) => Promise<T | undefined>,
): Promise<readonly T[]> {
  const names = (await objects.list(kindFolder(kind)))
    .filter((name) => timeOf(name) >= since)
    .sort((a, b) => timeOf(a) - timeOf(b))
  return (await inParallel(names, read)).filter((entry) => entry !== undefined)
}
