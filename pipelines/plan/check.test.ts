/** Every mistake is refused when the plan is built or read, with the step and what would go wrong. */
import { describe, expect, it } from 'vitest'
import { InvalidPlanError } from '../../core/errors.ts'
import { hitsPipeline } from '../jobs/hits.ts'
import { avg, count, first, sum } from './aggregates.ts'
import { type PipelineBuilder, pipeline, type Rows } from './builder.ts'
import { checkPlan, planMaxSteps } from './check.ts'
import { stepNameMaxLength } from './check-names.ts'
import { windowsPerRowMax } from './check-window.ts'
import type { PipelineOptions } from './draft.ts'
import { type Click, clicks, fixedCount, hoppingDistinct, sessions, stateless } from './golden/plans.ts'
import type { Plan, PlanStep } from './node/step.ts'
import { paneOutput, refusedOutput, rowOutput, upsertOutput } from './sinks.ts'
import { calendar, fixed, hopping, session } from './windows.ts'

type Clicks = Rows<object, Click, 'shop'>
const limited: PipelineOptions = { state: { maxBytes: 1e9 } }

/** A plan that is right but for what `change` makes of its rows. */
const built = (change: (rows: Clicks, p: PipelineBuilder<object>) => unknown, options = limited) =>
  pipeline(
    'clicks',
    (p) => {
      const read = p.read(clicks, { eventTime: (row) => row.at, watermark: { from: (row) => row.at, delay: '1m' } })
      const { good, bad } = read.split('judge', judge, { to: { good: 'rows', bad: 'refused' } })
      bad.write(refusedOutput('refused'))
      change(good, p)
    },
    options,
  )
const judge = (row: Click) =>
  row.robot ? ({ to: 'bad', row, reason: 'robot' } as const) : ({ to: 'good', row } as const)

const kept = (rows: Clicks) => rows.write(rowOutput('rows'))
type Windowed = ReturnType<Clicks['window']>
const counted = (windows: Windowed) => windows.groupBy('key', ['shop', 'page']).aggregate({ n: count() })
const onClose = { on: 'close', panes: 'accumulating' } as const
const closed = (windows: Windowed) => counted(windows).emit(onClose).write(upsertOutput('panes'))

