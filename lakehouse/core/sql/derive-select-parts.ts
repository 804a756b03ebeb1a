/** What is common to derivations in SQL: their units as a relation, and which rows of a base table lie in them. */

import type { MerchantId } from '../../../core/ids.ts'
import type { DeriveWork } from '../../../core/ports/lake.ts'
import type { DerivedUnit } from '../../../core/ports/maintenance-store.ts'
import type { BucketRange } from '../../../core/ports/query-engine.ts'
import type { TableName } from '../../../core/tables.ts'
import { compareText } from '../../../core/text-order.ts'
import { and, column, compare, type Expression, instant, type Relation, type Select, type Source, text } from './ast.ts'
import { answering, answerTime, ofGenerationMap } from './of-generations.ts'

/** What of a derivation its rows depend on. */
export type WorkToSelect = Pick<DeriveWork, 'generations' | 'units' | 'rule' | 'erased'>

/** Most units of one derivation. */
export const deriveMaxUnits = 5_000

/** @throws RangeError where units are none, too many or empty */
export function checkUnits(units: readonly DerivedUnit[]): void {
  if (units.length === 0 || units.length > deriveMaxUnits) {
    throw new RangeError(`a derivation has 1 to ${deriveMaxUnits} units, got ${units.length}`)
  }
  if (units.some(({ start, end }) => end <= start)) throw new RangeError('a unit must not be empty')
}

/** Rows of `rows`, as `rows`, once for every unit of their merchant, as `units`; whether they lie in it, `inUnit` says. */
export function joinUnits(rows: Source, units: readonly DerivedUnit[]): Source {
  const relation: Relation = {
    kind: 'rows',
    columns: [
      { name: 'merchant', type: 'text' },
      { name: 'unit_start', type: 'instant' },
      { name: 'unit_end', type: 'instant' },
    ],
    rows: units.map(({ merchant, start, end }) => [
      { type: 'text', value: merchant },
      { type: 'instant', value: start },
      { type: 'instant', value: end },
    ]),
  }
  return joinByMerchant(rows, { relation, as: 'units' })
}

/** Rows of merchants that have units, each once. */
export function joinMerchants(rows: Source, units: readonly DerivedUnit[]): Source {
  const relation: Relation = {
    kind: 'rows',
    columns: [{ name: 'merchant', type: 'text' }],
    rows: merchantsOf(units).map((value) => [{ type: 'text', value }]),
  }
  return joinByMerchant(rows, { relation, as: 'merchants' })
}

function joinByMerchant(left: Source, right: Source): Source {
  const on = compare(column('merchant', left.as), '=', column('merchant', right.as))
  return { relation: { kind: 'join', how: 'inner', left, right, on }, as: 'joined' }
}

/** Each once, by code point. */
function merchantsOf(units: readonly DerivedUnit[]): readonly MerchantId[] {
  return [...new Set(units.map(({ merchant }) => merchant))].sort(compareText)
}

export function tableRows(table: TableName, columns: readonly string[]): Source {
  return { relation: { kind: 'table', table, columns: [...new Set(['merchant', '_gen', ...columns])] }, as: 'rows' }
}

/**
 * Whether a row of the base table may belong to the units' merchants, answers, and has its time in the range: repeats what
 * joins say, for engines skip files and row groups by it.
 */
export function nearUnits(
  { generations, units }: Pick<WorkToSelect, 'generations' | 'units'>,
  table: 'hits' | 'hourly',
  range: BucketRange,
): Expression {
  const merchants = merchantsOf(units)
  const time = answerTime(table)
  return and(
    compare(column('merchant', 'rows'), '>=', text(merchants[0] ?? '')),
    compare(column('merchant', 'rows'), '<=', text(merchants.at(-1) ?? '')),
    ofGenerationMap(generations, table, { as: 'rows', time, merchants, range }),
    compare(column(time, 'rows'), '>=', instant(range.start)),
    compare(column(time, 'rows'), '<', instant(range.end)),
  )
}

/** The generation of a unit's rows: what answers where `time`, a column of `as`, says that it begins. */
export function generationOfUnit(
  { generations, units }: Pick<WorkToSelect, 'generations' | 'units'>,
  table: 'hits' | 'hourly',
  as: string,
  time: string,
): Expression {
  return answering(generations, table, { as, time, merchants: merchantsOf(units), range: spanOf(units) })
}

/** The whole stretch that they lie in. */
export function spanOf(units: readonly BucketRange[]): { readonly start: number; readonly end: number } {
  return {
    start: units.reduce((least, { start }) => Math.min(least, start), Number.POSITIVE_INFINITY),
    end: units.reduce((most, { end }) => Math.max(most, end), Number.NEGATIVE_INFINITY),
  }
}

/** Whether `of`, an instant, lies in the row's unit. */
export function inUnit(of: Expression): Expression {
  return and(compare(of, '>=', column('unit_start', 'units')), compare(of, '<', column('unit_end', 'units')))
}

export const asIs = (name: string, of?: string): Select['columns'][number] => ({
  expression: column(name, of),
  as: name,
})
