/** Rules for what is no step's own: the plan's name, its jobs, its limit of state, the code its steps call, its data sets. */
import type { Plan, PlanStep } from '../node/step.ts'
import type { PlanVersion, Reaching, Verdict } from './finding.ts'
import { sinkNames, sinksBelow } from './identity.ts'

export function planFindings(from: PlanVersion, to: PlanVersion): readonly Reaching[] {
  return [
    ...nameFindings(from.plan, to.plan),
    ...jobFindings(from.plan, to.plan),
    ...limitFindings(from.plan, to.plan),
    ...codeFindings(from, to),
    ...dataSetFindings(from, to),
  ]
}

function nameFindings(a: Plan, b: Plan): readonly Reaching[] {
  if (a.name === b.name) return []
  const reason = 'places in the feed and state are kept under the name of the pipeline: it would begin anew'
  return [of(b.name, `called '${a.name}' before`, 'breaking', reason, [...sinkNames(b)])]
}

function jobFindings(a: Plan, b: Plan): readonly Reaching[] {
  const [was, is] = [jobsBySink(a), jobsBySink(b)]
  return [...is].flatMap(([sink, job]) => {
    const before = was.get(sink)
    if (before === undefined || before === job) return []
    const reason = `'${job}' has not the places of '${before}' in the feed: rows between them would be missing or come twice`
    return [of(b.name, `'${sink}' moved from job '${before}' to '${job}'`, 'breaking', reason, [sink])]
  })
}

function jobsBySink(plan: Plan): ReadonlyMap<string, string> {
  return new Map(Object.entries(plan.jobs).flatMap(([job, sinks]) => sinks.map((sink) => [sink, job] as const)))
}

function limitFindings(a: Plan, b: Plan): readonly Reaching[] {
  const [was, is] = [a.stateMaxBytes ?? 0, b.stateMaxBytes ?? 0]
  if (was === is) return []
  if (is > was) return [of(b.name, 'larger limit of state', 'redeploy', 'reading stops later', [])]
  return [of(b.name, 'smaller limit of state', 'redeploy', 'a partition that holds more stops reading at once', [])]
}

/** Which step calls what changed is not known, so it reaches the sinks below any step that has code. */
function codeFindings(from: PlanVersion, to: PlanVersion): readonly Reaching[] {
  if (from.code === undefined || to.code === undefined || from.code === to.code) return []
  const reached = to.plan.steps.filter((step) => 'uses' in step || (step.kind === 'write' && step.code !== null))
  const sinks = [...new Set(reached.flatMap((step) => [...sinksBelow(to.plan, step.name)]))]
  return [
    of(to.plan.name, 'functions beyond its lambdas', 'rebuild needed', 'code that its steps call has changed', sinks),
  ]
}

/** A data set reaches the sinks below the steps that use it; one that no step names, those below any code. */
function dataSetFindings(from: PlanVersion, to: PlanVersion): readonly Reaching[] {
  const [was, is] = [from.dataSets ?? {}, to.dataSets ?? {}]
  const names = [...new Set([...Object.keys(was), ...Object.keys(is)])].sort()
  return names.flatMap((name) => {
    if (was[name] === is[name]) return []
    const users = to.plan.steps.filter((step) => usesOf(step).includes(name))
    const reached = users.length > 0 ? users : to.plan.steps.filter((step) => 'uses' in step)
    const sinks = [...new Set(reached.flatMap((step) => [...sinksBelow(to.plan, step.name)]))]
    const what = `data set '${name}': ${was[name] ?? 'none'} became ${is[name] ?? 'none'}`
    return [of(to.plan.name, what, 'rebuild needed', 'rows written before were made with the old one', sinks)]
  })
}

function usesOf(step: PlanStep): readonly string[] {
  return 'uses' in step ? step.uses : []
}

function of(step: string, what: string, verdict: Verdict, reason: string, sinks: readonly string[]): Reaching {
  return { step, what, verdict, reason, sinks, needs: verdict === 'redeploy' ? 'nothing' : 'rebuild' }
}
