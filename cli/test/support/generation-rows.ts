/** Rows of a data folder's lake by generation, as one hash each: for comparing what different ways of making them made. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { folderObjectStore } from '../../../core/adapters/folder-object-store.ts'
import { nodeDisk } from '../../../core/adapters/node/node-disk.ts'
import { systemClock, systemRandom } from '../../../core/adapters/node/system.ts'
import type { LakeRow } from '../../../core/tables.ts'
import { createLocalLake } from '../../../lakehouse/adapters/local/local-lake.ts'
import { foldRows } from '../../../lakehouse/core/fold.ts'
import { hourlyTable } from '../../../schemas/tables.ts'

export interface GenerationRows {
  readonly rows: number
  /** The same for the same rows in any order; without what says who made a row and when. Rows of `hourly` are folded. */
  readonly hash: string
}

/** Nothing else may have the folder open. */
export async function generationRows(
  dataDir: string,
  table: 'hits' | 'hourly',
): Promise<ReadonlyMap<number, GenerationRows>> {
  const instance = await DuckDBInstance.create(':memory:')
  try {
    const lake = createLocalLake({
      ...{ instance, random: systemRandom, clock: systemClock, scratch: join(dataDir, 'scratch', 'compared') },
      objects: await folderObjectStore(nodeDisk(dataDir), '', { leftovers: 'keep' }),
      location: `file://${dataDir}/lake`,
    })
    const [newest] = await lake.snapshots(table)
    const hashes = new Map<number, RowsHash>()
    const hourly = new Map<number, LakeRow[]>()
    for await (const rows of lake.scan({ table, snapshot: newest?.id ?? null, pending: [] })) {
      for (const row of rows) {
        const generation = Number(row._gen)
        if (table === 'hits') entryOf(hashes, generation, () => new RowsHash()).add(row)
        else entryOf(hourly, generation, () => []).push({ ...row, _gen: 0 })
      }
    }
    for (const [generation, rows] of hourly) {
      const hash = entryOf(hashes, generation, () => new RowsHash())
      for (const row of foldRows(hourlyTable, rows)) hash.add(row)
    }
    return new Map([...hashes].map(([generation, hash]) => [generation, hash.end()]))
  } finally {
    instance.closeSync()
  }
}

function entryOf<T>(map: Map<number, T>, key: number, make: () => T): T {
  const found = map.get(key) ?? make()
  map.set(key, found)
  return found
}

const maker = new Set(['_publish', '_row', '_off_from', '_off_to', 'plan', 'data_sets', '_gen'])

/** Of any number of rows in any order, in constant memory: the sum of the rows' SHA-256, modulo 2^256. */
class RowsHash {
  #rows = 0
  #sum = 0n

  add(row: LakeRow): void {
    const text = JSON.stringify(
      Object.entries(row)
        .filter(([name, value]) => !maker.has(name) && value !== null && value !== undefined)
        .sort(([a], [b]) => (a < b ? -1 : 1)),
      (_, value) => (typeof value === 'bigint' ? `${value}n` : value),
    )
    this.#rows++
    this.#sum = BigInt.asUintN(256, this.#sum + BigInt(`0x${createHash('sha256').update(text).digest('hex')}`))
  }

  end(): GenerationRows {
    return { rows: this.#rows, hash: this.#sum.toString(16).padStart(64, '0') }
  }
}
