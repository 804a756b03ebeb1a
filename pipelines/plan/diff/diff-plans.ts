/**
 * What follows from bringing a plan in where another one ran: nothing, a deployment, rows of the past made again, or that
 * it cannot go on from what is there. Each change names its step, its reason, and the command that follows. The rules are
 * listed in docs/reference/pipelines.md.
 */
import { type GenerationSink, generationSinks } from '../../../core/generations.ts'
import type { Plan, PlanStep } from '../node/step.ts'
import { stateOf } from '../state.ts'
import { windowChains } from '../window-chain.ts'
import { type Finding, gravest, type PlanVersion, type Reaching, type Verdict } from './finding.ts'
import { type Identity, identify, placeOf, sinkNames, sinkOf, sinksBelow } from './identity.ts'
import { planFindings } from './plan-rules.ts'
import { compareSteps } from './step-rules.ts'

export interface Change extends Finding {
  /** What whoever brings it in does: commands, or words where there is none. */
  readonly next: string
}

export interface SinkNeed {
  /** A table, or an output. */
  readonly sink: string
  /** `history`: it is new, and empty for the past. `gone`: no longer written; what it holds stays. */
  readonly needs: 'nothing' | 'rebuild' | 'history' | 'gone'
  /** Tables that maintenance derives of it: they follow by themselves, and are never asked for. */
  readonly followedBy: readonly string[]
}

/** What is derived of the rows that answer. */
const followers: Readonly<Record<string, readonly string[]>> = { hits: ['sessions'], hourly: ['daily'] }

export interface PlanDiff {
  /** The gravest of its changes. */
  readonly verdict: Verdict
  readonly changes: readonly Change[]
  readonly sinks: readonly SinkNeed[]
}

/** Compares what ran with what is to run. */
export function diffPlans(from: PlanVersion, to: PlanVersion): PlanDiff {
  const identity = identify(from.plan, to.plan)
  const found = [
    ...planFindings(from, to),
    ...identity.ambiguous.map(({ step, candidates }) => ambiguity(to.plan, step, candidates)),
    ...to.plan.steps.flatMap((step) => stepFindings(from.plan, to.plan, step, identity)),
    ...identity.removed.flatMap((step) => removal(from.plan, to.plan, step)),
  ]
  return {
    verdict: gravest(found.map(({ verdict }) => verdict)),
    changes: found.map((each) => {
      const { step, what, verdict, reason } = each
      return { step, what, verdict, reason, next: commandAfter(to.plan, each) }
    }),
    sinks: sinkNeeds(from.plan, to.plan, found),
  }
}

function stepFindings(from: Plan, to: Plan, step: PlanStep, identity: Identity): readonly Reaching[] {
  const older = identity.older.get(step.name)
  if (older === undefined) return addition(from, to, step)
  const sinks = [...sinksBelow(to, step.name)]
  const findings: Finding[] = []
  if (older.name !== step.name && step.was !== undefined) {
    const reason = 'its state and what stands behind it go on under the new name'
    findings.push({ step: step.name, what: `called '${older.name}' before`, verdict: 'same', reason })
  }
  const memory = stateOf(from, stateHolder(from, older)) === undefined ? 'none' : 'kept'
  findings.push(...compareSteps(older, step, memory).map((each) => ({ step: step.name, ...each })))
  const [was, is] = [placeOf(from, older, identity, 'from'), placeOf(to, step, identity, 'to')]
  if (was.join() !== is.join()) {
    const what = `reads ${is.join(', ')}, ${was.join(', ')} before`
    findings.push({ step: step.name, what, verdict: 'rebuild needed', reason: 'other rows came to it before' })
  }
  return findings.map((each) => reaching(each, sinks))
}

/** The step of a window's chain that keeps the state of all of it. */
function stateHolder(plan: Plan, step: PlanStep): PlanStep {
  const chain = windowChains(plan).find(({ window, group, aggregate, emit }) =>
    [window, group, aggregate, emit].some((each) => each.name === step.name),
  )
  return chain?.window ?? step
}

/** Parts of a window's chain that come and go with the step they are named after. */
const companions: readonly PlanStep['kind'][] = ['aggregate', 'emit']

