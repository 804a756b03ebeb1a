/** Random plans over a table and random rows of it, for tests that hold operators and engines equal. */
import fc from 'fast-check'
import { dayMs, eventTime, hourMs, minuteMs } from '../../core/event-time.ts'
import type { LakeRow, LakeValue } from '../../core/tables.ts'
import {
  avg,
  count,
  countDistinct,
  countIf,
  first,
  last,
  max,
  min,
  quantiles,
  sum,
  top,
} from '../../pipelines/plan/aggregates.ts'
import { type PipelineBuilder, pipeline } from '../../pipelines/plan/builder.ts'
import type { Plan } from '../../pipelines/plan/node/step.ts'
import { is } from '../../pipelines/plan/predicates.ts'
import { rowOutput } from '../../pipelines/plan/sinks.ts'
import { difference, hashOf, windowEnd, windowStart } from '../../pipelines/plan/table-builder.ts'
import { tableRows } from '../../pipelines/plan/table-rows.ts'
import { calendarOf } from '../../pipelines/plan/table-windows.ts'
import { fixed, hopping, session } from '../../pipelines/plan/windows.ts'
import { runTablePlan } from '../../pipelines/runtime/bounded/run-table-plan.ts'
import { hitsTable } from '../../schemas/tables.ts'
import type { Literal } from '../core/sql/ast.ts'

export interface StoredHit {
  readonly merchant: string
  readonly visitor: string | null
  readonly session: string | null
  readonly name: string
  readonly path: string | null
  readonly zone: string | null
  readonly bot: boolean
  readonly time: number
  readonly received: number
  readonly visitor_hash: number | bigint | null
  readonly revenue_home_micros: number | bigint | null
  readonly load_bucket: number | null
  readonly _part: number
  readonly _off: number
  readonly _gen: number
}

/** Columns that visits look at, and drawn rows have not. */
export const absent = { source: null, country: null, device: 'tv', browser: null, campaign: null, _src: 'log', _idx: 0 }

/** Types of the columns, as the table has them. */
type Stored = 'text' | 'boolean' | 'instant' | 'long' | 'int'
const columnTypes: Readonly<Record<keyof StoredHit | keyof typeof absent, Stored>> = {
  merchant: 'text',
  visitor: 'text',
  session: 'text',
  name: 'text',
  path: 'text',
  zone: 'text',
  bot: 'boolean',
  time: 'instant',
  received: 'instant',
  visitor_hash: 'long',
  revenue_home_micros: 'long',
  load_bucket: 'int',
  _part: 'int',
  _off: 'long',
  _gen: 'int',
  source: 'text',
  country: 'text',
  device: 'text',
  browser: 'text',
  campaign: 'text',
  _src: 'text',
  _idx: 'int',
}

const stored = tableRows<Omit<StoredHit, 'time' | 'received' | '_gen'> & { time: EventTimeOf; received: EventTimeOf }>(
  hitsTable,
  {
    merchant: 'string',
    visitor: 'string',
    session: 'string',
    name: 'string',
    path: 'string',
    zone: 'string',
    bot: 'boolean',
    time: 'instant',
    received: 'instant',
    visitor_hash: 'long',
    revenue_home_micros: 'long',
    load_bucket: 'int',
    _part: 'int',
    _off: 'long',
  },
)
type EventTimeOf = ReturnType<typeof eventTime>

export const readHits = (p: PipelineBuilder<object>) =>
  p.readTable(stored, { eventTime: 'time', position: ['_part', '_off'] })

const windows = {
  fixed: fixed('1h'),
  'fixed-moved': fixed('7h', { offset: '90m' }),
  hopping: hopping('1h', { every: '25m', offset: '5m' }),
  hour: calendarOf('hour', { zone: 'zone' }),
  day: calendarOf('day', { zone: 'zone' }),
  week: calendarOf('week', { zone: 'zone' }),
  'week-from-sunday': calendarOf('week', { zone: 'zone', weekStart: 'sunday' }),
  month: calendarOf('month', { zone: 'zone' }),
  sessions: session('30m', { atMost: '2h' }),
  'sessions-named': session('30m', { named: { column: 'session', gap: '6h' }, atMost: '6h' }),
  'sessions-of-a-day': session('30m', { named: { column: 'session', gap: '24h' }, atMost: '24h' }),
} as const
export type WindowName = keyof typeof windows
export const windowNames = Object.keys(windows) as WindowName[]

