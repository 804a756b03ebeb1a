/** How far jobs trail behind the feed, for `/metrics`: from where they are and where the feed ends. */
import type { Offset } from '../../core/ids.ts'
import type { JobPosition } from '../../core/ports/control-store.ts'

export interface PartitionLag {
  readonly job: string
  readonly partition: number
  readonly lagRecords: number
  /** Since the last committed record was received, where others wait; NaN where none was ever committed. */
  readonly lagSeconds: number
  /** ms since 1970; NaN before the first record */
  readonly watermarkMs: number
}

/** A lag for each position whose partition has an end. `ends` read after `positions`, or lag may seem to be less than 0. */
export function partitionLags(
  positions: readonly (JobPosition & { readonly job: string })[],
  ends: ReadonlyMap<number, Offset>,
  now: number,
): readonly PartitionLag[] {
  return positions.flatMap(({ job, partition, next, received, watermark }) => {
    const end = ends.get(partition)
    if (end === undefined) return []
    const lagRecords = Math.max(0, end - next)
    const lagSeconds = lagRecords === 0 ? 0 : Math.max(0, now - (received ?? Number.NaN)) / 1_000
    return [{ job, partition, lagRecords, lagSeconds, watermarkMs: watermark ?? Number.NaN }]
  })
}
