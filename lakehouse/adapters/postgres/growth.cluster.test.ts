/** Tables of the store over time: opened by many at once, upgraded once, and never growing with what is done. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { StartError } from '../../../core/errors.ts'
import { keyOf, merchantId } from '../../../core/ports/control-store.contract.ts'
import { epochOf, fileOf, offset } from '../../../core/ports/control-store-epochs.contract.ts'
import { openDatabase } from './database.ts'
import { migrate, migrations } from './migrations.ts'
import { createSchema, type Schema } from './test/schemas.ts'

let schema: Schema

beforeEach(async () => {
  schema = await createSchema()
})
afterEach(() => schema.close())

async function rowsOf(table: string): Promise<number> {
  const [row] = await schema.query<{ rows: number }>(`SELECT count(*)::int AS rows FROM ${table}`)
  return row?.rows ?? -1
}

/** Chores go on beside the commits. */
async function eventually(check: () => Promise<void>, tries = 100): Promise<void> {
  for (let left = tries; ; left--) {
    try {
      return await check()
    } catch (error) {
      if (left === 0) throw error
      await sleep(50)
    }
  }
}

it('is made once by many that open it at once', async () => {
  const stores = await Promise.all(Array.from({ length: 8 }, () => schema.open({ poolSize: 1 })))
  expect(await schema.query('SELECT number, name FROM migrations')).toEqual(
    migrations.map(({ name }, index) => ({ number: String(index + 1), name })),
  )
  const fences = await Promise.all(stores.map((store) => store.acquirePartitions('hits', 'feed-1', 'me', [0])))
  expect(new Set(fences.map(({ fence }) => fence)).size).toBe(8)
})

it('is upgraded with what an older version left in it: keys, files that wait, and versions no longer listed', async () => {
  const database = openDatabase({ url: schema.url, poolSize: 1 })
  await migrate(database, migrations.slice(0, 1))
  await database.close()
  await schema.query(`INSERT INTO keys VALUES ('h', NULL, 'server', '{admin}')`)
  await schema.query('UPDATE counters SET last_commit = 9, versions_floor = 4')
  await schema.query(`INSERT INTO epochs VALUES (1, 'hits', 7, 1)`)
  await schema.query(`INSERT INTO pending_files VALUES ('f', 1, 1, 'hourly', 10, 1000, 5, 6)`)
  await schema.query(`INSERT INTO touched VALUES (1, 'a', 5), (2, 'b', 5)`)
  await schema.query('INSERT INTO discarded VALUES (2)')
  const store = await schema.open({ visible: 'published' })
  expect((await store.findKey('h'))?.key).toEqual(keyOf(null, 'h', { rights: ['admin'] }))
  const days = { afterVersion: 0, firstDay: 0, lastDay: 9, limit: 9 }
  expect(await store.changedDays(days)).toEqual([{ merchant: 'a', day: 5, version: 7 }])
  const fence = (await store.acquireLease('maintain', 'me', 100_000, 0))?.fence ?? 0
  const units = [{ merchant: merchantId('a'), start: 0, end: 86_400_000 }]
  const begun = await store.beginDerivation('daily', 'maintain', fence, { units, reads: 'published', idAbove: 0 })
  expect(begun).toMatchObject({ through: 6, view: { pending: [] } })
})

it('is left alone where a newer version wrote it', async () => {
  await (await schema.open()).close()
  await schema.query(`INSERT INTO migrations VALUES ($1, 'of tomorrow')`, [migrations.length + 1])
  const refused = schema.open()
  await expect(refused).rejects.toThrow(StartError)
  await expect(refused).rejects.toThrow(/start the newer version/)
})

it.each(['committed', 'published'] as const)('keeps what is current and no more, visible as %s', async (visible) => {
  const store = await schema.open({ visible, maxVersionRows: 500, chores: { rows: 200 } })
  const { fence } = await store.acquirePartitions('hits', 'feed-1', 'me', [0])
  const lease = (await store.acquireLease('publish', 'me', 100_000, 0))?.fence ?? 0
  const merchants = Array.from({ length: 50 }, (_, i) => merchantId(`shop-${i}`))
  for (let from = 0; from < 60; from++) {
    await store.commitEpoch(
      epochOf(fence, from, from + 1, {
        partitions: [
          {
            partition: 0,
            from: offset(from),
            next: offset(from + 1),
            checkpoint: null,
            watermark: null,
            received: null,
            forwarded: { l: from },
          },
        ],
        staged: from % 10 === 9 ? [] : [fileOf(`f${from}`)],
        touched: merchants.map((merchant) => ({ merchant, day: from % 3 })),
        books: merchants.map((merchant) => {
          return { merchant, hour: 0, accepted: 0, stored: 2, duplicates: 1, failed: 0, dropped: {} }
        }),
      }),
    )
    if (from % 3 !== 2) continue
    const names = (await store.unpublished('hits')).map(({ name }) => name)
    if (names.length === 0) continue
    const { id } = await store.beginPublication('hits', 'publish', lease, names)
    await store.finishPublication('hits', 'publish', lease, id, `s${id}`)
  }
  await eventually(async () => {
    expect(await rowsOf('books_recent')).toBeLessThanOrEqual(400)
    // What can be listed, and what was touched since the chores were done last.
    expect(await rowsOf('touched')).toBeLessThanOrEqual(1_000)
  })
  expect(await rowsOf('books_folded')).toBe(2 * merchants.length)
  for (const table of ['pending_files', 'epochs', 'history']) expect([table, await rowsOf(table)]).toEqual([table, 0])
  expect(await store.books({ from: 0, to: 1 })).toMatchObject({ stored: 6_000, duplicates: 3_000 })
  expect(await store.logProgress('l')).toEqual([{ job: 'hits', partition: 0, committed: 59, published: 59 }])
})

it('does the chores of many rows in several small transactions', async () => {
  const store = await schema.open({ chores: { rows: 100, rounds: 50 } })
  const counts = Array.from({ length: 3_000 }, (_, i) => ({ merchant: merchantId(`m${i % 7}`), hour: 0, hits: 1 }))
  await store.addAccepted('l', offset(0), offset(1), counts)
  await eventually(async () => expect(await rowsOf('books_recent')).toBe(0))
  expect(await rowsOf('books_folded')).toBe(7)
  expect((await store.books({ from: 0, to: 1 })).accepted).toBe(3_000)
})
