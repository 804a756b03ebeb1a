import { mkdtemp, open as openFile, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, describe, expect, it } from 'vitest'
import { StartError } from '../../../core/errors.ts'
import { firstGenerations } from '../../../core/generations.ts'
import { keyOf, merchantId } from '../../../core/ports/control-store.contract.ts'
import { epochOf, fileOf } from '../../../core/ports/control-store-epochs.contract.ts'
import { openDuckDbControlStore } from './control-store.ts'
import { Session, SessionRefusedError } from './control-store-session.ts'
import { type DatabaseOptions, minDatabaseMemoryBytes, openDatabase } from './database.ts'
import { migrate, migrations } from './migrations.ts'

const folder = await mkdtemp(join(tmpdir(), 'hitlake-database-'))
afterAll(() => rm(folder, { recursive: true, force: true }))

const open = (file: string, more: Partial<DatabaseOptions> = {}) =>
  openDatabase({
    file,
    memoryLimitBytes: 2 * minDatabaseMemoryBytes,
    threads: 1,
    scratch: join(folder, 'spill'),
    ...more,
  })

async function ask(instance: DuckDBInstance, sql: string): Promise<unknown> {
  const connection = await instance.connect()
  try {
    return (await connection.runAndReadAll(sql)).getRowsJS()[0]?.[0]
  } finally {
    connection.closeSync()
  }
}

describe('the database', () => {
  it('has the limits it was given, speaks UTC, keeps no copies of files, and fetches no extensions', async () => {
    const instance = await open(':memory:', { threads: 2 })
    const setting = (name: string) => ask(instance, `SELECT CAST(current_setting('${name}') AS VARCHAR)`)
    expect(await setting('memory_limit')).toBe('64.0 MiB')
    expect(await setting('threads')).toBe('2')
    expect(await setting('TimeZone')).toBe('UTC')
    expect(await setting('temp_directory')).toBe(join(folder, 'spill'))
    expect(await setting('enable_external_file_cache')).toBe('false')
    expect(await setting('autoinstall_known_extensions')).toBe('false')
    expect(await setting('autoload_known_extensions')).toBe('false')
    expect(await setting('allow_community_extensions')).toBe('false')
    instance.closeSync()
  })

  it('is one database where a process opens a file twice', async () => {
    const file = join(folder, 'twice.db')
    const first = await open(file)
    const second = await open(file)
    await ask(first, 'CREATE TABLE t AS SELECT 42 AS n')
    expect(await ask(second, 'SELECT n FROM t')).toBe(42)
    first.closeSync()
    second.closeSync()
  })

  it('refuses limits it could not work with', async () => {
    await expect(open(':memory:', { memoryLimitBytes: minDatabaseMemoryBytes - 1 })).rejects.toThrow(StartError)
    for (const threads of [0, 1.5]) await expect(open(':memory:', { threads })).rejects.toThrow(StartError)
  })

  it('says of a file that is no database what it is and what to do', async () => {
    for (const [name, bytes] of [
      ['text.db', 'not a database\n'.repeat(1_000)],
      ['empty.db', ''],
    ] as const) {
      const file = join(folder, name)
      await writeFile(file, bytes)
      const refused = open(file)
      await expect(refused).rejects.toThrow(StartError)
      await expect(refused).rejects.toThrow(
        `${file} is not a DuckDB database; move it away or choose another HITLAKE_DATA_DIR`,
      )
      // Whatever it is, it is somebody's: it stays as it was.
      expect(await readFile(file, 'utf8')).toBe(bytes)
    }
  })

  it('says of a damaged file that a copy must be put back', async () => {
    const file = join(folder, 'damaged.db')
    const instance = await open(file)
    await ask(instance, 'CREATE TABLE t AS SELECT range AS n FROM range(100000)')
    await ask(instance, 'CHECKPOINT')
    instance.closeSync()
    const { size } = await stat(file)
    const handle = await openFile(file, 'r+')
    await handle.write(Buffer.alloc(size - 12_288, 7), 0, size - 12_288, 12_288)
    await handle.close()
    const refused = open(file)
    await expect(refused).rejects.toThrow(StartError)
    await expect(refused).rejects.toThrow(`${file} is damaged; put back a copy of it`)
  })

  it('says of a folder that is not there or cannot be written where it looked', async () => {
    await expect(open(join(folder, 'none', 'x.db'))).rejects.toThrow(StartError)
    await expect(open(join(folder, 'none', 'x.db'))).rejects.toThrow('choose another HITLAKE_DATA_DIR')
  })
})

