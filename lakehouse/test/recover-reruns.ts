/** Reruns in a cluster that loses its store: somebody asks for them, drives them, and commits their splits. */
import { expect } from 'vitest'
import { ControlStoreUnavailableError, StaleRerunError } from '../../core/errors.ts'
import { generationSinks } from '../../core/generations.ts'
import type { ClusterStore } from '../../core/ports/cluster-store.ts'
import type { StagedFile } from '../../core/ports/lake.ts'
import type { ObjectStore } from '../../core/ports/object-store.ts'
import type { Rerun, RerunMove, RerunState, SplitCommit } from '../../core/ports/rerun-store.ts'
import { placeOf, requestOf } from '../../core/ports/rerun-under-test.ts'
import { merchants, pipeline, sinkJobs } from './recover-staging.ts'
import { LostAnswer } from './recover-trouble.ts'

interface Chance {
  below(limit: number): number
  pick<T>(of: readonly T[]): T
  some<T>(of: readonly T[]): T[]
}

const splitNames = ['s0', 's1', 's2', 's3']

/** What a store knows of reruns that the journal brings back; numbers of commits apart. */
export async function rerunsOf(store: ClusterStore) {
  const reruns = await store.reruns({ limit: 1_000 })
  const { generations } = await store.versionsSince(0)
  return {
    reruns,
    // Of one that was cancelled a split may count that did not.
    splits: await Promise.all(
      reruns
        .filter(({ state }) => state !== 'cancelled')
        .map(async ({ id }) => [id, [...(await store.splitsDone(id))].sort()]),
    ),
    writing: await store.writing(pipeline),
    map: generations.map((change) => JSON.stringify({ ...change, version: 0 })).sort(),
  }
}

/** The name without the attempt: of several that made a split any may count. */
export const splitOf = (name: string) => name.replace(/(\/rerun-.*)-\d+\.parquet$/, '$1')

/** Whether a file is of a rerun that was cancelled: what of it is not published may be lost. */
export async function cancelledFiles(store: ClusterStore): Promise<(name: string) => boolean> {
  const reruns = await store.reruns({ limit: 1_000 })
  const gone = reruns.flatMap(({ id, state }) => (state === 'cancelled' ? [`/rerun-${id}-`] : []))
  return (name) => gone.some((part) => name.includes(part))
}

export class RerunsUnderTest {
  /** Splits that were tried, by rerun. */
  readonly #tried = new Map<number, Set<string>>()
  #attempts = 0

  constructor(
    private readonly objects: ObjectStore,
    private readonly chance: Chance,
  ) {}

  /** One thing that happens to a rerun. */
  async step(store: ClusterStore): Promise<void> {
    const { chance } = this
    const now = 1_000 + this.#attempts++
    const draw = chance.below(12)
    if (draw === 0) {
      await store.setBasePlan(pipeline, chance.pick([null, 'plan-3']))
      return
    }
    if (draw === 1) {
      await store.generationsInUse()
      return
    }
    if (draw < 5) {
      const places = [chance.pick([placeOf(null, null, null), placeOf(chance.pick(merchants), 1, 3)])]
      await store.createRerun(requestOf({ places, sinks: chance.some(generationSinks) }), { now, notes: { now } })
      return
    }
    const open = await store.reruns({ open: true, limit: 10 })
    if (open.length === 0) return
    const rerun = chance.pick(open)
    await this.#drive(store, rerun, { revision: rerun.revision, now, by: 'driver' })
  }

  /** All that is under way is known for certain, and in the journal. */
  async settle(store: ClusterStore): Promise<void> {
    for (const rerun of await store.reruns({ open: true, limit: 100 })) {
      if (takesSplits(rerun.state)) await this.#finishSplits(store, rerun)
    }
    await store.generationsInUse()
  }

  /** After all is published: of each split that counts the files of one attempt, and no others. */
  async expectSplitsOnce(store: ClusterStore, lake: ReadonlyMap<string, ReadonlyMap<number, readonly string[]>>) {
    const reruns = await store.reruns({ limit: 1_000 })
    for (const [table, publications] of lake) {
      const published = [...publications.values()].flat().filter((name) => name.includes('/rerun-'))
      const splits = published.map(splitOf)
      const counted: string[] = []
      for (const { id, request } of reruns) {
        if (!request.sinks.some((sink) => sink === table)) continue
        for (const split of await store.splitsDone(id)) counted.push(`staged/${table}/rerun-${id}-${split}`)
      }
      expect(splits.sort()).toEqual(counted.sort())
    }
  }

  async #drive(store: ClusterStore, rerun: Rerun, move: RerunMove): Promise<void> {
    const { chance } = this
    const { id, state } = rerun
    if (takesSplits(state) && chance.below(3) > 0) return this.#split(store, rerun, chance.pick(splitNames))
    if (chance.below(10) === 0 && state !== 'promoted') {
      await store.cancelRerun(id, move)
      return
    }
    if (state === 'planned') await store.updateRerun(id, { state: 'backfilling', notes: { planned: true } }, move)
    else if (state === 'backfilling') await store.beginDualWriting(id, sinkJobs, move)
    else if (state === 'catching_up') {
      const areDone = await this.#finishSplits(store, rerun)
      if (areDone) await store.updateRerun(id, { state: 'ready' }, move)
    } else if (state === 'promoted' && chance.below(2) === 0) await store.releaseRerun(id, move)
    else if (state === 'promoted') await store.rollBackRerun(id, move)
    else await store.promoteRerun(id, move)
  }

  /** False where one was refused once more: a driver goes on only when all count. */
  async #finishSplits(store: ClusterStore, rerun: Rerun): Promise<boolean> {
    const tried = [...(this.#tried.get(rerun.id) ?? [])]
    const before = await store.splitsDone(rerun.id)
    for (const split of tried) if (!before.has(split)) await this.#split(store, rerun, split)
    const done = await store.splitsDone(rerun.id)
    return tried.every((split) => done.has(split))
  }

  async #split(store: ClusterStore, { id, request }: Rerun, split: string): Promise<void> {
    const tried = this.#tried.get(id) ?? new Set()
    this.#tried.set(id, tried.add(split))
    const attempt = this.#attempts++
    const staged = request.sinks.map((table): StagedFile => {
      const name = `staged/${table}/rerun-${id}-${split}-${attempt}.parquet`
      return { name, table, rows: 1, bytes: 1, firstDay: 1, lastDay: 1 }
    })
    for (const { name } of staged) await this.objects.put(name, Buffer.from('x'))
    const commit: SplitCommit = { rerun: id, split, staged, days: [] }
    const dies = this.chance.below(8) === 0
    let counts = false
    try {
      counts = (await store.commitSplit(commit)) === 'committed'
    } catch (error) {
      if (error instanceof LostAnswer) counts = true
      else if (!(error instanceof StaleRerunError || error instanceof ControlStoreUnavailableError)) throw error
    }
    if (counts || dies) return
    for (const { name } of staged) await this.objects.remove(name)
  }
}

const takesSplits = (state: RerunState) => state === 'backfilling' || state === 'catching_up'
