/** One seed, from plan to verdict. */
import type { Planted } from './hands.ts'
import { makePlan, type PlanChoices, type Variant } from './plan.ts'
import { runCluster } from './run-cluster.ts'
import { runEmbedded } from './run-embedded.ts'
import { shownChoices } from './schedule.ts'

export interface RunResult {
  readonly seed: number
  readonly variant: Variant
  readonly steps: number
  /** Equal traces: the same run, choice by choice. */
  readonly trace: string
  /** What differs; null where all laws hold. */
  readonly wrong: string | null
  readonly last: readonly string[]
  readonly counts: Readonly<Record<string, number>>
}

/** The law that was broken; undefined where all hold. */
export const lawOf = ({ wrong }: Pick<RunResult, 'wrong'>): string | undefined => wrong?.split(':')[0]

/** `shown`: so many of the last choices are told. */
export async function runSeed(choices: PlanChoices, planted: Planted = {}, shown = shownChoices): Promise<RunResult> {
  const plan = makePlan(choices)
  const { schedule, wrong, counts } = await (plan.variant === 'cluster' ? runCluster : runEmbedded)(
    plan,
    planted,
    shown,
  )
  const { step: steps, trace, last } = schedule
  return {
    seed: plan.seed,
    variant: plan.variant,
    steps,
    trace,
    wrong: wrong?.message ?? null,
    last: [...last],
    counts,
  }
}
