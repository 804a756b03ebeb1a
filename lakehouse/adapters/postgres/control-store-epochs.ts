/**
 * Jobs and the epoch commit in PostgreSQL: one transaction an epoch. It locks the rows of its partitions, in order, and what
 * its pipeline writes; writes everything that grows with its size, and takes its number last: from there on all commits of the store are one after the
 * other, and what is left to do is small.
 */
import { StaleEpochError } from '../../../core/errors.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { ControlStore, EpochCommit } from '../../../core/ports/control-store.ts'
import { booksEntries } from '../../core/control/epoch-rows.ts'
import { requireEpochKnows } from '../../core/control/erasures.ts'
import { checkEpoch, checkPartitions } from '../../core/control/rules.ts'
import { appendBooks } from './control-store-books.ts'
import type { Chores } from './control-store-chores.ts'
import { fencedAfter, recordDroppedDays } from './control-store-erasures.ts'
import { currentPositions, movePositions, positionsOf } from './control-store-positions.ts'
import { advancePublished, recordHistory } from './control-store-progress.ts'
import { recordFiles } from './control-store-publications.ts'
import { changesOf, requireWriting } from './control-store-rerun-tables.ts'
import type { Versions } from './control-store-versions.ts'
import type { Database, Sql } from './database.ts'

type Epochs = Pick<ControlStore, 'acquirePartitions' | 'commitEpoch' | 'versionsSince'>

export function epochs(database: Database, versions: Versions, chores: Chores): Epochs {
  return {
    async acquirePartitions(job, source, owner, partitions) {
      checkPartitions(job, partitions)
      return database.write(async (sql) => {
        const [drawn] = await sql.rows<{ fence: number }>(
          `INSERT INTO jobs AS j VALUES ($1, 1, $2, $3)
           ON CONFLICT (job) DO UPDATE SET fence = j.fence + 1, owner = excluded.owner, source = excluded.source
           RETURNING fence`,
          [job, owner, source],
        )
        const fence = drawn?.fence ?? 0
        // In the order in which commits lock them, so that neither waits for the other in a circle.
        await sql.run(
          `INSERT INTO partitions AS p (job, source, part, fence)
           SELECT $1, $2, part, $3::int8 FROM unnest($4::int8[]) AS u (part) ORDER BY part
           ON CONFLICT (job, source, part) DO UPDATE SET fence = excluded.fence`,
          [job, source, fence, partitions],
        )
        return { fence, positions: await positionsOf(sql, job, source, partitions) }
      })
    },

    async commitEpoch(commit) {
      checkEpoch(commit)
      const entries = booksEntries(commit.books)
      const done = await database.write(async (sql) => {
        await lockPartitions(sql, commit)
        await requireWriting(sql, commit.writing)
        requireEpochKnows(commit, await fencedAfter(sql, commit.erasuresKnown))
        await movePositions(sql, commit)
        const [drawn] = await sql.rows<{ epoch: number }>(`SELECT nextval('epoch_numbers') AS epoch`)
        const epoch = drawn?.epoch ?? 0
        await recordFiles(sql, epoch, commit.staged)
        await recordHistory(sql, epoch, commit)
        const touched = await versions.keep(sql, epoch, commit.touched)
        await appendBooks(sql, entries)
        await recordDroppedDays(sql, epoch, commit)
        const number = await versions.commit(sql, epoch, touched, commit.staged.length)
        await sql.run('INSERT INTO epochs VALUES ($1, $2, $3, $4)', [epoch, commit.job, number, touched])
        if (commit.staged.length === 0) await advancePublished(sql, [commit.job])
        return { number, touched }
      })
      chores.due(entries.length + done.touched)
      return { commit: done.number }
    },

    async versionsSince(since) {
      return database.read(async (sql) => {
        const [counters] = await sql.rows<{ commit: number; floor: number }>(
          'SELECT last_commit AS commit, versions_floor AS floor FROM counters',
        )
        const { commit, floor } = counters as { commit: number; floor: number }
        const reset = since < floor || since > commit
        const changes =
          reset || since === commit
            ? []
            : await sql.rows<{ merchant: MerchantId; day: number; version: number }>(
                `SELECT t.merchant, t.day, max(r.version) AS version FROM raises r JOIN touched t ON t.epoch = r.epoch
                 WHERE r.version > $1 GROUP BY t.merchant, t.day`,
                [since],
              )
        return { commit, changes, reset, positions: await currentPositions(sql), generations: await changesOf(sql) }
      })
    },
  }
}

/** @throws StaleEpochError where a partition is another owner's, or has been moved */
async function lockPartitions(sql: Sql, { job, source, fence, partitions }: EpochCommit): Promise<void> {
  const rows = await sql.rows<{ part: number; fence: number; next: number | null }>(
    `SELECT part, fence, next FROM partitions
     WHERE job = $1 AND source = $2 AND part = ANY ($3::int8[]) AND source = (SELECT source FROM jobs WHERE job = $1)
     ORDER BY part FOR UPDATE`,
    [job, source, partitions.map(({ partition }) => partition)],
  )
  const locked = new Map(rows.map((row) => [row.part, row]))
  for (const { partition, from } of partitions) {
    const row = locked.get(partition)
    if (row?.fence !== fence) {
      throw new StaleEpochError(
        `partition ${partition} of ${job} in ${source} has fence ${row?.fence ?? 0}, not ${fence}`,
      )
    }
    const at = row.next ?? 0
    if (at !== from) throw new StaleEpochError(`partition ${partition} of ${job} is at ${at}, not ${from}`)
  }
}
