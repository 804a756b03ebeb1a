/** When time alone brings something about in windows that are kept. */
import type { StoredWindow } from '../../schemas/avro/graph-state.ts'
import type { Plan } from '../plan/node/step.ts'
import type { GraphState } from './operators/plan-graph.ts'
import type { WindowTimes } from './plan-windows.ts'

/** `delayMs`: how far behind the clock a watermark is that follows it. */
export function timesOf(plan: Plan, state: GraphState, delayMs: number): WindowTimes {
  let early: number | null = null
  let close: number | null = null
  for (const [step, groupings] of Object.entries(state.windows)) {
    const lateness = latenessOf(plan, step)
    for (const { keys, watermark } of Object.values(groupings)) {
      for (const { windows } of keys) {
        for (const window of windows) {
          const at = nextOf(window, lateness)
          // What stays behind its time waits for another window, which has its own.
          if (watermark === null || at > watermark) close = sooner(close, at + delayMs)
          if (!window.closed && window.earlyAt !== null) early = sooner(early, window.earlyAt)
        }
      }
    }
  }
  return { early, close }
}

/** The watermark at which it closes or goes; the bounds that a session which was cut leaves behind stay for its pause. */
function nextOf({ end, reach, closed, rows, rowsByTime }: StoredWindow<unknown>, latenessMs: number): number {
  if (rowsByTime !== null && rows === 0) return reach + latenessMs
  return closed ? end + latenessMs : end
}

/** The sooner of two times; null: never. */
export function sooner(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b
  return Math.min(a, b)
}

/** Panes on close and unbounded lateness do not go together, so there is none among windows that are kept. */
function latenessOf(plan: Plan, name: string): number {
  const step = plan.steps.find((each) => each.name === name)
  return step?.kind === 'window' && step.lateness !== 'unbounded' ? step.lateness : Number.POSITIVE_INFINITY
}
