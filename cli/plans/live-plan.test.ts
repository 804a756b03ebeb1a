import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { bundlePlan } from '../../infra/build/bundle-plan.mjs'
import { openBundleIn } from '../../pipelines/adapters/plans/open-bundle.ts'
import { hitsPipeline } from '../../pipelines/jobs/hits.ts'
import { type Pipeline, versionOf } from '../../pipelines/plan/draft.ts'
import type { BuiltPlan } from '../../pipelines/runtime/plans/plan-record.ts'
import { createPlanRepository } from '../../pipelines/runtime/plans/repository.ts'
import { builtPlan, changedSources, hitsEntry, sources } from '../../pipelines/test/support/built-releases.ts'
import {
  batch,
  createWorld,
  drain,
  during,
  hit,
  nextTurn,
  push,
  rowsOf,
  runnerOn,
  type World,
} from '../../pipelines/test/support/world.ts'
import { livePlanOf, openLivePlan, openPlanBook, type PlanBook } from './live-plan.ts'

const cache = mkdtempSync(join(tmpdir(), 'hitlake-live-'))
const copy = changedSources()
afterAll(() => {
  copy.remove()
  rmSync(cache, { recursive: true })
})

const today = builtPlan(await bundlePlan({ entry: hitsEntry, root: sources }))
/** Counted pages otherwise, by a function beyond its lambdas; its table `hits` had a column less. */
const yesterday = builtPlan(
  await copy.bundle([
    { file: 'pipelines/jobs/page-path.ts', from: 'let path = url.pathname', to: "let path = '/old' + url.pathname" },
    {
      file: 'schemas/tables.ts',
      from: "    column(24, 'client_time_zone', 'string', 'as given'),\n",
      to: '',
    },
    {
      file: 'pipelines/jobs/hit-sinks.ts',
      from: '    client_time_zone: context === null ? null : context.timeZone,\n',
      to: '',
    },
    { file: 'schemas/sources/sources.v1.json', from: '"version": "1"', to: '"version": "0"' },
  ]),
)
/** Remembers repeats for longer, which changes no row that is there. */
const patient = builtPlan(
  await copy.bundle([{ file: 'pipelines/jobs/hits.ts', from: "within: '24h'", to: "within: '25h'" }]),
)
const dataSets = { country: '1', sources: '1' }

/** As a process of that release begins. */
async function started(world: World, built: BuiltPlan | undefined, policy: 'wait' | 'adopt' = 'wait') {
  const pipeline = built === undefined || built === today ? hitsPipeline : await exported(built)
  const book = await openPlanBook({ pipeline, objects: world.objects, cache, built })
  const live = await openLivePlan(book, { store: world.store, policy, dataSets, clock: world.clock })
  return { book, live }
}

async function exported(built: BuiltPlan): Promise<Pipeline> {
  const { pipeline } = await openBundleIn(cache)(built.bundle, built.sha256)
  return pipeline as Pipeline
}

const run = (world: World, { book, live }: { readonly book: PlanBook; readonly live: { pipeline: Pipeline } }) =>
  drain(world, { plan: live.pipeline, versions: book.versions })

async function stored(world: World, rows: number): Promise<void> {
  while ((await rowsOf(world, 'hits')).length < rows) await nextTurn()
}

async function paths(world: World) {
  const rows = await rowsOf(world, 'hits')
  return rows.map(({ id, path, plan }) => [id, path, plan]).sort()
}

