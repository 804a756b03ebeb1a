import { expect, it } from 'vitest'
import { TrinoQueryError } from '../../../core/errors.ts'
import { createTrinoVerify } from './verify.ts'

/** A Trino that answers so about a table's files and about the rows it reads. */
function verified(files: readonly (readonly unknown[])[], rows: readonly (readonly unknown[])[] | Error) {
  const query = async (sql: string): Promise<unknown[][]> => {
    if (sql.includes('$refs')) return [['1']]
    if (sql.includes('$files')) return files.map((row) => [...row])
    if (rows instanceof Error) throw rows
    return rows.map((row) => [...row])
  }
  return createTrinoVerify({ trino: { query }, catalog: 'lake', schema: 'tables' })('hits')
}

it('finds files of another number of rows than stated; where rows are deleted, of more', async () => {
  expect(await verified([['a', 2, 0]], [['a', 2]])).toEqual([])
  expect(await verified([['a', 2, 0]], [['a', 1]])).toMatchObject([
    { at: 'a', says: expect.stringContaining('1 rows') },
  ])
  expect(await verified([['a', 2, 0]], [])).toMatchObject([{ at: 'a', says: expect.stringContaining('0 rows') }])
  const deletes = ['d', 1, 1]
  expect(await verified([['a', 2, 0], deletes], [['a', 1]])).toEqual([])
  expect(await verified([['a', 2, 0], deletes], [['a', 3]])).toHaveLength(1)
})

it('finds that files cannot be read', async () => {
  const error = Object.assign(Object.create(TrinoQueryError.prototype) as Error, { message: 'ICEBERG_MISSING_DATA' })
  const [fault] = await verified([['a', 2, 0]], error)
  expect(fault?.says).toContain('they cannot all be read: ICEBERG_MISSING_DATA')
})
