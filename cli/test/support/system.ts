/**
 * The whole system under test as a client and an operator see it: sends traffic over HTTP while the process is killed
 * and started again, then asks for numbers. Nothing of the system's own code runs in here.
 */
import { Agent } from 'node:http'
import type { Counts, Interval } from './recount.ts'
import { call, eventually, type Life, readKeys, start, temporaryFolder } from './server.ts'
import { mulberry32, type Sending, type Shop, shops } from './traffic.ts'

export interface BooksReply {
  readonly accepted: number
  readonly stored: number
  readonly duplicates: number
  readonly failed: number
  readonly dropped: Record<string, number>
  readonly inFlight: number
  readonly balanced: boolean
}

export interface System {
  readonly dataDir: string
  readonly kills: { readonly total: number; readonly afterAnswer: number }
  url(): string
  /** Sends all, in order, in requests of mixed sizes, several at a time; kills the process `kills` times on the way. */
  send(sendings: readonly Sending[], options: { readonly kills: number; readonly seed: number }): Promise<void>
  /** Waits until everything received by now is visible. */
  settle(): Promise<void>
  series(shop: Shop, interval: Interval, timeZone?: string): Promise<ReadonlyMap<string, Counts>>
  books(shop: Shop): Promise<BooksReply>
  restart(): Promise<void>
  remove(): Promise<void>
}

const dayMs = 86_400_000
const date = (ms: number): string => new Date(ms).toISOString().slice(0, 10)

/** Requests under way at once. */
const concurrency = 4

