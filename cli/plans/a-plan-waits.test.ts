/**
 * Releases over one data folder, as an operator meets them: a plan that would make other numbers waits, is compared,
 * adopted while the server runs, and goes on under the release before, which never had it.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { planVersion } from '../../pipelines/plan/canonical.ts'
import { changedSources } from '../../pipelines/test/support/built-releases.ts'
import { call, eventually, type Life, readKeys, runCommand, start, temporaryFolder } from '../test/support/server.ts'

const folder = temporaryFolder()
const data = join(folder.path, 'data')
/** Plans built apart: pages are counted otherwise. */
const plans = join(folder.path, 'plans')
const quick = { HITLAKE_EPOCH: '100ms' }

let life: Life
let keys: { readonly writeKey: string; readonly readKey: string }
let adminKey: string

beforeAll(async () => {
  const copy = changedSources()
  const pathOf = { file: 'pipelines/jobs/page-path.ts', from: 'let path = url.pathname' }
  const { bundle, ...facts } = await copy.bundle([{ ...pathOf, to: "let path = '/new' + url.pathname" }])
  copy.remove()
  mkdirSync(plans)
  writeFileSync(join(plans, 'hits.mjs'), bundle)
  const entry = { version: planVersion(facts.text, facts.code), file: 'hits.mjs', ...facts }
  writeFileSync(join(plans, 'manifest.json'), JSON.stringify({ hits: entry }))
})
afterAll(async () => {
  await life?.end('SIGKILL')
  folder.remove()
})

async function restarted(env: Record<string, string> = {}): Promise<void> {
  await life?.end('SIGTERM')
  life = await start(data, { ...quick, ...env })
  adminKey = readKeys(data).adminKey
}

async function pipeline(): Promise<{ readonly live: string; readonly release: string; readonly waits: boolean }> {
  return (await call<never>(`${life.url}/v1/admin/pipelines/hits`, { key: adminKey })).body
}

/** Hits by page, once there are so many. */
async function pages(total: number): Promise<Readonly<Record<string, number>>> {
  const ask = async (): Promise<Readonly<Record<string, number>>> => {
    const body = { metrics: ['hits'], dimensions: ['page'], dateRange: 'day' }
    const reply = await call<{
      readonly results: readonly { readonly dimensions: readonly string[]; readonly metrics: readonly number[] }[]
    }>(`${life.url}/v1/query`, { key: keys.readKey, body })
    return Object.fromEntries(
      reply.body.results.map(({ dimensions, metrics }) => [String(dimensions[0]), metrics[0] ?? 0]),
    )
  }
  return eventually(ask, (found) => Object.values(found).reduce((sum, hits) => sum + hits, 0) === total)
}

const send = () =>
  call(`${life.url}/v1/hits`, { key: keys.writeKey, body: { name: 'page_view', url: 'https://shop.example/a' } })
const run = (args: readonly string[], env: Record<string, string> = {}) =>
  runCommand(args, { HITLAKE_URL: life.url, HITLAKE_DATA_DIR: data, ...env }).ended

describe('a plan that would make other numbers', () => {
  it('waits when it is deployed, and the server says so', async () => {
    await restarted()
    const merchant = { id: 'shop', name: 'Shop', timeZone: 'UTC', currency: 'EUR' }
    keys = (await call<never>(`${life.url}/v1/admin/merchants`, { key: adminKey, body: merchant })).body
    const { live } = await pipeline()
    await send()
    expect(await pages(1)).toEqual({ '/a': 1 })

    await restarted({ HITLAKE_PLANS: plans })
    expect(life.stderr()).toContain("of 'hits', this release's, waits")
    expect(await pipeline()).toMatchObject({ live, waits: true })
    await send()
    expect(await pages(2)).toEqual({ '/a': 2 })
  })

  it('is compared with what is live', async () => {
    const { code, stdout } = await run(['diff', 'hits'], { HITLAKE_PLANS: plans })
    expect(stdout.split('\n')).toEqual([
      'rebuild needed',
      '  hits: functions beyond its lambdas (rebuild needed)',
      '    code that its steps call has changed',
      '    next: deploy, then hitlake rerun hits --snapshot latest --sink hits --sink hourly, or hitlake adopt hits, which leaves the past as it was made',
      '  failed_hits: rebuild',
      '  hits: rebuild; sessions follows by itself',
      '  hourly: rebuild; daily follows by itself',
      '',
    ])
    expect(code).toBe(1)
    expect(await run(['diff', 'hits'])).toMatchObject({ code: 0, stdout: 'same\n' })
  })

  it('is adopted without a restart, once that is meant', async () => {
    const { release } = await pipeline()
    expect(await run(['adopt', 'hits'])).toMatchObject({ code: 1, stderr: expect.stringContaining('add --yes') })
    expect((await pipeline()).waits).toBe(true)
    expect(await run(['adopt', 'hits', '--yes'])).toMatchObject({ code: 0 })
    expect(await pipeline()).toMatchObject({ live: release, waits: false })
    await send()
    expect(await pages(3)).toEqual({ '/a': 2, '/new/a': 1 })
  })

  it('goes on under a release that never had it', async () => {
    await restarted()
    expect(await pipeline()).toMatchObject({ waits: true })
    await send()
    expect(await pages(4)).toEqual({ '/a': 2, '/new/a': 2 })
  })

  it('gives way where every release takes over', async () => {
    await restarted({ HITLAKE_PLAN_CHANGES: 'adopt' })
    expect(life.stderr()).toContain('took over')
    expect(await pipeline()).toMatchObject({ waits: false })
    await send()
    expect(await pages(5)).toEqual({ '/a': 3, '/new/a': 2 })
  })
})