const aggregates = {
  rows: count(),
  views: countIf(is('name', 'page_view')),
  robots: countIf('bot'),
  revenue: sum('revenue_home_micros'),
  times: sum('time'),
  least: min('path'),
  most: max('path'),
  soonest: min('time'),
  latest: max('revenue_home_micros'),
  mean: avg('revenue_home_micros'),
  visitors: countDistinct('visitor_hash', { k: 4 }),
  pages: countDistinct('page_hash', { k: 3 }),
  loads: quantiles('load_bucket'),
  earned: top('path', { weight: 'revenue_home_micros' }),
  entry: first('path'),
  entered: first('revenue_home_micros'),
  exit: last('path'),
  left: last('time'),
} as const
export type AggregateName = keyof typeof aggregates

export interface DrawnPlan {
  readonly window: WindowName
  readonly by: readonly ('visitor' | 'path')[]
  readonly aggregates: readonly AggregateName[]
  readonly filter: 'none' | 'people' | 'views' | 'waited'
  readonly order: 'group first' | 'window first'
}

export const drawnPlan: fc.Arbitrary<DrawnPlan> = fc.record({
  window: fc.constantFrom(...windowNames),
  by: fc.constantFrom<DrawnPlan['by'][]>([], ['visitor'], ['visitor', 'path'], ['path']),
  aggregates: fc.uniqueArray(fc.constantFrom(...(Object.keys(aggregates) as AggregateName[])), { minLength: 1 }),
  filter: fc.constantFrom('none', 'people', 'views', 'waited'),
  order: fc.constantFrom('group first', 'window first'),
})

export function planOf(drawn: DrawnPlan): Plan {
  const window = windows[drawn.window]
  const by = ['merchant', 'session', ...drawn.by] as const
  return pipeline('drawn', (p) => {
    const derived = readHits(p).derive('more', {
      page_hash: hashOf('path'),
      waited_ms: difference('received', 'time'),
      is_view: is('name', 'page_view'),
    })
    const filtered = {
      none: () => derived,
      people: () => derived.where('people', is('bot', false)),
      views: () => derived.where('views', is('is_view', true)),
      waited: () => derived.where('waited', is('waited_ms', 0)),
    }
    const kept = filtered[drawn.filter]()
    const asked = {
      ...Object.fromEntries(drawn.aggregates.map((name) => [name, aggregates[name]])),
      rows: count(),
    } as {
      rows: ReturnType<typeof count>
    }
    const grouped =
      window.kind === 'session' || drawn.order === 'group first'
        ? kept.groupBy('groups', by).window('windows', window)
        : kept.window('windows', window).groupBy('groups', by)
    grouped
      .aggregate(asked)
      .derive({ from: windowStart(), to: windowEnd(), single: is('rows', 1) })
      .write(rowOutput<LakeRow>('rows'))
  }).plan
}

/** Berlin's clocks go forward in the night to it. */
export const midnight = eventTime('2026-03-29T00:00:00Z')
const start = midnight - 2 * dayMs

const text = (...values: string[]) => fc.constantFrom(null, ...values)
/** Mostly short of every pause, so that lines go on for long; often none, so that places tie. */
const gap = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0) },
  { weight: 9, arbitrary: fc.integer({ min: minuteMs, max: 29 * minuteMs }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      1,
      30 * minuteMs - 1,
      30 * minuteMs,
      2 * hourMs,
      6 * hourMs - 1,
      6 * hourMs,
      23 * hourMs,
      dayMs,
    ),
  },
)
const mostly = <T>(often: T, ...others: T[]) =>
  fc.oneof({ weight: 6, arbitrary: fc.constant(often) }, { weight: 1, arbitrary: fc.constantFrom(...others) })

