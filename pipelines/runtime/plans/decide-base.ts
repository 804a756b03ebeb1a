/** Whether the plan of a release that has just been started takes over from the one that is live. */
import type { Verdict } from '../../plan/diff/finding.ts'

export interface BaseQuestion {
  /** Version by which the base generation is written; null: none was ever recorded. */
  readonly live: string | null
  readonly release: string
  /** From the live plan to the release's, data sets left out of it; null: the live plan cannot be read. */
  readonly diff: Verdict | null
  readonly policy: 'wait' | 'adopt'
}

/**
 * `same`: the release's plan is live. `take over`: it becomes so. `wait`: the live plan goes on, for the release's would
 * make other numbers, or cannot go on from what is there. Data sets alone never wait.
 */
export function decideBase({ live, release, diff, policy }: BaseQuestion): 'same' | 'take over' | 'wait' {
  if (live === release) return 'same'
  if (live === null || policy === 'adopt') return 'take over'
  return diff === 'same' || diff === 'redeploy' ? 'take over' : 'wait'
}
