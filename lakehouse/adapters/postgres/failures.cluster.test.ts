/** What callers are told when PostgreSQL, or the way to it, fails: whether anything happened, and what works afterwards. */
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  ControlStoreOutcomeUnknownError,
  ControlStoreUnavailableError,
  StaleEpochError,
  StartError,
} from '../../../core/errors.ts'
import type { ClusterStore } from '../../../core/ports/cluster-store.ts'
import { allOf, epochOf, fileOf } from '../../../core/ports/control-store-epochs.contract.ts'
import { openPostgresControlStore } from './control-store.ts'
import { answerMarginMs, type Database, openDatabase } from './database.ts'
import { migrate, migrations } from './migrations.ts'
import { type CuttingProxy, cuttingProxy } from './test/cutting-proxy.ts'
import { createSchema, type Schema } from './test/schemas.ts'

/** As it is on the wire; `BEGIN … READ COMMITTED` is none. */
const commitMessage = 'COMMIT\0'

let schema: Schema
const closing: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  schema = await createSchema()
})

afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  await schema.close()
})

/** A store behind a wire that can be cut, with a job that holds partition 0. */
async function behindProxy(statementTimeoutMs = 10_000): Promise<{
  readonly store: ClusterStore
  readonly proxy: CuttingProxy
  readonly fence: number
}> {
  const proxy = await cuttingProxy(schema.url)
  const store = await openPostgresControlStore({ url: proxy.url, visible: 'committed', statementTimeoutMs })
  closing.push(() => store.close(), proxy.close)
  const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
  return { store, proxy, fence }
}

