import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { memoryObjectStore } from '../../core/adapters/memory/memory-object-store.ts'
import { createMemoryControlStore } from '../../lakehouse/adapters/memory/memory-control-store.ts'
import { hitsPipeline } from '../../pipelines/jobs/hits.ts'
import { visits } from '../../pipelines/jobs/sessions.ts'
import { planHash, planVersion } from '../../pipelines/plan/canonical.ts'
import { pipelineFormat, pipelineOf } from '../../pipelines/plan/draft.ts'
import type { BuiltPlan } from '../../pipelines/runtime/plans/plan-record.ts'
import { createPlanRepository, sha256Of } from '../../pipelines/runtime/plans/repository.ts'
import type { Api } from '../client/api.ts'
import { savePlan } from '../plans/live-plan.ts'
import { createPipelineCatalog } from './catalog.ts'
import { diffServer } from './explain-command.ts'

const dataSets = { isbot: '5', sources: '2' }

/** A build of the pipeline; `text` where its plan was another. Its file is never run here. */
function build(code: string, text = hitsPipeline.text): BuiltPlan {
  const bundle = Buffer.from(`// ${code}`)
  const facts = { pipeline: 'hits', format: pipelineFormat, inside: { sources: '1' } }
  return { ...facts, version: planVersion(text, code), text, code, bundle, sha256: sha256Of(bundle) }
}

const now = build('code-of-now')
const other = build('other-code')
const shorter = build('code-of-now', hitsPipeline.text.replace('"unit":"hour"', '"unit":"day"'))
const otherKey = build('code-of-now', hitsPipeline.text.replace('"key":["merchant","id"]', '"key":["merchant","name"]'))

/** A server whose release is `now`, where `live` is live. */
async function server(live: BuiltPlan | null, { isKept = true, built = now as BuiltPlan | null } = {}) {
  const [store, objects, clock] = [createMemoryControlStore(), memoryObjectStore(), new ManualClock()]
  const open = () => Promise.reject(new Error('is not run'))
  const repository = createPlanRepository({ objects, open })
  if (live !== null) {
    if (isKept) await savePlan({ built: live, repository }, { dataSets, clock })
    await store.setBasePlan('hits', live.version)
  }
  const pipeline = built === null ? hitsPipeline : pipelineOf({ ...hitsPipeline, code: now.code })
  const release = built === null ? pipeline : { ...pipeline, built }
  const catalog = createPipelineCatalog({
    load: async () => [release, visits],
    dataSets: async () => dataSets,
    live: { store, objects, clock },
  })
  return { catalog, store, repository, pipeline }
}

describe('the catalog of a server', () => {
  it("shows the plan that is live, and that the release's waits", async () => {
    const { catalog } = await server(shorter)
    const versions = { live: shorter.version, release: now.version, waits: true }
    const hash = planHash(shorter.version, { isbot: '5', sources: '1' })
    expect((await catalog.list())[0]).toMatchObject({ name: 'hits', hash, ...versions })
    const found = await catalog.find('hits')
    expect(found).toMatchObject({ hash, ...versions, code: now.code, dataSets: { isbot: '5', sources: '1' } })
    expect(JSON.stringify(found?.plan)).toContain('"unit":"day"')
    expect(found?.text).toContain('day')
  })

  it("shows the release's where it is live, or where nothing was ever recorded", async () => {
    for (const live of [now, null]) {
      const { catalog, pipeline } = await server(live)
      const versions = { live: now.version, release: now.version, waits: false }
      const inside = { ...dataSets, sources: '1' }
      expect(await catalog.find('hits')).toMatchObject({ hash: pipeline.hash(inside), ...versions, dataSets: inside })
    }
  })

  it('compares what is sent with what is live', async () => {
    const { catalog } = await server(shorter)
    expect(await catalog.diff('hits', JSON.parse(shorter.text))).toMatchObject({ verdict: 'same' })
    expect(await catalog.diff('hits', JSON.parse(now.text))).toMatchObject({ verdict: 'rebuild needed' })
  })

  it('lists a pipeline whose live plan is lost, for whoever is to adopt another', async () => {
    const { catalog } = await server(shorter, { isKept: false })
    expect((await catalog.list())[0]).toMatchObject({ live: shorter.version, waits: true })
    await expect(catalog.find('hits')).rejects.toMatchObject({ code: 'PLAN_NOT_FOUND' })
    expect(await catalog.adopt('hits')).toMatchObject({ adopted: { live: now.version } })
  })
})

describe('adopting', () => {
  it("makes the release's plan live, kept before it is named, and repeated changes nothing", async () => {
    const { catalog, store, repository } = await server(shorter)
    const adopted = { adopted: expect.objectContaining({ live: now.version, release: now.version, waits: false }) }
    expect(await catalog.adopt('hits')).toEqual(adopted)
    expect(await repository.record('hits', now.version)).toMatchObject({ code: now.code, dataSets })
    const { revision } = await store.writing('hits')
    expect(await catalog.adopt('hits')).toEqual(adopted)
    expect((await store.writing('hits')).revision).toBe(revision)
  })

  it('is refused where the plan cannot go on from what is there', async () => {
    const { catalog, store } = await server(otherKey)
    expect(await catalog.adopt('hits')).toEqual({
      breaking: expect.stringMatching(/drop-repeats: key .*make it as a new generation/),
    })
    expect((await store.writing('hits')).generations[0]?.plan).toBe(otherKey.version)
  })

  it('of what no job writes, or nobody knows, changes nothing', async () => {
    const { catalog, store } = await server(shorter)
    expect(await catalog.adopt('sessions')).toMatchObject({ adopted: { name: 'sessions', waits: false } })
    expect(await catalog.adopt('clicks')).toBeUndefined()
    expect((await store.writing('sessions')).generations[0]?.plan).toBeNull()
  })

  it("names no version where the server runs from sources: the release's is live, whichever it is", async () => {
    const { catalog, store } = await server(shorter, { built: null })
    await catalog.adopt('hits')
    expect((await store.writing('hits')).generations[0]?.plan).toBeNull()
  })
})

describe('the difference between a server and this release', () => {
  it('tells that code behind the lambdas has changed, where both are builds', async () => {
    const { catalog } = await server(other)
    const api: Pick<Api, 'get'> = {
      async get() {
        return { status: 200, body: JSON.parse(JSON.stringify(await catalog.find('hits'))), headers: new Headers() }
      },
    }
    const built = pipelineOf({ ...hitsPipeline, code: now.code })
    const live = { ...dataSets, sources: '1' }
    const found = await diffServer(api, [built], 'hits', live)
    expect(found.changes).toMatchObject([{ reason: 'code that its steps call has changed', verdict: 'rebuild needed' }])
    expect((await diffServer(api, [pipelineOf({ ...hitsPipeline, code: 'other-code' })], 'hits', live)).verdict).toBe(
      'same',
    )
    expect((await diffServer(api, [hitsPipeline], 'hits', live)).verdict).toBe('same')
  })
})
