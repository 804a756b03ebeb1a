/**
 * How a table is cut in time: by UTC days or by UTC months of one column. A **period** is one of them, counted from
 * 1970-01-01 or 1970-01 (Iceberg spec, "Partition Transforms": `day`, `month`).
 */
import { utcDay, utcDayText } from '../../core/event-time.ts'
import type { TableDefinition } from '../../core/tables.ts'

export interface PartitionTime {
  readonly column: string
  readonly transform: 'day' | 'month'
}

export function partitionTime({ partition }: TableDefinition): PartitionTime {
  return 'day' in partition
    ? { column: partition.day, transform: 'day' }
    : { column: partition.month, transform: 'month' }
}

/** Name of the partition field that holds the period: `time_day` for `day(time)`, as Iceberg's writers name it. */
export function periodField(definition: TableDefinition): string {
  const { column, transform } = partitionTime(definition)
  return `${column}_${transform}`
}

/** Period of an instant, ms. */
export function periodOf(definition: TableDefinition, time: number): number {
  if (partitionTime(definition).transform === 'day') return utcDay(time)
  const date = new Date(time)
  return (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth()
}

/** The UTC days of a period, half-open. */
export function periodDays(
  { transform }: Pick<PartitionTime, 'transform'>,
  period: number,
): { readonly first: number; readonly end: number } {
  if (transform === 'day') return { first: period, end: period + 1 }
  return { first: utcDay(Date.UTC(1970, period)), end: utcDay(Date.UTC(1970, period + 1)) }
}

/** `2026-03-01` or `2026-03`, as Iceberg writes partition values for people. */
export function periodText(time: Pick<PartitionTime, 'transform'>, period: number): string {
  const text = utcDayText(periodDays(time, period).first)
  return time.transform === 'day' ? text : text.slice(0, -3)
}
