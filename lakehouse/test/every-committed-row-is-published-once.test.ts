/**
 * Power cuts at every operation of the disk, from the first staged file to the last discarded one, for everything that an
 * unsynced write may leave behind. What was committed is in the table's view exactly once at every moment: as the crash
 * left it, after the restart, after the repeat.
 *
 * The control store stands apart here: it is as it was at the cut (its own durability is its own tests').
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { folderObjectStore } from '../../core/adapters/folder-object-store.ts'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { type CrashPolicy, MemoryDisk, stoppedCode } from '../../core/adapters/memory/memory-disk.ts'
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import { dayMs, eventTime } from '../../core/event-time.ts'
import type { Offset } from '../../core/ids.ts'
import { hitRow, rowsOf } from '../../core/ports/lake.contract.ts'
import { testLength } from '../../core/test/length.ts'
import { createLocalLake } from '../adapters/local/local-lake.ts'
import { createMemoryControlStore } from '../adapters/memory/memory-control-store.ts'
import { createPublisher } from '../core/publisher.ts'

let scratch: string
let instance: DuckDBInstance
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'hitlake-crash-'))
  instance = await DuckDBInstance.create(':memory:', { threads: '1' })
})
afterAll(async () => {
  instance.closeSync()
  await rm(scratch, { recursive: true, force: true })
})

const noon = eventTime('2026-03-01T12:00:00Z')

/** One life of the process on a disk; the control store goes on from life to life. */
async function life(disk: MemoryDisk, store: ReturnType<typeof createMemoryControlStore>, seed: number) {
  const clock = new ManualClock()
  const objects = await folderObjectStore(disk, '')
  const lake = createLocalLake({
    objects,
    instance,
    scratch,
    random: seededRandom(seed),
    clock,
    location: 'file:///lake',
    smallManifestsMax: 1,
  })
  const publisher = createPublisher({ store, lake, clock, timers: clock, owner: 'one', tables: ['hits'] })
  const committed: string[] = []
  const { fence, positions } = await store.acquirePartitions('hits', 'log', 'one', [0])
  let next = positions[0]?.next ?? 0
  return {
    lake,
    publisher,
    committed,
    /** An epoch: two hits on two days. */
    async epoch(id: string) {
      const rows = [
        hitRow({ id: `${id}1`, _off: next }),
        hitRow({ id: `${id}2`, _off: next, _idx: 1, time: noon + dayMs }),
      ]
      const file = await lake.stage('hits', `staged/${id}`, rows)
      const position = { partition: 0, checkpoint: null, watermark: null, received: null, forwarded: {} }
      const [from, to] = [next as Offset, (next + 1) as Offset]
      const partitions = [{ ...position, from, next: to }]
      const epoch = { job: 'hits', source: 'log', plan: 'p', fence, partitions, staged: [file], touched: [], books: [] }
      await store.commitEpoch(epoch)
      next++
      committed.push(`${id}1`, `${id}2`)
    },
    async visible() {
      return (await rowsOf(lake, await store.tableView('hits'))).map((row) => String(row.id)).sort()
    },
  }
}

type Life = Awaited<ReturnType<typeof life>>

async function script({ publisher, epoch }: Life): Promise<void> {
  await publisher.start()
  await epoch('a')
  await epoch('b')
  await publisher.publishNow()
  await epoch('c')
  await publisher.publishNow()
  await publisher.stop()
}

/** Operations of the whole script where nothing fails. */
async function countOperations(): Promise<number> {
  const disk = new MemoryDisk()
  const one = await life(disk, createMemoryControlStore(), 1)
  await script(one)
  expect(await one.visible()).toEqual(['a1', 'a2', 'b1', 'b2', 'c1', 'c2'])
  return disk.operations
}

async function crashAt(operation: number, policy: CrashPolicy): Promise<void> {
  const disk = new MemoryDisk()
  const store = createMemoryControlStore()
  disk.stopAt(operation)
  const committed: string[] = []
  try {
    const before = await life(disk, store, 1)
    await script(before).finally(() => committed.push(...before.committed))
  } catch (error) {
    expect(String(error)).toContain(stoppedCode)
  }
  const left = disk.crash(policy)
  try {
    const after = await life(left, store, 2)
    expect(await after.visible()).toEqual(committed.toSorted())
    await after.publisher.start()
    expect(await after.visible()).toEqual(committed.toSorted())
    await after.publisher.publishNow()
    expect(await after.visible()).toEqual(committed.toSorted())
    await after.epoch('d')
    await after.publisher.publishNow()
    await after.publisher.stop()
    expect(await after.visible()).toEqual([...committed, 'd1', 'd2'].toSorted())
    expect(await after.lake.stagedNames()).toEqual([])
    // Every snapshot of the history can still be read, and holds as many rows as it says.
    for (const { id, totalRows } of await after.lake.snapshots('hits')) {
      expect(await rowsOf(after.lake, { table: 'hits', snapshot: id, pending: [] })).toHaveLength(totalRows)
    }
  } finally {
    await left.cleanup()
    await disk.cleanup()
  }
}

/** Unsynced writes that are dropped break most: of two that follow each other, one is of this kind. */
const policies: readonly CrashPolicy[] = [
  'drop',
  'keep',
  'drop',
  'names',
  'drop',
  'bytes',
  'drop',
  { seed: 1 },
  'drop',
  { seed: 2 },
]
const perOperation = testLength('CRASH_TEST_POLICIES', { short: 1, full: policies.length })
/** In CI every second operation is cut at. */
const step = testLength('CRASH_TEST_STEP', { short: 2, full: 1 })
/** Where turns begin: drawn, so that in time each operation meets each policy in CI too. */
const turn = Number(process.env.CRASH_TEST_TURN ?? Math.floor(Math.random() * policies.length * step))
const firstOperation = 1 + Math.floor(turn / policies.length)

describe(`a power cut at any operation (turn ${turn})`, () => {
  it('leaves every committed row in the view exactly once, whatever survives of unsynced writes', async () => {
    const operations = await countOperations()
    expect(operations).toBeGreaterThan(50)
    for (let operation = firstOperation, cut = turn; operation <= operations + 1; operation += step, cut++) {
      const these = Array.from({ length: perOperation }, (_, n) => policies[(cut + n) % policies.length] ?? 'drop')
      for (const policy of new Set(these)) await crashAt(operation, policy)
    }
  }, 600_000)
})
