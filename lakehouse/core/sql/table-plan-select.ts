/**
 * A plan over a table as one query: the rows that its operators make (pipelines/runtime/bounded/run-table-plan.ts), of all
 * windows that start in a range. Windows are given whole, whatever the range: rows are read from as far as they decide them.
 *
 * As values (`tablePlanSelect`): columns of the groups, aggregates and derived ones by name; `avg` is {sum, n}, a sketch
 * a list, histograms and weights lists of structs, null where there are none. As texts for an answer: table-plan-answer.ts.
 */
import type { BucketRange } from '../../../core/ports/query-engine.ts'
import { column, type Expression, named, type Select } from './ast.ts'
import type { PlanType, TablePlan } from './table-plan.ts'
import { aggregateRelations, type Result, results } from './table-plan-aggregates.ts'
import { tablePlanReadRange } from './table-plan-range.ts'
import { sqlRefusal } from './table-plan-refusal.ts'
import {
  derivedValue,
  ofRow,
  type Relations,
  readRows,
  rowColumn,
  rowTypes,
  type TablePlanQuestion,
  type Typed,
} from './table-plan-rows.ts'
import { windowRelations } from './table-plan-windows.ts'

/**
 * The zones that the rows of a plan with calendar windows name, as the column `zone`; null where it has no such windows.
 * @throws RangeError as `tablePlanSelect`
 */
export function tablePlanZonesSelect(plan: TablePlan, question: TablePlanQuestion): Select | null {
  const { window } = plan
  if (window.kind !== 'calendar') return null
  const read = readRelation(plan, question)
  return {
    with: [read],
    columns: [{ expression: column(rowColumn(window.zone)), as: 'zone' }],
    from: named('read'),
    where: { kind: 'notNull', of: column(rowColumn(window.zone)) },
    distinct: 'distinct',
  }
}

/**
 * `zones`: what `tablePlanZonesSelect` found.
 * @throws RangeError where the plan has no SQL, the range is empty, or windows are too many
 */
export function tablePlanSelect(plan: TablePlan, question: TablePlanQuestion, zones: readonly string[] = []): Select {
  const { relations, columns } = tablePlanParts(plan, question, zones)
  return {
    with: relations,
    columns: columns.map(({ name, result }) => ({ expression: typed(result), as: name })),
    from: named('grouped'),
  }
}

export interface ResultColumn {
  readonly name: string
  readonly result: Result
}

/** Relations of which the last is `grouped`, and the columns of the answer in its terms. @throws RangeError */
export function tablePlanParts(
  plan: TablePlan,
  question: TablePlanQuestion,
  zones: readonly string[],
): { readonly relations: Relations; readonly columns: readonly ResultColumn[] } {
  return {
    relations: [
      readRelation(plan, question),
      ...windowRelations(plan, question.range, zones),
      ...aggregateRelations(plan),
    ],
    columns: resultColumns(plan),
  }
}

function readRelation(plan: TablePlan, question: TablePlanQuestion): Relations[number] {
  const refusal = sqlRefusal(plan)
  if (refusal !== null) throw new RangeError(`'${plan.name}' has no SQL: ${refusal}`)
  checkRange(question.range)
  if (question.erased.length > 0 && plan.table !== 'hits') {
    throw new RangeError(`erasures are of hits, and '${plan.name}' reads '${plan.table}'`)
  }
  return { name: 'read', select: readRows(plan, question, tablePlanReadRange(plan, question.range)) }
}

function checkRange({ start, end }: BucketRange): void {
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || end <= start) {
    throw new RangeError('a range of windows is of whole ms and not empty')
  }
}

/** Columns of the plan's rows, in order: groups, aggregates, derived. */
export function resultColumns(plan: TablePlan): readonly ResultColumn[] {
  const types = rowTypes(plan)
  const found = new Map<string, Result>()
  for (const name of plan.by) found.set(name, value(ofRow(name), types[name] ?? 'unknown'))
  for (const [name, result] of results(plan)) found.set(name, result)
  for (const [name, derived] of plan.derived) {
    const { expression, type } = derivedValue(derived, (from) => singleValue(plan, from, found.get(from)))
    // Bounds of windows are ms; all else is made of columns as they are.
    const made: Expression = 'window' in derived ? { kind: 'instantOf', ms: expression } : expression
    found.set(name, value(made, type))
  }
  return [...found].map(([name, result]) => ({ name, result }))
}

function value(expression: Expression, type: PlanType): Result {
  return { kind: 'value', type, expression }
}

function singleValue({ name }: TablePlan, from: string, result: Result | undefined): Typed {
  if (result?.kind !== 'value')
    throw new RangeError(`'${name}' derives a column of '${from}', which is no single value`)
  return result
}

function typed(result: Result): Expression {
  switch (result.kind) {
    case 'value':
      return result.expression
    case 'average':
      return {
        kind: 'struct',
        fields: [
          { name: 'sum', type: 'decimal38', of: result.sum },
          { name: 'n', type: 'long', of: result.n },
        ],
      }
    case 'sketch':
    case 'pairs':
      return result.list
  }
}
