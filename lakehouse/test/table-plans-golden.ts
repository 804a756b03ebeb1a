/** Plans over a table whose SQL lies beside the printers, and is run by both engines. */
import type { LakeRow } from '../../core/tables.ts'
import { visits } from '../../pipelines/jobs/sessions.ts'
import {
  avg,
  count,
  countDistinct,
  countIf,
  first,
  last,
  max,
  min,
  quantiles,
  sum,
  top,
} from '../../pipelines/plan/aggregates.ts'
import { type PipelineBuilder, pipeline } from '../../pipelines/plan/builder.ts'
import type { Plan } from '../../pipelines/plan/node/step.ts'
import { is } from '../../pipelines/plan/predicates.ts'
import { rowOutput } from '../../pipelines/plan/sinks.ts'
import { difference, hashOf, windowEnd, windowStart } from '../../pipelines/plan/table-builder.ts'
import { calendarOf } from '../../pipelines/plan/table-windows.ts'
import { fixed, hopping, session } from '../../pipelines/plan/windows.ts'
import { readHits } from './table-plans-under-test.ts'

const rows = rowOutput<LakeRow>('rows')
const bounds = { from: windowStart(), to: windowEnd() }
const plan = (name: string, build: (p: PipelineBuilder<object>) => unknown): Plan => pipeline(name, build).plan

export const goldenTablePlans: Readonly<Record<string, Plan>> = {
  'fixed-count': plan('fixed-count', (p) =>
    readHits(p)
      .where('people', is('bot', false))
      .window('hours', fixed('1h'))
      .groupBy('shops', ['merchant'])
      .aggregate({ hits: count(), views: countIf(is('name', 'page_view')) })
      .derive(bounds)
      .write(rows),
  ),
  'hopping-distinct': plan('hopping-distinct', (p) =>
    readHits(p)
      .derive('hashes', { page_hash: hashOf('path') })
      .groupBy('shops', ['merchant'])
      .window('quarters', hopping('1h', { every: '15m', offset: '5m' }))
      .aggregate({
        visitors: countDistinct('visitor_hash', { k: 1_025 }),
        pages: countDistinct('page_hash', { k: 33 }),
      })
      .derive({ from: windowStart() })
      .write(rows),
  ),
  'day-revenue': plan('day-revenue', (p) =>
    readHits(p)
      .where('purchases', is('name', 'purchase'))
      .window('days', calendarOf('day', { zone: 'zone' }))
      .groupBy('shops', ['merchant'])
      .aggregate({
        revenue: sum('revenue_home_micros'),
        mean: avg('revenue_home_micros'),
        largest: max('revenue_home_micros'),
        pages: top('path', { weight: 'revenue_home_micros' }),
        loads: quantiles('load_bucket'),
      })
      .derive(bounds)
      .write(rows),
  ),
  'weeks-from-sunday': plan('weeks-from-sunday', (p) =>
    readHits(p)
      .window('weeks', calendarOf('week', { zone: 'zone', weekStart: 'sunday' }))
      .groupBy('zones', ['merchant', 'zone'])
      .aggregate({ hits: count() })
      .derive(bounds)
      .write(rows),
  ),
  sessions: plan('plain-sessions', (p) =>
    readHits(p)
      .where('people', is('bot', false))
      .groupBy('visitors', ['merchant', 'visitor'])
      .window('pauses', session('30m', { atMost: '2h' }))
      .aggregate({ hits: count(), start: min('time'), end: max('time') })
      .derive({ ...bounds, duration_ms: difference('end', 'start'), bounce: is('hits', 1) })
      .write(rows),
  ),
  visits: visits.plan,
  'filters-first-last': plan('filters-first-last', (p) =>
    readHits(p)
      .derive('made', { waited_ms: difference('received', 'time'), viewed: is('name', 'page_view') })
      .where('views', is('viewed', true))
      .where('at-once', is('waited_ms', 0))
      .window('days', fixed('24h', { offset: '90m' }))
      .groupBy('shops', ['merchant', 'name'])
      .aggregate({
        entry: first('path'),
        exit: last('path'),
        least: min('path'),
        most: max('path'),
        last_at: last('time'),
      })
      .derive({ from: windowStart() })
      .write(rows),
  ),
}
