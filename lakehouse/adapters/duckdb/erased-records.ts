/** The text columns of a control store in DuckDB, in a proof of erasure: of a copy, for a running server locks its file. */
import type { DuckDBInstance } from '@duckdb/node-api'
import type { RecordSearch } from '../../core/erasure-proof/ports.ts'
import { withConnection } from './parquet.ts'
import { quoteName, textLiteral } from './parquet-sql.ts'

/** `name` and `bytes` are of the file that it is a copy of. */
export function createErasedRecords(
  instance: DuckDBInstance,
  of: { readonly name: string; readonly bytes: number },
): RecordSearch {
  return {
    search: (needle) =>
      withConnection(instance, async (connection) => {
        const rows = async (sql: string) => (await connection.runAndReadAll(sql)).getRows()
        const columns = await rows(
          `SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal ORDER BY ALL`,
        )
        const tables = new Set(columns.map(([table]) => String(table)))
        const finds: { table: string; column: string; rows: number }[] = []
        for (const [table, column, type] of needle.value === null ? [] : columns) {
          if (!/VARCHAR|BLOB|JSON/.test(String(type))) continue
          const text = `CAST(${quoteName(String(column))} AS VARCHAR)`
          const is = [needle.value ?? '', ...needle.words].map((word, at) =>
            at === 0 ? `${text} = ${textLiteral(word)}` : `contains(${text}, ${textLiteral(word)})`,
          )
          const [counted] = await rows(`SELECT count(*) FROM ${quoteName(String(table))} WHERE ${is.join(' OR ')}`)
          const count = Number(counted?.[0])
          if (count > 0) finds.push({ table: String(table), column: String(column), rows: count })
        }
        return { name: of.name, tables: tables.size, bytes: of.bytes, finds }
      }),
  }
}
