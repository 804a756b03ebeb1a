import Fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import { createMetrics } from './metrics.ts'
import { measureRequests, requestDurationBuckets } from './request-duration.ts'

const lines = async (metrics: ReturnType<typeof createMetrics>) => (await metrics.registry.metrics()).split('\n')

describe('metrics', () => {
  it('count under a code, an outcome or a table, and nothing else', async () => {
    const metrics = createMetrics()
    metrics.hitsAccepted.inc(5)
    metrics.hitRefused('too_old', 2)
    metrics.hitRefused('too_old', 1)
    metrics.hitsProcessed('duplicate', 4)
    metrics.published('hits', 100)
    metrics.problem('bad_json')
    expect(await lines(metrics)).toEqual(
      expect.arrayContaining([
        'ingest_hits_accepted_total 5',
        'ingest_hits_refused_total{code="too_old"} 3',
        'pipeline_hits_total{outcome="duplicate"} 4',
        'lake_publications_total{table="hits"} 1',
        'lake_rows_published_total{table="hits"} 100',
        'http_problems_total{code="bad_json"} 1',
      ]),
    )
  })

  it('read gauges when they are asked, never before', async () => {
    const metrics = createMetrics()
    let reads = 0
    let state: 'open' | 'full' = 'open'
    metrics.read({
      logBytes: () => {
        reads += 1
        return 10 * reads
      },
      logState: () => state,
      asOfMs: () => 1_500,
      ready: () => false,
    })
    expect(reads).toBe(0)
    expect(await lines(metrics)).toEqual(
      expect.arrayContaining(['log_bytes 10', 'log_state{state="open"} 1', 'log_state{state="full"} 0']),
    )
    state = 'full'
    expect(await lines(metrics)).toEqual(
      expect.arrayContaining([
        ...['log_bytes 20', 'log_state{state="open"} 0', 'log_state{state="full"} 1'],
        ...['query_as_of_seconds 1.5', 'ready 0'],
      ]),
    )
  })

  it('tell of each partition of each job of all roles, and of none that went elsewhere', async () => {
    const metrics = createMetrics()
    const facts = { lagRecords: 7, lagSeconds: 1.5, watermarkMs: 2_000 }
    let mine = [0, 1]
    metrics.read({
      partitions: async () => mine.map((partition) => ({ job: 'hits-warehouse', partition, ...facts, paused: true })),
      jobs: () => [{ job: 'hits-warehouse', stateBytes: 5, queueBytes: 6 }],
    })
    metrics.read({
      partitions: () => [{ job: 'hits-rollups', partition: 2, ...facts, watermarkMs: Number.NaN }],
      jobs: () => [{ job: 'hits-rollups', stateBytes: 8 }],
    })
    expect(await lines(metrics)).toEqual(
      expect.arrayContaining([
        'pipeline_lag_records{job="hits-warehouse",partition="0"} 7',
        'pipeline_lag_records{job="hits-warehouse",partition="1"} 7',
        'pipeline_lag_seconds{job="hits-rollups",partition="2"} 1.5',
        'pipeline_watermark_seconds{job="hits-warehouse",partition="0"} 2',
        'pipeline_watermark_seconds{job="hits-rollups",partition="2"} Nan',
        'pipeline_paused{job="hits-warehouse",partition="1"} 1',
        'pipeline_state_bytes{job="hits-rollups"} 8',
        'pipeline_queue_bytes{job="hits-warehouse"} 6',
      ]),
    )
    mine = [1]
    const text = (await lines(metrics)).join('\n')
    expect(text).not.toContain('{job="hits-warehouse",partition="0"}')
    expect(text).toContain('pipeline_lag_records{job="hits-warehouse",partition="1"} 7')
    expect(text).not.toContain('pipeline_queue_bytes{job="hits-rollups"}')
  })

  it('tell what the forwarder does', async () => {
    const metrics = createMetrics()
    metrics.read({ forwarder: () => ({ state: 'away', backlogRecords: 12, visibleThroughMs: 3_000 }) })
    expect(await lines(metrics)).toEqual(
      expect.arrayContaining([
        ...['forward_state{state="away"} 1', 'forward_state{state="flowing"} 0'],
        ...['forward_backlog_records 12', 'forward_visible_through_seconds 3'],
      ]),
    )
  })

  it('go on without a gauge whose reader fails, and show no value of before', async () => {
    const metrics = createMetrics()
    let store: 'there' | 'away' = 'there'
    metrics.read({
      unpublishedFiles: async () => {
        if (store === 'away') throw new Error('the store is away')
        return 3
      },
      cellsBytes: () => 9,
    })
    expect(await lines(metrics)).toContain('lake_unpublished_files 3')
    store = 'away'
    const later = await lines(metrics)
    expect(later.filter((line) => line.startsWith('lake_unpublished_files'))).toEqual([])
    expect(later).toContain('query_cells_bytes 9')
  })

  it('leave out a gauge nobody reads', async () => {
    const metrics = createMetrics()
    metrics.read({})
    const text = (await lines(metrics)).join('\n')
    expect(text).not.toContain('log_bytes')
    expect(text).toMatch(/^process_resident_memory_bytes \d{7,}$/m)
    expect(text).toMatch(/^# TYPE process_cpu_seconds_total counter$/m)
  })

  it('give the CPU time as it is however often they are asked', async () => {
    const metrics = createMetrics()
    metrics.read({})
    const seconds = async () =>
      Number(/^process_cpu_seconds_total (\S+)$/m.exec(await metrics.registry.metrics())?.[1] ?? Number.NaN)
    const before = process.cpuUsage()
    await seconds()
    const read = await seconds()
    const after = process.cpuUsage()
    expect(read).toBeGreaterThanOrEqual((before.user + before.system) / 1e6)
    expect(read).toBeLessThanOrEqual((after.user + after.system) / 1e6)
  })
})

describe('the duration of requests', () => {
  it('is counted in cumulative buckets by method, route pattern and class of status', async () => {
    const { registry } = createMetrics()
    const app = Fastify()
    measureRequests(app, registry)
    app.get('/things/:id', async (request, reply) => {
      if ((request.params as { id: string }).id === 'bad') reply.code(404)
      return {}
    })
    for (const id of ['a', 'b', 'bad']) await app.inject(`/things/${id}`)
    const text = await registry.metrics()
    const good = 'method="GET",route="/things/:id",status="2xx"'
    expect(text).toContain('# TYPE http_request_duration_seconds histogram')
    expect(text).toContain(`http_request_duration_seconds_count{${good}} 2`)
    expect(text).toContain('http_request_duration_seconds_count{method="GET",route="/things/:id",status="4xx"} 1')
    expect(text).toContain(`http_request_duration_seconds_bucket{${good},le="+Inf"} 2`)
    const buckets = [...text.matchAll(/_bucket\{[^}]*2xx",le="([^"]+)"\} (\d+)/g)].map(([, le, count]) => [
      le,
      Number(count),
    ])
    expect(buckets.map(([le]) => le)).toEqual([...requestDurationBuckets.map(String), '+Inf'])
    const counts = buckets.map(([, count]) => count)
    expect(counts).toEqual([...counts].sort())
  })

  it('leaves the hooks of a route in place', async () => {
    const { registry } = createMetrics()
    const app = Fastify()
    measureRequests(app, registry)
    let called = 0
    const onResponse = async () => {
      called += 1
    }
    app.get('/hooked', { onResponse }, async () => ({}))
    await app.inject('/hooked')
    expect(called).toBe(1)
    expect(await registry.metrics()).toContain('_count{method="GET",route="/hooked",status="2xx"} 1')
  })

  it('has one series for a route and a class of status, whatever paths clients send', async () => {
    const { registry } = createMetrics()
    const app = Fastify()
    measureRequests(app, registry)
    app.get('/things/:id', async () => ({}))
    for (let n = 0; n < 100; n += 1) await app.inject(`/things/${n}`)
    const text = await registry.metrics()
    expect(text.match(/http_request_duration_seconds_count/g)).toHaveLength(1)
  })
})
