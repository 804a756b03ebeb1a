/** Checks of plans that read a table: that every step is declared, and that their rows have the columns of their table. */
import { InvalidPlanError } from '../../core/errors.ts'
import { dayMs } from '../../core/event-time.ts'
import { publicationColumns } from '../../core/tables.ts'
import type { AggregateNode } from '../core/pane.ts'
import { canonicalJson } from './canonical.ts'
import { checkAggregate, checkLiteral } from './check-aggregate.ts'
import { checkColumn, refuse } from './check-column.ts'
import { checkAssign } from './check-window.ts'
import { durationText } from './duration.ts'
import type { DerivedColumn, DeriveStep, Plan, PlanStep, RowType, RowTypes } from './node/step.ts'
import { derivedType, derivedTypes } from './table-derive.ts'

/** Whether a plan reads tables, and so runs over all their rows at once, not as a stream. */
export function isBounded(plan: Plan): boolean {
  return plan.steps.some((step) => step.kind === 'readTable')
}

/** @throws InvalidPlanError naming the step that a stream could not run */
export function expectStream(plan: Plan): void {
  const read = plan.steps.find((step) => step.kind === 'readTable')
  if (read === undefined) return
  const windows = plan.steps.some((step) => step.kind === 'sessionWindow')
    ? 'its session windows are decided by all hits of the days around them'
    : 'its windows are made of all rows at once'
  throw new InvalidPlanError(`'${plan.name}' runs bounded only: it reads the table '${read.table}', and ${windows}`)
}

/** What stands in a plan over a table, in this order: a step of each line, or as many as one likes. */
const order: readonly { readonly kinds: readonly PlanStep['kind'][]; readonly needs: 'one' | 'any' }[] = [
  { kinds: ['readTable'], needs: 'one' },
  { kinds: ['where', 'derive'], needs: 'any' },
  { kinds: ['groupBy'], needs: 'one' },
  { kinds: ['sessionWindow', 'tableWindow'], needs: 'one' },
  { kinds: ['aggregate'], needs: 'one' },
  { kinds: ['derive'], needs: 'any' },
  { kinds: ['write', 'collect'], needs: 'one' },
]
const orderText = 'readTable, where and derive, groupBy and window, aggregate, derive, write'

/** @throws InvalidPlanError */
export function checkBounded(plan: Plan): void {
  checkOrder(plan)
  if (Object.keys(plan.jobs).length > 0) refuse(plan.name, 'names jobs, but it runs bounded only: leave them out')
  for (const [at, step] of plan.steps.entries()) checkStep(plan, step, plan.steps[at - 1])
}

function checkOrder(plan: Plan): void {
  for (const [at, step] of plan.steps.entries()) {
    if (step.kind === 'emit' && 'on' in step && step.early !== null) {
      refuse(
        step.name,
        'emits early panes, but the plan runs bounded: all rows come at once, and each window gives one row',
      )
    }
    if (!order.some(({ kinds }) => kinds.includes(step.kind))) {
      refuse(step.name, `is a ${step.kind}; a plan that reads a table has declared steps only, to run as SQL`)
    }
    if (step.after !== (plan.steps[at - 1]?.name ?? null)) refuse(step.name, 'branches; one table makes one other')
  }
  for (const { kinds } of order.filter(({ needs }) => needs === 'one')) {
    const found = plan.steps.filter((step) => kinds.includes(step.kind)).length
    if (found !== 1) refuse(plan.name, `has ${found} steps of kind '${kinds[0]}', and needs one`)
  }
  const aggregate = plan.steps.findIndex((step) => step.kind === 'aggregate')
  const places = plan.steps.map((step, at) => placeOf(step, at > aggregate))
  const wrong = places.findIndex((place, at) => at > 0 && place < (places[at - 1] ?? 0))
  if (wrong > 0) refuse(plan.steps[wrong]?.name ?? '', `stands too late; the order is ${orderText}`)
}

/** Rising; groups may stand before or behind windows by time, and stand before sessions, which are a group's own. */
function placeOf(step: PlanStep, aggregated: boolean): number {
  if (step.kind === 'derive' && aggregated) return 5
  const place = order.findIndex(({ kinds }) => kinds.includes(step.kind))
  return step.kind === 'tableWindow' ? 2 : place
}

