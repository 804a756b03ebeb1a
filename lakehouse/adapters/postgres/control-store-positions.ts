/** Positions of jobs as the control store in PostgreSQL keeps them. */
import type { Offset } from '../../../core/ids.ts'
import type { EpochCommit, JobPosition } from '../../../core/ports/control-store.ts'
import type { Sql } from './database.ts'

interface PositionRow {
  readonly job: string
  readonly part: number
  readonly next: number
  readonly checkpoint: string | null
  readonly watermark: number | null
  readonly received: number | null
  readonly forwarded: Readonly<Record<string, number>>
}

const columns = 'p.job, p.part, p.next, p.checkpoint, p.watermark, p.received, p.forwarded'

/** Every job's positions in the source it reads now. */
export async function currentPositions(sql: Sql): Promise<readonly (JobPosition & { readonly job: string })[]> {
  const rows = await sql.rows<PositionRow>(
    `SELECT ${columns} FROM partitions p JOIN jobs j ON j.job = p.job AND j.source = p.source
     WHERE p.next IS NOT NULL ORDER BY p.job, p.part`,
  )
  return rows.map((row) => ({ ...toPosition(row), job: row.job }))
}

export async function positionsOf(
  sql: Sql,
  job: string,
  source: string,
  partitions: readonly number[],
): Promise<readonly JobPosition[]> {
  const rows = await sql.rows<PositionRow>(
    `SELECT ${columns} FROM partitions p
     WHERE p.job = $1 AND p.source = $2 AND p.part = ANY ($3::int8[]) AND p.next IS NOT NULL ORDER BY p.part`,
    [job, source, partitions],
  )
  return rows.map(toPosition)
}

/** Of partitions that the transaction has locked. */
export async function movePositions(sql: Sql, { job, source, plan, partitions }: EpochCommit): Promise<void> {
  await sql.run(
    `UPDATE partitions p SET plan = $3, next = u.next, checkpoint = u.checkpoint, watermark = u.watermark,
       received = u.received, forwarded = u.forwarded::jsonb
     FROM unnest($4::int8[], $5::int8[], $6::text[], $7::int8[], $8::int8[], $9::text[])
       AS u (part, next, checkpoint, watermark, received, forwarded)
     WHERE p.job = $1 AND p.source = $2 AND p.part = u.part`,
    [
      job,
      source,
      plan,
      partitions.map(({ partition }) => partition),
      partitions.map(({ next }) => next),
      partitions.map(({ checkpoint }) => checkpoint),
      partitions.map(({ watermark }) => watermark),
      partitions.map(({ received }) => received),
      partitions.map(({ forwarded }) => JSON.stringify(forwarded)),
    ],
  )
}

function toPosition({ part, next, checkpoint, watermark, received, forwarded }: PositionRow): JobPosition {
  return { partition: part, next: next as Offset, checkpoint, watermark, received, forwarded }
}
