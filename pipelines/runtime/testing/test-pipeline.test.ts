import { describe, expect, it } from 'vitest'
import { type EventTime, eventTime } from '../../../core/event-time.ts'
import { count, max, sum } from '../../plan/aggregates.ts'
import { pipeline } from '../../plan/builder.ts'
import {
  type Click,
  clicks as feedOfClicks,
  fixedCount,
  hoppingDistinct,
  sessions,
  stateless,
} from '../../plan/golden/plans.ts'
import { upsertOutput } from '../../plan/sinks.ts'
import { fixed } from '../../plan/windows.ts'
import { crash, end, epoch, processingTime, rescale, rows, upgrade, watermark } from './script.ts'
import { type PipelineTest, testPipeline } from './test-pipeline.ts'

const noon = eventTime('2026-03-01T12:00:00Z')
const at = (seconds: number) => (noon + seconds * 1_000) as EventTime

function click(seconds: number, of: Partial<Click> = {}): Click {
  const time = at(seconds)
  const base = { shop: 'a', visitor: 'v', page: '/', at: time, received: time, hash: 1n, cents: 100n, robot: false }
  return { ...base, ...of }
}

describe('a pipeline under test', () => {
  it('hands on rows, more of one, of several branches as one, and refuses what its steps refuse', () => {
    const test = testPipeline(stateless).play(
      rows(click(0, { page: '/x' }), click(1, { cents: -1n }), click(2, { robot: true }), click(3, { cents: 0n })),
      end,
    )
    expect(test.rows<{ page: string }>('rows').map(({ page }) => page)).toEqual(['/x', '', '/x', '/', ''])
    expect(test.refused('refused')).toMatchObject([{ step: 'judge', reason: 'negative_amount' }])
    expect(test.counts).toMatchObject([{ kept: 2, refused: 1, dropped: { 'no-robots': 1 } }])
  })

  it('gives early, on-time and late panes with their numbers, and rows that come too late apart', () => {
    const test = testPipeline(fixedCount).play(
      processingTime(at(0)),
      rows(click(10)),
      processingTime(at(10)),
      rows(click(20)),
      watermark(at(60)),
      rows(click(30)),
      watermark(at(3_660)),
      rows(click(40)),
      end,
    )
    const panes = test.panes<{ timing: string; number: number; values: { clicks: number } }>('minutes')
    expect(panes.map(({ timing, number, values }) => [timing, number, values.clicks])).toEqual([
      ['early', 0, 1],
      ['on time', 1, 2],
      ['late', 2, 3],
    ])
    expect(test.rows('too-late')).toEqual([click(40)])
    expect(test.counts[0]?.tooLate).toEqual({ 'by-minute': 1 })
  })

  it('loses and doubles nothing in a crash, and goes on in any number of partitions', () => {
    const clicks = Array.from({ length: 60 }, (_, n) =>
      click(n * 7, { shop: `shop-${n % 5}`, visitor: `v${n % 3}`, hash: BigInt(n % 4) }),
    )
    for (const [plan, output] of [
      [fixedCount, 'minutes'],
      [hoppingDistinct, 'visitors'],
      [sessions, 'visits'],
    ] as const) {
      const [first, second, third] = [clicks.slice(0, 20), clicks.slice(20, 40), clicks.slice(40)].map((each) =>
        rows(...each),
      ) as [ReturnType<typeof rows>, ReturnType<typeof rows>, ReturnType<typeof rows>]
      const whole = testPipeline(plan).play(first, second, third, end).panes(output)
      const broken = testPipeline(plan, { partitions: 3 })
        .play(first, epoch, crash, second, crash, rescale(2), third, crash, rescale(5), end)
        .panes(output)
      expect(sorted(broken)).toEqual(sorted(whole))
      expect(whole.length).toBeGreaterThan(3)
    }
  })

  it('refuses a row whose column has the wrong kind of value before anything of it counts', () => {
    const wrong = { ...click(5), cents: 'much' as unknown as bigint }
    const test = testPipeline(fixedCount).play(rows(click(0), wrong), end)
    expect(test.refused('refused')).toMatchObject([{ step: 'by-minute', reason: 'step_error' }])
    expect(test.panes<{ values: { clicks: number } }>('minutes').map(({ values }) => values.clicks)).toEqual([1])
  })

  it('takes no row at the limit of state, and takes it again when windows have gone', () => {
    const test = testPipeline(fixedCount, { stateMaxBytes: 2_000 })
    const fill = () => {
      for (let n = 0; n < 100; n++) test.play(rows(click(n, { page: `/${n}` })))
    }
    expect(fill).toThrow(/STATE|state/)
    test.play(watermark(Number.POSITIVE_INFINITY))
    expect(test.stateBytes).toBe(0)
  })

  describe('under a later version', () => {
    const values = {
      clicks: { clicks: count() },
      more: { cents: sum('cents'), clicks: count(), page: max('page') },
      others: { page: max('page'), cents: sum('cents') },
      wrong: { clicks: max('page') },
    }
    interface Change {
      readonly was?: string
      readonly of?: keyof typeof values
      readonly size?: '5m'
    }
    const minutesBy = (name: string, change: Change = {}) => {
      const { was, of = 'clicks', size = '1m' } = change
      return pipeline(
        'minutes',
        (p) => {
          const grouped = p
            .read(feedOfClicks, {
              eventTime: (row) => row.at,
              watermark: { from: (row) => row.received, delay: '10s' },
            })
            .dedupe(`once-${name}`, { key: ['shop', 'visitor'], within: '1h', ...(was && { was: `once-${was}` }) })
            .window(name, fixed(size), was === undefined ? {} : { was })
            .groupBy('by-shop', ['shop'])
          grouped
            .aggregate(values[of] as typeof values.clicks)
            .emit({ on: 'close', panes: 'accumulating' })
            .write(upsertOutput(`of-${name}`))
        },
        { state: { maxBytes: 1_000_000 } },
      )
    }
    const begun = () => testPipeline(minutesBy('a'), { partitions: 2 }).play(rows(click(1), click(2, { shop: 'b' })))
    const clicksOf = (test: PipelineTest, output: string) =>
      test
        .panes<{ key: { shop: string }; values: { clicks: number } }>(output)
        .map(({ key, values }) => [key.shop, values.clicks])

    it('goes on with the state of steps, renamed ones too, and is what a crash goes back to', () => {
      const test = begun().play(
        upgrade(minutesBy('b', { was: 'a' })),
        rows(click(3), click(4, { visitor: 'w' })),
        crash,
        end,
      )
      expect(clicksOf(test, 'of-b').sort()).toEqual([
        ['a', 2],
        ['b', 1],
      ])
      expect(test.counts.map(({ duplicates }) => duplicates).sort()).toEqual([0, 1])
      expect(clicksOf(test, 'of-a')).toEqual([])
    })

    it('has each aggregate by its name: new ones count from then on, others are left out', () => {
      const test = begun()
        .play(upgrade(minutesBy('a', { of: 'more' })), rows(click(3, { visitor: 'w', page: '/x' })))
        .play(upgrade(minutesBy('a', { of: 'others' })), crash, end)
      const given = test.panes<{ key: { shop: string }; rows: number; values: unknown }>('of-a')
      expect(given.map(({ key, rows: read, values: of }) => [key.shop, read, of]).sort()).toEqual([
        ['a', 2, { page: '/x', cents: 100n }],
        ['b', 1, { page: null, cents: 0n }],
      ])
    })

    it('drops open windows where it has others, as diffPlans says', () => {
      const test = begun().play(upgrade(minutesBy('a', { size: '5m' })), rows(click(3, { visitor: 'w' })), end)
      expect(clicksOf(test, 'of-a')).toEqual([['a', 1]])
    })

    it.each([
      ['that has lost steps with state', minutesBy('b'), /has saved state in 'minutes', but the plan has no such step/],
      [
        'that keeps its windows in another way',
        minutesBy('a', { of: 'wrong' }),
        /cannot go on from what is saved: 'by-shop.aggregate', aggregate 'clicks'/,
      ],
    ])('%s is refused, and the one before goes on', (_, version, message) => {
      const test = begun()
      expect(() => test.play(upgrade(version))).toThrow(message)
      expect(clicksOf(test.play(end), 'of-a').sort()).toEqual([
        ['a', 1],
        ['b', 1],
      ])
    })
  })

  it('names the outputs there are', () => {
    expect(() => testPipeline(fixedCount).rows('hours')).toThrow(/too-late, minutes|minutes/)
  })
})

const replacer = (_: string, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)
const sorted = (panes: readonly unknown[]) => panes.map((pane) => JSON.stringify(pane, replacer)).sort()
