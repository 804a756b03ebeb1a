/** An answer as a table, for formats that are one: columns of one kind each. */
import { kindOf, type Metric, type MetricKind } from '../metrics.ts'
import { type AnswerRow, type MetricValue, otherLabel, type QueryAnswer, type SeriesAnswer } from '../query/answer.ts'

/**
 * `time`: ISO text with offset. `text`: of hits, as they sent it. `label`: ours, in the place of a text, at the row of all
 * that is beyond the cut. `flag`: whether it is that row.
 */
export type Cell =
  | MetricValue
  | { readonly kind: 'time' | 'label'; readonly text: string }
  | { readonly kind: 'text'; readonly text: string | null }
  | { readonly kind: 'flag'; readonly value: boolean }

export interface Column {
  readonly name: string
  readonly kind: 'time' | 'text' | 'flag' | MetricKind
}

export interface AnswerTable {
  readonly columns: readonly Column[]
  readonly rows: readonly (readonly Cell[])[]
  /** That the times are local in. */
  readonly timeZone: string
}

/** Before the name of a metric: the column of the time compared with. */
export const comparePrefix = 'compare_'

/** Dimensions, metrics, and the metrics of the time compared with. `flagged`: a last column `other`, where there can be one. */
export function queryTable(answer: QueryAnswer, { flagged }: { readonly flagged: boolean }): AnswerTable {
  const { columns, rows, query, meta } = answer
  const isTime = columns.dimensions.map((name) => name.startsWith('time:'))
  const withFlag = flagged && isTime.includes(false)
  const firstText = isTime.indexOf(false)
  const metricColumns = (prefix: string) => columns.metrics.map((name) => metricColumn(name, prefix))
  const dimensionCell = ({ dimensions, other }: AnswerRow, at: number): Cell => {
    const text = dimensions[at] ?? null
    if (isTime[at]) return { kind: 'time', text: text ?? '' }
    return other && at === firstText ? { kind: 'label', text: otherLabel } : { kind: 'text', text }
  }
  return {
    timeZone: meta.timeZone,
    columns: [
      ...columns.dimensions.map((name, at): Column => ({ name, kind: isTime[at] ? 'time' : 'text' })),
      ...metricColumns(''),
      ...(query.compare === undefined ? [] : metricColumns(comparePrefix)),
      ...(withFlag ? [{ name: 'other', kind: 'flag' } as const] : []),
    ],
    rows: rows.map((row) => [
      ...row.dimensions.map((_, at) => dimensionCell(row, at)),
      ...row.metrics,
      ...(row.compare ?? []),
      ...(withFlag ? [{ kind: 'flag', value: row.other === true } as const] : []),
    ]),
  }
}

/** Start, end and metrics of each bucket. */
export function seriesTable({ metrics, buckets, timeZone }: SeriesAnswer): AnswerTable {
  return {
    timeZone,
    columns: [
      { name: 'start', kind: 'time' },
      { name: 'end', kind: 'time' },
      ...metrics.map((name) => metricColumn(name, '')),
    ],
    rows: buckets.map(({ start, end, metrics: values }) => [
      { kind: 'time', text: start },
      { kind: 'time', text: end },
      ...values,
    ]),
  }
}

function metricColumn(metric: Metric, prefix: string): Column {
  return { name: prefix + metric, kind: kindOf(metric) }
}
