/**
 * The lake in memory: the same promises as the embedded one, rows kept as JavaScript values. For tests and the simulator.
 * What is staged and published lives in a `MemoryLakeState`: a second lake over it is the first after a restart.
 */

import { SnapshotNotFoundError } from '../../../core/errors.ts'
import { utcDay } from '../../../core/event-time.ts'
import type { Clock, Random } from '../../../core/ports/clock.ts'
import type {
  LakeExpiry,
  LakeMaintainer,
  LakeManifests,
  LakeReader,
  LakeWriter,
  ScanFilter,
  StagedFile,
} from '../../../core/ports/lake.ts'
import type { LakeHistory } from '../../../core/ports/lake-history.ts'
import type { LakeRemoval } from '../../../core/ports/lake-removal.ts'
import { type LakeRow, publicationColumns, type TableDefinition } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import { erasedRowTest } from '../../core/erased-rows.ts'
import { foldRows } from '../../core/fold.ts'
import { partitionTime } from '../../core/partition.ts'
import { plainRow } from '../../core/plain-row.ts'
import { rowOrder } from '../../core/row-order.ts'
import { stagedName } from '../../core/staged-name.ts'
import { createMemoryExpiry } from './memory-lake-expiry.ts'
import { createMemoryHistory } from './memory-lake-history.ts'
import { createMemoryRemoval } from './memory-lake-removal.ts'
import { createMemoryRewrites } from './memory-lake-rewrites.ts'
import { appendRows, MemoryLakeState } from './memory-lake-state.ts'

export { MemoryLakeState }

export interface MemoryLakeOptions {
  readonly random: Random
  readonly clock: Clock
  readonly state?: MemoryLakeState
  /** Values that a merchant, breakdown and day keeps when it is folded; `foldMaxValues` of the tables where absent. */
  readonly foldMaxValues?: number
}

/** Rows of one batch that `scan` yields. */
const scanBatchRows = 2_048

export type MemoryLake = LakeWriter &
  LakeReader &
  Pick<LakeMaintainer, 'lastPublish' | 'partitions' | 'rewrite'> &
  LakeExpiry &
  LakeHistory &
  LakeManifests &
  LakeRemoval

export function createMemoryLake(options: MemoryLakeOptions): MemoryLake {
  const { random, clock, state = new MemoryLakeState() } = options

  const lake: MemoryLake = {
    ...createMemoryRewrites({ ...options, state }),
    ...createMemoryRemoval({ ...options, state, lake: { scan: (view, filter) => lake.scan(view, filter) } }),
    ...createMemoryExpiry({ state }),
    ...createMemoryHistory({ state }),

    // It has none.
    manifests: async () => ({ manifests: 0, perPeriod: 0 }),
    mergeManifests: async () => null,

    async stage(table, name, rows) {
      if (rows.length === 0) throw new TypeError(`nothing to stage for ${table}`)
      const definition = tables[table]
      const columns = stagedColumns(definition)
      const kept = rows.map((row) => plainRow(columns, row)).sort(rowOrder(definition))
      const days = kept.map((row) => dayOf(definition, row))
      const object = stagedName(name)
      state.staged.set(object, kept)
      return {
        name: object,
        table,
        rows: kept.length,
        // As good as any number for limits by bytes: a row of the embedded lake takes about this.
        bytes: kept.length * 64,
        firstDay: days.reduce((least, day) => Math.min(least, day)),
        lastDay: days.reduce((most, day) => Math.max(most, day)),
      }
    },

    async discard(name) {
      state.staged.delete(stagedName(name))
    },

    async stagedNames() {
      return [...state.staged.keys()].sort()
    },

    async publish(table, id, files) {
      const done = state.of(table).find((snapshot) => snapshot.publish === id)
      if (done !== undefined) return { snapshot: done.id }
      const staged = files.flatMap((file) => [...stagedRows(state, file)])
      return appendRows({ state, random, clock }, table, id, foldRows(tables[table], staged))
    },

    async snapshots(table) {
      return state
        .of(table)
        .map(({ files: _files, ...info }) => info)
        .reverse()
    },

    async currentSnapshot(table) {
      return state.of(table).at(-1)?.id ?? null
    },

    async *scan(view, filter = {}) {
      const definition = tables[view.table]
      const passes = filterRows(definition, filter)
      const snapshot = state.of(view.table).find(({ id }) => id === view.snapshot)
      if (view.snapshot !== null && snapshot === undefined) throw new SnapshotNotFoundError(view.table, view.snapshot)
      const published = (snapshot?.files ?? []).map(({ rows }) => rows)
      const sources = [...published, ...view.pending.map((file) => stagedRows(state, file))]
      for (const source of sources) {
        const rows = source.filter(passes)
        for (let from = 0; from < rows.length; from += scanBatchRows) yield rows.slice(from, from + scanBatchRows)
      }
    },
  }
  return lake
}

function stagedRows(state: MemoryLakeState, file: StagedFile): readonly LakeRow[] {
  const rows = state.staged.get(file.name)
  if (rows === undefined) throw new Error(`there is no staged file ${file.name}`)
  return rows
}

function stagedColumns(definition: TableDefinition) {
  return definition.columns.filter((column) => !(publicationColumns as readonly string[]).includes(column.name))
}

function dayOf(definition: TableDefinition, row: LakeRow): number {
  if (typeof row.merchant !== 'string') throw new TypeError(`a row of ${definition.name} has no merchant`)
  const { column } = partitionTime(definition)
  const time = row[column]
  if (typeof time !== 'number') throw new TypeError(`a row of ${definition.name} has no ${column}`)
  if (definition.partition.generation && typeof row._gen !== 'number') {
    throw new TypeError(`a row of ${definition.name} has no _gen`)
  }
  return utcDay(time)
}

function filterRows(definition: TableDefinition, filter: ScanFilter): (row: LakeRow) => boolean {
  const { merchant, firstDay = Number.NEGATIVE_INFINITY, lastDay = Number.POSITIVE_INFINITY } = filter
  const generations = filter.generations && new Set<unknown>(filter.generations)
  const isErased = erasedRowTest(filter.erased ?? [], definition.name)
  return (row) => {
    if (merchant !== undefined && row.merchant !== merchant) return false
    if (generations?.has(Number(row._gen)) === false) return false
    const day = dayOf(definition, row)
    return day >= firstDay && day <= lastDay && !isErased(row)
  }
}