const drawnHit = fc.record({
  merchant: mostly('tea', "o'brien"),
  visitor: mostly<string | null>('ada', null),
  session: mostly<string | null>('s', null, ''),
  name: fc.constantFrom('page_view', 'purchase'),
  path: text('/', '/ä', '/\u{1f600}', '/\uffee', "/o'b"),
  zone: mostly<string | null>('Europe/Berlin', 'America/New_York', 'Nowhere/At_All', null),
  bot: mostly(false, true),
  waited: fc.constantFrom(0, 5),
  visitor_hash: fc.option(fc.oneof(fc.bigInt({ min: 0n, max: 6n }), fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }))),
  revenue_home_micros: fc.option(
    fc.oneof(fc.bigInt({ min: -3n, max: 3n }), fc.constantFrom(10n ** 18n, -(10n ** 18n))),
  ),
  load_bucket: fc.option(fc.constantFrom(0, -40_000, 40_000, 40_125)),
  _part: mostly(0, 1),
  _off: mostly(0, 1, 2),
  gap,
})

/** Rows of hits in no order, from two days before `midnight`; as the lake gives them. */
export const drawnHits: fc.Arbitrary<readonly LakeRow[]> = fc
  .array(drawnHit, { maxLength: 60, size: 'max' })
  .chain((drawn) => {
    let time: number = start
    const rows = drawn.map(({ gap: since, waited, visitor_hash, revenue_home_micros, ...rest }): LakeRow => {
      time += since
      const whole = { visitor_hash: safe(visitor_hash), revenue_home_micros: safe(revenue_home_micros) }
      return { ...rest, ...whole, time, received: time + waited, _gen: 1 }
    })
    return fc.shuffledSubarray(rows, { minLength: rows.length })
  })

function safe(value: bigint | null): LakeValue {
  return value !== null && Number.isSafeInteger(Number(value)) ? Number(value) : value
}

/** All windows; or those of a stretch that begins and ends amid the rows. */
export const drawnRange = fc.oneof(
  fc.constant({ start: start - 40 * dayMs, end: start + 30 * dayMs }),
  fc
    .record({
      from: fc.integer({ min: -24, max: 144 }),
      length: fc.integer({ min: 1, max: 96 }),
      at: fc.nat(30 * minuteMs),
    })
    .map(({ from, length, at }) => {
      const begins = start + from * 30 * minuteMs + at
      return { start: begins, end: begins + length * 30 * minuteMs }
    }),
)

/** Rows of the plan by operators. */
export async function byOperators(
  plan: Plan,
  rows: readonly LakeRow[],
  range?: { readonly start: number; readonly end: number },
): Promise<readonly LakeRow[]> {
  const made: LakeRow[] = []
  await runTablePlan({ plan, rows: [rows], ...(range && { range }), output: (some) => void made.push(...some) })
  return made
}

/** Rows as one sorted list of texts: equal where the rows are, in any order. */
export function canonicalRows(rows: readonly LakeRow[]): readonly string[] {
  return rows.map((row) => canonical(row)).sort()
}

function canonical(value: LakeValue | LakeRow | undefined): string {
  if (typeof value === 'bigint' || typeof value === 'number') return String(value)
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value === 'object' && value !== null) {
    const parts = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${parts.map(([key, inner]) => `${key}:${canonical(inner)}`).join(',')}}`
  }
  return JSON.stringify(value ?? null)
}

/** The rows as a relation of constants: `values` in brackets, by an engine's literals and names of types. */
export function relationOf(
  rows: readonly LakeRow[],
  columns: readonly string[],
  literal: (literal: Literal) => string,
  types: Readonly<Record<'text' | 'boolean' | 'instant' | 'long' | 'int', string>>,
): string {
  const cell = (row: LakeRow, name: string) => {
    const type = columnTypes[name as keyof typeof columnTypes]
    const value = row[name] ?? null
    const whole = type === 'long' || type === 'int' ? 'whole' : type
    const text = value === null ? 'NULL' : literal({ type: whole, value } as Literal)
    return `CAST(${text} AS ${types[type]}) AS "${name}"`
  }
  const one = (row: LakeRow) => `SELECT ${columns.map((name) => cell(row, name)).join(', ')}`
  const [none] = rows.length === 0 ? [`${one({})} WHERE 1 = 0`] : [rows.map(one).join(' UNION ALL ')]
  return `(${none})`
}
