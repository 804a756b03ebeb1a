/** The pipelines of this release and the plans of them that are live, for the admin API. */
import { PlanCorruptError, PlanNotFoundError, UnreadablePlanError } from '../../core/errors.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { ObjectStore } from '../../core/ports/object-store.ts'
import type { RerunStore } from '../../core/ports/rerun-store.ts'
import type { PipelineCatalog, PipelineSummary } from '../../gateway/http/routes/admin-pipelines.ts'
import { dataSetVersions } from '../../pipelines/adapters/local/country-data.ts'
import { planHash } from '../../pipelines/plan/canonical.ts'
import { diffPlans } from '../../pipelines/plan/diff/diff-plans.ts'
import { type Pipeline, versionOf } from '../../pipelines/plan/draft.ts'
import { explainPlan } from '../../pipelines/plan/explain.ts'
import { explainMermaid } from '../../pipelines/plan/explain-mermaid.ts'
import { parsePlan, planOf } from '../../pipelines/plan/node/parse-plan.ts'
import type { Plan } from '../../pipelines/plan/node/step.ts'
import { createPlanRepository } from '../../pipelines/runtime/plans/repository.ts'
import { livePlanOf, savePlan } from '../plans/live-plan.ts'
import { loadPipelines, type ReleasePipeline } from './release-pipelines.ts'

export interface CatalogParts {
  /** Default: those of this release. */
  readonly load?: () => Promise<readonly ReleasePipeline[]>
  /** Of the code that runs here. */
  readonly dataSets?: () => Promise<Readonly<Record<string, string>>>
  /** Where it is recorded which plans are live, and where they are kept. Left out: they are the release's. */
  readonly live?: {
    readonly store: Pick<RerunStore, 'writing' | 'setBasePlan'>
    readonly objects: ObjectStore
    readonly clock: Pick<Clock, 'now'>
  }
}

/** The plan that is live for a pipeline. */
interface ShownPlan extends Pick<Pipeline, 'plan' | 'code'> {
  /** Versions of data sets that lie inside it. */
  readonly inside: Readonly<Record<string, string>>
}

export function createPipelineCatalog(parts: CatalogParts = {}): PipelineCatalog {
  const { load = loadPipelines, dataSets = dataSetVersions, live } = parts
  // Plans are shown here, never run.
  const open = () => Promise.reject(new Error('no plan is run here'))
  const repository = live && createPlanRepository({ objects: live.objects, open })
  const named = async (name: string) => (await load()).find(({ plan }) => plan.name === name)
  const isBounded = ({ plan }: ReleasePipeline) => plan.steps.some((step) => step.kind === 'readTable')

  async function liveVersion(release: ReleasePipeline): Promise<string> {
    const version = live && !isBounded(release) ? await livePlanOf(live.store, release.plan.name) : null
    return version ?? versionOf(release)
  }

  async function summary(release: ReleasePipeline): Promise<PipelineSummary> {
    const [version, own] = [await liveVersion(release), versionOf(release)]
    const { plan } = release
    const kept = version === own ? release.built : await repository?.record(plan.name, version).catch(nullWhereLost)
    return {
      name: plan.name,
      hash: planHash(version, { ...(await dataSets()), ...kept?.inside }),
      ...{ live: version, release: own, waits: version !== own },
      runs: isBounded(release) ? 'bounded' : 'stream',
      jobs: plan.jobs,
    }
  }

  async function shown(release: ReleasePipeline): Promise<ShownPlan> {
    const version = await liveVersion(release)
    if (version === versionOf(release) || repository === undefined) {
      return { ...release, inside: release.built?.inside ?? {} }
    }
    const record = await repository.record(release.plan.name, version)
    return { ...record, plan: parsePlan(record.text) }
  }

  return {
    list: async () => Promise.all((await load()).map(summary)),

    async find(name) {
      const release = await named(name)
      if (release === undefined) return undefined
      const now = await shown(release)
      return {
        ...(await summary(release)),
        dataSets: { ...(await dataSets()), ...now.inside },
        code: now.code ?? null,
        plan: now.plan,
        text: explainPlan(now.plan),
        mermaid: explainMermaid(now.plan),
      }
    },

    async diff(name, body) {
      const release = await named(name)
      if (release === undefined) throw new RangeError(`there is no pipeline '${name}'`)
      return diffPlans({ plan: (await shown(release)).plan }, { plan: planOf(body) })
    },

    async adopt(name) {
      const release = await named(name)
      if (release === undefined) return undefined
      if (live === undefined || repository === undefined || isBounded(release)) {
        return { adopted: await summary(release) }
      }
      const from = await shown(release).catch(nullWhereLost)
      const breaking = from && breakingChange(from.plan, release.plan)
      if (breaking != null) return { breaking }
      const { built } = release
      await savePlan({ built, repository }, { dataSets: await dataSets(), clock: live.clock })
      // From sources nothing is kept, so no version may be named: it is the release's, whichever that is.
      await live.store.setBasePlan(name, built === undefined ? null : versionOf(release))
      return { adopted: await summary(release) }
    },
  }
}

/** A plan that is lost is still listed, and left behind: whoever adopts another one needs both. */
function nullWhereLost(error: unknown): null {
  const isLost =
    error instanceof PlanNotFoundError || error instanceof PlanCorruptError || error instanceof UnreadablePlanError
  if (isLost) return null
  throw error
}

/** Why a plan cannot go on from what is there; null where it can. */
function breakingChange(from: Plan, to: Plan): string | null {
  const { changes } = diffPlans({ plan: from }, { plan: to })
  const found = changes.find(({ verdict }) => verdict === 'breaking')
  if (found === undefined) return null
  const { step, what, reason, next } = found
  return `this release's plan cannot go on from what is there: ${step}: ${what} (${reason}); ${next}`
}
