/** The rows that a plan over a table keeps, with the columns that it makes of them: the relation `read`. */
import type { ErasedHits } from '../../../core/ports/erasure-store.ts'
import type { BucketRange } from '../../../core/ports/query-engine.ts'
import {
  and,
  arithmetic,
  boolean,
  column,
  compare,
  type Expression,
  instant,
  type Literal,
  orElse,
  type Select,
  whole,
} from './ast.ts'
import { columnsFor, notErased } from './not-erased.ts'
import type { PlanDerived, PlanType, TablePlan } from './table-plan.ts'

export interface TablePlanQuestion {
  /** Windows that start in it, ms, half-open. */
  readonly range: BucketRange
  readonly generation: number
  /** Hits that count nowhere; none where the table is another. */
  readonly erased: readonly ErasedHits[]
}

/** A column's value, and what it is. */
export interface Typed {
  readonly expression: Expression
  readonly type: PlanType
}
export type Columns = Select['columns']
export type Relations = NonNullable<Select['with']>

/** Name of a row's column, apart from those that the query makes for itself. */
export const rowColumn = (name: string) => `row.${name}`
export const ofRow = (name: string): Expression => column(rowColumn(name))
export const asIs = (name: string): Columns[number] => ({ expression: column(name), as: name })

/** Columns that the plan asks of its rows where they are grouped: keys, zones, and what is aggregated. Each once. */
export function columnsUsed({ by, window, aggregates, position }: TablePlan): readonly string[] {
  const places = Object.values(aggregates).some(({ kind }) => kind === 'first' || kind === 'last')
  const of = Object.values(aggregates).flatMap((node) => {
    if (node.kind === 'count') return []
    return node.kind === 'top' ? [node.column, node.weight] : [node.column]
  })
  return [...new Set([...by, ...(window.kind === 'calendar' ? [window.zone] : []), ...of, ...(places ? position : [])])]
}

/** Columns of rows as they are grouped, by name. */
export function rowTypes({ columns, rowSteps }: TablePlan): Readonly<Record<string, PlanType>> {
  const types: Record<string, PlanType> = { ...columns }
  for (const step of rowSteps) {
    if (step.kind !== 'derive') continue
    for (const [name, of] of Object.entries(step.derived)) types[name] = derivedType(of)
  }
  return types
}

export function derivedType(derived: PlanDerived): PlanType {
  if ('window' in derived) return 'instant'
  if ('is' in derived) return 'boolean'
  return 'hash' in derived ? 'bigint' : 'long'
}

/** Rows whose time is in the range, with `ms` and the columns used. */
export function readRows(plan: TablePlan, question: Omit<TablePlanQuestion, 'range'>, range: BucketRange): Select {
  const made = new Map<string, Typed>()
  const read = new Set<string>([plan.eventTime])
  const stored = (name: string): Typed => {
    const type = plan.columns[name]
    if (type === undefined) throw new RangeError(`'${plan.name}' reads column '${name}', which its rows do not have`)
    read.add(name)
    return { expression: column(name, 'rows'), type }
  }
  const columnOf = (name: string) => made.get(name) ?? stored(name)
  const conditions: Expression[] = []
  for (const step of plan.rowSteps) {
    if (step.kind === 'where') {
      const { column: name, is } = step.where
      conditions.push(isValue(columnOf(name), is))
      continue
    }
    const before = Object.entries(step.derived).map(([name, of]) => [name, derivedValue(of, columnOf)] as const)
    for (const [name, value] of before) made.set(name, value)
  }
  const used = columnsUsed(plan).map((name) => ({ expression: columnOf(name).expression, as: rowColumn(name) }))
  const time = column(plan.eventTime, 'rows')
  const columns = new Set([
    '_gen',
    ...(question.erased.length === 0 ? [] : ['merchant']),
    ...read,
    ...columnsFor(question.erased),
  ])
  return {
    columns: [{ expression: { kind: 'epochMs', of: time }, as: 'ms' }, ...used],
    from: { relation: { kind: 'table', table: plan.table, columns: [...columns] }, as: 'rows' },
    where: and(
      compare(column('_gen', 'rows'), '=', whole(question.generation)),
      compare(time, '>=', instant(range.start)),
      compare(time, '<', instant(range.end)),
      ...notErased(question.erased, 'rows'),
      ...conditions,
    ),
  }
}

/** True where the column holds the value; of no value null. */
export function isValue({ expression, type }: Typed, is: string | number | boolean): Expression {
  return compare(expression, '=', { kind: 'literal', literal: literalOf(type, is) })
}

export function derivedValue(derived: PlanDerived, columnOf: (name: string) => Typed): Typed {
  const type = derivedType(derived)
  if ('window' in derived) return { expression: column(`window_${derived.window}`), type }
  const of = columnOf(derived.column)
  if ('is' in derived) return { expression: orElse(isValue(of, derived.is), boolean(false)), type }
  if ('hash' in derived) return { expression: { kind: 'hashOf', text: of.expression }, type }
  return { expression: arithmetic(wide(of), '-', wide(columnOf(derived.less))), type }
}

/** A whole number of 64 bits: what is shorter would overflow in differences. */
export function wide({ expression, type }: Typed): Expression {
  if (type === 'instant') return { kind: 'epochMs', of: expression }
  return type === 'int' ? arithmetic(expression, '+', whole(0)) : expression
}

/** @throws RangeError where the column's type has no such value */
export function literalOf(type: PlanType, is: string | number | boolean): Literal {
  if (type === 'string' && typeof is === 'string') return { type: 'text', value: is }
  if (type === 'boolean' && typeof is === 'boolean') return { type: 'boolean', value: is }
  if (type === 'instant' && typeof is === 'number') return { type: 'instant', value: is }
  if ((type === 'int' || type === 'long') && typeof is === 'number') return { type: 'whole', value: is }
  throw new RangeError(`${JSON.stringify(is)} is no value of a column that is ${type}`)
}

/** The columns `window_start` and `window_end`. */
export function bounds(start: Expression, end: Expression): Columns {
  return [
    { expression: start, as: 'window_start' },
    { expression: end, as: 'window_end' },
  ]
}
