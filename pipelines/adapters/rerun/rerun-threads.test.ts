import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { folderObjectStore } from '../../../core/adapters/folder-object-store.ts'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../../../core/adapters/node/node-disk.ts'
import { systemClock, systemTimers } from '../../../core/adapters/node/system.ts'
import { firstGenerations } from '../../../core/generations.ts'
import type { SplitWork } from '../../../core/ports/rerun-work.ts'
import { createLocalLake } from '../../../lakehouse/adapters/local/local-lake.ts'
import { createLocalRerunLake } from '../../../lakehouse/adapters/local/rerun-lake.ts'
import {
  comparable,
  everywhere,
  executorOf,
  liveWorld,
  type RerunWorld,
  requestOf,
  scan,
  traffic,
} from '../../runtime/rerun/test/rerun-world.ts'
import { buildModules } from '../threads/test/built-threads.ts'
import { createRerunThreads, type RerunThreads, type RerunThreadsOptions, rerunThreadsMax } from './rerun-threads.ts'
import type { TestSettings } from './test/rerun-thread.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
let built: ReturnType<typeof buildModules>
let root: string
let instance: DuckDBInstance
let settings: TestSettings
let world: RerunWorld
const folder = 'lake-0'

beforeAll(async () => {
  const avro = here('../../../schemas/avro')
  const schemas = (await readdir(avro)).filter((name) => name.endsWith('.avsc')).map((name) => join(avro, name))
  built = buildModules([here('./test/rerun-thread.ts')], schemas)
  root = await mkdtemp(join(tmpdir(), 'hitlake-rerun-threads-'))
  instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const objects = await folderObjectStore(nodeDisk(root), folder, { leftovers: 'keep' })
  const location = `file://${root}/${folder}/lake`
  settings = { root, folder, location, hangs: join(root, 'a-split-hangs') }
  const common = { objects, instance, scratch: join(root, folder, 'scratch'), location }
  const under = {
    lake: createLocalLake({ ...common, random: seededRandom(1), clock: systemClock }),
    rerun: createLocalRerunLake({ ...common, random: seededRandom(2) }),
  }
  world = await liveWorld(under, fc.sample(traffic, { numRuns: 4, seed: 11 }))
})
afterAll(async () => {
  built.remove()
  instance.closeSync()
  await rm(root, { recursive: true, force: true, maxRetries: 3 })
})

const running: RerunThreads[] = []
afterEach(async () => {
  for (const threads of running.splice(0)) await threads.close()
})

function threadsOf(change: Partial<RerunThreadsOptions> = {}): RerunThreads {
  const entry = pathToFileURL(built.placeOf(here('./test/rerun-thread.ts')))
  const threads = createRerunThreads({
    ...{ entry, settings, threads: 2, store: world.store, timers: systemTimers },
    ...change,
  })
  running.push(threads)
  return threads
}

async function works(change: Parameters<typeof requestOf>[0] = {}): Promise<readonly SplitWork[]> {
  const request = requestOf({ via: 'stream', ...change })
  const splits = await executorOf(world).splits('backfill', world.rows, everywhere)
  const methods = await executorOf(world).methods(requestOf({ ...change, plan: requestOf().plan }))
  return splits.map((split, n) => ({
    ...{ rerun: 1, generation: 2, request, split, methods, barriers: {}, attempt: `t${attempts++}-${n}` },
  }))
}
let attempts = 0

const run = (threads: RerunThreads, work: SplitWork, signal = new AbortController().signal) =>
  threads.run(work, firstGenerations, { signal })
const only = async (plan: string) => (await works({ plan }))[0] as SplitWork

