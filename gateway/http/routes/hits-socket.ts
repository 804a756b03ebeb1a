/**
 * `/v1/hits/socket`: hits by WebSocket, a batch a frame, each frame answered when its hits are durable
 * (`core/socket-session.ts`, `core/socket-frame.ts`). Key and origin are judged before the upgrade, as a request, and
 * again with every frame, so that a key that is taken away stops working on open sockets too.
 */

import type { WebSocket } from '@fastify/websocket'
import type { FastifyInstance, FastifyRequest, onRequestHookHandler } from 'fastify'
import { errorEntry } from '../../../core/error-table.ts'
import { LogUnavailableError, PlatformError } from '../../../core/errors.ts'
import type { KeyHolder } from '../../../core/ports/control-store.ts'
import { authorizeKey } from '../../core/keys.ts'
import { checkOrigin } from '../../core/origins.ts'
import { ProblemError } from '../../core/problem.ts'
import { acceptedText, errorText, type FrameError, readFrame } from '../../core/socket-frame.ts'
import { createSocketHub } from '../../core/socket-hub.ts'
import { createSocketSession, type SocketPeer } from '../../core/socket-session.ts'
import { parseJson } from '../body.ts'
import { keyOf, type Sender, senderOf } from '../plugins/collecting-access.ts'
import { defaultRetryAfterSeconds, logRetryAfterSeconds } from '../plugins/problem-details.ts'
import { registerWebSockets } from '../plugins/web-sockets.ts'
import type { HitsRoutesOptions } from './hits.ts'

export async function socketRoute(
  app: FastifyInstance,
  options: HitsRoutesOptions,
  onRequest: onRequestHookHandler,
): Promise<void> {
  const hub = createSocketHub(options.timers)
  await registerWebSockets(app, hub)
  app.route({
    method: 'GET',
    url: '/v1/hits/socket',
    exposeHeadRoute: false,
    onRequest,
    handler: (_request, reply) => reply.callNotFound(),
    wsHandler(socket, request) {
      const peer = peerOf(socket, request)
      const session = createSocketSession(peer, answerFrames(options, request))
      const leave = hub.add(session, peer)
      socket.on('message', (data: Buffer) => session.onFrame(data))
      socket.on('pong', () => session.onPong())
      socket.on('close', leave)
    },
  })
}

/** Answers one frame after the other of the socket that `request` opened. */
function answerFrames(options: HitsRoutesOptions, request: FastifyRequest): (frame: Buffer) => Promise<string> {
  const { collector, keys, clientAddress, onSocketProblem } = options
  const { headers } = request
  const key = keyOf(request)
  const sender: Sender = senderOf(request, clientAddress)

  return async (frame) => {
    let seq: number | undefined
    try {
      const { json, text } = parseJson(frame)
      const { seq: own, body } = readFrame(json)
      seq = own
      const found = authorizeKey(keys, key, 'write')
      const holder: KeyHolder = found instanceof Promise ? await found : found
      checkOrigin(holder.key, headers)
      return acceptedText(seq, await collector.accept({ ...sender, body, text, holder }))
    } catch (error) {
      const known = frameError(error)
      if (known.code === 'internal') request.log.error({ err: error, requestId: request.id }, 'a frame failed')
      onSocketProblem?.(known.code)
      return errorText(seq, known)
    }
  }
}

/** The same codes and waits as the same error has as an answer to a request. */
function frameError(error: unknown): FrameError {
  if (error instanceof ProblemError) {
    const { status, code, detail: message, retryAfterSeconds } = error
    const retryAfter = retryAfterSeconds ?? (status === 503 ? defaultRetryAfterSeconds : undefined)
    return { code, message, ...(retryAfter !== undefined && { retryAfter }) }
  }
  if (error instanceof PlatformError && errorEntry(error.code)?.status === 503) {
    const retryAfter = error instanceof LogUnavailableError ? logRetryAfterSeconds : defaultRetryAfterSeconds
    return { code: error.code, message: error.message, retryAfter }
  }
  return { code: 'internal', message: "something went wrong here; the server's log has the reason" }
}

function peerOf(socket: WebSocket, request: FastifyRequest): SocketPeer {
  const connection = request.raw.socket
  let corked = false
  return {
    send(text, written) {
      // A sync of the log answers many frames at once: their answers leave in one write.
      if (!corked) {
        corked = true
        connection.cork()
        process.nextTick(() => {
          corked = false
          connection.uncork()
        })
      }
      socket.send(text, written)
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    ping: () => socket.ping(),
    close: (code, reason) => socket.close(code, reason),
    terminate: () => socket.terminate(),
  }
}
