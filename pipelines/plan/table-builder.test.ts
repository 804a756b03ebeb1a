/** Plans over a table with windows of every kind: what they are in JSON and words, and what is refused. */
import { describe, expect, it } from 'vitest'
import type { EventTime } from '../../core/event-time.ts'
import type { LakeRow } from '../../core/tables.ts'
import { hitsTable } from '../../schemas/tables.ts'
import { avg, count, countDistinct, quantiles, sum, top } from './aggregates.ts'
import { type PipelineBuilder, pipeline } from './builder.ts'
import { checkPlan } from './check.ts'
import { positionMaxColumns } from './check-bounded.ts'
import { diffPlans } from './diff/diff-plans.ts'
import { explainPlan } from './explain.ts'
import { explainMermaid } from './explain-mermaid.ts'
import { parsePlan } from './node/parse-plan.ts'
import type { Plan, PlanStep } from './node/step.ts'
import { is } from './predicates.ts'
import { paneOutput, rowOutput } from './sinks.ts'
import { difference, hashOf, windowEnd, windowStart } from './table-builder.ts'
import { tableRows } from './table-rows.ts'
import { calendarOf } from './table-windows.ts'
import { fixed, hopping, session } from './windows.ts'

interface Stored {
  readonly merchant: string
  readonly visitor: string
  readonly path: string | null
  readonly zone: string | null
  readonly time: EventTime
  readonly received: EventTime
  readonly bot: boolean
  readonly visitor_hash: number | bigint | null
  readonly revenue_home_micros: number | bigint | null
  readonly load_bucket: number | null
  readonly _off: number
}
const stored = tableRows<Stored>(hitsTable, {
  merchant: 'string',
  visitor: 'string',
  path: 'string',
  zone: 'string',
  time: 'instant',
  received: 'instant',
  bot: 'boolean',
  visitor_hash: 'long',
  revenue_home_micros: 'long',
  load_bucket: 'int',
  _off: 'long',
})
const read = (p: PipelineBuilder<object>) => p.readTable(stored, { eventTime: 'time', position: ['_off'] })
const rows = rowOutput<LakeRow>('days')

const days = pipeline('days', (p) =>
  read(p)
    .derive('made', { page_hash: hashOf('path'), waited_ms: difference('received', 'time'), person: is('bot', false) })
    .where('people', is('person', true))
    .window('local-days', calendarOf('week', { zone: 'zone', weekStart: 'sunday' }))
    .groupBy('shops', ['merchant'])
    .aggregate({
      hits: count(),
      revenue: sum('revenue_home_micros'),
      mean: avg('revenue_home_micros'),
      waited: sum('waited_ms'),
      visitors: countDistinct('visitor_hash', { k: 8 }),
      pages: countDistinct('page_hash', { k: 8 }),
      loads: quantiles('load_bucket'),
      earned: top('path', { weight: 'revenue_home_micros' }),
    })
    .derive({ from: windowStart(), to: windowEnd(), single: is('hits', 1) })
    .write(rows),
)

describe('a plan over a table', () => {
  it('reads in words, with its windows and what is made', () => {
    expect(explainPlan(days.plan)).toBe(`pipeline days
  read table hits, in order of time, _off; runs bounded
  derive page_hash = hash of path, waited_ms = received - time, person = bot is false
  people: where person is true
  local-days: window of a calendar week from sunday in each row's zone, by column zone
  shops: group by merchant
  aggregate hits = count(), revenue = sum(revenue_home_micros), mean = avg(revenue_home_micros), waited = sum(waited_ms), visitors = countDistinct(visitor_hash, k 8), pages = countDistinct(page_hash, k 8), loads = quantiles(load_bucket), earned = top(path, by revenue_home_micros)
  derive from = start of the window, to = end of the window, single = hits is 1
  hand out rows as days
`)
    expect(explainMermaid(days.plan)).toContain('([')
  })

  it('is the same when it was read from its JSON, and holds no code', () => {
    expect(parsePlan(days.text)).toEqual(days.plan)
    expect(days.lambdas.size).toBe(0)
  })

  it.each([
    ['fixed', (p: PipelineBuilder<object>) => read(p).groupBy('g', ['merchant']).window('w', fixed('1h'))],
    [
      'hopping',
      (p: PipelineBuilder<object>) =>
        read(p)
          .window('w', hopping('1h', { every: '5m' }))
          .groupBy('g', ['path']),
    ],
    [
      'sessions',
      (p: PipelineBuilder<object>) =>
        read(p)
          .groupBy('g', ['visitor'])
          .window('w', session('30m', { atMost: '2h' })),
    ],
  ] as const)('takes windows: %s', (_, windows) => {
    const { plan, text } = pipeline('p', (p) => windows(p).aggregate({ n: count() }).write(rows))
    expect(parsePlan(text)).toEqual(plan)
  })

  it('is to be made again where its windows or what it derives change', () => {
    const changed = (steps: readonly PlanStep[]): Plan => ({ ...days.plan, steps })
    const longer = days.plan.steps.map((step) =>
      step.kind === 'tableWindow' ? { ...step, assign: { kind: 'fixed', sizeMs: 5, offsetMs: 0 } as const } : step,
    )
    expect(diffPlans({ plan: days.plan }, { plan: changed(longer) }).verdict).toBe('rebuild needed')
    expect(diffPlans({ plan: days.plan }, { plan: changed([...days.plan.steps]) }).verdict).toBe('same')
  })
})

