/**
 * `GET /v1/merchants/{merchant}/timeseries`: a read key asks of its own merchant, an admin key of any. To a read key
 * every other merchant is 403, whether it exists or not.
 */
import type { FastifyInstance, FastifyPluginAsync, FastifyReply } from 'fastify'
import type { MerchantId } from '../../../core/ids.ts'
import type { ControlStore, KeyHolder, Merchant } from '../../../core/ports/control-store.ts'
import { authorize, bearerKey, type KeyDirectory } from '../../core/keys.ts'
import { ProblemError } from '../../core/problem.ts'
import type { TimeSeries } from '../../core/time-series.ts'
import type { QueryParameters } from '../../core/time-series-query.ts'

export interface TimeSeriesRoutesOptions {
  readonly keys: KeyDirectory
  readonly timeSeries: TimeSeries
  readonly store: Pick<ControlStore, 'merchant'>
}

interface Route {
  Params: { merchant: string }
  Querystring: QueryParameters
}

export function timeSeriesRoutes(options: TimeSeriesRoutesOptions): FastifyPluginAsync {
  return async (app) => register(app, options)
}

function register(app: FastifyInstance, { keys, timeSeries, store }: TimeSeriesRoutesOptions): void {
  app.get<Route>('/v1/merchants/:merchant/timeseries', (request, reply) => {
    const key = bearerKey(request.headers.authorization)
    if (key === undefined) throw new ProblemError(401, 'no_key', 'send a key: Authorization: Bearer <key>')
    const asked = request.params.merchant
    const search = searchOf(request.raw.url)
    const parameters = request.query
    const answer = (merchant: Merchant) =>
      timeSeries.answer({ merchant, search, parameters, signal: () => clientSignal(reply) })

    // A hot key and a remembered answer need no promise: this is the path that a dashboard's repeats take.
    const holder = keys.find(key)
    const merchant =
      holder instanceof Promise ? holder.then((found) => readable(found, asked, store)) : readable(holder, asked, store)
    const body = merchant instanceof Promise ? merchant.then(answer) : answer(merchant)
    reply.headers(answerHeaders)
    return body instanceof Promise ? body : reply.send(body)
  })
}

const answerHeaders = {
  'content-type': 'application/json; charset=utf-8',
  'cache-control': 'private',
  vary: 'Authorization, Accept, Accept-Encoding',
} as const

/** The merchant asked for, if the key may read it. @throws ProblemError 401, 403; 404 to admin keys only */
function readable(
  holder: KeyHolder | undefined,
  asked: string,
  store: Pick<ControlStore, 'merchant'>,
): Merchant | Promise<Merchant> {
  if (holder?.key.merchant === null && holder.key.rights.includes('admin')) {
    return store.merchant(asked as MerchantId).then((merchant) => {
      if (merchant === undefined) throw new ProblemError(404, 'not_found', 'there is no such merchant')
      return merchant
    })
  }
  const { merchant } = authorize(holder, 'read')
  if (merchant === null || merchant.id !== asked) {
    throw new ProblemError(403, 'forbidden', 'this key reads one merchant, and not this one')
  }
  return merchant
}

function searchOf(url: string | undefined): string {
  const at = url?.indexOf('?') ?? -1
  return url === undefined || at < 0 ? '' : url.slice(at + 1)
}

/** Aborted when the connection closes: before the answer is out that ends the wait for it, after it nobody listens. */
function clientSignal(reply: FastifyReply): AbortSignal {
  const abort = new AbortController()
  reply.raw.once('close', () => {
    abort.abort(new ClientLeftError())
  })
  return abort.signal
}

/** Nobody reads this: whoever asked has closed the connection. */
class ClientLeftError extends ProblemError {
  constructor() {
    super(503, 'overloaded', 'the client closed the connection before the answer was ready')
  }
}
