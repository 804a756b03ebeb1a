/** The pipelines of this release as its build names them, to be shown and compared; nothing of them is run. */
import { CommandError } from '../../core/errors.ts'
import { releasePlan } from '../../pipelines/adapters/plans/release-plans.ts'
import type { Pipeline } from '../../pipelines/plan/draft.ts'
import { parsePlan } from '../../pipelines/plan/node/parse-plan.ts'
import type { BuiltPlan } from '../../pipelines/runtime/plans/plan-record.ts'

export interface ReleasePipeline extends Pick<Pipeline, 'plan' | 'text' | 'code'> {
  /** What the build made of it; left out where it runs from sources, or is not built as one file. */
  readonly built?: BuiltPlan
}

/**
 * All of them, in the order that a hit passes them. `folder`: of plans that stand for this release's own (HITLAKE_PLANS).
 * Loaded when first asked for: few ever do. @throws CommandError where the folder has none, PlanCorruptError
 */
export async function loadPipelines(folder?: string): Promise<readonly ReleasePipeline[]> {
  const [{ hitsPipeline }, { visits }, built] = await Promise.all([
    import('../../pipelines/jobs/hits.ts'),
    import('../../pipelines/jobs/sessions.ts'),
    releasePlan('hits', folder),
  ])
  if (folder !== undefined && built === undefined) {
    throw new CommandError(`there is no plan of 'hits' in ${folder}; build plans there, or leave HITLAKE_PLANS unset`)
  }
  return [built === undefined ? hitsPipeline : asReleased(built), visits]
}

function asReleased(built: BuiltPlan): ReleasePipeline {
  const { text, code } = built
  return { plan: parsePlan(text), text, code, built }
}
