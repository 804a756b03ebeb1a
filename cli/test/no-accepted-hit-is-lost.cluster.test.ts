import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Servers, startServers } from '../../infra/local/cluster/servers.mjs'
import { mulberry32 } from '../seed/random.ts'
import { type Cluster, createCluster } from './support/cluster.ts'
import { recount } from './support/recount.ts'
import { inRequests, sendAll } from './support/sender.ts'
import { manyShops, type Sending, traffic } from './support/traffic.ts'
import { whileMerging } from './support/trino.ts'

const seed = Number(process.env.CLUSTER_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))
const faults = Number(process.env.CLUSTER_TEST_FAULTS ?? 20)
const shops = manyShops(12)
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

// Hits come in all the while. Each kind of fault comes once, then more of them are drawn until there were 20.
describe(`${faults} random faults in a cluster lose nothing that was answered 202, and count nothing twice (seed ${seed})`, () => {
  let folder: string
  let servers: Servers
  let cluster: Cluster
  let sent: Sending[]
  const done: string[] = []

  const kinds: Readonly<Record<string, (random: () => number) => Promise<void>>> = {
    'a collector is killed': (random) => killOne('collector', random),
    'a worker is killed': (random) => killOne('worker', random),
    'the gateway is killed': (random) => killOne('gateway', random),
    'a publisher is killed': (random) => killOne('maintenance', random),
    'a worker sleeps past its session and wakes': async (random) => {
      const worker = one('worker', random)
      worker.pause()
      await sleep(9_000)
      worker.resume()
    },
    // Longer than its lease: the other publisher has taken its tables over when it wakes.
    'a publisher sleeps past its lease and wakes': async (random) => {
      const publisher = one('maintenance', random)
      publisher.pause()
      await sleep(13_000)
      publisher.resume()
    },
    'Kafka is away for 30 s': async () => {
      await servers.kafka.stop()
      await sleep(30_000)
      await servers.kafka.start()
    },
    'Trino is killed in the middle of a MERGE': async () => {
      await whileMerging(servers.env.HITLAKE_TRINO_URL as string, 15_000)
      await servers.trino.kill()
      await servers.trino.start()
    },
    'PostgreSQL is restarted': async () => {
      await servers.postgres.stop()
      await sleep(2_000)
      await servers.postgres.start()
    },
    'S3 is away': async () => {
      await servers.s3.stop()
      await sleep(5_000)
      await servers.s3.start()
    },
  }
  const one = (role: Parameters<Cluster['of']>[0], random: () => number) => {
    const members = cluster.of(role)
    return members[Math.floor(random() * members.length)] as (typeof members)[number]
  }
  const killOne = (role: Parameters<Cluster['of']>[0], random: () => number) => one(role, random).killAndRestart()

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hitlake-faults-'))
    servers = await startServers({ folder })
    cluster = await createCluster({
      servers: servers.env,
      roles: { gateway: 1, collector: 2, worker: 2, maintenance: 2 },
      partitions: 4,
    })
    await cluster.addShops(shops)
    const random = mulberry32(seed)
    const sendings = traffic({ seed, count: 600_000, now: Date.now() - 60_000, of: shops })
    const requests = inRequests(sendings, random, 40)
    let enough = false
    const sending = sendAll(requests, {
      url: () => cluster.collectorUrl(),
      keyOf: cluster.writeKey,
      enough: () => enough,
      // About 1,500 hits a second: what is tested is faults, not load.
      beforeAttempt: () => sleep(40),
      pauseMs: 100,
    })
    const names = Object.keys(kinds)
    const drawn = [
      ...names,
      ...Array.from({ length: faults }, () => names[Math.floor(random() * names.length)] as string),
    ]
    for (const name of drawn.slice(0, faults)) {
      await sleep(1_000 + random() * 3_000)
      await kinds[name]?.(random)
      done.push(name)
    }
    enough = true
    sent = requests.slice(0, await sending).flat()
    await cluster.settle(400_000)
  }, 1_500_000)
  afterAll(async () => {
    await cluster?.remove()
    await servers?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it('met every kind of fault', () => {
    expect(done).toHaveLength(faults)
    expect(new Set(done).size).toBe(Math.min(faults, Object.keys(kinds).length))
    expect(sent.length).toBeGreaterThan(faults * 1_000)
  })

  it('every hour and day of every shop equals a recount', async () => {
    for (const shop of shops) {
      for (const interval of ['hour', 'day'] as const) {
        expect(await cluster.series(shop, interval), shop.id).toEqual(recount(sent, shop, interval).buckets)
      }
    }
  })

  it('the books balance to the hit', async () => {
    for (const shop of shops) {
      const { stored, failed } = recount(sent, shop, 'month')
      const books = await cluster.books(shop)
      expect(books, shop.id).toMatchObject({ stored, failed, dropped: {}, inFlight: 0, balanced: true })
    }
  })
})
