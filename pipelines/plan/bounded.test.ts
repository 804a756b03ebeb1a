import { describe, expect, it } from 'vitest'
import type { EventTime } from '../../core/event-time.ts'
import { hitsTable, sessionsTable } from '../../schemas/tables.ts'
import { visits } from '../jobs/sessions.ts'
import { createWorld, runnerOn } from '../test/support/world.ts'
import { count, countIf, first, min, sum } from './aggregates.ts'
import { type PipelineBuilder, pipeline } from './builder.ts'
import { checkPlan } from './check.ts'
import type { Plan, PlanStep } from './node/step.ts'
import { is } from './predicates.ts'
import { difference } from './table-builder.ts'
import { tableRows } from './table-rows.ts'
import { session } from './windows.ts'

interface Stored {
  readonly merchant: string
  readonly visitor: string
  readonly session: string | null
  readonly name: string
  readonly time: EventTime
  readonly bot: boolean
  readonly visitor_hash: number | bigint
  readonly _off: number
}
const stored = tableRows<Stored>(hitsTable, {
  merchant: 'string',
  visitor: 'string',
  session: 'string',
  name: 'string',
  time: 'instant',
  bot: 'boolean',
  visitor_hash: 'long',
  _off: 'long',
})
const read = (p: PipelineBuilder<object>) => p.readTable(stored, { eventTime: 'time', position: ['_off'] })
const pause = session('30m', { named: { column: 'session', gap: '24h' }, atMost: '24h' })

describe('what does not compile over a table', () => {
  it('is a column that its rows do not have, or of another type', () => {
    // Never called: the compiler is the test.
    const wrong = (p: PipelineBuilder<object>) => {
      // @ts-expect-error not an instant
      p.readTable(stored, { eventTime: 'name', position: ['_off'] })
      // @ts-expect-error not a number
      p.readTable(stored, { eventTime: 'time', position: ['name'] })
      // @ts-expect-error a column is forgotten
      tableRows<Stored>(hitsTable, { merchant: 'string' })
      const rows = read(p)
      // @ts-expect-error no such column
      rows.where('a', is('robot', false))
      // @ts-expect-error a text is not true or false
      rows.where('b', is('name', true))
      // @ts-expect-error no such column
      rows.groupBy('c', ['merchant', 'colour'])
      // @ts-expect-error the named column is not grouped by
      rows.groupBy('d', ['merchant']).window('e', pause)
      const windows = rows.groupBy('f', ['merchant', 'session']).window('g', pause)
      // @ts-expect-error no such column
      windows.aggregate({ entry: first('path') })
      // @ts-expect-error a text is never a number
      windows.aggregate({ pageviews: countIf(is('name', 1)) })
      // @ts-expect-error not integers
      windows.aggregate({ revenue: sum('name') })
      const results = windows.aggregate({ hits: count(), start: min('time') })
      // @ts-expect-error no such aggregate
      results.derive({ bounce: is('rows', 1) })
      // @ts-expect-error no such aggregate
      results.derive({ duration: difference('end', 'start') })
    }
    expect(wrong).toBeTypeOf('function')
  })
})

