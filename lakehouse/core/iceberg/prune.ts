/**
 * What a scan can skip by partition and bounds (Iceberg spec, "Scan Planning"). Says "may hold" in doubt; never skips what
 * passes the filter. Files of other engines may be partitioned in other ways: of those the bounds of columns decide.
 */
import { dayMs } from '../../../core/event-time.ts'
import type { ScanFilter, StagedFile } from '../../../core/ports/lake.ts'
import type { TableDefinition } from '../../../core/tables.ts'
import { partitionTime, periodDays } from '../partition.ts'
import type { DataFile, ManifestFile } from './manifest.ts'
import { columnOf, type PartitionField, type PartitionSpec } from './schema.ts'

export interface Pruner {
  manifest(manifest: ManifestFile): boolean
  file(file: DataFile, specId: number): boolean
  staged(file: StagedFile): boolean
}

/** `specs`: all of the table's, by id; a file is skipped by period only where its own spec has our column. */
export function createPruner(
  definition: TableDefinition,
  filter: ScanFilter,
  specs: ReadonlyMap<number, PartitionSpec>,
): Pruner {
  const timeId = columnOf(definition, partitionTime(definition).column).id
  const generationId = definition.partition.generation ? columnOf(definition, '_gen').id : undefined
  const merchantId = columnOf(definition, 'merchant').id
  const merchant = filter.merchant === undefined ? undefined : Buffer.from(filter.merchant, 'utf8')
  const firstDay = filter.firstDay ?? Number.NEGATIVE_INFINITY
  const lastDay = filter.lastDay ?? Number.POSITIVE_INFINITY
  const daysMeet = (from: number, through: number) => from <= lastDay && through >= firstDay

  const keepsField = (field: PartitionField, lower: number, upper: number) => {
    if ((field.transform === 'day' || field.transform === 'month') && field['source-id'] === timeId) {
      const { transform } = field
      return daysMeet(periodDays({ transform }, lower).first, periodDays({ transform }, upper).end - 1)
    }
    if (field.transform !== 'identity' || field['source-id'] !== generationId) return true
    return filter.generations?.some((generation) => generation >= lower && generation <= upper) ?? true
  }
  const timesMeet = ({ lowerBounds, upperBounds }: DataFile) => {
    const [lower, upper] = [dayOfBound(lowerBounds.get(timeId)), dayOfBound(upperBounds.get(timeId))]
    return daysMeet(lower ?? Number.NEGATIVE_INFINITY, upper ?? Number.POSITIVE_INFINITY)
  }
  const fieldsOf = (specId: number) => specs.get(specId)?.fields ?? []

  return {
    manifest(manifest) {
      return fieldsOf(manifest.specId).every((field, at) => {
        const part = manifest.partitions[at]
        if (part?.lower?.length !== 4 || part.upper?.length !== 4 || part.hasNull) return true
        return keepsField(field, part.lower.readInt32LE(), part.upper.readInt32LE())
      })
    },
    file(file, specId) {
      const fits = fieldsOf(specId).every((field, at) => {
        const value = file.partition[at]
        return typeof value !== 'number' || keepsField(field, value, value)
      })
      if (!fits || !timesMeet(file)) return false
      if (merchant === undefined) return true
      const [lower, upper] = [file.lowerBounds.get(merchantId), file.upperBounds.get(merchantId)]
      // Bounds may be prefixes: bytes compare as the strings do, a cut lower bound is below, a cut upper one above.
      return (
        (lower === undefined || lower.compare(merchant) <= 0) && (upper === undefined || upper.compare(merchant) >= 0)
      )
    },
    staged: (file) => daysMeet(file.firstDay, file.lastDay),
  }
}

// A timestamptz is stored as microseconds since 1970; bytes of another length say nothing.
function dayOfBound(bound: Buffer | undefined): number | undefined {
  if (bound?.length !== 8) return undefined
  return Math.floor(Number(bound.readBigInt64LE()) / (dayMs * 1_000))
}
