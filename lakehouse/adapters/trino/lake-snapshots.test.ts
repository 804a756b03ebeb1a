import { describe, expect, it } from 'vitest'
import { TrinoQueryError } from '../../../core/errors.ts'
import { tables } from '../../../schemas/tables.ts'
import { allSnapshots } from './lake-snapshots.ts'

describe('snapshots of a table', () => {
  const refused = (errorName: string) => ({
    query: () => Promise.reject(new TrinoQueryError(errorName, 'USER_ERROR', 'q', '')),
  })
  const of = (trino: ReturnType<typeof refused>) =>
    allSnapshots({ trino, catalog: 'lake', schema: 'hitlake_tables' }, tables.hits)

  it('that is not made yet are none, whether its schema is or not', async () => {
    expect(await of(refused('TABLE_NOT_FOUND'))).toEqual([])
    expect(await of(refused('SCHEMA_NOT_FOUND'))).toEqual([])
  })

  it('are not said to be none for any other reason', async () => {
    await expect(of(refused('PERMISSION_DENIED'))).rejects.toMatchObject({ code: 'TRINO_QUERY_FAILED' })
  })
})
