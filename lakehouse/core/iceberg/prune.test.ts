import { describe, expect, it } from 'vitest'
import { dayMs } from '../../../core/event-time.ts'
import type { ScanFilter } from '../../../core/ports/lake.ts'
import { hitsTable } from '../../../schemas/tables.ts'
import type { DataFile, ManifestFile } from './manifest.ts'
import { createPruner } from './prune.ts'
import { columnOf, type PartitionSpec, partitionSpec } from './schema.ts'
import { int32, int64, lowerStringBound, upperStringBound } from './single-value.ts'

const day = 20_513
const idOf = (name: string) => columnOf(hitsTable, name).id
const none = new Map<number, never>()
const field = (name: string, transform: string, column: string, id: number) => ({
  name,
  transform,
  'source-id': idOf(column),
  'field-id': id,
})
const foreign: PartitionSpec[] = [
  { 'spec-id': 1, fields: [field('merchant', 'identity', 'merchant', 1_002)] },
  { 'spec-id': 2, fields: [field('time_hour', 'hour', 'time', 1_003)] },
  { 'spec-id': 3, fields: [field('time_month', 'month', 'time', 1_004)] },
  { 'spec-id': 4, fields: [field('bucket', 'bucket[16]', 'id', 1_005)] },
  { 'spec-id': 5, fields: [] },
]
const specs = new Map([partitionSpec(hitsTable, 0), ...foreign].map((spec) => [spec['spec-id'], spec]))
const pruner = (filter: ScanFilter) => createPruner(hitsTable, filter, specs)

interface Held {
  readonly merchants?: readonly [string, string]
  readonly times?: readonly [number, number]
}

function file(partition: DataFile['partition'], { merchants, times }: Held = {}): DataFile {
  const bounds = (side: 0 | 1) => {
    const map = new Map<number, Buffer>()
    const merchant = merchants && (side === 0 ? lowerStringBound(merchants[0]) : upperStringBound(merchants[1]))
    if (merchant !== undefined) map.set(idOf('merchant'), merchant)
    if (times !== undefined) map.set(idOf('time'), int64(BigInt(times[side]) * 1_000n))
    return map
  }
  return {
    uri: 'u',
    partition,
    rows: 1,
    bytes: 1,
    columnBytes: none,
    valueCounts: none,
    nullCounts: none,
    lowerBounds: bounds(0),
    upperBounds: bounds(1),
    content: 0,
  }
}

function manifest(specId: number, lower: readonly number[], upper: readonly number[], hasNull = false): ManifestFile {
  const counts = { files: 0, rows: 0 }
  return {
    uri: 'm',
    bytes: 1,
    specId,
    content: 0,
    sequence: 1n,
    minSequence: 1n,
    snapshot: 1n,
    added: counts,
    existing: counts,
    deleted: counts,
    partitions: lower.map((value, at) => ({ lower: int32(value), upper: int32(upper[at] ?? value), hasNull })),
  }
}

describe('a file of our layout', () => {
  it.each<[string, ScanFilter, boolean]>([
    ['its day', { firstDay: day, lastDay: day }, true],
    ['the day before', { lastDay: day - 1 }, false],
    ['the day after', { firstDay: day + 1 }, false],
    ['its generation', { generations: [1] }, true],
    ['another generation', { generations: [2] }, false],
    ['everything', {}, true],
  ])('asked for %s', (_case, filter, kept) => {
    expect(pruner(filter).file(file([1, day]), 0)).toBe(kept)
  })

  it('of merchants b to d is skipped for a and e, and read for those between', () => {
    const held = file([1, day], { merchants: ['b', 'd'] })
    const kept = ['a', 'b', 'c', 'd', 'da', 'e'].filter((merchant) => pruner({ merchant }).file(held, 0))
    expect(kept).toEqual(['b', 'c', 'd'])
  })

  it('is read for a merchant whose name begins as a cut bound does', () => {
    const long = 'm'.repeat(20)
    expect(pruner({ merchant: long }).file(file([1, day], { merchants: [long, long] }), 0)).toBe(true)
  })
})

describe('a file of another layout', () => {
  const held = { times: [day * dayMs + 5, day * dayMs + 9] } as const
  it.each([1, 2, 4, 5])('(spec %i) is skipped by the bounds of its time alone', (spec) => {
    const partition = spec === 5 ? [] : [spec === 1 ? null : 3]
    const days = [day - 1, day, day + 1].filter((one) =>
      pruner({ firstDay: one, lastDay: one }).file(file(partition, held), spec),
    )
    expect(days).toEqual([day])
  })

  it('is skipped by its month', () => {
    const months = file([674])
    expect(pruner({ firstDay: day, lastDay: day }).file(months, 3)).toBe(true)
    expect(pruner({ firstDay: day + 31 }).file(months, 3)).toBe(false)
    expect(pruner({ lastDay: day - 1 }).file(months, 3)).toBe(false)
  })

  it.each([
    ['without bounds', file([])],
    ['with bounds of another length', { ...file([]), lowerBounds: new Map([[idOf('time'), int32(1)]]) }],
    ['of a spec that is not there', file([])],
  ])('%s is read', (_case, unknown) => {
    expect(pruner({ firstDay: day, merchant: 'a' }).file(unknown, 99)).toBe(true)
  })

  it('reaches from before 1970 to after it by its bounds', () => {
    const old = file([], { times: [-1, 1] })
    expect(pruner({ firstDay: -1, lastDay: -1 }).file(old, 5)).toBe(true)
    expect(pruner({ firstDay: -2, lastDay: -2 }).file(old, 5)).toBe(false)
  })
})

describe('a manifest', () => {
  it('is skipped where its days lie outside, and read where some may be null', () => {
    const days = [day - 3, day - 2, day, day + 1].filter((one) =>
      pruner({ firstDay: one, lastDay: one }).manifest(manifest(0, [1, day - 2], [1, day])),
    )
    expect(days).toEqual([day - 2, day])
    expect(pruner({ firstDay: day + 1 }).manifest(manifest(0, [1, day], [1, day], true))).toBe(true)
  })

  it('of another layout is read', () => {
    expect(pruner({ firstDay: day + 1 }).manifest(manifest(2, [1], [2]))).toBe(true)
    expect(pruner({ firstDay: day + 1 }).manifest(manifest(5, [], []))).toBe(true)
    expect(pruner({ firstDay: day + 1 }).manifest(manifest(99, [1], [2]))).toBe(true)
  })
})
