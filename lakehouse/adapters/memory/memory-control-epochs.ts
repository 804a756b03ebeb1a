/** Jobs, the epoch commit and versions of the memory control store. */
import { StaleEpochError, StaleWritingError } from '../../../core/errors.ts'
import type { ControlStore, EpochCommit, JobPosition } from '../../../core/ports/control-store.ts'
import { booksEntries } from '../../core/control/epoch-rows.ts'
import { droppedDaysOf, requireEpochKnows } from '../../core/control/erasures.ts'
import { checkEpoch, checkPartitions } from '../../core/control/rules.ts'
import { book } from './memory-control-books.ts'
import { fencedAfter } from './memory-control-erasures.ts'
import { advancePublished } from './memory-control-progress.ts'
import { writingOf } from './memory-control-reruns.ts'
import {
  type ControlState,
  currentPositions,
  inOrder,
  type JobState,
  requireNew,
  tableOf,
} from './memory-control-state.ts'
import { raise, type Visible } from './memory-control-versions.ts'

export function memoryEpochs(
  current: () => ControlState,
  visible: Visible,
  maxVersions: number,
): Pick<ControlStore, 'acquirePartitions' | 'commitEpoch' | 'versionsSince'> {
  return {
    async acquirePartitions(job, source, owner, partitions) {
      checkPartitions(job, partitions)
      const { jobs } = current()
      const known = jobs.get(job) ?? {
        fence: 0,
        plan: null,
        positions: new Map(),
        stamps: new Map(),
        published: new Map(),
      }
      const fence = known.fence + 1
      jobs.set(job, { ...known, fence, owner, source })
      const stamps = new Map<number, number>(known.stamps.get(source))
      for (const partition of partitions) stamps.set(partition, fence)
      known.stamps.set(source, stamps)
      const taken = inOrder(known.positions.get(source)).filter(({ partition }) => partitions.includes(partition))
      return { fence, positions: taken }
    },

    async commitEpoch(commit) {
      checkEpoch(commit)
      const state = current()
      const { job, moved } = movedBy(state, commit)
      requireWriting(state, commit.writing)
      requireEpochKnows(commit, fencedAfter(state, commit.erasuresKnown))
      requireNew(state, commit.staged)
      // Nothing below can fail: all of it happens.
      const number = ++state.commit
      job.positions.set(commit.source, moved)
      job.plan = commit.plan
      for (const file of commit.staged) tableOf(state, file.table).pending.push(file)
      state.epochs.set(number, {
        job: commit.job,
        source: commit.source,
        moved: commit.partitions,
        touched: commit.touched,
        files: new Set(commit.staged.map(({ name }) => name)),
      })
      if (visible === 'committed' || commit.staged.length === 0) raise(state, commit.touched, number, maxVersions)
      for (const entry of booksEntries(commit.books)) book(state, entry)
      state.dropped.push(...droppedDaysOf(commit).map((each) => ({ ...each, epoch: number })))
      advancePublished(state, commit.job)
      return { commit: number }
    },

    async versionsSince(since) {
      const state = current()
      const reset = since < state.versionsFloor || since > state.commit
      const changes = reset ? [] : [...state.versions.values()].filter(({ version }) => version > since)
      return {
        commit: state.commit,
        changes,
        reset,
        positions: currentPositions(state),
        generations: state.reruns.changes,
      }
    },
  }
}

/** @throws StaleEpochError where a partition is another owner's, or has been moved */
function movedBy(
  state: ControlState,
  commit: EpochCommit,
): { readonly job: JobState; readonly moved: Map<number, JobPosition> } {
  const job = state.jobs.get(commit.job)
  if (job?.source !== commit.source) {
    throw new StaleEpochError(`job ${commit.job} reads ${job?.source}, not ${commit.source}`)
  }
  const moved = new Map(job.positions.get(commit.source))
  for (const { from, ...position } of commit.partitions) {
    const which = `partition ${position.partition} of ${commit.job}`
    const fence = job.stamps.get(commit.source)?.get(position.partition) ?? 0
    if (fence !== commit.fence) throw new StaleEpochError(`${which} has fence ${fence}, not ${commit.fence}`)
    const next = moved.get(position.partition)?.next ?? 0
    if (next !== from) throw new StaleEpochError(`${which} is at ${next}, not ${from}`)
    moved.set(position.partition, position)
  }
  return { job, moved }
}

/** @throws StaleWritingError where another generation is to be written by now, or one no more */
function requireWriting(state: ControlState, writing: EpochCommit['writing']): void {
  if (writing === undefined || writingOf(state, writing.pipeline).revision === writing.revision) return
  throw new StaleWritingError(writing.pipeline, writing.revision)
}
