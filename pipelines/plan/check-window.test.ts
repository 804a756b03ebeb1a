/** Windows that would go wrong are refused, with the step and what would happen. */
import { describe, expect, it } from 'vitest'
import { InvalidPlanError } from '../../core/errors.ts'
import { windowsPerRowMax } from '../core/window/hopping.ts'
import { avg, first, sum } from './aggregates.ts'
import { built, changed, closed, counted, type Refusals, set } from './check-under-test.ts'
import { fixedCount, sessions } from './golden/plans.ts'
import { paneOutput, rowOutput } from './sinks.ts'
import { calendar, fixed, hopping, session } from './windows.ts'

const refusals: Refusals = [
  // ---- windows
  [
    'a session without a longest length',
    () => built((rows) => closed(rows.window('w', session('30m', {} as never)))),
    'a key that never pauses would keep one window, and its state, for ever',
  ],
  [
    'a session cut before its pause',
    () => built((rows) => closed(rows.window('w', session('30m', { atMost: '10m' })))),
    "'w' is cut at 10m, before its pause of 30m could end it",
  ],
  [
    'hops that leave holes',
    () => built((rows) => closed(rows.window('w', hopping('1m', { every: '2m' })))),
    'begins every 2m and ends after 1m: rows between two windows would be in none',
  ],
  [
    'hops that put each row into too many windows',
    () => built((rows) => closed(rows.window('w', hopping('24h', { every: '59s' })))),
    `puts each row into 1465 windows, at most ${windowsPerRowMax}`,
  ],
  [
    'windows of no length',
    () => built((rows) => closed(rows.window('w', fixed('0s')))),
    "'w' has sizeMs of 0; a whole number of milliseconds above 0 is needed",
  ],
  [
    'an offset of a whole window',
    () => built((rows) => closed(rows.window('w', fixed('1m', { offset: '1m' })))),
    "'w' has an offset of 1m; below 1m says the same",
  ],
  [
    'a first weekday of months',
    () =>
      built((rows) => closed(rows.window('w', calendar('month', { zone: () => 'UTC', weekStart: 'sunday' } as never)))),
    'a month has no first day of the week',
  ],
  [
    'a lateness that is no duration',
    () => built((rows) => closed(rows.window('w', fixed('1m'), { lateness: 'a while' as never }))),
    "'a while' is not a duration",
  ],
  ['a negative lateness', changed(fixedCount.plan, set('by-minute', { lateness: -1 })), 'has a lateness of -1 ms'],
  [
    'a calendar without a zone',
    changed(fixedCount.plan, set('by-minute', { assign: { kind: 'calendar', unit: 'day' } })),
    "'by-minute' names no zone",
  ],
  [
    'too late rows where none ever is',
    () =>
      built((rows) => {
        const windows = rows.window('w', fixed('1m'), { lateness: 'unbounded' })
        windows.tooLate.write(rowOutput('late'))
        counted(windows).emit({ every: 'epoch', panes: 'discarding' }).write(paneOutput('panes'))
      }),
    'with unbounded lateness no row is ever too late',
  ],
  [
    'a window that is never grouped',
    () => built((rows) => rows.window('w', fixed('1m'))),
    "'w' has no groupBySets or groupBy after it",
  ],
  [
    'a window with two readers',
    () =>
      built((rows) => {
        const windows = rows.window('w', fixed('1m'))
        closed(windows)
        windows.groupBySets('more', { total: [] })
      }),
    "'w' is read by 'key' and 'more'; give each a window of its own",
  ],
  // ---- groups
  [
    'groups without a window',
    () => built((rows) => rows.groupBy('g', ['shop'])),
    "'g' has no window before or after it: its state would never end",
  ],
  [
    'groups without the partition key',
    () =>
      built((rows) =>
        closed({ groupBy: () => rows.window('w', fixed('1m')).groupBy('key', ['page'] as never) } as never),
      ),
    "'key' needs 'shop' among its columns: state is local",
  ],
  ['groups by no column', () => built((rows) => rows.groupBy('g', [] as never)), "'g' groups by no column"],
  [
    'groups by a column twice',
    () => built((rows) => rows.groupBy('g', ['shop', 'shop'])),
    "'g' groups twice by 'shop'",
  ],
  [
    'groups by a column that is not there',
    () => built((rows) => rows.groupBy('g', ['shop', 'colour'] as never)),
    "reads column 'colour', which its rows do not have",
  ],
  [
    'a window of groups that is grouped again',
    changed(sessions.plan, (steps) => {
      const at = steps.findIndex(({ kind }) => kind === 'aggregate')
      steps.splice(at, 0, { kind: 'groupBy', name: 'again', after: 'visit', columns: null, by: ['shop'] })
    }),
    "(groupBy) cannot come after 'visit', which gives windows of groups",
  ],
  // ---- aggregates
  [
    'an aggregate of a column that is not there',
    () =>
      built((rows) =>
        rows
          .window('w', fixed('1m'))
          .groupBy('g', ['shop'])
          .aggregate({ n: sum('colour' as never) }),
      ),
    "reads column 'colour', which its rows do not have",
  ],
  [
    'no aggregates',
    () => built((rows) => rows.window('w', fixed('1m')).groupBy('g', ['shop']).aggregate({})),
    "'g.aggregate' has no aggregates",
  ],
  [
    'aggregates that never come out',
    () => built((rows) => counted(rows.window('w', fixed('1m')))),
    "'key.aggregate' never emits; add .emit",
  ],
  [
    'the first row of parts',
    () =>
      built((rows) =>
        rows
          .window('w', fixed('1m'), { lateness: '1m' })
          .groupBy('g', ['shop'])
          .aggregate({ a: first('page') })
          .emit({ on: 'close', panes: 'discarding' })
          .write(paneOutput('p')),
      ),
    "'a' asks for the first row, which a part of the rows cannot know",
  ],
  [
    'an average of parts',
    () =>
      built((rows) =>
        rows
          .window('w', fixed('1m'))
          .groupBy('g', ['shop'])
          .aggregate({ a: avg('cents') })
          .emit({ on: 'close', early: { afterRows: 2 }, panes: 'discarding' })
          .write(paneOutput('p')),
      ),
    "'a' is an average of a part of the rows, and averages cannot be added",
  ],
]

describe('a plan is refused', () => {
  it.each(refusals)('with %s', (_, build, message) => {
    expect(build).toThrow(InvalidPlanError)
    expect(build).toThrow(message)
  })
})