describe('a connection that breaks', () => {
  it.each(['UPDATE partitions', 'INSERT INTO pending_files', 'UPDATE counters'])(
    'at %s leaves nothing of the epoch, says so, and the epoch can be committed again',
    async (statement) => {
      for (const cut of ['before', 'after'] as const) {
        const { store, proxy, fence } = await behindProxy()
        const from = (await store.versionsSince(0)).positions[0]?.next ?? 0
        const epoch = epochOf(fence, from, from + 1, { staged: [fileOf(`${cut}`)] })
        const before = await allOf(store)
        proxy.cutAt(statement, cut)
        await expect(store.commitEpoch(epoch)).rejects.toThrow(ControlStoreUnavailableError)
        expect(await allOf(store)).toEqual(before)
        await store.commitEpoch(epoch)
      }
    },
  )

  it('before the server got COMMIT: the outcome is said to be unknown, and it is that nothing happened', async () => {
    const { store, proxy, fence } = await behindProxy()
    const before = await allOf(store)
    proxy.cutAt(commitMessage, 'before')
    await expect(store.commitEpoch(epochOf(fence, 0, 1))).rejects.toThrow(ControlStoreOutcomeUnknownError)
    expect(await allOf(store)).toEqual(before)
    await store.commitEpoch(epochOf(fence, 0, 1))
  })

  it('after the server got COMMIT: the outcome is said to be unknown, and it is that all happened', async () => {
    const { store, proxy, fence } = await behindProxy()
    proxy.cutAt(commitMessage, 'after')
    const epoch = epochOf(fence, 0, 1, { staged: [fileOf('f')] })
    await expect(store.commitEpoch(epoch)).rejects.toThrow(ControlStoreOutcomeUnknownError)
    expect(await store.unpublished('hits')).toEqual([fileOf('f')])
    await expect(store.commitEpoch(epoch)).rejects.toThrow(StaleEpochError)
  })

  it('and says nothing any more is given up after the limit', async () => {
    const statementTimeoutMs = 200
    const { store, proxy, fence } = await behindProxy(statementTimeoutMs)
    proxy.cutAt('UPDATE partitions', 'stall')
    const began = Date.now()
    await expect(store.commitEpoch(epochOf(fence, 0, 1))).rejects.toThrow(ControlStoreUnavailableError)
    expect(Date.now() - began).toBeLessThan(2 * (statementTimeoutMs + answerMarginMs))
    proxy.cutAt(commitMessage, 'stall')
    await expect(store.commitEpoch(epochOf(fence, 0, 1))).rejects.toThrow(ControlStoreOutcomeUnknownError)
  })

  it('in a read is not noticed by who reads', async () => {
    const { store, proxy } = await behindProxy()
    const before = await store.versionsSince(0)
    for (const cut of ['before', 'after'] as const) {
      proxy.cutAt('versions_floor', cut)
      expect(await store.versionsSince(0)).toEqual(before)
      proxy.cutAt('SELECT through', cut)
      expect(await store.acceptedThrough('l')).toBe(0)
      proxy.cutAt(commitMessage, cut)
      expect(await store.versionsSince(0)).toEqual(before)
    }
  })

  it.each(['before', 'after'] as const)(
    'as the tables are made, %s the server got COMMIT: the store is unavailable, and can be opened again',
    async (cut) => {
      const proxy = await cuttingProxy(schema.url)
      const database = openDatabase({ url: proxy.url })
      closing.push(database.close, proxy.close)
      // It reads which steps were done, and then does those that were not.
      const read: Database['read'] = async (work) => {
        const answer = await database.read(work)
        proxy.cutAt(commitMessage, cut)
        return answer
      }
      await expect(migrate({ ...database, read })).rejects.toThrow(ControlStoreUnavailableError)
      await migrate(database)
      expect(await database.ask('SELECT count(*)::int AS steps FROM migrations')).toEqual([
        { steps: migrations.length },
      ])
    },
  )

  it('while nobody uses it is not noticed: every pooled connection is ended, and calls go on', async () => {
    const store = await schema.open()
    const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
    const names = ['a', 'b', 'c']
    await Promise.all(names.map((name) => store.acceptedThrough(name)))
    for (let next = 1; next <= 3; next++) {
      const ended = await schema.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE application_name = current_setting('application_name') AND pid <> pg_backend_pid()`,
      )
      expect(ended.length).toBeGreaterThan(0)
      expect(await store.acceptedThrough('a')).toBe(0)
      await store.commitEpoch(epochOf(fence, next - 1, next))
    }
  })
})

describe('a server that does not let go', () => {
  it('cancels what waits longer than the limit: nothing happened', async () => {
    const store = await schema.open({ statementTimeoutMs: 300 })
    const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
    await schema.query('BEGIN')
    await schema.query('SELECT * FROM counters FOR UPDATE')
    await expect(store.commitEpoch(epochOf(fence, 0, 1))).rejects.toThrow(ControlStoreUnavailableError)
    await schema.query('ROLLBACK')
    expect(await store.commitEpoch(epochOf(fence, 0, 1))).toEqual({ commit: 1 })
  })

  it('ends a transaction whose process stands still, so that others do not wait for it', async () => {
    const store = await schema.open()
    const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
    const stopped = openDatabase({ url: schema.url, idleInTransactionMs: 300 })
    closing.push(stopped.close)
    const held = stopped.write(async (sql) => {
      await sql.run('SELECT * FROM counters FOR UPDATE')
      const other = store.commitEpoch(epochOf(fence, 0, 1))
      expect(await other).toEqual({ commit: 1 })
      await sql.run('UPDATE counters SET last_commit = 99')
    })
    await expect(held).rejects.toThrow(ControlStoreUnavailableError)
    expect((await store.versionsSince(0)).commit).toBe(1)
  })

  it('two transactions that wait for each other: one is told that nothing happened', async () => {
    await schema.open()
    const database = openDatabase({ url: schema.url })
    closing.push(database.close)
    let waiting = 2
    let go = () => {}
    const both = new Promise<void>((resolve) => {
      go = resolve
    })
    const outcomes = await Promise.allSettled(
      [
        ['counters', 'chores'],
        ['chores', 'counters'],
      ].map(([first, second]) =>
        database.write(async (sql) => {
          await sql.run(`SELECT * FROM ${first} FOR UPDATE`)
          waiting -= 1
          if (waiting === 0) go()
          await both
          await sql.run(`SELECT * FROM ${second} FOR UPDATE`)
        }),
      ),
    )
    const failed = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
    expect(failed).toHaveLength(1)
    expect(failed[0]).toBeInstanceOf(ControlStoreUnavailableError)
  })
})

describe('a store that cannot be had', () => {
  it('is unavailable where nobody answers, or not in time', async () => {
    const dead = new URL(schema.url)
    dead.port = '1'
    await expect(openPostgresControlStore({ url: dead.href, visible: 'committed' })).rejects.toThrow(
      ControlStoreUnavailableError,
    )
    const proxy = await cuttingProxy(schema.url)
    closing.push(proxy.close)
    proxy.cutAt('search_path', 'stall')
    const slow = openPostgresControlStore({ url: proxy.url, visible: 'committed', connectTimeoutMs: 200 })
    await expect(slow).rejects.toThrow(ControlStoreUnavailableError)
  })

  it('stops the start where there is no such database or user', async () => {
    const noDatabase = new URL(schema.url)
    noDatabase.pathname = '/no_such_database'
    const noUser = new URL(schema.url)
    noUser.username = 'nobody_we_know'
    for (const { href: url } of [noDatabase, noUser]) {
      await expect(openPostgresControlStore({ url, visible: 'committed' })).rejects.toThrow(StartError)
    }
  })

  it('refuses callers beyond those that may wait, and all once it is closed', async () => {
    const store = await schema.open({ poolSize: 1, maxWaitingCalls: 2 })
    const calls = [1, 2, 3, 4].map((n) => store.acceptedThrough(`${n}`))
    const outcomes = await Promise.allSettled(calls)
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected'])
    await expect(calls[2]).rejects.toThrow(ControlStoreUnavailableError)
    await store.close()
    await expect(store.acceptedThrough('1')).rejects.toThrow(ControlStoreUnavailableError)
  })
})

describe('errors that are ours', () => {
  it('are not taken for a server that fails', async () => {
    const database = openDatabase({ url: schema.url })
    closing.push(database.close)
    await expect(database.ask('SELECT nonsense')).rejects.toThrow(pg.DatabaseError)
    await expect(database.write((sql) => sql.run('SELECT nonsense'))).rejects.toThrow(pg.DatabaseError)
    await expect(database.ask('SELECT 9007199254740993::int8 AS n')).rejects.toThrow(/too large/)
    expect(await database.ask('SELECT 9007199254740991::int8 AS n')).toEqual([{ n: Number.MAX_SAFE_INTEGER }])
  })
})
