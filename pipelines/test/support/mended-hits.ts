/** The pipeline `hits` with a step mended, as a later release has it: what a rerun brings in. */
import type { EnrichedHit } from '../../jobs/enrich.ts'
import { hitsPipeline } from '../../jobs/hits.ts'
import type { Lambda, Pipeline } from '../../plan/draft.ts'

/** Names a source `(mended)` where the release before said `(direct)`, and refuses hits named `poisonous`. */
export const mendedHits: Pipeline = {
  ...hitsPipeline,
  lambdas: new Map([...hitsPipeline.lambdas, ['enrich', mendedEnrich]]),
  hash: () => 'mended',
}

function mendedEnrich(row: unknown, context: unknown): unknown {
  const enrich = hitsPipeline.lambdas.get('enrich') as Lambda
  const hit = enrich(row, context) as EnrichedHit
  if (hit.name === 'poisonous') throw new Error('the mended plan knows nothing of this name')
  return { ...hit, trafficSource: hit.trafficSource === '(direct)' ? '(mended)' : hit.trafficSource }
}
