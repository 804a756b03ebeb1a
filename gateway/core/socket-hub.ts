/** All open sockets: their common pulse, and their common end. */
import type { Timers } from '../../core/ports/clock.ts'
import type { SocketPeer, SocketSession } from './socket-session.ts'

/** A peer that gave no sign for this long after it was asked for one is dead. */
export const socketPingMs = 30_000
/** When the server stops: a socket not closed by then is cut. */
export const socketShutDownMaxMs = 10_000

export interface SocketHub {
  /** Returns what to call when the connection is no more. */
  add(session: SocketSession, peer: Pick<SocketPeer, 'terminate'>): () => void
  /** Shuts all sessions down; resolves when the last connection is no more. */
  close(): Promise<void>
  readonly size: number
}

/** One timer for all sockets, and none while there are none. */
export function createSocketHub(timers: Timers): SocketHub {
  const open = new Map<SocketSession, Pick<SocketPeer, 'terminate'>>()
  let cancelPulse: (() => void) | undefined
  let state: 'open' | 'closing' = 'open'
  let closed: (() => void) | undefined

  function pulse(): void {
    cancelPulse = timers.after(socketPingMs, pulse)
    for (const session of [...open.keys()]) session.check()
  }

  return {
    add(session, peer) {
      open.set(session, peer)
      cancelPulse ??= timers.after(socketPingMs, pulse)
      // Its key was still being looked up when the end began.
      if (state === 'closing') session.shutDown()
      return () => {
        session.onGone()
        open.delete(session)
        if (open.size > 0) return
        cancelPulse?.()
        cancelPulse = undefined
        closed?.()
      }
    },
    async close() {
      state = 'closing'
      if (open.size === 0) return
      const cancelCut = timers.after(socketShutDownMaxMs, () => {
        for (const peer of [...open.values()]) peer.terminate()
      })
      const ended = new Promise<void>((resolve) => {
        closed = resolve
      })
      for (const session of [...open.keys()]) session.shutDown()
      await ended
      cancelCut()
    },
    get size() {
      return open.size
    },
  }
}
