/**
 * What stands for a table in a question: the table at its view's snapshot. Trino reads a snapshot with the columns that the
 * table had then; those that came later read as null, as everywhere else. Which columns those are is asked only once a
 * statement has failed for want of one, which is from an upgrade to the table's next snapshot.
 */
import { TrinoQueryError } from '../../../core/errors.ts'
import type { TableView } from '../../../core/ports/lake.ts'
import type { TableName } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import { quotedName, type TableText } from '../../core/sql/printer.ts'
import { type TrinoPlace, trinoTable, trinoType } from './tables.ts'

/** Snapshots whose columns are remembered; the one remembered first gives way. */
export const maxKnownSnapshots = 64

type Read = (statement: string) => Promise<readonly (readonly unknown[])[]>

export class TrinoSources {
  /** Columns of snapshots that lack some, by the text that reads the snapshot. */
  private readonly columns = new Map<string, ReadonlySet<string>>()

  constructor(private readonly place: TrinoPlace) {}

  /**
   * Prints and runs a statement over the views; a second time, where it named columns that a snapshot does not have.
   * @throws RangeError where a snapshot is no decimal number
   */
  async run<T>(views: readonly TableView[], read: Read, work: (source: TableText) => Promise<T>): Promise<T> {
    const texts = this.texts(views)
    try {
      return await work((table, names) => this.source(texts, table, names))
    } catch (error) {
      if (!(error instanceof TrinoQueryError) || error.errorName !== 'COLUMN_NOT_FOUND') throw error
      for (const text of texts.values()) await this.learn(text, read)
      return work((table, names) => this.source(texts, table, names))
    }
  }

  private texts(views: readonly TableView[]): ReadonlyMap<TableName, string> {
    return new Map(
      views.flatMap(({ table, snapshot }) => {
        if (snapshot === null) return []
        if (!/^\d{1,19}$/.test(snapshot)) throw new RangeError(`${snapshot} is no snapshot id`)
        return [[table, `${trinoTable(this.place, table)} FOR VERSION AS OF ${snapshot}`]]
      }),
    )
  }

  private source(texts: ReadonlyMap<TableName, string>, table: TableName, names: readonly string[]): string {
    const text = texts.get(table)
    if (text === undefined) throw new RangeError(`the question has no view of ${table}`)
    const known = this.columns.get(text)
    if (known === undefined || names.every((name) => known.has(name))) return text
    const columns = tables[table].columns
      .filter(({ name }) => names.includes(name))
      .map(({ name, type }) =>
        known.has(name) ? quotedName(name) : `CAST(NULL AS ${trinoType(type)}) AS ${quotedName(name)}`,
      )
    return `(SELECT ${columns.join(', ')} FROM ${text})`
  }

  private async learn(text: string, read: Read): Promise<void> {
    if (this.columns.has(text)) return
    // One row a column, and one for the table, whose name is null.
    const rows = await read(`SHOW STATS FOR (SELECT * FROM ${text})`)
    const [oldest] = this.columns.keys()
    if (this.columns.size === maxKnownSnapshots && oldest !== undefined) this.columns.delete(oldest)
    this.columns.set(text, new Set(rows.flatMap(([name]) => (typeof name === 'string' ? [name] : []))))
  }
}
