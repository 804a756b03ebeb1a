/**
 * When a partition is worth rewriting. Each rewrite writes all of it again, so the larger it is, the more files have to have
 * come in: what is written again stays a small multiple of what came in.
 */
import type { PartitionFiles } from '../../../core/ports/lake.ts'
import type { TableDefinition } from '../../../core/tables.ts'
import { partitionTime, periodDays } from '../partition.ts'

/** Files of a partition whose days are over. */
export const closedRewriteMinFiles = 4
/** Files of a partition that is still written to, every minute or so. */
export const openRewriteMinFiles = 32
/** One file more for each so many bytes of the partition. */
export const rewriteBytesPerFile = 16 * 1_048_576

export function isWorthRewriting(definition: TableDefinition, partition: PartitionFiles, closedDay: number): boolean {
  const { end } = periodDays(partitionTime(definition), partition.period)
  const least = end - 1 <= closedDay ? closedRewriteMinFiles : openRewriteMinFiles
  return partition.files >= least + Math.floor(partition.bytes / rewriteBytesPerFile)
}
