import { describe, expect, it } from 'vitest'
import { type EventTime, eventTime } from '../../../core/event-time.ts'
import type { Offset } from '../../../core/ids.ts'
import { count, sum } from '../../plan/aggregates.ts'
import { type PipelineBuilder, pipeline } from '../../plan/builder.ts'
import { type Click, clicks } from '../../plan/golden/plans.ts'
import { refusedOutput, rowOutput, upsertOutput } from '../../plan/sinks.ts'
import { fixed } from '../../plan/windows.ts'
import { crash, end, epoch, rescale, rows, watermark } from '../testing/script.ts'
import { type PipelineTest, testPipeline } from '../testing/test-pipeline.ts'
import { createPlanGraph } from './plan-graph.ts'

const noon = eventTime('2026-03-01T12:00:00Z')
const at = (seconds: number) => (noon + seconds * 1_000) as EventTime
const click = (of: Partial<Click> = {}): Click => ({
  ...{ shop: 'a', visitor: 'v', page: '/', at: noon, received: noon, hash: 1n, cents: 1n, robot: false },
  ...of,
})

type Bad = { readonly to: 'bad'; readonly row: Click; readonly reason: string }
const state = { maxBytes: 1_000_000 }

const goodRows = (p: PipelineBuilder<object>) => {
  const read = p.read(clicks, { eventTime: (row) => row.at, watermark: { from: (row) => row.received, delay: '0ms' } })
  const { good, bad } = read.split('judge', (row) => ({ to: 'good', row }) as { to: 'good'; row: Click } | Bad, {
    to: { good: 'rows', bad: 'refused' },
  })
  bad.write(refusedOutput('refused'))
  return good
}

const minutesOf = (rowsIn: ReturnType<typeof goodRows>, lateness: '0ms' | '1h' = '0ms') => {
  const minutes = rowsIn.window('minutes', fixed('1m'), { lateness })
  minutes
    .groupBy('by-shop', ['shop'])
    .aggregate({ clicks: count(), cents: sum('cents') })
    .emit({ on: 'close', panes: 'accumulating' })
    .write(upsertOutput('minutes'))
  return minutes
}

function outcomesOf(test: PipelineTest) {
  return test.counts.reduce(
    (all, { kept, duplicates, refused, dropped }) => {
      const droppedRows = Object.values(dropped).reduce((sums, n) => sums + n, 0)
      return { kept: all.kept + kept, other: all.other + duplicates + refused + droppedRows }
    },
    { kept: 0, other: 0 },
  )
}

const clicksIn = (test: PipelineTest, output: string) =>
  test.panes<{ values: { clicks: number } }>(output).map(({ values }) => values.clicks)

describe('rows that come too late', () => {
  it('are dropped and not kept, where no step reads them', () => {
    const plan = pipeline('late', (p) => void minutesOf(goodRows(p)), { state })
    const test = testPipeline(plan).play(rows(click()), watermark(at(60)), rows(click(), click()), end)
    expect(test.counts).toMatchObject([{ kept: 1, dropped: { too_late: 2 } }])
    expect(outcomesOf(test)).toEqual({ kept: 1, other: 2 })
  })

  it('are kept where a sink beside the window has them', () => {
    const plan = pipeline(
      'late',
      (p) => {
        const good = goodRows(p)
        minutesOf(good)
        good.write(rowOutput('all'))
      },
      { state },
    )
    const test = testPipeline(plan).play(watermark(at(60)), rows(click()), end)
    expect(test.counts).toMatchObject([{ kept: 1, dropped: {}, tooLate: { minutes: 1 } }])
    expect(test.rows('all')).toHaveLength(1)
  })

  it('end as the steps of their branch say', () => {
    const plan = pipeline(
      'late',
      (p) => {
        minutesOf(goodRows(p))
          .tooLate.filter('people', (row) => !row.robot)
          .map('strict', (row) => {
            if (row.page === '/bad') throw new Error('no')
            return row
          })
          .write(rowOutput('late'))
      },
      { state },
    )
    const test = testPipeline(plan).play(
      watermark(at(60)),
      rows(click(), click({ robot: true }), click({ page: '/bad' })),
    )
    expect(test.counts).toMatchObject([{ kept: 1, refused: 1, dropped: { people: 1 } }])
    expect(outcomesOf(test)).toEqual({ kept: 1, other: 2 })
    expect(test.refused('refused')).toMatchObject([{ step: 'strict', reason: 'step_error', row: { page: '/bad' } }])
  })

  it('share a window with rows that are not, where a union brings them together', () => {
    const plan = pipeline(
      'late',
      (p) => {
        const good = goodRows(p)
        const minutes = minutesOf(good)
        good
          .filter('paid', ({ cents }) => cents > 1n)
          .union('all', [minutes.tooLate])
          .window('days', fixed('24h'), { lateness: '24h' })
          .groupBy('days-by-shop', ['shop'])
          .aggregate({ clicks: count() })
          .emit({ on: 'close', panes: 'accumulating' })
          .write(upsertOutput('days'))
      },
      { state },
    )
    const test = testPipeline(plan).play(rows(click({ cents: 5n })), watermark(at(60)), rows(click()), epoch)
    test.play(crash, rescale(3), rows(click(), click({ at: at(90), cents: 2n })), end)
    expect(clicksIn(test, 'days')).toEqual([4])
  })
})

