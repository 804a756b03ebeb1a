/** Random plans over clicks with one window, and what a sink that does as panes say holds in the end. */
import fc from 'fast-check'
import { type EventTime, eventTime } from '../../../core/event-time.ts'
import { avg, count, countDistinct, countIf, first, last, max, min, sum, top } from '../../plan/aggregates.ts'
import { type PipelineBuilder, pipeline } from '../../plan/builder.ts'
import type { Pipeline } from '../../plan/draft.ts'
import { type Click, clicks } from '../../plan/golden/plans.ts'
import { paneOutput, refusedOutput, upsertOutput } from '../../plan/sinks.ts'
import { type AnyWindow, calendar, fixed, hopping, session } from '../../plan/windows.ts'
import type { PipelineTest } from '../../runtime/testing/test-pipeline.ts'

export const noon = eventTime('2026-03-28T12:00:00Z')
/** Of one draw, in seconds; Berlin's clocks go forward within it. */
export const spanSeconds = 16 * 3_600

const windows: Readonly<Record<string, AnyWindow<Click>>> = {
  fixed: fixed('10m', { offset: '3m' }),
  hopping: hopping('10m', { every: '4m' }),
  session: session('20m', { atMost: '1h' }),
  calendar: calendar('day', { zone: () => 'Europe/Berlin' }),
}

export interface DrawnPlan {
  readonly window: keyof typeof windows
  readonly grouping: 'shop' | 'shop and page' | 'sets'
  readonly steps: 'none' | 'filter' | 'flatMap and union'
  readonly early: number | null
  readonly late: number | null
  readonly onClose: 'always' | 'where something came'
  readonly lateness: '0ms' | '30m'
}

export const drawnPlan: fc.Arbitrary<DrawnPlan> = fc.record({
  window: fc.constantFrom(...Object.keys(windows)),
  grouping: fc.constantFrom('shop', 'shop and page', 'sets'),
  steps: fc.constantFrom('none', 'filter', 'flatMap and union'),
  early: fc.constantFrom(null, 1, 3),
  late: fc.constantFrom(null, 1, 2),
  onClose: fc.constantFrom('always', 'where something came'),
  lateness: fc.constantFrom('0ms', '30m'),
})

/** All that hold the same in whatever order rows come. */
const merging = {
  ...{ clicks: count(), robots: countIf('robot'), cents: sum('cents'), mean: avg('cents') },
  ...{ least: min('cents'), most: max('page'), visitors: countDistinct('hash', { k: 8, ofValues: 4 }) },
  byPage: top('page', { weight: 'cents' }),
}

export function planOf(drawn: DrawnPlan, panes: 'accumulating' | 'discarding'): Pipeline {
  const build = (p: PipelineBuilder<object>) => {
    const windowed = stepsOf(p, drawn.steps).window('windows', windows[drawn.window] as AnyWindow<Click>, {
      lateness: drawn.lateness,
    })
    const { early, late, onClose } = drawn
    const rule = {
      on: 'close' as const,
      onClose,
      ...(early !== null && { early: { afterRows: early } }),
      ...(late !== null && drawn.lateness !== '0ms' && { late: { afterRows: late } }),
    }
    // By time, then position, which is the order of arrival: no two rows that are drawn have one time.
    const placed = { ...merging, entry: first('page'), exit: last('page') }
    if (panes === 'discarding')
      groupedBy(windowed, drawn)
        .aggregate({ clicks: count(), cents: sum('cents') })
        .emit({ ...rule, panes })
        .write(paneOutput('out'))
    else
      groupedBy(windowed, drawn)
        .aggregate(placed)
        .emit({ ...rule, panes })
        .write(upsertOutput('out'))
  }
  return pipeline('drawn', build, { state: { maxBytes: 100_000_000 } })
}

function stepsOf(p: PipelineBuilder<object>, steps: DrawnPlan['steps']) {
  const read = p.read(clicks, { eventTime: (row) => row.at, watermark: { from: (row) => row.received, delay: '10m' } })
  const { good, bad } = read.split(
    'judge',
    (row) => (row.cents < 0n ? ({ to: 'bad', row, reason: 'negative' } as const) : ({ to: 'good', row } as const)),
    { to: { good: 'rows', bad: 'refused' } },
  )
  bad.write(refusedOutput('refused'))
  if (steps === 'none') return good
  const people = good.filter('people', ({ robot }) => !robot)
  if (steps === 'filter') return people
  return people
    .flatMap('doubled', (row) => (row.page === '/' ? [row, row] : []), { adds: {} })
    .union('all', [good.filter('robots', ({ robot }) => robot)])
}

function groupedBy(windowed: ReturnType<ReturnType<typeof stepsOf>['window']>, { grouping }: DrawnPlan) {
  switch (grouping) {
    case 'sets':
      return windowed.groupBySets('by', { total: [], page: ['page'] })
    case 'shop':
      return windowed.groupBy('by', ['shop']) as unknown as ReturnType<typeof windowed.groupBySets>
    case 'shop and page':
      return windowed.groupBy('by', ['shop', 'page']) as unknown as ReturnType<typeof windowed.groupBySets>
  }
}

/** Rows whose times are all different, so that order of arrival decides nothing. */
export const drawnClicks: fc.Arbitrary<readonly Click[]> = fc
  .uniqueArray(
    fc.record({
      second: fc.integer({ min: 0, max: spanSeconds }),
      shop: fc.constantFrom('a', 'b', 'c', 'ß', '😀'),
      page: fc.constantFrom('/', '/x'),
      hash: fc.bigInt({ min: 0n, max: 12n }),
      cents: fc.bigInt({ min: -1n, max: 9n }),
      robot: fc.boolean(),
    }),
    { selector: ({ second }) => second, maxLength: 40, size: 'max' },
  )
  .map((drawn) =>
    drawn.map(({ second, ...rest }) => {
      const at = (noon + second * 1_000) as EventTime
      return { ...rest, visitor: 'v', at, received: at }
    }),
  )

interface Pane {
  readonly kind: 'upsert' | 'retract' | 'partial'
  readonly key: unknown
  readonly start: number
  readonly end: number
  readonly rows: number
  readonly values: Readonly<Record<string, unknown>> | null
}

/** Upserts: the last of each window and key that none took back. Partials: their sums. */
export function heldOf(test: PipelineTest): ReadonlyMap<string, string> {
  const held = new Map<string, unknown>()
  for (const { kind, key, start, end, rows, values } of test.panes<Pane>('out')) {
    const name = text([key, start, end])
    if (kind === 'retract') held.delete(name)
    else if (kind === 'upsert') held.set(name, { rows, ...values })
    else {
      const before = (held.get(name) ?? { rows: 0, clicks: 0, cents: 0n }) as Sums
      const { clicks: more, cents } = values as unknown as Sums
      held.set(name, { rows: before.rows + rows, clicks: before.clicks + more, cents: before.cents + cents })
    }
  }
  return new Map([...held].map(([name, values]) => [name, text(values)] as const).sort(([a], [b]) => (a < b ? -1 : 1)))
}

export interface Sums {
  readonly rows: number
  readonly clicks: number
  readonly cents: bigint
}

export const text = (value: unknown) =>
  JSON.stringify(value, (_, of: unknown) => (typeof of === 'bigint' ? `${of}n` : of))
