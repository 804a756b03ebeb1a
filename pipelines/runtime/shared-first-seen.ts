/**
 * Two plans over one stream that agree on who of two repeats came first: the base plan asks the state, and what it was
 * told is told to the others. A repeat is then a repeat in every generation, whatever else their plans do.
 */
import type { FirstSeen } from './compile-plan.ts'

export interface SharedFirstSeen {
  /** By dedupe step: for the base plan. */
  readonly asking: ReadonlyMap<string, FirstSeen>
  /** By dedupe step: for the others, once the base plan has taken the same hit. */
  readonly told: ReadonlyMap<string, FirstSeen>
  /** Before each hit. */
  begin(): void
}

export function sharedFirstSeen(states: ReadonlyMap<string, FirstSeen>): SharedFirstSeen {
  const answers = new Map<string, boolean>()
  const asking = [...states].map(([step, state]): [string, FirstSeen] => [
    step,
    {
      firstSeen(merchant, id, receivedMs) {
        const first = state.firstSeen(merchant, id, receivedMs)
        answers.set(step, first)
        return first
      },
    },
  ])
  // What the base plan left out before it came to the step, nobody has seen before.
  const told = [...states.keys()].map((step): [string, FirstSeen] => [
    step,
    { firstSeen: () => answers.get(step) ?? true },
  ])
  return { asking: new Map(asking), told: new Map(told), begin: () => answers.clear() }
}
