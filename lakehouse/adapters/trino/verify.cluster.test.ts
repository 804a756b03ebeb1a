import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { systemRandom, systemTimers } from '../../../core/adapters/node/system.ts'
import { s3ObjectStore } from '../../../core/adapters/s3/s3-object-store.ts'
import { eventTime } from '../../../core/event-time.ts'
import { hitRow } from '../../../core/ports/lake.contract.ts'
import { openTrinoLake, type TrinoLakeUnderTest } from '../../test/trino-lake-under-test.ts'
import { trinoTable } from './tables.ts'

let under: TrinoLakeUnderTest
afterAll(() => under.close())

it('finds nothing wrong with a table that is whole, also with deleted rows; a file that is gone it finds', async () => {
  under = await openTrinoLake()
  const lake = under.lake()
  const time = eventTime('2026-03-01T12:00:00Z')
  expect(await lake.verify('hits')).toEqual([])
  for (const id of [1, 2]) {
    const rows = [0, 1].map((n) => hitRow({ id: `${id} ${n}`, _off: 2 * id + n, time }))
    await lake.publish('hits', id, [await lake.stage('hits', `staged/${id}`, rows)])
  }
  expect(await lake.verify('hits')).toEqual([])
  const table = trinoTable(under, 'hits')
  await under.trino.query(`DELETE FROM ${table} WHERE id = '1 0'`, { effect: 'writes' })
  expect(await lake.verify('hits')).toEqual([])

  const [[path] = []] = await under.trino.query(`SELECT DISTINCT "$path" FROM ${table} WHERE id = '2 0'`)
  const { hostname, pathname } = new URL(String(path))
  const { HITLAKE_S3_ENDPOINT, HITLAKE_S3_REGION, HITLAKE_S3_ACCESS_KEY, HITLAKE_S3_SECRET_KEY } = process.env
  const bucket = await s3ObjectStore({
    bucket: hostname,
    prefix: '',
    scratch: join(under.scratch, 'bucket'),
    endpoint: HITLAKE_S3_ENDPOINT ?? '',
    region: HITLAKE_S3_REGION ?? '',
    accessKey: HITLAKE_S3_ACCESS_KEY ?? '',
    secretKey: HITLAKE_S3_SECRET_KEY ?? '',
    timers: systemTimers,
    random: systemRandom,
  })
  await bucket.remove(decodeURIComponent(pathname.slice(1)))
  await bucket.close()
  const [fault, ...more] = await lake.verify('hits')
  expect(fault?.says).toContain('cannot all be read')
  expect(more).toEqual([])
})
