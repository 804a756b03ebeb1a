/** Compares generations of `hourly` by the selects of an engine: what a rerun changed, for people to judge. */
import type { GenerationEntry } from '../../core/generations.ts'
import type { MerchantId } from '../../core/ids.ts'
import { breakdowns } from '../../core/ports/query-engine.ts'
import {
  diffMerchantsMax,
  type GenerationComparer,
  type GenerationDiff,
  generationMetrics,
  type MerchantDiff,
  type MetricDiff,
} from '../../core/ports/rerun-work.ts'
import type { Select } from './sql/ast.ts'
import {
  changeColumn,
  changedMerchantsSelect,
  type GenerationsQuestion,
  merchantCountsSelect,
  merchantsSelect,
  type NumbersSource,
  readLargest,
  totalsSelect,
} from './sql/generations-diff-select.ts'
import type { CellReader, Rows } from './sql/read-groups.ts'

export interface SelectRunner {
  readonly snapshot: string | null
  readonly numbers: NumbersSource
  /** Null: there are no rows at all. */
  run(select: Select): Promise<Rows | null>
  readonly cells: CellReader
}

const order = ['total', ...breakdowns]

export function generationsQuestion({
  generation,
  places,
  before,
}: Parameters<GenerationComparer['compare']>[0]): GenerationsQuestion {
  return { generation, places, before: before.map((entry): GenerationEntry => ({ ...entry, sink: 'hourly' })) }
}

/** Merchants are few here: those that differ most. */
export async function compareGenerations(
  { numbers, run, cells, snapshot }: SelectRunner,
  at: number,
): Promise<GenerationDiff> {
  const read = async (select: Select) =>
    ((await run(select)) ?? []).map((row) => {
      const cell = (name: string) => row[select.columns.findIndex(({ as }) => as === name)]
      const keys: readonly string[] = JSON.parse(cells.text(cell('keys')))
      const breakdown = keys.at(-1) ?? ''
      const metrics = generationMetrics.map((metric): MetricDiff => {
        const number = (name: Parameters<typeof changeColumn>[1]) => cells.whole(cell(changeColumn(metric, name)))
        const counts = { buckets: Number(number('buckets')), changed: Number(number('changed')) }
        const totals = { before: String(number('before')), after: String(number('after')) }
        const largest = readLargest(cells.text(cell(changeColumn(metric, 'largest'))))
        return { metric, breakdown, ...counts, ...totals, largest }
      })
      return { merchant: keys[0] as MerchantId, breakdown, metrics }
    })

  const total = (await read(totalsSelect(numbers))).flatMap(({ metrics }) => metrics)
  const [counts] = (await run(merchantCountsSelect(numbers))) ?? []
  const names = ((await run(changedMerchantsSelect(numbers, diffMerchantsMax))) ?? []).map(
    ([name]): MerchantId => JSON.parse(cells.text(name))[0],
  )
  const rows = names.length === 0 ? [] : await read(merchantsSelect(numbers, names))
  const merchants = names.map((merchant): MerchantDiff => {
    const metrics = rows.filter((row) => row.merchant === merchant).flatMap((row) => row.metrics)
    return { merchant, metrics: inOrder(metrics.filter(({ changed }) => changed > 0)) }
  })
  return {
    at,
    snapshot,
    total: inOrder(total),
    merchants,
    merchantsCompared: counts === undefined ? 0 : Number(cells.whole(counts[0])),
    merchantsChanged: counts === undefined ? 0 : Number(cells.whole(counts[1])),
  }
}

function inOrder(metrics: readonly MetricDiff[]): readonly MetricDiff[] {
  const place = ({ metric, breakdown }: MetricDiff) =>
    generationMetrics.indexOf(metric) * order.length + order.indexOf(breakdown)
  return [...metrics].sort((a, b) => place(a) - place(b))
}
