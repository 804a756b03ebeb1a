/**
 * `http_request_duration_seconds{method,route,status}`: how long requests took, by route pattern (never by the path a
 * client sent) and class of status. The series of a route are made when it is registered, so a request costs two array
 * look-ups and no label is hashed on the way.
 */
import type { FastifyInstance } from 'fastify'
import type { MetricObject, MetricObjectWithValues, MetricValueWithName, Registry } from 'prom-client'

/** Seconds; the last bucket is `+Inf`. */
export const requestDurationBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15] as const

interface Series {
  readonly labels: Readonly<Record<'method' | 'route' | 'status', string>>
  /** How many fell in each bucket alone; summed up when read. */
  readonly counts: number[]
  sumSeconds: number
}

const name = 'http_request_duration_seconds'

/** Measures every route registered on `app` after this call. */
export function measureRequests(app: FastifyInstance, registry: Registry): void {
  const all: Series[] = []

  app.addHook('onRoute', (route) => {
    const methods = Array.isArray(route.method) ? route.method.join('|') : route.method
    const ofStatus: (Series | undefined)[] = []
    const measure = (statusCode: number, ms: number): void => {
      const hundred = Math.floor(statusCode / 100)
      let series = ofStatus[hundred]
      if (series === undefined) {
        series = {
          labels: { method: methods, route: route.url, status: `${hundred}xx` },
          counts: Array.from({ length: requestDurationBuckets.length + 1 }, () => 0),
          sumSeconds: 0,
        }
        ofStatus[hundred] = series
        all.push(series)
      }
      const seconds = ms / 1_000
      let bucket = 0
      while (bucket < requestDurationBuckets.length && seconds > (requestDurationBuckets[bucket] ?? 0)) bucket += 1
      series.counts[bucket] = (series.counts[bucket] ?? 0) + 1
      series.sumSeconds += seconds
    }
    const before = route.onResponse === undefined ? [] : [route.onResponse].flat()
    route.onResponse = [
      ...before,
      (_request, reply, done) => {
        measure(reply.statusCode, reply.elapsedTime)
        done()
      },
    ]
  })

  const metric = { name, help: 'Duration of requests, by route and class of status.', type: 'histogram' }
  const read = (): MetricObjectWithValues<MetricValueWithName<string>> =>
    ({ ...metric, aggregator: 'sum', values: all.flatMap(valuesOf) }) as unknown as MetricObjectWithValues<
      MetricValueWithName<string>
    >
  // prom-client reads a metric through `get` alone; its own Histogram would hash three labels a request.
  registry.registerMetric({ ...metric, get: async () => read(), reset() {} } as unknown as Parameters<
    typeof registry.registerMetric
  >[0] &
    MetricObject)
}

function valuesOf({ labels, counts, sumSeconds }: Series): MetricValueWithName<string>[] {
  let total = 0
  const buckets = counts.map((count, index) => {
    total += count
    const le = requestDurationBuckets[index] ?? '+Inf'
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: total }
  })
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sumSeconds },
    { metricName: `${name}_count`, labels, value: total },
  ]
}
