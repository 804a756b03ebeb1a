/**
 * A cluster under test: every role as processes of its own over real servers, with a topic, a control store, objects and
 * schemas of its own. Ends only the processes it started.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createDatabase } from './database.ts'
import type { Counts, Interval } from './recount.ts'
import { wholeSeries } from './series.ts'
import { call, type Ended, eventually, type Life, start, temporaryFolder } from './server.ts'
import type { BooksReply } from './system.ts'
import type { Sending, Shop } from './traffic.ts'

export type RoleName = 'collector' | 'worker' | 'gateway' | 'maintenance'

/** One process of a role, over all its lives. */
export interface Member {
  readonly role: RoleName
  /** `worker-0`: the role, and which of it. */
  readonly name: string
  readonly life: Life
  /** How it ended where nobody ended it, until it is started again. */
  readonly endedByItself: Ended | undefined
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
  /** The environment of one process, made of that of all; default: the same. */
  readonly envOf?: (member: string, env: Readonly<Record<string, string>>) => Promise<Readonly<Record<string, string>>>
}

const serverVariables = /^HITLAKE_(MODE|KAFKA_BROKERS|POSTGRES_URL|OBJECTS_URI|S3_|TRINO_)/

/** The servers' addresses from this process's environment. */
export function serversOf(env: NodeJS.ProcessEnv): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [name, value] of Object.entries(env)) if (value && serverVariables.test(name)) found[name] = value
  return found
}

/** What one cluster's processes share: names of its own on these servers. */
export async function clusterEnvironment(
  servers: Readonly<Record<string, string | undefined>>,
  more: Readonly<Record<string, string>> = {},
): Promise<Record<string, string>> {
  const tag = randomBytes(4).toString('hex')
  const found = serversOf(servers as NodeJS.ProcessEnv)
  return {
    ...found,
    HITLAKE_MODE: 'cluster',
    HITLAKE_KAFKA_TOPIC: `hits-${tag}`,
    HITLAKE_KAFKA_PARTITIONS: '4',
    HITLAKE_KAFKA_REPLICATION: '1',
    HITLAKE_POSTGRES_URL: await createDatabase(found.HITLAKE_POSTGRES_URL as string, `hitlake_${tag}`),
    HITLAKE_OBJECTS_URI: `${found.HITLAKE_OBJECTS_URI}/${tag}`,
    HITLAKE_TRINO_SCHEMA: `hitlake_${tag}`,
    HITLAKE_ADMIN_KEY: `admin-${randomBytes(12).toString('hex')}`,
    HITLAKE_WAREHOUSE_EPOCH: '2s',
    HITLAKE_ROLLUPS_EPOCH: '2s',
    HITLAKE_KAFKA_SESSION: '6s',
    HITLAKE_LEASE: '10s',
    // A machine under load answers late, not wrong.
    HITLAKE_QUERY_TIMEOUT: '120s',
    // Senders of tests are faster than any shop.
    HITLAKE_KEY_QUOTA: '1000000',
    HITLAKE_LOG_LEVEL: 'warn',
    ...more,
  }
}

export async function createCluster(options: ClusterOptions): Promise<Cluster> {
  const folder = temporaryFolder()
  const env = await clusterEnvironment(options.servers, {
    HITLAKE_KAFKA_PARTITIONS: String(options.partitions ?? 4),
    ...options.env,
  })
  const adminKey = env.HITLAKE_ADMIN_KEY as string
  const members: Member[] = []
  for (const [role, count] of Object.entries(options.roles) as [RoleName, number][]) {
    for (let i = 0; i < count; i++) {
      const name = `${role}-${i}`
      const own = (await options.envOf?.(name, env)) ?? env
      members.push(await startMember(role, { name, dataDir: join(folder.path, name), env: own }))
    }
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

async function startMember(
  role: RoleName,
  options: { readonly name: string; readonly dataDir: string; readonly env: Readonly<Record<string, string>> },
): Promise<Member> {
  const { name, dataDir, env } = options
  mkdirSync(dataDir, { recursive: true })
  let own: Readonly<Record<string, string>> = {}
  let endedByItself: Ended | undefined
  let isToEnd = false
  const begin = async (): Promise<Life> => {
    const begun = await start(dataDir, { ...env, HITLAKE_ROLE: role, ...own })
    isToEnd = false
    endedByItself = undefined
    void begun.ended.then((ended) => {
      if (!isToEnd) endedByItself = ended
    })
    return begun
  }
  let life = await begin()
  const end = (signal: 'SIGKILL' | 'SIGTERM') => {
    isToEnd = true
    return life.end(signal)
  }
  return {
    role,
    name,
    get life() {
      return life
    },
    get endedByItself() {
      return endedByItself
    },
    async kill() {
      await end('SIGKILL')
    },
    async restart(env = own) {
      own = env
      life = await begin()
    },
    async killAndRestart() {
      await end('SIGKILL')
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
      const { code, stderr } = await end('SIGTERM')
      if (code !== 0) throw new Error(`${role} ended with ${code}: ${stderr}`)
    },
  }
}
