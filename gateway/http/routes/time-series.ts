/**
 * `GET /v1/merchants/{merchant}/timeseries`: a read key asks of its own merchant, an admin key of any. To a read key
 * every other merchant is 403, whether it exists or not.
 */
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import type { ControlStore, Merchant } from '../../../core/ports/control-store.ts'
import { chooseFormat } from '../../core/formats/format.ts'
import { type Representation, representSeries } from '../../core/formats/representation.ts'
import { bearerKey, type KeyDirectory } from '../../core/keys.ts'
import { ProblemError } from '../../core/problem.ts'
import type { TimeSeries } from '../../core/time-series.ts'
import type { QueryParameters } from '../../core/time-series-query.ts'
import { sendRepresentation } from '../plugins/etag.ts'
import { clientSignal, readableMerchant } from './query-access.ts'

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
    const signal = () => clientSignal(reply)
    const answer = (merchant: Merchant): Representation | Promise<Representation> => {
      const format = chooseFormat({ format: parameters.format, accept: request.headers.accept })
      const asking = { merchant, search, parameters, signal }
      if (format === 'json') return timeSeries.answer(asking)
      return timeSeries.series(asking).then((series) => representSeries(series, format))
    }

    // A hot key and a remembered answer need no promise: this is the path that a dashboard's repeats take.
    const holder = keys.find(key)
    const merchant =
      holder instanceof Promise
        ? holder.then((found) => readableMerchant(found, asked, store))
        : readableMerchant(holder, asked, store)
    const found = merchant instanceof Promise ? merchant.then(answer) : answer(merchant)
    if (!(found instanceof Promise)) return sendRepresentation(request, reply, found)
    return found.then((representation) => sendRepresentation(request, reply, representation))
  })
}

function searchOf(url: string | undefined): string {
  const at = url?.indexOf('?') ?? -1
  return url === undefined || at < 0 ? '' : url.slice(at + 1)
}
