/**
 * Which rows of a table erasure and retention take out, as a condition: never null, so that its contrary is what stays. The
 * same in JavaScript, for the lake in memory: `removedRowTest` (lakehouse/core/removal-work.ts).
 */
import type { ErasedHits } from '../../../core/ports/erasure-store.ts'
import type { RemovedRows } from '../../../core/ports/lake-removal.ts'
import type { TableName } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import { partitionTime } from '../partition.ts'
import { and, boolean, column, compare, type Expression, instant, not, or, orElse, text, whole } from './ast.ts'
import { notErased } from './not-erased.ts'

/** Rows of the table that go for any of these; none where there are none. `as`: how the condition calls the table. */
export function isAnyRemoved(rows: readonly RemovedRows[], table: TableName, as: string): Expression {
  const erased = rows.flatMap((each) => ('subject' in each ? [each] : []))
  const others = rows.filter((each): each is Exclude<RemovedRows, ErasedHits> => !('subject' in each))
  const parts = [...erasedParts(erased, table, as), ...others.map((each) => isRemoved(each, table, as))]
  return parts.length === 0 ? boolean(false) : or(...parts)
}

function isRemoved(rows: Exclude<RemovedRows, ErasedHits>, table: TableName, as: string): Expression {
  if ('generations' in rows) return isOfGeneration(rows.generations, as)
  const merchant = compare(column('merchant', as), '=', text(rows.merchant))
  const time = column(partitionTime(tables[table]).column, as)
  if ('before' in rows) return and(merchant, compare(time, '<', instant(rows.before)))
  return and(
    merchant,
    compare(time, '>=', instant(rows.start)),
    compare(time, '<', instant(rows.end)),
    compare(column('_publish', as), '<', whole(rows.publishBelow)),
  )
}

function isOfGeneration(generations: readonly number[], as: string): Expression {
  if (generations.length === 0) return boolean(false)
  return { kind: 'in', of: column('_gen', as), literals: generations.map((value) => ({ type: 'whole', value })) }
}

function erasedParts(erased: readonly ErasedHits[], table: TableName, as: string): readonly Expression[] {
  // Half a surrogate pair is in no stored text, and no engine could be told of it.
  const sayable = erased.filter(({ subject }) => subject.kind === 'merchant' || !/\p{Surrogate}/u.test(subject.value))
  if (sayable.length === 0) return []
  checkHasHits(table)
  if (table === 'failed_hits') return sayable.map((each) => isErasedFailure(each, as))
  return [not(and(...notErased(sayable, as)))]
}

function isErasedFailure({ merchant, subject, through }: ErasedHits, as: string): Expression {
  const conditions = [
    compare(column('merchant', as), '=', text(merchant)),
    compare(column('received', as), '<=', instant(through)),
  ]
  if (subject.kind === 'merchant') return and(...conditions)
  // Rows from before the columns say it in their original only.
  const original: Expression = { kind: 'member', of: column('original', as), key: subject.kind }
  const held = orElse(orElse(column(subject.kind, as), original), text(''))
  return and(...conditions, compare(held, '=', text(subject.value)))
}

function checkHasHits(table: TableName): void {
  if (table !== 'hits' && table !== 'failed_hits')
    throw new RangeError(`${table} holds no hits, but what is made of them`)
}
