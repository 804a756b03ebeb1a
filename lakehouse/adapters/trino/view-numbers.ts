/**
 * Finished numbers of partial rows, as a select for people: visitors, quantiles and money as the gateway answers them
 * (`core/sketch/kmv.ts`, `core/sketch/quantiles.ts`), written out in Trino's SQL.
 */
import { relativeError } from '../../../core/sketch/quantiles.ts'
import { breakdownSketchSize, totalSketchSize } from '../../../schemas/tables.ts'

/** 2^63, of which hashes are drawn. */
const hashSpace = '9223372036854775808e0'
const micros = "DECIMAL '0.000001'"

/**
 * One row per key, breakdown, value and `other` of the rows of the select `rows`. Revenue in units of the merchant's
 * currency, `other_revenue` in units of each, load times in ms.
 */
export function finishedNumbers(key: readonly string[], rows: string): string {
  const keys = [...key, 'breakdown', '"value"', 'other']
  const otherRevenue = sumsByKey('other_revenue', 'decimal(38,0)', {
    finish: (sum) => `CAST(${sum} * ${micros} AS decimal(38,6))`,
    row: 'row(currency varchar, amount decimal(38,6))',
  })
  const load = sumsByKey('loads', 'bigint', { finish: (sum) => sum, row: 'row(bucket integer, n bigint)' })
  return `SELECT
  ${keys.join(',\n  ')},
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
  CAST(revenue_micros * ${micros} AS decimal(38,6)) AS revenue,
  ${otherRevenue} AS other_revenue,
${[50, 75, 95, 99].map((percent) => `  ${quantile(percent)} AS load_p${percent}`).join(',\n')}
FROM (
  SELECT s.*, ${load} AS load
  FROM (
    SELECT
      ${key.map((name) => `r.${name}`).join(',\n      ')},
      r.breakdown,
      r."value",
      coalesce(r.other, false) AS other,
      CASE WHEN r.breakdown = 'total' THEN BIGINT '${totalSketchSize}' ELSE BIGINT '${breakdownSketchSize}' END AS k,
      coalesce(sum(r.hits), 0) AS hits,
      coalesce(sum(r.pageviews), 0) AS pageviews,
      coalesce(array_distinct(${listOf('visitors')}), ARRAY[]) AS hashes,
      coalesce(sum(r.orders), 0) AS orders,
      coalesce(sum(r.revenue_micros), 0) AS revenue_micros,
      multimap_from_entries(${listOf('load')}) AS loads,
      multimap_from_entries(${listOf('other_revenue')}) AS other_revenue
    FROM (
    ${rows}
    ) r
    GROUP BY ${key.map((name) => `r.${name}`).join(', ')}, r.breakdown, r."value", coalesce(r.other, false)
  ) s
)`
}

function listOf(column: string): string {
  return `flatten(array_agg(r.${column}) FILTER (WHERE r.${column} IS NOT NULL))`
}

/** Of a map of keys and their numbers the sums, as rows rising by key; empty where there is none. */
function sumsByKey(
  map: string,
  number: string,
  { finish, row }: { readonly finish: (sum: string) => string; readonly row: string },
): string {
  const sum = `reduce(element_at(${map}, k), CAST(0 AS ${number}), (a, b) -> a + b, a -> a)`
  return `coalesce(transform(array_sort(map_keys(${map})), k -> CAST(ROW(k, ${finish(sum)}) AS ${row})), ARRAY[])`
}

/** As `quantileOf`: of N values in order the one with rank ⌈q·N⌉, null of none. */
function quantile(percent: number): string {
  const total = `reduce(load, BIGINT '0', (a, b) -> a + b.n, a -> a)`
  const state = 'row(passed bigint, found integer)'
  const isReached = `s.found IS NULL AND (s.passed + b.n) * 100 >= ${percent} * ${total}`
  const next = `ROW(s.passed + b.n, CASE WHEN ${isReached} THEN b.bucket ELSE s.found END)`
  return `reduce(
    load,
    CAST(ROW(0, NULL) AS ${state}),
    (s, b) -> CAST(${next} AS ${state}),
    s -> ${bucketValue('s.found')}
  )`
}

/** As `bucketValue`. */
function bucketValue(code: string): string {
  const growth = `(${1 + relativeError}e0 / ${1 - relativeError}e0)`
  const size = `least(power(${growth}, abs(${code}) - 40001) * ${1 + relativeError}e0, 1.7976931348623157e308)`
  return `CASE WHEN ${code} = 0 THEN 0e0 ELSE sign(${code}) * ${size} END`
}
