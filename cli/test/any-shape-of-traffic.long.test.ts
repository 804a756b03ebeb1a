import { readdirSync } from 'node:fs'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call, eventually, type Keys, type Life, readKeys, start, temporaryFolder } from './support/server.ts'

// Shapes that have broken systems like this one: much history at once, very many merchants, one merchant with everything.
describe('any shape of traffic', () => {
  const folder = temporaryFolder()
  const agent = new Agent({ keepAlive: true, maxSockets: 16 })
  let life: Life
  let keys: Keys

  beforeAll(async () => {
    // Published every second, so that publication meets all of it too.
    life = await start(folder.path, {
      HITLAKE_PUBLISH_EVERY: '1s',
      HITLAKE_LOG_SEGMENT_BYTES: '1MB',
      HITLAKE_KEY_QUOTA: '1000000',
    })
    keys = readKeys(folder.path)
  })
  afterAll(async () => {
    agent.destroy()
    await life?.end('SIGKILL')
    folder.remove()
  })

  type Series = { buckets: { start: string; hits: number; visitors: number }[]; meta: { asOf: string } }

  /** The series once it holds everything received by now; empty buckets left out. */
  async function settled(merchant: string, query: string): Promise<Series['buckets']> {
    const since = Date.now()
    const url = `${life.url}/v1/merchants/${merchant}/timeseries?${query}`
    const { body } = await eventually(
      () => call<Series>(url, { key: keys.adminKey }),
      (reply) => reply.status === 200 && Date.parse(reply.body.meta.asOf) > since,
    )
    return body.buckets.filter(({ hits }) => hits > 0)
  }

  const publishedRows = async (table: string): Promise<number> => {
    const { body } = await call<{ rows: number }[]>(`${life.url}/v1/admin/tables/${table}/snapshots`, {
      key: keys.adminKey,
    })
    return body[0]?.rows ?? 0
  }

  it('1,000 hits over 30 days in one request', async () => {
    const now = Date.now()
    const dayMs = 86_400_000
    const hits = Array.from({ length: 1_000 }, (_, i) => ({
      id: `d${i}`,
      name: 'page_view',
      visitor: `v${i % 100}`,
      time: now - Math.floor((i * 29.9 * dayMs) / 1_000),
    }))
    const reply = await call(`${life.url}/v1/hits`, { key: keys.writeKey, body: hits })
    expect(reply.body).toEqual({ accepted: 1_000, rejected: [] })
    const expected = new Map<string, number>()
    for (const { time } of hits) {
      const day = `${new Date(time).toISOString().slice(0, 10)}T00:00:00+00:00`
      expected.set(day, (expected.get(day) ?? 0) + 1)
    }
    const day = (ms: number) => new Date(ms).toISOString().slice(0, 10)
    const found = await settled('demo', `interval=day&metrics=hits&from=${day(now - 31 * dayMs)}&to=${day(now)}`)
    expect(new Map(found.map(({ start, hits: count }) => [start, count]))).toEqual(expected)
    await eventually(
      () => publishedRows('hits'),
      (rows) => rows === 1_000,
    )
  })

  it('10,000 merchants with one hit each', async () => {
    const count = 10_000
    const writeKeys: string[] = []
    const inLanes = async (work: (index: number) => Promise<void>): Promise<void> => {
      let next = 0
      const lane = async () => {
        for (let index = next++; index < count; index = next++) await work(index)
      }
      await Promise.all(Array.from({ length: 16 }, lane))
    }
    await inLanes(async (index) => {
      const reply = await call<{ writeKey: string }>(`${life.url}/v1/admin/merchants`, {
        key: keys.adminKey,
        agent,
        body: { id: `shop-${index}`, name: `Shop ${index}`, timeZone: 'Europe/Berlin', currency: 'EUR' },
      })
      expect(reply.status).toBe(201)
      writeKeys[index] = reply.body.writeKey
    })
    await inLanes(async (index) => {
      const reply = await call(`${life.url}/v1/hits`, {
        key: writeKeys[index] as string,
        agent,
        body: { id: 'the-same', name: 'page_view', visitor: 'me' },
      })
      expect(reply.status).toBe(202)
    })
    for (const index of [0, 1, 4_999, 9_999]) {
      const found = await settled(`shop-${index}`, 'interval=day&metrics=hits,visitors')
      expect(found).toMatchObject([{ hits: 1, visitors: 1 }])
    }
    const books = await call(`${life.url}/v1/admin/books`, { key: keys.adminKey })
    expect(books.body).toMatchObject({ stored: 11_000, duplicates: 0, inFlight: 0, balanced: true })
    await eventually(
      () => publishedRows('hits'),
      (rows) => rows === 11_000,
    )
  }, 300_000)

  it('one merchant with everything: 50,000 hits of one visitor each, in one hour', async () => {
    for (let from = 0; from < 50_000; from += 1_000) {
      const body = Array.from({ length: 1_000 }, (_, i) => ({
        id: `o${from + i}`,
        name: 'page_view',
        visitor: `p${from + i}`,
      }))
      expect((await call(`${life.url}/v1/hits`, { key: keys.writeKey, agent, body })).status).toBe(202)
    }
    const found = await settled('demo', 'interval=month&metrics=hits,visitors')
    const sum = found.reduce((hits, bucket) => hits + bucket.hits, 0)
    expect(sum).toBeGreaterThanOrEqual(50_000)
    // Beyond 4,096 visitors are estimated: within five standard errors of 1.6 %.
    const visitors = Math.max(...found.map((bucket) => bucket.visitors))
    expect(Math.abs(visitors - 50_000)).toBeLessThan(5 * 0.016 * 50_000)
  })

  it('leaves no more of the log than the segment it writes to, once all is committed and counted', async () => {
    for (let from = 0; from < 40_000; from += 1_000) {
      const body = Array.from({ length: 1_000 }, (_, i) => ({ id: `t${from + i}`, name: 'page_view', visitor: 'me' }))
      expect((await call(`${life.url}/v1/hits`, { key: keys.writeKey, agent, body })).status).toBe(202)
    }
    // Trimming follows commits: one more hit after the others were counted.
    const logFiles = async () => {
      await call(`${life.url}/v1/hits`, { key: keys.writeKey, agent, body: { name: 'page_view' } })
      return readdirSync(join(folder.path, 'log'))
    }
    const files = await eventually(logFiles, (names) => names.length === 1)
    expect(files[0]).not.toBe('00000000000000000000.log')
  })
})