function checkStep(plan: Plan, step: PlanStep, above: PlanStep | undefined): void {
  checkDeclared(step, above)
  switch (step.kind) {
    case 'readTable':
      checkColumn(step.name, step.columns, step.eventTime, ['instant'])
      if (step.position.length > positionMaxColumns) {
        refuse(step.name, `has a position of ${step.position.length} columns, at most ${positionMaxColumns}`)
      }
      for (const column of step.position) checkColumn(step.name, step.columns, column, ['int', 'long'])
      break
    case 'where':
      checkLiteral(step.name, step.columns, step.where.column, step.where.is)
      break
    case 'derive':
      if (step.columns !== null) checkDerived(step, above?.columns ?? {})
      break
    case 'groupBy':
      if (step.by.length === 0) refuse(step.name, 'groups by no column')
      for (const [at, column] of step.by.entries()) {
        if (step.by.indexOf(column) !== at) refuse(step.name, `groups twice by '${column}'`)
        checkColumn(step.name, step.columns, column, ['string'])
      }
      break
    case 'sessionWindow':
      checkSessions(plan, step)
      break
    case 'tableWindow': {
      const { assign } = step
      if (assign.kind === 'calendar') checkColumn(step.name, step.columns, assign.zone, ['string'])
      checkAssign(step.name, assign, assign.kind === 'calendar' ? assign.zone : null)
      break
    }
    case 'aggregate':
      checkAggregate(plan, step)
      for (const [name, node] of Object.entries(step.aggregates)) {
        if (node.kind === 'countDistinct' && node.k !== node.ofValues) {
          refuse(step.name, `'${name}' has another size of values; a plan over a table has no sets of them`)
        }
      }
      break
    case 'write':
      checkWrite(plan, step)
      break
    case 'collect':
      if (step.takes !== 'rows') refuse(step.name, `takes ${step.takes}, but gets rows`)
      columnsMade(plan, step.name)
      break
    default:
      break
  }
}

/** Columns of a position, at most: partition, record and hit. */
export const positionMaxColumns = 3

/** Rows keep the columns that they were read with, and get those that are derived; what is made of them has none. */
function checkDeclared(step: PlanStep, above: PlanStep | undefined): void {
  if (step.kind === 'readTable') {
    if (step.columns === null) refuse(step.name, 'declares no columns')
    return
  }
  const from = above?.columns ?? null
  const made = step.kind === 'derive' && from !== null ? { ...from, ...derivedTypes(step.derived) } : from
  const declared = ['where', 'derive', 'groupBy', 'sessionWindow', 'tableWindow'].includes(step.kind)
  if (declared && canonicalJson(step.columns) !== canonicalJson(made)) {
    refuse(step.name, `declares other columns than '${step.after}' and it give`)
  }
}

function checkDerived(step: DeriveStep, columns: Readonly<Record<string, RowType>>): void {
  for (const [name, derived] of Object.entries(step.derived)) {
    if (Object.hasOwn(columns, name)) refuse(step.name, `makes column '${name}', which its rows have`)
    if ('window' in derived) refuse(step.name, `asks for the ${derived.window} of a window before there is one`)
    checkSources(step.name, columns, derived)
    if ('hash' in derived) checkColumn(step.name, columns, derived.column, ['string'])
  }
}

function checkSources(step: string, columns: Readonly<Record<string, RowType>>, derived: DerivedColumn): void {
  if ('is' in derived) checkLiteral(step, columns, derived.column, derived.is)
  if ('less' in derived)
    for (const column of [derived.column, derived.less]) checkColumn(step, columns, column, numbers)
}

function checkSessions(plan: Plan, step: PlanStep & { kind: 'sessionWindow' }): void {
  const { gapMs, named, atMostMs } = step.assign
  const gaps = named === undefined ? [gapMs] : [gapMs, named.gapMs]
  for (const ms of [...gaps, atMostMs]) {
    if (ms > 0 && ms <= dayMs) continue
    refuse(
      step.name,
      `has a time of ${durationText(ms)}; visits are decided by the days around them, so all are above 0 and at most 24h`,
    )
  }
  const longest = Math.max(...gaps)
  if (atMostMs < longest) {
    refuse(step.name, `is cut at ${durationText(atMostMs)}, before its pause of ${durationText(longest)} could end it`)
  }
  if (named === undefined) return
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
    if (step.kind !== 'derive' || step.columns !== null) continue
    for (const [name, derived] of Object.entries(step.derived)) {
      if ('hash' in derived) refuse(step.name, `makes a hash of '${derived.column}' when its rows are counted already`)
      checkSources(step.name, made, derived)
      add(name, derivedType(derived))
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
