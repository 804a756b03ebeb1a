/** Differences in what stands where, and what a difference says. */
import { describe, expect, it } from 'vitest'
import { hitsPipeline } from '../../jobs/hits.ts'
import { count } from '../aggregates.ts'
import { type PipelineBuilder, pipeline, type Rows } from '../builder.ts'
import { type Click, clicks } from '../golden/plans.ts'
import type { Plan } from '../node/step.ts'
import { paneOutput, refusedOutput, rowOutput, upsertOutput } from '../sinks.ts'
import { fixed } from '../windows.ts'
import { diffPlans } from './diff-plans.ts'
import { brief, changed } from './diff-under-test.ts'
import type { Verdict } from './finding.ts'

const hits = hitsPipeline.plan

type Change = (rows: Rows<object, Click>) => unknown

/** A plan over clicks, refused ones apart, with what `change` makes of the others. */
const plan = (change: Change) =>
  pipeline(
    'clicks',
    (p: PipelineBuilder<object>) => {
      const { good, bad } = p
        .read(clicks, { eventTime: (click) => click.at, watermark: { from: (click) => click.at, delay: '1m' } })
        .split(
          'judge',
          (row) => (row.robot ? ({ to: 'bad', row, reason: 'r' } as const) : ({ to: 'good', row } as const)),
          {
            to: { good: 'rows', bad: 'refused' },
          },
        )
      bad.write(refusedOutput('refused'))
      change(good)
    },
    { state: { maxBytes: 1e6 } },
  ).plan

const kept = (rows: Rows<object, Click>) => rows.write(rowOutput('rows'))
const byMinute = (window: string, was?: string) => (rows: Rows<object, Click>) =>
  kept(rows)
    .window(window, fixed('1m'), was === undefined ? {} : { was })
    .groupBy(`${window}-shop`, ['shop'], was === undefined ? {} : { was: `${was}-shop` })
    .aggregate({ n: count() })
    .emit({ on: 'close', panes: 'accumulating' })
    .write(upsertOutput('minutes'))

const shapes: readonly (readonly [string, Change, Change, Verdict, readonly string[], object])[] = [
  [
    'a new sink',
    kept,
    byMinute('m'),
    'redeploy',
    ['m: redeploy', 'm-shop: redeploy', 'output:minutes: redeploy'],
    { refused: 'nothing', rows: 'nothing', minutes: 'history' },
  ],
  [
    'a sink that is gone, with its state',
    byMinute('m'),
    kept,
    'breaking',
    ['m: breaking', 'm-shop: redeploy', 'output:minutes: redeploy'],
    { refused: 'nothing', rows: 'nothing', minutes: 'gone' },
  ],
  [
    'a sink that is gone, without any',
    (rows) => kept(rows).write(rowOutput('copy')),
    kept,
    'redeploy',
    ['output:copy: redeploy'],
    { refused: 'nothing', rows: 'nothing', copy: 'gone' },
  ],
  [
    'names, where the new ones say the old',
    byMinute('m'),
    byMinute('minute', 'm'),
    'same',
    ['minute: same', 'minute-shop: same'],
    { refused: 'nothing', rows: 'nothing', minutes: 'nothing' },
  ],
  [
    'names, where they do not',
    byMinute('m'),
    byMinute('minute'),
    'breaking',
    ['minute: rebuild needed', 'minute-shop: rebuild needed', 'm: breaking', 'm-shop: rebuild needed'],
    { refused: 'nothing', rows: 'nothing', minutes: 'rebuild' },
  ],
  [
    'names that were brought in before',
    byMinute('minute', 'm'),
    byMinute('minute', 'm'),
    'same',
    [],
    { refused: 'nothing', rows: 'nothing', minutes: 'nothing' },
  ],
  [
    'a step put between two',
    kept,
    (rows) => kept(rows.filter('paid', (click) => click.cents > 0n)),
    'rebuild needed',
    ['paid: rebuild needed'],
    { refused: 'nothing', rows: 'rebuild' },
  ],
  [
    'a step taken out',
    (rows) => kept(rows.filter('paid', (click) => click.cents > 0n)),
    kept,
    'rebuild needed',
    ['paid: rebuild needed'],
    { refused: 'nothing', rows: 'rebuild' },
  ],
  [
    'a memory of repeats taken out',
    (rows) => kept(rows.dedupe('once', { key: ['shop', 'page'], within: '1m' })),
    kept,
    'breaking',
    ['once: breaking'],
    { refused: 'nothing', rows: 'rebuild' },
  ],
  [
    'two steps in the other order',
    (rows) => kept(rows.filter('a', (click) => click.cents > 0n).filter('b', (click) => click.page !== '')),
    (rows) => kept(rows.filter('b', (click) => click.page !== '').filter('a', (click) => click.cents > 0n)),
    'rebuild needed',
    ['b: rebuild needed', 'a: rebuild needed', 'output:rows: rebuild needed'],
    { refused: 'nothing', rows: 'rebuild' },
  ],
  [
    'another kind of step under one name',
    (rows) => kept(rows.filter('a', (click) => click.cents > 0n)),
    (rows) => kept(rows.map('a', (click) => click)),
    'rebuild needed',
    ['a: rebuild needed'],
    { refused: 'nothing', rows: 'rebuild' },
  ],
  [
    'one step that says it was two',
    (rows) =>
      kept(
        rows.dedupe('a', { key: ['shop', 'page'], within: '1m' }).dedupe('b', { key: ['shop', 'page'], within: '1m' }),
      ),
    (rows) => kept(rows.dedupe('c', { key: ['shop', 'page'], within: '1m', was: ['b', 'a'] })),
    'breaking',
    ['c: breaking', 'c: same', 'a: breaking'],
    { refused: 'nothing', rows: 'rebuild' },
  ],
  [
    'emission every epoch where windows remembered',
    (rows) =>
      kept(rows)
        .window('m', fixed('1m'))
        .groupBy('g', ['shop'])
        .aggregate({ n: count() })
        .emit({ on: 'close', panes: 'discarding' })
        .write(paneOutput('m')),
    (rows) =>
      kept(rows)
        .window('m', fixed('1m'))
        .groupBy('g', ['shop'])
        .aggregate({ n: count() })
        .emit({ every: 'epoch', panes: 'discarding' })
        .write(paneOutput('m')),
    'breaking',
    ['g.emit: breaking'],
    { refused: 'nothing', rows: 'nothing', m: 'rebuild' },
  ],
]

