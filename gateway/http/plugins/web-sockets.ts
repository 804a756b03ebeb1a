/**
 * WebSockets beside HTTP on one port: `@fastify/websocket`, asked only where a route has a `wsHandler`. Every other
 * request that would like to change the protocol (`curl --http2` asks for h2c) is answered as if it had not asked, which
 * HTTP allows; without this, one listener for upgrades would take them all.
 *
 * To be registered once a server, before the routes that use it.
 */
import { EventEmitter } from 'node:events'
import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import websocket, { type WebSocket } from '@fastify/websocket'
import type { FastifyInstance } from 'fastify'
import { socketFrameMaxBytes } from '../../core/socket-frame.ts'
import type { SocketHub } from '../../core/socket-hub.ts'
import { rawProblem } from './problem-details.ts'

/** Closing ends all sockets of `hub` first, in their own time. */
export async function registerWebSockets(app: FastifyInstance, hub: Pick<SocketHub, 'close'>): Promise<void> {
  const paths = new Set<string>()
  app.addHook('onRoute', (route) => {
    if (route.wsHandler !== undefined) paths.add(route.url)
  })

  const asked = new WeakSet<IncomingMessage>()
  const upgrades = new EventEmitter()
  const onUpgrade = (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const path = request.url?.split('?', 1)[0] ?? ''
    const wanted = request.headers.upgrade?.toLowerCase()
    if (wanted === 'websocket' && paths.has(path)) {
      asked.add(request)
      upgrades.emit('upgrade', request, socket, head)
    } else answerAsUsual(app, request, socket)
  }
  app.server.on('upgrade', onUpgrade)
  // An upgrade that any hook refused is answered, and then nobody would close the connection: the plugin itself sees to
  // it only where its own hook came first.
  app.addHook('onResponse', ({ raw }, _reply, done) => {
    if (asked.has(raw)) raw.socket.end(() => raw.socket.destroy())
    done()
  })

  await app.register(websocket, {
    options: {
      server: upgrades as never,
      maxPayload: socketFrameMaxBytes,
      // A frame that is not UTF-8 is answered, not punished with the connection.
      skipUTF8Validation: true,
      // Frames are small and many, and the log is packed later.
      perMessageDeflate: false,
    },
    // A connection that breaks is nobody's fault here; `ws` has closed it by then (1009 for a frame over the limit).
    errorHandler: (_error, socket: WebSocket) => endBroken(socket),
    preClose(done) {
      hub.close().then(() => {
        app.server.off('upgrade', onUpgrade)
        done()
      }, done)
    },
  })
}

function endBroken(socket: WebSocket): void {
  if (socket.readyState === socket.OPEN) socket.terminate()
}

function answerAsUsual(app: FastifyInstance, request: IncomingMessage, socket: Socket): void {
  socket.on('error', () => socket.destroy())
  // Node has let go of the connection: a body would not be read as one.
  if (request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined) {
    const detail = 'this address changes no protocol; send the request without Upgrade'
    socket.end(rawProblem({ status: 400, code: 'bad_request', detail }), () => socket.destroy())
    return
  }
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  response.assignSocket(socket)
  response.on('finish', () => socket.end(() => socket.destroy()))
  app.routing(request, response)
}
