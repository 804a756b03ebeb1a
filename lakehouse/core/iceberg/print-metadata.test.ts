import { describe, expect, it } from 'vitest'
import { TableUnderTest } from '../../test/iceberg-table-under-test.ts'
import { type JsonValue, printJson } from './json.ts'
import { printMetadata, type SnapshotJson, type TableMetadata } from './metadata.ts'
import { readMetadata } from './read-metadata.ts'
import { setTag } from './refs.ts'

async function history(): Promise<TableMetadata> {
  const table = new TableUnderTest()
  const first = await table.publish('a')
  await table.publish('b')
  await setTag(table.open(), { name: 'first', snapshot: first, until: null })
  return table.metadata()
}

const plain = (metadata: TableMetadata) => printJson(metadata as unknown as JsonValue)
const printed = (metadata: TableMetadata) => printMetadata(metadata).toString('utf8')

describe('the text of a metadata file', () => {
  it('is the plain JSON of the metadata, the first time and again', async () => {
    const metadata = await history()
    expect(printed(metadata)).toBe(plain(metadata))
    expect(printed(metadata)).toBe(plain(metadata))
    expect(printed({ ...metadata, snapshots: undefined as never, refs: {} })).toBe(
      plain({ ...metadata, snapshots: undefined as never, refs: {} }),
    )
  })

  it('follows a version that has more snapshots, fewer, or others in their place', async () => {
    const metadata = await history()
    const [first, second] = metadata.snapshots as [SnapshotJson, SnapshotJson]
    printMetadata(metadata)
    const changed = { ...first, summary: { operation: 'append', note: 'another “one”' } }
    for (const snapshots of [[second], [first, second, { ...second, 'snapshot-id': 7 }], [changed, second], []]) {
      const next = { ...metadata, snapshots }
      expect(printed(next)).toBe(plain(next))
    }
  })

  it('keeps 63-bit ids of other writers among ids of ours', async () => {
    const metadata = await history()
    const id = 9_223_372_036_854_775_807n
    const [first] = metadata.snapshots as [SnapshotJson]
    const foreign = { ...first, 'snapshot-id': id, 'parent-snapshot-id': first['snapshot-id'] }
    const next = {
      ...metadata,
      'current-snapshot-id': id,
      refs: { ...metadata.refs, main: { 'snapshot-id': id, type: 'branch' as const } },
      snapshots: [...(metadata.snapshots ?? []), foreign],
      'snapshot-log': [...(metadata['snapshot-log'] ?? []), { 'timestamp-ms': 1, 'snapshot-id': id }],
    }
    expect(printed(next)).toContain('"snapshot-id":9223372036854775807,"sequence')
    const read = readMetadata('t', 'f', printMetadata(next))
    expect([read, read['current-snapshot-id']]).toEqual([next, id])
  })
})
