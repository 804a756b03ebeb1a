/** The pipelines of this release, for the admin API and for commands. Loaded when first asked for: few ever do. */
import type { PipelineCatalog, PipelineSummary } from '../../gateway/http/routes/admin-pipelines.ts'
import { dataSetVersions } from '../../pipelines/adapters/local/country-data.ts'
import { diffPlans } from '../../pipelines/plan/diff/diff-plans.ts'
import type { Pipeline } from '../../pipelines/plan/draft.ts'
import { explainPlan } from '../../pipelines/plan/explain.ts'
import { explainMermaid } from '../../pipelines/plan/explain-mermaid.ts'
import { planOf } from '../../pipelines/plan/node/parse-plan.ts'

/** All of them, in the order that a hit passes them. */
export async function loadPipelines(): Promise<readonly Pipeline[]> {
  const [{ hitsPipeline }, { visits }] = await Promise.all([
    import('../../pipelines/jobs/hits.ts'),
    import('../../pipelines/jobs/sessions.ts'),
  ])
  return [hitsPipeline, visits]
}

export interface CatalogParts {
  readonly load: () => Promise<readonly Pipeline[]>
  /** Of the code that runs here. */
  readonly dataSets: () => Promise<Readonly<Record<string, string>>>
}

export function createPipelineCatalog(
  { load, dataSets }: CatalogParts = { load: loadPipelines, dataSets: dataSetVersions },
): PipelineCatalog {
  const named = async (name: string) => (await load()).find(({ plan }) => plan.name === name)
  return {
    async list() {
      const versions = await dataSets()
      return (await load()).map((pipeline) => summaryOf(pipeline, versions))
    },
    async find(name) {
      const pipeline = await named(name)
      if (pipeline === undefined) return undefined
      const versions = await dataSets()
      const { plan } = pipeline
      return {
        ...summaryOf(pipeline, versions),
        dataSets: versions,
        plan,
        text: explainPlan(plan),
        mermaid: explainMermaid(plan),
      }
    },
    async diff(name, body) {
      const running = await named(name)
      if (running === undefined) throw new RangeError(`there is no pipeline '${name}'`)
      return diffPlans({ plan: running.plan }, { plan: planOf(body) })
    },
  }
}

function summaryOf({ plan, hash }: Pipeline, dataSets: Readonly<Record<string, string>>): PipelineSummary {
  const runs = plan.steps.some((step) => step.kind === 'readTable') ? 'bounded' : 'stream'
  return { name: plan.name, hash: hash(dataSets), runs, jobs: plan.jobs }
}
