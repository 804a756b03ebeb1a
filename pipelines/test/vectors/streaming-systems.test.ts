/**
 * Source: "Streaming Systems", chapter 2; repository takidau/streamingbook, src/test/java/net/streamingbook/BeamModelTest.java
 * (Apache-2.0). Scores are summed in windows of two minutes from 12:00; facts only, in our words.
 */
import { describe, expect, it } from 'vitest'
import { minuteMs } from '../../../core/event-time.ts'
import type { EmitRule, WindowPane } from '../../core/panes.ts'
import { fixed } from '../../core/window/fixed.ts'
import { WindowScript } from './window-script.ts'

const size = 2 * minuteMs

/** Minutes and seconds after 12:00. */
function at(text: string): number {
  const [minutes, seconds] = text.split(':').map(Number)
  return (minutes ?? 0) * minuteMs + (seconds ?? 0) * 1_000
}

type Watermark = 'heuristic' | 'perfect'
type Step = { readonly at: string } & (
  | { readonly score: number; readonly time: string }
  | { readonly watermark: string; readonly of: Watermark | 'both' }
)

/** By processing time. */
const arrivals: readonly Step[] = [
  { at: '04:59', score: 5, time: '00:26' },
  { at: '05:39', score: 7, time: '02:24' },
  { at: '06:00', watermark: '02:00', of: 'heuristic' },
  { at: '06:13', score: 3, time: '03:39' },
  { at: '06:39', score: 4, time: '04:19' },
  { at: '07:06', score: 8, time: '03:06' },
  { at: '07:19', score: 3, time: '06:39' },
  { at: '07:30', watermark: '04:00', of: 'heuristic' },
  { at: '07:40', watermark: '06:00', of: 'heuristic' },
  { at: '08:19', score: 9, time: '01:25' },
  { at: '08:39', watermark: '02:00', of: 'perfect' },
  { at: '08:39', score: 8, time: '07:26' },
  { at: '09:00', score: 1, time: '07:46' },
  { at: '09:00', watermark: '04:00', of: 'perfect' },
  { at: '09:10', watermark: '06:00', of: 'perfect' },
  { at: '09:20', watermark: '08:00', of: 'perfect' },
  { at: '09:30', watermark: '08:30', of: 'heuristic' },
  { at: '10:00', watermark: 'end', of: 'both' },
]

function play(watermark: Watermark | 'none', emit: Partial<EmitRule> = {}, steps = arrivals) {
  const script = new WindowScript(fixed(size), { emit })
  for (const step of steps) {
    script.clock(at(step.at))
    if ('score' in step) script.take(at(step.time), step.score)
    else if (step.of === watermark || step.of === 'both') {
      script.watermark(step.watermark === 'end' ? Number.POSITIVE_INFINITY : at(step.watermark))
    }
  }
  return { panes: script.panes, tooLate: script.tooLate.map(({ value }) => value) }
}

/** Sums by window, W0 first, pane after pane; `timing` of each where it is given. */
function sums(panes: readonly WindowPane<string, string>[]): readonly (readonly number[])[] {
  return [0, 1, 2, 3].map((number) =>
    panes
      .filter(({ window }) => window.start === number * size)
      .map(({ value }) =>
        String(value)
          .split(',')
          .reduce((sum, score) => sum + Number(score), 0),
      ),
  )
}

describe('the scores of Streaming Systems, chapter 2', () => {
  it('give one sum a window where all have come before the watermark does (example 2-2)', () => {
    expect(sums(play('none').panes)).toEqual([[14], [18], [4], [12]])
  })

  it('give a pane for each score, one a row, that grows (example 2-3)', () => {
    const { panes } = play('none', { early: { afterRows: 1 } })
    expect(sums(panes.filter(({ timing }) => timing === 'early'))).toEqual([[5, 14], [7, 10, 18], [4], [3, 11, 12]])
  })

  it('give early panes two minutes after a first score, and one as the watermark passes (example 2-5)', () => {
    const { panes } = play('perfect', { early: { everyMs: 2 * minuteMs } })
    expect(sums(panes)).toEqual([
      [5, 14],
      [18, 18],
      [4, 4],
      [12, 12],
    ])
    expect(panes.map(({ timing }) => timing).filter((timing) => timing === 'on time')).toHaveLength(4)
  })

  it('are all in their on-time panes where the watermark is perfect (example 2-6)', () => {
    const { panes, tooLate } = play('perfect')
    expect(sums(panes)).toEqual([[14], [18], [4], [12]])
    expect(panes.every(({ timing }) => timing === 'on time')).toBe(true)
    expect(tooLate).toEqual([])
  })

  it('lose the nine to the too-late output where the watermark is a guess and no lateness is allowed (example 2-6)', () => {
    const { panes, tooLate } = play('heuristic')
    expect(sums(panes)).toEqual([[5], [18], [4], [12]])
    expect(tooLate).toEqual([9])
  })
})
