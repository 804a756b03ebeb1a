/**
 * A plan over a table as one over a feed, for the operators that run those: the same windows, groups and aggregates, its
 * declared conditions and columns as closures. It is made to be run at once, never stored, so its code has no hashes.
 *
 * Two things operators have no word for are made of others: sessions whose gap depends on whether a column has a value are
 * two windows behind a split, for a group is on one side of it; and an average is a sum beside a count, for its row holds
 * both.
 */
import { InvalidPlanError } from '../../../core/errors.ts'
import { distinctOf } from '../../../core/sketch/distinct-of.ts'
import type { AggregateNode } from '../../core/pane.ts'
import type { Row } from '../../core/partials-columns.ts'
import { type Lambda, type Pipeline, pipelineOf } from '../../plan/draft.ts'
import type {
  AggregateStep,
  DerivedColumn,
  GroupByStep,
  Plan,
  PlanStep,
  ReadTableStep,
  SessionWindowStep,
  TableWindowStep,
  WindowAssign,
} from '../../plan/node/step.ts'

/** What a plan over a table is made of, in its order. */
export interface TablePlanParts {
  readonly read: ReadTableStep
  /** `where` and `derive` of rows. */
  readonly rowSteps: readonly (PlanStep & { readonly kind: 'where' | 'derive' })[]
  readonly group: GroupByStep
  readonly window: SessionWindowStep | TableWindowStep
  readonly aggregate: AggregateStep
  readonly derived: readonly (PlanStep & { readonly kind: 'derive' })[]
}

/** @throws InvalidPlanError where the plan reads no table */
export function tablePlanParts(plan: Plan): TablePlanParts {
  const aggregated = plan.steps.findIndex((step) => step.kind === 'aggregate')
  const rowSteps = plan.steps.filter(
    (step, at): step is TablePlanParts['rowSteps'][number] =>
      at < aggregated && (step.kind === 'where' || step.kind === 'derive'),
  )
  const derived = plan.steps.filter(
    (step, at): step is TablePlanParts['derived'][number] => at > aggregated && step.kind === 'derive',
  )
  const one = <K extends PlanStep['kind']>(...kinds: readonly K[]) => {
    const found = plan.steps.find((step): step is PlanStep & { readonly kind: K } => kinds.includes(step.kind as K))
    if (found === undefined) throw new InvalidPlanError(`'${plan.name}' is no plan over a table: it has no ${kinds[0]}`)
    return found
  }
  return {
    read: one('readTable'),
    rowSteps,
    group: one('groupBy'),
    window: one('sessionWindow', 'tableWindow'),
    aggregate: one('aggregate'),
    derived,
  }
}

/** Name of the column that an aggregate's operator reads where the table's own is not what it takes; no table has such names. */
const hashColumn = (name: string) => `${name} hash`
const countedColumn = (name: string) => `${name} counted`
/** Name of the operator's aggregate that counts what an average is of. */
export const countOfAverage = (name: string) => `${name} count`

/** The pipeline, whose panes come to one output. @throws InvalidPlanError where the plan reads no table */
export function tableGraph(plan: Plan): Pipeline {
  const parts = tablePlanParts(plan)
  const lambdas = new Map<string, Lambda>()
  const steps: PlanStep[] = []
  const add = (step: PlanStep, lambda?: (row: Row) => unknown) => {
    steps.push(step)
    if (lambda !== undefined) lambdas.set(step.name, lambda as Lambda)
    return step.name
  }
  const { read, group, window } = parts
  const eventTime = ((row: Row) => row[read.eventTime]) as Lambda
  lambdas.set(`${read.name}.eventTime`, eventTime)
  lambdas.set(`${read.name}.watermarkFrom`, eventTime)
  let at = add({
    ...{ kind: 'read', name: read.name, after: null, columns: null, feed: read.table, watermarkDelayMs: 0 },
    ...{ partitionKey: group.by[0] ?? '', code: { eventTime: '', watermarkFrom: '' } },
  })
  for (const step of parts.rowSteps) {
    const code = { name: step.name, after: at, columns: null, uses: [], code: '' }
    if (step.kind === 'where') {
      const { column, is } = step.where
      at = add({ kind: 'filter', ...code }, (row) => row[column] === is)
    } else at = add({ kind: 'map', ...code }, derivedRow(step.derived))
  }
  const { nodes, prepare } = aggregatesOf(parts.aggregate)
  at = add({ kind: 'map', name: 'prepare rows', after: at, columns: null, uses: [], code: '' }, prepare)
  for (const branch of branchesOf(window, at, add)) addWindow(branch, parts, nodes, add, lambdas)
  const built: Plan = { format: plan.format, name: plan.name, steps, jobs: {} }
  return pipelineOf({ plan: built, lambdas, sinks: new Map(), text: '', code: '' })
}

