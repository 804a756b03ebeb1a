/**
 * A way between a process and a server that goes wrong on demand: delays, throttles, holds, cuts, resets, or leaves one side
 * believing in a connection that is gone. Both ends are real; only the wire between them breaks, so what TCP promises still
 * holds: bytes arrive in order and unchanged, or the connection ends.
 *
 * A server that names its own address would send its clients past the proxy: see `kafka-names.ts`. Trino and S3 answer under
 * the name they were asked by, and PostgreSQL names none.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket, connect as tcpConnect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { renamedAnswers } from './kafka-names.ts'

/** A side that was not told is let go after this long, ms: longer than any client of ours waits for an answer. */
export const halfOpenMaxMs = 120_000
/** Connections through one proxy, those half open too; more are ended, as by a server that has enough. */
export const proxyMaxConnections = 500
/** The most bytes that pass in one piece while a wire is throttled. */
export const throttledPieceBytes = 1_024

export type WireCondition =
  | { readonly kind: 'whole' }
  /** Every piece of either direction waits before the next may pass. */
  | { readonly kind: 'delay'; readonly minMs: number; readonly maxMs: number }
  /** Each connection and direction for itself. */
  | { readonly kind: 'throttle'; readonly bytesPerSecond: number }
  /** Nothing passes, connections stay open and new ones are taken; what was sent arrives afterwards. */
  | { readonly kind: 'hold' }
  /** Connections end at once, and so does each new one. */
  | { readonly kind: 'cut' }
  /** Each connection is reset (RST to both sides) after fewer than so many more bytes, wherever in a message that is. */
  | { readonly kind: 'reset'; readonly maxBytes: number }

export type Side = 'client' | 'server'

export interface FaultProxy {
  /** On 127.0.0.1. */
  readonly port: number
  /** Open now, without those that are half open. */
  readonly connections: number
  /** Ever taken from a client. */
  readonly taken: number
  /** Holds from now on, for connections there are and those to come. */
  become(condition: WireCondition): void
  /**
   * Ends the connections there are for one side and tells the other nothing: what it sends is taken and lost, until it gives
   * up by itself. New connections are not touched. @returns how many there were
   */
  halfOpen(unaware: Side): number
  /** Ends all connections and listens no more. */
  close(): Promise<void>
}

export interface FaultProxyOptions {
  /** Port of the server on 127.0.0.1. */
  readonly target: number
  /** In [0, 1): of it are lengths of delays, and bytes before a reset. */
  readonly random: () => number
  /** Kafka names its own address in its answers; its clients are told the proxy's instead. Default: `plain`. */
  readonly protocol?: 'kafka' | 'plain'
}

interface Wire {
  readonly client: Socket
  readonly server: Socket
  readonly over: AbortController
  /** Bytes that may still pass before the reset; undefined while none is due. */
  budget: number | undefined
  unaware: Side | undefined
}

export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const { target, random, protocol = 'plain' } = options
  let condition: WireCondition = { kind: 'whole' }
  /** Aborted, and another put in its place, with every change of the condition. */
  let change = new AbortController()
  const wires = new Set<Wire>()
  let taken = 0

  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    taken++
    if (condition.kind === 'cut' || wires.size >= proxyMaxConnections) client.destroy()
    else open(client)
  })
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject)
    listener.listen(0, '127.0.0.1', resolve)
  })
  const { port } = listener.address() as AddressInfo

  function open(client: Socket): void {
    const server = tcpConnect({ port: target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    const wire: Wire = { client, server, over: new AbortController(), budget: undefined, unaware: undefined }
    wires.add(wire)
    for (const socket of [client, server]) {
      socket.on('error', () => {
        if (wire.unaware === undefined || wire[wire.unaware] === socket) end(wire)
      })
    }
    void Promise.all([carry('client', wire), carry('server', wire)]).then(() => {
      if (wire.unaware === undefined) wires.delete(wire)
    })
  }

  /** Brings all that one side says to the other, when and as it may pass; then its end. */
  async function carry(side: Side, wire: Wire): Promise<void> {
    const from = wire[side]
    const to = wire[otherSide(side)]
    try {
      // A socket that was read to its end can still be written to.
      const said: AsyncIterable<Buffer> = from.iterator({ destroyOnReturn: false })
      const renamed = side === 'server' && protocol === 'kafka'
      const source = renamed ? renamedAnswers(said, { from: target, to: port }) : said
      for await (const bytes of source) {
        for (let rest = bytes; rest.length > 0 && wire.unaware === undefined; ) {
          const passes = await mayPass(rest.length, wire)
          if (passes === 0) return reset(wire)
          if (!to.write(rest.subarray(0, passes))) await once(to, 'drain', { signal: wire.over.signal })
          rest = rest.subarray(passes)
        }
      }
      if (wire.unaware === undefined) to.end()
    } catch {
      if (wire.unaware === undefined) end(wire)
    }
    // Whoever was not told is listened to until it gives up.
    if (wire.unaware === side) {
      if (from.readableEnded || from.destroyed) return end(wire)
      from.once('end', () => end(wire))
      from.resume()
    }
  }

  /** Waits as the condition says. @returns how many of so many bytes may pass now; none: it is to be reset */
  async function mayPass(bytes: number, wire: Wire): Promise<number> {
    while (condition.kind === 'hold') await pause(wire, undefined)
    switch (condition.kind) {
      case 'delay':
        await pause(wire, condition.minMs + random() * (condition.maxMs - condition.minMs))
        return bytes
      case 'throttle': {
        const piece = Math.min(bytes, throttledPieceBytes)
        await pause(wire, (piece / condition.bytesPerSecond) * 1_000)
        return piece
      }
      case 'reset': {
        wire.budget ??= Math.floor(random() * condition.maxBytes)
        const piece = Math.min(bytes, wire.budget)
        wire.budget -= piece
        return piece
      }
      default:
        return bytes
    }
  }

  /** For so long, or until the condition changes. @throws where the connection is over */
  async function pause(wire: Wire, ms: number | undefined): Promise<void> {
    wire.over.signal.throwIfAborted()
    const signal = AbortSignal.any([change.signal, wire.over.signal])
    if (ms === undefined) await once(signal, 'abort')
    else await sleep(ms, undefined, { signal }).catch(() => {})
    wire.over.signal.throwIfAborted()
  }

  function end(wire: Wire): void {
    wires.delete(wire)
    wire.over.abort()
    for (const socket of [wire.client, wire.server]) socket.destroy()
  }

  function reset(wire: Wire): void {
    for (const socket of [wire.client, wire.server]) socket.resetAndDestroy()
    end(wire)
  }

  function forget(wire: Wire, unaware: Side): void {
    wire.unaware = unaware
    wire.over.abort()
    wire[otherSide(unaware)].destroy()
    setTimeout(() => end(wire), halfOpenMaxMs).unref()
  }

  const whole = () => [...wires].filter(({ unaware }) => unaware === undefined)

  return {
    port,
    get connections() {
      return whole().length
    },
    get taken() {
      return taken
    },
    become(next) {
      condition = next
      for (const wire of wires) wire.budget = undefined
      if (next.kind === 'cut') for (const wire of whole()) end(wire)
      const changed = change
      change = new AbortController()
      changed.abort()
    },
    halfOpen(unaware) {
      const before = whole()
      for (const wire of before) forget(wire, unaware)
      return before.length
    },
    async close() {
      const closed = new Promise((resolve) => listener.close(resolve))
      for (const wire of [...wires]) end(wire)
      await closed
    },
  }
}

function otherSide(side: Side): Side {
  return side === 'client' ? 'server' : 'client'
}