describe('a row that fails', () => {
  const fails: readonly (readonly [string, (rowsIn: ReturnType<typeof goodRows>) => unknown])[] = [
    ['map', (good) => good.map('fails', failing, { adds: {} }).write(rowOutput('out'))],
    ['filter', (good) => good.filter('fails', (row) => failing(row) === row).write(rowOutput('out'))],
    ['flatMap', (good) => good.flatMap('fails', (row) => [failing(row)], { adds: {} }).write(rowOutput('out'))],
    [
      'split',
      (good) =>
        good
          .split('fails', (row) => ({ to: 'on', row: failing(row) }) as { to: 'on'; row: Click }, {
            to: { on: 'rows' },
          })
          .on.write(rowOutput('out')),
    ],
  ]

  it.each(fails)('in a %s is refused by that step, and nothing of it leaves', (_, steps) => {
    const plan = pipeline('fails', (p) => {
      const good = goodRows(p)
      good.write(rowOutput('before'))
      steps(good)
    })
    const test = testPipeline(plan).play(rows(click(), click({ page: '/bad' }), click()), end)
    expect(test.refused('refused')).toMatchObject([{ step: 'fails', reason: 'step_error', row: { page: '/bad' } }])
    expect(test.rows('before')).toHaveLength(2)
    expect(test.rows<Click>('out').map(({ page }) => page)).toEqual(['/', '/'])
    expect(test.counts).toMatchObject([{ kept: 2, refused: 1 }])
  })

  it('for want of a time is refused by the step that reads, and moves no watermark', () => {
    const plan = pipeline('late', (p) => void minutesOf(goodRows(p)), { state })
    const test = testPipeline(plan, { watermarks: 'of rows' })
    for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, 1.5, undefined]) {
      test.play(rows(click({ at: wrong as EventTime }), click({ received: wrong as EventTime })))
    }
    expect(test.counts).toMatchObject([{ kept: 0, refused: 8 }])
    expect(test.refused('refused')).toMatchObject(Array.from({ length: 8 }, () => ({ step: 'read:clicks' })))
    expect(test.watermarks).toEqual([null])
    test.play(rows(click({ received: at(5) })))
    expect(test.watermarks).toEqual([at(5)])
  })
})

describe('a flatMap', () => {
  it('that makes nothing of a row drops it, by its name', () => {
    const plan = pipeline('none', (p) =>
      goodRows(p)
        .flatMap('pages', (row) => (row.robot ? [] : [row, row]), { adds: {} })
        .write(rowOutput('out')),
    )
    const test = testPipeline(plan).play(rows(click(), click({ robot: true })), end)
    expect(test.rows('out')).toHaveLength(2)
    expect(test.counts).toMatchObject([{ kept: 1, dropped: { pages: 1 } }])
  })
})

describe('a graph that is restored', () => {
  it('goes on with the state of a step under its former name', () => {
    const named = (name: string, was?: string) =>
      pipeline(
        'renamed',
        (p) =>
          goodRows(p)
            .window(name, fixed('1m'), was === undefined ? {} : { was })
            .groupBy('by-shop', ['shop'])
            .aggregate({ clicks: count() })
            .emit({ on: 'close', panes: 'accumulating' })
            .write(upsertOutput('minutes')),
        { state },
      )
    const seen: number[] = []
    const graphOf = (plan: ReturnType<typeof named>) =>
      createPlanGraph({
        ...{ pipeline: plan, context: {}, states: new Map() },
        output: {
          row: () => {},
          refused: () => {},
          pane: (_, pane) => seen.push((pane as unknown as { values: { clicks: number } }).values.clicks),
        },
      })
    const place = (offset: number) => ({ partition: 0, offset: offset as Offset, index: 0 })
    const before = graphOf(named('minutes'))
    before.process(click(), place(0), 0)
    const after = graphOf(named('by-minute', 'minutes'))
    after.restore([before.snapshot()], () => true)
    after.process(click(), place(1), 0)
    after.advanceWatermark(Number.POSITIVE_INFINITY)
    const stranger = graphOf(named('another'))
    stranger.restore([before.snapshot()], () => true)
    expect(stranger.stateBytes).toBe(0)
    expect(seen).toEqual([2])
  })
})

function failing(row: Click): Click {
  if (row.page === '/bad') throw new Error('no')
  return row
}
