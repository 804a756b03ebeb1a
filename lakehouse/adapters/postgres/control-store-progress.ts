/**
 * How far jobs have come with collectors' logs, in PostgreSQL. `history` holds the positions of epochs that may still have
 * unpublished files before or with them; once they have none, the newest of them are those of `published`. Commits are
 * numbered in the order in which they become visible, so whoever holds the counter sees all commits before.
 */
import type { ClusterStore, CollectorReport, LogProgress } from '../../../core/ports/cluster-store.ts'
import type { EpochCommit } from '../../../core/ports/control-store.ts'
import type { Database, Sql } from './database.ts'

type Progress = Pick<ClusterStore, 'logProgress' | 'reportCollector' | 'collectors' | 'lowestFence'>

export function progress(database: Database): Progress {
  return {
    async logProgress(log) {
      return database.ask<LogProgress>(
        `SELECT p.job, p.part AS partition, (p.forwarded ->> $1::text)::int8 AS committed,
           coalesce((d.forwarded ->> $1::text)::int8, 0) AS published
         FROM partitions p JOIN jobs j ON j.job = p.job AND j.source = p.source
         LEFT JOIN published d ON d.job = p.job AND d.source = p.source AND d.part = p.part
         WHERE p.forwarded ? $1::text ORDER BY p.job, p.part`,
        [log],
      )
    },

    async reportCollector({ log, visibleThrough, state }) {
      await database.write((sql) =>
        sql.run(
          `INSERT INTO collectors AS c VALUES ($1, $2, $3) ON CONFLICT (log) DO UPDATE
           SET visible_through = greatest(c.visible_through, excluded.visible_through), state = excluded.state`,
          [log, visibleThrough, state],
        ),
      )
    },

    async collectors() {
      return database.ask<CollectorReport>(
        'SELECT log, visible_through AS "visibleThrough", state FROM collectors ORDER BY log',
      )
    },

    async lowestFence(job) {
      const [row] = await database.ask<{ fence: number | null }>(
        'SELECT min(fence) AS fence FROM partitions WHERE job = $1',
        [job],
      )
      return row?.fence ?? undefined
    },
  }
}

export async function recordHistory(sql: Sql, epoch: number, { source, partitions }: EpochCommit): Promise<void> {
  const some = partitions.filter(({ forwarded }) => Object.keys(forwarded).length > 0)
  if (some.length === 0) return
  await sql.run(
    `INSERT INTO history SELECT $1::int8, $2, part, forwarded::jsonb
     FROM unnest($3::int8[], $4::text[]) AS u (part, forwarded)`,
    [epoch, source, some.map(({ partition }) => partition), some.map(({ forwarded }) => JSON.stringify(forwarded))],
  )
}

/** Under the counter's lock: what these jobs have committed before their oldest unpublished file is published now. */
export async function advancePublished(sql: Sql, jobs: readonly string[]): Promise<void> {
  for (const job of [...jobs].sort()) {
    const done = `SELECT e.epoch, e.commit FROM epochs e WHERE e.job = $1 AND e.commit < coalesce(
        (SELECT min(o.commit) FROM pending_files f JOIN epochs o ON o.epoch = f.epoch WHERE o.job = $1),
        9223372036854775807)`
    await sql.run(
      `INSERT INTO published AS p
       SELECT DISTINCT ON (h.source, h.part) $1, h.source, h.part, h.forwarded
       FROM history h JOIN (${done}) AS done ON done.epoch = h.epoch
       ORDER BY h.source, h.part, done.commit DESC
       ON CONFLICT (job, source, part) DO UPDATE SET forwarded = excluded.forwarded`,
      [job],
    )
    // Of touched rows, those that some version names are kept until it is forgotten.
    await sql.run(
      `WITH done AS (${done}), gone AS (
         DELETE FROM epochs e USING done WHERE e.epoch = done.epoch RETURNING e.epoch, e.touched_rows
       ), forgotten AS (
         DELETE FROM history h USING done WHERE h.epoch = done.epoch
       )
       INSERT INTO discarded (epoch) SELECT epoch FROM gone
       WHERE touched_rows > 0 AND NOT EXISTS (SELECT FROM raises r WHERE r.epoch = gone.epoch)
       ON CONFLICT DO NOTHING`,
      [job],
    )
  }
}
