/**
 * A cluster under test: every role as processes of its own over real servers, with a topic, a control store, objects and
 * schemas of its own. Ends only the processes it started.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import type { Counts, Interval } from './recount.ts'
import { wholeSeries } from './series.ts'
import { call, eventually, type Life, start, temporaryFolder } from './server.ts'
import type { BooksReply } from './system.ts'
import type { Sending, Shop } from './traffic.ts'

export type RoleName = 'collector' | 'worker' | 'gateway' | 'maintenance'

/** One process of a role, over all its lives. */
export interface Member {
  readonly role: RoleName
  readonly life: Life
  /** kill -9, and started again over the same data folder. Resolves when it answers. */
  killAndRestart(): Promise<void>
  kill(): Promise<void>
  /** `env` holds beside that of the cluster, from then on. */
  restart(env?: Readonly<Record<string, string>>): Promise<void>
  /** SIGSTOP, SIGCONT. */
  pause(): void
  resume(): void
  /** SIGTERM, and waits for the end in order. */
  stop(): Promise<void>
}

export interface Cluster {
  readonly env: Readonly<Record<string, string>>
  /** Of its own; removed with it. */
  readonly folder: string
  readonly members: readonly Member[]
  of(role: RoleName): readonly Member[]
  /** The address of a collector, each in turn. */
  collectorUrl(): string
  gatewayUrl(): string
  writeKey(sending: Sending): string
  readKey(shop: Shop): string
  addShops(shops: readonly Shop[]): Promise<void>
  /** Waits until everything received by now is visible. */
  settle(withinMs?: number): Promise<void>
  series(shop: Shop, interval: Interval, timeZone?: string): Promise<ReadonlyMap<string, Counts>>
  books(shop?: Shop): Promise<BooksReply>
  /** Runs a command of the CLI with the cluster's environment. */
  remove(): Promise<void>
}

export interface ClusterOptions {
  /** Where the servers are, as infra/local/cluster gives it. */
  readonly servers: Readonly<Record<string, string | undefined>>
  readonly roles: Readonly<Record<RoleName, number>>
  readonly partitions?: number
  readonly env?: Readonly<Record<string, string>>
}

const serverVariables = /^HITLAKE_(MODE|KAFKA_BROKERS|POSTGRES_URL|OBJECTS_URI|S3_|TRINO_)/

/** The servers' addresses from this process's environment. */
export function serversOf(env: NodeJS.ProcessEnv): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [name, value] of Object.entries(env)) if (value && serverVariables.test(name)) found[name] = value
  return found
}