describe('splits in threads', () => {
  it('make what they make in this thread, by operators and by SQL, however many there are', async () => {
    for (const [sinks, via, threads] of [
      [['hits', 'hourly'], 'stream', 1],
      [['hits', 'hourly'], 'stream', 3],
      [['hourly'], null, 2],
    ] as const) {
      const all = await works({ sinks, via })
      const pool = threadsOf({ threads })
      const outputs = await Promise.all(all.map((work) => run(pool, work)))
      const staged = outputs.flatMap((each) => each.staged)
      for (const table of sinks.length === 2 ? (['hits', 'failed_hits', 'hourly'] as const) : (['hourly'] as const)) {
        const made = comparable(table, await scan(world.lake, table, null, staged))
        expect(made).toEqual(comparable(table, await world.live(table)))
        expect(made.length).toBeGreaterThan(5)
      }
    }
  })

  it('fail by name where their thread dies, and the next one has a new thread', async () => {
    const threads = threadsOf({ threads: 1 })
    const dies = await only('dies')
    await expect(run(threads, dies)).rejects.toMatchObject({
      ...{ code: 'RERUN_SPLIT_FAILED', split: dies.split.name, retry: 'afterBackoff' },
      message: expect.stringContaining(`'${dies.split.name}' failed: its thread ended with 7`),
    })
    expect((await run(threads, await only(requestOf().plan))).rowsRead).toBeGreaterThan(0)
  })

  it('fail with what running them throws', async () => {
    await expect(run(threadsOf(), await only('priority'))).rejects.toThrow(RangeError)
  })

  it.runIf(process.platform === 'linux')('give way to all else', async () => {
    await expect(run(threadsOf(), await only('priority'))).rejects.toThrow('priority 15')
  })

  it('end when they are cancelled, and where they do not their thread is ended', async () => {
    const timers = new ManualClock()
    const threads = threadsOf({ threads: 1, timers, cancelGraceMs: 5_000 })
    const cancel = new AbortController()
    const hanging = run(threads, await only('hangs'), cancel.signal)
    const waiting = run(threads, await only(requestOf().plan), cancel.signal)
    const after = run(threads, await only(requestOf().plan))
    // Cancelled earlier, it would never begin.
    await vi.waitFor(() => expect(existsSync(settings.hangs)).toBe(true), { timeout: 30_000 })
    cancel.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    timers.advance(4_999)
    expect(await Promise.race([hanging.catch(() => 'ended'), sleep(50, 'runs')])).toBe('runs')
    timers.advance(1)
    await expect(hanging).rejects.toThrow('enough')
    // Whoever waited behind them has its turn.
    expect((await after).rowsRead).toBeGreaterThan(0)
  })

  it('leave nothing where they are cancelled', async () => {
    const before = await world.lake.stagedNames()
    const cancel = new AbortController()
    const work = (await works())[0] as SplitWork
    const threads = threadsOf({ threads: 1 })
    await run(threads, { ...work, attempt: 'warm' })
    const running = run(threads, { ...work, attempt: 'cut' }, cancel.signal)
    cancel.abort(new Error('enough'))
    await expect(running).rejects.toThrow('enough')
    const left = (await world.lake.stagedNames()).filter((name) => !before.includes(name))
    expect(left.filter((name) => !name.includes('/warm-'))).toEqual([])
  })

  it('have threads no longer than these are needed', async () => {
    const timers = new ManualClock()
    const threads = threadsOf({ threads: 1, timers, idleMs: 1_000 })
    const work = await only(requestOf().plan)
    await run(threads, { ...work, attempt: 'first' })
    timers.advance(999)
    await run(threads, { ...work, attempt: 'second' })
    timers.advance(1_000)
    expect((await run(threads, { ...work, attempt: 'third' })).rowsRead).toBeGreaterThan(0)
  })

  it('are 1 to a limit, and none after their end', async () => {
    expect(() => threadsOf({ threads: 0 })).toThrow(RangeError)
    expect(() => threadsOf({ threads: rerunThreadsMax + 1 })).toThrow(RangeError)
    threadsOf({ threads: rerunThreadsMax })
    const threads = threadsOf()
    await threads.close()
    await expect(run(threads, await only(requestOf().plan))).rejects.toThrow('have ended')
  })
})
