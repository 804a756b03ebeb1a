/** The text columns of a control store in PostgreSQL, in a proof of erasure. */
import type { RecordSearch } from '../../core/erasure-proof/ports.ts'
import { openDatabase } from './database.ts'

/** A table that takes longer counts as not read. */
export const tableTimeoutMs = 5 * 60_000

/** Connections of its own, that change nothing. */
export function createErasedRecords(url: string): RecordSearch & { close(): Promise<void> } {
  const database = openDatabase({ url, poolSize: 1, statementTimeoutMs: tableTimeoutMs })
  return {
    close: () => database.close(),
    search: (needle) =>
      database.read(async (sql) => {
        const columns = await sql.rows<{ table: string; column: string }>(
          `SELECT c.table_name AS "table", c.column_name AS "column" FROM information_schema.columns c
           JOIN information_schema.tables t USING (table_schema, table_name)
           WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE'
             AND (c.data_type IN ('text', 'character varying', 'json', 'jsonb', 'bytea', 'ARRAY')) ORDER BY 1, 2`,
        )
        const tables = await sql.rows<{ bytes: number }>(
          `SELECT pg_total_relation_size(c.oid)::int8 AS bytes FROM pg_class c
           WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace`,
        )
        const finds: { table: string; column: string; rows: number }[] = []
        for (const { table, column } of needle.value === null ? [] : columns) {
          const words = [needle.value ?? '', ...needle.words]
          const text = `${quote(column)}::text`
          const is = words.map((_, at) => (at === 0 ? `${text} = $1` : `strpos(${text}, $${at + 1}) > 0`)).join(' OR ')
          const [found] = await sql.rows<{ rows: number }>(
            `SELECT count(*)::int8 AS rows FROM ${quote(table)} WHERE ${is}`,
            words,
          )
          const rows = Number(found?.rows)
          if (rows > 0) finds.push({ table, column, rows })
        }
        const bytes = tables.reduce((sum, each) => sum + Number(each.bytes), 0)
        return { name: 'PostgreSQL', tables: tables.length, bytes, finds }
      }),
  }
}

const quote = (name: string) => `"${name.replaceAll('"', '""')}"`