describe('the plan that is live', () => {
  it("is the release's at the first start, and after every start of the same release", async () => {
    const world = await createWorld()
    for (const _ of ['first', 'second']) {
      const { live } = await started(world, today)
      expect(live).toMatchObject({ version: today.version, says: null })
      expect(await livePlanOf(world.store, 'hits')).toBe(today.version)
    }
    expect((await world.store.writing('hits')).generations).toHaveLength(1)
  })

  it('goes on where the plan of a later release would make other numbers, and says so', async () => {
    const world = await createWorld()
    push(world, [batch([hit({ id: 'a' })])])
    const before = await started(world, yesterday)
    await run(world, before)

    const after = await started(world, today)
    expect(after.live).toMatchObject({ version: yesterday.version, says: expect.stringContaining('waits') })
    expect(after.live.says).toContain('`hitlake adopt hits`')
    expect(await livePlanOf(world.store, 'hits')).toBe(yesterday.version)
    push(world, [batch([hit({ id: 'b' })])])
    await run(world, after)
    const old = before.live.pipeline.hash({ ...dataSets, country: '1', sources: '0' })
    expect(await paths(world)).toEqual([
      ['a', '/old/a', expect.any(String)],
      ['b', '/old/a', old],
    ])
  })

  it('of an earlier release fills the tables as they are now, and names the data sets inside it', async () => {
    const world = await createWorld()
    await started(world, yesterday)
    const timeZone = 'Europe/Berlin'
    const context = { userAgent: null, language: null, screen: null, timeZone, campaign: null }
    push(world, [batch([hit({ id: 'b', context })])])
    await run(world, await started(world, today))
    expect(await rowsOf(world, 'hits')).toMatchObject([
      { id: 'b', client_time_zone: null, data_sets: '{"country":"1","sources":"0"}' },
    ])
  })

  it("is the release's from the next epoch on, once it is adopted, without a restart", async () => {
    const world = await createWorld()
    await started(world, yesterday)
    const { book, live } = await started(world, today)
    const runner = runnerOn(world, { plan: live.pipeline, versions: book.versions })
    await runner.start()
    push(world, [batch([hit({ id: 'a' })])])
    await during(world, stored(world, 1))
    await world.store.setBasePlan('hits', today.version)
    push(world, [batch([hit({ id: 'b' })])])
    await during(world, stored(world, 2))
    await during(world, runner.stop())
    expect(await paths(world)).toEqual([
      ['a', '/old/a', expect.any(String)],
      ['b', '/a', book.release.hash({ country: '1' })],
    ])
  })

  it('is taken over by a release that changes no row, with a sentence', async () => {
    const world = await createWorld()
    await started(world, patient)
    const { live } = await started(world, today)
    expect(live).toMatchObject({ version: today.version, says: expect.stringContaining('took over') })
    expect(await livePlanOf(world.store, 'hits')).toBe(today.version)
  })

  it('is taken over by every release where that is wanted', async () => {
    const world = await createWorld()
    await started(world, yesterday)
    const { live } = await started(world, today, 'adopt')
    expect(live).toMatchObject({ version: today.version, says: expect.stringContaining('HITLAKE_PLAN_CHANGES') })
  })

  it('comes back with the release it is of, by the same rules', async () => {
    const world = await createWorld()
    await started(world, today)
    const { live } = await started(world, yesterday)
    expect(live).toMatchObject({ version: today.version, says: expect.stringContaining('waits') })
    expect((await started(world, today)).live.says).toBeNull()
  })

  it('that is lost or damaged stops the start, unless every release takes over', async () => {
    const world = await createWorld()
    await started(world, yesterday)
    const [record = '', file = ''] = await world.objects.list(`plans/hits/${yesterday.version}`)
    await world.objects.remove(file.endsWith('.mjs') ? file : record)
    await expect(started(world, today)).rejects.toMatchObject({ code: 'PLAN_CORRUPT' })
    await world.objects.remove(file.endsWith('.json') ? file : record)
    await expect(started(world, today)).rejects.toMatchObject({ code: 'PLAN_NOT_FOUND' })
    expect(await livePlanOf(world.store, 'hits')).toBe(yesterday.version)
    expect((await started(world, today, 'adopt')).live.version).toBe(today.version)
  })

  it('is that of the sources where nothing was built: nothing is kept, and nothing recorded', async () => {
    const world = await createWorld()
    const { live } = await started(world, undefined)
    expect(live).toEqual({ pipeline: hitsPipeline, version: versionOf(hitsPipeline), says: null })
    expect(await world.objects.list('plans/')).toEqual([])
    expect(await livePlanOf(world.store, 'hits')).toBeNull()
  })

  it('is kept before it is recorded', async () => {
    const world = await createWorld()
    const seen: (readonly string[])[] = []
    const store = {
      writing: world.store.writing,
      async setBasePlan(pipeline: string, plan: string | null) {
        seen.push(await createPlanRepository({ objects: world.objects, open: openBundleIn(cache) }).list(pipeline))
        return world.store.setBasePlan(pipeline, plan)
      },
    }
    const book = await openPlanBook({ pipeline: hitsPipeline, objects: world.objects, cache, built: today })
    await openLivePlan(book, { store, policy: 'wait', dataSets, clock: world.clock })
    expect(seen).toEqual([[today.version]])
  })
})
