/** Finds a shorter run that still breaks the same law: faults are left out one by one, then doings in halves, quarters and so on. */
import type { Planted } from './hands.ts'
import { makePlan, type Plan, type PlanChoices } from './plan.ts'
import { lawOf, type RunResult, runSeed } from './run-seed.ts'

/** Runs that one search makes at most. */
export const shrinkMaxRuns = 200

export interface Shrunk {
  readonly choices: PlanChoices
  readonly plan: Plan
  readonly result: RunResult
  readonly runs: number
}

/** Undefined where the run holds all laws. */
export async function shrink(choices: PlanChoices, planted: Planted = {}): Promise<Shrunk | undefined> {
  let best = choices
  let result = await runSeed(best, planted)
  const law = lawOf(result)
  if (law === undefined) return undefined
  let runs = 1
  const tryOut = async (next: PlanChoices): Promise<boolean> => {
    if (runs >= shrinkMaxRuns) return false
    runs += 1
    const tried = await runSeed(next, planted)
    if (lawOf(tried) !== law) return false
    best = next
    result = tried
    return true
  }
  const faults = makePlan({ ...choices, without: new Set() }).faults.length
  for (let number = faults - 1; number >= 0; number--) {
    const without = new Set(best.without)
    if (!without.has(number)) await tryOut({ ...best, without: without.add(number) })
  }
  const doings = makePlan({ ...choices, idle: new Set() }).doings.length
  for (let size = Math.ceil(doings / 2); size >= 1 && runs < shrinkMaxRuns; size = Math.floor(size / 2)) {
    for (let from = doings - size; from > -size; from -= size) {
      const idle = new Set(best.idle)
      const before = idle.size
      for (let number = Math.max(0, from); number < from + size; number++) idle.add(number)
      if (idle.size > before) await tryOut({ ...best, idle })
    }
  }
  return { choices: best, plan: makePlan(best), result, runs }
}
