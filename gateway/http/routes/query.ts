/** `POST /v1/query?format`: a read key asks of its own merchant, an admin key of the one it names. */
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { Timers } from '../../../core/ports/clock.ts'
import type { ControlStore, KeyHolder } from '../../../core/ports/control-store.ts'
import { chooseFormat } from '../../core/formats/format.ts'
import { representQuery } from '../../core/formats/representation.ts'
import { bearerKey, type KeyDirectory } from '../../core/keys.ts'
import { ProblemError } from '../../core/problem.ts'
import { bad, isRecord, refusal } from '../../core/query/faults.ts'
import type { Queries } from '../../core/query/query.ts'
import { defaultBodyMaxMs, type ParsedBody, readJsonBody } from '../body.ts'
import { sendRepresentation } from '../plugins/etag.ts'
import { clientSignal, readableMerchant, refuseStrangers } from './query-access.ts'
import { queryOf } from './query-parameters.ts'

/** A hundred values of 2,048 characters, escaped as JSON may, and the rest. */
export const queryBodyMaxBytes = 2 * 1_024 * 1_024

export interface QueryRoutesOptions {
  readonly keys: KeyDirectory
  readonly queries: Queries
  readonly store: Pick<ControlStore, 'merchant'>
  readonly timers: Timers
  readonly limits?: { readonly bodyMaxBytes?: number; readonly bodyMaxMs?: number }
}

/** The plugin of the route; its content types are its own. */
export function queryRoutes(options: QueryRoutesOptions): FastifyPluginAsync {
  const { keys, queries, store } = options
  return async (app) => {
    const holders = new WeakMap<FastifyRequest, KeyHolder | undefined>()
    readBodies(app, options)

    app.addHook('onRequest', async (request) => {
      const key = bearerKey(request.headers.authorization)
      if (key === undefined) throw new ProblemError(401, 'no_key', 'send a key: Authorization: Bearer <key>')
      const holder = await keys.find(key)
      refuseStrangers(holder)
      holders.set(request, holder)
    })

    app.post('/v1/query', async (request, reply) => {
      const body = (request.body as ParsedBody | undefined)?.json
      const merchant = await readableMerchant(holders.get(request), merchantNamed(body), store)
      const format = chooseFormat({ format: queryOf(request, ['format']).format, accept: request.headers.accept })
      const answer = await queries.answer({ merchant, body, signal: clientSignal(reply) })
      return sendRepresentation(request, reply, await representQuery(answer, format))
    })
  }
}

function merchantNamed(body: unknown): string | undefined {
  const merchant = isRecord(body) ? body.merchant : undefined
  if (merchant === undefined || typeof merchant === 'string') return merchant
  throw refusal([bad('/merchant', 'merchant is the id of a merchant')])
}

function readBodies(app: FastifyInstance, { timers, limits }: QueryRoutesOptions): void {
  const { bodyMaxBytes: maxBytes = queryBodyMaxBytes, bodyMaxMs: maxMs = defaultBodyMaxMs } = limits ?? {}
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', (_request, payload, done) => {
    readJsonBody(payload, timers, { maxBytes, maxMs }, done)
  })
  app.addContentTypeParser('*', (_request, _payload, done) => {
    done(new ProblemError(415, 'bad_content_type', 'send application/json'))
  })
}
