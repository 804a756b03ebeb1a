/** Reruns in DuckDB. The one writer makes moves, epochs and splits come one after the other. */
import type { Offset } from '../../../core/ids.ts'
import type { KeptRerun } from '../../../core/ports/cluster-store.ts'
import type { Rerun, RerunBarrier, RerunMove, RerunState, RerunStore } from '../../../core/ports/rerun-store.ts'
import { distinctTouched } from '../../core/control/epoch-rows.ts'
import { requireSplitKnows } from '../../core/control/erasures.ts'
import { changedAt, inUse } from '../../core/control/generation-changes.ts'
import {
  cancelled,
  dualWritingBegun,
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
  newRerun,
  requireSplitting,
} from '../../core/control/reruns.ts'
import { fencedAfter } from './control-store-erasures.ts'
import { recordFiles } from './control-store-lake-tables.ts'
import {
  answeredReruns,
  changesOf,
  isOpenRow,
  keptReruns,
  putChanges,
  putRerun,
  putWriting,
  writingOf,
} from './control-store-rerun-tables.ts'
import type { Session, SqlRow } from './control-store-session.ts'
import type { Versions } from './control-store-versions.ts'

export function reruns(writer: Session, reader: Session, versions: Versions): RerunStore {
  const records = async (session: Session, which: string, values: SqlRow = []): Promise<readonly Rerun[]> =>
    (await keptReruns(session, which, values)).map(({ rerun }) => rerun)

  /** Undefined where the rerun has another revision. */
  function move(
    id: number,
    { revision }: RerunMove,
    step: (situation: RerunSituation) => RerunOutcome | Promise<RerunOutcome>,
  ): Promise<Rerun | undefined> {
    return writer.write(async () => {
      const [kept] = await keptReruns(writer, 'WHERE id = $1', [id])
      if (kept?.rerun.revision !== revision) return undefined
      const { pipeline } = kept.rerun.request
      const writing = await writingOf(writer, pipeline)
      const answered = (await answeredReruns(writer)).filter(({ rerun }) => rerun.id !== id)
      const commit = (await lastCommit(writer)) + 1
      const after = await step({ ...kept, writing, answered, commit })
      await putRerun(writer, after)
      if (after.writing !== writing) await putWriting(writer, pipeline, after.writing)
      if (after.writing !== writing || after.answer !== kept.answer) {
        await writer.run('UPDATE counters SET last_commit = $1', [commit])
      }
      if (after.answer !== null) await recordAnswer(after)
      return after.rerun
    })
  }

  /** Inside a write. */
  async function recordAnswer({ rerun, answer }: KeptRerun): Promise<void> {
    await putChanges(writer)
    await versions.recordMade(answer?.version ?? 0, rerun.id)
  }

  return {
    async createRerun(request, at) {
      checkRerunRequest(request)
      checkRerunNotes(at.notes)
      return writer.write(async () => {
        const open = await records(writer, `WHERE ${isOpenRow} ORDER BY id`)
        const [last] = await records(writer, 'ORDER BY id DESC LIMIT 1')
        const outcome = newRerun(request, at, { open, last })
        if ('created' in outcome) await putRerun(writer, { rerun: outcome.created, answer: null })
        return outcome
      })
    },
    rerun: (id) => reader.read(async () => (await records(reader, 'WHERE id = $1', [id]))[0]),
    async reruns({ open = false, before = Number.MAX_SAFE_INTEGER, limit }) {
      checkRerunsPage(limit)
      const chosen = open ? `AND ${isOpenRow}` : ''
      return reader.read(() => records(reader, `WHERE id < $1 ${chosen} ORDER BY id DESC LIMIT $2`, [before, limit]))
    },
    async updateRerun(id, change, at) {
      if (change.notes !== undefined) checkRerunNotes(change.notes)
      return move(id, at, (before) => ({ ...before, rerun: changedRerun(before.rerun, change, at) }))
    },

    async commitSplit(commit) {
      checkSplit(commit)
      const { rerun, split, staged } = commit
      const days = distinctTouched(commit.days)
      return writer.write(async () => {
        const done = 'SELECT 1 FROM rerun_splits WHERE rerun = $1 AND split = $2'
        if ((await writer.rows(done, [rerun, split])).length > 0) return 'already'
        const [row] = await writer.rows('SELECT state, record FROM reruns WHERE id = $1', [rerun])
        requireSplitting(rerun, row?.[0] as RerunState | undefined)
        const later = await fencedAfter(writer, commit.erasuresKnown)
        if (later.length > 0) {
          requireSplitKnows(commit, (JSON.parse(row?.[1] as string) as Rerun).request.places, later)
        }
        const [counters] = await writer.rows('SELECT last_commit, last_file FROM counters')
        const version = Number(counters?.[0]) + 1
        const lastFile = await recordFiles(writer, staged, Number(counters?.[1]), version)
        await writer.run('UPDATE counters SET last_commit = $1, last_file = $2', [version, lastFile])
        await writer.run('INSERT INTO rerun_splits VALUES ($1, $2)', [rerun, split])
        await writer.append('rerun_days', [
          { whole: days.map(() => rerun) },
          { text: days.map(({ merchant }) => merchant) },
          { whole: days.map(({ day }) => day) },
        ])
        return 'committed'
      })
    },
    async splitsDone(id) {
      const rows = await reader.read(() => reader.rows('SELECT split FROM rerun_splits WHERE rerun = $1', [id]))
      return new Set(rows.map(([split]) => split as string))
    },

    beginDualWriting: (id, jobs, at) =>
      move(id, at, async (before) =>
        dualWritingBegun(before, await barriersOf(writer, jobsOf(before.rerun, jobs)), at),
      ),
    promoteRerun: (id, at) => move(id, at, (before) => promoted(before, at)),
    rollBackRerun: (id, at) => move(id, at, (before) => rolledBack(before, at)),
    releaseRerun: (id, at) => move(id, at, (before) => released(before, at)),
    cancelRerun: (id, at) => move(id, at, (before) => cancelled(before, at)),

    writing: (pipeline) => reader.read(() => writingOf(reader, pipeline)),
    async setBasePlan(pipeline, plan) {
      return writer.write(async () => {
        const before = await writingOf(writer, pipeline)
        const after = withBasePlan(before, plan)
        if (after === before) return before
        await putWriting(writer, pipeline, after)
        await writer.run('UPDATE counters SET last_commit = last_commit + 1')
        return after
      })
    },
    async generationsInUse() {
      return reader.read(async () => {
        const pipelines = await reader.rows('SELECT pipeline FROM writing')
        const writings = []
        for (const [pipeline] of pipelines) writings.push(await writingOf(reader, pipeline as string))
        const open = await records(reader, `WHERE ${isOpenRow}`)
        return {
          inUse: inUse({ writings, changes: await changesOf(reader), open }),
          changedAt: changedAt(await answeredReruns(reader)),
        }
      })
    },
  }
}

/** Inside a write. */
async function lastCommit(writer: Session): Promise<number> {
  const [counters] = await writer.rows('SELECT last_commit FROM counters')
  return Number(counters?.[0])
}

/** Inside a write: where these jobs have come, in every source they ever read. */
async function barriersOf(writer: Session, jobs: readonly string[]): Promise<readonly RerunBarrier[]> {
  const rows = await writer.rows(
    `SELECT job, source, part, next FROM positions WHERE job IN (SELECT unnest(from_json($1, '["VARCHAR"]')))`,
    [JSON.stringify(jobs)],
  )
  return rows.map(([job, source, partition, next]) => ({
    job: job as string,
    source: source as string,
    partition: Number(partition),
    next: Number(next) as Offset,
  }))
}
