import type { FastifyInstance } from 'fastify'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { RollbackRefusedError, SnapshotNotFoundError } from '../../../core/errors.ts'
import type { LakeUpkeep, SnapshotInfo } from '../../../core/ports/lake.ts'
import { pinsPerTableMax } from '../../../core/ports/maintenance-store.ts'
import { createMemoryControlStore } from '../../../lakehouse/adapters/memory/memory-control-store.ts'
import { buildApp } from '../../app.ts'
import { createKeyDirectory, hashKey } from '../../core/keys.ts'
import { createReadiness } from '../../core/readiness.ts'
import { createMetrics } from '../plugins/metrics.ts'
import { adminTablesRoutes } from './admin-tables.ts'

const closers: (() => Promise<unknown>)[] = []
afterAll(async () => {
  for (const close of closers) await close()
})

const snapshot = (id: string): SnapshotInfo => ({
  id,
  parent: null,
  at: 0,
  operation: 'append',
  publish: 1,
  addedRows: 1,
  totalRows: 1,
})

async function setUp(upkeep?: LakeUpkeep) {
  const clock = new ManualClock(started)
  const store = createMemoryControlStore()
  const key = { merchant: null, kind: 'server', origins: [], quota: null, tool: null } as const
  await store.addKey({ ...key, hash: hashKey('admin'), rights: ['admin'] })
  await store.addKey({ ...key, hash: hashKey('reader'), rights: ['read'] })
  const keys = createKeyDirectory({ store, clock })
  const lake = { snapshots: async () => [snapshot('12'), snapshot('11')] }
  const app = await buildApp({
    timers: clock,
    readiness: createReadiness([]),
    metrics: createMetrics(),
    plugins: [
      async (each: FastifyInstance) => {
        await each.register(adminTablesRoutes, {
          lake,
          tables: ['hits', 'hourly'],
          keys,
          store,
          clock,
          ...(upkeep && { upkeep }),
        })
      },
    ],
  })
  closers.push(() => app.close())
  const ask = async (method: 'GET' | 'POST', path: string, payload?: object, by = 'admin') => {
    const headers = { authorization: `Bearer ${by}` }
    const reply = await app.inject({ method, url: `/v1/admin/tables${path}`, headers, ...(payload && { payload }) })
    return { status: reply.statusCode, body: reply.json() }
  }
  return { ask, store }
}

/** Where the clock stands. */
const started = Date.parse('2026-06-01T00:00:00Z')
const until = '2027-01-01T00:00:00.000Z'

describe('pins of snapshots', () => {
  let world: Awaited<ReturnType<typeof setUp>>
  beforeEach(async () => {
    world = await setUp()
  })

  it('are made, shown beside their snapshots and tables, and taken off', async () => {
    const { ask } = world
    const pin = { name: 'audit', snapshot: '11', until, by: 'finance' }
    expect(await ask('POST', '/hits/pin', pin)).toEqual({ status: 201, body: pin })
    const { body } = await ask('GET', '/hits/snapshots')
    expect(body.map(({ id, pinnedBy }: { id: string; pinnedBy: string[] }) => [id, pinnedBy])).toEqual([
      ['12', []],
      ['11', ['audit']],
    ])
    expect((await ask('GET', '')).body).toEqual({
      tables: [
        { name: 'hits', snapshot: null, pendingFiles: 0, pins: [pin] },
        { name: 'hourly', snapshot: null, pendingFiles: 0, pins: [] },
      ],
    })
    expect(await ask('POST', '/hits/unpin', { name: 'audit' })).toEqual({ status: 200, body: { name: 'audit' } })
    expect(await ask('POST', '/hits/unpin', { name: 'audit' })).toMatchObject({ status: 404 })
  })

  it('are refused where the name is taken, the table is full of them, or the snapshot is going', async () => {
    const { ask, store } = world
    await ask('POST', '/hits/pin', { name: 'audit', snapshot: '11', until })
    const refused = { status: 409, body: { code: 'pin_refused' } }
    expect(await ask('POST', '/hits/pin', { name: 'audit', snapshot: '12', until })).toMatchObject(refused)
    const held = await store.acquireLease('l', 'me', 60_000, 0)
    await store.condemnSnapshots('hits', 'l', held?.fence ?? 0, { snapshots: ['12'], now: 0 })
    expect(await ask('POST', '/hits/pin', { name: 'late', snapshot: '12', until })).toMatchObject(refused)
    for (let n = 1; n < pinsPerTableMax; n++) {
      await store.pinSnapshot({ table: 'hits', snapshot: '11', name: `n${n}`, until: 9e12, by: '' })
    }
    expect(await ask('POST', '/hits/pin', { name: 'more', snapshot: '11', until })).toMatchObject(refused)
  })

  it('of snapshots that the table lacks leave nothing behind', async () => {
    const { ask, store } = world
    expect(await ask('POST', '/hits/pin', { name: 'a', snapshot: '99', until })).toMatchObject({ status: 404 })
    expect(await store.pins('hits')).toEqual([])
  })

  it.each([
    [{}],
    [{ name: 'a b', snapshot: '11', until }],
    [{ name: `a${'b'.repeat(128)}`, snapshot: '11', until }],
    [{ name: 'a', snapshot: '-1', until }],
    [{ name: 'a', snapshot: '11', until: 'tomorrow' }],
    [{ name: 'a', snapshot: '11', until, more: 1 }],
    [{ name: 'a', snapshot: '11', until: new Date(started).toISOString() }],
  ])('are refused whole where they cannot be read: %j', async (body) => {
    expect(await world.ask('POST', '/hits/pin', body)).toMatchObject({ status: 400, body: { code: 'bad_query' } })
  })

  it('and all the rest need an admin key and a table there is', async () => {
    const { ask } = world
    expect(await ask('POST', '/hits/pin', { name: 'a', snapshot: '11', until }, 'reader')).toMatchObject({
      status: 403,
    })
    expect(await ask('GET', '', undefined, 'reader')).toMatchObject({ status: 403 })
    expect(await ask('POST', '/users/pin', { name: 'a', snapshot: '11', until })).toMatchObject({ status: 404 })
  })
})

