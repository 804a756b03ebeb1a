/**
 * A pipeline as it runs over a finite input: all rows are there before any window closes, so no pane comes early and no row
 * late, and every window that closes gives one pane, its last. Names and code of the steps stay, and so do text and hash.
 */
import type { Pipeline } from '../../plan/draft.ts'
import type { PlanStep } from '../../plan/node/step.ts'
import { windowChains } from '../../plan/window-chain.ts'

export function boundedPipeline(pipeline: Pipeline): Pipeline {
  const closing = new Set(
    windowChains(pipeline.plan).flatMap(({ window, emit }) => ('on' in emit ? [window.name] : [])),
  )
  const steps = pipeline.plan.steps.map((step): PlanStep => {
    if (step.kind === 'emit' && 'on' in step) return { ...step, early: null, late: null }
    if (step.kind === 'window' && closing.has(step.name)) return { ...step, lateness: 0 }
    return step
  })
  return { ...pipeline, plan: { ...pipeline.plan, steps } }
}
