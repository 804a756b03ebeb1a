import { describe, expect, it } from 'vitest'
import type { EventTime } from '../../core/event-time.ts'
import type { MerchantId } from '../../core/ids.ts'
import { failedHitsTable, hitsTable, hourlyTable } from '../../schemas/tables.ts'
import { avg, count, countDistinct, countIf, first, max, quantiles, sum, top } from './aggregates.ts'
import { type PipelineBuilder, pipeline, type Rows } from './builder.ts'
import { checkPlan } from './check.ts'
import { explainPlan } from './explain.ts'
import { explainMermaid } from './explain-mermaid.ts'
import { feed } from './feed-definition.ts'
import { parsePlan } from './node/parse-plan.ts'
import { is } from './predicates.ts'
import { failedTable, paneTable, refusedOutput, rowOutput, table } from './sinks.ts'
import { calendar } from './windows.ts'

interface Visit {
  readonly merchant: MerchantId
  readonly id: string
  readonly time: EventTime
  readonly zone: string
  readonly paid: bigint
  readonly first: boolean
}

const visits = feed<Visit>('visits', {
  partitionKey: 'merchant',
  columns: { merchant: 'string', id: 'string', time: 'instant', zone: 'string', paid: 'bigint', first: 'boolean' },
})
const stored = table<Visit>(hitsTable, () => ({}))
const failed = failedTable<Visit>(failedHitsTable, () => ({}))
const partial = paneTable(hourlyTable, () => ({}))
const jobs = { jobs: { all: [hitsTable, failedHitsTable] } }

interface Inputs {
  readonly rate: (currency: string) => number
}

const times = { eventTime: (v: Visit) => v.time, watermark: { from: (v: Visit) => v.time, delay: '1m' } } as const
const read = (p: PipelineBuilder<Inputs>) => p.read(visits, times)
const check = (v: Visit) =>
  v.first ? ({ to: 'good', row: v } as const) : ({ to: 'bad', row: v, reason: 'not_first' } as const)
const branches = { to: { good: 'rows', bad: 'refused' } } as const

/** A plan that is right but for what `change` adds above its sinks. */
const plan = (change: (rows: Rows<Inputs, Visit>) => Rows<Inputs, Visit>, options = jobs) =>
  pipeline<Inputs>(
    'visits',
    (p) => {
      const { good, bad } = change(read(p)).split('judge', check, branches)
      bad.write(failed)
      good.write(stored)
    },
    options,
  )

describe('what cannot be processed', () => {
  it('goes to the sink that the feed is read with, where the plan refuses nothing itself', () => {
    const built = pipeline<Inputs>('p', (p) => p.read(visits, { ...times, failed }).write(stored), jobs)
    expect(built.plan.steps[1]).toMatchObject({ name: 'write:failed_hits', after: null, counts: 'failed' })
    expect(built.sinks.get('write:failed_hits')).toBe(failed)
    expect(explainPlan(built.plan)).toBe(
      [
        'pipeline p',
        '  read visits, partitioned by merchant, watermark 1m behind',
        '  write hits (stored)',
        'what cannot be processed: write failed_hits (failed)',
        'cost: no shuffle, all state is local to a partition of merchant',
        'job all: hits, failed_hits',
        '',
      ].join('\n'),
    )
    expect(explainMermaid(built.plan)).not.toContain('--> s1')
    expect(parsePlan(built.text)).toEqual(built.plan)
  })

  it('is handed out as `refused` by a plan that only hands rows out, and says nothing of it', () => {
    const built = pipeline<Inputs>('p', (p) => read(p).write(rowOutput('rows')))
    expect(built.plan.steps[2]).toMatchObject({ name: 'output:refused', after: null, takes: 'refused' })
    const named = pipeline<Inputs>('p', (p) =>
      p.read(visits, { ...times, failed: refusedOutput('bad') }).write(rowOutput('rows')),
    )
    expect(named.plan.steps.map(({ name }) => name)).toEqual(['read:visits', 'output:bad', 'output:rows'])
  })
})