describe('upkeep', () => {
  const asked: string[] = []
  const day = { generation: 1, period: 20_000, files: 3, rows: 5, bytes: 7 }
  const undone = { from: '12', to: '11', undone: ['12'], days: 3 }
  const change = {
    partition: { generation: 1, period: 20_000 },
    added: { files: 1, rows: 5 },
    removed: { files: 3, rows: 5 },
  }
  const upkeep: LakeUpkeep = {
    partitions: async () => [day],
    async expire(table, mode) {
      asked.push(`expire ${table} ${mode}`)
      return { snapshots: ['11'], files: 2, bytes: 3 }
    },
    async removeOrphans(table, mode) {
      asked.push(`orphans ${table} ${mode}`)
      return null
    },
    async compact(table, mode) {
      asked.push(`compact ${table} ${mode}`)
      return [day]
    },
    async rollback(table, snapshot, mode) {
      if (snapshot === '9') throw new SnapshotNotFoundError(table, snapshot)
      if (snapshot === '8') throw new RollbackRefusedError(table, snapshot, 'it would lose publication 7')
      asked.push(`rollback ${table} ${snapshot} ${mode}`)
      return snapshot === '7' ? null : undone
    },
    async changes(table, from, to) {
      if (to === '9') throw new SnapshotNotFoundError(table, to)
      asked.push(`changes ${table} ${from} ${to}`)
      return [change]
    },
    async pinned(table) {
      asked.push(`pinned ${table}`)
    },
    verify: async () => [],
  }

  it('is asked of the process that does it; a dry run is one', async () => {
    const { ask } = await setUp(upkeep)
    const answer = { expired: { snapshots: ['11'], files: 2, bytes: 3 }, orphans: null }
    expect(await ask('POST', '/hits/expire', { dryRun: true })).toEqual({ status: 200, body: answer })
    expect(await ask('POST', '/hourly/expire')).toEqual({ status: 200, body: answer })
    const [dry, real] = ['hits dry run', 'hourly remove']
    expect(asked).toEqual([`expire ${dry}`, `orphans ${dry}`, `expire ${real}`, `orphans ${real}`])
    expect((await ask('GET', '/hits/partitions')).body.partitions).toHaveLength(1)
    expect((await ask('GET', '/hits/faults')).body).toEqual({ faults: [] })
    expect(await ask('POST', '/hits/expire', { dryRun: 'yes' })).toMatchObject({ status: 400 })
  })

  it('compacts, or says what it would rewrite', async () => {
    const { ask } = await setUp(upkeep)
    asked.length = 0
    const answer = { status: 200, body: { compacted: { partitions: 1, of: [day] } } }
    expect(await ask('POST', '/hits/compact')).toEqual(answer)
    expect(await ask('POST', '/hits/compact', { dryRun: true })).toEqual(answer)
    expect(asked).toEqual(['compact hits rewrite', 'compact hits dry run'])
    expect(await ask('POST', '/hits/compact', { dryrun: true })).toMatchObject({ status: 400 })
  })

  it('rolls back, says what it would undo, and refuses with a code what would lose hits', async () => {
    const { ask } = await setUp(upkeep)
    asked.length = 0
    const rollback = (body: object) => ask('POST', '/hits/rollback', body)
    expect(await rollback({ snapshot: '11' })).toEqual({ status: 200, body: { rolledBack: undone } })
    expect(await rollback({ snapshot: '11', dryRun: true })).toEqual({ status: 200, body: { rolledBack: undone } })
    expect(asked).toEqual(['rollback hits 11 roll back', 'rollback hits 11 dry run'])
    expect(await rollback({ snapshot: '7' })).toEqual({ status: 200, body: { rolledBack: null } })
    expect(await rollback({ snapshot: '9' })).toMatchObject({ status: 404, body: { code: 'not_found' } })
    expect(await rollback({ snapshot: '8' })).toMatchObject({ status: 409, body: { code: 'rollback_refused' } })
    expect(await rollback({ snapshot: 'x' })).toMatchObject({ status: 400 })
    expect(await rollback({})).toMatchObject({ status: 400 })
  })

  it('says which partitions differ between two snapshots', async () => {
    const { ask } = await setUp(upkeep)
    asked.length = 0
    expect(await ask('GET', '/hits/changes?from=11&to=12')).toEqual({ status: 200, body: { changes: [change] } })
    expect(asked).toEqual(['changes hits 11 12'])
    expect(await ask('GET', '/hits/changes?from=11&to=9')).toMatchObject({ status: 404 })
    expect(await ask('GET', '/hits/changes?from=11')).toMatchObject({ status: 400 })
  })

  it('is told of pins that were made and taken off, and of no others', async () => {
    const { ask } = await setUp(upkeep)
    asked.length = 0
    await ask('POST', '/hits/pin', { name: 'a', snapshot: '99', until })
    await ask('POST', '/hits/unpin', { name: 'a' })
    expect(asked).toEqual([])
    await ask('POST', '/hits/pin', { name: 'a', snapshot: '11', until })
    await ask('POST', '/hits/unpin', { name: 'a' })
    expect(asked).toEqual(['pinned hits', 'pinned hits'])
  })

  it('is not there where another process does it', async () => {
    const { ask } = await setUp()
    expect(await ask('POST', '/hits/expire', {})).toMatchObject({ status: 404 })
  })
})
