import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { z } from 'zod'
import { MemoryDisk } from '../../../core/adapters/memory/memory-disk.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { errorTable } from '../../../core/error-table.ts'
import { dayMs } from '../../../core/event-time.ts'
import { openSegmentLog } from '../../../core/log/segment-log.ts'
import type { ControlStore, KeyRight } from '../../../core/ports/control-store.ts'
import type { RerunEstimate, RerunQuestion } from '../../../core/ports/rerun-service.ts'
import type { RerunRequest } from '../../../core/ports/rerun-store.ts'
import type { GenerationDiff } from '../../../core/ports/rerun-work.ts'
import { noOutcome } from '../../../core/rerun-notes.ts'
import { tableNames } from '../../../schemas/tables.ts'
import { buildApp } from '../../app.ts'
import { createCollector } from '../../core/accept-hits.ts'
import { createClientAddress } from '../../core/client-address.ts'
import { createImports } from '../../core/imports.ts'
import { createKeyDirectory, hashKey } from '../../core/keys.ts'
import { createReadiness } from '../../core/readiness.ts'
import { createWorld, type ShopHit, shop } from '../../core/test/time-series-world.ts'
import { createVisitorSalts } from '../../core/visitor-salt.ts'
import { createMetrics } from '../plugins/metrics.ts'
import { adminRoutes } from '../routes/admin.ts'
import { hitsRoutes } from '../routes/hits.ts'
import { metaRoutes } from '../routes/meta.ts'
import { queryRoutes } from '../routes/query.ts'
import { timeSeriesRoutes } from '../routes/time-series.ts'
import { commonProblems, openApiDocument, operations } from './document.ts'
import type { Access, Operation, Parameter } from './operation.ts'

const merchant = shop('shop', 'Europe/Berlin')
const keyOf: Readonly<Record<Access, string | undefined>> = {
  nobody: undefined,
  write: 'writer',
  read: 'reader',
  admin: 'administrator',
}
const hit: ShopHit = {
  merchant,
  time: Date.parse('2026-03-05T10:00:00Z'),
  name: 'page_view',
  visitor: 1n,
  micros: 1_500_000n,
  dimensions: { page: '/', country: 'DE', source: 'news.example' },
}

/** Every route there is, over memory. `registered`: `GET /v1/meta`, … */
async function everything() {
  const world = await createWorld('2026-03-07T12:00:00Z')
  const { store, clock, timeSeries, queries, engine } = world
  const stored = (right: KeyRight, text: string, of: typeof merchant | null) => ({
    hash: hashKey(text),
    merchant: of?.id ?? null,
    kind: 'server' as const,
    rights: [right],
    origins: [],
    quota: null,
    tool: null,
  })
  await store.createMerchant(merchant, [stored('write', 'writer', merchant), stored('read', 'reader', merchant)])
  await store.addKey(stored('admin', 'administrator', null))
  world.append(hit)
  await world.commit()
  await world.versions.refresh()
  await rerunInEveryState(store)
  const keys = createKeyDirectory({ store, clock })
  const log = await openSegmentLog({ disk: new MemoryDisk(), folder: 'log', timers: clock, random: seededRandom(1) })
  const salts = createVisitorSalts({ store, clock, timers: clock, random: seededRandom(2) })
  const collector = createCollector({ clock, random: seededRandom(3), log, salts })
  const readiness = createReadiness(['worker'])
  readiness.set('worker', true)
  const snapshot = { id: '1', parent: null, at: 0, operation: 'append', publish: 1, addedRows: 1, totalRows: 1 }
  const registered: string[] = []
  const listen: FastifyPluginAsync & { [skipOverride]?: true } = async (app) => {
    app.addHook('onRoute', ({ method, url }) => {
      for (const each of [method].flat()) registered.push(`${each} ${url.replaceAll(/:(\w+)/g, '{$1}')}`)
    })
  }
  listen[skipOverride] = true
  const app = await buildApp({
    timers: clock,
    readiness,
    metrics: createMetrics(),
    plugins: [
      listen,
      adminRoutes({
        store,
        keys,
        random: seededRandom(4),
        erase: ({ merchant: of, subject, by }) =>
          store.eraseHits({ merchant: of, subject, by, through: clock.now(), now: clock.now() }),
        lake: { snapshots: async () => [snapshot] },
        upkeep: {
          partitions: async () => [{ generation: 1, period: 20_000, files: 1, rows: 1, bytes: 1 }],
          expire: async () => ({ snapshots: ['1'], files: 1, bytes: 1 }),
          removeOrphans: async () => null,
          compact: async () => [{ generation: 1, period: 20_000, files: 4, rows: 1, bytes: 1 }],
          rollback: async () => ({ from: '2', to: '1', undone: ['2'], days: 1 }),
          changes: async () => [
            {
              partition: { generation: 1, period: 20_000 },
              added: { files: 1, rows: 1 },
              removed: { files: 0, rows: 0 },
            },
          ],
          pinned: async () => undefined,
          verify: async () => [{ at: 'a', says: 'b', mend: 'c' }],
        },
        tables: tableNames,
        clock,
        imports: createImports({ store, collector, engine, clock }),
        takeBooks: async () => ({ accepted: 1, stored: 1, duplicates: 0, failed: 0, dropped: { x: 0 }, inFlight: 0 }),
        reruns: {
          planner: { plan: async (question) => ({ request: requestOf(question), estimate }) },
          freshness: { read: () => clock.now() },
        },
        pipelines: {
          list: async () => [shown],
          find: async () => ({
            ...shown,
            dataSets: { a: '1' },
            code: null,
            plan: { format: 1, name: 'hits' },
            text: 'a',
            mermaid: 'b',
          }),
          diff: async () => ({
            verdict: 'redeploy',
            changes: [{ step: 'a', what: 'b', verdict: 'redeploy', reason: 'c', next: 'deploy' }],
            sinks: [{ sink: 'hits', needs: 'nothing', followedBy: ['sessions'] }],
          }),
          adopt: async () => ({ adopted: shown }),
        },
      }),
      hitsRoutes({ collector, keys, timers: clock, clientAddress: createClientAddress([]) }),
      timeSeriesRoutes({ keys, timeSeries, store }),
      queryRoutes({ keys, queries, store, timers: clock }),
      metaRoutes({ keys }),
    ],
  })
  return { app, registered }
}

