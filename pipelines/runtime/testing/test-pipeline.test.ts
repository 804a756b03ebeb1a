import { describe, expect, it } from 'vitest'
import { type EventTime, eventTime } from '../../../core/event-time.ts'
import { type Click, fixedCount, hoppingDistinct, sessions, stateless } from '../../plan/golden/plans.ts'
import { crash, end, epoch, processingTime, rescale, rows, watermark } from './script.ts'
import { testPipeline } from './test-pipeline.ts'

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

  it('names the outputs there are', () => {
    expect(() => testPipeline(fixedCount).rows('hours')).toThrow(/too-late, minutes|minutes/)
  })
})

const replacer = (_: string, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)
const sorted = (panes: readonly unknown[]) => panes.map((pane) => JSON.stringify(pane, replacer)).sort()
