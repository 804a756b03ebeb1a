/** Maintenance of the lake in memory. */
import type { Clock, Random } from '../../../core/ports/clock.ts'
import type { LakeMaintainer, PartitionFiles } from '../../../core/ports/lake.ts'
import { foldMaxValues, tables } from '../../../schemas/tables.ts'
import { foldRows } from '../../core/fold.ts'
import { cutValues } from '../../core/fold-cut.ts'
import { partitionTime, periodDays } from '../../core/partition.ts'
import { plainRow } from '../../core/plain-row.ts'
import { compareValues, rowOrder } from '../../core/row-order.ts'
import { withoutSuperseded } from '../../core/superseded.ts'
import { addSnapshot, type MemoryLakeState } from './memory-lake-state.ts'

export interface MemoryRewritesOptions {
  readonly state: MemoryLakeState
  readonly random: Random
  readonly clock: Clock
  readonly foldMaxValues?: number
}

export function createMemoryRewrites(
  options: MemoryRewritesOptions,
): Pick<LakeMaintainer, 'lastPublish' | 'partitions' | 'rewrite'> {
  const { state } = options

  return {
    async lastPublish(table) {
      return Math.max(0, ...state.of(table).map(({ publish }) => publish ?? 0))
    },

    async partitions(table) {
      const found = new Map<string, PartitionFiles>()
      for (const { partition, rows } of state.of(table).at(-1)?.files ?? []) {
        const key = `${partition.generation}/${partition.period}`
        const before = found.get(key) ?? { files: 0, rows: 0, bytes: 0 }
        found.set(key, {
          ...partition,
          files: before.files + 1,
          rows: before.rows + rows.length,
          bytes: before.bytes + rows.length * 64,
        })
      }
      return [...found.values()].sort((a, b) => (a.generation ?? 0) - (b.generation ?? 0) || a.period - b.period)
    },

    async rewrite(table, { generation, period }) {
      const definition = tables[table]
      const files = state.of(table).at(-1)?.files ?? []
      const own = files.filter(({ partition: p }) => p.generation === generation && p.period === period)
      if (own.length === 0) return null
      const held = withoutSuperseded(
        definition,
        own.flatMap(({ rows }) => rows),
      )
      const cut = cutValues(definition, held, options.foldMaxValues ?? foldMaxValues)
      if (own.length === 1 && cut.truncated.length === 0) return null
      const order = rowOrder(definition)
      const rows = [...foldRows(definition, cut.rows)]
        .sort((a, b) => order(a, b) || compareValues(a._publish, b._publish) || compareValues(a._row, b._row))
        .map((row) => plainRow(definition.columns, row))
      const { snapshot } = addSnapshot(options, table, {
        operation: cut.truncated.length > 0 ? 'overwrite' : 'replace',
        publish: null,
        addedRows: rows.length,
        files: [...files.filter((file) => !own.includes(file)), { partition: { generation, period }, rows }],
      })
      const day = periodDays(partitionTime(definition), period).first
      return { snapshot, truncated: cut.truncated.map((merchant) => ({ merchant, day })) }
    },
  }
}