describe('migrations', () => {
  it('run once each, in order, and what they made is found by the next start', async () => {
    const file = join(folder, 'migrated.db')
    const instance = await open(file)
    const session = await Session.open(instance)
    const steps = [
      { name: 'one', statements: ['CREATE TABLE one (n BIGINT)', 'INSERT INTO one VALUES (1)'] },
      { name: 'two', statements: ['INSERT INTO one SELECT max(n) + 1 FROM one'] },
    ]
    await migrate(session, steps.slice(0, 1))
    await migrate(session, steps)
    await migrate(session, steps)
    expect(await session.read(() => session.rows('SELECT n FROM one ORDER BY n'))).toEqual([[1n], [2n]])
    await session.close()
    instance.closeSync()
  })

  it('leave nothing of a step that fails', async () => {
    const instance = await open(':memory:')
    const session = await Session.open(instance)
    const broken = [{ name: 'broken', statements: ['CREATE TABLE half (n BIGINT)', 'INSERT INTO nothing VALUES (1)'] }]
    await expect(migrate(session, broken)).rejects.toThrow('nothing')
    await migrate(session, [{ name: 'mended', statements: ['CREATE TABLE half (n BIGINT)'] }])
    await session.close()
    instance.closeSync()
  })

  // The steps of before keys said where, and before anything was derived.
  it('open what an older version wrote: its keys mean what they meant, its waiting files are read by nothing', async () => {
    const instance = await open(':memory:')
    const session = await Session.open(instance)
    await migrate(session, migrations.slice(0, 2))
    await ask(instance, `INSERT INTO keys VALUES ('h', NULL, 'server', '["admin"]')`)
    await ask(instance, `INSERT INTO pending_files VALUES (1, 'hourly', 'f', 10, 1000, 5, 6, NULL)`)
    await ask(instance, `INSERT INTO versions VALUES (3, 'a', 5)`)
    await ask(instance, 'UPDATE counters SET last_commit = 3, last_file = 1')
    await session.close()
    const store = await openDuckDbControlStore({ instance })
    expect((await store.findKey('h'))?.key).toEqual(keyOf(null, 'h', { rights: ['admin'] }))
    await store.addKey(keyOf(null, 'h', { rights: ['admin'] }))
    const fence = (await store.acquireLease('maintain', 'me', 1_000, 0))?.fence ?? 0
    const units = [{ merchant: merchantId('a'), start: 0, end: 86_400_000 }]
    const begun = await store.beginDerivation('daily', 'maintain', fence, { units, reads: 'published', idAbove: 0 })
    expect(begun).toMatchObject({ through: 0, view: { pending: [] } })
    const days = { afterVersion: 0, firstDay: 0, lastDay: 9, limit: 9 }
    expect(await store.changedDays(days)).toEqual([{ merchant: 'a', day: 5, version: 3 }])
    const { id } = await store.beginPublication('hourly', 'maintain', fence, ['f'])
    await store.finishPublication('hourly', 'maintain', fence, id, 's')
    await store.close()
    instance.closeSync()
  })

  it('open what a version wrote that knew of no reruns: nothing else answers, and what it derived is of the first', async () => {
    const instance = await open(':memory:')
    const session = await Session.open(instance)
    await migrate(
      session,
      migrations.slice(
        0,
        migrations.findIndex(({ name }) => name === 'reruns'),
      ),
    )
    const view = { table: 'hourly', snapshot: null, pending: [] }
    const work = { table: 'daily', id: 1, units: [], view, erased: [], through: 0, rightUntil: 0 }
    await ask(instance, `INSERT INTO derivations VALUES ('daily', '${JSON.stringify(work)}')`)
    await session.close()
    const store = await openDuckDbControlStore({ instance })
    expect((await store.openDerivation('daily'))?.generations).toEqual(firstGenerations)
    expect(await store.reruns({ limit: 10 })).toEqual([])
    expect(await store.generationsInUse()).toEqual({ inUse: [1], changedAt: null })
    expect((await store.versionsSince(0)).generations).toEqual([])
    await store.close()
    instance.closeSync()
  })

  it('refuse a store that a newer version has written', async () => {
    const instance = await open(':memory:')
    const store = await openDuckDbControlStore({ instance })
    await store.close()
    await ask(instance, `INSERT INTO migrations VALUES (${migrations.length + 1}, 'of tomorrow')`)
    const refused = openDuckDbControlStore({ instance })
    await expect(refused).rejects.toThrow(StartError)
    await expect(refused).rejects.toThrow(/start the newer version/)
    instance.closeSync()
  })
})