/** A plan with its steps changed, and checked. */
const changed = (plan: Plan, change: (steps: PlanStep[]) => unknown, more: Partial<Plan> = {}) => {
  const steps = structuredClone(plan.steps) as PlanStep[]
  change(steps)
  return () => checkPlan({ ...plan, ...more, steps })
}
const set = (name: string, parts: object) => (steps: PlanStep[]) => {
  const found = steps.find((step) => step.name === name)
  if (found === undefined) throw new RangeError(`no step '${name}'`)
  Object.assign(found, parts)
}

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

  const refusals: readonly (readonly [string, () => unknown, string])[] = [
    // ---- names
    [
      'a name with a space',
      () => built((rows) => kept(rows.filter('no robots', () => true))),
      "'no robots' has 'no robots' for a name",
    ],
    [
      'a name with a slash, of which objects are named',
      () => built((rows) => kept(rows.filter('a/b', () => true))),
      "has 'a/b' for a name",
    ],
    [
      'a name with a dot, as branches have it',
      () => built((rows) => kept(rows.filter('judge.good', () => true))),
      "has 'judge.good' for a name",
    ],
    [
      'a name that is too long',
      () => built((rows) => kept(rows.filter('a'.repeat(stepNameMaxLength + 1), () => true))),
      'has a name of 65 characters, at most 64',
    ],
    [
      'a branch with a name that nobody can write',
      () => built((rows) => rows.split('s', (row) => ({ to: '', row }) as const, { to: { '': 'rows' } })),
      "'s' has '' for a name",
    ],
    [
      'a pipeline with a name that nobody can write',
      changed(stateless.plan, () => {}, { name: 'my plan' }),
      "'my plan' has 'my plan' for a name",
    ],
    [
      'one name for two steps',
      () => built((rows) => kept(rows.filter('same', () => true).map('same', (row) => row))),
      "'same' is the name of two steps",
    ],
    // ---- what it was called
    [
      'a step that was itself',
      () => built((rows) => kept(rows.filter('a', () => true, { was: 'a' }))),
      'says that it was called what it is called',
    ],
    [
      'a step that was another one of the plan',
      () => built((rows) => kept(rows.filter('a', () => true).filter('b', () => true, { was: 'a' }))),
      "'b' says that it was 'a', which is another step",
    ],
    [
      'two steps that were one',
      () => built((rows) => kept(rows.filter('a', () => true, { was: 'old' }).filter('b', () => true, { was: 'old' }))),
      "'b' says that it was 'old', and so does 'a'",
    ],
    [
      'a step that was the same twice',
      () => built((rows) => kept(rows.filter('a', () => true, { was: ['old', 'old'] }))),
      "says twice that it was 'old'",
    ],
    // ---- order
    [
      'a circle',
      changed(stateless.plan, set('no-robots', { after: 'no-robots' })),
      "'no-robots' comes after itself: rows would go round",
    ],
    [
      'a circle over two steps',
      changed(stateless.plan, set('judge', { after: 'no-robots' })),
      "'judge' comes after 'no-robots', which is not above it",
    ],
    [
      'a branch that is not',
      changed(stateless.plan, set('no-robots', { after: 'judge.ugly' })),
      "'judge' has no such branch",
    ],
    [
      'what stands behind a split and not behind a branch',
      changed(stateless.plan, set('no-robots', { after: 'judge' })),
      'which gives rows by its branches only',
    ],
    [
      'a step behind nothing',
      changed(stateless.plan, set('no-robots', { after: null })),
      "'no-robots' comes after nothing",
    ],
    [
      'a feed read behind a step',
      changed(stateless.plan, (steps) => steps.push({ ...steps[0], name: 'read:more', after: 'all' } as PlanStep)),
      'reads more than one feed',
    ],
    [
      'more steps than anybody writes',
      () =>
        built((rows) =>
          kept(
            Array.from({ length: planMaxSteps }).reduce<Clicks>((all, _, n) => all.filter(`f${n}`, () => true), rows),
          ),
        ),
      `has ${planMaxSteps + 4} steps, at most ${planMaxSteps}`,
    ],
    [
      'a map of windows',
      changed(fixedCount.plan, (steps) => Object.assign(steps[5] as object, { kind: 'map', uses: [], code: 'x' })),
      "(map) cannot come after 'by-minute', which gives windows",
    ],
    [
      'a dedupe of panes',
      changed(fixedCount.plan, (steps) =>
        steps.push({
          kind: 'dedupe',
          name: 'd',
          after: 'by-page.emit',
          columns: null,
          key: ['shop', 'page'],
          withinMs: 1,
        }),
      ),
      "(dedupe) cannot come after 'by-page.emit', which gives panes",
    ],
    // ---- lambdas
    [
      'an asynchronous lambda',
      () => built((rows) => kept(rows.filter('a', (async () => true) as never))),
      "'a' is given an asynchronous function; steps are synchronous",
    ],
    ['a generator', () => built((rows) => rows.flatMap('a', function* () {} as never)), "'a' is given a generator"],
    ['no function', () => built((rows) => kept(rows.map('a', undefined as never))), "'a' is given no function"],
    [
      'a function whose source is hidden',
      () => built((rows) => kept(rows.filter('a', (() => true).bind(null)))),
      'a change of it would go unseen',
    ],
    [
      'an event time that is no function',
      () =>
        pipeline('p', (p) =>
          p.read(clicks, { eventTime: 'at' as never, watermark: { from: (row) => row.at, delay: '1m' } }),
        ),
      "'read:clicks' is given no function",
    ],
    // ---- rows
    [
      'a branch that nothing reads',
      () => built(() => {}),
      "gives rows as 'judge.good' that nothing reads: they would vanish",
    ],
    [
      'a map that nothing reads',
      () => built((rows) => rows.flatMap('a', (row) => [row])),
      "gives rows as 'a' that nothing reads",
    ],
    ['a union of one', () => built((rows) => kept(rows.union('u', []))), "'u' joins nothing to its rows"],
    ['a union with itself', () => built((rows) => kept(rows.union('u', [rows]))), 'its rows would count twice'],
    [
      'a union over two pipelines',
      () => built((rows) => built((other) => kept(other.union('u', [rows])))),
      "'u' joins rows of another pipeline",
    ],
    [
      'a dedupe without the partition key',
      () => built((rows) => kept(rows.dedupe('d', { key: ['page', 'visitor'] as never, within: '1m' }))),
      'state is local to a partition of',
    ],
    [
      'a dedupe by a column that is not there',
      () => built((rows) => kept(rows.dedupe('d', { key: ['shop', 'id'] as never, within: '1m' }))),
      "reads column 'id', which its rows do not have",
    ],
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
        built((rows) =>
          closed(rows.window('w', calendar('month', { zone: () => 'UTC', weekStart: 'sunday' } as never))),
        ),
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
    // ---- emission
    [
      'panes on close of windows that never go',
      () => built((rows) => closed(rows.window('w', fixed('1m'), { lateness: 'unbounded' }))),
      "'w' has unbounded lateness, so no window could ever be forgotten, and accumulating panes on close would keep state for ever",
    ],
    [
      'panes that grow over epochs',
      () =>
        built((rows) =>
          counted(rows.window('w', fixed('1m')))
            .emit({ every: 'epoch', panes: 'accumulating' } as never)
            .write(upsertOutput('p') as never),
        ),
      'nothing is kept between epochs that could grow',
    ],
    [
      'late panes where nothing is late',
      () =>
        built((rows) =>
          counted(rows.window('w', fixed('1m')))
            .emit({ ...onClose, late: 'each' })
            .write(upsertOutput('p')),
        ),
      "'key.emit' emits late panes, but 'w' has no lateness",
    ],
    [
      'early panes after no rows',
      () =>
        built((rows) =>
          counted(rows.window('w', fixed('1m')))
            .emit({ ...onClose, early: { afterRows: 0 } })
            .write(upsertOutput('p')),
        ),
      'emits early after nothing',
    ],
    [
      'early panes after no time',
      () =>
        built((rows) =>
          counted(rows.window('w', fixed('1m')))
            .emit({ ...onClose, early: { every: '0s' } })
            .write(upsertOutput('p')),
        ),
      'emits early after nothing',
    ],
    [
      'late panes after half a row',
      () =>
        built((rows) =>
          counted(rows.window('w', fixed('1m'), { lateness: '1m' }))
            .emit({ ...onClose, late: { afterRows: 0.5 } })
            .write(upsertOutput('p')),
        ),
      'emits late after 0.5 rows',
    ],
    [
      'sessions that nothing remembers',
      () =>
        built((rows) =>
          counted(rows.window('w', session('30m', { atMost: '1h' }), { lateness: 'unbounded' }))
            .emit({ every: 'epoch', panes: 'discarding' })
            .write(paneOutput('p')),
        ),
      'pauses are found over many epochs',
    ],
    [
      'parts of sessions that may merge',
      () =>
        built((rows) =>
          counted(rows.window('w', session('30m', { atMost: '1h' }), { lateness: '1m' }))
            .emit({ on: 'close', panes: 'discarding' })
            .write(paneOutput('p')),
        ),
      'emits parts of windows that may still merge',
    ],
    [
      'panes that go nowhere',
      () => built((rows) => counted(rows.window('w', fixed('1m'))).emit(onClose)),
      "'key.emit' is written nowhere",
    ],
    // ---- sinks
    [
      'growing panes for a sink that adds',
      () =>
        built((rows) =>
          counted(rows.window('w', fixed('1m')))
            .emit(onClose)
            .write(paneOutput('p') as never),
        ),
      'every pane would count all before it again',
    ],
    [
      'parts for a sink that replaces',
      () =>
        built((rows) =>
          counted(rows.window('w', fixed('1m')))
            .emit({ on: 'close', panes: 'discarding' })
            .write(upsertOutput('p') as never),
        ),
      'the last part would stand for the whole',
    ],
    [
      'panes for a sink of rows',
      () =>
        built((rows) =>
          counted(rows.window('w', fixed('1m')))
            .emit(onClose)
            .write(rowOutput('p') as never),
        ),
      "'output:p' takes rows, but gets panes",
    ],
    [
      'rows for a sink of panes',
      () => built((rows) => rows.write(upsertOutput('p') as never)),
      "'output:p' takes panes, but gets rows of 'judge.good'",
    ],
    [
      'two sinks of one name',
      () => built((rows) => kept(rows.write(rowOutput('rows')))),
      "'output:rows' is the name of two steps",
    ],
    [
      'outputs in a job',
      changed(hitsPipeline.plan, (steps) =>
        steps.push({ kind: 'collect', name: 'output:x', after: 'enrich', columns: null, output: 'x', takes: 'rows' }),
      ),
      'hands rows to whoever runs the plan, which no job of a server does',
    ],
    [
      'two sinks of what failed',
      changed(stateless.plan, (steps) =>
        steps.push({
          kind: 'collect',
          name: 'output:x',
          after: 'judge.bad',
          columns: null,
          output: 'x',
          takes: 'refused',
        }),
      ),
      'needs one failed sink',
    ],
    // ---- state
    [
      'state without a limit',
      () => built((rows) => closed(rows.window('w', fixed('1m'))), {}),
      "'w' keeps 1 aggregates of each open window for each (shop, page), about 168 bytes a key, without a limit; say state: { maxBytes }",
    ],
    [
      'a limit that one key does not fit',
      () =>
        built((rows) => closed(rows.window('w', hopping('10m', { every: '1s' }))), { state: { maxBytes: 100_000 } }),
      "'w' needs about 100800 bytes a key, and all state is limited to 100000",
    ],
    ['a limit of nothing', () => built(kept, { state: { maxBytes: 0 } }), "'clicks' limits its state to 0 bytes"],
    // ---- the feed and validators
    [
      'a watermark from the future',
      changed(stateless.plan, set('read:clicks', { watermarkDelayMs: -1 })),
      'has a watermark -1 ms behind',
    ],
    [
      'a partition key that rows do not have',
      changed(stateless.plan, set('read:clicks', { partitionKey: 'merchant' })),
      "reads column 'merchant', which its rows do not have",
    ],
    [
      'what is no validator',
      () => built((rows) => rows.validate('v', {} as never, { version: '1' })),
      "'v' is given no schema",
    ],
    [
      'an asynchronous validator',
      () =>
        built((rows) =>
          rows.validate(
            'v',
            { '~standard': { version: 1, vendor: 'x', validate: async () => ({ value: 1 }) } },
            { version: '1' },
          ),
        ),
      "'v' has an asynchronous schema",
    ],
    [
      'a validator of no version',
      () =>
        built((rows) => {
          const { passed, refused } = rows.validate(
            'v',
            { '~standard': { version: 1, vendor: 'x', validate: (value) => ({ value }) } },
            { version: '' },
          )
          passed.write(rowOutput('p'))
          refused.write(refusedOutput('r'))
        }),
      "'v' names no version of its schema",
    ],
  ]

  it.each(refusals)('with %s', (_, build, message) => {
    expect(build).toThrow(InvalidPlanError)
    expect(build).toThrow(message)
  })
})