describe('a built plan', () => {
  it('is frozen all the way down', () => {
    const { plan: built } = plan((rows) => rows.dedupe('once', { key: ['merchant', 'id'], within: '24h' }))
    expect(() => Object.assign(built.steps[1] as object, { withinMs: 1 })).toThrow(TypeError)
  })

  it('is the same text and hash for the same definition, and another for another lambda or data set', () => {
    const one = plan((rows) => rows.filter('some', (v) => v.first))
    const same = plan((rows) => rows.filter('some', (v) => v.first))
    const other = plan((rows) => rows.filter('some', (v) => !v.first))
    expect(same.text).toBe(one.text)
    expect(same.hash({ country: '1' })).toBe(one.hash({ country: '1' }))
    expect(other.hash({ country: '1' })).not.toBe(one.hash({ country: '1' }))
    expect(one.hash({ country: '2' })).not.toBe(one.hash({ country: '1' }))
  })

  it('knows the columns of its rows as far as steps declare them', () => {
    const { plan: built } = plan((rows) =>
      rows.map('tax', (v) => ({ ...v, tax: v.paid / 5n }), { adds: { tax: 'bigint' } }).map('back', (v): Visit => v),
    )
    expect(built.steps.find((step) => step.name === 'tax')?.columns).toMatchObject({ paid: 'bigint', tax: 'bigint' })
    expect(built.steps.find((step) => step.name === 'back')?.columns).toBeNull()
  })
})

describe('what does not compile', () => {
  it('is a column that the rows do not have, or of another type', () => {
    // Never called: the compiler is the test.
    const wrong = (p: PipelineBuilder<Inputs>) => {
      const rows = read(p)
      // @ts-expect-error no such column
      rows.dedupe('a', { key: ['merchant', 'uuid'], within: '24h' })
      // @ts-expect-error 24 of what
      rows.dedupe('b', { key: ['merchant', 'id'], within: '24' })
      // @ts-expect-error no such column
      rows.filter('c', (v) => v.colour === 'red')
      // @ts-expect-error a filter says true or false
      rows.filter('d', (v) => v.id)
      // @ts-expect-error there is no side input of this name
      rows.map('e', (v) => v, { uses: ['rates'] })
      // @ts-expect-error the side input is not named in uses
      rows.map('f', (v, context: Inputs) => ({ ...v, rate: context.rate('EUR') }))
      rows.map('g', (v, context) => ({ ...v, rate: context.rate('EUR') }), { uses: ['rate'] })
      // @ts-expect-error the step adds another column than it declares
      rows.map('h', (v) => ({ ...v, tax: 1n }), { adds: { rate: 'double' } })
      // @ts-expect-error a table of other rows
      rows.map('i', (v) => ({ merchant: v.merchant })).write(stored)
      // @ts-expect-error rows that were not refused
      rows.write(failed)
      // @ts-expect-error a branch that no row goes to
      rows.split('j', check, { to: { good: 'rows', bad: 'refused', ugly: 'rows' } }).ugly
      // @ts-expect-error the branch bad is forgotten
      rows.split('k', check, { to: { good: 'rows' } })
      const grouped = rows
        .window('l', calendar('hour', { zone: (v) => v.zone }), { lateness: 'unbounded' })
        .groupBySets('sets', { total: [] })
      // @ts-expect-error not a boolean column
      grouped.aggregate({ firsts: countIf('paid') })
      // @ts-expect-error not a bigint column
      grouped.aggregate({ paid: sum('first') })
      // @ts-expect-error not a column of hashes
      grouped.aggregate({ visitors: countDistinct('id', { k: 8 }) })
      // @ts-expect-error not a column of bucket numbers
      grouped.aggregate({ load: quantiles('id') })
      // @ts-expect-error not a text column
      grouped.aggregate({ paid: top('first', { weight: 'paid' }) })
      // @ts-expect-error weights are bigints
      grouped.aggregate({ paid: top('id', { weight: 'zone' }) })
      // @ts-expect-error not integers
      grouped.aggregate({ mean: avg('id') })
      // @ts-expect-error true and false have no order
      grouped.aggregate({ most: max('first') })
      // @ts-expect-error no such column
      grouped.aggregate({ entry: first('path') })
      // @ts-expect-error a column of true and false holds no text
      grouped.aggregate({ yes: countIf(is('first', 'yes')) })
    }
    expect(wrong).toBeTypeOf('function')
  })
})

