/**
 * Which step goes on with which saved state: steps are found by their name, else by one they had before. State that nobody
 * goes on with is refused, for it would be lost without a word.
 */
import { InvalidPlanError } from '../../core/errors.ts'
import { canonicalJson } from '../plan/canonical.ts'
import type { Plan, PlanStep } from '../plan/node/step.ts'
import { fitWindows } from './fit-windows.ts'
import type { GraphState, PlanGraph } from './operators/plan-graph.ts'

/**
 * By step, the name under which its state was saved; steps without any are left out.
 * @throws InvalidPlanError naming state that no step goes on with. `where` says whose it is, for people
 */
export function heirsOf(
  steps: readonly PlanStep[],
  saved: readonly string[],
  where: string,
): ReadonlyMap<string, string> {
  const heirs = new Map<string, string>()
  for (const { name, was = [] } of steps) {
    const found = [name, ...was].find((each) => saved.includes(each))
    if (found !== undefined) heirs.set(name, found)
  }
  const taken = new Set(heirs.values())
  const lost = saved.find((name) => !taken.has(name))
  if (lost === undefined) return heirs
  throw new InvalidPlanError(
    `'${lost}' has saved state in ${where}, but the plan has no such step; give the step its name back, say was: '${lost}' at the step that goes on with it, or rerun`,
  )
}

/** @throws InvalidPlanError where windows of a step were saved, and none of `steps` goes on with them */
export function expectWindowSteps(steps: readonly PlanStep[], { windows }: GraphState, where: string): void {
  const keeping = steps.filter(({ kind }) => kind === 'window')
  heirsOf(keeping, Object.keys(windows), where)
}

/**
 * Windows that were saved (`savedWindows`), as graphs of the plan go on with them.
 * @throws InvalidPlanError where the plan has no such windows any more, or keeps them in another way
 */
export function windowsOf(
  plan: Plan,
  saved: readonly GraphState[],
  place: {
    /** Whose state it is, for people. */
    readonly where: string
    /** Which saved them; null: this one. */
    readonly from: Plan | null
  },
): readonly GraphState[] {
  const { where, from } = place
  for (const state of saved) expectWindowSteps(plan.steps, state, where)
  const isOther = from !== null && from !== plan && canonicalJson(from) !== canonicalJson(plan)
  return saved.map((state) => fitWindows(state, isOther ? from : plan, plan))
}

/**
 * Lets a graph of the plan, which has seen nothing, go on with windows (`windowsOf`) of the partition keys that are its own.
 * @throws InvalidPlanError where the plan keeps them in another way
 */
export function restoreWindows(
  graph: Pick<PlanGraph, 'restore'>,
  plan: Plan,
  windows: readonly GraphState[],
  isOurs: (partitionKey: string) => boolean,
): void {
  try {
    graph.restore(windows, isOurs)
  } catch (cause) {
    if (!(cause instanceof RangeError || cause instanceof TypeError)) throw cause
    throw new InvalidPlanError(
      `windows that were saved are not as '${plan.name}' keeps them now (${cause.message}); give steps that changed new names, or rerun`,
      { cause },
    )
  }
}
