/**
 * Sockets to Kafka that hand on whole responses only. kafkajs keeps the first bytes of a response that was cut off by the
 * end of its connection, and takes what the next connection brings for the rest (tulios/kafkajs#715): all that follows is
 * read from the wrong place, and may end the process. What a socket of ours has of a response goes with the socket.
 */
import net from 'node:net'
import type { ISocketFactory } from 'kafkajs'

/** Of one response, its length of four bytes not counted: far above what we ask a broker for at once. */
export const responseMaxBytes = 64 * 1024 * 1024

const lengthBytes = 4

/**
 * Takes the bytes of one connection as they come and gives each response with its length in front, whole.
 * @throws RangeError, when bytes come, where a length is below zero or above `maxBytes`: no response begins there
 */
export function wholeResponses(give: (response: Buffer) => void, maxBytes = responseMaxBytes): (bytes: Buffer) => void {
  let parts: Buffer[] = []
  let held = 0
  let needed = lengthBytes
  return (bytes) => {
    parts.push(bytes)
    held += bytes.length
    while (held >= needed) {
      const [first] = parts
      const all = parts.length === 1 && first !== undefined ? first : Buffer.concat(parts)
      const length = all.readInt32BE(0)
      if (length < 0 || length > maxBytes) throw new RangeError(`no response of Kafka has ${length} bytes`)
      parts = [all]
      needed = lengthBytes + length
      if (held < needed) return
      give(all.subarray(0, needed))
      held -= needed
      parts = held === 0 ? [] : [all.subarray(needed)]
      needed = lengthBytes
    }
  }
}

/** How often an idle connection is looked after, ms; as kafkajs does. */
const keepAliveMs = 60_000

/** For kafkajs. Whatever is wrong with what comes ends the connection, and all that waits for it is told. */
export const wholeResponsesSocket: ISocketFactory = ({ host, port, onConnect }) => {
  const socket = net.connect({ host, port }, onConnect)
  socket.setKeepAlive(true, keepAliveMs)
  const on = socket.on.bind(socket) as (event: string, listener: (...given: never[]) => void) => net.Socket
  const onWhole = (event: string, listener: (...given: never[]) => void) => {
    if (event !== 'data') return on(event, listener)
    const take = wholeResponses(listener as (response: Buffer) => void)
    return on(event, (bytes: Buffer) => {
      try {
        take(bytes)
      } catch (error) {
        socket.destroy(error as Error)
      }
    })
  }
  return Object.assign(socket, { on: onWhole })
}
