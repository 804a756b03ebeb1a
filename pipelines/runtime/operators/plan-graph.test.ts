import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type EventTime, eventTime } from '../../../core/event-time.ts'
import { count, countIf, sum } from '../../plan/aggregates.ts'
import { pipeline } from '../../plan/builder.ts'
import { type Click, clicks, fixedCount, hoppingDistinct, sessions, stateless } from '../../plan/golden/plans.ts'
import { refusedOutput, rowOutput, upsertOutput } from '../../plan/sinks.ts'
import { fixed } from '../../plan/windows.ts'
import { crash, end, epoch, rescale, rows, type ScriptEvent, watermark } from '../testing/script.ts'
import { testPipeline } from '../testing/test-pipeline.ts'

const noon = eventTime('2026-03-01T12:00:00Z')
const drawnClick = fc.record<Click>({
  shop: fc.constantFrom('a', 'b', 'c'),
  visitor: fc.constantFrom('v', 'w'),
  page: fc.constantFrom('/', '/x'),
  at: fc.integer({ min: 0, max: 7_200 }).map((seconds) => (noon + seconds * 1_000) as EventTime),
  received: fc.constant(noon),
  hash: fc.bigInt({ min: 0n, max: 5n }),
  cents: fc.bigInt({ min: -1n, max: 9n }),
  robot: fc.boolean(),
})
const click = (of: Partial<Click> = {}): Click => ({
  ...{ shop: 'a', visitor: 'v', page: '/', at: noon, received: noon, hash: 1n, cents: 1n, robot: false },
  ...of,
})
const drawnStep: fc.Arbitrary<ScriptEvent> = fc.oneof(
  { weight: 6, arbitrary: fc.array(drawnClick, { maxLength: 5 }).map((of) => rows(...of)) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 7_200 }).map((seconds) => watermark(noon + seconds * 1_000)) },
  { weight: 1, arbitrary: fc.constant(epoch) },
)

describe('a graph', () => {
  it('counts every row once: kept, a duplicate, refused or dropped', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(stateless, fixedCount, hoppingDistinct, sessions),
        fc.array(drawnClick, { maxLength: 60 }),
        (plan, drawn) => {
          const test = testPipeline(plan).play(rows(...drawn), end)
          const [counts] = test.counts
          const dropped = Object.values(counts?.dropped ?? {}).reduce((sums, n) => sums + n, 0)
          const { kept = 0, duplicates = 0, refused = 0 } = counts ?? {}
          expect(kept + duplicates + refused + dropped).toBe(drawn.length)
        },
      ),
    )
  })

  it('gives the same panes when it dies after any event, and goes on in another number of partitions', () => {
    const played = (plan: typeof sessions, script: readonly ScriptEvent[], output: string) =>
      testPipeline(plan, { partitions: 2 })
        .play(...script, end)
        .panes(output)
        .map(text)
        .sort()
    fc.assert(
      fc.property(fc.array(drawnStep, { maxLength: 12 }), fc.nat(12), fc.nat(12), (script, dies, scales) => {
        const broken = script.flatMap((event, n) => [
          event,
          ...(n === dies ? [crash] : []),
          ...(n === scales ? [rescale(5)] : []),
        ])
        for (const [plan, output] of [
          [fixedCount, 'minutes'],
          [hoppingDistinct, 'visitors'],
          [sessions, 'visits'],
        ] as const) {
          expect(played(plan, broken, output)).toEqual(played(plan, script, output))
        }
      }),
      { numRuns: 60 },
    )
  })

  it('hands rows that come too late through the steps of their branch, windows among them', () => {
    const late = pipeline(
      'late',
      (p) => {
        const read = p.read(clicks, {
          eventTime: (row) => row.at,
          watermark: { from: (row) => row.received, delay: '0ms' },
        })
        const { good, bad } = read.split('judge', (row) => ({ to: 'good', row }) as { to: 'good'; row: Click } | Bad, {
          to: { good: 'rows', bad: 'refused' },
        })
        bad.write(refusedOutput('refused'))
        const minutes = good.window('minutes', fixed('1m'))
        minutes
          .groupBy('by-shop', ['shop'])
          .aggregate({ clicks: count(), cents: sum('cents'), robots: countIf('robot') })
          .emit({ on: 'close', panes: 'accumulating' })
          .write(upsertOutput('minutes'))
        minutes.tooLate
          .map('strict', (row) => {
            if (row.page === '/bad') throw new Error('no')
            return row
          })
          .window('late-days', fixed('24h'), { lateness: '48h' })
          .groupBy('late-by-shop', ['shop'])
          .aggregate({ clicks: count() })
          .emit({ on: 'close', panes: 'accumulating' })
          .write(upsertOutput('late-days'))
        minutes.tooLate.write(rowOutput('late-rows'))
      },
      { state: { maxBytes: 1_000_000 } },
    )
    const test = testPipeline(late).play(
      rows(click()),
      watermark(noon + 120_000),
      rows(click({ cents: 5n }), click({ page: '/bad' })),
      epoch,
      crash,
    )
    expect(test.watermarks).toEqual([noon + 120_000])
    test.play(end)
    const clicksOf = (output: string) =>
      test.panes<{ values: { clicks: number } }>(output).map(({ values }) => values.clicks)
    expect(clicksOf('minutes')).toEqual([1])
    expect(clicksOf('late-days')).toEqual([1])
    expect(test.rows('late-rows')).toEqual([click({ cents: 5n })])
    expect(test.refused('refused')).toMatchObject([{ step: 'strict', reason: 'step_error' }])
  })
})

type Bad = { to: 'bad'; row: Click; reason: string }
const text = (pane: unknown) =>
  JSON.stringify(pane, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value))
