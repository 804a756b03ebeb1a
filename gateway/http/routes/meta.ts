/** `GET /v1/meta`: what can be asked here, and its limits. Any key that may read will do; no merchant's facts are in it. */
import type { FastifyPluginAsync } from 'fastify'
import { calendarUnits } from '../../../core/time/calendar.ts'
import { totalSketchSize } from '../../../schemas/tables.ts'
import { defaultRawRowBudget } from '../../core/cells.ts'
import { defaultBuckets } from '../../core/date-range.ts'
import { authorize, bearerKey, type KeyDirectory } from '../../core/keys.ts'
import { defaultMetrics, metricDefinitions } from '../../core/metrics.ts'
import { defaultMaxBuckets } from '../../core/planner.ts'
import { ProblemError } from '../../core/problem.ts'

export interface MetaRoutesOptions {
  readonly keys: KeyDirectory
  readonly maxBuckets?: number
  readonly rawRowBudget?: number
}

export function metaRoutes(options: MetaRoutesOptions): FastifyPluginAsync {
  const { keys, maxBuckets = defaultMaxBuckets, rawRowBudget = defaultRawRowBudget } = options
  const meta = {
    metrics: metricDefinitions.map(({ name, kind, doc }) => ({ name, kind, description: doc })),
    defaultMetrics,
    dimensions: calendarUnits.map((unit) => ({ name: `time:${unit}` })),
    intervals: calendarUnits.map((unit) => ({ name: unit, defaultBuckets: defaultBuckets[unit] })),
    limits: { maxBuckets, rawRowBudget, visitorsExactUpTo: totalSketchSize - 1 },
  }

  return async (app) => {
    app.get('/v1/meta', async (request, reply) => {
      const key = bearerKey(request.headers.authorization)
      if (key === undefined) throw new ProblemError(401, 'no_key', 'send a key: Authorization: Bearer <key>')
      const holder = await keys.find(key)
      if (!holder?.key.rights.includes('admin')) authorize(holder, 'read')
      reply.headers({ 'cache-control': 'private', vary: 'Authorization, Accept, Accept-Encoding' })
      return meta
    })
  }
}
