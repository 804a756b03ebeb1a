/**
 * A visitor, a user and a whole shop erased while the server runs: answers from hits and visits leave them out at once, kept
 * ones and stored visits too; hits that were on their way are dropped and the books say so; a restart knows it all.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { metric } from './support/query-system.ts'
import { call, eventually, type Life, readKeys, start, temporaryFolder } from './support/server.ts'

interface Answer {
  readonly results: readonly { readonly dimensions: readonly string[]; readonly metrics: readonly number[] }[]
  readonly meta: { readonly asOf: string; readonly servedFrom: Readonly<Record<string, number>> }
}
interface Erasure {
  readonly id: number
  readonly state: string
}
interface Books {
  readonly stored: number
  readonly dropped: Readonly<Record<string, number>>
  readonly inFlight: number
  readonly balanced: boolean
}

const hourMs = 3_600_000
const env = {
  HITLAKE_MAX_HIT_AGE: '400d',
  HITLAKE_MAINTAIN_EVERY: '1s',
  HITLAKE_DERIVE_AFTER: '0s',
  HITLAKE_PUBLISH_EVERY: '2s',
}
/** A minute ago, and the day before yesterday, whose visits are derived. */
const now = Date.now() - 60_000
const before = now - 48 * hourMs

describe('after an erasure', () => {
  const folder = temporaryFolder()
  let life: Life
  let adminKey: string
  let shop: { readonly writeKey: string; readonly readKey: string }

  beforeAll(async () => {
    life = await start(folder.path, env)
    adminKey = readKeys(folder.path).adminKey
    const body = { id: 'shop', name: 'Shop', timeZone: 'UTC', currency: 'EUR', rights: ['historical'] }
    shop = (await call<typeof shop>(`${life.url}/v1/admin/merchants`, { key: adminKey, body })).body
  }, 60_000)
  afterAll(async () => {
    await life?.end('SIGKILL')
    folder.remove()
  })

  const send = async (hits: readonly object[]) => {
    const body = hits.map((hit) => ({ name: 'page_view', url: 'https://shop.example/', ...hit }))
    expect((await call(`${life.url}/v1/hits`, { key: shop.writeKey, body })).status).toBe(202)
  }
  const erase = async (whose: object) => {
    const body = { merchant: 'shop', ...whose }
    const { status, body: erasure } = await call<Erasure>(`${life.url}/v1/admin/erasures`, { key: adminKey, body })
    expect(status, JSON.stringify(erasure)).toBe(202)
    return erasure
  }
  const books = async () => (await call<Books>(`${life.url}/v1/admin/books?merchant=shop`, { key: adminKey })).body

  /** [hits counted one by one, visits] of both days, and where they came from. */
  async function counted() {
    const ask = async (metrics: readonly string[], filters: readonly unknown[]) => {
      const dateRange = [
        new Date(before - 24 * hourMs).toISOString().slice(0, 10),
        new Date(now + 24 * hourMs).toISOString().slice(0, 10),
      ]
      const body = { metrics, dateRange, filters }
      const reply = await call<Answer>(`${life.url}/v1/query`, { key: shop.readKey, body })
      expect(reply.status, JSON.stringify(reply.body)).toBe(200)
      return { value: reply.body.results[0]?.metrics[0] ?? 0, served: reply.body.meta.servedFrom }
    }
    const [hits, visits] = await Promise.all([
      // No rollup knows the terms of campaigns.
      ask(['hits'], [['is_not', 'term', ['no hit has this']]]),
      ask(['sessions'], []),
    ])
    return {
      hits: hits.value,
      sessions: visits.value,
      served: { ...hits.served, sessions: visits.served.sessions ?? 0 },
    }
  }
  const until = (hits: number) => eventually(counted, (found) => found.hits === hits, 60_000)

  it('no answer counts the visitor, nor one that was kept, nor visits that were derived', async () => {
    await send(
      [before, now].flatMap((at) =>
        ['ada', 'ada', 'bob', 'eve'].map((visitor, i) => ({
          visitor,
          time: new Date(at + i * 1_000).toISOString(),
          ...(visitor === 'eve' && { user: 'u-eve' }),
        })),
      ),
    )
    await until(8)
    const rounds = await metric(life.url, 'maintenance_rounds_total')
    await eventually(
      () => metric(life.url, 'maintenance_rounds_total'),
      (found) => found >= rounds + 2,
      60_000,
    )
    // So that stored visits answer, and not what was kept from before they were stored.
    await life.end('SIGTERM')
    life = await start(folder.path, env)
    const stored = await counted()
    expect(stored).toMatchObject({ hits: 8, sessions: 6 })
    expect(stored.served.sessions).toBeGreaterThan(0)

    expect(await erase({ visitor: 'ada' })).toMatchObject({ id: 1, state: 'asked' })
    expect(await counted()).toMatchObject({ hits: 4, sessions: 4 })
    expect(await erase({ user: 'u-eve' })).toMatchObject({ id: 2 })
    expect(await counted()).toMatchObject({ hits: 2, sessions: 2 })
    expect(await counted()).toMatchObject({ hits: 2, sessions: 2 })
  }, 180_000)

  it('what the visitor sends later counts', async () => {
    await send([{ visitor: 'ada', time: new Date(now + 5_000).toISOString() }])
    expect((await until(3)).sessions).toBe(3)
  }, 90_000)

  it('visits derived again leave the visitor out, and so does the server after a restart', async () => {
    const rounds = await metric(life.url, 'maintenance_rounds_total')
    await eventually(
      () => metric(life.url, 'maintenance_rounds_total'),
      (found) => found >= rounds + 2,
      60_000,
    )
    expect(await counted()).toMatchObject({ hits: 3, sessions: 3 })
    await life.end('SIGTERM')
    life = await start(folder.path, env)
    expect(await counted()).toMatchObject({ hits: 3, sessions: 3 })
    const { body } = await call<{ erasures: readonly Erasure[] }>(`${life.url}/v1/admin/erasures?merchant=shop`, {
      key: adminKey,
    })
    expect(body.erasures.map(({ id }) => id)).toEqual([1, 2])
  }, 180_000)

  it('hits that were accepted and not yet committed are dropped, and the books balance', async () => {
    await life.end('SIGTERM')
    // Nothing commits before the kill.
    life = await start(folder.path, { ...env, HITLAKE_EPOCH: '10m' })
    await send([{ visitor: 'ada' }, { visitor: 'ada' }, { visitor: 'bob' }])
    await erase({ visitor: 'ada' })
    await life.end('SIGKILL')
    life = await start(folder.path, env)
    // ada's hit of before is erased too by now.
    await until(3)
    const found = await eventually(books, ({ inFlight }) => inFlight === 0)
    expect(found).toMatchObject({ stored: 10, dropped: { erased: 2 }, inFlight: 0, balanced: true })
  }, 180_000)

  it('of the whole shop nothing is left to count', async () => {
    await erase({ all: true })
    expect(await counted()).toMatchObject({ hits: 0, sessions: 0 })
    expect(await books()).toMatchObject({ balanced: true })
  }, 60_000)
})
