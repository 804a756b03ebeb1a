import { describe, expect, it } from 'vitest'
import type { Column } from '../../../core/tables.ts'
import { readFiles } from './deleted-rows.ts'
import { readParquet } from './parquet-sql.ts'

const columns: readonly Column[] = [
  { id: 1, name: 'merchant', type: 'string', doc: '' },
  { id: 9, name: 'title', type: 'string', doc: '' },
]
const schema = (title = 9) =>
  `schema = MAP {1: {name: 'merchant', type: 'VARCHAR', default_value: NULL}, ${title}: {name: 'title', type: 'VARCHAR', default_value: NULL}}, hive_partitioning = false`
const deletes = [{ localPath: '/d', uri: "s3://lake/it's" }]

describe('the SQL of a table’s files', () => {
  it('of which no row is deleted is one reading of them, as of any Parquet files', () => {
    const files = [{ localPath: '/a' }, { localPath: '/b', deletes: [], dropped: [] }]
    expect(readFiles(columns, files)).toBe(readParquet(columns, ['/a', '/b']))
    expect(readFiles(columns, files)).toBe(`read_parquet(['/a', '/b'], ${schema()})`)
  })

  it('joins only the files that have deletes with these', () => {
    expect(readFiles(columns, [{ localPath: '/a' }, { localPath: '/b', deletes }, { localPath: '/c' }])).toBe(
      `(SELECT "merchant", "title" FROM read_parquet(['/a', '/c'], ${schema()}) UNION ALL ` +
        `SELECT "merchant", "title" FROM (SELECT "merchant", "title" FROM read_parquet(['/b'], ${schema()}) AS kept ` +
        'WHERE NOT EXISTS (SELECT 1 FROM (SELECT pair.data, gone.pos FROM ' +
        "read_parquet(['/d'], schema = MAP {2147483546: {name: 'file_path', type: 'VARCHAR', default_value: NULL}, " +
        "2147483545: {name: 'pos', type: 'BIGINT', default_value: NULL}}, hive_partitioning = false) AS gone " +
        "JOIN (VALUES ('/d', ('s3://lake/it''s'), '/b')) AS pair(deletes, uri, data) " +
        'ON gone.filename = pair.deletes AND gone.file_path = pair.uri) AS row_gone ' +
        'WHERE row_gone.data = kept.filename AND row_gone.pos = kept.file_row_number)))',
    )
  })

  it('asks for a dropped column under an id that no file has', () => {
    expect(readFiles(columns, [{ localPath: '/a', dropped: [9] }])).toBe(`read_parquet(['/a'], ${schema(-9)})`)
  })
})
