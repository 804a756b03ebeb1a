/** Reruns of the memory control store. */
import type { ClusterStore, KeptRerun } from '../../../core/ports/cluster-store.ts'
import type {
  Rerun,
  RerunBarrier,
  RerunMove,
  RerunStore,
  SplitCommit,
  Writing,
} from '../../../core/ports/rerun-store.ts'
import { requireSplitKnows } from '../../core/control/erasures.ts'
import { changedAt, generationChanges, inUse } from '../../core/control/generation-changes.ts'
import {
  cancelled,
  dualWritingBegun,
  firstWriting,
  jobsOf,
  promoted,
  type RerunOutcome,
  type RerunSituation,
  released,
  rolledBack,
  withBasePlan,
} from '../../core/control/rerun-moves.ts'
import {
  changedRerun,
  checkRerunNotes,
  checkRerunRequest,
  checkRerunsPage,
  checkSplit,
  isOpenRerun,
  newRerun,
  requireSplitting,
} from '../../core/control/reruns.ts'
import { fencedAfter } from './memory-control-erasures.ts'
import { type ControlState, requireNew, tableOf } from './memory-control-state.ts'

type Restores = Pick<ClusterStore, 'keptRerun' | 'restoreRerun' | 'restoreWriting' | 'restoreSplit' | 'skipCommit'>

export function memoryReruns(current: () => ControlState): RerunStore & Restores {
  /** Undefined where the rerun has another revision. */
  function move(
    id: number,
    { revision }: RerunMove,
    step: (situation: RerunSituation) => RerunOutcome,
  ): Rerun | undefined {
    const state = current()
    const kept = state.reruns.all.get(id)
    if (kept?.rerun.revision !== revision) return undefined
    const { pipeline } = kept.rerun.request
    const writing = writingOf(state, pipeline)
    const answered = [...state.reruns.all.values()].filter((other) => other.answer !== null && other !== kept)
    const after = step({ ...kept, writing, answered, commit: state.commit + 1 })
    if (after.writing !== writing || after.answer !== kept.answer) state.commit += 1
    if (after.writing !== writing) state.reruns.writing.set(pipeline, after.writing)
    keep(state, after)
    return after.rerun
  }

  return {
    async createRerun(request, at) {
      checkRerunRequest(request)
      checkRerunNotes(at.notes)
      const reruns = recordsOf(current())
      const outcome = newRerun(request, at, { open: reruns.filter(isOpenRerun), last: reruns.at(-1) })
      if ('created' in outcome) keep(current(), { rerun: outcome.created, answer: null })
      return outcome
    },
    async rerun(id) {
      return current().reruns.all.get(id)?.rerun
    },
    async reruns({ open = false, before = Number.POSITIVE_INFINITY, limit }) {
      checkRerunsPage(limit)
      return recordsOf(current())
        .filter((rerun) => rerun.id < before && (!open || isOpenRerun(rerun)))
        .reverse()
        .slice(0, limit)
    },
    async updateRerun(id, change, at) {
      if (change.notes !== undefined) checkRerunNotes(change.notes)
      return move(id, at, (before) => ({ ...before, rerun: changedRerun(before.rerun, change, at) }))
    },

    async commitSplit(commit) {
      checkSplit(commit)
      const state = current()
      if (isDone(state, commit)) return 'already'
      const rerun = state.reruns.all.get(commit.rerun)?.rerun
      requireSplitting(commit.rerun, rerun?.state)
      requireSplitKnows(commit, rerun?.request.places ?? [], fencedAfter(state, commit.erasuresKnown))
      recordSplit(state, commit)
      return 'committed'
    },
    async splitsDone(id) {
      return new Set(current().reruns.splits.get(id))
    },

    async beginDualWriting(id, jobs, at) {
      return move(id, at, (before) => {
        const named = jobsOf(before.rerun, jobs)
        return dualWritingBegun(before, barriersOf(current(), named), at)
      })
    },
    async promoteRerun(id, at) {
      return move(id, at, (before) => promoted(before, at))
    },
    async rollBackRerun(id, at) {
      return move(id, at, (before) => rolledBack(before, at))
    },
    async releaseRerun(id, at) {
      return move(id, at, (before) => released(before, at))
    },
    async cancelRerun(id, at) {
      return move(id, at, (before) => cancelled(before, at))
    },

    async writing(pipeline) {
      return writingOf(current(), pipeline)
    },
    async setBasePlan(pipeline, plan) {
      const state = current()
      const before = writingOf(state, pipeline)
      const after = withBasePlan(before, plan)
      if (after === before) return before
      state.commit += 1
      state.reruns.writing.set(pipeline, after)
      return after
    },
    async generationsInUse() {
      const { all, changes, writing } = current().reruns
      const open = recordsOf(current()).filter(isOpenRerun)
      return {
        inUse: inUse({ writings: [...writing.values()], changes, open }),
        changedAt: changedAt([...all.values()]),
      }
    },

    async keptRerun(id) {
      return current().reruns.all.get(id)
    },
    async restoreRerun(kept) {
      const state = current()
      const { id, revision } = kept.rerun
      if ((state.reruns.all.get(id)?.rerun.revision ?? 0) >= revision) return
      state.commit += 1
      keep(state, { ...kept, answer: kept.answer && { ...kept.answer, version: state.commit } })
      state.reruns.all = new Map([...state.reruns.all].sort(([a], [b]) => a - b))
    },
    async restoreWriting(pipeline, writing) {
      const state = current()
      if (writingOf(state, pipeline).revision >= writing.revision) return
      state.commit += 1
      state.reruns.writing.set(pipeline, plain(writing))
    },
    async restoreSplit(commit) {
      checkSplit(commit)
      const state = current()
      if (isDone(state, commit)) return 'already'
      const places = state.reruns.all.get(commit.rerun)?.rerun.request.places ?? []
      requireSplitKnows(commit, places, fencedAfter(state, commit.erasuresKnown))
      recordSplit(state, commit)
      return 'committed'
    },
    async skipCommit() {
      return ++current().commit
    },
  }
}

