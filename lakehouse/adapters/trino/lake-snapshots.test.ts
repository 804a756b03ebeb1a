import { describe, expect, it } from 'vitest'
import { TrinoQueryError } from '../../../core/errors.ts'
import { tables } from '../../../schemas/tables.ts'
import { allSnapshots, currentSnapshotIfAny } from './lake-snapshots.ts'

describe('snapshots of a table', () => {
  const refused = (errorName: string) => ({
    query: () => Promise.reject(new TrinoQueryError(errorName, 'USER_ERROR', 'q', '')),
  })
  const place = { catalog: 'lake', schema: 'hitlake_tables' }
  const all = (trino: ReturnType<typeof refused>) => allSnapshots({ trino, ...place }, tables.hits)
  const current = (trino: ReturnType<typeof refused>) => currentSnapshotIfAny({ trino, ...place }, tables.hits)

  it('that is not made yet are none, whether its schema is or not', async () => {
    for (const reason of ['TABLE_NOT_FOUND', 'SCHEMA_NOT_FOUND']) {
      expect(await all(refused(reason))).toEqual([])
      expect(await current(refused(reason))).toBeNull()
    }
  })

  it('are not said to be none for any other reason', async () => {
    for (const ask of [all, current]) {
      await expect(ask(refused('PERMISSION_DENIED'))).rejects.toMatchObject({ code: 'TRINO_QUERY_FAILED' })
    }
    const without = { trino: { query: async () => [] }, ...place }
    await expect(currentSnapshotIfAny(without, tables.hits)).rejects.toMatchObject({ code: 'LAKE_TABLE_CORRUPT' })
  })
})
