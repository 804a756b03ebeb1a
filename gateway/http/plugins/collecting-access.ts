/** Who may send hits, decided before a body is read: the key, its right to write, and the origin the key is bound to. */
import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import type { KeyHolder } from '../../../core/ports/control-store.ts'
import type { AcceptRequest } from '../../core/accept-hits.ts'
import type { ClientAddress } from '../../core/client-address.ts'
import { clientHintsOf } from '../../core/client-hints.ts'
import { authorizeKey, bearerKey, type KeyDirectory } from '../../core/keys.ts'
import { checkOrigin } from '../../core/origins.ts'
import { ProblemError } from '../../core/problem.ts'
import { allowOrigin } from './cors.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose key brought the request, with the right to write; set by the collecting routes. */
    writeKeyHolder: KeyHolder | null
  }
}

/**
 * The hook of every collecting route: afterwards `writeHolder` has the key's holder. Problems: 401 `no_key`, `bad_key`,
 * 403 `forbidden`, `bad_origin`.
 */
export function admitWriters(app: FastifyInstance, keys: KeyDirectory): onRequestHookHandler {
  app.decorateRequest('writeKeyHolder', null)
  return (request, reply, done) => {
    const refuse = (error: Error): void => {
      allowOrigin(request, reply)
      done(error)
    }
    try {
      const found = authorizeKey(keys, keyOf(request), 'write')
      if (found instanceof Promise) found.then((holder) => admit(request, reply, holder)).then(() => done(), refuse)
      else {
        admit(request, reply, found)
        done()
      }
    } catch (error) {
      refuse(error as Error)
    }
  }
}

function admit(request: FastifyRequest, reply: FastifyReply, holder: KeyHolder): void {
  checkOrigin(holder.key, request.headers)
  if (holder.key.kind === 'browser') allowOrigin(request, reply)
  request.writeKeyHolder = holder
}

/** The holder that the hook let in. */
export function writeHolder(request: FastifyRequest): KeyHolder {
  const holder = request.writeKeyHolder
  if (holder === null) throw new ProblemError(401, 'no_key', 'send a key: Authorization: Bearer <key>')
  return holder
}

/** Browsers cannot set headers on beacons, images and sockets, so a write key may come in the address. */
export function keyOf(request: FastifyRequest): string | undefined {
  const { authorization } = request.headers
  if (authorization !== undefined) return bearerKey(authorization)
  const { key } = request.query as { readonly key?: string | readonly string[] }
  return typeof key === 'string' ? key : undefined
}

/** What the collector keeps of a request beside its hits. */
export type Sender = Pick<AcceptRequest, 'address' | 'userAgent' | 'language' | 'clientHints'>

export function senderOf(request: FastifyRequest, clientAddress: ClientAddress): Sender {
  const { headers } = request
  const forwardedFor = headers['x-forwarded-for']
  return {
    address: clientAddress(
      request.socket.remoteAddress,
      Array.isArray(forwardedFor) ? forwardedFor.join(',') : forwardedFor,
    ),
    userAgent: headers['user-agent'],
    language: headers['accept-language'],
    clientHints: clientHintsOf(headers),
  }
}
