/** Plans that count hits a minute, to look closely at one thing each. */
import type { FeedHit } from '../../../core/hit.ts'
import type { LakeRow } from '../../../core/tables.ts'
import { failedHitsTable, hourlyTable, sessionsTable } from '../../../schemas/tables.ts'
import { hitFeed } from '../../jobs/hit-feed.ts'
import { failedHits } from '../../jobs/hit-sinks.ts'
import { count, max } from '../../plan/aggregates.ts'
import { type PipelineBuilder, pipeline } from '../../plan/builder.ts'
import type { Pipeline } from '../../plan/draft.ts'
import { derivedTable, type RunFacts, upsertTable } from '../../plan/sinks.ts'
import { fixed } from '../../plan/windows.ts'
import { paneRow } from './window-plans.ts'

export interface MinutePlan {
  /** Names of the steps that remember something. */
  readonly window: string
  readonly dedupe: string
  readonly wasWindow?: string
  readonly wasDedupe?: string
  readonly lateness: '0ms' | '1h'
  readonly early?: { readonly every: '10s' }
  readonly tooLate: 'dropped' | 'kept apart'
  readonly counted: 'hits' | 'hits and names' | 'names'
  readonly stateMaxBytes: number
}

export const plain: MinutePlan = {
  ...{ window: 'minutes', dedupe: 'once', lateness: '0ms', tooLate: 'dropped', counted: 'hits' },
  stateMaxBytes: 1_000_000,
}

/** Hits named `secret` are refused, `noise` dropped, and the step fails at `broken`. */
export function judge(row: FeedHit) {
  if (row.name === 'broken') throw new Error('a bug in the step')
  return row.name === 'secret' ? ({ to: 'bad', row, reason: 'secret' } as const) : ({ to: 'good', row } as const)
}

export function judged(p: PipelineBuilder<object>, { dedupe, wasDedupe }: MinutePlan) {
  const { good, bad } = p
    .read(hitFeed, { eventTime: (h) => h.time, watermark: { from: (h) => h.received, delay: '10s' } })
    .dedupe(dedupe, { key: ['merchant', 'id'], within: '48h', ...(wasDedupe !== undefined && { was: wasDedupe }) })
    .filter('no-noise', (h) => h.name !== 'noise')
    .split('judge', judge, { to: { good: 'rows', bad: 'refused' } })
  bad.write(failedHits)
  return good
}

const minutes = upsertTable(sessionsTable, (pane: Parameters<typeof paneRow>[0], run: RunFacts) =>
  paneRow({ ...pane, values: pane.values && { hits: pane.values.hits, amount: 0n } }, run),
)

/** Of `hourly` only what tells which hit it is. */
export const apart = derivedTable<FeedHit>(
  hourlyTable,
  (hit, run): LakeRow => ({
    ...{ merchant: hit.merchant, bucket: hit.time, breakdown: 'too-late', value: hit.id, hits: 1, pageviews: 0 },
    ...{ visitors: [], orders: 0, revenue_micros: 0n, load: [], other_revenue: [], other: false },
    ...{ _src: run.source, _part: run.partition, _off_from: 0, _off_to: 0, _gen: run.generation },
  }),
)

export function minutePipeline(changes: Partial<MinutePlan> = {}): Pipeline {
  const plan = { ...plain, ...changes }
  const { window, wasWindow, lateness, early, tooLate, counted, stateMaxBytes } = plan
  return pipeline(
    'minutes',
    (p) => {
      const was = wasWindow === undefined ? {} : { was: wasWindow }
      const windowed = judged(p, plan).window(window, fixed('1m'), { lateness, ...was })
      if (tooLate === 'kept apart') windowed.tooLate.write(apart)
      const grouped = windowed.groupBy('by', ['merchant', 'name'])
      const rule = { on: 'close', panes: 'accumulating', ...(early !== undefined && { early }) } as const
      const aggregates = { hits: { hits: count() }, names: { hits: max('id') } } as const
      const several = { latest: max('id'), hits: count() }
      grouped
        .aggregate(counted === 'hits and names' ? several : aggregates[counted])
        .emit(rule)
        .write(minutes as never)
    },
    {
      jobs: { all: [sessionsTable, failedHitsTable, ...(tooLate === 'kept apart' ? [hourlyTable] : [])] },
      state: { maxBytes: stateMaxBytes },
    },
  )
}
