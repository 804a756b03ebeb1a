/** Plans with parts changed, and what of a difference tests look at. */
import type { Plan, PlanStep } from '../node/step.ts'
import type { PlanDiff } from './diff-plans.ts'

/** The plan with parts of a step changed. */
export function changed(plan: Plan, step: string, parts: object): Plan {
  if (!plan.steps.some(({ name }) => name === step)) throw new RangeError(`'${plan.name}' has no step '${step}'`)
  return { ...plan, steps: plan.steps.map((each) => (each.name === step ? { ...each, ...parts } : each)) as PlanStep[] }
}

/** The plan with parts of a step's part changed. */
export function within(plan: Plan, step: string, part: string, parts: object): Plan {
  const found = Object.entries(plan.steps.find((each) => each.name === step) ?? {}).find(([key]) => key === part)
  return changed(plan, step, { [part]: { ...found?.[1], ...parts } })
}

/** Verdict, steps with theirs, and the sinks to be rebuilt. */
export const brief = ({ verdict, changes, sinks }: PlanDiff) => ({
  verdict,
  changes: changes.map(({ step, verdict: of }) => `${step}: ${of}`),
  rebuild: sinks.filter(({ needs }) => needs === 'rebuild').map(({ sink }) => sink),
})