export async function createCluster(options: ClusterOptions): Promise<Cluster> {
  const tag = randomBytes(4).toString('hex')
  const folder = temporaryFolder()
  const servers = serversOf(options.servers as NodeJS.ProcessEnv)
  const adminKey = `admin-${randomBytes(12).toString('hex')}`
  const env: Record<string, string> = {
    ...servers,
    HITLAKE_MODE: 'cluster',
    HITLAKE_KAFKA_TOPIC: `hits-${tag}`,
    HITLAKE_KAFKA_PARTITIONS: String(options.partitions ?? 4),
    HITLAKE_KAFKA_REPLICATION: '1',
    HITLAKE_POSTGRES_URL: await createDatabase(servers.HITLAKE_POSTGRES_URL as string, `hitlake_${tag}`),
    HITLAKE_OBJECTS_URI: `${servers.HITLAKE_OBJECTS_URI}/${tag}`,
    HITLAKE_TRINO_SCHEMA: `hitlake_${tag}`,
    HITLAKE_ADMIN_KEY: adminKey,
    HITLAKE_WAREHOUSE_EPOCH: '2s',
    HITLAKE_ROLLUPS_EPOCH: '2s',
    HITLAKE_KAFKA_SESSION: '6s',
    HITLAKE_LEASE: '10s',
    // Senders of tests are faster than any shop.
    HITLAKE_KEY_QUOTA: '1000000',
    HITLAKE_LOG_LEVEL: 'warn',
    ...options.env,
  }
  const members: Member[] = []
  for (const [role, count] of Object.entries(options.roles) as [RoleName, number][]) {
    for (let i = 0; i < count; i++) members.push(await startMember(role, join(folder.path, `${role}-${i}`), env))
  }
  const keys = new Map<string, { writeKey: string; readKey: string }>()
  const of = (role: RoleName) => members.filter((member) => member.role === role)
  let turn = 0
  const gatewayUrl = (): string => (of('gateway')[0] as Member).life.url
  const asked: Shop[] = []

  return {
    env,
    folder: folder.path,
    members,
    of,
    gatewayUrl,
    collectorUrl: () => (of('collector')[turn++ % of('collector').length] as Member).life.url,
    writeKey: ({ shop }) => keys.get(shop.id)?.writeKey ?? '',
    readKey: (shop) => keys.get(shop.id)?.readKey ?? '',

    async addShops(shops) {
      for (const shop of shops) {
        const body = { ...shop, name: shop.id, rights: ['historical'] }
        const reply = await eventually(
          () =>
            call<{ writeKey: string; readKey: string }>(`${gatewayUrl()}/v1/admin/merchants`, { key: adminKey, body }),
          ({ status }) => status !== 503,
        )
        if (reply.status !== 201) throw new Error(`merchant not made: ${JSON.stringify(reply.body)}`)
        keys.set(shop.id, reply.body)
        asked.push(shop)
      }
    },

    async settle(withinMs = 180_000) {
      const since = Date.now()
      const shop = asked[0] as Shop
      const url = `${gatewayUrl()}/v1/merchants/${shop.id}/timeseries?interval=day&metrics=hits`
      try {
        await eventually(
          () =>
            call<{ meta?: { asOf: string } }>(url, { key: keys.get(shop.id)?.readKey ?? '' }).catch((error: Error) => ({
              body: { meta: undefined },
              error: error.message,
            })),
          ({ body }) => Date.parse(body.meta?.asOf ?? '') > since,
          withinMs,
        )
      } catch (cause) {
        const last = members.map(({ role, life }) => `${role}: ${life.stderr().slice(-1_500)}`)
        throw new Error(`not settled; what the processes said last:\n${last.join('\n')}`, { cause })
      }
    },

    series: (shop, interval, timeZone) =>
      wholeSeries(gatewayUrl(), keys.get(shop.id)?.readKey ?? '', shop, { interval, timeZone }),

    async books(shop) {
      const url = `${gatewayUrl()}/v1/admin/books${shop === undefined ? '' : `?merchant=${shop.id}`}`
      const reply = await eventually(
        () => call<BooksReply>(url, { key: adminKey }),
        ({ status }) => status !== 503,
        60_000,
      )
      if (reply.status !== 200) throw new Error(`${reply.status} ${JSON.stringify(reply.body)}`)
      return reply.body
    },

    async remove() {
      await Promise.all(
        members.map(async (member) => {
          member.resume()
          await member.life.end('SIGKILL')
        }),
      )
      folder.remove()
    },
  }
}

async function startMember(role: RoleName, dataDir: string, env: Record<string, string>): Promise<Member> {
  mkdirSync(dataDir, { recursive: true })
  let own: Readonly<Record<string, string>> = {}
  const begin = () => start(dataDir, { ...env, HITLAKE_ROLE: role, ...own })
  let life = await begin()
  return {
    role,
    get life() {
      return life
    },
    async kill() {
      await life.end('SIGKILL')
    },
    async restart(env = own) {
      own = env
      life = await begin()
    },
    async killAndRestart() {
      await life.end('SIGKILL')
      life = await begin()
    },
    pause: () => void process.kill(life.pid, 'SIGSTOP'),
    resume() {
      try {
        process.kill(life.pid, 'SIGCONT')
      } catch {
        // It is gone.
      }
    },
    async stop() {
      const { code, stderr } = await life.end('SIGTERM')
      if (code !== 0) throw new Error(`${role} ended with ${code}: ${stderr}`)
    },
  }
}

/** A database of that name on the server of `url`; its address. */
async function createDatabase(url: string, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`CREATE DATABASE "${name}"`)
  await client.end()
  const made = new URL(url)
  made.pathname = `/${name}`
  return made.href
}