describe('what does not compile over a table', () => {
  it('is a column that is none, or of another type', () => {
    // Never called: the compiler is the test.
    const wrong = (p: PipelineBuilder<object>) => {
      // @ts-expect-error a zone is a text
      read(p).window('a', calendarOf('day', { zone: 'time' }))
      // @ts-expect-error a day has no first weekday
      calendarOf('day', { zone: 'zone', weekStart: 'sunday' })
      // @ts-expect-error only texts have a hash
      read(p).derive('b', { hash: hashOf('load_bucket') })
      // @ts-expect-error texts have no difference
      read(p).derive('c', { more: difference('path', 'zone') })
      // @ts-expect-error sessions are a group's
      read(p).window('d', session('30m', { atMost: '2h' }))
      const windows = read(p)
        .derive('e', { hash: hashOf('path') })
        .window('f', fixed('1h'))
        .groupBy('g', ['merchant'])
      // @ts-expect-error texts are counted by their hashes
      windows.aggregate({ n: countDistinct('path', { k: 4 }) })
      // @ts-expect-error not integers
      windows.aggregate({ n: sum('path') })
      // @ts-expect-error panes come from feeds only
      windows.aggregate({ n: count() }).write(paneOutput('panes'))
    }
    expect(wrong).toBeTypeOf('function')
  })
})

describe('a plan over a table is refused early', () => {
  const refusal = (build: () => unknown): string => {
    try {
      build()
    } catch (error) {
      return (error as Error).message
    }
    return 'accepted'
  }
  /** The plan with a step changed in place. */
  const changed = (kind: PlanStep['kind'], change: object) => () => {
    const steps = structuredClone(days.plan.steps) as PlanStep[]
    Object.assign(steps.find((step) => step.kind === kind) as object, change)
    checkPlan({ ...days.plan, steps })
  }

  it('but not as it is', () => {
    expect(refusal(() => checkPlan(days.plan))).toBe('accepted')
  })

  it.each<readonly [string, () => unknown, string]>([
    [
      'a zone that is no text',
      changed('tableWindow', { assign: { kind: 'calendar', unit: 'day', zone: 'bot' } }),
      "reads column 'bot' as string, but it is boolean",
    ],
    [
      'hops that leave rows out',
      changed('tableWindow', { assign: { kind: 'hopping', sizeMs: 1, everyMs: 2, offsetMs: 0 } }),
      'rows between two windows would be in none',
    ],
    [
      'windows of no length',
      changed('tableWindow', { assign: { kind: 'fixed', sizeMs: 0, offsetMs: 0 } }),
      'has sizeMs of 0',
    ],
    [
      'a day with a first weekday',
      changed('tableWindow', { assign: { kind: 'calendar', unit: 'day', zone: 'zone', weekStart: 'sunday' } }),
      'but a day has no first day of the week',
    ],
    [
      'a sum of texts, saying what to do instead',
      changed('aggregate', { aggregates: { n: { kind: 'sum', column: 'path' } } }),
      "'n' is the sum of column 'path', which is string: a sum adds whole numbers; make one of the text in a row step, or count the rows",
    ],
    [
      'distinct texts without their hashes',
      changed('aggregate', { aggregates: { n: { kind: 'countDistinct', column: 'path', k: 4, ofValues: 4 } } }),
      'it counts hashes; make one in a row step by distinctOf, over a table derive hashOf',
    ],
    [
      'two sizes of a sketch',
      changed('aggregate', { aggregates: { n: { kind: 'countDistinct', column: 'visitor_hash', k: 4, ofValues: 3 } } }),
      'a plan over a table has no sets',
    ],
    [
      'a derived column that is there',
      changed('derive', {
        derived: { path: { column: 'bot', is: true } },
        columns: { ...stored.columns, path: 'boolean' },
      }),
      "makes column 'path', which its rows have",
    ],
    [
      'a bound of a window that is not yet there',
      changed('derive', { derived: { from: { window: 'start' } }, columns: { ...stored.columns, from: 'instant' } }),
      'asks for the start of a window before there is one',
    ],
    [
      'columns declared otherwise than they are made',
      changed('where', { columns: stored.columns }),
      "'people' declares other columns than 'made' and it give",
    ],
    [
      'a position of too many columns',
      changed('readTable', { position: Array.from({ length: positionMaxColumns + 1 }, () => '_off') }),
      `a position of 4 columns, at most ${positionMaxColumns}`,
    ],
    ['a column to group by twice', changed('groupBy', { by: ['merchant', 'merchant'] }), "groups twice by 'merchant'"],
    ['an output of panes', changed('collect', { takes: 'upserts' }), 'takes upserts, but gets rows'],
    [
      'a hash of what is counted already',
      () => {
        const steps = structuredClone(days.plan.steps) as PlanStep[]
        Object.assign(steps.at(-2) as object, { derived: { hash: { column: 'merchant', hash: 'distinct' } } })
        checkPlan({ ...days.plan, steps })
      },
      "makes a hash of 'merchant' when its rows are counted already",
    ],
    [
      'sessions that are cut before a pause could end them',
      () =>
        pipeline('p', (p) =>
          read(p)
            .groupBy('g', ['visitor'])
            .window('w', session('2h', { atMost: '1h' }))
            .aggregate({ n: count() })
            .write(rows),
        ),
      "'w' is cut at 1h, before its pause of 2h could end it",
    ],
    [
      'sessions before their groups',
      () => {
        const steps = structuredClone(days.plan.steps) as PlanStep[]
        const window = steps.find((step) => step.kind === 'tableWindow') as object
        Object.assign(window, { kind: 'sessionWindow', assign: { kind: 'session', gapMs: 1, atMostMs: 1 } })
        checkPlan({ ...days.plan, steps })
      },
      "'shops' stands too late",
    ],
  ])('with %s', (_, build, message) => {
    expect(refusal(build)).toContain(message)
  })
})
