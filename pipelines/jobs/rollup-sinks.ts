/** The sink of the rollups of `hits`: how a pane of the breakdowns becomes a partial row of the table `hourly`. */
import { hourlyTable } from '../../schemas/tables.ts'
import type { Pane } from '../core/pane.ts'
import { paneTable } from '../plan/sinks.ts'

interface Measures {
  readonly hits: { readonly kind: 'count' }
  readonly pageviews: { readonly kind: 'countIf' }
  readonly visitors: { readonly kind: 'countDistinct' }
  readonly orders: { readonly kind: 'countIf' }
  readonly revenue: { readonly kind: 'sum' }
  readonly load: { readonly kind: 'quantiles' }
  readonly otherRevenue: { readonly kind: 'top' }
}

export const hourly = paneTable<Pane<Measures>>(hourlyTable, (pane, run) => {
  const { values } = pane
  return {
    merchant: pane.key,
    bucket: pane.start,
    breakdown: pane.set,
    value: pane.value,
    hits: values.hits,
    pageviews: values.pageviews,
    visitors: values.visitors,
    orders: values.orders,
    revenue_micros: values.revenue,
    load: values.load === null ? null : values.load.map(bucketRow),
    other_revenue: values.otherRevenue === null ? null : values.otherRevenue.map(revenueRow),
    // Only a fold cuts values; a pane holds one.
    other: false,
    _src: run.source,
    _part: run.partition,
    _off_from: pane.firstOffset,
    _off_to: pane.lastOffset,
    _gen: run.generation,
  }
})

const bucketRow = ({ bucket, n }: { readonly bucket: number; readonly n: bigint }) => ({ bucket, n })
const revenueRow = ({ value, weight }: { readonly value: string; readonly weight: bigint }) => ({
  currency: value,
  micros: weight,
})