export async function createSystem(env: Record<string, string> = {}): Promise<System> {
  const folder = temporaryFolder()
  let life: Life = await start(folder.path, env)
  const { adminKey } = readKeys(folder.path)
  const keys = new Map<string, { writeKey: string; readKey: string }>()
  for (const shop of shops) {
    const body = { ...shop, name: shop.id, rights: ['historical'] }
    const reply = await call<{ writeKey: string; readKey: string }>(`${life.url}/v1/admin/merchants`, {
      key: adminKey,
      body,
    })
    if (reply.status !== 201) throw new Error(`merchant not made: ${JSON.stringify(reply.body)}`)
    keys.set(shop.id, reply.body)
  }
  const keyOf = (shop: Shop, kind: 'writeKey' | 'readKey'): string => keys.get(shop.id)?.[kind] ?? ''
  const kills = { total: 0, afterAnswer: 0 }

  const again = async (): Promise<void> => {
    await life.ended
    life = await start(folder.path, env)
  }

  return {
    dataDir: folder.path,
    kills,
    url: () => life.url,

    async send(sendings, options) {
      const random = mulberry32(options.seed)
      const requests = inRequests(sendings, random)
      // The requests after whose answer, or while which, the process is killed.
      const killAt = new Map<number, 'after answer' | 'any moment'>()
      while (killAt.size < Math.min(options.kills, requests.length)) {
        const at = Math.floor(random() * requests.length)
        if (!killAt.has(at)) killAt.set(at, killAt.size % 3 === 0 ? 'after answer' : 'any moment')
      }
      let next = 0
      let restarting: Promise<void> | undefined
      const killNow = (): void => {
        if (restarting) return
        kills.total++
        life.kill()
        restarting = again().finally(() => {
          restarting = undefined
        })
      }
      const lane = async (): Promise<void> => {
        const agent = new Agent({ keepAlive: true, maxSockets: 1 })
        for (let index = next++; index < requests.length; index = next++) {
          const request = requests[index] as Sending[]
          const shop = (request[0] as Sending).shop
          const body = request.length === 1 ? request[0]?.hit : request.map(({ hit }) => hit)
          for (;;) {
            await restarting
            const kill = killAt.get(index)
            if (kill === 'any moment') {
              killAt.delete(index)
              setTimeout(killNow, random() * 40)
            }
            try {
              const reply = await call<{ accepted: number; rejected: unknown[] }>(`${life.url}/v1/hits`, {
                key: keyOf(shop, 'writeKey'),
                body,
                agent,
              })
              if (reply.status === 202) {
                if (kill === 'after answer' && killAt.delete(index)) {
                  if (!restarting) kills.afterAnswer++
                  killNow()
                }
                if (reply.body.accepted !== request.length) throw new RefusedError(JSON.stringify(reply.body))
                break
              }
              if (reply.status !== 503 && reply.status !== 429) throw new RefusedError(JSON.stringify(reply))
            } catch (error) {
              if (error instanceof RefusedError) throw error
              await new Promise((resolve) => setTimeout(resolve, 5))
            }
          }
        }
        agent.destroy()
      }
      await Promise.all(Array.from({ length: concurrency }, lane))
      // Kills whose timer met a restart that was under way, or came after the last request: made up for now.
      await new Promise((resolve) => setTimeout(resolve, 50))
      await restarting
      while (kills.total < options.kills) {
        killNow()
        await restarting
      }
    },

    async settle() {
      const since = Date.now()
      const shop = shops[0] as Shop
      const url = `${life.url}/v1/merchants/${shop.id}/timeseries?interval=day&metrics=hits`
      await eventually(
        () => call<{ meta: { asOf: string } }>(url, { key: keyOf(shop, 'readKey') }),
        ({ body }) => Date.parse(body.meta?.asOf) > since,
        120_000,
      )
    },

    async series(shop, interval, timeZone) {
      const zone = timeZone ? `&timeZone=${encodeURIComponent(timeZone)}` : ''
      const metrics = 'hits,pageviews,orders,visitors,revenue'
      const found = new Map<string, Counts>()
      // At most 10,000 buckets an answer: hours in stretches of 300 days.
      const stretchMs = interval === 'hour' ? 300 * dayMs : 10_000 * dayMs
      const end = Date.now() + dayMs
      for (let from = Date.parse('2026-01-01'); from < end; from += stretchMs) {
        const to = Math.min(from + stretchMs - dayMs, end)
        const url = `${life.url}/v1/merchants/${shop.id}/timeseries?interval=${interval}&metrics=${metrics}&from=${date(from)}&to=${date(to)}${zone}`
        const reply = await call<{ buckets: (Counts & { start: string; end: string })[] }>(url, {
          key: keyOf(shop, 'readKey'),
        })
        if (reply.status !== 200) throw new Error(`${reply.status} ${JSON.stringify(reply.body)}`)
        for (const { start, end, ...counts } of reply.body.buckets) {
          if (counts.hits !== 0) found.set(start, { ...counts, revenue: Number(counts.revenue).toFixed(2) })
        }
      }
      return found
    },

    async books(shop) {
      const reply = await call<BooksReply>(`${life.url}/v1/admin/books?merchant=${shop.id}`, { key: adminKey })
      if (reply.status !== 200) throw new Error(`${reply.status} ${JSON.stringify(reply.body)}`)
      return reply.body
    },

    async restart() {
      const { code, stderr } = await life.end('SIGINT')
      if (code !== 0) throw new Error(`the stop ended with ${code}: ${stderr}`)
      life = await start(folder.path, env)
    },

    async remove() {
      await life.end('SIGKILL')
      folder.remove()
    },
  }
}

class RefusedError extends Error {}

/** Sendings of one shop in a row become one request: a fifth alone, the others up to 60 at a time. */
function inRequests(sendings: readonly Sending[], random: () => number): Sending[][] {
  const open = new Map<string, { batch: Sending[]; size: number }>()
  const requests: Sending[][] = []
  for (const sending of sendings) {
    let group = open.get(sending.shop.id)
    if (!group) {
      group = { batch: [], size: random() < 0.2 ? 1 : 1 + Math.floor(random() * 60) }
      open.set(sending.shop.id, group)
    }
    group.batch.push(sending)
    if (group.batch.length >= group.size) {
      requests.push(group.batch)
      open.delete(sending.shop.id)
    }
  }
  for (const { batch } of open.values()) requests.push(batch)
  return requests
}
