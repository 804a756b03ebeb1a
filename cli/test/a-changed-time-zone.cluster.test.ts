/**
 * A shop moves from Berlin to Kolkata while it sells into a cluster over real servers: its numbers are right in either zone,
 * whichever collector its hits come through, and its hours can be made anew. The whole story, with what is refused and
 * rolled back, is a-changed-time-zone.long.test.ts.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { testLength } from '../../core/test/length.ts'
import { mulberry32 } from '../seed/random.ts'
import { type Cluster, createCluster, serversOf } from './support/cluster.ts'
import { type Interval, recount } from './support/recount.ts'
import { inRequests, sendAll } from './support/sender.ts'
import { call, eventually } from './support/server.ts'
import { type Sending, type Shop, traffic } from './support/traffic.ts'

interface RerunReply {
  readonly id: number
  readonly state: string
}

const berlin: Shop = { id: 'tea', timeZone: 'Europe/Berlin', currency: 'EUR', blockedNames: [] }
const kolkata: Shop = { ...berlin, timeZone: 'Asia/Kolkata' }
/** Making hours anew waits two minutes, until no hit of the former zone can come any more. */
const reruns = testLength('ZONE_TEST_RERUNS', { short: 0, full: 1 })

describe('after a change of time zone in a cluster', () => {
  let cluster: Cluster
  let sendings: readonly Sending[]

  const send = (part: readonly Sending[], seed: number) =>
    sendAll(inRequests(part, mulberry32(seed), 40), { url: () => cluster.collectorUrl(), keyOf: cluster.writeKey })
  const admin = <T = RerunReply>(path: string, body?: unknown) =>
    eventually(
      () => {
        const key = cluster.env.HITLAKE_ADMIN_KEY ?? ''
        return call<T>(`${cluster.gatewayUrl()}${path}`, { key, ...(body !== undefined && { body }) })
      },
      ({ status }) => status !== 503,
      // The two minutes that hits of the former zone may still take are answered 503 too.
      600_000,
    )
  const equal = async (intervals: readonly Interval[], zone: string) => {
    for (const interval of intervals) {
      const expected = recount(sendings, berlin, interval, zone).buckets
      expect(await cluster.series(kolkata, interval, zone), `${interval} in ${zone}`).toEqual(expected)
    }
  }

  beforeAll(async () => {
    cluster = await createCluster({
      servers: serversOf(process.env),
      roles: { gateway: 1, collector: 2, worker: 1, maintenance: 1 },
    })
    await cluster.addShops([berlin])
    sendings = traffic({ seed: 27, count: 2_000, now: Date.now() - 60_000, of: [berlin], over: 'few days' })
    const half = sendings.length / 2
    await send(sendings.slice(0, half), 1)
    await cluster.settle()
    const changed = await call<{ formerZones: readonly object[] }>(`${cluster.gatewayUrl()}/v1/admin/merchants/tea`, {
      ...{ method: 'PATCH', key: cluster.env.HITLAKE_ADMIN_KEY ?? '', body: { timeZone: 'Asia/Kolkata' } },
    })
    expect(changed).toMatchObject({ status: 200, body: { timeZone: 'Asia/Kolkata' } })
    // Some collectors have not heard of it yet; of any time before, so hours of both zones lie side by side from now on.
    await send(sendings.slice(half), 2)
    await cluster.settle()
  })
  afterAll(() => cluster?.remove())

  it('every number is right, counted from the hits where hours do not line up', async () => {
    await equal(['hour', 'day'], 'Asia/Kolkata')
    await equal(['hour', 'day'], 'Europe/Berlin')
  })

  it.runIf(reruns > 0)(
    'is answered by hours again once these are made anew',
    async () => {
      const { body: snapshots } = await admin<readonly { id: string }[]>('/v1/admin/tables/hits/snapshots')
      const body = { pipeline: 'hits', snapshot: snapshots[0]?.id, merchant: 'tea', zones: 'today' }
      const begun = await admin('/v1/admin/reruns', body)
      expect(begun.status, JSON.stringify(begun.body)).toBe(202)
      const path = `/v1/admin/reruns/${begun.body.id}`
      let last = ''
      await eventually(
        () => admin(path),
        ({ body }) => {
          last = JSON.stringify(body)
          return ['ready', 'failed'].includes(body.state)
        },
        800_000,
      ).catch((cause) => {
        throw new Error(`not ready: ${last}`, { cause })
      })
      const promoted = await admin(`${path}/promote`, {})
      expect(promoted.status, last).toBe(200)
      await equal(['hour', 'day', 'month'], 'Asia/Kolkata')
      // Of Berlin there are no hours any more, and they are counted from the hits.
      await equal(['day'], 'Europe/Berlin')
    },
    900_000,
  )
})
