/**
 * What the build makes one file of, for the repository of plans (infra/build/bundle-plan.mjs): the pipeline `hits` with
 * everything its steps call, and the versions of the data sets that are inside. All others come in by `uses`.
 */
import { sourceData } from '../../../schemas/sources/known-sources.ts'

export { hitsPipeline as pipeline } from '../../jobs/hits.ts'
export { pipelineFormat } from '../../plan/draft.ts'

export const dataSets = { sources: sourceData.version }
