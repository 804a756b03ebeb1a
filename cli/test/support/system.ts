/**
 * The whole system under test as a client and an operator see it: sends traffic over HTTP while the process is killed
 * and started again, then asks for numbers. Nothing of the system's own code runs in here.
 */

import { mulberry32 } from '../../seed/random.ts'
import type { Counts, Interval } from './recount.ts'
import { inRequests, sendAll } from './sender.ts'
import { wholeSeries } from './series.ts'
import { call, eventually, type Life, type Reply, readKeys, start, temporaryFolder } from './server.ts'
import { type Sending, type Shop, shops } from './traffic.ts'

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
  send(
    sendings: readonly Sending[],
    options: { readonly kills: number; readonly seed: number; readonly most?: number },
  ): Promise<void>
  /** Waits until everything received by now is visible. */
  settle(): Promise<void>
  series(shop: Shop, interval: Interval, timeZone?: string): Promise<ReadonlyMap<string, Counts>>
  books(shop: Shop): Promise<BooksReply>
  restart(): Promise<void>
  /** `kill -9`. */
  kill(): Promise<void>
  /** Begins again over the same data folder after `kill`. @throws where it ends before it is ready; it may be tried again */
  begin(): Promise<void>
  writeKey(shop: Shop): string
  /** Ends in order, and begins again with these variables instead of those before. */
  release(env: Readonly<Record<string, string>>): Promise<void>
  /** One request with the admin key, again while nobody answers; what was answered. */
  admin<T>(path: string, body?: unknown): Promise<Reply<T>>
  /** Stops in order: all is published, and others may open the folder. */
  end(): Promise<void>
  remove(): Promise<void>
}

/** @param folder its data folder; removed with it. Default: a new one */
export async function createSystem(
  given: Record<string, string> = {},
  of: readonly Shop[] = shops,
  folder: ReturnType<typeof temporaryFolder> = temporaryFolder(),
): Promise<System> {
  let env = given
  let life: Life = await start(folder.path, env)
  const { adminKey } = readKeys(folder.path)
  const keys = new Map<string, { writeKey: string; readKey: string }>()
  for (const shop of of) {
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

  async function restart(): Promise<void> {
    const { code, stderr } = await life.end('SIGINT')
    if (code !== 0) throw new Error(`the stop ended with ${code}: ${stderr}`)
    life = await start(folder.path, env)
  }

  return {
    dataDir: folder.path,
    kills,
    url: () => life.url,

    async send(sendings, options) {
      const random = mulberry32(options.seed)
      const requests = inRequests(sendings, random, options.most)
      // The requests after whose answer, or while which, the process is killed.
      const killAt = new Map<number, 'after answer' | 'any moment'>()
      while (killAt.size < Math.min(options.kills, requests.length)) {
        const at = Math.floor(random() * requests.length)
        if (!killAt.has(at)) killAt.set(at, killAt.size % 3 === 0 ? 'after answer' : 'any moment')
      }
      let restarting: Promise<void> | undefined
      const killNow = (): void => {
        if (restarting) return
        kills.total++
        life.kill()
        restarting = again().finally(() => {
          restarting = undefined
        })
      }
      await sendAll(requests, {
        url: () => life.url,
        keyOf: ({ shop }) => keyOf(shop, 'writeKey'),
        async beforeAttempt(index) {
          await restarting
          if (killAt.get(index) !== 'any moment') return
          killAt.delete(index)
          setTimeout(killNow, random() * 40)
        },
        onAnswered(index) {
          if (!killAt.delete(index)) return
          if (!restarting) kills.afterAnswer++
          killNow()
        },
      })
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
      const shop = of[0] as Shop
      const url = `${life.url}/v1/merchants/${shop.id}/timeseries?interval=day&metrics=hits`
      await eventually(
        () => call<{ meta: { asOf: string } }>(url, { key: keyOf(shop, 'readKey') }),
        ({ body }) => Date.parse(body.meta?.asOf) > since,
        120_000,
      )
    },

    series: (shop, interval, timeZone) => wholeSeries(life.url, keyOf(shop, 'readKey'), shop, { interval, timeZone }),

    async books(shop) {
      const reply = await call<BooksReply>(`${life.url}/v1/admin/books?merchant=${shop.id}`, { key: adminKey })
      if (reply.status !== 200) throw new Error(`${reply.status} ${JSON.stringify(reply.body)}`)
      return reply.body
    },

    restart,

    async kill() {
      kills.total++
      await life.end('SIGKILL')
    },
    async begin() {
      life = await start(folder.path, env)
    },

    writeKey: (shop) => keyOf(shop, 'writeKey'),

    async release(next) {
      env = { ...next }
      await restart()
    },

    async admin<T>(path: string, body?: unknown) {
      for (;;) {
        try {
          return await call<T>(`${life.url}${path}`, { key: adminKey, ...(body !== undefined && { body }) })
        } catch {
          await new Promise((resolve) => setTimeout(resolve, 50))
        }
      }
    },

    async end() {
      await life.end('SIGTERM')
    },

    async remove() {
      await life.end('SIGKILL')
      folder.remove()
    },
  }
}