describe('a plan is refused early', () => {
  const refusal = (build: () => unknown): string => {
    try {
      build()
    } catch (error) {
      return (error as Error).message
    }
    return 'accepted'
  }
  const windowed = (p: PipelineBuilder<Inputs>) => {
    const { good, bad } = read(p).split('judge', check, branches)
    bad.write(failed)
    return good.write(stored).window('hours', calendar('hour', { zone: (v) => v.zone }), { lateness: 'unbounded' })
  }
  const all = { jobs: { all: [hitsTable, failedHitsTable, hourlyTable] } }

  it.each([
    [
      'two steps of one name',
      () => plan((rows) => rows.filter('same', () => true).filter('same', () => true)),
      "'same' is the name of two steps; one would read the state of the other after a restart",
    ],
    ['a step without a name', () => plan((rows) => rows.filter(' ', () => true)), 'has no name'],
    [
      'dedupe without a key',
      () => plan((rows) => rows.dedupe('d', { key: [] as never, within: '24h' })),
      "'d' has no key",
    ],
    [
      'dedupe by a key that is not local to a partition',
      () => plan((rows) => rows.dedupe('d', { key: ['id'], within: '24h' })),
      "needs the key ['merchant', <id column>]",
    ],
    [
      'dedupe within no time',
      () => plan((rows) => rows.dedupe('d', { key: ['merchant', 'id'], within: '0s' })),
      'would forget every key at once',
    ],
    [
      'dedupe by a column of another type',
      () => plan((rows) => rows.dedupe('d', { key: ['merchant', 'paid'], within: '24h' })),
      "reads column 'paid' as string, but it is bigint",
    ],
    [
      'a duration without a unit',
      () => plan((rows) => rows.dedupe('d', { key: [] as never, within: '24' as '24h' })),
      "'24' is not a duration",
    ],
    [
      'a table that no job writes',
      () => plan((rows) => rows, { jobs: { all: [hitsTable] } }),
      "nothing would write 'failed_hits'",
    ],
    [
      'a table that two jobs write',
      () => plan((rows) => rows, { jobs: { all: [hitsTable, failedHitsTable], more: [hitsTable] } } as typeof jobs),
      'it would be written twice',
    ],
    [
      'a job of a table that nothing writes',
      () => plan((rows) => rows, all as unknown as typeof jobs),
      "'all' lists 'hourly', which the plan does not write",
    ],
    ['no reading', () => pipeline('p', () => {}, jobs), 'reads nothing'],
    [
      'no failed sink',
      () => pipeline<Inputs>('p', (p) => read(p).write(stored), { jobs: { a: [hitsTable] } }),
      'needs one failed sink: a row that cannot be processed would have nowhere to go',
    ],
    [
      'a failed sink for the feed and for a branch',
      () =>
        pipeline<Inputs>(
          'p',
          (p) => {
            const { good, bad } = p.read(visits, { ...times, failed }).split('judge', check, branches)
            bad.write(failed)
            good.write(stored)
          },
          jobs,
        ),
      "'write:failed_hits' is the name of two steps",
    ],
    [
      'rows that nothing reads',
      () =>
        pipeline<Inputs>(
          'p',
          (p) => {
            const { bad } = read(p).split('judge', check, branches)
            bad.write(failed)
          },
          { jobs: { a: [failedHitsTable] } },
        ),
      "gives rows as 'judge.good' that nothing reads: they would vanish",
    ],
    ['a window without groups', () => pipeline<Inputs>('p', windowed, jobs), 'has no groupBySets or groupBy after it'],
    [
      'groups without an aggregate',
      () => pipeline<Inputs>('p', (p) => windowed(p).groupBySets('sets', { total: [] }), jobs),
      "'sets' has no aggregate after it",
    ],
    [
      'groups by a column of two',
      () => pipeline<Inputs>('p', (p) => windowed(p).groupBySets('sets', { both: ['id', 'zone'] }), jobs),
      'a breakdown holds one value',
    ],
    [
      'an aggregate that never emits',
      () =>
        pipeline<Inputs>('p', (p) => windowed(p).groupBySets('sets', { total: [] }).aggregate({ hits: count() }), jobs),
      'never emits',
    ],
    [
      'a sketch of no size',
      () =>
        pipeline<Inputs>(
          'p',
          (p) =>
            windowed(p)
              .groupBySets('s', { total: [] })
              .aggregate({ n: countDistinct('paid', { k: 1 }) }),
          jobs,
        ),
      'needs a whole k of 2 or more',
    ],
    [
      'panes that grow over epochs',
      () =>
        pipeline<Inputs>(
          'p',
          (p) =>
            windowed(p)
              .groupBySets('sets', { total: [] })
              .aggregate({ hits: count() })
              .emit({ every: 'epoch', panes: 'accumulating' } as never)
              .write(partial),
          all,
        ),
      'emits accumulating panes every epoch; nothing is kept between epochs that could grow',
    ],
  ] as const)('with %s', (_, build, message) => {
    expect(refusal(build)).toContain(message)
  })

  it.each([
    ['no such column', { kind: 'sum', column: 'colour' }, "reads column 'colour', which its rows do not have"],
    [
      'a sum of texts',
      { kind: 'sum', column: 'id' },
      "'n' is the sum of column 'id', which is string: a sum adds whole numbers",
    ],
    [
      'buckets that are texts',
      { kind: 'quantiles', column: 'id' },
      "'n' is the quantiles of column 'id', which is string: it counts buckets",
    ],
    ['the most of booleans', { kind: 'max', column: 'first' }, "reads column 'first' as string or bigint"],
    ['values that are no texts', { kind: 'top', column: 'paid', weight: 'paid' }, "reads column 'paid' as string"],
    ['weights that are no integers', { kind: 'top', column: 'id', weight: 'zone' }, "reads column 'zone' as bigint"],
    ['a comparison with another type', { kind: 'countIf', column: 'id', is: 1 }, "reads column 'id' as int or long"],
    [
      'a sketch of values of no size',
      { kind: 'countDistinct', column: 'paid', k: 8, ofValues: 1 },
      "'n' needs a whole k of 2 or more, got 1",
    ],
    [
      'the first row, which a part of them cannot know',
      { kind: 'first', column: 'id' },
      "'n' asks for the first row, which a part of the rows cannot know: it runs bounded, or in one pane on close",
    ],
    ['what is not of the closed set', { kind: 'median', column: 'paid' }, "'n' is no aggregate of the closed set"],
  ])('with %s, which only plain JavaScript could write', (_, node, message) => {
    const build = () =>
      pipeline<Inputs>(
        'p',
        (p) =>
          windowed(p)
            .groupBySets('sets', { total: [] })
            .aggregate({ n: node } as never)
            .emit({ every: 'epoch', panes: 'discarding' })
            .write(partial),
        all,
      )
    expect(refusal(build)).toContain(message)
  })

  it('with a step over a table behind a feed', () => {
    const good = plan((rows) => rows).plan
    const where = { kind: 'where', name: 'w', after: 'read:visits', columns: null, where: { column: 'id', is: 'x' } }
    const steps = [good.steps[0], where, ...good.steps.slice(1)] as typeof good.steps
    expect(refusal(() => checkPlan({ ...good, steps }))).toContain("'w' (where) needs all rows of a table")
  })
})
