/**
 * A plan over a table as this area reads it: the JSON that pipelines/plan makes, taken apart. Only the JSON is shared, so
 * what is not known here is refused, never left out.
 */
import { z } from 'zod'
import { UnreadablePlanError } from '../../../core/errors.ts'
import type { ColumnType, TableName } from '../../../core/tables.ts'
import { tableNames, tables } from '../../../schemas/tables.ts'

const whole = z.int()
const name = z.string()
const literal = z.union([z.string(), z.number(), z.boolean()])
const types = z.enum(['string', 'boolean', 'int', 'long', 'double', 'instant', 'bigint', 'object', 'unknown'])
/** What a column holds, as plans say it. */
export type PlanType = z.infer<typeof types>

const base = {
  name,
  after: z.string().nullable(),
  columns: z.record(z.string(), types).nullable(),
  was: z.array(z.string()).exactOptional(),
}
const aggregate = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('count') }),
  z.strictObject({ kind: z.literal('countIf'), column: name, is: literal.exactOptional() }),
  z.strictObject({ kind: z.literal('countDistinct'), column: name, k: whole.min(2), ofValues: whole }),
  z.strictObject({ kind: z.literal('top'), column: name, weight: name }),
  z.strictObject({ kind: z.enum(['sum', 'min', 'max', 'avg', 'quantiles', 'first', 'last']), column: name }),
])
export type PlanAggregate = z.infer<typeof aggregate>

const derived = z.union([
  z.strictObject({ column: name, is: literal }),
  z.strictObject({ column: name, less: name }),
  z.strictObject({ column: name, hash: z.literal('distinct') }),
  z.strictObject({ window: z.enum(['start', 'end']) }),
])
export type PlanDerived = z.infer<typeof derived>

const session = z.strictObject({
  kind: z.literal('session'),
  gapMs: whole.min(1),
  named: z.strictObject({ column: name, gapMs: whole.min(1) }).exactOptional(),
  atMostMs: whole.min(1),
})
const timed = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('fixed'), sizeMs: whole.min(1), offsetMs: whole }),
  z.strictObject({ kind: z.literal('hopping'), sizeMs: whole.min(1), everyMs: whole.min(1), offsetMs: whole }),
  z.strictObject({
    kind: z.literal('calendar'),
    unit: z.enum(['hour', 'day', 'week', 'month']),
    zone: name,
    weekStart: z.enum(['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday']).exactOptional(),
  }),
])
export type PlanWindow = z.infer<typeof session> | z.infer<typeof timed>
export type SessionWindow = z.infer<typeof session>
export type CalendarWindow = Extract<z.infer<typeof timed>, { readonly kind: 'calendar' }>

const step = z.discriminatedUnion('kind', [
  z.strictObject({
    ...{ ...base, kind: z.literal('readTable'), table: z.enum(tableNames) },
    ...{ columns: z.record(z.string(), types), eventTime: name, position: z.array(name) },
  }),
  z.strictObject({ ...base, kind: z.literal('where'), where: z.strictObject({ column: name, is: literal }) }),
  z.strictObject({ ...base, kind: z.literal('derive'), derived: z.record(z.string(), derived) }),
  z.strictObject({ ...base, kind: z.literal('groupBy'), by: z.array(name).min(1) }),
  z.strictObject({ ...base, kind: z.literal('sessionWindow'), assign: session }),
  z.strictObject({ ...base, kind: z.literal('tableWindow'), assign: timed }),
  z.strictObject({ ...base, kind: z.literal('aggregate'), aggregates: z.record(z.string(), aggregate) }),
  z.strictObject({ ...base, kind: z.literal('write'), table: z.enum(tableNames), counts: name, code: z.null() }),
  z.strictObject({ ...base, kind: z.literal('collect'), output: name, takes: z.literal('rows') }),
])
type Step = z.infer<typeof step>

const planJson = z.strictObject({
  format: z.literal(1),
  name,
  steps: z.array(step),
  jobs: z.strictObject({}),
  stateMaxBytes: whole.exactOptional(),
})

export type RowStep = Extract<Step, { readonly kind: 'where' | 'derive' }>

export interface TablePlan {
  readonly name: string
  readonly table: TableName
  /** Of the table, that the plan may use, each of the type that the table says. */
  readonly columns: Readonly<Record<string, PlanType>>
  readonly eventTime: string
  readonly position: readonly string[]
  readonly rowSteps: readonly RowStep[]
  readonly by: readonly string[]
  readonly window: PlanWindow
  readonly aggregates: Readonly<Record<string, PlanAggregate>>
  /** Made of windows' aggregates, in order. */
  readonly derived: readonly (readonly [string, PlanDerived])[]
}

/**
 * The plan of its JSON, which pipelines/plan has checked.
 * @throws UnreadablePlanError where it is none over a table, or names a column that the table has not
 */
export function readTablePlan(json: unknown): TablePlan {
  const result = planJson.safeParse(json)
  if (!result.success) {
    const [issue] = result.error.issues
    const pointer = (issue?.path ?? []).map((key) => `/${String(key)}`).join('')
    throw new UnreadablePlanError(pointer, issue?.message ?? 'it is no plan over a table')
  }
  const { steps, name: planName } = result.data
  const aggregated = steps.findIndex(({ kind }) => kind === 'aggregate')
  const read = only(steps, 'readTable')
  checkColumns(read.table, read.columns)
  const window = steps.find((each) => each.kind === 'sessionWindow' || each.kind === 'tableWindow')
  if (window === undefined) throw new UnreadablePlanError('/steps', 'it has no window')
  return {
    name: planName,
    table: read.table,
    columns: read.columns,
    eventTime: read.eventTime,
    position: read.position,
    rowSteps: steps.filter(
      (each, at): each is RowStep => at < aggregated && (each.kind === 'where' || each.kind === 'derive'),
    ),
    by: only(steps, 'groupBy').by,
    window: window.assign,
    aggregates: only(steps, 'aggregate').aggregates,
    derived: steps.flatMap((each, at) =>
      at > aggregated && each.kind === 'derive' ? Object.entries(each.derived) : [],
    ),
  }
}

function only<K extends Step['kind']>(steps: readonly Step[], kind: K): Extract<Step, { readonly kind: K }> {
  const found = steps.filter((each): each is Extract<Step, { readonly kind: K }> => each.kind === kind)
  const [one] = found
  if (one === undefined || found.length > 1) throw new UnreadablePlanError('/steps', `it has ${found.length} ${kind}`)
  return one
}

function checkColumns(table: TableName, columns: Readonly<Record<string, PlanType>>): void {
  for (const [column, type] of Object.entries(columns)) {
    const found = tables[table].columns.find((each) => each.name === column)
    if (found === undefined || planType(found.type) !== type) {
      throw new UnreadablePlanError('/steps/0/columns', `'${table}' has no column '${column}' of ${type}`)
    }
  }
}

function planType(type: ColumnType): PlanType {
  if (typeof type !== 'string') return 'object'
  if (type === 'timestamptz') return 'instant'
  return type === 'decimal38' ? 'bigint' : type
}
