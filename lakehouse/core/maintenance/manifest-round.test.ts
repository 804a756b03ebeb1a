import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, describe, expect, it } from 'vitest'
import { folderObjectStore } from '../../../core/adapters/folder-object-store.ts'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../../../core/adapters/node/node-disk.ts'
import { dayMs, eventTime } from '../../../core/event-time.ts'
import type { Offset } from '../../../core/ids.ts'
import { hitRow, rowsOf } from '../../../core/ports/lake.contract.ts'
import { createLocalLake } from '../../adapters/local/local-lake.ts'
import { createMemoryControlStore } from '../../adapters/memory/memory-control-store.ts'
import { createPublisher } from '../publisher.ts'
import { isWorthMerging, manifestsPerPeriodMax } from './manifest-round.ts'
import { createMaintenance, manifestsEveryMs } from './rounds.ts'

const noon = eventTime('2026-03-02T12:00:00Z')
const root = await mkdtemp(join(tmpdir(), 'hitlake-manifests-'))
const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
afterAll(async () => {
  instance.closeSync()
  await rm(root, { recursive: true, force: true })
})

let count = 0
async function rig() {
  const folder = `lake-${count++}`
  const clock = new ManualClock(noon)
  const store = createMemoryControlStore()
  const lake = createLocalLake({
    objects: await folderObjectStore(nodeDisk(root), folder),
    instance,
    scratch: join(root, folder, 'scratch'),
    random: seededRandom(count),
    clock,
    location: `file://${root}/${folder}/lake`,
  })
  const publisher = createPublisher({ store, lake, clock, timers: clock, owner: 'one', tables: ['hits'] })
  const errors: unknown[] = []
  const maintenance = createMaintenance({
    ...{ store, lake, clock, timers: clock, owner: 'one' },
    reads: 'pending',
    onError: (error) => errors.push(error),
  })
  const { fence } = await store.acquirePartitions('hits', 'log', 'one', [0])
  let next = 0
  async function publish(time: number): Promise<void> {
    const staged = [await lake.stage('hits', `staged/${next}`, [hitRow({ _off: next, id: String(next), time })])]
    const [from, to] = [next as Offset, ++next as Offset]
    const position = { partition: 0, checkpoint: null, watermark: null, received: null, forwarded: {} }
    const partitions = [{ ...position, from, next: to }]
    const epoch = { job: 'hits', source: 'log', plan: 'p', fence, partitions, staged, touched: [], books: [] }
    await store.commitEpoch(epoch)
    await publisher.publishNow()
  }
  const read = async () => (await rowsOf(lake, await store.tableView('hits'))).length
  return { clock, store, lake, maintenance, publish, read, errors }
}

describe('manifests', () => {
  it(`are left alone until a query of one period has to open more than ${manifestsPerPeriodMax}`, () => {
    expect(isWorthMerging({ perPeriod: manifestsPerPeriodMax })).toBe(false)
    expect(isWorthMerging({ perPeriod: manifestsPerPeriodMax + 1 })).toBe(true)
  })

  it('become few in a round, which readers then read; nothing changes in what they read', async () => {
    const { lake, store, maintenance, publish, read, errors } = await rig()
    // Of days that are over a round would make one file; of this one it waits for more.
    for (let n = 0; n <= manifestsPerPeriodMax; n++) await publish(noon + n)
    const many = manifestsPerPeriodMax + 1
    expect(await lake.manifests('hits')).toEqual({ manifests: many, perPeriod: many })
    await maintenance.runNow()
    expect(errors).toEqual([])
    expect(await lake.manifests('hits')).toEqual({ manifests: 1, perPeriod: 1 })
    const [newest] = await lake.snapshots('hits')
    expect(newest).toMatchObject({ operation: 'replace', totalRows: many })
    expect((await store.tableView('hits')).snapshot).toBe(newest?.id)
    expect(await read()).toBe(many)
    await maintenance.stop()
  })

  it('that no query has to open together stay', async () => {
    const { lake, maintenance, publish } = await rig()
    for (let n = 0; n <= manifestsPerPeriodMax; n++) await publish(noon - n * dayMs)
    expect(await lake.manifests('hits')).toEqual({ manifests: manifestsPerPeriodMax + 1, perPeriod: 1 })
    await maintenance.runNow()
    expect((await lake.manifests('hits')).manifests).toBe(manifestsPerPeriodMax + 1)
    await maintenance.stop()
  })

  it('are looked through once an hour', async () => {
    const { clock, lake, maintenance, publish } = await rig()
    await maintenance.runNow()
    for (let n = 0; n <= manifestsPerPeriodMax; n++) await publish(noon + n)
    clock.advance(manifestsEveryMs - 1)
    await maintenance.runNow()
    expect((await lake.manifests('hits')).manifests).toBe(manifestsPerPeriodMax + 1)
    clock.advance(1)
    await maintenance.runNow()
    expect((await lake.manifests('hits')).manifests).toBe(1)
    await maintenance.stop()
  })
})
