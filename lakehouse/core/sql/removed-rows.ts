/**
 * Which rows of a table erasure and retention take out, as conditions: never null, so that their contrary is what stays.
 * The same in JavaScript, for the lake in memory: `isRemovedRow`.
 */
import type { ErasedHits } from '../../../core/ports/erasure-store.ts'
import type { RemovedRows } from '../../../core/ports/lake-removal.ts'
import type { LakeRow, TableName } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import { partitionTime } from '../partition.ts'
import { and, boolean, column, compare, type Expression, instant, or, orElse, text, whole } from './ast.ts'

/** Hits (rows of `hits`, `failed_hits`) that an erasure names. `as`: how the condition calls the table. */
export function isErased({ merchant, subject, through }: ErasedHits, table: TableName, as?: string): Expression {
  const conditions = [
    compare(column('merchant', as), '=', text(merchant)),
    compare(column('received', as), '<=', instant(through)),
  ]
  if (subject.kind === 'merchant') return and(...conditions)
  const held = column(subject.kind, as)
  // Rows of failed hits from before the columns say it in their original only.
  const said =
    table === 'failed_hits' ? orElse(held, { kind: 'member', of: column('original', as), key: subject.kind }) : held
  return and(...conditions, compare(orElse(said, text('')), '=', text(subject.value)))
}

/** Rows of the table that go. @throws RangeError for hits erased of a table that has none: say its dead rows instead */
export function isRemoved(rows: RemovedRows, table: TableName, as?: string): Expression {
  const merchant = compare(column('merchant', as), '=', text(rows.merchant))
  const time = column(partitionTime(tables[table]).column, as)
  if ('before' in rows) return and(merchant, compare(time, '<', instant(rows.before)))
  if ('publishBelow' in rows) {
    return and(
      merchant,
      compare(time, '>=', instant(rows.start)),
      compare(time, '<', instant(rows.end)),
      compare(column('_publish', as), '<', whole(rows.publishBelow)),
    )
  }
  checkHasHits(table)
  return isErased(rows, table, as)
}

/** Rows that go for any of these; none where there are none. */
export function isAnyRemoved(rows: readonly RemovedRows[], table: TableName, as?: string): Expression {
  return rows.length === 0 ? boolean(false) : or(...rows.map((each) => isRemoved(each, table, as)))
}

/** The same of a row as it is read back. */
export function isRemovedRow(rows: RemovedRows, table: TableName, row: LakeRow): boolean {
  if (row.merchant !== rows.merchant) return false
  const time = Number(row[partitionTime(tables[table]).column])
  if ('before' in rows) return time < rows.before
  if ('publishBelow' in rows) return time >= rows.start && time < rows.end && Number(row._publish) < rows.publishBelow
  checkHasHits(table)
  if (Number(row.received) > rows.through) return false
  const { subject } = rows
  return (
    subject.kind === 'merchant' || (row[subject.kind] ?? memberOf(table, row, subject.kind) ?? '') === subject.value
  )
}

function memberOf(table: TableName, { original }: LakeRow, key: string): unknown {
  if (table !== 'failed_hits' || typeof original !== 'string') return null
  try {
    const read: unknown = JSON.parse(original)
    return typeof read === 'object' && read !== null ? (read as Readonly<Record<string, unknown>>)[key] : null
  } catch {
    return null
  }
}

function checkHasHits(table: TableName): void {
  if (table !== 'hits' && table !== 'failed_hits')
    throw new RangeError(`${table} holds no hits, but what is made of them`)
}