const estimate: RerunEstimate = {
  generation: 2,
  snapshot: '1',
  publish: 1,
  places: 1,
  splits: 1,
  rows: 1,
  bytes: 1,
  days: { first: 20_000, last: 20_001 },
  buckets: 1,
  methods: { hits: 'operators' },
  methodReasons: { hits: 'a' },
  plan: { live: null, rerun: 'b' },
  dataSets: 'recorded',
  zones: 'recorded',
  goesOnCosting: 'c',
}

function requestOf({ from, to, merchant, sinks, plan, ...rest }: RerunQuestion): RerunRequest {
  return { ...rest, places: [{ merchant, from, to }], sinks: sinks ?? ['hits', 'hourly'], plan: plan ?? 'b' }
}

/** As the examples of the verbs have them: each where its verb leads on. */
async function rerunInEveryState(store: ControlStore): Promise<void> {
  for (let id = 1; id <= 6; id++) {
    const place = { merchant: null, from: id * dayMs, to: (id + 1) * dayMs }
    const question = { pipeline: 'hits', snapshot: '1', sinks: null, via: null, dataSets: 'recorded' } as const
    const more = { zones: 'recorded', recovers: null, promote: 'manual', plan: null, by: 'ada' } as const
    const outcome = await store.createRerun(requestOf({ ...question, ...more, ...place }), { now: 0, notes: {} })
    if (!('created' in outcome)) throw new Error('the examples meet')
    const move = (revision: number) => ({ revision, now: 0, by: 'ada' })
    const notes = { estimate, diff, outcome: noOutcome }
    if (id <= 3) {
      await store.updateRerun(id, { state: 'backfilling' }, move(1))
      await store.beginDualWriting(id, { hits: 'hits', hourly: 'hits' }, move(2))
      await store.updateRerun(id, { state: 'ready', notes: { ...notes } }, move(3))
    }
    if (id === 2 || id === 3) await store.promoteRerun(id, move(4))
    if (id === 5) await store.updateRerun(id, { state: 'paused' }, move(1))
  }
}

const difference = { metric: 'hits', breakdown: 'total', buckets: 1, changed: 1, before: '1', after: '2' } as const
const largest = { merchant: merchant.id, bucket: 0, breakdown: 'total', value: '', before: '1', after: '2' }
const diff: GenerationDiff = {
  at: 0,
  snapshot: '1',
  total: [
    { ...difference, largest },
    { ...difference, metric: 'orders', changed: 0, after: '1', largest: null },
  ],
  merchants: [{ merchant: merchant.id, metrics: [{ ...difference, largest }] }],
  merchantsCompared: 1,
  merchantsChanged: 1,
}
const versions = { live: '1', release: '2', waits: true } as const
const shown = { name: 'hits', hash: '0', ...versions, runs: 'stream', jobs: { all: ['hits'] } } as const
const skipOverride = Symbol.for('skip-override')

