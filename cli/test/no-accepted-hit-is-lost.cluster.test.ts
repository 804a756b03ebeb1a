import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { testLength } from '../../core/test/length.ts'
import { startWires, type Wires } from '../../infra/faults/wires.ts'
import { type Servers, startServers } from '../../infra/local/cluster/servers.mjs'
import { mulberry32 } from '../seed/random.ts'
import { type Cluster, createCluster, type RoleName } from './support/cluster.ts'
import { drawFaults, faultKinds, membersOf, serversOfRole, wiredMembers } from './support/cluster-faults.ts'
import { recount } from './support/recount.ts'
import { inRequests, sendAll } from './support/sender.ts'
import { manyShops, type Sending, traffic } from './support/traffic.ts'

const seed = Number(process.env.CLUSTER_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))
const faults = testLength('CLUSTER_TEST_FAULTS', { short: 8, full: 500 })
/** After so many all numbers are compared, so that what went wrong went wrong among these. */
const faultsOfARound = 50
const shops = manyShops(testLength('CLUSTER_TEST_FAULT_SHOPS', { short: 5, full: 12 }))
/** What there is to send; more than is sent, at the pace below. */
const hits = Math.max(600_000, faults * 1_600)
/** Before each request of each of four lanes, ms: 500 hits a second in a short test, 50 in one of 500 faults. What is tested is faults, not load. */
const paceMs = Math.max(120, faults * 2.5)
const settleMs = 900_000
vi.setConfig({ hookTimeout: 900_000 + faults * 120_000, testTimeout: settleMs })

const attempts = 10
const attemptPauseMs = 5_000

/** What fails may be late and not wrong, on a machine under load; numbers are compared where there are any. */
async function patiently<T>(act: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await act()
    } catch (error) {
      if (attempt === attempts) throw error
      await sleep(attemptPauseMs)
    }
  }
}

// Hits come in all the while.
describe(`${faults} random faults in a cluster lose nothing that was answered 202, and count nothing twice (seed ${seed})`, () => {
  let folder: string
  let servers: Servers
  let cluster: Cluster
  const wires = new Map<string, Wires>()
  const sent: Sending[] = []
  const done: string[] = []
  const endedByThemselves: string[] = []

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hitlake-faults-'))
    servers = await patiently(() => startServers({ folder }))
    const random = mulberry32(seed)
    const drawn = drawFaults(faults, random)
    const isWired = (name: string) => (wiredMembers as readonly string[]).includes(name)
    cluster = await createCluster({
      servers: servers.env,
      roles: membersOf,
      partitions: 4,
      // Many small publications would only keep Trino busy with themselves.
      env: { HITLAKE_WAREHOUSE_EPOCH: '6s', HITLAKE_ROLLUPS_EPOCH: '8s' },
      async envOf(name, env) {
        if (!isWired(name)) return env
        const own = await startWires(env, random)
        wires.set(name, own)
        return own.env
      },
    })
    await cluster.addShops(shops)
    const over = faults < faultKinds.length ? 'few days' : 'a year'
    const requests = inRequests(traffic({ seed, count: hits, now: Date.now() - 60_000, of: shops, over }), random, 40)
    let requested = 0
    for (let at = 0; at < drawn.length; at += faultsOfARound) {
      const round = requests.slice(requested)
      let enough = false
      const sending = sendAll(round, {
        url: () => cluster.collectorUrl(),
        keyOf: cluster.writeKey,
        enough: () => enough,
        beforeAttempt: () => sleep(paceMs),
        pauseMs: 100,
      })
      const goingOn: Promise<void>[] = []
      for (const fault of drawn.slice(at, at + faultsOfARound)) {
        await sleep(250 + random() * 1_000)
        console.log(`fault ${done.length + 1} of ${faults}: ${fault.kind}: ${fault.detail}`)
        const over = fault.happen({ cluster, servers, wires })
        if (fault.goesOn) goingOn.push(over)
        else await over
        done.push(fault.kind)
        await startAgain()
      }
      await Promise.all(goingOn)
      enough = true
      const answered = await sending
      expect(answered, 'there was traffic until the end').toBeLessThan(round.length)
      for (const request of round.slice(0, answered)) sent.push(...request)
      requested += answered
      await startAgain()
      await cluster.settle(settleMs)
      await expectNumbers()
      console.log(`after ${done.length} faults every number of ${sent.length} hits sent is right`)
    }
  })
  afterAll(async () => {
    await cluster?.remove()
    for (const each of wires.values()) await each.close()
    await servers?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  /** What an orchestrator does; but nothing here should have to be started again. */
  async function startAgain(): Promise<void> {
    for (const member of cluster.members) {
      if (member.endedByItself === undefined) continue
      const { code, signal, stderr } = member.endedByItself
      const during = `during fault ${done.length}, ${done.at(-1)}`
      endedByThemselves.push(`${member.name} ended with ${code ?? signal} ${during}: ${stderr.slice(-1_500)}`)
      await member.restart()
    }
  }

  async function expectNumbers(): Promise<void> {
    for (const shop of shops) {
      const ofShop = sent.filter(({ shop: { id } }) => id === shop.id)
      for (const interval of ['hour', 'day'] as const) {
        const after = `${shop.id} after ${done.length} faults`
        const series = await patiently(() => cluster.series(shop, interval))
        expect(series, after).toEqual(recount(ofShop, shop, interval).buckets)
      }
    }
  }

  it('met every kind of fault, or as many as there were', () => {
    expect(done).toHaveLength(faults)
    expect(new Set(done).size).toBe(Math.min(faults, faultKinds.length))
    expect(sent.length).toBeGreaterThan(faults * 200)
    for (const name of wiredMembers) {
      for (const server of serversOfRole[name.slice(0, -2) as RoleName]) {
        expect(wires.get(name)?.proxies[server].taken, `${name} to ${server}`).toBeGreaterThan(0)
      }
    }
  })

  it('no process ended by itself', () => {
    expect(endedByThemselves).toEqual([])
  })

  it('every hour and day of every shop equals a recount', expectNumbers)

  it('the books balance to the hit', async () => {
    for (const shop of shops) {
      const { stored, failed } = recount(sent, shop, 'month')
      const books = await cluster.books(shop)
      expect(books, shop.id).toMatchObject({ stored, failed, dropped: {}, inFlight: 0, balanced: true })
    }
  })
})
