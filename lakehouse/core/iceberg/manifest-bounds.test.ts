/** What manifests say of their files for scans to skip them by. */
import { describe, expect, it } from 'vitest'
import { dataFile, nameOf, TableUnderTest } from '../../test/iceberg-table-under-test.ts'
import { appendFiles } from './append.ts'
import { deleteFiles } from './replace.ts'
import { int32 } from './single-value.ts'

describe('a manifest', () => {
  it('says from which partition to which its files are, in whatever order they came', async () => {
    const table = new TableUnderTest()
    const files = [100, 98, 103, 99].map((day) => dataFile(`of-${day}`, { partition: [day] }))
    await appendFiles(table.open(), 1, files)
    const [manifest] = await table.manifests()
    expect(manifest?.partitions).toEqual([{ lower: int32(98), upper: int32(103), hasNull: false }])
  })

  it('keeps the bounds of each file, the lower as the lower', async () => {
    const table = new TableUnderTest()
    const [lowerBounds, upperBounds] = ['anna', 'zoe'].map((name) => new Map([[1, Buffer.from(name)]]))
    const bounds = { ...(lowerBounds && { lowerBounds }), ...(upperBounds && { upperBounds }) }
    await appendFiles(table.open(), 1, [dataFile('a', bounds)])
    const [file] = await table.liveFiles()
    expect(file?.lowerBounds.get(1)?.toString()).toBe('anna')
    expect(file?.upperBounds.get(1)?.toString()).toBe('zoe')
  })

  it('forgets the bounds of a file that leaves, for they may be what had to be erased', async () => {
    const table = new TableUnderTest()
    const bounds = new Map([[1, Buffer.from('anna')]])
    const files = ['a', 'b'].map((name) => dataFile(name, { lowerBounds: bounds, upperBounds: bounds }))
    await appendFiles(table.open(), 1, files)
    const removed = (await table.liveFiles()).filter((file) => nameOf(file) === 'a')
    await deleteFiles(table.open(), { removed, named: {} })
    const sizes = (await table.entries()).map(({ status, file }) => [
      ...[nameOf(file), status],
      ...[file.lowerBounds.size, file.upperBounds.size],
    ])
    expect(sizes.sort()).toEqual([
      ['a', 'deleted', 0, 0],
      ['b', 'existing', 1, 1],
    ])
  })
})
