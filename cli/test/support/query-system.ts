/** A real Hitlake with one shop, for tests that compare answers of `POST /v1/query` with a recount. */
import { expect } from 'vitest'
import type { SeedHit, SeedSettings } from '../../seed/traffic.ts'
import type { Asked, Group } from './recount-query.ts'
import { call, eventually, type Life, type Reply, readKeys, start, temporaryFolder } from './server.ts'

export interface QueryReply {
  readonly results: readonly {
    readonly dimensions: readonly (string | null)[]
    readonly metrics: readonly (number | string | null)[]
    readonly other?: boolean
  }[]
  readonly meta: {
    readonly asOf: string
    readonly approximate: { readonly visitors?: number }
    readonly servedFrom: Readonly<Record<'cache' | 'rollup' | 'daily' | 'sessions' | 'raw', number>>
    readonly truncated: boolean
    readonly nextCursor?: string
  }
}

export interface QuerySystem {
  /** Sends all, address prefix by address prefix, and waits until they are visible. */
  send(hits: readonly SeedHit[]): Promise<void>
  query(asked: Asked): Promise<Reply<QueryReply>>
  compare(body: QueryReply, wanted: ReadonlyMap<string, Group>, asked: Asked): void
  /** Waits until maintenance has gone through everything sent so far. */
  maintained(): Promise<void>
  restart(): Promise<void>
  remove(): Promise<void>
}

const atOnce = 4
const perRequest = 500

export async function createQuerySystem(settings: SeedSettings): Promise<QuerySystem> {
  const folder = temporaryFolder()
  const env = {
    HITLAKE_TRUSTED_PROXIES: '127.0.0.1',
    HITLAKE_MAINTAIN_EVERY: '1s',
    HITLAKE_PUBLISH_EVERY: '2s',
    HITLAKE_KEY_QUOTA: '1000000',
    HITLAKE_MAX_HIT_AGE: '400d',
  }
  let life: Life = await start(folder.path, env)
  const { adminKey } = readKeys(folder.path)
  const made = await call<{ writeKey: string; readKey: string }>(`${life.url}/v1/admin/merchants`, {
    key: adminKey,
    body: {
      id: 'shop',
      name: 'Shop',
      timeZone: settings.timeZone,
      currency: settings.currency,
      rights: ['historical'],
    },
  })
  expect(made.status, JSON.stringify(made.body)).toBe(201)
  const { writeKey, readKey } = made.body

  async function metric(name: string): Promise<number> {
    const text = await (await fetch(`${life.url}/metrics`)).text()
    const lines = text.split('\n').filter((line) => line.startsWith(name) && !line.startsWith('#'))
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
  }

  return {
    async send(hits) {
      const byPrefix = new Map<string, SeedHit[]>()
      for (const hit of hits) {
        const prefix = hit.address.replace(/\.\d+$/, '')
        byPrefix.set(prefix, [...(byPrefix.get(prefix) ?? []), hit])
      }
      const requests: { address: string; body: unknown }[] = []
      for (const [prefix, list] of byPrefix) {
        for (let i = 0; i < list.length; i += perRequest) {
          requests.push({ address: `${prefix}.1`, body: list.slice(i, i + perRequest).map(({ hit }) => hit) })
        }
      }
      let next = 0
      await Promise.all(
        Array.from({ length: atOnce }, async () => {
          for (let request = requests[next++]; request; request = requests[next++]) {
            const reply = await call<{ rejected: readonly unknown[] }>(`${life.url}/v1/hits`, {
              key: writeKey,
              body: request.body,
              headers: { 'x-forwarded-for': request.address },
            })
            expect(reply.status, JSON.stringify(reply.body)).toBe(202)
            expect(reply.body.rejected).toEqual([])
          }
        }),
      )
      const received = Date.now()
      await eventually(
        async () => {
          const body = { metrics: ['hits'], dateRange: 'day' }
          return (await call<QueryReply>(`${life.url}/v1/query`, { key: readKey, body })).body.meta?.asOf
        },
        (asOf) => asOf !== undefined && Date.parse(asOf) > received,
        120_000,
      )
    },

    query: (asked) =>
      call<QueryReply>(`${life.url}/v1/query`, {
        key: readKey,
        body: { ...asked, limit: 10_000 },
      }),

    compare(body, wanted, asked) {
      const shown = JSON.stringify(asked)
      expect(body.meta.truncated).toBe(false)
      const found = new Set<string>()
      for (const row of body.results) {
        const key = JSON.stringify(row.dimensions)
        expect(found.has(key), `${key} twice in ${shown}`).toBe(false)
        found.add(key)
        const group = wanted.get(key)
        expect(group, `${key} is in the answer and not in the recount of ${shown}`).toBeDefined()
        asked.metrics.forEach((metric, i) => {
          const got = row.metrics[i]
          const want = group?.values[metric] as number | null
          const told = `${metric} of ${key} in ${shown}: ${got}, recounted ${want}`
          if (want === null) expect(got, told).toBeNull()
          else if (metric === 'visitors' && body.meta.approximate.visitors !== undefined) {
            expect(Math.abs(Number(got) - want), told).toBeLessThanOrEqual(5 * body.meta.approximate.visitors * want)
          } else if (metric.startsWith('load_')) {
            expect(Math.abs(Number(got) - want), told).toBeLessThanOrEqual(0.0101 * Math.abs(want) + 1e-9)
          } else expect(Math.abs(Number(got) - want), told).toBeLessThan(1e-9 * Math.max(1, Math.abs(want)))
        })
      }
      for (const key of wanted.keys()) expect(found.has(key), `${key} is missing of ${shown}`).toBe(true)
    },

    async maintained() {
      const rounds = await metric('maintenance_rounds_total')
      // One that was under way may have begun before the last hit; the second has seen everything.
      await eventually(
        () => metric('maintenance_rounds_total'),
        (now) => now >= rounds + 2,
        240_000,
      )
    },

    async restart() {
      await life.end('SIGTERM')
      life = await start(folder.path, env)
    },

    async remove() {
      await life.end('SIGKILL')
      folder.remove()
    },
  }
}
