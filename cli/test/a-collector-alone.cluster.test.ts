import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mulberry32 } from '../seed/random.ts'
import { type Cluster, createCluster, serversOf } from './support/cluster.ts'
import { recount } from './support/recount.ts'
import { inRequests, sendAll } from './support/sender.ts'
import { type Life, start, temporaryFolder } from './support/server.ts'
import { manyShops, type Sending, traffic } from './support/traffic.ts'

const shops = manyShops(2)
/** Nobody listens there. */
const nowhere = {
  HITLAKE_KAFKA_BROKERS: '127.0.0.1:1',
  HITLAKE_POSTGRES_URL: 'postgres://nobody@127.0.0.1:1/nothing',
  HITLAKE_TRINO_URL: 'http://127.0.0.1:1',
  HITLAKE_S3_ENDPOINT: 'http://127.0.0.1:1',
}

describe('a collector that is started while every server is away', () => {
  const folder = temporaryFolder()
  const levels: string[] = []
  let cluster: Cluster
  let sendings: Sending[]
  let life: Life

  beforeAll(async () => {
    cluster = await createCluster({
      servers: serversOf(process.env),
      roles: { gateway: 1, collector: 0, worker: 1, maintenance: 1 },
    })
    await cluster.addShops(shops)
    sendings = traffic({ seed: 3, count: 3_000, now: Date.now() - 60_000, of: shops, over: 'few days' })
    const requests = inRequests(sendings, mulberry32(3), 20)
    const third = Math.floor(requests.length / 3)
    const send = (from: number, to: number) =>
      sendAll(requests.slice(from, to), {
        url: () => life.url,
        keyOf: cluster.writeKey,
        onAnswered: (_request, headers) => levels.push(String(headers['hitlake-durability'])),
      })
    const env = { ...cluster.env, HITLAKE_ROLE: 'collector' }

    life = await start(folder.path, env)
    await send(0, third)
    // Long enough for what it learned of keys to be kept; then as a machine that loses its power.
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    await life.end('SIGKILL')
    levels.length = 0

    life = await start(folder.path, { ...env, ...nowhere })
    await send(third, 2 * third)
    await life.end('SIGKILL')

    life = await start(folder.path, env)
    await send(2 * third, requests.length)
    await cluster.settle()
  }, 300_000)
  afterAll(async () => {
    await life?.end('SIGKILL')
    await cluster?.remove()
    folder.remove()
  })

  it('accepts the hits of keys it knew, on its own disk', () => {
    expect(levels.slice(0, 20)).toEqual(Array.from({ length: 20 }, () => 'disk'))
  })

  it('brings all of them in once the servers are back', async () => {
    for (const shop of shops) {
      expect(await cluster.series(shop, 'hour'), shop.id).toEqual(recount(sendings, shop, 'hour').buckets)
      const { stored, failed } = recount(sendings, shop, 'month')
      expect(await cluster.books(shop)).toMatchObject({ stored, failed, inFlight: 0, balanced: true })
    }
  })
})
