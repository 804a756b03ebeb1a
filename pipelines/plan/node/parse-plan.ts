/** Plans from text: what `canonicalJson` of a plan gave, from this release or an older one. */
import { z } from 'zod'
import { aggregateKinds } from '../../../core/aggregates/aggregate.ts'
import { UnreadablePlanError } from '../../../core/errors.ts'
import { tableNames } from '../../../schemas/tables.ts'
import { weekdays } from '../../core/window/calendar.ts'
import { deepFreeze } from '../canonical.ts'
import { checkPlan } from '../check.ts'
import { type EmitStep, type Plan, planFormat } from './step.ts'

/** Longest text that is taken for a plan, in characters: a plan of a thousand wide steps fits. */
export const planTextMaxLength = 4_000_000

/**
 * The plan of a text, frozen and checked. Parts that this release does not know are refused, not left out: they would
 * have changed what comes out.
 * @throws UnreadablePlanError naming the place of the first fault, InvalidPlanError where the plan would go wrong
 */
export function parsePlan(text: string): Plan {
  if (text.length > planTextMaxLength)
    throw new UnreadablePlanError('', `it is longer than ${planTextMaxLength} characters`)
  return planOf(fromJson(text))
}

/** As `parsePlan`, of what `JSON.parse` gave. */
export function planOf(value: unknown): Plan {
  expectFormat(value)
  const result = planSchema.safeParse(value)
  if (!result.success) throw unreadable(result.error.issues)
  const plan: Plan = deepFreeze(result.data)
  checkPlan(plan)
  return plan
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new UnreadablePlanError('', 'it is not JSON', { cause })
  }
}

function expectFormat(value: unknown): void {
  const format = typeof value === 'object' && value !== null && 'format' in value ? value.format : undefined
  if (format === planFormat) return
  if (typeof format === 'number' && format > planFormat) {
    throw new UnreadablePlanError('/format', `form ${format} is of a newer release; this one reads ${planFormat}`)
  }
  throw new UnreadablePlanError('/format', `it has no form that this release reads, which is ${planFormat}`)
}

function unreadable(issues: readonly z.core.$ZodIssue[]): UnreadablePlanError {
  const [issue] = issues
  const pointer = (issue?.path ?? [])
    .map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('')
  return new UnreadablePlanError(pointer, issue?.message ?? 'it has not the parts of a plan')
}

const whole = z.int()
const texts = z.array(z.string())
const literal = z.union([z.string(), z.number(), z.boolean()])
const columns = z.record(
  z.string(),
  z.enum(['string', 'boolean', 'int', 'long', 'double', 'instant', 'bigint', 'object', 'unknown']),
)
const base = {
  name: z.string(),
  after: z.string().nullable(),
  columns: columns.nullable(),
  was: texts.exactOptional(),
}
const table = z.enum(tableNames)

const [firstKind, ...otherKinds] = aggregateKinds
const columnKinds = [firstKind, ...otherKinds].filter(
  (kind) => !['count', 'countIf', 'countDistinct', 'top'].includes(kind),
) as ('sum' | 'min' | 'max' | 'avg' | 'quantiles' | 'first' | 'last')[]
const aggregate = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('count') }),
  z.strictObject({ kind: z.literal('countIf'), column: z.string(), is: literal.exactOptional() }),
  z.strictObject({ kind: z.literal('countDistinct'), column: z.string(), k: whole, ofValues: whole }),
  z.strictObject({ kind: z.literal('top'), column: z.string(), weight: z.string() }),
  z.strictObject({ kind: z.enum(columnKinds), column: z.string() }),
])

const fixedAssign = z.strictObject({ kind: z.literal('fixed'), sizeMs: whole, offsetMs: whole })
const hoppingAssign = z.strictObject({ kind: z.literal('hopping'), sizeMs: whole, everyMs: whole, offsetMs: whole })
const calendarParts = {
  kind: z.literal('calendar'),
  unit: z.enum(['hour', 'day', 'week', 'month']),
  weekStart: z.enum(weekdays).exactOptional(),
}
const assign = z.discriminatedUnion('kind', [
  fixedAssign,
  hoppingAssign,
  z.strictObject({ kind: z.literal('session'), gapMs: whole, atMostMs: whole }),
  z.strictObject(calendarParts),
])

