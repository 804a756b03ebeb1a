import { afterAll, expect, it } from 'vitest'
import { dayMs, eventTime } from '../../../core/event-time.ts'
import { hitRow } from '../../../core/ports/lake.contract.ts'
import { openTrinoLake, type TrinoLakeUnderTest } from '../../test/trino-lake-under-test.ts'

let under: TrinoLakeUnderTest
afterAll(() => under.close())

it('manifests of a Trino table become few, ordered by partition; rows are the same', async () => {
  under = await openTrinoLake(['hits'])
  const lake = under.lake()
  const noon = eventTime('2026-03-01T12:00:00Z')
  expect((await lake.manifests('hits')).manifests).toBe(0)
  for (const id of [1, 2, 3, 4]) {
    const rows = [0, 1].map((n) => hitRow({ id: `${id} ${n}`, _off: 2 * id + n, time: noon + n * dayMs }))
    await lake.publish('hits', id, [await lake.stage('hits', `staged/${id}`, rows)])
  }
  expect(await lake.manifests('hits')).toEqual({ manifests: 4, perPeriod: 4 })
  const before = await under.rows('hits')
  const done = await lake.mergeManifests('hits')
  expect((await lake.snapshots('hits'))[0]).toMatchObject({ id: done?.snapshot, operation: 'replace' })
  expect(await lake.manifests('hits')).toEqual({ manifests: 1, perPeriod: 1 })
  expect(await under.rows('hits')).toEqual(before)
  expect(await lake.mergeManifests('hits')).toBeNull()
})
