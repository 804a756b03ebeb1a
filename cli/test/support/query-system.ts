/** A real Hitlake with one shop, for tests that compare answers of `POST /v1/query` with a recount. */
import { expect } from 'vitest'
import type { SeedHit, SeedSettings } from '../../seed/traffic.ts'
import type { QueryReply } from './query-answers.ts'
import { sendByNetwork } from './query-sender.ts'
import type { Asked } from './recount-query.ts'
import { call, eventually, type Life, type Reply, readKeys, start, temporaryFolder } from './server.ts'

export interface QuerySystem {
  /** Sends all, address prefix by address prefix, and waits until they are visible. */
  send(hits: readonly SeedHit[]): Promise<void>
  query(asked: Asked): Promise<Reply<QueryReply>>
  /** Waits until maintenance has gone through everything sent so far. */
  maintained(): Promise<void>
  restart(): Promise<void>
  remove(): Promise<void>
}

/** `maintainEvery`: rarely, where nobody calls `maintained`. */
export async function createQuerySystem(settings: SeedSettings, maintainEvery = '1s'): Promise<QuerySystem> {
  const folder = temporaryFolder()
  const env = {
    HITLAKE_TRUSTED_PROXIES: '127.0.0.1',
    HITLAKE_MAINTAIN_EVERY: maintainEvery,
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

  return {
    async send(hits) {
      await sendByNetwork(hits, { url: () => life.url, writeKey })
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

    async maintained() {
      const rounds = await metric(life.url, 'maintenance_rounds_total')
      // One that was under way may have begun before the last hit; the second has seen everything.
      await eventually(
        () => metric(life.url, 'maintenance_rounds_total'),
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

/** The sum of a metric's series. */
export async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const lines = text.split('\n').filter((line) => line.startsWith(name) && !line.startsWith('#'))
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}
