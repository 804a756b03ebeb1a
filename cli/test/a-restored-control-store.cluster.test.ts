import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { severalAtOnce } from '../../core/test/several-at-once.ts'
import { mulberry32 } from '../seed/random.ts'
import { type Cluster, createCluster, serversOf } from './support/cluster.ts'
import { recount } from './support/recount.ts'
import { inRequests, sendAll } from './support/sender.ts'
import { command } from './support/server.ts'
import { manyShops, type Sending, traffic } from './support/traffic.ts'

const run = promisify(execFile)
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
const shops = manyShops(6)
/** Some epochs and publications before the copy, and more that it does not know. */
const [beforeMs, ageMs] = [6_000, 15_000]

// The database is copied (pg_dump), work goes on, then the copy is put back, under load: positions, fences,
// publication numbers, counts and a merchant that was made meanwhile are gone from it, and all of that is in the lake.
describe('a control store restored from an old copy', () => {
  let cluster: Cluster
  let folder: string
  let sent: Sending[]
  const ended: { readonly role: string; readonly code: number | null; readonly stderr: string }[] = []
  let dryRun = ''
  let newShop: (typeof shops)[number]

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hitlake-restore-'))
    cluster = await createCluster({
      servers: serversOf(process.env),
      roles: { gateway: 1, collector: 2, worker: 2, maintenance: 1 },
      partitions: 4,
    })
    const [last, ...others] = [...shops].reverse()
    newShop = last as (typeof shops)[number]
    await cluster.addShops(others)
    const sendings = traffic({ seed: 9, count: 300_000, now: Date.now() - 60_000, of: shops, over: 'few days' })
    const requests = inRequests(sendings, mulberry32(9), 40)
    let enough = false
    let newShopIsThere = () => {}
    const waiting = new Promise<void>((resolve) => {
      newShopIsThere = resolve
    })
    const sending = sendAll(requests, {
      url: () => cluster.collectorUrl(),
      keyOf: cluster.writeKey,
      enough: () => enough,
      pauseMs: 100,
      async beforeAttempt(index) {
        await sleep(150)
        if (requests[index]?.[0]?.shop === newShop) await waiting
      },
    })
    await sleep(beforeMs)
    const dump = join(folder, 'copy')
    const url = cluster.env.HITLAKE_POSTGRES_URL as string
    await run(postgresProgram('pg_dump'), ['--format=custom', `--file=${dump}`, url])
    await cluster.addShops([newShop])
    newShopIsThere()
    await sleep(ageMs)
    await restore(url, dump)
    // Collectors and the gateway go on; whoever writes into the lake finds out and ends.
    for (const member of [...cluster.of('worker'), ...cluster.of('maintenance')]) {
      const { code, stderr } = await member.life.ended
      ended.push({ role: member.role, code, stderr })
    }
    await sleep(3_000)
    dryRun = (await cli(['recover', '--dry-run'])).stdout
    await cli(['recover'])
    for (const member of [...cluster.of('worker'), ...cluster.of('maintenance')]) await member.restart()
    await sleep(3_000)
    enough = true
    sent = requests.slice(0, await sending).flat()
    await cluster.settle(300_000)
  }, 600_000)
  afterAll(async () => {
    await cluster?.remove()
    rmSync(folder, { recursive: true, force: true })
  })

  const cli = (args: readonly string[]) =>
    run(process.execPath, [command, ...args], {
      env: { PATH: process.env.PATH, ...cluster.env, HITLAKE_DATA_DIR: join(folder, 'recover') },
    })

  it('makes workers and publishers refuse, naming the mend', () => {
    expect(ended).toHaveLength(3)
    for (const { role, code, stderr } of ended) {
      expect(code, role).toBe(1)
      expect(stderr, role).toMatch(/hitlake recover/)
    }
  })

  it('is brought up to date by recover, which says before what it would do', () => {
    expect(dryRun).toMatch(/epoch/)
    expect(dryRun).toMatch(/publication/)
  })

  it('then holds every number, equal to a recount', async () => {
    await severalAtOnce(shops, async (shop) => {
      for (const interval of ['hour', 'day'] as const) {
        expect(await cluster.series(shop, interval), shop.id).toEqual(recount(sent, shop, interval).buckets)
      }
    })
  })

  it('and books that balance to the hit', async () => {
    for (const shop of shops) {
      const { stored, failed } = recount(sent, shop, 'month')
      const books = await cluster.books(shop)
      expect(books, shop.id).toMatchObject({ stored, failed, dropped: {}, inFlight: 0, balanced: true })
    }
  })
})

async function restore(url: string, dump: string): Promise<void> {
  const name = new URL(url).pathname.slice(1)
  const elsewhere = new URL(url)
  elsewhere.pathname = '/postgres'
  const client = new pg.Client({ connectionString: elsewhere.href })
  await client.connect()
  await client.query(`DROP DATABASE "${name}" WITH (FORCE)`)
  await client.query(`CREATE DATABASE "${name}"`)
  await client.end()
  await run(postgresProgram('pg_restore'), ['--no-owner', `--dbname=${url}`, dump])
}

/** A program of the newest PostgreSQL installed. */
function postgresProgram(name: string): string {
  const [version] = readdirSync('/usr/lib/postgresql').sort((a, b) => Number(b) - Number(a))
  return `/usr/lib/postgresql/${version}/bin/${name}`
}
