import { describe, expect, it } from 'vitest'
import type { PlatformError } from '../../../core/errors.ts'
import { failedHitsTable } from '../../../schemas/tables.ts'
import { newMetadata, printMetadata, type TableMetadata } from './metadata.ts'
import { uriMaxLength } from './read-json.ts'
import { jsonMaxDepth, jsonNumberMaxLength } from './read-json-limits.ts'
import { metadataMaxBytes, readMetadata } from './read-metadata.ts'

const sound = newMetadata({ definition: failedHitsTable, uuid: 'u', location: 'file:///lake/failed_hits', now: 1 })
const snapshot = (id: number | bigint, change: object = {}) => ({
  'snapshot-id': id,
  'timestamp-ms': 1,
  'manifest-list': 'file:///lake/failed_hits/metadata/snap.avro',
  ...change,
})

function refusal(change: object | string): { readonly code: string; readonly message: string } | undefined {
  const bytes =
    typeof change === 'string'
      ? Buffer.from(change)
      : printMetadata({ ...sound, ...change } as unknown as TableMetadata)
  try {
    readMetadata('failed_hits', 'v1.metadata.json', bytes)
    return undefined
  } catch (error) {
    const { code, message } = error as PlatformError
    return { code, message }
  }
}

describe('metadata of unknown origin', () => {
  it('is taken where it is sound, 63-bit ids and unknown fields as they are', () => {
    const id = 9_223_372_036_854_775_001n
    const bytes = printMetadata({
      ...sound,
      'x-unknown': [1],
      snapshots: [snapshot(id, { 'parent-snapshot-id': 7 })],
      'current-snapshot-id': id,
    } as unknown as TableMetadata)
    const read = readMetadata('failed_hits', 'v1', bytes)
    expect(read.snapshots?.[0]?.['snapshot-id']).toBe(id)
    expect(read).toMatchObject({ 'x-unknown': [1] })
  })

  it.each<[string, object | string, string]>([
    ['is no JSON', '{"format-version":2', 'not JSON'],
    ['is a list', '[]', 'not a JSON object'],
    ['is of format version 1', { 'format-version': 1 }, 'format version 1, only 2 is read'],
    ['has no version', { 'format-version': 'two' }, 'format version two'],
    ['has a location that is no text', { location: 5 }, 'location is not a text'],
    ['has no specs', { 'partition-specs': undefined }, 'partition-specs is missing'],
    ['has specs that are no list', { 'partition-specs': {} }, 'partition-specs is not a list'],
    ['has a spec without fields', { 'partition-specs': [{ 'spec-id': 0 }] }, 'fields of a partition spec is missing'],
    ['has snapshots that are texts', { snapshots: ['x'] }, 'a snapshot is not a JSON object'],
    ['has a snapshot id that is a fraction', { snapshots: [snapshot(1.5)] }, 'snapshot-id is not a whole number'],
    ['has a snapshot id of 65 bits', { snapshots: [snapshot(2n ** 64n)] }, 'snapshot-id is not a whole number'],
    ['has one id twice', { snapshots: [snapshot(1), snapshot(1)] }, 'two snapshots have the id 1'],
    [
      'has a snapshot without a list',
      { snapshots: [snapshot(1, { 'manifest-list': undefined })] },
      'manifest-list is missing',
    ],
    [
      'has a summary of numbers',
      { snapshots: [snapshot(1, { summary: { a: 1 } })] },
      'a value of summary is not a text',
    ],
    ['names a current snapshot that is not there', { 'current-snapshot-id': 5 }, 'current snapshot 5 is not among'],
    [
      'has a snapshot that is its own parent',
      { snapshots: [snapshot(1, { 'parent-snapshot-id': 1 })] },
      'snapshot 1 is its own ancestor',
    ],
    [
      'has a cycle of snapshots, none of them current',
      {
        snapshots: [
          snapshot(1),
          snapshot(2, { 'parent-snapshot-id': 4 }),
          snapshot(3, { 'parent-snapshot-id': 2 }),
          snapshot(4, { 'parent-snapshot-id': 3 }),
        ],
      },
      'is its own ancestor',
    ],
    ['has a ref of an unknown kind', { refs: { a: { 'snapshot-id': 1, type: 'x' } } }, 'neither branch nor tag'],
    ['has refs that are a list', { refs: [] }, 'refs is not a JSON object'],
    ['has a log of texts', { 'snapshot-log': ['x'] }, 'snapshot-log is not a JSON object'],
    ['has statistics of nothing', { statistics: [{ 'snapshot-id': 1 }] }, 'statistics-path is missing'],
    [
      'has statistics of no snapshot',
      { 'partition-statistics': [{}] },
      'snapshot-id of partition-statistics is missing',
    ],
    ['has a metadata log of numbers', { 'metadata-log': [1] }, 'metadata-log is not a JSON object'],
    ['has properties that are numbers', { properties: { a: 1 } }, 'a value of properties is not a text'],
    ['has an endless number', `{"a":${'1'.repeat(1_000_000)}.}`, `more than ${jsonNumberMaxLength} characters`],
    ['has an endless string', `{"a":"${'\\"'.repeat(1_000_000)}`, 'a string without an end'],
    ['has endless levels', '['.repeat(1_000_000), `more than ${jsonMaxDepth} levels`],
  ])('that %s is refused', (_case, change, what) => {
    const found = refusal(change)
    expect(found?.code).toBe('LAKE_TABLE_CORRUPT')
    expect(found?.message).toContain(what)
  })

  it.each<[string, object, string]>([
    ['format version 3', { 'format-version': 3 }, 'copy it into a table of format version 2'],
    ['row lineage', { snapshots: [snapshot(1, { 'first-row-id': 0 })] }, 'format version 2'],
    [
      'column extra of type variant',
      {
        schemas: [
          { type: 'struct', 'schema-id': 0, fields: [{ id: 1, name: 'extra', required: false, type: 'variant' }] },
        ],
      },
      'drop the column',
    ],
    [
      'column at of type timestamp_ns',
      {
        schemas: [
          {
            type: 'struct',
            'schema-id': 0,
            fields: [
              {
                id: 1,
                name: 'list',
                required: false,
                type: {
                  type: 'list',
                  'element-id': 2,
                  'element-required': false,
                  element: { type: 'struct', fields: [{ id: 3, name: 'at', required: false, type: 'timestamp_ns' }] },
                },
              },
            ],
          },
        ],
      },
      'drop the column',
    ],
  ])('with %s is refused by its name and says what to do', (what, change, mend) => {
    const found = refusal(change)
    expect(found?.code).toBe('LAKE_TABLE_UNSUPPORTED')
    expect(found?.message).toContain(`failed_hits: v1.metadata.json has ${what}`)
    expect(found?.message).toContain(mend)
  })

  it(`may be of ${metadataMaxBytes} bytes, not one more`, () => {
    const bytes = Buffer.alloc(metadataMaxBytes + 1, ' ')
    printMetadata(sound).copy(bytes)
    expect(
      readMetadata('failed_hits', 'v1', bytes.subarray(0, 1_000_000).fill(' ', printMetadata(sound).length)),
    ).toBeDefined()
    expect(() => readMetadata('failed_hits', 'v1', bytes)).toThrow(`at most ${metadataMaxBytes} are read`)
  })

  it(`may have URIs of ${uriMaxLength} characters, not one more`, () => {
    expect(refusal({ location: 'x'.repeat(uriMaxLength) })).toBeUndefined()
    expect(refusal({ location: 'x'.repeat(uriMaxLength + 1) })?.code).toBe('LAKE_TABLE_CORRUPT')
  })

  it('may have numbers and levels up to the limits, not one more', () => {
    const withText = (text: string) => printMetadata(sound).toString().replace('{', `{"x":${text},`)
    expect(refusal(withText('1'.repeat(jsonNumberMaxLength)))).toBeUndefined()
    expect(refusal(withText('1'.repeat(jsonNumberMaxLength + 1)))?.message).toContain('a number of more')
    const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
    expect(refusal(withText(nested(jsonMaxDepth - 1)))).toBeUndefined()
    expect(refusal(withText(nested(jsonMaxDepth)))?.message).toContain('levels')
    expect(refusal(withText(JSON.stringify(`["\\"${'1'.repeat(100)}[[${'['.repeat(100)}`)))).toBeUndefined()
  })
})
