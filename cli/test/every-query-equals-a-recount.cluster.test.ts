/**
 * The random questions of the test of the same name, asked of a cluster: over Kafka, PostgreSQL, S3 and Trino the answers
 * equal a recount, and those of one process over the same hits.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { testLength } from '../../core/test/length.ts'
import { severalAtOnce } from '../../core/test/several-at-once.ts'
import type { SeedHit } from '../seed/traffic.ts'
import { type Cluster, createCluster, type Member, serversOf } from './support/cluster.ts'
import { expectRecounted, expectSameAnswer, type QueryReply } from './support/query-answers.ts'
import { sendByNetwork } from './support/query-sender.ts'
import { createQuerySystem, metric, type QuerySystem } from './support/query-system.ts'
import { type ShopWorld, shopWorld, withRepeats } from './support/query-world.ts'
import { type Asked, type KnownHit, recountQuery } from './support/recount-query.ts'
import { call, eventually } from './support/server.ts'

const settings = { seed: 12, timeZone: 'Europe/Berlin', currency: 'EUR', hitsPerDay: 1_000 }
const days = testLength('CLUSTER_TEST_QUERY_DAYS', { short: 4, full: 20 })
const count = testLength('CLUSTER_TEST_QUERIES', { short: 4, full: 40 })
const shop = { id: 'shop', timeZone: settings.timeZone, currency: settings.currency, blockedNames: [] }

describe('random questions, in a cluster', () => {
  let cluster: Cluster
  let embedded: QuerySystem
  let world: ShopWorld
  let hits: readonly KnownHit[]
  let queries: readonly Asked[]
  const answers = new Map<Asked, QueryReply>()
  const maintenance = () => cluster.of('maintenance')[0] as Member

  beforeAll(async () => {
    world = shopWorld(settings, { days, queries: count, seed: 6 })
    hits = world.knownEarly
    queries = world.queries
    cluster = await createCluster({
      servers: serversOf(process.env),
      roles: { gateway: 1, collector: 1, worker: 1, maintenance: 1 },
      partitions: 2,
      // Nothing is derived or folded before a test asks for it.
      env: { HITLAKE_TRUSTED_PROXIES: '127.0.0.1', HITLAKE_MAX_HIT_AGE: '400d', HITLAKE_MAINTAIN_EVERY: '1h' },
    })
    await cluster.addShops([shop])
    embedded = await createQuerySystem(settings, '1h')
    // In parts with pauses: epochs end between them, so that partitions have files to fold.
    await send(withRepeats(world.early), 4)
  }, 600_000)
  afterAll(async () => {
    await cluster?.remove()
    await embedded?.remove()
  })

  async function send(sent: readonly SeedHit[], parts: number): Promise<void> {
    const writeKey = cluster.writeKey({ shop } as never)
    const part = Math.ceil(sent.length / parts)
    for (let at = 0; at < sent.length; at += part) {
      await sendByNetwork(sent.slice(at, at + part), { url: () => cluster.collectorUrl(), writeKey })
      await cluster.settle()
    }
    await embedded.send(sent)
  }

  async function check(asked: Asked): Promise<QueryReply> {
    const answer = await call<QueryReply>(`${cluster.gatewayUrl()}/v1/query`, {
      key: cluster.readKey(shop),
      body: { ...asked, limit: 10_000 },
    })
    expect(answer.status, JSON.stringify({ asked, answer: answer.body })).toBe(200)
    expectRecounted(answer.body, recountQuery(hits, asked, settings.currency), asked)
    return answer.body
  }

  it('answered cold equal a recount and one process, and are the same from the cache', async () => {
    await severalAtOnce(queries, async (asked) => {
      const cold = await check(asked)
      expect(cold.meta.servedFrom, JSON.stringify(asked)).toMatchObject({ daily: 0, sessions: 0 })
      expectSameAnswer(cold, (await embedded.query(asked)).body, asked)
      const warm = await check(asked)
      expect(warm.results).toEqual(cold.results)
      expect(warm.meta.servedFrom.cache, JSON.stringify(asked)).toBeGreaterThan(0)
      answers.set(asked, cold)
    })
  }, 900_000)

  it('answered from the hits where a rollup would do are equal', async () => {
    const never = ['is_not', 'term', ['no hit has this']] as const
    await severalAtOnce(queries, async (asked) => {
      await check({ ...asked, filters: [...asked.filters, never] })
    })
  }, 900_000)

  it('are the same after visits and days were derived and files were folded and compacted', async () => {
    await maintenance().stop()
    await maintenance().restart({ HITLAKE_MAINTAIN_EVERY: '2s' })
    await maintained()
    await restartGateway()
    const served = { daily: 0, sessions: 0 }
    await severalAtOnce(queries, async (asked) => {
      const body = await check(asked)
      expect(body.results, JSON.stringify(asked)).toEqual(answers.get(asked)?.results)
      served.daily += body.meta.servedFrom.daily
      served.sessions += body.meta.servedFrom.sessions
    })
    expect(served.daily).toBeGreaterThan(0)
    expect(served.sessions).toBeGreaterThan(0)
    const { url } = maintenance().life
    expect(await metric(url, 'lake_rows_derived_total')).toBeGreaterThan(0)
    expect(await metric(url, 'lake_rewrites_total')).toBeGreaterThan(0)
    expect(await metric(url, 'maintenance_failures_total'), maintenance().life.stderr()).toBe(0)
  }, 900_000)

  it('equal a recount again after late hits, while what they made wrong is derived again, and afterwards', async () => {
    await send(world.late, 1)
    hits = world.knownAll
    await severalAtOnce(queries, async (asked) => {
      answers.set(asked, await check(asked))
    })
    await maintained()
    await restartGateway()
    await severalAtOnce(queries, async (asked) => {
      const body = await check(asked)
      expect(body.results, JSON.stringify(asked)).toEqual(answers.get(asked)?.results)
      expectSameAnswer(body, (await embedded.query(asked)).body, asked)
    })
  }, 900_000)

  /** Two rounds: one that was under way may have begun before the last hit. */
  async function maintained(): Promise<void> {
    const rounds = () => metric(maintenance().life.url, 'maintenance_rounds_total')
    const before = await rounds()
    await eventually(rounds, (now) => now >= before + 2, 600_000)
  }

  /** Without what it has in cells. */
  async function restartGateway(): Promise<void> {
    const gateway = cluster.of('gateway')[0] as Member
    await gateway.stop()
    await gateway.restart()
    await cluster.settle()
  }
})
