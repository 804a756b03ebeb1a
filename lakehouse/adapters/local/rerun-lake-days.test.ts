import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, expect, it } from 'vitest'
import { folderObjectStore } from '../../../core/adapters/folder-object-store.ts'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../../../core/adapters/node/node-disk.ts'
import { dayMs, utcDay } from '../../../core/event-time.ts'
import { noon, rawRow } from '../../../core/ports/query-engine-under-test.ts'
import type { RerunLake } from '../../../core/ports/rerun-lake.ts'
import { createMemoryLake, MemoryLakeState } from '../memory/memory-lake.ts'
import { createMemoryRerunLake } from '../memory/memory-rerun-lake.ts'
import { createLocalLake } from './local-lake.ts'
import { createLocalRerunLake } from './rerun-lake.ts'

const root = await mkdtemp(join(tmpdir(), 'hitlake-rerun-days-'))
const instance = await DuckDBInstance.create(':memory:')
afterAll(async () => {
  instance.closeSync()
  await rm(root, { recursive: true, force: true })
})

const clock = new ManualClock()
const random = seededRandom(1)

async function overFolder() {
  const objects = await folderObjectStore(nodeDisk(root), '')
  const parts = { instance, random, clock, objects, scratch: join(root, 'scratch'), location: `file://${root}/lake` }
  return { lake: createLocalLake(parts), rows: createLocalRerunLake(parts) }
}

async function inMemory() {
  const state = new MemoryLakeState()
  return { lake: createMemoryLake({ random, clock, state }), rows: createMemoryRerunLake(state) }
}

it.each([
  ['folder', overFolder],
  ['memory', inMemory],
])('days of what a rerun has made itself are none to be read again: %s', async (_, open) => {
  const { lake, rows } = await open()
  const rowOf = (day: number, _gen: number) => rawRow({ time: noon + day * dayMs, _gen, _off: day * 10 + _gen })
  const publish = async (id: number, made: readonly (readonly [number, number])[]) => {
    const file = await lake.stage(
      'hits',
      `staged/hits/${id}`,
      made.map(([day, generation]) => rowOf(day, generation)),
    )
    return (await lake.publish('hits', id, [file])).snapshot
  }
  await publish(1, [
    [0, 1],
    [1, 1],
  ])
  const snapshot = await publish(2, [
    [0, 2],
    [1, 2],
    [1, 1],
  ])
  const daysOf = async (generations?: readonly number[]) => {
    const found = await (rows as RerunLake).days({ table: 'hits', snapshot, after: 1, through: null }, generations)
    return found.map(({ day }) => day - utcDay(noon)).sort()
  }
  expect(await daysOf()).toEqual([0, 1])
  expect(await daysOf([1])).toEqual([1])
  expect(await daysOf([1, 2])).toEqual([0, 1])
})
