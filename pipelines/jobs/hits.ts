/**
 * The pipeline `hits`: from what collectors accepted to the tables `hits` (the truth), `failed_hits` and `hourly`.
 * Start reading here: this is all that happens to a hit behind the collector, in order.
 */
import { breakdownSketchSize, failedHitsTable, hitsTable, hourlyTable, totalSketchSize } from '../../schemas/tables.ts'
import { count, countDistinct, countIf, quantiles, sum, top } from '../plan/aggregates.ts'
import { pipeline } from '../plan/builder.ts'
import type { Pipeline } from '../plan/draft.ts'
import { calendar } from '../plan/windows.ts'
import { createMerchantInputs, type MerchantStore, type SideInputs } from '../runtime/side-inputs.ts'
import { type EnrichContext, enrich } from './enrich.ts'
import { type GovernContext, govern } from './govern.ts'
import { hitFeed } from './hit-feed.ts'
import { failedHits, hits } from './hit-sinks.ts'
import { type ErasureContext, notErased } from './not-erased.ts'
import { hourly } from './rollup-sinks.ts'

/** What the steps of this pipeline may use. */
export type HitsContext = EnrichContext & ErasureContext & GovernContext

export const hitsPipeline: Pipeline = pipeline<HitsContext>(
  'hits',
  (p) => {
    const accepted = p
      .read(hitFeed, { eventTime: (hit) => hit.time, watermark: { from: (hit) => hit.received, delay: '1m' } })
      .dedupe('drop-repeats', { key: ['merchant', 'id'], within: '24h' })
      // Behind the step that knows repeats, so that a hit counts in one column of the books.
      .filter('erased', notErased, { uses: ['isErased'] })
      .map('enrich', enrich, {
        uses: ['visitorSeed', 'visitorHash', 'country', 'userAgents'],
        adds: {
          bot: 'boolean',
          device: 'string',
          path: 'string',
          trafficSource: 'string',
          country: 'string',
          visitorHash: 'bigint',
          revenueHomeMicros: 'bigint',
          browser: 'string',
          os: 'string',
          medium: 'string',
          campaign: 'string',
          loadBucket: 'int',
          otherCurrency: 'string',
          otherRevenueMicros: 'bigint',
          isPageView: 'boolean',
          isOrder: 'boolean',
        },
      })
      .split('govern', govern, { to: { passed: 'rows', quarantined: 'refused' }, uses: ['blockedNames'] })
    accepted.quarantined.write(failedHits)
    accepted.passed
      .write(hits)
      .filter('no-bots', (hit) => !hit.bot)
      .window('by-hour', calendar('hour', { zone: (hit) => hit.zone }), { lateness: 'unbounded' })
      .groupBySets('breakdown', {
        total: [],
        name: ['name'],
        page: ['path'],
        source: ['trafficSource'],
        country: ['country'],
        device: ['device'],
        browser: ['browser'],
        campaign: ['campaign'],
      })
      .aggregate({
        hits: count(),
        pageviews: countIf('isPageView'),
        visitors: countDistinct('visitorHash', { k: totalSketchSize, ofValues: breakdownSketchSize }),
        orders: countIf('isOrder'),
        revenue: sum('revenueHomeMicros'),
        load: quantiles('loadBucket'),
        otherRevenue: top('otherCurrency', { weight: 'otherRevenueMicros' }),
      })
      .emit({ every: 'epoch', panes: 'discarding' })
      .write(hourly)
  },
  { jobs: { warehouse: [hitsTable, failedHitsTable], rollups: [hourlyTable] } },
)

/** The pipeline with what its steps use: ready for a runner. */
export interface HitsJob {
  readonly plan: Pipeline
  readonly inputs: SideInputs
}

/**
 * Joins the pipeline with a control store's merchants and with data sets. `dataSets` names the version of each data set
 * that the steps read; of the code that they call the plan's version speaks.
 */
export function createHitsJob(parts: {
  readonly store: MerchantStore
  readonly visitorHash: EnrichContext['visitorHash']
  readonly country: EnrichContext['country']
  readonly userAgents: EnrichContext['userAgents']
  readonly dataSets: Readonly<Record<string, string>>
}): HitsJob {
  const { store, visitorHash, country, userAgents, dataSets } = parts
  const constants: Omit<HitsContext, 'visitorSeed' | 'blockedNames' | 'isErased'> = { visitorHash, country, userAgents }
  return { plan: hitsPipeline, inputs: createMerchantInputs({ store, constants: { ...constants }, dataSets }) }
}
