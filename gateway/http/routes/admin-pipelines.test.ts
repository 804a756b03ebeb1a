import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { InvalidPlanError, UnreadablePlanError } from '../../../core/errors.ts'
import { createMemoryControlStore } from '../../../lakehouse/adapters/memory/memory-control-store.ts'
import { buildApp } from '../../app.ts'
import { createKeyDirectory, hashKey } from '../../core/keys.ts'
import { createReadiness } from '../../core/readiness.ts'
import { createMetrics } from '../plugins/metrics.ts'
import { adminBodyMaxBytes } from './admin-access.ts'
import { adminPipelinesRoutes, type PipelineCatalog } from './admin-pipelines.ts'

const versions = { live: '1a', release: '2b', waits: true } as const
const summary = { name: 'hits', hash: '0f', ...versions, runs: 'stream', jobs: { all: ['hits'] } } as const
const view = {
  ...summary,
  dataSets: { isbot: '5' },
  code: '9c',
  plan: { format: 1, name: 'hits' },
  text: 'words',
  mermaid: 'chart',
}
const same = { verdict: 'same', changes: [], sinks: [] }

/** Knows one pipeline; says of a plan what its field `is` asks for. */
const catalog: PipelineCatalog = {
  list: async () => [summary],
  find: async (name) => (name === 'hits' ? view : undefined),
  async diff(_, plan) {
    const { is } = plan as { readonly is?: string }
    if (is === 'damaged') throw new UnreadablePlanError('/steps/3/kind', 'no such kind')
    if (is === 'wrong') throw new InvalidPlanError("'hits' writes nothing")
    return same
  },
  async adopt(name) {
    if (name === 'old') return { breaking: 'make it as a new generation' }
    return name === 'hits' ? { adopted: { ...summary, live: '2b', waits: false } } : undefined
  },
}

let app: FastifyInstance
beforeAll(async () => {
  const clock = new ManualClock()
  const store = createMemoryControlStore()
  const key = { merchant: null, kind: 'server', origins: [], quota: null, tool: null } as const
  await store.addKey({ ...key, hash: hashKey('admin'), rights: ['admin'] })
  await store.addKey({ ...key, hash: hashKey('reader'), rights: ['read'] })
  const keys = createKeyDirectory({ store, clock })
  app = await buildApp({
    timers: clock,
    readiness: createReadiness([]),
    metrics: createMetrics(),
    plugins: [
      async (each: FastifyInstance) => void (await each.register(adminPipelinesRoutes, { keys, pipelines: catalog })),
    ],
  })
})
afterAll(() => app.close())

async function ask(method: 'GET' | 'POST', path: string, payload?: object, by = 'admin') {
  const headers = { authorization: `Bearer ${by}` }
  const reply = await app.inject({ method, url: `/v1/admin/pipelines${path}`, headers, ...(payload && { payload }) })
  return { status: reply.statusCode, body: reply.json() }
}

describe('pipelines over HTTP', () => {
  it('are listed, and shown with plan, words and drawing', async () => {
    expect(await ask('GET', '')).toEqual({ status: 200, body: { pipelines: [summary] } })
    expect(await ask('GET', '/hits')).toEqual({ status: 200, body: view })
  })

  it('are compared with a plan that is sent', async () => {
    expect(await ask('POST', '/hits/diff', { is: 'fine' })).toEqual({ status: 200, body: same })
  })

  it('say where a text is no plan, and what would go wrong with one', async () => {
    expect(await ask('POST', '/hits/diff', { is: 'damaged' })).toMatchObject({
      status: 400,
      body: {
        code: 'bad_query',
        errors: [{ pointer: '/steps/3/kind', message: 'this is no plan: /steps/3/kind: no such kind' }],
      },
    })
    expect(await ask('POST', '/hits/diff', { is: 'wrong' })).toMatchObject({
      status: 400,
      body: { code: 'bad_query', detail: "'hits' writes nothing" },
    })
    const wide = { is: 'x'.repeat(adminBodyMaxBytes) }
    expect(await ask('POST', '/hits/diff', wide)).toMatchObject({ status: 413, body: { code: 'body_too_large' } })
  })

  it("are processed by the release's plan once it is adopted, where it can go on from what is there", async () => {
    expect(await ask('POST', '/hits/adopt')).toEqual({ status: 200, body: { ...summary, live: '2b', waits: false } })
    expect(await ask('POST', '/old/adopt')).toMatchObject({
      status: 409,
      body: { code: 'plan_breaking', detail: 'make it as a new generation' },
    })
  })

  it('that nobody knows are not found, and all of it needs an admin key', async () => {
    for (const [method, path] of [
      ['GET', '/visits'],
      ['POST', '/visits/diff'],
      ['POST', '/visits/adopt'],
    ] as const) {
      expect(await ask(method, path, method === 'POST' ? {} : undefined)).toMatchObject({
        status: 404,
        body: { code: 'not_found' },
      })
    }
    for (const path of ['', '/hits']) {
      expect(await ask('GET', path, undefined, 'reader')).toMatchObject({ status: 403, body: { code: 'forbidden' } })
    }
    expect(await ask('POST', '/hits/adopt', undefined, 'reader')).toMatchObject({ status: 403 })
  })
})
