import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { minDatabaseMemoryBytes, openDatabase } from './database.ts'
import { keepReturningMemory, returnFreedMemory, returnMemoryEveryMs } from './freed-memory.ts'

const folder = await mkdtemp(join(tmpdir(), 'hitlake-freed-memory-'))
afterAll(() => rm(folder, { recursive: true, force: true }))

const memoryLimitBytes = 4 * minDatabaseMemoryBytes
const open = () => openDatabase({ file: ':memory:', memoryLimitBytes, threads: 1, scratch: join(folder, 'spill') })

/** Writes files of sorted rows on four threads at once, as a publication and its neighbours do. */
async function work(instance: DuckDBInstance): Promise<void> {
  await Promise.all(
    [1, 2, 3, 4].map(async (n) => {
      const connection = await instance.connect()
      const rows = `SELECT range AS n, md5(range::VARCHAR) AS a, md5((range + 1)::VARCHAR) AS b FROM range(100000)`
      await connection.run(`COPY (${rows} ORDER BY a) TO '${join(folder, `${n}.parquet`)}' (FORMAT parquet)`)
      connection.closeSync()
    }),
  )
}

async function limit(instance: DuckDBInstance): Promise<unknown> {
  const connection = await instance.connect()
  try {
    return (await connection.runAndReadAll(`SELECT current_setting('memory_limit')`)).getRowsJS()[0]?.[0]
  } finally {
    connection.closeSync()
  }
}

const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
const keepsFreedMemory = header.glibcVersionRuntime !== undefined

describe('memory that DuckDB has freed', () => {
  it.runIf(keepsFreedMemory)('goes back to the system, whichever instance used it', async () => {
    const [worker, other] = [await open(), await open()]
    await work(worker)
    const before = process.memoryUsage.rss()
    await returnFreedMemory(other, memoryLimitBytes)
    // 150 MB as measured; a limit in memory holds on any machine.
    expect(before - process.memoryUsage.rss()).toBeGreaterThan(30e6)
    worker.closeSync()
    other.closeSync()
  })

  it('leaves the limit as it was', async () => {
    const instance = await open()
    const before = await limit(instance)
    await returnFreedMemory(instance, memoryLimitBytes)
    expect(await limit(instance)).toBe(before)
    instance.closeSync()
  })
})

describe('returning it', () => {
  it('happens once every minute, until it is stopped', async () => {
    const clock = new ManualClock()
    const [instance, statements] = counted(await open())
    const memory = keepReturningMemory({ instance, memoryLimitBytes, timers: clock })
    clock.advance(returnMemoryEveryMs - 1)
    expect(statements()).toBe(0)
    for (const count of [1, 2, 3]) {
      clock.advance(count === 1 ? 1 : returnMemoryEveryMs)
      await expect.poll(() => clock.pendingTimers).toBe(1)
      expect(statements()).toBe(count)
    }
    await memory.stop()
    expect(clock.pendingTimers).toBe(0)
    instance.closeSync()
  })

  it('is waited for by whoever stops it, and is not begun again', async () => {
    const clock = new ManualClock()
    const [instance, statements] = counted(await open())
    const memory = keepReturningMemory({ instance, memoryLimitBytes, timers: clock })
    clock.advance(returnMemoryEveryMs)
    await memory.stop()
    expect([statements(), clock.pendingTimers]).toEqual([1, 0])
    instance.closeSync()
  })

  it('goes on after one that failed', async () => {
    const clock = new ManualClock()
    const closed = { connect: () => Promise.reject(new Error('closed')) } as unknown as DuckDBInstance
    const memory = keepReturningMemory({ instance: closed, memoryLimitBytes, timers: clock })
    clock.advance(returnMemoryEveryMs)
    await expect.poll(() => clock.pendingTimers).toBe(1)
    await memory.stop()
  })
})

/** The instance, and how many connections it gave. */
function counted(instance: DuckDBInstance): readonly [DuckDBInstance, () => number] {
  let count = 0
  const connect = instance.connect.bind(instance)
  instance.connect = () => {
    count++
    return connect()
  }
  return [instance, () => count]
}
