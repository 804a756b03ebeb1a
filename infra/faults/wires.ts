/**
 * The ways of one process to its servers, each by a proxy of its own, and what may happen to one of them for a while. What
 * happens is drawn, so a seed gives the same troubles again.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type FaultProxy, type Side, startFaultProxy, type WireCondition } from './fault-proxy.ts'

export const wiredServers = ['kafka', 'trino', 'postgres', 's3'] as const
export type WiredServer = (typeof wiredServers)[number]

/** The setting of Hitlake that says where each server is. */
const variableOf: Readonly<Record<WiredServer, string>> = {
  kafka: 'HITLAKE_KAFKA_BROKERS',
  trino: 'HITLAKE_TRINO_URL',
  postgres: 'HITLAKE_POSTGRES_URL',
  s3: 'HITLAKE_S3_ENDPOINT',
}

/** Trouble of a wire; the time it lasts is said apart. */
export type WireTrouble =
  | Exclude<WireCondition, { readonly kind: 'whole' }>
  | { readonly kind: 'half-open'; readonly unaware: Side }
export type TroubleKind = WireTrouble['kind']

export const troubleKinds = [
  'delay',
  'throttle',
  'hold',
  'cut',
  'reset',
  'half-open',
] as const satisfies readonly TroubleKind[]

/** How long trouble lasts, ms: mostly shorter than sessions, leases and limits of requests in tests, sometimes longer. */
export const shortTroubleMs = { min: 1_000, max: 6_000 }
export const longTroubleMs = { min: 12_000, max: 40_000 }
/** One trouble in so many is a long one. */
export const longTroubleEvery = 10

export interface Wires {
  /** The process's environment: `env`, with the proxies' addresses for the servers'. */
  readonly env: Readonly<Record<string, string>>
  readonly proxies: Readonly<Record<WiredServer, FaultProxy>>
  /** Brings the trouble over the wire to one server and takes it away again; the wire is whole afterwards. */
  trouble(server: WiredServer, trouble: WireTrouble, forMs: number): Promise<void>
  close(): Promise<void>
}

/** @throws where `env` does not say where all four servers are, on ports of 127.0.0.1 */
export async function startWires(env: Readonly<Record<string, string>>, random: () => number): Promise<Wires> {
  const own: Record<string, string> = { ...env }
  const proxies = {} as Record<WiredServer, FaultProxy>
  for (const server of wiredServers) {
    const variable = variableOf[server]
    const address = env[variable] ?? ''
    const [whole, port] = /127\.0\.0\.1:(\d+)/.exec(address) ?? []
    if (whole === undefined) throw new Error(`${variable} names no port of 127.0.0.1: ${address}`)
    const protocol = server === 'kafka' ? 'kafka' : 'plain'
    const proxy = await startFaultProxy({ target: Number(port), random, protocol })
    proxies[server] = proxy
    own[variable] = address.replace(whole, `127.0.0.1:${proxy.port}`)
  }
  return {
    env: own,
    proxies,
    async trouble(server, trouble, forMs) {
      const proxy = proxies[server]
      if (trouble.kind === 'half-open') proxy.halfOpen(trouble.unaware)
      else proxy.become(trouble)
      await sleep(forMs)
      proxy.become({ kind: 'whole' })
    },
    async close() {
      await Promise.all(Object.values(proxies).map((proxy) => proxy.close()))
    },
  }
}

export function drawTrouble(
  kind: TroubleKind,
  random: () => number,
): { readonly trouble: WireTrouble; readonly forMs: number } {
  const { min, max } = random() * longTroubleEvery < 1 ? longTroubleMs : shortTroubleMs
  const forMs = Math.round(min + random() * (max - min))
  return { trouble: troubleOf(kind, random), forMs }
}

function troubleOf(kind: TroubleKind, random: () => number): WireTrouble {
  switch (kind) {
    case 'delay': {
      const maxMs = 20 + Math.floor(random() * 980)
      return { kind, minMs: Math.floor(maxMs / 4), maxMs }
    }
    case 'throttle':
      return { kind, bytesPerSecond: 2_000 + Math.floor(random() * 60_000) }
    case 'reset':
      // Now within the first message, now after a large one.
      return { kind, maxBytes: random() < 0.5 ? 2_000 : 500_000 }
    case 'half-open':
      return { kind, unaware: random() < 0.5 ? 'client' : 'server' }
    default:
      return { kind }
  }
}
