import { describe, expect, it } from 'vitest'
import { failedHitsTable } from '../../../schemas/tables.ts'
import { newMetadata, type TableMetadata } from './metadata.ts'
import { resolveSnapshot, type WantedSnapshot } from './read-ref.ts'

const foreign = 9_223_372_036_854_775_001n
const snapshot = (id: number | bigint, at: number, parent?: number | bigint) => ({
  'snapshot-id': id,
  ...(parent === undefined ? {} : { 'parent-snapshot-id': parent }),
  'timestamp-ms': at,
  'manifest-list': `file:///lake/failed_hits/metadata/${id}.avro`,
})
const log = (at: number, id: number | bigint) => ({ 'timestamp-ms': at, 'snapshot-id': id })

// 1 at 100, 2 at 200, rolled back to 1 at 250, then `foreign` on top of 1 at 300.
const table: TableMetadata = {
  ...newMetadata({ definition: failedHitsTable, uuid: 'u', location: 'file:///lake/failed_hits', now: 1 }),
  snapshots: [snapshot(1, 100), snapshot(2, 200, 1), snapshot(foreign, 300, 1)],
  'current-snapshot-id': foreign,
  'snapshot-log': [log(100, 1), log(200, 2), log(250, 1), log(300, foreign)],
  refs: {
    main: { 'snapshot-id': foreign, type: 'branch' },
    audit: { 'snapshot-id': 2, type: 'branch' },
    march: { 'snapshot-id': 1, type: 'tag' },
    gone: { 'snapshot-id': 99, type: 'tag' },
  },
}

const idOf = (wanted: WantedSnapshot, metadata = table) =>
  String(resolveSnapshot('failed_hits', metadata, wanted)['snapshot-id'])

describe('a snapshot', () => {
  it.each<[string, WantedSnapshot, bigint | number]>([
    ['an id of 63 bits', { snapshot: String(foreign) }, foreign],
    ['a tag', { tag: 'march' }, 1],
    ['a branch', { branch: 'audit' }, 2],
    ['the main branch', { branch: 'main' }, foreign],
    ['the moment it became current', { asOf: 200 }, 2],
    ['a moment before the next', { asOf: 199 }, 1],
    ['a moment after a rollback', { asOf: 299 }, 1],
    ['a moment after the last', { asOf: 1e15 }, foreign],
  ])('is found by %s', (_case, wanted, id) => {
    expect(idOf(wanted)).toBe(String(id))
  })

  it.each<[string, WantedSnapshot, string, string]>([
    ['an id the table has not', { snapshot: '5' }, 'SNAPSHOT_NOT_FOUND', 'no snapshot 5'],
    ['an id that is no number', { snapshot: 'x' }, 'SNAPSHOT_NOT_FOUND', 'no snapshot x'],
    ['a tag the table has not', { tag: 'april' }, 'LAKE_REF_NOT_FOUND', 'no tag "april"'],
    ['a tag that is a branch', { tag: 'audit' }, 'LAKE_REF_NOT_FOUND', 'no tag "audit"'],
    ['a branch that is a tag', { branch: 'march' }, 'LAKE_REF_NOT_FOUND', 'no branch "march"'],
    ['the name of a property of every object', { tag: 'constructor' }, 'LAKE_REF_NOT_FOUND', 'no tag "constructor"'],
    ['a tag whose snapshot is gone', { tag: 'gone' }, 'SNAPSHOT_NOT_FOUND', 'no snapshot 99'],
    ['a moment before the first', { asOf: 99 }, 'LAKE_REF_NOT_FOUND', 'no snapshot as old as 1970-01-01T00:00:00.099Z'],
    ['a time that is no number', { asOf: Number.NaN }, 'LAKE_REF_NOT_FOUND', 'no snapshot as old as NaN'],
  ])('is not found by %s', (_case, wanted, code, message) => {
    const resolve = () => idOf(wanted)
    expect(resolve).toThrow(message)
    expect(resolve).toThrow(expect.objectContaining({ code }))
  })

  it('is found by time along the history where the table has no log', () => {
    const bare = { ...table, 'snapshot-log': [] }
    expect(idOf({ asOf: 299 }, bare)).toBe('1')
    expect(idOf({ asOf: 300 }, bare)).toBe(String(foreign))
    expect(() => idOf({ asOf: 99 }, bare)).toThrow('no snapshot as old')
  })

  it('of the main branch is the current one where no refs are kept', () => {
    expect(idOf({ branch: 'main' }, { ...table, refs: {} })).toBe(String(foreign))
    expect(() => idOf({ branch: 'main' }, { ...table, refs: {}, 'current-snapshot-id': -1 })).toThrow(
      'no branch "main"',
    )
  })
})