function addition(from: Plan, to: Plan, step: PlanStep): readonly Reaching[] {
  if (companions.includes(step.kind)) return []
  const sink = sinkOf(step)
  if (sink !== undefined) {
    const reason = 'rows of the past are not in it'
    return [{ step: step.name, what: 'new sink', verdict: 'redeploy', reason, sinks: [sink], needs: 'history' }]
  }
  const existing = [...sinksBelow(to, step.name)].filter((each) => sinkNames(from).has(each))
  if (existing.length === 0) {
    const reason = 'serves new sinks only'
    return [{ step: step.name, what: `new ${step.kind}`, verdict: 'redeploy', reason, sinks: [], needs: 'nothing' }]
  }
  const finding = { step: step.name, what: `new ${step.kind}`, reason: 'rows written before did not pass it' } as const
  return [reaching({ ...finding, verdict: 'rebuild needed' }, existing)]
}

function removal(from: Plan, to: Plan, step: PlanStep): readonly Reaching[] {
  if (companions.includes(step.kind)) return []
  const existing = [...sinksBelow(from, step.name)].filter((each) => sinkNames(to).has(each))
  const [name, what] = [step.name, `${step.kind} is gone`]
  if (step.kind === 'read') {
    const reason = 'places in the feed that were reached are of no use in another'
    return [reaching({ step: name, what, verdict: 'breaking', reason }, existing)]
  }
  const state = stateOf(from, step)
  if (state !== undefined) {
    const reason = `its state would be dropped: ${state.what}; if it is only called otherwise, say was: '${name}'`
    return [reaching({ step: name, what, verdict: 'breaking', reason }, existing)]
  }
  if (sinkOf(step) !== undefined) {
    return [reaching({ step: name, what, verdict: 'redeploy', reason: 'what it holds stays, and gets no more' }, [])]
  }
  if (existing.length > 0) {
    const reason = 'rows written before passed it'
    return [reaching({ step: name, what, verdict: 'rebuild needed', reason }, existing)]
  }
  return [reaching({ step: name, what, verdict: 'redeploy', reason: 'served sinks that are gone' }, [])]
}

function ambiguity(plan: Plan, step: string, candidates: readonly string[]): Reaching {
  const what = `was '${candidates.join("' and '")}'`
  const reason = 'one state cannot go on from several: bring the renames in one after the other'
  return reaching({ step, what, verdict: 'breaking', reason }, [...sinksBelow(plan, step)])
}

function reaching(finding: Finding, sinks: readonly string[]): Reaching {
  const needs = finding.verdict === 'rebuild needed' || finding.verdict === 'breaking' ? 'rebuild' : 'nothing'
  return { ...finding, sinks, needs }
}

function sinkNeeds(from: Plan, to: Plan, found: readonly Reaching[]): readonly SinkNeed[] {
  const [old, now] = [sinkNames(from), sinkNames(to)]
  const rebuilt = new Set(found.flatMap(({ needs, sinks }) => (needs === 'rebuild' ? sinks : [])))
  const need = (sink: string, needs: SinkNeed['needs']): SinkNeed => ({
    sink,
    needs,
    followedBy: followers[sink] ?? [],
  })
  return [
    ...[...now].map((sink) => {
      if (!old.has(sink)) return need(sink, 'history')
      return need(sink, rebuilt.has(sink) ? 'rebuild' : 'nothing')
    }),
    ...[...old].filter((sink) => !now.has(sink)).map((sink) => need(sink, 'gone')),
  ]
}

function commandAfter(plan: Plan, { verdict, needs, sinks }: Reaching): string {
  const rerun = rerunCommand(plan, sinks)
  switch (verdict) {
    case 'same':
      return 'nothing'
    case 'redeploy':
      return needs === 'history' && rerun !== null ? `deploy, then ${rerun} for the past` : 'deploy'
    case 'rebuild needed':
      if (sinks.length === 0) return 'deploy'
      if (rerun === null) return `deploy; rows of the past in ${sinks.join(', ')} stay as they were made`
      return `deploy, then ${rerun}, or hitlake adopt ${plan.name}, which leaves the past as it was made`
    case 'breaking':
      if (rerun === null) return 'do not deploy over what runs; bring it in as a pipeline of another name'
      return `deploy, and what runs goes on; make it as a new generation: ${rerun}, then promote it`
  }
}

/** null: no sink is one that a rerun makes. What a step refuses is made again with the hits it lets pass. */
function rerunCommand({ name }: Plan, sinks: readonly string[]): string | null {
  const made = sinks.map((sink) => (sink === 'failed_hits' ? 'hits' : sink))
  const generated = generationSinks.filter((sink: GenerationSink) => made.includes(sink))
  if (generated.length === 0) return null
  return ['hitlake rerun', name, '--snapshot latest', ...generated.map((sink) => `--sink ${sink}`)].join(' ')
}
