import { describe, expect, it } from 'vitest'
import { failedHitsTable } from '../../../schemas/tables.ts'
import { newMetadata, type SnapshotJson, type TableMetadata } from './metadata.ts'
import { applyUpdates, checkRequirements, movedUri, type TableUpdate } from './updates.ts'

const empty = newMetadata({ definition: failedHitsTable, uuid: 'u', location: 'file:///lake/t', now: 1_000 })
const snapshot = (id: number, change: Partial<SnapshotJson> = {}): SnapshotJson => ({
  'snapshot-id': id,
  'sequence-number': id,
  'timestamp-ms': 1_000 + id,
  'manifest-list': `file:///lake/t/metadata/snap-${id}.avro`,
  ...change,
})
const onMain = (id: number): TableUpdate => ({
  action: 'set-ref',
  name: 'main',
  ref: { 'snapshot-id': id, type: 'branch' },
})
const tag = (name: string, id: number): TableUpdate => ({
  action: 'set-ref',
  name,
  ref: { 'snapshot-id': id, type: 'tag' },
})
const commit = (base: TableMetadata, id: number, now = 1_000 + id) =>
  applyUpdates(base, [{ action: 'add-snapshot', snapshot: snapshot(id) }, onMain(id)], now)
const three = [1, 2, 3].reduce((base, id) => commit(base, id), empty)
const logged = (metadata: TableMetadata) => (metadata['snapshot-log'] ?? []).map((entry) => entry['snapshot-id'])

describe('updates', () => {
  it('leave the metadata they are applied to, and fields nobody knows, as they were', () => {
    const before = { ...three, 'x-unknown': [1] } as TableMetadata
    const text = JSON.stringify(before)
    expect(commit(before, 4)).toMatchObject({ 'x-unknown': [1], 'current-snapshot-id': 4 })
    expect(JSON.stringify(before)).toBe(text)
  })

  it('move main, and the log says when; a tag is no change of what is current', () => {
    const next = applyUpdates(three, [tag('a', 2), onMain(1)], 9_000)
    expect(next['current-snapshot-id']).toBe(1)
    expect(next['snapshot-log']?.at(-1)).toEqual({ 'timestamp-ms': 9_000, 'snapshot-id': 1 })
    expect(logged(next)).toEqual([1, 2, 3, 1])
    expect(logged(applyUpdates(three, [onMain(3)], 9_000))).toEqual([1, 2, 3])
  })

  it('never step back in time, whatever the clock says', () => {
    const next = applyUpdates(three, [onMain(1)], 5)
    expect(next['last-updated-ms']).toBe(three['last-updated-ms'])
    expect(next['snapshot-log']?.at(-1)?.['timestamp-ms']).toBe(three['last-updated-ms'])
  })

  it('that take snapshots out take their statistics along, and the log up to the last of them', () => {
    const file = (id: number) => ({ 'snapshot-id': id, 'statistics-path': `file:///lake/t/metadata/${id}.puffin` })
    const base = commit({ ...three, statistics: [file(2), file(3)], 'partition-statistics': [file(1)] }, 4)
    const next = applyUpdates(base, [{ action: 'remove-snapshots', ids: ['2'] }], 9_000)
    expect(next.snapshots?.map((one) => one['snapshot-id'])).toEqual([1, 3, 4])
    expect(logged(next)).toEqual([3, 4])
    expect(next.statistics).toEqual([file(3)])
    expect(next['partition-statistics']).toEqual([file(1)])
  })

  it.each<[string, TableUpdate[]]>([
    ['take out the current snapshot', [{ action: 'remove-snapshots', ids: ['3'] }]],
    ['take out a tagged one', [tag('a', 1), { action: 'remove-snapshots', ids: ['1'] }]],
    ['name a snapshot that is not there', [tag('a', 9)]],
    ['remove main', [{ action: 'remove-ref', name: 'main' }]],
    ['add a snapshot twice', [{ action: 'add-snapshot', snapshot: snapshot(3, { 'sequence-number': 4 }) }]],
    ['use a sequence number again', [{ action: 'add-snapshot', snapshot: snapshot(4, { 'sequence-number': 3 }) }]],
    ['make a schema current that is not there', [{ action: 'set-current-schema', schemaId: 7 }]],
    [
      'move the table without its manifest lists',
      [{ action: 'relocate', from: 'a', to: 'b', manifestLists: new Map() }],
    ],
  ])('that would %s are a fault of the program', (_what, updates) => {
    expect(() => applyUpdates(three, updates, 9_000)).toThrow(RangeError)
  })

  it('never lower the last column id', () => {
    const schema = { ...(empty.schemas[0] as never as object), type: 'struct' as const, 'schema-id': 1, fields: [] }
    const next = applyUpdates(empty, [{ action: 'add-schema', schema, lastColumnId: 2 }], 1)
    expect(next['last-column-id']).toBe(empty['last-column-id'])
  })
})

describe('requirements', () => {
  const tagged = applyUpdates(three, [tag('a', 2)], 2_000)

  it.each([
    [
      { type: 'uuid', uuid: 'u' },
      { type: 'uuid', uuid: 'other' },
    ],
    [
      { type: 'main', snapshot: '3' },
      { type: 'main', snapshot: '2' },
    ],
    [
      { type: 'last-sequence-number', sequence: 3n },
      { type: 'last-sequence-number', sequence: 2n },
    ],
    [
      { type: 'current-schema', schemaId: 0 },
      { type: 'current-schema', schemaId: 1 },
    ],
    [
      { type: 'last-column-id', columnId: empty['last-column-id'] },
      { type: 'last-column-id', columnId: 0 },
    ],
    [
      { type: 'snapshots', ids: ['1', '2', '3'] },
      { type: 'snapshots', ids: ['1', '3'] },
    ],
    [
      { type: 'refs', refs: { a: { 'snapshot-id': 2, type: 'tag' } } },
      { type: 'refs', refs: {} },
    ],
    [
      { type: 'location', location: 'file:///lake/t' },
      { type: 'location', location: 'file:///lake' },
    ],
  ] as const)('hold or are named: %o', (held, broken) => {
    expect(checkRequirements(tagged, [held, broken])).toEqual([broken])
  })

  it('of a table without snapshots: main is nowhere', () => {
    expect(checkRequirements(empty, [{ type: 'main', snapshot: null }])).toEqual([])
    expect(checkRequirements(three, [{ type: 'main', snapshot: null }])).toHaveLength(1)
  })
})

describe('a URI moved', () => {
  it.each([
    ['file:/old/t/data/x', 's3://new/t/data/x'],
    ['file:///old/t', 's3://new/t'],
    ['file:///old/table/x', 'file:///old/table/x'],
    ['file:///else/x', 'file:///else/x'],
  ])('%s is then %s', (uri, moved) => {
    expect(movedUri(uri, 'file:///old/t', 's3://new/t')).toBe(moved)
  })
})
