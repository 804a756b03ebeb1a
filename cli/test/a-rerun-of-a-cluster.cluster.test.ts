/**
 * A rerun in a cluster over real servers: a release mends revenue, hits come in all the while, workers and whoever drives
 * are killed at random moments, and what shops see is of one plan at any time, to the cent and hour.
 */
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { testLength } from '../../core/test/length.ts'
import { mulberry32 } from '../seed/random.ts'
import { type Cluster, createCluster, serversOf } from './support/cluster.ts'
import { recount } from './support/recount.ts'
import { inRequests, sendAll } from './support/sender.ts'
import { call, eventually, runCommand, temporaryFolder } from './support/server.ts'
import { tenfold, tenfoldRelease } from './support/tenfold-release.ts'
import { manyShops, type Sending, traffic } from './support/traffic.ts'

const seed = Number(process.env.CLUSTER_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))
const kills = testLength('CLUSTER_TEST_KILLS', { short: 3, full: 20 })
const shops = manyShops(3)
const hits = 6_000
vi.setConfig({ testTimeout: 1_200_000 + kills * 60_000 })
const releasePlans = fileURLToPath(new URL('../../dist/plans', import.meta.url))
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

interface RerunReply {
  readonly id: number
  readonly state: string
}

const folder = temporaryFolder()
const sent: Sending[] = []
let sendings: Sending[]
let cluster: Cluster
const random = mulberry32(seed)

beforeAll(async () => {
  cluster = await createCluster({
    servers: serversOf(process.env),
    roles: { gateway: 1, collector: 1, worker: 2, maintenance: 2 },
    partitions: 2,
    env: { HITLAKE_PLANS: await tenfoldRelease(folder.path) },
  })
  await cluster.addShops(shops)
  sendings = traffic({ seed, count: hits, now: Date.now() - 60_000, of: shops, over: 'few days' })
}, 300_000)
afterAll(async () => {
  await cluster?.remove()
  folder.remove()
})

async function send(share: number): Promise<void> {
  const next = sendings.slice(sent.length, sent.length + Math.floor(hits * share))
  sent.push(...next)
  await sendAll(inRequests(next, random, 40), {
    url: () => cluster.collectorUrl(),
    keyOf: cluster.writeKey,
    beforeAttempt: () => sleep(40),
  })
}

async function expectNumbers(plan: 'old' | 'new', when: string): Promise<void> {
  await cluster.settle(240_000)
  for (const shop of shops) {
    const { buckets } = recount(sent, shop, 'hour')
    const expected = plan === 'new' ? buckets : tenfold(buckets)
    expect(sorted(await cluster.series(shop, 'hour')), `${when}: ${shop.id}`).toEqual(sorted(expected))
  }
}

const sorted = <T>(map: ReadonlyMap<string, T>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1))

async function admin<T>(path: string, body?: unknown) {
  const key = cluster.env.HITLAKE_ADMIN_KEY ?? ''
  return eventually(
    () => call<T>(`${cluster.gatewayUrl()}${path}`, { key, ...(body !== undefined && { body }) }),
    ({ status }) => status !== 503,
    120_000,
  )
}

it(`numbers are of one plan at any time while a rerun's processes are killed ${kills} times (seed ${seed})`, async () => {
  await send(0.4)
  await expectNumbers('old', 'before the release')
  for (const role of ['worker', 'maintenance', 'gateway'] as const) {
    for (const member of cluster.of(role)) {
      await member.stop()
      await member.restart({ HITLAKE_PLANS: releasePlans })
    }
  }
  await send(0.1)
  await expectNumbers('old', 'by the release that waits')
  const { code, stdout, stderr } = await runCommand(
    ['rerun', 'hits', '--snapshot', 'latest', '--yes', '--detach', '--json'],
    {
      ...cluster.env,
      HITLAKE_URL: cluster.gatewayUrl(),
    },
  ).ended
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
  const path = `/v1/admin/reruns/${(JSON.parse(stdout) as RerunReply).id}`
  const sending = send(0.3)
  for (let killed = 0; killed < kills; killed++) {
    await sleep(random() * 3_000)
    const members = [...cluster.of('worker'), ...cluster.of('maintenance')]
    await members[Math.floor(random() * members.length)]?.killAndRestart()
  }
  await sending
  const ready = await eventually(
    () => admin<RerunReply>(path),
    ({ body }) => ['ready', 'failed'].includes(body.state),
    300_000,
  )
  expect(ready.body.state, JSON.stringify(ready.body)).toBe('ready')
  await expectNumbers('old', 'before it is promoted')
  const move = async (verb: string) => {
    const moved = await admin<RerunReply>(`${path}/${verb}`, {})
    expect(moved.status, JSON.stringify(moved.body)).toBe(200)
  }
  await move('promote')
  await send(0.1)
  await expectNumbers('new', 'while it answers')
  await move('rollback')
  await expectNumbers('old', 'after the roll back')
  await move('promote')
  await move('release')
  await send(0.1)
  await expectNumbers('new', 'for good')
})
