/**
 * What may happen to a cluster over real servers: processes killed or asleep, servers away or standing still, and wires
 * between the two that go wrong. All of a fault is drawn before it happens, so a seed gives the same list again.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  drawTrouble,
  type TroubleKind,
  troubleKinds,
  type WiredServer,
  type Wires,
  wiredServers,
} from '../../../infra/faults/wires.ts'
import type { Server, Servers } from '../../../infra/local/cluster/servers.d.mts'
import type { Cluster, Member, RoleName } from './cluster.ts'
import { trinoRows, whileMerging } from './trino.ts'

export interface FaultyWorld {
  readonly cluster: Cluster
  readonly servers: Servers
  /** Of the processes that reach their servers by proxies, by name. */
  readonly wires: ReadonlyMap<string, Wires>
}

export interface Fault {
  readonly kind: string
  /** Whom it meets, and how. */
  readonly detail: string
  /** Resolves when it is over. */
  happen(world: FaultyWorld): Promise<void>
  /** The next fault does not wait for its end. */
  readonly goesOn: boolean
}

/** How many there are of each role. Of a role with two, the second reaches its servers directly: it sees closed ports. */
export const membersOf = { gateway: 1, collector: 2, worker: 2, maintenance: 2 } as const satisfies Record<
  RoleName,
  number
>
export const wiredMembers = ['gateway-0', 'collector-0', 'worker-0', 'maintenance-0'] as const

/** The servers that a role speaks with under traffic. */
export const serversOfRole: Readonly<Record<RoleName, readonly WiredServer[]>> = {
  collector: ['kafka', 'postgres'],
  worker: ['kafka', 'postgres', 's3'],
  gateway: ['postgres', 's3', 'trino'],
  maintenance: ['postgres', 's3', 'trino'],
}

/** How long a server that was started is waited for until it serves, ms. */
export const startLimitMs = 1_800_000
const slowAnswerMs = 180_000

type Random = () => number
type Drawn = Pick<Fault, 'detail' | 'happen'> & Partial<Pick<Fault, 'goesOn'>>

const pick = <T>(from: readonly T[], random: Random): T => from[Math.floor(random() * from.length)] as T
const memberCalled = ({ cluster }: FaultyWorld, name: string) =>
  cluster.members.find((member) => member.name === name) as Member

const makers: Readonly<Record<string, (random: Random) => Drawn>> = {
  'a collector is killed': killed('collector'),
  'a worker is killed': killed('worker'),
  'the gateway is killed': killed('gateway'),
  'a publisher is killed': killed('maintenance'),
  'a worker sleeps past its session and wakes': asleep('worker', 9_000),
  // Longer than its lease: the other publisher has taken its tables over when it wakes.
  'a publisher sleeps past its lease and wakes': asleep('maintenance', 13_000),
  'Kafka is away for 30 s': () => ({
    detail: 'stopped in order',
    async happen({ servers }) {
      await servers.kafka.stop()
      await sleep(30_000)
      await begin(servers.kafka, servers.env)
    },
  }),
  'Trino is killed in the middle of a MERGE': () => ({
    detail: 'or after 15 s without one',
    async happen({ servers }) {
      await whileMerging(servers.env.HITLAKE_TRINO_URL as string, 15_000)
      await servers.trino.kill()
      await begin(servers.trino, servers.env)
    },
  }),
  'PostgreSQL is restarted': () => ({
    detail: 'away for 2 s',
    async happen({ servers }) {
      await servers.postgres.stop()
      await sleep(2_000)
      await begin(servers.postgres, servers.env)
    },
  }),
  'S3 is away': () => ({
    detail: 'for 5 s',
    async happen({ servers }) {
      await servers.s3.stop()
      await sleep(5_000)
      await begin(servers.s3, servers.env)
    },
  }),
  'a server stands still and goes on': (random) => {
    const name = pick(wiredServers, random)
    const forMs = 1_000 + Math.floor(random() * 7_000)
    return {
      detail: `${name} for ${forMs} ms`,
      async happen({ servers }) {
        servers[name].pause()
        await sleep(forMs)
        servers[name].resume()
      },
    }
  },
  ...Object.fromEntries(troubleKinds.map((kind) => [`a wire has trouble: ${kind}`, troubled(kind)])),
}