describe('the difference of two shapes', () => {
  it.each(shapes)('of %s', (_, before, after, verdict, changes, sinks) => {
    const found = diffPlans({ plan: plan(before) }, { plan: plan(after) })
    expect(brief(found)).toMatchObject({ verdict, changes })
    expect(Object.fromEntries(found.sinks.map(({ sink, needs }) => [sink, needs]))).toEqual(sinks)
  })
})

describe('a change', () => {
  it('says why, and the command that follows', () => {
    const { changes } = diffPlans({ plan: hits }, { plan: changed(hits, 'no-bots', { code: 'x' }) })
    expect(changes).toEqual([
      {
        step: 'no-bots',
        what: 'code',
        verdict: 'rebuild needed',
        reason: 'rows written before were made otherwise',
        next: 'deploy, then hitlake rerun hits --snapshot latest --sink hourly, or hitlake adopt hits, which leaves the past as it was made',
      },
    ])
    const [added] = diffPlans({ plan: plan(kept) }, { plan: plan(byMinute('m')) }).changes.slice(-1)
    expect(added?.next).toBe('deploy')
  })

  it('names reruns by what a rerun makes: refused hits go with hits, and other sinks have none', () => {
    const next = (plan: Plan) => diffPlans({ plan: hits }, { plan }).changes.map((each) => each.next)
    expect(next(changed(hits, 'govern', { code: 'x' }))).toEqual([
      expect.stringContaining('hitlake rerun hits --snapshot latest --sink hits --sink hourly, or'),
    ])
    expect(next(changed(hits, 'write:failed_hits', { code: 'x' }))).toEqual([
      expect.stringContaining('hitlake rerun hits --snapshot latest --sink hits, or'),
    ])
    expect(next(changed(hits, 'drop-repeats', { key: ['merchant', 'name'] }))).toEqual([
      expect.stringContaining('--sink hits --sink hourly, then promote it'),
    ])
    const clicks = plan(byMinute('m'))
    const [first = ''] = clicks.steps.filter(({ kind }) => kind === 'window').map(({ name }) => name)
    const moved = changed(clicks, first, { code: 'x' })
    expect(diffPlans({ plan: clicks }, { plan: moved }).changes.map((each) => each.next)).toEqual([
      expect.stringMatching(/^deploy; rows of the past in .* stay as they were made$/),
    ])
  })

  it('says which tables follow a sink by themselves', () => {
    const { sinks } = diffPlans({ plan: hits }, { plan: changed(hits, 'govern', { code: 'x' }) })
    expect(Object.fromEntries(sinks.map(({ sink, followedBy }) => [sink, followedBy]))).toEqual({
      failed_hits: [],
      hits: ['sessions'],
      hourly: ['daily'],
    })
  })

  it('of code that steps call reaches every sink below a step with code, where both builds are known', () => {
    const of = (from: string | undefined, to: string | undefined, plan = hits) =>
      diffPlans({ plan: hits, ...(from && { code: from }) }, { plan, ...(to && { code: to }) })
    const found = of('a', 'b')
    expect(found.changes).toEqual([
      {
        step: 'hits',
        what: 'functions beyond its lambdas',
        verdict: 'rebuild needed',
        reason: 'code that its steps call has changed',
        next: expect.stringContaining('--sink hits --sink hourly'),
      },
    ])
    expect(brief(found).rebuild).toEqual(['failed_hits', 'hits', 'hourly'])
    for (const [from, to] of [
      ['a', 'a'],
      ['a', undefined],
      [undefined, 'b'],
      [undefined, undefined],
    ] as const) {
      expect(of(from, to).verdict).toBe('same')
    }
    // Where a lambda's own source changed, it is named.
    expect(brief(of('a', 'a', changed(hits, 'no-bots', { code: 'x' }))).rebuild).toEqual(['hourly'])
    expect(of('a', 'b', changed(hits, 'no-bots', { code: 'x' })).changes.map(({ step }) => step)).toEqual([
      'hits',
      'no-bots',
    ])
  })

  it('of a data set reaches what is below the steps that use it; of one that no step names, what is below any code', () => {
    const of = (from: object, to: object) =>
      brief(diffPlans({ plan: hits, dataSets: { ...from } }, { plan: hits, dataSets: { ...to } }))
    expect(of({ country: '1' }, { country: '1' })).toEqual({ verdict: 'same', changes: [], rebuild: [] })
    expect(of({ country: '1' }, { country: '2' })).toMatchObject({
      verdict: 'rebuild needed',
      changes: ['hits: rebuild needed'],
    })
    const late = changed(changed(hits, 'enrich', { uses: [] }), 'no-bots', { uses: ['country'] })
    const [before, after] = [{ country: '1' }, { country: '2' }]
    const found = diffPlans({ plan: late, dataSets: before }, { plan: late, dataSets: after })
    expect(brief(found).rebuild).toEqual(['hourly'])
    expect(of({}, { release: '2' }).rebuild).toEqual(['failed_hits', 'hits', 'hourly'])
  })
})