describe('the control store in a file', () => {
  it('opens as an older version left it: its job goes on under the fence it had', async () => {
    const instance = await open(':memory:')
    const session = await Session.open(instance)
    await migrate(session, migrations.slice(0, 1))
    await session.write(async () => {
      await session.run(`INSERT INTO jobs VALUES ('hits', 7, 'me', 'feed-1', 'plan')`)
      await session.run(`INSERT INTO positions VALUES ('hits', 'feed-1', 0, 12, 'checkpoints/a', 5, 6)`)
    })
    await session.close()
    const store = await openDuckDbControlStore({ instance })
    const kept = { partition: 0, next: 12, checkpoint: 'checkpoints/a', watermark: 5, received: 6, forwarded: {} }
    expect((await store.versionsSince(0)).positions).toEqual([{ ...kept, job: 'hits' }])
    await store.commitEpoch(epochOf(7, 12, 12))
    expect((await store.acquirePartitions('hits', 'feed-1', 'me', [0])).fence).toBe(8)
    await store.close()
    instance.closeSync()
  })

  it('is found whole by the next start', async () => {
    const file = join(folder, 'kept.db')
    const first = await open(file)
    const store = await openDuckDbControlStore({ instance: first })
    const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
    await store.commitEpoch(epochOf(fence, 0, 3, { staged: [fileOf('a')] }))
    const secrets = await store.dailySecrets(['2026-03-01'], '2026-03-01', () => 'made once')
    await store.close()
    first.closeSync()
    const second = await open(file)
    const again = await openDuckDbControlStore({ instance: second })
    expect(await again.unpublished('hits')).toEqual([fileOf('a')])
    expect(await again.dailySecrets(['2026-03-01'], '2026-03-01', () => 'made twice')).toEqual(secrets)
    expect((await again.acquirePartitions('hits', 'feed-1', 'me', [0])).fence).toBeGreaterThan(fence)
    await again.close()
    second.closeSync()
  })

  it('writes nothing while it is only read', async () => {
    const file = join(folder, 'idle.db')
    const instance = await open(file)
    const store = await openDuckDbControlStore({ instance })
    const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
    await store.commitEpoch(epochOf(fence, 0, 1))
    await store.dailySecrets(['2026-03-01'], '2026-03-01', () => 'secret')
    const state = async () => Promise.all([file, `${file}.wal`].map(async (name) => stat(name, { bigint: true })))
    const before = await state()
    await store.versionsSince(0)
    await store.tableView('hits')
    await store.books({ from: 0, to: 1 })
    await store.dailySecrets(['2026-03-01'], '2026-03-01', () => 'secret')
    expect((await state()).map(({ size, mtimeNs }) => [size, mtimeNs])).toEqual(
      before.map(({ size, mtimeNs }) => [size, mtimeNs]),
    )
    await store.close()
    instance.closeSync()
  })

  it('stays small: versions, books and finished publications do not pile up', async () => {
    const file = join(folder, 'small.db')
    const instance = await open(file, { checkpointBytes: 256 * 1024 })
    const store = await openDuckDbControlStore({
      instance,
      maxVersionRows: 2_000,
      foldDaysAt: 2_000,
      foldBooksAt: 2_000,
    })
    const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
    const lease = await store.acquireLease('publish', 'me', 1_000, 0)
    const merchants = Array.from({ length: 200 }, (_, i) => `shop-${i}` as never)
    for (let from = 0; from < 120; from++) {
      await store.commitEpoch(
        epochOf(fence, from, from + 1, {
          staged: [fileOf(`f${from}`)],
          touched: merchants.map((merchant) => ({ merchant, day: 1 })),
          books: merchants.map((merchant) => ({
            merchant,
            hour: 0,
            accepted: 0,
            stored: 1,
            duplicates: 1,
            failed: 0,
            dropped: {},
          })),
        }),
      )
      const { id } = await store.beginPublication('hits', 'publish', lease?.fence ?? 0, [`f${from}`])
      await store.finishPublication('hits', 'publish', lease?.fence ?? 0, id, `s${id}`)
    }
    const rows = (table: string) => ask(instance, `SELECT count(*)::INTEGER FROM ${table}`)
    expect(await rows('versions')).toBeLessThanOrEqual(2_000)
    expect(await rows('day_versions')).toBeLessThanOrEqual(2_000)
    expect(await rows('books_recent')).toBeLessThanOrEqual(2_000)
    expect(await rows('pending_files')).toBe(0)
    expect(await store.books({ from: 0, to: 1 })).toMatchObject({ stored: 24_000, duplicates: 24_000 })
    expect((await stat(file)).size).toBeLessThan(5 * 1024 * 1024)
    await store.close()
    instance.closeSync()
  })

  it('folds closed hours away from the recent books, and sums both', async () => {
    const instance = await open(':memory:')
    const store = await openDuckDbControlStore({ instance, foldBooksAt: 3 })
    const hourMs = 3_600_000
    let through = 0
    for (let hour = 0; hour < 5; hour++) {
      for (let part = 0; part < 4; part++) {
        const counts = [{ merchant: 'a' as never, hour: hour * hourMs, hits: 1 }]
        await store.addAccepted('log', through as never, (through + 1) as never, counts)
        through += 1
      }
    }
    expect(await ask(instance, 'SELECT count(*)::INTEGER FROM books_folded')).toBe(3)
    for (let hour = 0; hour < 5; hour++) {
      const { accepted } = await store.books({ from: hour * hourMs, to: (hour + 1) * hourMs })
      expect([hour, accepted]).toEqual([hour, 4])
    }
    await store.close()
    instance.closeSync()
  })

  it('refuses callers beyond those that may wait, and all once it is closed', async () => {
    const instance = await open(':memory:')
    const store = await openDuckDbControlStore({ instance, maxWaitingCalls: 3 })
    const calls = [1, 2, 3, 4].map((n) => store.acquirePartitions(`job-${n}`, 'feed', 'me', [0]))
    const outcomes = await Promise.allSettled(calls)
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected'])
    await expect(calls[3]).rejects.toThrow(SessionRefusedError)
    expect((await store.acquirePartitions('job-4', 'feed', 'me', [0])).fence).toBe(1)
    await store.close()
    await store.close()
    await expect(store.tableView('hits')).rejects.toThrow('closed')
    await expect(store.acquirePartitions('job-1', 'feed', 'me', [0])).rejects.toThrow('closed')
    instance.closeSync()
  })

  it('plans every statement with the rows of the moment', async () => {
    const instance = await open(':memory:')
    const session = await Session.open(instance)
    await session.write(async () => {
      await session.run('CREATE TABLE t (a BIGINT, b BIGINT)')
      await session.run('INSERT INTO t VALUES (0, 0)')
    })
    const sorted = () => session.read(() => session.rows('SELECT a, b FROM t ORDER BY a'))
    expect(await sorted()).toEqual([[0n, 0n]])
    await session.write(() => session.run('UPDATE t SET b = $1', [1_000]))
    // A plan kept from the first call would sort b as one byte and give 232.
    expect(await sorted()).toEqual([[0n, 1_000n]])
    await session.close()
    instance.closeSync()
  })
})