function recordsOf(state: ControlState): readonly Rerun[] {
  return [...state.reruns.all.values()].map(({ rerun }) => rerun)
}

export function writingOf(state: ControlState, pipeline: string): Writing {
  return state.reruns.writing.get(pipeline) ?? firstWriting
}

/** With the newest commit as version where it now answers: what its splits made is known from then on. */
function keep(state: ControlState, { rerun, answer }: KeptRerun): void {
  const { reruns } = state
  reruns.all.set(rerun.id, plain({ rerun, answer }))
  if (answer === null) return
  reruns.changes = generationChanges([...reruns.all.values()])
  for (const [key, day] of reruns.days.get(rerun.id) ?? []) {
    state.days.set(key, { ...day, version: Math.max(answer.version, state.days.get(key)?.version ?? 0) })
  }
  reruns.days.delete(rerun.id)
}

function isDone(state: ControlState, { rerun, split }: SplitCommit): boolean {
  return state.reruns.splits.get(rerun)?.has(split) ?? false
}

/** @throws RangeError where a file is committed already */
function recordSplit(state: ControlState, { rerun, split, staged, days }: SplitCommit): void {
  requireNew(state, staged)
  const { reruns } = state
  const number = ++state.commit
  const done = reruns.splits.get(rerun) ?? new Set()
  reruns.splits.set(rerun, done.add(split))
  const made = reruns.days.get(rerun) ?? new Map()
  reruns.days.set(rerun, made)
  for (const day of days) made.set(`${day.day} ${day.merchant}`, day)
  for (const file of staged) tableOf(state, file.table).pending.push(file)
  if (staged.length === 0) return
  const files = new Set(staged.map(({ name }) => name))
  // Of no job: nobody waits for what it has published.
  state.epochs.set(number, { job: `rerun ${rerun}`, source: '', moved: [], touched: [], files })
}

/** Where these jobs have come, in every source they ever read. */
function barriersOf(state: ControlState, jobs: readonly string[]): readonly RerunBarrier[] {
  return jobs.flatMap((job) =>
    [...(state.jobs.get(job)?.positions ?? [])].flatMap(([source, positions]) =>
      [...positions.values()].map(({ partition, next }) => ({ job, source, partition, next })),
    ),
  )
}

/** As a store that writes it down gives it back. */
function plain<T>(value: T): T {
  return JSON.parse(JSON.stringify(value))
}
