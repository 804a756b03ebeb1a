/**
 * The plan `sessions`: visits, made of the rows of `hits`. Declared throughout: maintenance derives the table with it and
 * gateways ask open days by it, both as SQL; by operators (runtime/bounded/run-table-plan.ts) it gives the same visits.
 * What a visit is, core/visits.ts says.
 */
import type { EventTime } from '../../core/event-time.ts'
import type { MerchantId } from '../../core/ids.ts'
import { hitsTable, sessionsTable } from '../../schemas/tables.ts'
import { count, countIf, first, last, max, min, sum } from '../plan/aggregates.ts'
import { pipeline } from '../plan/builder.ts'
import type { Pipeline } from '../plan/draft.ts'
import { is } from '../plan/predicates.ts'
import { difference } from '../plan/table-builder.ts'
import { tableRows } from '../plan/table-rows.ts'
import { session } from '../plan/windows.ts'

/** A row of `hits`, as far as visits look at it. */
export interface StoredHit {
  readonly merchant: MerchantId
  readonly visitor: string
  readonly session: string | null
  readonly name: string
  readonly time: EventTime
  readonly path: string | null
  readonly source: string | null
  readonly country: string | null
  readonly device: string | null
  readonly browser: string | null
  readonly campaign: string | null
  readonly bot: boolean
  readonly revenue_home_micros: number | bigint | null
  readonly _src: string
  readonly _part: number
  readonly _off: number
  readonly _idx: number
}

const storedHits = tableRows<StoredHit>(hitsTable, {
  merchant: 'string',
  visitor: 'string',
  session: 'string',
  name: 'string',
  time: 'instant',
  path: 'string',
  source: 'string',
  country: 'string',
  device: 'string',
  browser: 'string',
  campaign: 'string',
  bot: 'boolean',
  revenue_home_micros: 'long',
  _src: 'string',
  _part: 'int',
  _off: 'long',
  _idx: 'int',
})

export const visits: Pipeline = pipeline('sessions', (p) =>
  p
    .readTable(storedHits, { eventTime: 'time', position: ['_part', '_off', '_idx'] })
    .where('no-bots', is('bot', false))
    .groupBy('visit', ['merchant', 'visitor', 'session'])
    .window('visits', session('30m', { named: { column: 'session', gap: '24h' }, atMost: '24h' }))
    .aggregate({
      start: min('time'),
      end: max('time'),
      hits: count(),
      pageviews: countIf(is('name', 'page_view')),
      orders: countIf(is('name', 'purchase')),
      revenue_micros: sum('revenue_home_micros'),
      name: first('name'),
      page: first('path'),
      exit_page: last('path'),
      source: first('source'),
      country: first('country'),
      device: first('device'),
      browser: first('browser'),
      campaign: first('campaign'),
      _src: first('_src'),
      _part: first('_part'),
      _off: first('_off'),
      _idx: first('_idx'),
    })
    .derive({ bounce: is('hits', 1), duration_ms: difference('end', 'start') })
    .write(sessionsTable),
)
