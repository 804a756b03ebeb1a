/** Which step of one plan is which of a later one: by its name, or by one it had before. */
import { inputsOf, outputsOf, type Plan, type PlanStep } from '../node/step.ts'

export interface Identity {
  /** The older step, by the name of the newer. */
  readonly older: ReadonlyMap<string, PlanStep>
  readonly added: readonly PlanStep[]
  readonly removed: readonly PlanStep[]
  /** Names whose earlier names do not say whose state goes on. */
  readonly ambiguous: readonly { readonly step: string; readonly candidates: readonly string[] }[]
}

/** Parts of a window's chain are named after the step that the author named. */
const suffix = /(\.(aggregate|emit|derive))+$/

export function identify(from: Plan, to: Plan): Identity {
  const old = new Map(from.steps.map((step) => [step.name, step]))
  const ambiguous: { step: string; candidates: string[] }[] = []
  const renamed = new Map<string, string>()
  for (const step of to.steps) {
    const candidates = (step.was ?? []).filter((name) => old.has(name))
    if (candidates.length === 0) continue
    if (old.has(step.name)) candidates.unshift(step.name)
    if (candidates.length > 1) ambiguous.push({ step: step.name, candidates })
    renamed.set(step.name, candidates[0] ?? step.name)
  }
  const formerly = (name: string) => {
    const found = renamed.get(name)
    if (found !== undefined) return found
    const base = name.replace(suffix, '')
    const renamedBase = renamed.get(base)
    return renamedBase === undefined ? name : `${renamedBase}${name.slice(base.length)}`
  }
  const older = new Map<string, PlanStep>()
  for (const step of to.steps) {
    const found = old.get(formerly(step.name))
    if (found !== undefined) older.set(step.name, found)
  }
  const kept = new Set([...older.values()].map((step) => step.name))
  return {
    older,
    added: to.steps.filter((step) => !older.has(step.name)),
    removed: from.steps.filter((step) => !kept.has(step.name)),
    ambiguous,
  }
}

/**
 * Outputs that a step reads, as the older plan names them, steps that only one of the plans has left out: where these
 * differ, the step stands elsewhere, and not just behind a new one.
 */
export function placeOf(plan: Plan, step: PlanStep, identity: Identity, side: 'from' | 'to'): readonly string[] {
  const passing = new Set((side === 'from' ? identity.removed : identity.added).map((each) => each.name))
  const places = inputsOf(step).flatMap((input) => {
    const above = plan.steps.find((each) => outputsOf(each).includes(input))
    if (above === undefined) return [input]
    if (passing.has(above.name)) return placeOf(plan, above, identity, side)
    const name = side === 'from' ? above.name : (identity.older.get(above.name)?.name ?? above.name)
    return [`${name}${input.slice(above.name.length)}`]
  })
  return [...new Set(places)].sort()
}

/** Names of the sinks that rows of a step can reach. */
export function sinksBelow(plan: Plan, name: string): ReadonlySet<string> {
  const reached = new Set([name])
  const sinks = new Set<string>()
  // A step stands behind all that it reads, so one way through is enough.
  for (const step of plan.steps) {
    const below = inputsOf(step).some((input) =>
      plan.steps.some((each) => reached.has(each.name) && outputsOf(each).includes(input)),
    )
    if (!below && step.name !== name) continue
    reached.add(step.name)
    const sink = sinkOf(step)
    if (sink !== undefined) sinks.add(sink)
  }
  return sinks
}

/** What a step writes: a table, or an output; undefined where it is no sink. */
export function sinkOf(step: PlanStep): string | undefined {
  if (step.kind === 'write') return step.table
  return step.kind === 'collect' ? step.output : undefined
}

/** All sinks of a plan. */
export function sinkNames(plan: Plan): ReadonlySet<string> {
  return new Set(plan.steps.flatMap((step) => sinkOf(step) ?? []))
}