let app: FastifyInstance
let registered: readonly string[]
beforeAll(async () => {
  ;({ app, registered } = await everything())
})
afterAll(() => app.close())

const named = (operation: Operation) => `${operation.method} ${operation.path}`

describe('the document', () => {
  it('has every route that there is, and no other', () => {
    // Those of `buildApp` itself are registered before any plugin; preflights and HEAD follow from their routes, and the
    // page's own scripts and styles are no interface.
    const always = ['GET /livez', 'GET /readyz', 'GET /metrics']
    const found = registered.filter((route) => !/^(HEAD|OPTIONS) /.test(route) && !route.startsWith('GET /docs/'))
    expect([...new Set([...found, ...always])].sort()).toEqual(operations.map(named).sort())
  })

  it('is served as JSON, whole, to anybody', async () => {
    const { statusCode, body, headers } = await app.inject({ url: '/openapi.json' })
    expect(statusCode).toBe(200)
    expect(headers['content-type']).toBe('application/json; charset=utf-8')
    expect(JSON.parse(body)).toEqual(JSON.parse(JSON.stringify(openApiDocument())))
  })

  it('leaves out the routes that a process does not have', async () => {
    const small = await buildApp({
      timers: { after: () => () => {} },
      readiness: createReadiness(['worker']),
      metrics: createMetrics(),
    })
    const { paths } = (await small.inject({ url: '/openapi.json' })).json()
    expect(Object.keys(paths).sort()).toEqual(['/docs', '/livez', '/metrics', '/openapi.json', '/readyz'])
    await small.close()
  })

  it('has every code that a request can be answered with', () => {
    const codes = new Set([...commonProblems, ...operations.flatMap(({ problems }) => problems)])
    expect([...codes].sort()).toEqual(
      errorTable.flatMap(({ code, kinds }) => (kinds.includes('http') ? [code] : [])).sort(),
    )
  })

  it('points only at what it has', () => {
    const document = JSON.parse(JSON.stringify(openApiDocument()))
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, to]) => String(to))
    expect(references.length).toBeGreaterThan(50)
    for (const reference of new Set(references)) {
      expect(reference).toMatch(/^#\/components\//)
      const steps = reference.slice(2).split('/')
      expect(
        steps.reduce((at, step) => at?.[step], document),
        reference,
      ).toBeDefined()
    }
    expect(JSON.stringify(document)).not.toContain('$defs')
    const ids = operations.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('names all that one can ask for', () => {
    const { components, paths } = JSON.parse(JSON.stringify(openApiDocument()))
    const texts = JSON.stringify([components, paths['/v1/query'], paths['/v1/merchants/{merchant}/timeseries']])
    for (const name of [
      ...['hits', 'pageviews', 'visitors', 'sessions', 'bounce_rate', 'session_duration', 'views_per_session'],
      ...['orders', 'conversion_rate', 'revenue', 'load_p50', 'load_p75', 'load_p95', 'load_p99'],
      ...['name', 'page', 'source', 'country', 'device', 'browser', 'campaign', 'time:hour', 'time:month'],
      ...['24h', '7d', '28d', '30d', '90d', 'day', 'month', 'year', 'all', 'previous_period', 'previous_year'],
      ...['is', 'is_not', 'contains', 'contains_not', 'and', 'or', 'not', 'asc', 'desc'],
      ...['json', 'ndjson', 'csv', 'arrow', 'text/csv', 'application/x-ndjson', 'application/vnd.apache.arrow.stream'],
      ...['asOf', 'complete', 'servedFrom', 'approximate', 'truncated', 'generation', 'nextCursor', 'otherCurrencies'],
      ...[
        'merchant',
        'metrics',
        'dateRange',
        'dimensions',
        'filters',
        'timeZone',
        'orderBy',
        'compare',
        'limit',
        'cursor',
      ],
      ...['from', 'to', 'interval', 'filter', 'format', 'If-None-Match', 'ETag', 'Hitlake-As-Of'],
      ...['cache', 'rollup', 'daily', 'sessions', 'raw', 'results', 'query', 'buckets', 'other'],
    ]) {
      expect(texts, name).toContain(`"${name}"`)
    }
    const { Query, Filter } = components.schemas
    expect(Query.properties.limit).toMatchObject({ minimum: 1, maximum: 10_000, default: 100 })
    expect(Query.properties.filters).toMatchObject({ maxItems: 20 })
    expect(Query.required).toEqual(['dateRange'])
    expect(Query.additionalProperties).toBe(false)
    expect(Filter.anyOf[0].prefixItems[2]).toMatchObject({ minItems: 1, maxItems: 100 })
    expect(Filter.description).toMatch(/20 conditions.* 4 deep/)
    expect(paths['/v1/query'].post.description).toContain('10,000 buckets')
    expect(components.schemas.Hit.properties.revenue.properties.amount.type).toEqual(['number', 'string'])
  })
})

