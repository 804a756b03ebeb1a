/** What a comparison of plans finds: how much a change asks of whoever brings the new plan in. */
import type { Plan } from '../node/step.ts'

/** A plan with the versions of the data sets its steps read. */
export interface PlanVersion {
  readonly plan: Plan
  readonly dataSets?: Readonly<Record<string, string>>
  /** Hash of the code that its steps call; left out where nobody knows it. */
  readonly code?: string
}

/** Rising: nothing; bring it in; bring it in and make rows of the past again; it cannot go on from what is there. */
export const verdicts = ['same', 'redeploy', 'rebuild needed', 'breaking'] as const
export type Verdict = (typeof verdicts)[number]

/** One difference, before it is known which sinks it reaches. */
export interface Finding {
  /** Name of the newer step, of the older where it is gone; of the plan for what is no step's. */
  readonly step: string
  readonly what: string
  readonly verdict: Verdict
  readonly reason: string
}

/** The gravest of several. */
export function gravest(all: readonly Verdict[]): Verdict {
  return verdicts.findLast((verdict) => all.includes(verdict)) ?? 'same'
}

/** A finding with the sinks that it reaches, and what they need for it. */
export interface Reaching extends Finding {
  readonly sinks: readonly string[]
  readonly needs: 'nothing' | 'rebuild' | 'history'
}
