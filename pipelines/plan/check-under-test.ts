/** A plan over clicks that is right but for what a test makes of it. */

import { count } from './aggregates.ts'
import { type PipelineBuilder, pipeline, type Rows } from './builder.ts'
import { checkPlan } from './check.ts'
import type { PipelineOptions } from './draft.ts'
import { type Click, clicks } from './golden/plans.ts'
import type { Plan, PlanStep } from './node/step.ts'
import { refusedOutput, rowOutput, upsertOutput } from './sinks.ts'

export type Clicks = Rows<object, Click, 'shop'>
const limited: PipelineOptions = { state: { maxBytes: 1e9 } }

/** A plan that is right but for what `change` makes of its rows. */
export const built = (change: (rows: Clicks, p: PipelineBuilder<object>) => unknown, options = limited) =>
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

export const kept = (rows: Clicks) => rows.write(rowOutput('rows'))
type Windowed = ReturnType<Clicks['window']>
export const counted = (windows: Windowed) => windows.groupBy('key', ['shop', 'page']).aggregate({ n: count() })
export const onClose = { on: 'close', panes: 'accumulating' } as const
export const closed = (windows: Windowed) => counted(windows).emit(onClose).write(upsertOutput('panes'))

/** A plan with its steps changed, and checked. */
export const changed = (plan: Plan, change: (steps: PlanStep[]) => unknown, more: Partial<Plan> = {}) => {
  const steps = structuredClone(plan.steps) as PlanStep[]
  change(steps)
  return () => checkPlan({ ...plan, ...more, steps })
}
export const set = (name: string, parts: object) => (steps: PlanStep[]) => {
  const found = steps.find((step) => step.name === name)
  if (found === undefined) throw new RangeError(`no step '${name}'`)
  Object.assign(found, parts)
}

/** What a plan is refused with: what is wrong, the plan, what is said. */
export type Refusals = readonly (readonly [string, () => unknown, string])[]
