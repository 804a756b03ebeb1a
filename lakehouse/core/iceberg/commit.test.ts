import { expect, it } from 'vitest'
import { dataFile, racingStore, TableUnderTest } from '../../test/iceberg-table-under-test.ts'
import { appendFiles } from './append.ts'
import { metadataLogMaxEntries } from './metadata.ts'

it('a commit that slept until its name was free again does not count, even where the hint trails', async () => {
  const table = new TableUnderTest()
  await table.publish('a')
  const objects = racingStore(table.objects, async () => {
    for (let n = 0; n < metadataLogMaxEntries + 5; n++) await table.publish(`rival${n}`)
    await table.objects.put(table.open().layout.versionHint, Buffer.from('3'))
  })
  await appendFiles(table.open({ objects }), 1_000, [dataFile('late')])
  expect(await table.names()).toHaveLength(metadataLogMaxEntries + 7)
  expect(await table.names()).toContain('late')
})
