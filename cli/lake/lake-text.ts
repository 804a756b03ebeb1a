/** What `hitlake lake` prints, for a person. */
import { dayMs } from '../../core/event-time.ts'

export interface Snapshot {
  readonly id: string
  readonly at: string
  readonly rows: number
  readonly operation: string
  readonly parent: string | null
  readonly publish: number | null
  readonly addedRows: number
  readonly pinnedBy: readonly string[]
}

export interface PartitionPlace {
  readonly generation: number | null
  readonly period: number
}

export interface Change {
  readonly partition: PartitionPlace | null
  readonly added: { readonly files: number; readonly rows: number }
  readonly removed: { readonly files: number; readonly rows: number }
}

export interface RolledBack {
  readonly from: string
  readonly to: string
  readonly undone: readonly string[]
  readonly days: number
}

/** Generation and period. Null: files that others partitioned in their own way. */
export function placeOf(partition: PartitionPlace | null): readonly [string, string] {
  if (partition === null) return ['-', 'elsewhere']
  const { generation, period } = partition
  // Months since 1970 are below a thousand for a while, days are above.
  const isMonth = period < 2_000
  const first = isMonth ? Date.UTC(1970, period) : period * dayMs
  return [String(generation ?? '-'), new Date(first).toISOString().slice(0, isMonth ? 7 : 10)]
}

/** Commits from the older of the two, left out, to the newer; newest first. Empty where one of them is not listed. */
export function commitsBetween(snapshots: readonly Snapshot[], from: string, to: string): readonly Snapshot[] {
  const [one, other] = [from, to].map((id) => snapshots.find((snapshot) => snapshot.id === id))
  if (one === undefined || other === undefined) return []
  const [older, newer] = [one.at, other.at].sort()
  return snapshots.filter(({ at, id }) => at >= (older ?? '') && at <= (newer ?? '') && id !== olderId(one, other))
}

function olderId(one: Snapshot, other: Snapshot): string {
  return one.at <= other.at ? one.id : other.id
}

export function diffLines(changes: readonly Change[], between: readonly Snapshot[]): readonly string[] {
  const sum = (of: (change: Change) => number) => changes.reduce((total, change) => total + of(change), 0)
  const publications = between.filter(({ publish }) => publish !== null).length
  const others = between.length - publications
  return [
    `+${sum(({ added }) => added.rows)} −${sum(({ removed }) => removed.rows)} rows, by ${publications} publications and ${others} other commits`,
    ...between.map(
      ({ at, id, operation, publish, addedRows }) =>
        `${at}  ${id}  ${operation}${publish === null ? '' : ` of publication ${publish}`}, ${addedRows} rows written`,
    ),
  ]
}

export function rollbackLines(
  table: string,
  snapshot: string,
  rolledBack: RolledBack | null,
  mode: 'roll back' | 'dry run' | 'ask',
): readonly string[] {
  if (rolledBack === null) {
    return ['cannot be rolled back now: a publication is under way, or another process does the maintenance; try again']
  }
  const { undone, days } = rolledBack
  if (undone.length === 0) return [`${table} is at ${snapshot} already`]
  const many = `${undone.length} snapshots`
  if (mode === 'roll back') {
    return [`${table} is at ${snapshot} again; ${many} were undone, and ${days} days of merchants are asked anew`]
  }
  const said = [`${many} would be undone, and ${days} days of merchants asked anew:`, ...undone.map((id) => `  ${id}`)]
  return mode === 'ask' ? [...said, 'nothing was changed; with --yes it is done'] : said
}

export function bytesText(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB']
  const step = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10))
  const value = bytes / 1_024 ** step
  return `${value < 10 && step > 0 ? value.toFixed(1) : Math.round(value)} ${units[step]}`
}
