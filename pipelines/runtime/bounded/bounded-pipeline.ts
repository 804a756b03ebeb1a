/**
 * A pipeline as it runs over a finite input: all rows are there before any window closes, so none is late, and no pane comes
 * early. Every window that closes gives one pane, its last. Names and code of the steps stay, and so do text and hash.
 */
import type { Pipeline } from '../../plan/draft.ts'
import type { PlanStep } from '../../plan/node/step.ts'

export function boundedPipeline(pipeline: Pipeline): Pipeline {
  const steps = pipeline.plan.steps.map(
    (step): PlanStep => (step.kind === 'emit' && 'on' in step ? { ...step, early: null } : step),
  )
  return { ...pipeline, plan: { ...pipeline.plan, steps } }
}
