/**
 * Holds a Trino table against its metadata as far as Trino shows it: every file it names can be read, and holds as many rows
 * as stated. Of rows only one small column is read. What Trino keeps
 * of a file in memory it does not look for again, so a file that is gone may be missed for an hour.
 */
import { TrinoQueryError } from '../../../core/errors.ts'
import type { LakeUpkeep, TableFault } from '../../../core/ports/lake.ts'
import { tables } from '../../../schemas/tables.ts'
import type { Trino } from './client.ts'
import { currentSnapshot } from './lake-snapshots.ts'
import { type TrinoPlace, trinoTable } from './tables.ts'

/** Faults that are listed; more of them say nothing new. */
export const faultsMax = 100
/** Looks at a table that others write to meanwhile; then it is left to the next time. */
const looksMax = 5

const mend = 'bring the file back from a copy of the bucket, or roll back to a snapshot without it'

export function createTrinoVerify(
  options: TrinoPlace & { readonly trino: Pick<Trino, 'query'> },
): LakeUpkeep['verify'] {
  const { trino } = options

  return async (table) => {
    for (let look = 1; ; look++) {
      const before = await currentSnapshot(options, tables[table])
      const stated = await trino.query(
        `SELECT file_path, record_count, content FROM ${trinoTable(options, `${table}$files`)}`,
      )
      const counted = await countRows(trinoTable(options, table))
      const isSame = before === (await currentSnapshot(options, tables[table]))
      if (isSame) return 'says' in counted ? [counted] : compare(stated, counted)
      if (look === looksMax) return []
    }
  }

  async function countRows(table: string): Promise<ReadonlyMap<string, number> | TableFault> {
    try {
      // Without a column Trino believes the manifests and opens nothing.
      const rows = await trino.query(`SELECT "$path", count(*), count("_publish") FROM ${table} GROUP BY 1`)
      return new Map(rows.map(([path, count]) => [String(path), Number(count)]))
    } catch (error) {
      if (!(error instanceof TrinoQueryError)) throw error
      return { at: 'its files', says: `they cannot all be read: ${error.message}`, mend }
    }
  }
}

/** Delete files say how many positions they name, not of which file: with them a file may only hold fewer. */
function compare(stated: readonly (readonly unknown[])[], counted: ReadonlyMap<string, number>): readonly TableFault[] {
  const hasDeletes = stated.some(([, , content]) => Number(content) !== 0)
  const faults: TableFault[] = []
  for (const [path, count, content] of stated) {
    if (Number(content) !== 0 || faults.length >= faultsMax) continue
    const rows = counted.get(String(path)) ?? 0
    if (rows === Number(count) || (hasDeletes && rows < Number(count))) continue
    faults.push({ at: String(path), says: `it has ${rows} rows, its manifest says ${count}`, mend })
  }
  return faults
}
