import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { testLength } from '../../core/test/length.ts'
import { mulberry32 } from '../seed/random.ts'
import { type Cluster, createCluster, serversOf } from './support/cluster.ts'
import { type Interval, recount } from './support/recount.ts'
import { inRequests, sendAll } from './support/sender.ts'
import { createSystem, type System } from './support/system.ts'
import { manyShops, type Sending, traffic } from './support/traffic.ts'

// Many hits of several shops: two collectors, four partitions, two workers, publisher, Trino, gateway; and the same input
// to one embedded process. Visitors stay below what a sketch holds exactly, because seeds differ between the two.
const count = testLength('CLUSTER_TEST_HITS', { short: 25_000, full: 1_000_000 })
const shops = manyShops(testLength('CLUSTER_TEST_SHOPS', { short: 8, full: 24 }))
const requestMostHits = 400

describe(`${count} hits through a cluster give what they give in one process`, () => {
  let cluster: Cluster
  let embedded: System
  let sendings: Sending[]
  const levels = new Map<string, number>()

  beforeAll(async () => {
    cluster = await createCluster({
      servers: serversOf(process.env),
      roles: { gateway: 1, collector: 2, worker: 2, maintenance: 1 },
      partitions: 4,
      // Not at once: how epochs and publications go while hits come in is part of what is tested.
      env: { HITLAKE_WAREHOUSE_EPOCH: '5s', HITLAKE_ROLLUPS_EPOCH: '7s' },
    })
    await cluster.addShops(shops)
    sendings = traffic({ seed: 4, count, now: Date.now() - 60_000, of: shops })
    const requests = inRequests(sendings, mulberry32(4), requestMostHits)
    await sendAll(requests, {
      url: () => cluster.collectorUrl(),
      keyOf: cluster.writeKey,
      onAnswered(_request, headers) {
        const level = String(headers['hitlake-durability'])
        levels.set(level, (levels.get(level) ?? 0) + 1)
      },
    })
    await cluster.settle(600_000)
    embedded = await createSystem({}, shops)
    await embedded.send(sendings, { kills: 0, seed: 4, most: requestMostHits })
    await embedded.settle()
  }, 1_500_000)
  afterAll(async () => {
    await cluster?.remove()
    await embedded?.remove()
  })

  it('were acknowledged by Kafka before they were answered, nearly all', () => {
    const kafka = levels.get('kafka') ?? 0
    const all = [...levels.values()].reduce((sum, each) => sum + each, 0)
    expect(kafka).toBeGreaterThan(all * 0.8)
  })

  for (const interval of ['hour', 'day', 'month'] as Interval[]) {
    it(`every ${interval} of every shop, and equal to a recount`, async () => {
      for (const shop of shops) {
        const found = await cluster.series(shop, interval)
        expect(found, shop.id).toEqual(await embedded.series(shop, interval))
        expect(found, shop.id).toEqual(recount(sendings, shop, interval).buckets)
      }
    }, 900_000)
  }

  it('in a zone whose hours do not line up, from the hits themselves', async () => {
    const shop = shops[1]
    if (shop === undefined) throw new Error('no such shop')
    expect(await cluster.series(shop, 'day', 'Asia/Kathmandu')).toEqual(
      recount(sendings, shop, 'day', 'Asia/Kathmandu').buckets,
    )
  })

  it('with the same books', async () => {
    for (const shop of shops) {
      const { accepted, stored, duplicates, failed, dropped, inFlight, balanced } = await cluster.books(shop)
      const theirs = await embedded.books(shop)
      expect({ accepted, stored, duplicates, failed, dropped, inFlight, balanced }, shop.id).toEqual({
        accepted: theirs.accepted,
        stored: theirs.stored,
        duplicates: theirs.duplicates,
        failed: theirs.failed,
        dropped: theirs.dropped,
        inFlight: 0,
        balanced: true,
      })
    }
  })

  it('and every role stops in order when it is asked to', async () => {
    for (const role of ['collector', 'worker', 'maintenance', 'gateway'] as const) {
      for (const member of cluster.of(role)) await member.stop()
    }
  })
})
