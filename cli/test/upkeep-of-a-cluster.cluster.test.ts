import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mulberry32 } from '../seed/random.ts'
import { type Cluster, createCluster, type Member, serversOf } from './support/cluster.ts'
import { recount } from './support/recount.ts'
import { inRequests, sendAll } from './support/sender.ts'
import { call, eventually, runCommand } from './support/server.ts'
import { manyShops, type Sending, traffic } from './support/traffic.ts'

// A gateway answers for maintenance, which is another process: reads through Trino, changes by request.
const shops = manyShops(1)

interface Faults {
  readonly faults: readonly unknown[]
}

describe("upkeep asked of a cluster's gateway", () => {
  let cluster: Cluster
  let sendings: Sending[]
  const maintenance = () => cluster.of('maintenance')[0] as Member
  const lake = async (...args: string[]) => {
    const { code, stdout, stderr } = await runCommand(['lake', ...args, '--json'], {
      ...cluster.env,
      HITLAKE_URL: cluster.gatewayUrl(),
    }).ended
    return { code, stderr, answer: code === 0 || stdout !== '' ? JSON.parse(stdout) : undefined }
  }
  const key = () => cluster.env.HITLAKE_ADMIN_KEY ?? ''

  beforeAll(async () => {
    cluster = await createCluster({
      servers: serversOf(process.env),
      roles: { gateway: 1, collector: 1, worker: 1, maintenance: 1 },
      partitions: 2,
    })
    await cluster.addShops(shops)
    sendings = traffic({ seed: 5, count: 2_000, now: Date.now() - 60_000, of: shops, over: 'few days' })
    const options = { url: () => cluster.collectorUrl(), keyOf: cluster.writeKey }
    await sendAll(inRequests(sendings, mulberry32(5), 50), options)
    await cluster.settle()
  }, 300_000)
  afterAll(() => cluster?.remove())

  it('shows partitions and snapshots, differences between these, and finds every file as stated', async () => {
    const { answer } = await lake('files', 'hits')
    const rows = answer.partitions.reduce((sum: number, each: { rows: number }) => sum + each.rows, 0)
    const stored = shops.reduce((sum, shop) => sum + recount(sendings, shop, 'month').stored, 0)
    expect(rows).toBe(stored)
    const { snapshots } = (await lake('snapshots', 'hits')).answer
    const diff = (await lake('diff', 'hits', snapshots.at(-1).id, snapshots[0].id)).answer
    expect(diff.changes.reduce((sum: number, each: { added: { rows: number } }) => sum + each.added.rows, 0)).toBe(
      stored,
    )
    const url = `${cluster.gatewayUrl()}/v1/admin/tables/hits/faults`
    expect((await call<Faults>(url, { key: key() })).body).toEqual({ faults: [] })
  })

  it('pins, expires, compacts and rolls back through the process that holds the lease', async () => {
    const { snapshots } = (await lake('snapshots', 'hits')).answer
    const [current] = snapshots
    expect((await lake('pin', 'hits', current.id, '--days', '1')).code).toBe(0)
    const compacted = await eventually(
      () => lake('compact', 'hits'),
      ({ answer }) => answer?.compacted != null,
      60_000,
    )
    expect(compacted.answer.compacted.partitions).toBe(compacted.answer.compacted.of.length)
    // Of a process that began a moment ago nobody knows what readers hold.
    expect((await lake('expire', 'hits', '--dry-run')).answer.expired).toBeNull()
    const would = (await lake('rollback', 'hits', current.id)).answer.rolledBack
    expect(would.to).toBe(current.id)
    const [oldest] = snapshots.slice(-1)
    const refused = await lake('rollback', 'hits', oldest.id, '--yes')
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('rollback_refused')
    expect((await lake('unpin', 'hits', `pin-${current.id}`)).code).toBe(0)
  })

  it('says not now while no process does the maintenance', async () => {
    await maintenance().stop()
    expect(await lake('compact', 'hits')).toMatchObject({ code: 1, answer: { compacted: null } })
    await maintenance().restart()
  })
})
