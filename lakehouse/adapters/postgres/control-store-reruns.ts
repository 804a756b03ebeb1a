/**
 * Reruns in PostgreSQL. Whoever makes or moves one holds the table of reruns; a move that changes what is written or answers
 * holds the lock on what its pipeline writes as well, which epochs share, and then the counter of commits.
 */
import type { Offset } from '../../../core/ids.ts'
import type { Rerun, RerunBarrier, RerunMove, RerunState, RerunStore } from '../../../core/ports/rerun-store.ts'
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
import type { Chores } from './control-store-chores.ts'
import { fencedAfter } from './control-store-erasures.ts'
import {
  answeredReruns,
  changesOf,
  claimSplit,
  isOpenRow,
  keptReruns,
  lockReruns,
  lockWriting,
  placesOf,
  putChanges,
  putRerun,
  putWriting,
  recordSplit,
  writingOf,
} from './control-store-rerun-tables.ts'
import type { Versions } from './control-store-versions.ts'
import type { Database, Sql } from './database.ts'

export function reruns(database: Database, versions: Versions, chores: Chores): RerunStore {
  /** Undefined where the rerun has another revision. */
  function move(
    id: number,
    { revision }: RerunMove,
    step: (situation: RerunSituation, sql: Sql) => RerunOutcome | Promise<RerunOutcome>,
  ): Promise<Rerun | undefined> {
    return database.write(async (sql) => {
      await lockReruns(sql)
      const [kept] = await keptReruns(sql, 'WHERE id = $1 FOR UPDATE', [id])
      if (kept?.rerun.revision !== revision) return undefined
      const { pipeline } = kept.rerun.request
      const writing = await lockWriting(sql, pipeline)
      const answered = (await answeredReruns(sql)).filter(({ rerun }) => rerun.id !== id)
      const commit = (await lockCommits(sql)) + 1
      const after = await step({ ...kept, writing, answered, commit }, sql)
      await putRerun(sql, after)
      if (after.writing !== writing) await putWriting(sql, pipeline, after.writing)
      if (after.writing !== writing || after.answer !== kept.answer) {
        await sql.run('UPDATE counters SET last_commit = $1', [commit])
      }
      if (after.answer !== null) await putChanges(sql)
      return after.rerun
    })
  }

  return {
    async createRerun(request, at) {
      checkRerunRequest(request)
      checkRerunNotes(at.notes)
      return database.write(async (sql) => {
        await lockReruns(sql)
        const open = await keptReruns(sql, `WHERE ${isOpenRow} ORDER BY id`)
        const [last] = await keptReruns(sql, 'ORDER BY id DESC LIMIT 1')
        const outcome = newRerun(request, at, { open: open.map(({ rerun }) => rerun), last: last?.rerun })
        if ('created' in outcome) await putRerun(sql, { rerun: outcome.created, answer: null })
        return outcome
      })
    },
    async rerun(id) {
      const [kept] = await database.read((sql) => keptReruns(sql, 'WHERE id = $1', [id]))
      return kept?.rerun
    },
    async reruns({ open = false, before = Number.MAX_SAFE_INTEGER, limit }) {
      checkRerunsPage(limit)
      const chosen = open ? `AND ${isOpenRow}` : ''
      const which = `WHERE id < $1 ${chosen} ORDER BY id DESC LIMIT $2`
      return (await database.read((sql) => keptReruns(sql, which, [before, limit]))).map(({ rerun }) => rerun)
    },
    async updateRerun(id, change, at) {
      if (change.notes !== undefined) checkRerunNotes(change.notes)
      return database.write(async (sql) => {
        // Shared: it moves nothing else. Before the row, as everybody who takes both does.
        await sql.run('LOCK TABLE reruns IN ROW EXCLUSIVE MODE')
        const [kept] = await keptReruns(sql, 'WHERE id = $1 FOR UPDATE', [id])
        if (kept?.rerun.revision !== at.revision) return undefined
        const rerun = changedRerun(kept.rerun, change, at)
        await putRerun(sql, { ...kept, rerun })
        return rerun
      })
    },

    async commitSplit(commit) {
      checkSplit(commit)
      const outcome = await database.write(async (sql): Promise<'committed' | 'already'> => {
        if (!(await claimSplit(sql, commit))) return 'already'
        const [row] = await sql.rows<{ state: RerunState; record: string }>(
          'SELECT state, record FROM reruns WHERE id = $1 FOR SHARE',
          [commit.rerun],
        )
        requireSplitting(commit.rerun, row?.state)
        const later = await fencedAfter(sql, commit.erasuresKnown)
        if (later.length > 0) requireSplitKnows(commit, placesOf(row?.record), later)
        await recordSplit(sql, versions, commit)
        return 'committed'
      })
      chores.due(commit.days.length)
      return outcome
    },
    async splitsDone(id) {
      const rows = await database.ask<{ split: string }>('SELECT split FROM rerun_splits WHERE rerun = $1', [id])
      return new Set(rows.map(({ split }) => split))
    },

    beginDualWriting: (id, jobs, at) =>
      move(id, at, async (before, sql) =>
        dualWritingBegun(before, await barriersOf(sql, jobsOf(before.rerun, jobs)), at),
      ),
    promoteRerun: (id, at) => move(id, at, (before) => promoted(before, at)),
    rollBackRerun: (id, at) => move(id, at, (before) => rolledBack(before, at)),
    releaseRerun: (id, at) => move(id, at, (before) => released(before, at)),
    cancelRerun: (id, at) => move(id, at, (before) => cancelled(before, at)),

    writing: (pipeline) => database.read((sql) => writingOf(sql, pipeline)),
    async setBasePlan(pipeline, plan) {
      return database.write(async (sql) => {
        const before = await lockWriting(sql, pipeline)
        const after = withBasePlan(before, plan)
        if (after === before) return before
        await putWriting(sql, pipeline, after)
        await sql.run('UPDATE counters SET last_commit = last_commit + 1')
        return after
      })
    },
    async generationsInUse() {
      return database.read(async (sql) => {
        const pipelines = await sql.rows<{ pipeline: string }>('SELECT pipeline FROM writing')
        const writings = []
        for (const { pipeline } of pipelines) writings.push(await writingOf(sql, pipeline))
        const open = (await keptReruns(sql, `WHERE ${isOpenRow}`)).map(({ rerun }) => rerun)
        return {
          inUse: inUse({ writings, changes: await changesOf(sql), open }),
          changedAt: changedAt(await answeredReruns(sql)),
        }
      })
    },
  }
}

/** The number of the newest commit; nobody else commits until the transaction ends. */
export async function lockCommits(sql: Sql): Promise<number> {
  const [counters] = await sql.rows<{ commit: number }>('SELECT last_commit AS commit FROM counters FOR UPDATE')
  return counters?.commit ?? 0
}

/** Where these jobs have come, in every source they ever read. */
async function barriersOf(sql: Sql, jobs: readonly string[]): Promise<readonly RerunBarrier[]> {
  const rows = await sql.rows<Omit<RerunBarrier, 'next'> & { readonly next: number }>(
    'SELECT job, source, part AS partition, next FROM partitions WHERE job = ANY ($1::text[]) AND next IS NOT NULL',
    [jobs],
  )
  return rows.map((row) => ({ ...row, next: row.next as Offset }))
}