export const faultKinds: readonly string[] = Object.keys(makers)

/** Each takes half a minute and more, in which little else happens: drawn a third as often as others. */
const longKinds: readonly string[] = ['Kafka is away for 30 s', 'Trino is killed in the middle of a MERGE']
const drawnKinds = faultKinds.flatMap((kind) => Array<string>(longKinds.includes(kind) ? 1 : 3).fill(kind))

/** So many faults: each kind once, in any order, then more of them. */
export function drawFaults(count: number, random: Random): Fault[] {
  const kinds = [...faultKinds]
  for (let i = kinds.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[kinds[i], kinds[j]] = [kinds[j] as string, kinds[i] as string]
  }
  return Array.from({ length: count }, (_, n) => {
    const kind = kinds[n] ?? pick(drawnKinds, random)
    const drawn = makers[kind]?.(random) as Drawn
    return { kind, goesOn: false, ...drawn }
  })
}

/** Starts it and waits until it serves, also where a machine under load takes longer than the server's own limits. */
async function begin(server: Server, { HITLAKE_TRINO_URL: trino = '' }: Servers['env']): Promise<void> {
  const until = Date.now() + startLimitMs
  for (;;) {
    try {
      // Begins where nothing runs; what runs already is only waited for.
      await server.start()
      return await server.ready()
    } catch (error) {
      if (Date.now() > until) throw error
      // Its readiness is asked for with 4 s to answer; a question with more time may be answered.
      if (server.name === 'trino' && server.pid !== undefined && (await answers(trino))) return
    }
  }
}

async function answers(trino: string): Promise<boolean> {
  const asked = trinoRows(trino, 'SELECT count(*) FROM tpch.tiny.region').then(
    () => true,
    () => false,
  )
  return await Promise.race([asked, sleep(slowAnswerMs, false)])
}

function memberOf(role: RoleName, random: Random): string {
  return `${role}-${Math.floor(random() * membersOf[role])}`
}

function killed(role: RoleName) {
  return (random: Random): Drawn => {
    const name = memberOf(role, random)
    return { detail: name, happen: (world) => memberCalled(world, name).killAndRestart() }
  }
}

function asleep(role: RoleName, forMs: number) {
  return (random: Random): Drawn => {
    const name = memberOf(role, random)
    return {
      detail: `${name} for ${forMs} ms`,
      async happen(world) {
        const member = memberCalled(world, name)
        member.pause()
        await sleep(forMs)
        member.resume()
      },
    }
  }
}

/** One wire of a process, or all of a process, or all to a server; half of them go on while the next fault comes. */
function troubled(kind: TroubleKind) {
  return (random: Random): Drawn => {
    const { trouble, forMs } = drawTrouble(kind, random)
    const every = wiredMembers.flatMap((member) =>
      serversOfRole[member.slice(0, -2) as RoleName].map((server) => ({ member, server })),
    )
    const one = pick(every, random)
    const scope = random()
    const met = every.filter(({ member, server }) =>
      scope < 0.6
        ? member === one.member && server === one.server
        : scope < 0.8
          ? member === one.member
          : server === one.server,
    )
    const { kind: _, ...how } = trouble
    return {
      detail: `${met.map(({ member, server }) => `${member} to ${server}`).join(', ')} for ${forMs} ms ${JSON.stringify(how)}`,
      goesOn: random() < 0.5,
      async happen({ wires }) {
        await Promise.all(met.map(({ member, server }) => wires.get(member)?.trouble(server, trouble, forMs)))
      },
    }
  }
}
