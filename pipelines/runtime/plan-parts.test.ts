/** What the runner of feeds refuses, for it keeps no windows between epochs. */
import { describe, expect, it } from 'vitest'
import { hitsPipeline } from '../jobs/hits.ts'
import type { Pipeline } from '../plan/draft.ts'
import { stateless } from '../plan/golden/plans.ts'
import type { PlanStep } from '../plan/node/step.ts'
import { PlanParts } from './plan-parts.ts'

const changed = (step: string, parts: object): Pipeline => {
  const steps = hitsPipeline.plan.steps.map((each) => (each.name === step ? { ...each, ...parts } : each)) as PlanStep[]
  return { ...hitsPipeline, plan: { ...hitsPipeline.plan, steps } }
}

describe('the runner of feeds', () => {
  it('takes the shipped plan', () => {
    expect(() => new PlanParts(hitsPipeline, {}, undefined)).not.toThrow()
  })

  it.each([
    ['rows handed out', stateless, "'output:refused' is a step of kind collect"],
    [
      'fixed windows',
      changed('by-hour', { assign: { kind: 'fixed', sizeMs: 1, offsetMs: 0 } }),
      "'by-hour' has windows of kind fixed",
    ],
    [
      'weeks from Sunday',
      changed('by-hour', { assign: { kind: 'calendar', unit: 'week', weekStart: 'sunday' } }),
      "'by-hour' has weeks from sunday",
    ],
    ['a lateness that ends', changed('by-hour', { lateness: 0 }), "'by-hour' has a lateness that ends"],
    ['panes on close', changed('breakdown.emit', { on: 'close' }), "'breakdown.emit' emits on close"],
    ['rows that are replaced', changed('write:hourly', { takes: 'upserts' }), "'write:hourly' replaces rows"],
    ['a map of one to many', changed('enrich', { kind: 'flatMap' }), "'enrich' is a step of kind flatMap"],
  ] as const)('refuses %s, naming the step', (_, plan, message) => {
    expect(() => new PlanParts(plan, {}, undefined)).toThrow(`${message}, which this runner of feeds cannot run`)
  })
})
