/** Which plans of the pipeline there are, for whoever plans a rerun: the live one, the release's, and what differs. */
import { generationSinks } from '../../core/generations.ts'
import type { ReleasePlans } from '../../core/ports/rerun-service.ts'
import type { RerunStore } from '../../core/ports/rerun-store.ts'
import { diffPlans } from '../../pipelines/plan/diff/diff-plans.ts'
import { parsePlan } from '../../pipelines/plan/node/parse-plan.ts'
import { livePlanOf, type PlanBook } from '../plans/live-plan.ts'

export function releasePlans(book: PlanBook, store: Pick<RerunStore, 'writing'>): ReleasePlans {
  const { release, version, repository } = book
  return {
    async of(pipeline) {
      if (pipeline !== release.plan.name) return undefined
      const live = await livePlanOf(store, pipeline)
      if (live === null || live === version) return { live, release: version, rebuild: [] }
      const record = await repository.record(pipeline, live)
      const { plan, code } = release
      const { sinks } = diffPlans(
        { plan: parsePlan(record.text), code: record.code },
        { plan, ...(code !== undefined && { code }) },
      )
      const rebuilt = new Set(sinks.flatMap(({ sink, needs }) => (needs === 'nothing' ? [] : [sink])))
      return { live, release: version, rebuild: generationSinks.filter((sink) => rebuilt.has(sink)) }
    },
  }
}
