import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Cluster, createCluster, type Member, serversOf } from './support/cluster.ts'
import { expectRecounted, type QueryReply } from './support/query-answers.ts'
import { call, eventually, runCommand } from './support/server.ts'
import type { BooksReply } from './support/system.ts'

// A log of the summer before last, and made-up traffic, into a cluster whose collector dies on the way.
const networks = ['192.0.2', '198.51.100', '203.0.113', '91.0.7']
const lines = 40_000
const pathOf = (line: number) => `/page-${line % 7}`
const firstMs = Date.parse('2025-07-01T00:00:00Z')

interface Report {
  readonly accepted: number
  readonly doneBefore: number
  readonly refused: readonly unknown[]
  readonly unreadable: readonly unknown[]
}

describe('what is imported into a cluster', () => {
  let cluster: Cluster
  let file: string
  let hash: string
  const collector = () => cluster.of('collector')[0] as Member
  const command = (...args: string[]) =>
    runCommand([...args, '--json'], { ...cluster.env, HITLAKE_URL: collector().life.url })

  async function done<T>(running: ReturnType<typeof command>): Promise<T> {
    const { code, stdout, stderr } = await running.ended
    expect(code, stderr).toBe(0)
    return JSON.parse(stdout)
  }
  const importing = () => command('import', '--access-log', file)
  const booksOf = async (merchant: string) =>
    (
      await call<BooksReply>(`${cluster.gatewayUrl()}/v1/admin/books?merchant=${merchant}`, {
        key: cluster.env.HITLAKE_ADMIN_KEY ?? '',
      })
    ).body
  /** Lines of the file that are done, once they are more than `than`. */
  async function progressBeyond(than: number): Promise<number> {
    const url = `${collector().life.url}/v1/admin/imports/access-log/${hash}`
    const key = cluster.env.HITLAKE_ADMIN_KEY ?? ''
    const { body } = await eventually(
      () => call<{ done?: number }>(url, { key }),
      ({ body }) => (body.done ?? 0) > than,
      120_000,
    )
    return body.done ?? 0
  }
  /** Once what the killed command had sent is through. */
  async function quietProgress(): Promise<number> {
    for (let last = -1; ; ) {
      const now = await progressBeyond(0)
      if (now === last) return now
      last = now
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
  }
  /** Once at least so many are counted, and nothing is under way. */
  const settledBooks = (merchant: string, least: number) =>
    eventually(
      () => booksOf(merchant),
      ({ accepted, duplicates, balanced, inFlight }) => accepted - duplicates >= least && balanced && inFlight === 0,
      120_000,
    )

  beforeAll(async () => {
    cluster = await createCluster({
      servers: serversOf(process.env),
      roles: { gateway: 1, collector: 1, worker: 1, maintenance: 1 },
      partitions: 2,
    })
    file = join(cluster.folder, 'access.log')
    const text = Array.from({ length: lines }, (_, line) => {
      const time = new Date(firstMs + line * 5_000).toUTCString().split(/[ ,]+/)
      const [, day, month, year, clock] = time
      const address = `${networks[line % networks.length]}.${1 + (line % 50)}`
      return `${address} - - [${day}/${month}/${year}:${clock} +0000] "GET ${pathOf(line)} HTTP/1.1" 200 512 "-" "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"\n`
    })
    writeFileSync(file, text.join(''))
    hash = createHash('sha256').update(text.join('')).digest('hex')
  }, 300_000)
  afterAll(() => cluster?.remove())

  it('counts once, though the command is killed in the middle, and then the collector, which comes back', async () => {
    const first = importing()
    await progressBeyond(0)
    first.kill()
    await first.ended
    const doneBefore = await quietProgress()
    const { port } = new URL(collector().life.url)
    const second = importing()
    await progressBeyond(doneBefore)
    await collector().kill()
    await collector().restart({ HITLAKE_PORT: port })
    const report = await done<Report>(second)
    expect(report).toMatchObject({ refused: [], unreadable: [] })
    expect(report.doneBefore).toBeLessThan(lines)
    expect(report.doneBefore).toBeGreaterThanOrEqual(doneBefore)
    expect(await settledBooks('access-log', lines)).toMatchObject({ stored: lines, failed: 0 })
  })

  it('is in every number', async () => {
    const made = await call<{ key: string }>(`${cluster.gatewayUrl()}/v1/admin/merchants/access-log/keys`, {
      key: cluster.env.HITLAKE_ADMIN_KEY ?? '',
      body: { kind: 'server', rights: ['read'] },
    })
    expect(made.status, JSON.stringify(made.body)).toBe(201)
    const asked = {
      metrics: ['hits'],
      dateRange: ['2025-07-01', '2025-07-04'] as const,
      dimensions: ['time:day', 'page'],
      filters: [],
      timeZone: 'UTC',
    }
    const wanted = new Map<string, { dimensions: string[]; values: { hits: number } }>()
    for (let line = 0; line < lines; line++) {
      const day = new Date(firstMs + line * 5_000).toISOString().slice(0, 10)
      const dimensions = [`${day}T00:00:00+00:00`, pathOf(line)]
      const key = JSON.stringify(dimensions)
      wanted.set(key, { dimensions, values: { hits: 1 + (wanted.get(key)?.values.hits ?? 0) } })
    }
    const answer = await eventually(
      () => call<QueryReply>(`${cluster.gatewayUrl()}/v1/query`, { key: made.body.key, body: asked }),
      ({ body }) => body.results?.reduce((sum, { metrics }) => sum + Number(metrics[0]), 0) >= lines,
      120_000,
    )
    expectRecounted(answer.body, wanted, asked)
  })

  it('counts once when all of it is imported again', async () => {
    expect(await done<Report>(importing())).toMatchObject({ accepted: 0, doneBefore: lines, refused: [] })
    expect(await settledBooks('access-log', lines)).toMatchObject({ stored: lines, failed: 0 })
  })

  it('made-up traffic is there once too, after the command was killed and begun again', async () => {
    const seeding = () =>
      command('seed', '--days', '10', '--seed', '9', '--merchant', 'seeded', '--hits-per-day', '4000')
    const first = seeding()
    await eventually(
      () => booksOf('seeded'),
      (books) => books.accepted > 0,
      120_000,
    )
    first.kill()
    await first.ended
    const report = await done<{ hits: number; stored: number; before: number }>(seeding())
    expect(report.before).toBeGreaterThan(0)
    expect(report.stored + report.before).toBe(report.hits)
    expect(await settledBooks('seeded', report.hits)).toMatchObject({ stored: report.hits, failed: 0 })
  })
})
