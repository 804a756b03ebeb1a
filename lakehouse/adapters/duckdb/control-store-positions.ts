/** Positions of jobs as the control store in DuckDB keeps them. */
import type { Offset } from '../../../core/ids.ts'
import type { JobPosition } from '../../../core/ports/control-store.ts'
import type { Session, SqlRow } from './control-store-session.ts'

/** Of a row of `positions p`, in the order `toPosition` reads them. */
export const positionColumns = 'p.part, p.next, p.checkpoint, p.watermark, p.received, p.forwarded'

/** Inside a read: every job's positions in the source it reads now. */
export async function currentPositions(reader: Session): Promise<readonly (JobPosition & { readonly job: string })[]> {
  const rows = await reader.rows(
    `SELECT ${positionColumns}, p.job FROM positions p JOIN jobs j ON j.job = p.job AND j.source = p.source
     ORDER BY p.job, p.part`,
  )
  return rows.map((row) => ({ ...toPosition(row), job: row[6] as string }))
}

/** A row that begins with `positionColumns`. */
export function toPosition([partition, next, checkpoint, watermark, received, forwarded]: SqlRow): JobPosition {
  return {
    partition: Number(partition),
    next: Number(next) as Offset,
    checkpoint: checkpoint as string | null,
    watermark: watermark === null ? null : Number(watermark),
    received: received === null ? null : Number(received),
    forwarded: JSON.parse(forwarded as string) as JobPosition['forwarded'],
  }
}