type Add = (step: PlanStep, lambda?: (row: Row) => unknown) => string

interface Branch {
  readonly after: string
  readonly name: string
  readonly assign: WindowAssign
  readonly zone: string | null
}

function branchesOf(window: SessionWindowStep | TableWindowStep, after: string, add: Add): readonly Branch[] {
  const { name, assign } = window
  if (assign.kind === 'calendar') {
    const { zone, ...rest } = assign
    return [{ after, name, assign: rest, zone }]
  }
  if (assign.kind !== 'session') return [{ after, name, assign, zone: null }]
  const { gapMs, named, atMostMs } = assign
  if (named === undefined) return [{ after, name, assign: { kind: 'session', gapMs, atMostMs }, zone: null }]
  const split = `${name}.by`
  add({ kind: 'split', name: split, after, columns: null, to: ['named', 'unnamed'], uses: [], code: '' }, (row) => ({
    to: (row[named.column] ?? '') === '' ? 'unnamed' : 'named',
    row,
  }))
  const branch = (to: string, gap: number): Branch => ({
    ...{ after: `${split}.${to}`, name: `${name}.${to}`, zone: null },
    assign: { kind: 'session', gapMs: gap, atMostMs },
  })
  return [branch('named', named.gapMs), branch('unnamed', gapMs)]
}

function addWindow(
  branch: Branch,
  { group }: TablePlanParts,
  aggregates: Readonly<Record<string, AggregateNode>>,
  add: Add,
  lambdas: Map<string, Lambda>,
): void {
  const { after, name, assign, zone } = branch
  const none = { columns: null }
  if (zone !== null) lambdas.set(`${name}.zone`, zoneOf(zone) as Lambda)
  add({ kind: 'window', name, after, ...none, assign, lateness: 0, code: zone })
  add({ kind: 'groupBy', name: `${name}.groups`, after: name, ...none, by: group.by })
  add({ kind: 'aggregate', name: `${name}.aggregate`, after: `${name}.groups`, ...none, aggregates })
  add({
    ...{ kind: 'emit', name: `${name}.emit`, after: `${name}.aggregate`, ...none, on: 'close' },
    ...{ panes: 'accumulating', early: null, late: null, onClose: 'always' },
  })
  add({ kind: 'collect', name: `${name}.out`, after: `${name}.emit`, ...none, output: name, takes: 'upserts' })
}

function zoneOf(column: string): (row: Row) => string {
  return (row) => {
    const zone = row[column]
    if (typeof zone !== 'string') throw new RangeError(`'${column}' names no zone`)
    return zone
  }
}

function aggregatesOf(step: AggregateStep) {
  const nodes: Record<string, AggregateNode> = {}
  const made: [string, (row: Row) => unknown][] = []
  for (const [name, node] of Object.entries(step.aggregates)) {
    if (node.kind === 'avg') {
      const { column } = node
      nodes[name] = { kind: 'sum', column }
      nodes[countOfAverage(name)] = { kind: 'countIf', column: countedColumn(name) }
      made.push([countedColumn(name), (row) => (row[column] ?? null) !== null])
    } else if (node.kind === 'countDistinct') {
      const { column } = node
      nodes[name] = { ...node, column: hashColumn(name) }
      made.push([hashColumn(name), (row) => bigintOf(row[column])])
    } else nodes[name] = node
  }
  const prepare = (row: Row) => {
    const prepared: Record<string, unknown> = { ...row }
    for (const [column, of] of made) prepared[column] = of(row)
    return prepared
  }
  return { nodes, prepare }
}

function bigintOf(value: unknown): bigint | null {
  return value === null || value === undefined ? null : BigInt(value as number | bigint)
}

function derivedRow(derived: Readonly<Record<string, DerivedColumn>>): (row: Row) => Row {
  const parts = Object.entries(derived)
  return (row) => {
    const made: Record<string, unknown> = { ...row }
    for (const [name, of] of parts) made[name] = derivedValue(row, of)
    return made
  }
}

/** Of a row, or of a window's aggregates; bounds of windows are who asks's. */
export function derivedValue(row: Row, derived: DerivedColumn): unknown {
  if ('window' in derived) throw new RangeError('a row has no window yet')
  const value = row[derived.column] ?? null
  if ('is' in derived) return value === derived.is
  if ('hash' in derived) return distinctOf(value as string | null)
  const less = row[derived.less] ?? null
  return value === null || less === null ? null : storedInteger(BigInt(value as number) - BigInt(less as number))
}

/** As the lake gives integers of 64 bits: a number where it is safe. */
export function storedInteger(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
