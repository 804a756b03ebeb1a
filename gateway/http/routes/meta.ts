/**
 * `GET /v1/meta`: what can be asked here, in which forms, and up to which limits. Any key that may read will do; no
 * merchant's facts are in it.
 */
import type { FastifyPluginAsync } from 'fastify'
import { breakdowns, rawDimensions } from '../../../core/ports/query-engine.ts'
import { calendarUnits } from '../../../core/time/calendar.ts'
import { breakdownSketchSize, foldMaxValues, totalSketchSize } from '../../../schemas/tables.ts'
import { defaultMaxGroups, defaultRawRowBudget } from '../../core/cells.ts'
import { defaultBuckets } from '../../core/date-range.ts'
import { formats } from '../../core/formats/format.ts'
import { contentHash, tagToKeep } from '../../core/formats/tag.ts'
import { authorize, bearerKey, type KeyDirectory } from '../../core/keys.ts'
import { defaultMetrics, metricDefinitions, needsOf } from '../../core/metrics.ts'
import { defaultMaxBuckets } from '../../core/planner.ts'
import { ProblemError } from '../../core/problem.ts'
import { defaultQueryDeadlineMs } from '../../core/query/deadline.ts'
import { propKeyMaxLength } from '../../core/query/dimensions.ts'
import { filterMaxDepth, filterMaxLeaves, filterMaxValues, filterValueMaxLength } from '../../core/query/filter.ts'
import { defaultLimit, maxDimensions, maxLimit } from '../../core/query/parse-query.ts'
import { periodWords } from '../../core/query/periods.ts'
import { answerHeaders } from '../plugins/etag.ts'
import { queryBodyMaxBytes } from './query.ts'

export interface MetaRoutesOptions {
  readonly keys: KeyDirectory
  readonly maxBuckets?: number
  readonly rawRowBudget?: number
}

export function metaRoutes(options: MetaRoutesOptions): FastifyPluginAsync {
  const { keys } = options
  const text = JSON.stringify(metaOf(options))
  const tag = `"meta-${contentHash([text])}."`

  return async (app) => {
    app.get('/v1/meta', async (request, reply) => {
      const key = bearerKey(request.headers.authorization)
      if (key === undefined) throw new ProblemError(401, 'no_key', 'send a key: Authorization: Bearer <key>')
      const holder = await keys.find(key)
      if (!holder?.key.rights.includes('admin')) authorize(holder, 'read')
      reply.headers({ ...answerHeaders, etag: tag })
      if (tagToKeep(request.headers['if-none-match'], tag) !== undefined) return reply.code(304).send()
      return reply.header('content-type', 'application/json; charset=utf-8').send(text)
    })
  }
}

function metaOf({ maxBuckets = defaultMaxBuckets, rawRowBudget = defaultRawRowBudget }: MetaRoutesOptions) {
  return {
    metrics: metricDefinitions.map(({ name, kind, doc }) => ({ name, kind, needs: namesOf(name), description: doc })),
    defaultMetrics,
    dimensions: [
      ...calendarUnits.map((unit) => ({ name: `time:${unit}`, kind: 'time', filter: false })),
      // `stored`: alone, in dimensions and filters together, it is answered from the rollup.
      ...breakdowns.map((name) => ({ name, kind: 'value', filter: true, stored: true, maxValues: foldMaxValues })),
      ...[...rawDimensions, 'props.<key>'].map((name) => ({ name, kind: 'value', filter: true, stored: false })),
    ],
    filters: ['is', 'is_not', 'contains', 'contains_not', 'and', 'or', 'not'],
    dateRanges: periodWords,
    comparisons: ['previous_period', 'previous_year'],
    intervals: calendarUnits.map((unit) => ({ name: unit, defaultBuckets: defaultBuckets[unit] })),
    formats: formats.map(({ name, mediaType, doc }) => ({ name, mediaType, description: doc })),
    limits: {
      maxBuckets,
      rawRowBudget,
      visitorsExactUpTo: totalSketchSize - 1,
      visitorsExactUpToOfValue: breakdownSketchSize - 1,
      maxGroups: defaultMaxGroups,
      maxDimensions,
      defaultLimit,
      maxLimit,
      filterMaxConditions: filterMaxLeaves,
      filterMaxDepth,
      filterMaxValues,
      filterValueMaxLength,
      propKeyMaxLength,
      bodyMaxBytes: queryBodyMaxBytes,
      deadlineMs: defaultQueryDeadlineMs,
    },
  }
}

/** What a metric is made of. A question of hits alone may be answered from the rollup, one of visits from `sessions`. */
function namesOf(metric: Parameters<typeof needsOf>[0][number]): readonly string[] {
  const { hits, visits } = needsOf([metric])
  return [...(hits === null ? [] : ['hits']), ...(visits ? ['visits'] : [])]
}
