/** The rule of visits that a plan's session window says, for the SQL that runs it. */
import { InvalidPlanError } from '../../core/errors.ts'
import type { VisitsRule } from '../../core/visits.ts'
import type { Plan } from './node/step.ts'

/** @throws InvalidPlanError where the plan has no session window */
export function visitsRuleOf(plan: Plan): VisitsRule {
  const window = plan.steps.find((step) => step.kind === 'sessionWindow')
  if (window === undefined) throw new InvalidPlanError(`'${plan.name}' has no session window`)
  const { gapMs, named, atMostMs } = window.assign
  return { gapMs, namedGapMs: named?.gapMs ?? gapMs, atMostMs }
}
