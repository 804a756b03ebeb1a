/** What rows of `hourly` say, whoever made them: for comparing systems whose visitors have other hashes. */
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { folderObjectStore } from '../../../core/adapters/folder-object-store.ts'
import { nodeDisk } from '../../../core/adapters/node/node-disk.ts'
import { systemClock, systemRandom } from '../../../core/adapters/node/system.ts'
import type { LakeRow } from '../../../core/tables.ts'
import { createLocalLake } from '../../../lakehouse/adapters/local/local-lake.ts'
import { foldRows } from '../../../lakehouse/core/fold.ts'
import { hourlyTable } from '../../../schemas/tables.ts'

/** Folded, as texts, in order. Nothing else may have the folder open. */
export async function hourRows(dataDir: string, generation: number): Promise<readonly string[]> {
  const instance = await DuckDBInstance.create(':memory:')
  try {
    const lake = createLocalLake({
      ...{ instance, random: systemRandom, clock: systemClock, scratch: join(dataDir, 'scratch', 'compared') },
      objects: await folderObjectStore(nodeDisk(dataDir), '', { leftovers: 'keep' }),
      location: `file://${dataDir}/lake`,
    })
    const [newest] = await lake.snapshots('hourly')
    const found: LakeRow[] = []
    for await (const rows of lake.scan({ table: 'hourly', snapshot: newest?.id ?? null, pending: [] })) {
      for (const row of rows) {
        if (Number(row._gen) === generation) found.push({ ...row, _gen: 0, _src: '', _part: 0 })
      }
    }
    return foldRows(hourlyTable, found).map(textOf).sort()
  } finally {
    instance.closeSync()
  }
}

function textOf({ merchant, bucket, breakdown, value, hits, pageviews, orders, ...row }: LakeRow): string {
  const visitors = (row.visitors as readonly unknown[] | null)?.length ?? 0
  const at = new Date(Number(bucket)).toISOString()
  return JSON.stringify([merchant, at, breakdown, value, hits, pageviews, orders, row.revenue_micros, visitors], plain)
}

const plain = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value)
