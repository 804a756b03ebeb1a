/** Checks of an aggregate step: that each is of the closed set, and its columns are there and of a type it takes. */
import type { AggregateNode } from '../core/pane.ts'
import { checkColumn, reader, refuse } from './check-column.ts'
import type { Plan, PlanStep, RowType } from './node/step.ts'

const integers: readonly RowType[] = ['bigint', 'long', 'int', 'instant']
const ordered: readonly RowType[] = ['string', 'bigint', 'long', 'int', 'double', 'instant']

const columnTypes: Readonly<Record<AggregateNode['kind'], readonly RowType[]>> = {
  count: [],
  countIf: ['boolean'],
  sum: integers,
  avg: integers,
  min: ordered,
  max: ordered,
  first: ordered,
  last: ordered,
  countDistinct: ['bigint'],
  quantiles: ['int'],
  top: ['string'],
}

const literalTypes: Readonly<Record<string, readonly RowType[]>> = {
  string: ['string'],
  boolean: ['boolean'],
  number: ['int', 'long', 'double', 'instant'],
}

/** @throws InvalidPlanError naming the step, the aggregate and the column */
export function checkAggregate(plan: Plan, step: PlanStep & { kind: 'aggregate' }): void {
  const entries = Object.entries(step.aggregates)
  if (entries.length === 0) refuse(step.name, 'has no aggregates')
  const columns = plan.steps.find((above) => above.name === step.after)?.columns ?? null
  for (const [name, node] of entries) {
    const types = typesOf(plan, node.kind)
    if (types === undefined) refuse(step.name, `'${name}' is no aggregate of the closed set`)
    if (node.kind === 'count') continue
    if (node.kind === 'countIf' && node.is !== undefined) checkLiteral(step.name, columns, node.column, node.is)
    else {
      checkText(step.name, columns, name, node)
      checkColumn(step.name, columns, node.column, types)
    }
    if (node.kind === 'top') checkColumn(step.name, columns, node.weight, integers)
    if (node.kind === 'countDistinct') {
      for (const k of [node.k, node.ofValues]) {
        if (!(Number.isSafeInteger(k) && k >= 2)) refuse(step.name, `'${name}' needs a whole k of 2 or more, got ${k}`)
      }
    }
  }
  if (reader(plan, step.name) === undefined) refuse(step.name, 'never emits; add .emit')
}

/** Undefined for what is no aggregate. Rows of a table hold hashes as the 64-bit integers that they are there. */
function typesOf(plan: Plan, kind: AggregateNode['kind']): readonly RowType[] | undefined {
  const types = Object.hasOwn(columnTypes, kind) ? columnTypes[kind] : undefined
  const ofTable = kind === 'countDistinct' && plan.steps.some((step) => step.kind === 'readTable')
  return ofTable ? [...(types ?? []), 'long'] : types
}

/** What to do instead, where an aggregate of integers is given a column of texts. */
const insteadOfText: Readonly<Partial<Record<AggregateNode['kind'], string>>> = {
  sum: 'a sum adds whole numbers; make one of the text in a row step, or count the rows',
  avg: 'an average is of whole numbers; make one of the text in a row step',
  countDistinct: 'it counts hashes; make one in a row step by distinctOf, over a table derive hashOf',
  quantiles: 'it counts buckets; make the number of one in a row step by loadBucket',
}

function checkText(
  step: string,
  columns: PlanStep['columns'],
  name: string,
  { kind, column }: { readonly kind: AggregateNode['kind']; readonly column: string },
): void {
  const instead = insteadOfText[kind]
  if (instead === undefined || columns === null || !Object.hasOwn(columns, column) || columns[column] !== 'string')
    return
  refuse(step, `'${name}' is the ${kind} of column '${column}', which is string: ${instead}`)
}

/** @throws InvalidPlanError where a column cannot hold what it is compared with */
export function checkLiteral(step: string, columns: PlanStep['columns'], column: string, value: unknown): void {
  checkColumn(step, columns, column, literalTypes[typeof value] ?? [])
}

/** Of panes that hold a part of a window each. @throws InvalidPlanError naming an aggregate that needs all of it */
export function checkMergeable(step: PlanStep & { kind: 'aggregate' }): void {
  for (const [name, { kind }] of Object.entries(step.aggregates)) {
    if (kind === 'avg') {
      refuse(
        step.name,
        `'${name}' is an average of a part of the rows, and averages cannot be added; emit a sum and a count`,
      )
    }
    if (kind === 'first' || kind === 'last') {
      refuse(
        step.name,
        `'${name}' asks for the ${kind} row, which a part of the rows cannot know: it runs bounded, or in one pane on close`,
      )
    }
  }
}