describe('a request as the document shows it', () => {
  const requests = operations.flatMap((operation) => {
    const examples = Object.entries(operation.body?.content[0]?.examples ?? {})
    const all: readonly (readonly [string, unknown])[] = examples.length > 0 ? examples : [['', undefined]]
    return all.map(([what, payload]) => ({ name: `${named(operation)} ${what}`, operation, payload }))
  })

  // The socket is asked without an upgrade here, and answers so.
  it.each(requests.filter(({ operation }) => operation.id !== 'socket'))('$name', async ({ operation, payload }) => {
    const key = keyOf[operation.access]
    const reply = await app.inject({
      method: operation.method,
      url: urlOf(operation),
      headers: {
        ...(key !== undefined && { authorization: `Bearer ${key}` }),
        ...(payload !== undefined && { 'content-type': 'application/json' }),
      },
      ...(payload !== undefined && { payload: JSON.stringify(payload) }),
    })
    const answer = operation.answers[reply.statusCode]
    expect(answer === undefined ? `${reply.statusCode} ${reply.body}` : 'documented').toBe('documented')
    const [content] = answer?.content ?? []
    expect(reply.headers['content-type']).toContain(content?.mediaType)
    for (const name of answer?.headers ?? []) {
      // Said of some answers only.
      if (!/^(Hitlake-Meta|RateLimit)/.test(name)) expect(reply.headers, name).toHaveProperty(name.toLowerCase())
    }
    if (content?.schema !== undefined) expectDocumented(content.schema, reply.json())
  })

  it('in every form that it names', async () => {
    for (const { id, answers } of operations.filter((each) => each.parameters?.some(({ name }) => name === 'format'))) {
      const operation = operations.find((each) => each.id === id) as Operation
      for (const { mediaType } of answers[200]?.content ?? []) {
        const example = Object.values(operation.body?.content[0]?.examples ?? {})[0]
        const { statusCode, headers } = await app.inject({
          method: operation.method,
          url: urlOf(operation),
          headers: { authorization: 'Bearer reader', accept: mediaType, 'content-type': 'application/json' },
          ...(example !== undefined && { payload: JSON.stringify(example) }),
        })
        expect(statusCode).toBe(200)
        expect(headers['content-type']).toContain(mediaType)
      }
    }
  })
})

/** As the schema says, and nothing beside: what it does not know it would leave out. */
function expectDocumented(schema: z.ZodType, body: unknown): void {
  expect(schema.parse(body)).toEqual(body)
}

function urlOf({ path, parameters = [] }: Operation): string {
  const texts = ({ example }: Parameter) => (example === undefined ? [] : [example].flat().map(String))
  let url = path
  const search = new URLSearchParams()
  for (const parameter of parameters) {
    const values = texts(parameter)
    if (parameter.in === 'path') url = url.replace(`{${parameter.name}}`, values[0] ?? '')
    if (parameter.in === 'query') for (const value of values) search.append(parameter.name, value)
  }
  return search.size === 0 ? url : `${url}?${search}`
}

describe('GET /docs', () => {
  it('is a page whose every part comes from here', async () => {
    const page = await app.inject({ url: '/docs' })
    expect(page.statusCode).toBe(200)
    expect(page.headers['content-security-policy']).toContain("default-src 'self'")
    const parts = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => String(url))
    expect(parts.length).toBeGreaterThan(4)
    for (const part of parts) {
      expect(part).toMatch(/^\/docs\//)
      expect((await app.inject({ url: part })).statusCode, part).toBe(200)
    }
    expect((await app.inject({ url: '/docs/json' })).json().paths).toHaveProperty(['/v1/query'])
  })
})
