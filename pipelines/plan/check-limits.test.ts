/** What is right is not refused, up to each limit. */
import { describe, expect, it } from 'vitest'
import { hitsPipeline } from '../jobs/hits.ts'
import { avg, first } from './aggregates.ts'
import { checkPlan, planMaxSteps } from './check.ts'
import { stepNameMaxLength } from './check-names.ts'
import { built, type Clicks, closed, kept } from './check-under-test.ts'
import { fixedCount, hoppingDistinct, sessions, stateless } from './golden/plans.ts'
import { paneOutput } from './sinks.ts'
import { fixed, hopping, session } from './windows.ts'

describe('a plan is refused', () => {
  it('not as it is', () => {
    for (const { plan } of [hitsPipeline, stateless, fixedCount, hoppingDistinct, sessions]) {
      expect(() => checkPlan(plan)).not.toThrow()
    }
    expect(() => built((rows) => closed(rows.window('w', fixed('1m'))))).not.toThrow()
  })

  it.each([
    [
      'a name of the longest length',
      () => built((rows) => kept(rows.filter('a'.repeat(stepNameMaxLength), () => true))),
    ],
    [
      'as many steps as there may be',
      () =>
        built((rows) => {
          const more = Array.from({ length: planMaxSteps - 4 })
          kept(more.reduce<Clicks>((all, _, n) => all.filter(`f${n}`, () => true), rows))
        }),
    ],
    ['windows that hop by their size', () => built((rows) => closed(rows.window('w', hopping('1m', { every: '1m' }))))],
    [
      'a row in as many windows as it may be',
      () => built((rows) => closed(rows.window('w', hopping('24h', { every: '1m' })))),
    ],
    ['a session cut at its pause', () => built((rows) => closed(rows.window('w', session('30m', { atMost: '30m' }))))],
    [
      'a limit that one key just fits',
      () => built((rows) => closed(rows.window('w', fixed('1m'))), { state: { maxBytes: 168 } }),
    ],
    [
      'the first row of windows that give one pane',
      () =>
        built((rows) =>
          rows
            .window('w', fixed('1m'))
            .groupBy('g', ['shop'])
            .aggregate({ a: first('page'), b: avg('cents') })
            .emit({ on: 'close', panes: 'discarding' })
            .write(paneOutput('p')),
        ),
    ],
    [
      'late panes where windows go, where nothing is said of them',
      () => built((rows) => closed(rows.window('w', fixed('1m'), { lateness: '1m' }))),
    ],
    [
      'one earlier name that is the name of no step',
      () => built((rows) => kept(rows.filter('a', () => true, { was: ['c', 'b'] }))),
    ],
  ])('not with %s', (_, build) => {
    expect(build).not.toThrow()
  })
})
