import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { folderObjectStore } from '../../../core/adapters/folder-object-store.ts'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../../../core/adapters/node/node-disk.ts'
import { hourMs } from '../../../core/event-time.ts'
import { generationComparerContract } from '../../../core/ports/generation-comparer.contract.ts'
import { partialRow, stagedView } from '../../../core/ports/query-engine-under-test.ts'
import { testLength } from '../../../core/test/length.ts'
import { breakdownSketchSize } from '../../../schemas/tables.ts'
import { createLocalLake } from '../local/local-lake.ts'
import { minDatabaseMemoryBytes, openDatabase } from './database.ts'
import { comparisonPieceBytes, createDuckDbGenerationComparer, piecesOf } from './generation-comparer.ts'

const root = await mkdtemp(join(tmpdir(), 'hitlake-compare-'))
const instance = await openDatabase({
  file: ':memory:',
  memoryLimitBytes: 5 * minDatabaseMemoryBytes,
  threads: 2,
  scratch: join(root, 'spill'),
})
const clock = new ManualClock()
let lakes = 0

afterAll(async () => {
  instance.closeSync()
  await rm(root, { recursive: true, force: true })
})

async function openLake(database = instance) {
  const folder = `lake-${lakes++}`
  return createLocalLake({
    objects: await folderObjectStore(nodeDisk(root), folder, { leftovers: 'keep' }),
    instance: database,
    scratch: join(root, folder, 'scratch'),
    random: seededRandom(lakes),
    clock,
    location: `file://${root}/${folder}/lake`,
  })
}

for (const [name, pieces] of [
  ['DuckDB', {}],
  ['DuckDB, hour by hour', { pieceBytes: 1 }],
] as const) {
  generationComparerContract(name, {
    maps: testLength('COMPARER_TEST_MAPS', { short: 6, full: 30 }),
    async open() {
      const lake = await openLake()
      return {
        lake,
        comparerOf: (view) =>
          createDuckDbGenerationComparer({ instance, files: lake, clock, view: async () => view, ...pieces }),
      }
    },
  })
}

describe('hours whose sketches do not fit into memory together', () => {
  const hours = 250
  const values = 8
  /** With as much memory as the embedded server takes at the least. */
  async function compareWith(pieceBytes: number) {
    const small = await openDatabase({
      ...{ file: ':memory:', memoryLimitBytes: 2 * minDatabaseMemoryBytes, threads: 2, scratch: join(root, 'small') },
    })
    const lake = await openLake()
    const visitors = Array.from({ length: breakdownSketchSize }, (_, n) => BigInt(n) * 2n ** 51n)
    const rows = Array.from({ length: hours }, (_, hour) =>
      [1, 2].flatMap((_gen) =>
        Array.from({ length: values }, (_, value) =>
          partialRow({ breakdown: 'page', value: `/${value}`, bucket: hour * hourMs, hits: _gen, visitors, _gen }),
        ),
      ),
    )
    const view = await stagedView(lake, 'hourly', rows, 0)
    const comparer = createDuckDbGenerationComparer({
      ...{ instance: small, files: lake, clock, view: async () => view, pieceBytes },
    })
    try {
      const question = { generation: 2, places: [{ merchant: null, from: null, to: null }], before: [] }
      return await comparer.compare(question)
    } finally {
      small.closeSync()
    }
  }

  it('are compared in pieces that do', async () => {
    const { total } = await compareWith(comparisonPieceBytes)
    const buckets = hours * values
    expect(total.find(({ metric }) => metric === 'hits')).toMatchObject({
      ...{ buckets, changed: buckets, before: String(buckets), after: String(2 * buckets) },
    })
  })

  it('would need more than there is at once', async () => {
    await expect(compareWith(Number.MAX_SAFE_INTEGER)).rejects.toThrow('Out of Memory')
  })
})

describe('pieces of a comparison', () => {
  const hour = fc.record({ bytes: fc.nat(100) })
  it('hold every hour once, in order, and no more than their limit unless they are one hour', () => {
    fc.assert(
      fc.property(fc.array(hour, { maxLength: 40 }), fc.integer({ min: 1, max: 150 }), (drawn, limit) => {
        const hours = drawn.map(({ bytes }, n) => ({ start: n * n * hourMs, bytes }))
        const pieces = piecesOf(hours, limit)
        const held = pieces.map(({ start, end }) => hours.filter((each) => each.start >= start && each.start < end))
        expect(held.flat()).toEqual(hours)
        for (const [index, piece] of held.entries()) {
          const bytes = piece.reduce((sum, each) => sum + each.bytes, 0)
          expect(piece.length).toBeGreaterThan(0)
          if (piece.length > 1) expect(bytes).toBeLessThanOrEqual(limit)
          // None could have taken the next hour too.
          const next = held[index + 1]?.[0]
          if (next !== undefined) expect(bytes + next.bytes).toBeGreaterThan(limit)
        }
      }),
    )
  })
})