describe('a plan over a table is refused early', () => {
  const refusal = (build: () => unknown): string => {
    try {
      build()
    } catch (error) {
      return (error as Error).message
    }
    return 'accepted'
  }
  /** The plan of visits with its steps changed. */
  const changed = (change: (steps: PlanStep[]) => unknown, jobs: Plan['jobs'] = {}) => {
    const steps = structuredClone(visits.plan.steps) as PlanStep[]
    change(steps)
    return () => checkPlan({ ...visits.plan, steps, jobs })
  }
  /** A step, or a part of it, to be changed in place. */
  const stepOf = (steps: PlanStep[], kind: PlanStep['kind']): object =>
    steps.find((step) => step.kind === kind) as object
  const partOf = (steps: PlanStep[], kind: PlanStep['kind'], part: string): object =>
    Object.entries(stepOf(steps, kind)).find(([name]) => name === part)?.[1] as object

  it('but not as it is', () => {
    expect(refusal(changed(() => {}))).toBe('accepted')
  })

  it.each([
    [
      'a column that the table has not',
      () => tableRows<{ colour: string }>(hitsTable, { colour: 'string' }),
      "the table 'hits' has no column 'colour'",
    ],
    [
      'a column of another type',
      () => tableRows<{ bot: string }>(hitsTable, { bot: 'string' }),
      "'hits.bot' is boolean, not string",
    ],
    [
      'a predicate of another type',
      changed((steps) => Object.assign(stepOf(steps, 'where'), { where: { column: 'bot', is: 'no' } })),
      "reads column 'bot' as string, but it is boolean",
    ],
    [
      'groups by a column that is no text',
      changed((steps) => Object.assign(stepOf(steps, 'groupBy'), { by: ['merchant', 'bot'] })),
      "reads column 'bot' as string, but it is boolean",
    ],
    [
      'no groups',
      changed((steps) => Object.assign(stepOf(steps, 'groupBy'), { by: [] })),
      "'visit' groups by no column",
    ],
    [
      'a pause above a day, which the days around would not decide',
      changed((steps) => Object.assign(partOf(steps, 'sessionWindow', 'assign'), { gapMs: 86_400_001 })),
      'visits are decided by the days around them',
    ],
    [
      'a named column that rows are not grouped by',
      changed((steps) => Object.assign(stepOf(steps, 'groupBy'), { by: ['merchant', 'visitor'] })),
      "looks whether rows name 'session', which they are not grouped by",
    ],
    [
      'a column of its table left out',
      () =>
        pipeline('p', (p) =>
          read(p)
            .groupBy('g', ['merchant', 'visitor', 'session'])
            .window('w', pause)
            .aggregate({ start: min('time') })
            .write(sessionsTable),
        ),
      "'write:sessions' reads column 'end', which its rows do not have",
    ],
    [
      'a column that its table does not take',
      changed((steps) => Object.assign(partOf(steps, 'aggregate', 'aggregates'), { more: count() })),
      "gets columns that 'sessions' does not take: more",
    ],
    [
      'a column of another type than its table',
      changed((steps) => Object.assign(partOf(steps, 'aggregate', 'aggregates'), { end: count() })),
      "'write:sessions' reads column 'end' as instant, but it is long",
    ],
    [
      'a column made twice',
      changed((steps) =>
        Object.assign(partOf(steps, 'derive', 'derived'), {
          hits: { column: 'end', less: 'start' },
        }),
      ),
      "gets column 'hits' twice",
    ],
    [
      'a derived column of a text',
      changed((steps) =>
        Object.assign(partOf(steps, 'derive', 'derived'), {
          duration_ms: { column: 'end', less: 'name' },
        }),
      ),
      "reads column 'name' as int or long or instant, but it is string",
    ],
    [
      'early panes, where all rows come at once',
      changed((steps) => {
        const at = steps.findIndex(({ kind }) => kind === 'aggregate')
        const emit = { kind: 'emit', name: 'e', after: steps[at]?.name ?? '', columns: null, on: 'close' } as const
        steps.splice(at + 1, 0, { ...emit, panes: 'discarding', early: { everyMs: 1 }, late: null, onClose: 'always' })
      }),
      "'e' emits early panes, but the plan runs bounded",
    ],
    ['jobs', changed(() => {}, { all: ['sessions'] }), 'runs bounded only: leave them out'],
    ['a step missing', changed((steps) => steps.pop()), "has 0 steps of kind 'write', and needs one"],
    [
      'a step in the wrong place',
      changed((steps) => {
        const [readStep, where, group, ...rest] = steps as [PlanStep, PlanStep, PlanStep, ...PlanStep[]]
        const moved = { ...where, after: group.name }
        const [next, ...others] = rest as [PlanStep, ...PlanStep[]]
        steps.splice(
          0,
          steps.length,
          readStep,
          { ...group, after: readStep.name },
          moved,
          { ...next, after: where.name },
          ...others,
        )
      }),
      "'no-bots' stands too late",
    ],
    [
      'a lambda',
      changed((steps) => Object.assign(stepOf(steps, 'where'), { kind: 'filter', uses: [], code: 'x' })),
      'is a filter; a plan that reads a table has declared steps only',
    ],
  ])('with %s', (_, build, message) => {
    expect(refusal(build)).toContain(message)
  })

  it('by a runner of streams, naming why', async () => {
    const world = await createWorld()
    expect(() => runnerOn(world, { plan: visits })).toThrow(
      "'sessions' runs bounded only: it reads the table 'hits', and its session windows are decided by all hits",
    )
  })
})
