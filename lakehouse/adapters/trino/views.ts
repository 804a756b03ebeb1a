/**
 * What people and their tools query in Trino: schema `hitlake` with `hits` (one row a hit) and `hourly` (finished numbers,
 * those the gateway answers). The base tables beside them hold every generation, and partial rows.
 */
import type { Timers } from '../../../core/ports/clock.ts'
import type { TableDefinition } from '../../../core/tables.ts'
import {
  breakdownSketchSize,
  firstGeneration,
  hitsTable,
  hourlyTable,
  totalSketchSize,
} from '../../../schemas/tables.ts'
import { quotedName } from '../../core/sql/printer.ts'
import type { Trino } from './client.ts'
import { createOnce, createSchema, type TrinoPlace, trinoTable } from './tables.ts'

export const defaultViewSchema = 'hitlake'

export interface ViewsPlace extends TrinoPlace {
  /** Of the views; `schema` is that of the base tables. */
  readonly viewSchema: string
}

/** Makes the views as they are now, replacing those of an older version. Any number of processes may do so at once. */
export async function ensureViews(
  { trino, timers, ...place }: ViewsPlace & { readonly trino: Pick<Trino, 'query'>; readonly timers: Timers },
  signal?: AbortSignal,
): Promise<void> {
  const statements = [createSchema(place.catalog, place.viewSchema), hitsView(place), hourlyView(place)]
  for (const statement of statements) await createOnce({ trino, timers }, statement, signal)
}

export function hitsView(place: ViewsPlace): string {
  return `${createView(place, hitsTable)}
SELECT
${hitsTable.columns.map(({ name }) => `  t.${quotedName(name)}`).join(',\n')}
FROM ${trinoTable(place, hitsTable.name)} t
WHERE ${inForce(hitsTable, 't')}`
}

/**
 * One row per merchant, hour, breakdown and value, and one of `other` where the values were cut. Visitors as `kmvEstimate` of core/sketch/kmv.ts has them, of sketches
 * united and cut to k as everywhere; revenue in units of the merchant's currency.
 */
export function hourlyView(place: ViewsPlace): string {
  return `${createView(place, hourlyTable)}
SELECT
  merchant,
  bucket,
  breakdown,
  "value",
  other,
  hits,
  pageviews,
  CASE
    WHEN cardinality(hashes) < k THEN cardinality(hashes)
    ELSE greatest(
      k,
      CAST(round(CAST(k - 1 AS double) / ((CAST(element_at(array_sort(hashes), k) AS double) + 1e0) / ${hashSpace})) AS bigint)
    )
  END AS visitors,
  orders,
  CAST(revenue_micros * DECIMAL '0.000001' AS decimal(38,6)) AS revenue
FROM (
  SELECT
    t.merchant,
    t.bucket,
    t.breakdown,
    t."value",
    coalesce(t.other, false) AS other,
    CASE WHEN t.breakdown = 'total' THEN BIGINT '${totalSketchSize}' ELSE BIGINT '${breakdownSketchSize}' END AS k,
    coalesce(sum(t.hits), 0) AS hits,
    coalesce(sum(t.pageviews), 0) AS pageviews,
    coalesce(array_distinct(flatten(array_agg(t.visitors) FILTER (WHERE t.visitors IS NOT NULL))), ARRAY[]) AS hashes,
    coalesce(sum(t.orders), 0) AS orders,
    coalesce(sum(t.revenue_micros), 0) AS revenue_micros
  FROM ${trinoTable(place, hourlyTable.name)} t
  WHERE ${inForce(hourlyTable, 't')}
  GROUP BY t.merchant, t.bucket, t.breakdown, t."value", coalesce(t.other, false)
)`
}

/** 2^63, of which hashes are drawn. */
const hashSpace = '9223372036854775808e0'

/** Rows that count now. The generation map and erasures will be joined here, and nowhere else. */
function inForce(definition: TableDefinition, alias: string): string {
  return definition.partition.generation ? `${alias}."_gen" = ${firstGeneration}` : 'TRUE'
}

function createView(place: ViewsPlace, { name }: TableDefinition): string {
  return `CREATE OR REPLACE VIEW ${trinoTable({ ...place, schema: place.viewSchema }, name)} AS`
}
