/** Whatever a plan is and however its rows come, sinks hold the same in the end. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { testLength } from '../../../core/test/length.ts'
import { crash, end, epoch, rescale, rows, type ScriptEvent, watermark } from '../../runtime/testing/script.ts'
import { testPipeline } from '../../runtime/testing/test-pipeline.ts'
import { drawnClicks, drawnPlan, heldOf, planOf, type Sums } from './plans-under-test.ts'

const runs = { numRuns: testLength('PLANS_TEST_RUNS', { short: 30, full: 300 }) }

/** All rows at once, of one partition. */
const whole = (plan: ReturnType<typeof planOf>, drawn: readonly unknown[]) =>
  heldOf(testPipeline(plan).play(rows(...drawn), end))

describe('a plan with windows', () => {
  it('holds the same in whatever order rows come, in one partition, two and seven', () => {
    fc.assert(
      fc.property(drawnPlan, drawnClicks, fc.constantFrom(1, 2, 7), fc.nat(), (drawn, clicks, partitions, seed) => {
        const plan = planOf(drawn, 'accumulating')
        const shuffled = clicks.toSorted((a, b) => mixed(a.at, seed) - mixed(b.at, seed))
        const test = testPipeline(plan, { partitions }).play(...shuffled.map((click) => rows(click)), end)
        expect([...heldOf(test)]).toEqual([...whole(plan, clicks)])
        expect(test.stateBytes).toBe(0)
      }),
      runs,
    )
  })

  it('holds the same when it dies after every event, and goes from three partitions to two and to five', () => {
    fc.assert(
      fc.property(drawnPlan, drawnClicks, fc.nat(40), fc.nat(40), (drawn, clicks, two, five) => {
        const plan = planOf(drawn, 'accumulating')
        const script = clicks.flatMap((click, n): readonly ScriptEvent[] => [
          rows(click),
          crash,
          ...(n % 4 === 0 ? [epoch, crash] : []),
          ...(n === two ? [rescale(2)] : []),
          ...(n === five ? [rescale(5)] : []),
        ])
        const test = testPipeline(plan, { partitions: 3 }).play(...script, end, crash)
        expect([...heldOf(test)]).toEqual([...whole(plan, clicks)])
      }),
      runs,
    )
  }, 240_000)

  it('holds the same as a stream that closes windows as it goes, where no row is too late', () => {
    fc.assert(
      fc.property(drawnPlan, drawnClicks, (drawn, clicks) => {
        const plan = planOf(drawn, 'accumulating')
        const inOrder = clicks.toSorted((a, b) => a.at - b.at)
        const test = testPipeline(plan, { watermarks: 'of rows', partitions: 2 }).play(rows(...inOrder), end)
        expect([...heldOf(test)]).toEqual([...whole(plan, clicks)])
        expect(test.counts.flatMap(({ tooLate }) => Object.values(tooLate))).toEqual([0, 0])
      }),
      runs,
    )
  })

  it('says in discarding panes, together, what accumulating ones hold', () => {
    const kept = drawnPlan.filter(({ window }) => window !== 'session')
    fc.assert(
      fc.property(kept, drawnClicks, (drawn, clicks) => {
        const inOrder = clicks.toSorted((a, b) => a.at - b.at)
        const script = inOrder.flatMap((click) => [rows(click), watermark(click.at)])
        const parts = heldOf(testPipeline(planOf(drawn, 'discarding')).play(...script, end))
        const all = heldOf(testPipeline(planOf(drawn, 'accumulating')).play(...script, end))
        expect([...parts]).toEqual([...all].map(([name, values]) => [name, sumsOf(values)]))
      }),
      runs,
    )
  })
})

/** Any order, always the same one. */
function mixed(time: number, seed: number): number {
  return ((time / 1_000) * 7_919 + (seed % 1_000) * 104_729 * ((time / 1_000) % 97)) % 10_007
}

function sumsOf(values: string): string {
  const { rows: read, clicks, cents } = JSON.parse(values) as Record<keyof Sums, unknown>
  return JSON.stringify({ rows: read, clicks, cents })
}