const emit = z
  .strictObject({
    ...base,
    kind: z.literal('emit'),
    every: z.literal('epoch').exactOptional(),
    on: z.literal('close').exactOptional(),
    panes: z.enum(['discarding', 'accumulating']),
    early: z
      .union([z.strictObject({ everyMs: whole }), z.strictObject({ afterRows: whole })])
      .nullable()
      .exactOptional(),
    late: z.strictObject({ afterRows: whole }).nullable().exactOptional(),
    onClose: z.enum(['always', 'where something came']).exactOptional(),
  })
  .transform(({ every, on, early, late, onClose, panes, ...rest }, context): EmitStep => {
    const closing = early !== undefined && late !== undefined && onClose !== undefined
    if (on !== undefined && every === undefined && closing) return { ...rest, on, panes, early, late, onClose }
    const nothing = early === undefined && late === undefined && onClose === undefined
    if (every !== undefined && on === undefined && nothing && panes === 'discarding') return { ...rest, every, panes }
    context.addIssue('it emits discarding panes every epoch, or on close with early, late and onClose, but not this')
    return z.NEVER
  })

const step = z.discriminatedUnion('kind', [
  z.strictObject({
    ...base,
    kind: z.literal('read'),
    feed: z.string(),
    partitionKey: z.string(),
    watermarkDelayMs: whole,
    code: z.strictObject({ eventTime: z.string(), watermarkFrom: z.string() }),
  }),
  z.strictObject({ ...base, kind: z.literal('readTable'), table, eventTime: z.string(), position: texts }),
  z.strictObject({
    ...base,
    kind: z.literal('where'),
    where: z.strictObject({ column: z.string(), is: literal }),
  }),
  z.strictObject({ ...base, kind: z.literal('dedupe'), key: texts, withinMs: whole }),
  z.strictObject({ ...base, kind: z.enum(['map', 'filter', 'flatMap']), uses: texts, code: z.string() }),
  z.strictObject({ ...base, kind: z.literal('split'), to: texts, uses: texts, code: z.string() }),
  z.strictObject({
    ...base,
    kind: z.literal('validate'),
    to: z.tuple([z.literal('passed'), z.literal('refused')]),
    vendor: z.string(),
    version: z.string(),
  }),
  z.strictObject({ ...base, kind: z.literal('union'), also: texts }),
  z.strictObject({
    ...base,
    kind: z.literal('window'),
    assign,
    lateness: z.union([z.literal('unbounded'), whole]),
    code: z.string().nullable(),
  }),
  z.strictObject({ ...base, kind: z.literal('group'), sets: z.record(z.string(), texts) }),
  z.strictObject({ ...base, kind: z.literal('groupBy'), by: texts }),
  z.strictObject({
    ...base,
    kind: z.literal('sessionWindow'),
    assign: z.strictObject({
      kind: z.literal('session'),
      gapMs: whole,
      named: z.strictObject({ column: z.string(), gapMs: whole }).exactOptional(),
      atMostMs: whole,
    }),
  }),
  z.strictObject({
    ...base,
    kind: z.literal('tableWindow'),
    assign: z.discriminatedUnion('kind', [
      fixedAssign,
      hoppingAssign,
      z.strictObject({ ...calendarParts, zone: z.string() }),
    ]),
  }),
  z.strictObject({ ...base, kind: z.literal('aggregate'), aggregates: z.record(z.string(), aggregate) }),
  z.strictObject({
    ...base,
    kind: z.literal('derive'),
    derived: z.record(
      z.string(),
      z.union([
        z.strictObject({ column: z.string(), is: literal }),
        z.strictObject({ column: z.string(), less: z.string() }),
        z.strictObject({ column: z.string(), hash: z.literal('distinct') }),
        z.strictObject({ window: z.enum(['start', 'end']) }),
      ]),
    ),
  }),
  z.strictObject({
    ...base,
    kind: z.literal('write'),
    table,
    counts: z.enum(['stored', 'failed', 'derived']),
    takes: z.literal('upserts').exactOptional(),
    code: z.string().nullable(),
  }),
  z.strictObject({
    ...base,
    kind: z.literal('collect'),
    output: z.string(),
    takes: z.enum(['rows', 'refused', 'partials', 'upserts']),
  }),
  emit,
])

const planSchema = z.strictObject({
  format: z.literal(planFormat),
  name: z.string(),
  steps: z.array(step),
  jobs: z.record(z.string(), z.array(table)),
  stateMaxBytes: whole.exactOptional(),
})
