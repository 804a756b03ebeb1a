/**
 * A visitor erased through one gateway of a cluster: it and the others leave the visitor out of hits and visits, hits on
 * their way through the topic are dropped by the workers, and the books say so.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Cluster, createCluster, type Member, serversOf } from './support/cluster.ts'
import { call, eventually } from './support/server.ts'
import type { Shop } from './support/traffic.ts'

interface Answer {
  readonly results: readonly { readonly metrics: readonly number[] }[]
}

const shop: Shop = { id: 'shop', timeZone: 'Europe/Berlin', currency: 'EUR', blockedNames: [] }
const now = Date.now() - 60_000
const dayMs = 86_400_000

describe('in a cluster, after an erasure', () => {
  let cluster: Cluster
  let writeKey: string

  beforeAll(async () => {
    cluster = await createCluster({
      servers: serversOf(process.env),
      roles: { gateway: 2, collector: 1, worker: 1, maintenance: 1 },
      partitions: 2,
      env: { HITLAKE_MAX_HIT_AGE: '400d' },
    })
    await cluster.addShops([shop])
    writeKey = cluster.writeKey({ shop } as never)
  }, 300_000)
  afterAll(() => cluster?.remove())

  const send = async (hits: readonly object[]) => {
    const body = hits.map((hit) => ({ name: 'page_view', url: 'https://shop.example/', ...hit }))
    expect((await call(`${cluster.collectorUrl()}/v1/hits`, { key: writeKey, body })).status).toBe(202)
  }
  const dateRange = [-3, 1].map((days) => new Date(now + days * dayMs).toISOString().slice(0, 10))

  /** Hits counted one by one, and visits. */
  async function counted(gateway: Member) {
    const ask = async (metrics: readonly string[], filters: readonly unknown[]) => {
      const body = { metrics, dateRange, filters }
      const reply = await call<Answer>(`${gateway.life.url}/v1/query`, { key: cluster.readKey(shop), body })
      expect(reply.status, JSON.stringify(reply.body)).toBe(200)
      return reply.body.results[0]?.metrics[0] ?? 0
    }
    // No rollup knows the terms of campaigns.
    return {
      hits: await ask(['hits'], [['is_not', 'term', ['no hit has this']]]),
      sessions: await ask(['sessions'], []),
    }
  }
  const [first, second] = [0, 1].map((at) => () => cluster.of('gateway')[at] as Member) as [() => Member, () => Member]

  it('no gateway counts the visitor, nor hits of it that come out of the topic later', async () => {
    await send(
      [now, now - 2 * dayMs].flatMap((at) =>
        ['ada', 'ada', 'bob'].map((visitor, i) => ({ visitor, time: new Date(at + i).toISOString() })),
      ),
    )
    await cluster.settle()
    for (const gateway of [first(), second()]) expect(await counted(gateway)).toEqual({ hits: 6, sessions: 4 })

    // So that nobody has taken what follows from the topic yet.
    const [worker] = cluster.of('worker')
    await worker?.stop()
    await send([{ visitor: 'ada' }, { visitor: 'bob' }])
    const key = cluster.env.HITLAKE_ADMIN_KEY ?? ''
    const body = { merchant: 'shop', visitor: 'ada' }
    const { status } = await call(`${first().life.url}/v1/admin/erasures`, { key, body })
    expect(status).toBe(202)
    expect(await counted(first())).toEqual({ hits: 2, sessions: 2 })
    await eventually(
      () => counted(second()),
      ({ hits, sessions }) => hits === 2 && sessions === 2,
      10_000,
    )

    await worker?.restart()
    await cluster.settle()
    for (const gateway of [first(), second()]) expect((await counted(gateway)).hits).toBe(3)
    const books = await eventually(
      () => cluster.books(shop),
      ({ inFlight }) => inFlight === 0,
      60_000,
    )
    expect(books).toMatchObject({ stored: 7, dropped: { erased: 1 }, balanced: true })
  }, 400_000)
})
