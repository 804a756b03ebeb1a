/** Every mistake is refused when the plan is built or read, with the step and what would go wrong: names, order, rows. */
import { describe, expect, it } from 'vitest'
import { InvalidPlanError } from '../../core/errors.ts'
import { pipeline } from './builder.ts'
import { planMaxSteps } from './check.ts'
import { stepNameMaxLength } from './check-names.ts'
import { built, type Clicks, changed, kept, type Refusals, set } from './check-under-test.ts'
import { clicks, fixedCount, stateless } from './golden/plans.ts'
import type { PlanStep } from './node/step.ts'
import { refusedOutput, rowOutput } from './sinks.ts'

const refusals: Refusals = [
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
        kept(Array.from({ length: planMaxSteps }).reduce<Clicks>((all, _, n) => all.filter(`f${n}`, () => true), rows)),
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

describe('a plan is refused', () => {
  it.each(refusals)('with %s', (_, build, message) => {
    expect(build).toThrow(InvalidPlanError)
    expect(build).toThrow(message)
  })
})
