/** Checks of plans that read a table: that every step is declared, and that their rows have the columns of their table. */
import { InvalidPlanError } from '../../core/errors.ts'
import { dayMs } from '../../core/event-time.ts'
import { publicationColumns } from '../../core/tables.ts'
import type { AggregateNode } from '../core/pane.ts'
import { checkAggregate, checkLiteral } from './check-aggregate.ts'
import { checkColumn, refuse } from './check-column.ts'
import { durationText } from './duration.ts'
import type { Plan, PlanStep, RowType, RowTypes } from './node/step.ts'

/** Whether a plan reads tables, and so runs over all their rows at once, not as a stream. */
export function isBounded(plan: Plan): boolean {
  return plan.steps.some((step) => step.kind === 'readTable')
}

/** @throws InvalidPlanError naming the step that a stream could not run */
export function expectStream(plan: Plan): void {
  const read = plan.steps.find((step) => step.kind === 'readTable')
  if (read === undefined) return
  throw new InvalidPlanError(
    `'${plan.name}' runs bounded only: it reads the table '${read.table}', and its session windows are decided by all hits of the days around them`,
  )
}

/** Kinds of step, in their order; each stands once, `where` and `derive` as often as one likes. */
const order: readonly PlanStep['kind'][] = [
  'readTable',
  'where',
  'groupBy',
  'sessionWindow',
  'aggregate',
  'derive',
  'write',
]
const optional: readonly PlanStep['kind'][] = ['where', 'derive']

/** @throws InvalidPlanError */
export function checkBounded(plan: Plan): void {
  checkOrder(plan)
  if (Object.keys(plan.jobs).length > 0) refuse(plan.name, 'names jobs, but it runs bounded only: leave them out')
  for (const step of plan.steps) checkStep(plan, step)
}

function checkOrder(plan: Plan): void {
  for (const [at, step] of plan.steps.entries()) {
    if (step.kind === 'emit' && 'on' in step && step.early !== null) {
      refuse(
        step.name,
        'emits early panes, but the plan runs bounded: all rows come at once, and each window gives one row',
      )
    }
    if (!order.includes(step.kind)) {
      refuse(step.name, `is a ${step.kind}; a plan that reads a table has declared steps only, to run as SQL`)
    }
    if (step.after !== (plan.steps[at - 1]?.name ?? null)) refuse(step.name, 'branches; one table makes one other')
  }
  for (const kind of order.filter((each) => !optional.includes(each))) {
    const found = plan.steps.filter((step) => step.kind === kind).length
    if (found !== 1) refuse(plan.name, `has ${found} steps of kind '${kind}', and needs one`)
  }
  const places = plan.steps.map((step) => order.indexOf(step.kind))
  const wrong = places.findIndex((place, at) => at > 0 && place < (places[at - 1] ?? 0))
  if (wrong > 0) refuse(plan.steps[wrong]?.name ?? '', `stands too late; the order is ${order.join(', ')}`)
}

function checkStep(plan: Plan, step: PlanStep): void {
  switch (step.kind) {
    case 'readTable':
      checkColumn(step.name, step.columns, step.eventTime, ['instant'])
      for (const column of step.position) checkColumn(step.name, step.columns, column, ['int', 'long'])
      break
    case 'where':
      checkLiteral(step.name, step.columns, step.where.column, step.where.is)
      break
    case 'groupBy':
      if (step.by.length === 0) refuse(step.name, 'groups by no column')
      for (const column of step.by) checkColumn(step.name, step.columns, column, ['string'])
      break
    case 'sessionWindow':
      checkSessions(plan, step)
      break
    case 'aggregate':
      checkAggregate(plan, step)
      break
    case 'write':
      checkWrite(plan, step)
      break
    default:
      break
  }
}

function checkSessions(plan: Plan, step: PlanStep & { kind: 'sessionWindow' }): void {
  const { gapMs, named, atMostMs } = step.assign
  for (const ms of [gapMs, named.gapMs, atMostMs]) {
    if (ms > 0 && ms <= dayMs) continue
    refuse(
      step.name,
      `has a time of ${durationText(ms)}; visits are decided by the days around them, so all are above 0 and at most 24h`,
    )
  }
  const group = plan.steps.find((each) => each.kind === 'groupBy')
  if (group?.kind === 'groupBy' && !group.by.includes(named.column)) {
    refuse(
      step.name,
      `looks whether rows name '${named.column}', which they are not grouped by: a window could hold both`,
    )
  }
}

/** Columns that the lake sets in rows of derived tables. */
const setByLake: readonly string[] = [...publicationColumns, '_gen']

function checkWrite(plan: Plan, step: PlanStep & { kind: 'write' }): void {
  const made = columnsMade(plan, step.name)
  const wanted = step.columns ?? {}
  for (const [column, type] of Object.entries(wanted)) {
    if (!setByLake.includes(column)) checkColumn(step.name, made, column, widened[type] ?? [type])
  }
  const extra = Object.keys(made).filter((column) => !Object.hasOwn(wanted, column) || setByLake.includes(column))
  if (extra.length > 0) refuse(step.name, `gets columns that '${step.table}' does not take: ${extra.join(', ')}`)
}

/** What a column of the lake takes beside its own type. */
const widened: Readonly<Partial<Record<RowType, readonly RowType[]>>> = { long: ['long', 'int'] }

function columnsMade(plan: Plan, write: string): Readonly<Record<string, RowType>> {
  const made: Record<string, RowType> = {}
  const add = (column: string, type: RowType) => {
    if (Object.hasOwn(made, column)) refuse(write, `gets column '${column}' twice`)
    made[column] = type
  }
  for (const step of plan.steps) {
    if (step.kind === 'groupBy') for (const column of step.by) add(column, typeOf(step.columns, column))
    if (step.kind === 'aggregate') {
      const rows = plan.steps.find((above) => above.name === step.after)?.columns ?? null
      for (const [name, node] of Object.entries(step.aggregates)) add(name, resultType(node, rows))
    }
    if (step.kind !== 'derive') continue
    for (const [name, derived] of Object.entries(step.derived)) {
      if ('is' in derived) checkLiteral(step.name, made, derived.column, derived.is)
      else for (const column of [derived.column, derived.less]) checkColumn(step.name, made, column, numbers)
      add(name, 'is' in derived ? 'boolean' : 'long')
    }
  }
  return made
}

const numbers: readonly RowType[] = ['int', 'long', 'instant']

function resultType(node: AggregateNode, rows: RowTypes): RowType {
  switch (node.kind) {
    case 'count':
    case 'countIf':
      return 'long'
    case 'sum':
      return 'bigint'
    case 'avg':
      return 'double'
    case 'countDistinct':
    case 'quantiles':
    case 'top':
      return 'object'
    default:
      return typeOf(rows, node.column)
  }
}

function typeOf(columns: RowTypes, column: string): RowType {
  return columns?.[column] ?? 'unknown'
}
