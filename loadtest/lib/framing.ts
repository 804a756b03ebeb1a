/** Hits by WebSocket: each virtual user one connection, a frame at steady intervals, acks counted as they come. */
import { WebSocket } from 'k6/websockets'
import { shopOf, type World } from './life.ts'
import { ackMs, errors, framesHeld, hitsAccepted, hitsOffered } from './metrics.ts'
import { baseHitsPerSecond, maxUnansweredFrames } from './scale.ts'
import { acceptedAll, nextBatch } from './sending.ts'
import { load, url } from './settings.ts'

/** Connections at factor 1; each brings 345 hits/s. */
export const connectionsAtFactorOne = 40
/** How long after the last frame its answer may take. */
export const lastAnswerMs = 30_000

export const connections = Math.max(1, Math.round(connectionsAtFactorOne * load.factor))
const everyMs = (1_000 * connections * load.hitsPerRequest) / (baseHitsPerSecond * load.factor)

/** The whole life of one connection; the iteration ends when it is closed. */
export function stream(world: World): void {
  const { writeKey } = shopOf(world)
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/v1/hits/socket`, null, {
    headers: { authorization: `Bearer ${writeKey}` },
  })
  const sentAt = new Map<number, number>()
  let begun = 0
  let pace: ReturnType<typeof setInterval> | undefined
  let end: ReturnType<typeof setTimeout> | undefined
  let phase: 'sending' | 'waiting' | 'closed' = 'sending'

  function close(): void {
    if (phase === 'closed') return
    phase = 'closed'
    clearInterval(pace)
    clearTimeout(end)
    socket.close(1000)
  }

  socket.onopen = () => {
    const openedAt = Date.now()
    pace = setInterval(
      () => {
        if (Date.now() - openedAt >= load.seconds * 1_000) {
          clearInterval(pace)
          phase = 'waiting'
          end = setTimeout(close, lastAnswerMs)
          if (sentAt.size === 0) close()
          return
        }
        // Timers of a busy machine come late: what is due is what the clock says, not how often this ran.
        for (let due = Math.floor((Date.now() - openedAt) / everyMs); begun < due; begun++) sendFrame()
      },
      Math.max(1, everyMs),
    )
  }

  function sendFrame(): void {
    if (sentAt.size >= maxUnansweredFrames) {
      framesHeld.add(1)
      return
    }
    sentAt.set(begun, Date.now())
    hitsOffered.add(load.hitsPerRequest)
    socket.send(`{"seq":${begun},"hits":${nextBatch()}}`)
  }

  socket.onmessage = ({ data }) => {
    const seq = Number(/^\{"seq":(\d+)/.exec(data)?.[1])
    const at = sentAt.get(seq)
    const isAccepted = at !== undefined && acceptedAll(data)
    errors.add(!isAccepted)
    if (isAccepted) {
      ackMs.add(Date.now() - at)
      hitsAccepted.add(load.hitsPerRequest)
    }
    sentAt.delete(seq)
    if (phase === 'waiting' && sentAt.size === 0) close()
  }

  socket.onerror = () => errors.add(true)
  // Answers that are still owed will not come any more.
  socket.onclose = () => {
    for (const _ of sentAt) errors.add(true)
    sentAt.clear()
    close()
  }
}
