/** `hitlake explain` and `hitlake diff`: what plans do, and what follows from another one. */
import { readFile } from 'node:fs/promises'
import { CommandError } from '../../core/errors.ts'
import { diffPlans, type PlanDiff, type SinkNeed } from '../../pipelines/plan/diff/diff-plans.ts'
import { explainPlan } from '../../pipelines/plan/explain.ts'
import { explainMermaid } from '../../pipelines/plan/explain-mermaid.ts'
import { parsePlan, planOf } from '../../pipelines/plan/node/parse-plan.ts'
import { type Api, problemText } from '../client/api.ts'
import type { Terminal } from '../client/terminal.ts'
import type { ReleasePipeline } from './release-pipelines.ts'

export interface ExplainOptions {
  readonly mermaid?: true
  readonly json?: true
}

/** Prints one pipeline, or all where none is named. @throws CommandError naming those there are */
export function explainPipelines(
  pipelines: readonly ReleasePipeline[],
  name: string | undefined,
  options: ExplainOptions,
  terminal: Pick<Terminal, 'out'>,
): void {
  const chosen = name === undefined ? pipelines : [named(pipelines, name)]
  for (const { plan, text } of chosen) {
    if (options.json === true) terminal.out(text)
    else terminal.out((options.mermaid === true ? explainMermaid(plan) : explainPlan(plan)).trimEnd())
  }
}

/**
 * Compares two plans, each a file or the name of a pipeline of this release.
 * @throws CommandError where one is neither, UnreadablePlanError, InvalidPlanError where a file holds no plan
 */
export async function diffTwo(pipelines: readonly ReleasePipeline[], from: string, to: string): Promise<PlanDiff> {
  return diffPlans({ plan: await planAt(pipelines, from) }, { plan: await planAt(pipelines, to) })
}

/** Compares the plan that is live on a server with that of this release. @throws CommandError where either lacks it */
export async function diffServer(
  api: Pick<Api, 'get'>,
  pipelines: readonly ReleasePipeline[],
  name: string,
  dataSets: Readonly<Record<string, string>>,
): Promise<PlanDiff> {
  const { plan, code } = named(pipelines, name)
  const reply = await api.get(`/v1/admin/pipelines/${encodeURIComponent(name)}`)
  if (reply.status !== 200) throw new CommandError(problemText(reply))
  const body = reply.body as LiveView
  const from = { plan: planOf(body.plan), dataSets: body.dataSets ?? {}, ...(body.code != null && { code: body.code }) }
  return diffPlans(from, { plan, dataSets, ...(code !== undefined && { code }) })
}

/** Of what `GET /v1/admin/pipelines/{name}` answers; servers of before say nothing of code. */
interface LiveView {
  readonly plan: unknown
  readonly dataSets?: Readonly<Record<string, string>>
  readonly code?: string | null
}

/** Prints a difference; what a command ends with: 0 where a deployment is all it takes, else 1. */
export function printDiff(diff: PlanDiff, form: 'text' | 'json', terminal: Pick<Terminal, 'out'>): 0 | 1 {
  if (form === 'json') terminal.out(JSON.stringify(diff))
  else for (const line of diffText(diff)) terminal.out(line)
  return diff.verdict === 'same' || diff.verdict === 'redeploy' ? 0 : 1
}

export function diffText({ verdict, changes, sinks }: PlanDiff): readonly string[] {
  return [
    verdict,
    ...changes.flatMap((change) => [
      `  ${change.step}: ${change.what} (${change.verdict})`,
      `    ${change.reason}`,
      ...(change.verdict === 'same' ? [] : [`    next: ${change.next}`]),
    ]),
    ...sinks.filter(({ needs }) => needs !== 'nothing').map(needText),
  ]
}

function needText({ sink, needs, followedBy }: SinkNeed): string {
  if (needs !== 'rebuild' || followedBy.length === 0) return `  ${sink}: ${needs}`
  return `  ${sink}: ${needs}; ${followedBy.join(' and ')} follows by itself`
}

async function planAt(pipelines: readonly ReleasePipeline[], place: string) {
  const pipeline = pipelines.find(({ plan }) => plan.name === place)
  if (pipeline !== undefined) return pipeline.plan
  let text: string
  try {
    text = await readFile(place, 'utf8')
  } catch (cause) {
    throw new CommandError(`'${place}' is neither a file that can be read nor one of ${namesOf(pipelines)}`, { cause })
  }
  return parsePlan(text)
}

function named(pipelines: readonly ReleasePipeline[], name: string): ReleasePipeline {
  const found = pipelines.find(({ plan }) => plan.name === name)
  if (found === undefined) throw new CommandError(`there is no pipeline '${name}'; there are ${namesOf(pipelines)}`)
  return found
}

function namesOf(pipelines: readonly ReleasePipeline[]): string {
  return pipelines.map(({ plan }) => plan.name).join(', ')
}
