/** Which publications a snapshot holds, where its history no longer says: by the column of its rows. */
import type { TableName } from '../../../core/tables.ts'
import { column, type Select } from './ast.ts'

/** One column, one row: the largest `_publish`, null where there are no rows. */
export function publishedThroughSelect(table: TableName): Select {
  return {
    columns: [{ expression: { kind: 'max', of: column('_publish') }, as: 'publish' }],
    from: { relation: { kind: 'table', table, columns: ['_publish'] }, as: 'rows' },
  }
}
