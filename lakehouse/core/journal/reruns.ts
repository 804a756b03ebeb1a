/**
 * The part of the journaled store that keeps reruns. What a rerun, or what a pipeline writes, is after a change is known only
 * once the store has made it; so it is in the journal before anything is done that goes by it: before an epoch is written
 * so, a split is committed, the next move is made, or rows of a generation nobody needs go. A move whose process ended
 * before that may be undone by a loss of the store: nothing was built on it. Splits are in the journal before the store, as
 * epochs are.
 */
import { StaleErasuresError, StaleRerunError } from '../../../core/errors.ts'
import type { ClusterStore } from '../../../core/ports/cluster-store.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import {
  type Rerun,
  type RerunMove,
  type RerunStore,
  rerunsPageMax,
  type Writing,
} from '../../../core/ports/rerun-store.ts'
import { jobsOf, type SinkJobs } from '../control/rerun-moves.ts'
import { checkSplit } from '../control/reruns.ts'
import { assertStoreIsCurrent, type Heads, newestCommit } from './heads.ts'
import type { Journal } from './journal.ts'

type Reruns = RerunStore &
  Pick<ClusterStore, 'keptRerun' | 'restoreRerun' | 'restoreWriting' | 'restoreSplit' | 'skipCommit'>

export function journaledReruns(
  store: ClusterStore,
  parts: { readonly objects: ObjectStore; readonly journal: Journal; readonly heads: Heads },
): Reruns {
  const { objects, journal, heads } = parts
  /** Revisions that are in the journal, as far as this process knows. */
  const entered = new Map<number, number>()
  const writings = new Map<string, number>()

  /** The rerun as the store has it now is in the journal when this resolves. */
  async function enter(id: number): Promise<void> {
    const kept = await store.keptRerun(id)
    if (kept === undefined || entered.get(id) === kept.rerun.revision) return
    await journal.rerun(kept)
    entered.set(id, kept.rerun.revision)
  }

  /** Every rerun as the store has it now is in the journal when this resolves. Returns their pipelines. */
  async function enterAll(): Promise<ReadonlySet<string>> {
    const pipelines = new Set<string>()
    for (let before = Number.MAX_SAFE_INTEGER; ; ) {
      const page = await store.reruns({ before, limit: rerunsPageMax })
      for (const { id, revision, request } of page) {
        pipelines.add(request.pipeline)
        if (entered.get(id) !== revision) await enter(id)
      }
      const last = page.at(-1)
      if (last === undefined || page.length < rerunsPageMax) return pipelines
      before = last.id
    }
  }

  /** The same of what a pipeline writes, and of the reruns by which it does; what it writes at first needs no entry. */
  async function enterWriting(pipeline: string, writing: Writing): Promise<void> {
    if (writing.revision <= (writings.get(pipeline) ?? 0)) return
    await enterAll()
    await journal.writing(pipeline, writing)
    writings.set(pipeline, writing.revision)
  }

  /** A move that is a commit of its own. `jobs`: by sink, those that are to write the rerun from then on. */
  async function move(
    id: number,
    { revision }: RerunMove,
    made: () => Promise<Rerun | undefined>,
    jobs?: SinkJobs,
  ): Promise<Rerun | undefined> {
    await assertStoreIsCurrent(store, objects)
    const before = await store.keptRerun(id)
    if (before?.rerun.revision !== revision) return undefined
    const { pipeline } = before.rerun.request
    // Always: by how many there are recovery knows how many numbers of commits moves took, and that a generation that is
    // written later was not yet.
    await journal.rerun(before, jobs && jobsOf(before.rerun, jobs))
    if (jobs !== undefined) await journal.writing(pipeline, await store.writing(pipeline))
    entered.set(id, revision)
    const rerun = await made()
    if (rerun === undefined) return undefined
    await enter(id)
    await enterWriting(pipeline, await store.writing(pipeline))
    await heads.write(await newestCommit(store))
    return rerun
  }

  return {
    async createRerun(request, at) {
      await assertStoreIsCurrent(store, objects)
      const outcome = await store.createRerun(request, at)
      if ('created' in outcome) await enter(outcome.created.id)
      return outcome
    },
    rerun: (id) => store.rerun(id),
    reruns: (page) => store.reruns(page),
    async updateRerun(id, change, at) {
      await assertStoreIsCurrent(store, objects)
      const rerun = await store.updateRerun(id, change, at)
      if (rerun !== undefined) await enter(id)
      return rerun
    },

    async commitSplit(commit) {
      checkSplit(commit)
      await assertStoreIsCurrent(store, objects)
      await enter(commit.rerun)
      const name = await journal.split(commit)
      // Best effort: of several entries of a split recovery takes one.
      const forget = () => objects.remove(name).catch(() => undefined)
      try {
        const outcome = await store.commitSplit(commit)
        if (outcome === 'already') await forget()
        // Best effort: who publishes what it staged writes one, and nothing else goes by it.
        else
          await newestCommit(store)
            .then(heads.write)
            .catch(() => undefined)
        return outcome
      } catch (error) {
        const isRefusal = error instanceof StaleRerunError || error instanceof StaleErasuresError
        if (isRefusal || error instanceof RangeError) await forget()
        throw error
      }
    },
    splitsDone: (id) => store.splitsDone(id),

    beginDualWriting: (id, jobs, at) => move(id, at, () => store.beginDualWriting(id, jobs, at), jobs),
    promoteRerun: (id, at) => move(id, at, () => store.promoteRerun(id, at)),
    rollBackRerun: (id, at) => move(id, at, () => store.rollBackRerun(id, at)),
    releaseRerun: (id, at) => move(id, at, () => store.releaseRerun(id, at)),
    cancelRerun: (id, at) => move(id, at, () => store.cancelRerun(id, at)),

    async writing(pipeline) {
      const writing = await store.writing(pipeline)
      await enterWriting(pipeline, writing)
      return writing
    },
    async setBasePlan(pipeline, plan) {
      await assertStoreIsCurrent(store, objects)
      const before = await store.writing(pipeline)
      await journal.writing(pipeline, before)
      const after = await store.setBasePlan(pipeline, plan)
      await enterWriting(pipeline, after)
      if (after.revision !== before.revision) await heads.write(await newestCommit(store))
      return after
    },
    async generationsInUse() {
      await assertStoreIsCurrent(store, objects)
      const found = await store.generationsInUse()
      // All others go: what says so must not be lost.
      for (const pipeline of await enterAll()) await enterWriting(pipeline, await store.writing(pipeline))
      return found
    },

    keptRerun: (id) => store.keptRerun(id),
    restoreRerun: (kept) => store.restoreRerun(kept),
    restoreWriting: (pipeline, writing) => store.restoreWriting(pipeline, writing),
    restoreSplit: (commit) => store.restoreSplit(commit),
    skipCommit: () => store.skipCommit(),
  }
}
