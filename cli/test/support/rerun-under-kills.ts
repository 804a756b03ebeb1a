/**
 * A rerun that mends revenue, under traffic, while the server is killed: what a shop sees is the old plan's until it is
 * promoted, the new plan's afterwards, the old plan's after a roll back, to the last cent and hour.
 */
import { expect } from 'vitest'
import { recount } from './recount.ts'
import { eventually, temporaryFolder } from './server.ts'
import { createSystem, type System } from './system.ts'
import { tenfold, tenfoldRelease } from './tenfold-release.ts'
import { type Sending, type Shop, shops, traffic } from './traffic.ts'

interface RerunReply {
  readonly id: number
  readonly state: string
  readonly events: readonly { readonly state: string; readonly note: string | null }[]
}

const quick = { HITLAKE_EPOCH: '200ms', HITLAKE_PUBLISH_EVERY: '1s', HITLAKE_MAINTAIN_EVERY: '5s' }
const intervals = ['hour', 'day'] as const

export interface KilledRerun {
  readonly seed: number
  readonly hits: number
  /** While it backfills and catches up, and again while it answers. */
  readonly kills: number
}

export async function rerunUnderKills({ seed, hits, kills }: KilledRerun): Promise<{ readonly kills: number }> {
  const folder = temporaryFolder()
  const old = await tenfoldRelease(folder.path)
  const system = await createSystem({ ...quick, HITLAKE_PLANS: old })
  const sendings = traffic({ seed, count: hits, now: Date.now() - 60_000, over: 'few days' })
  const sent: Sending[] = []
  async function send(share: number, times: number): Promise<void> {
    const next = sendings.slice(sent.length, sent.length + Math.floor(hits * share))
    await system.send(next, { kills: times, seed: seed + sent.length, most: 20 })
    sent.push(...next)
    await system.settle()
  }
  const expectNumbers = (plan: 'old' | 'new', when: string) => expectSeries(system, sent, plan, when)

  try {
    await send(0.4, 0)
    await expectNumbers('old', 'before the release')
    await eventually(
      () => system.admin<readonly unknown[]>('/v1/admin/tables/hits/snapshots'),
      ({ body }) => body.length > 0,
    )
    await system.release(quick)
    const { body: listed } = await system.admin<readonly { readonly id: string }[]>('/v1/admin/tables/hits/snapshots')
    const asked = { pipeline: 'hits', snapshot: listed[0]?.id }
    const recorded = await system.admin<RerunReply>('/v1/admin/reruns', asked)
    expect(recorded.status, JSON.stringify(recorded.body)).toBe(202)
    const path = `/v1/admin/reruns/${recorded.body.id}`
    await send(0.2, kills)
    await expectNumbers('old', 'while it is made')
    const ready = await eventually(
      () => system.admin<RerunReply>(path),
      ({ body }) => ['ready', 'failed'].includes(body.state),
      180_000,
    )
    expect(ready.body.state, JSON.stringify(ready.body)).toBe('ready')
    await send(0.1, 1)
    await expectNumbers('old', 'before it is promoted')

    const move = async (verb: string) => {
      const moved = await system.admin<RerunReply>(`${path}/${verb}`, {})
      expect(moved.status, JSON.stringify(moved.body)).toBe(200)
      // Gateways follow the store each second.
      await system.settle()
    }
    await move('promote')
    await expectNumbers('new', 'once it is promoted')
    await send(0.1, Math.ceil(kills / 2))
    await expectNumbers('new', 'while it answers')
    await move('rollback')
    await expectNumbers('old', 'after the roll back')
    await send(0.1, 1)
    await expectNumbers('old', 'long after the roll back')
    await move('promote')
    await expectNumbers('new', 'promoted again')
    await move('release')
    await send(0.1, 2)
    await expectNumbers('new', 'for good')
    for (const shop of shops) {
      // Of a request whose answer a kill took, the second sending is a repeat more.
      const { stored, failed } = recount(sent, shop, 'month')
      const books = await eventually(
        () => system.books(shop),
        ({ inFlight }) => inFlight === 0,
      )
      expect(books).toMatchObject({ balanced: true, stored, failed })
    }
    return { kills: system.kills.total }
  } finally {
    await system.remove()
    folder.remove()
  }
}

async function expectSeries(system: System, sent: readonly Sending[], plan: 'old' | 'new', when: string) {
  for (const shop of shops) {
    for (const interval of intervals) {
      const { buckets } = recount(sent, shop, interval)
      const expected = plan === 'new' ? buckets : tenfold(buckets)
      expect(sorted(await system.series(shop as Shop, interval)), `${when}: ${shop.id} by ${interval}`).toEqual(
        sorted(expected),
      )
    }
  }
}

const sorted = <T>(map: ReadonlyMap<string, T>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1))
