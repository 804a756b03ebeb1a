import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { memoryObjectStore } from '../../../core/adapters/memory/memory-object-store.ts'
import { bundlePlan } from '../../../infra/build/bundle-plan.mjs'
import { openBundleIn } from '../../adapters/plans/open-bundle.ts'
import { hitsPipeline } from '../../jobs/hits.ts'
import { planVersion } from '../../plan/canonical.ts'
import { pipelineFormat, versionOf } from '../../plan/draft.ts'
import { builtPlan, hitsEntry, sources } from '../../test/support/built-releases.ts'
import { asBuilt } from './as-built.ts'
import { type BuiltPlan, decodeRecord, encodeRecord } from './plan-record.ts'
import { createPlanVersions } from './plan-versions.ts'
import { createPlanRepository } from './repository.ts'

const cache = mkdtempSync(join(tmpdir(), 'hitlake-plans-'))
afterAll(() => rmSync(cache, { recursive: true }))

const built = builtPlan(await bundlePlan({ entry: hitsEntry, root: sources }))
const facts = { dataSets: { isbot: '5', sources: '1' }, at: 1_000 }
const recordName = `plans/hits/${built.version}.json`
const bundleName = `plans/hits/${built.version}.${built.sha256.slice(0, 16)}.mjs`

async function kept(plan: BuiltPlan = built) {
  const objects = memoryObjectStore()
  const opened: string[] = []
  const open = openBundleIn(cache)
  const repository = createPlanRepository({
    objects,
    open: (bytes, sha256) => {
      opened.push(sha256)
      return open(bytes, sha256)
    },
  })
  await repository.save(plan, facts)
  return { objects, repository, opened }
}

/** Another file of the same plan. */
function withFile(text: string, changes: Partial<BuiltPlan> = {}): Promise<BuiltPlan> {
  const bundle = Buffer.from(text)
  return crypto.subtle
    .digest('SHA-256', bundle)
    .then((hash) => ({ ...built, ...changes, bundle, sha256: Buffer.from(hash).toString('hex') }))
}

describe('a plan that is kept', () => {
  it('is loaded from its bytes, with all that a runner needs, under its version', async () => {
    const { repository } = await kept()
    const { pipeline, record } = await repository.load('hits', built.version)
    expect(pipeline.plan).not.toBe(hitsPipeline.plan)
    expect([...pipeline.lambdas.keys()]).toEqual([...hitsPipeline.lambdas.keys()])
    expect([...pipeline.sinks.keys()]).toEqual([...hitsPipeline.sinks.keys()])
    expect(versionOf(pipeline)).toBe(built.version)
    expect(record).toMatchObject({ text: built.text, ...facts })
    expect(await repository.list('hits')).toEqual([built.version])
    expect(await repository.list('sessions')).toEqual([])
  })

  it('is shown without running it', async () => {
    const { repository, opened } = await kept()
    expect(await repository.record('hits', built.version)).toMatchObject({ code: built.code, inside: { sources: '1' } })
    expect(opened).toEqual([])
  })

  it('gives rows the hash that its own release gives them, by the data sets that each of them reads', async () => {
    const { repository } = await kept()
    const { pipeline } = await repository.load('hits', built.version)
    const own = asBuilt(hitsPipeline, built)
    expect(pipeline.hash({ isbot: '6', sources: '1' })).toBe(own.hash({ isbot: '6', sources: '1' }))
    // A later release has other sources; the file has its own inside.
    expect(pipeline.hash({ isbot: '6', sources: '2' })).toBe(own.hash({ isbot: '6', sources: '1' }))
    expect(pipeline.hash({ isbot: '7', sources: '1' })).not.toBe(own.hash({ isbot: '6', sources: '1' }))
  })

  it('stays what it was when it is saved again', async () => {
    const { objects, repository } = await kept()
    const before = [await objects.get(recordName), await objects.get(bundleName)]
    await repository.save(built, { dataSets: {}, at: 9_000 })
    expect([await objects.get(recordName), await objects.get(bundleName)]).toEqual(before)
  })

  it('stays what it was when another build of the same version is saved', async () => {
    const { repository } = await kept()
    await repository.save(await withFile('export const pipeline = 1\n'), facts)
    expect((await repository.load('hits', built.version)).record.sha256).toBe(built.sha256)
  })
})

describe('a plan that cannot be had', () => {
  it('was never saved', async () => {
    const { repository } = await kept()
    await expect(repository.load('hits', '0123456789abcdef')).rejects.toMatchObject({
      code: 'PLAN_NOT_FOUND',
      pipeline: 'hits',
      version: '0123456789abcdef',
    })
    await expect(repository.record('sessions', built.version)).rejects.toMatchObject({ code: 'PLAN_NOT_FOUND' })
  })

  it.each([
    ['its file is gone', async (objects) => objects.remove(bundleName)],
    ['one byte of its file is another', async (objects) => objects.put(bundleName, turned(built.bundle, 400))],
    ['its file is cut off', async (objects) => objects.put(bundleName, built.bundle.subarray(0, -1))],
    ['its record is no JSON', async (objects) => objects.put(recordName, Buffer.from('{'))],
    [
      'one byte of its record is another',
      async (objects) => {
        const bytes = (await objects.get(recordName)) as Buffer
        await objects.put(recordName, turned(bytes, bytes.indexOf('"at"') + 6))
      },
    ],
    [
      'its record is that of another version',
      async (objects) => {
        const code = '0123456789abcdef'
        const other = { ...recordOf(built), code, version: planVersion(built.text, code) }
        await objects.put(recordName, encodeRecord(other))
      },
    ],
  ] as [string, (objects: ReturnType<typeof memoryObjectStore>) => Promise<void>][])(
    'is damaged where %s, runs nothing, and is whole after it is saved again',
    async (_, damage) => {
      const { objects, repository, opened } = await kept()
      await damage(objects)
      await expect(repository.load('hits', built.version)).rejects.toMatchObject({ code: 'PLAN_CORRUPT' })
      expect(opened).toEqual([])
      await repository.save(built, facts)
      expect((await repository.load('hits', built.version)).record).toMatchObject(facts)
    },
  )

  it('is of a form that this release does not know, and nothing of it runs', async () => {
    const { repository, opened } = await kept({ ...built, format: pipelineFormat + 1 })
    await expect(repository.load('hits', built.version)).rejects.toMatchObject({ code: 'PLAN_FORMAT_UNKNOWN' })
    expect(opened).toEqual([])
  })

  it('has a text of a later form', async () => {
    const text = built.text.replace('"format":1', '"format":2')
    const later = { ...built, text, version: planVersion(text, built.code) }
    const { repository } = await kept(later)
    await expect(repository.load('hits', later.version)).rejects.toThrow('form 2 is of a newer release')
  })

  it.each([
    ['it throws when it loads', 'throw new Error("too old")', 'does not load: too old'],
    ['it is no module', 'export {', 'does not load'],
    ['it holds no pipeline', 'export const pipelineFormat = 1', 'does not hold the pipeline'],
    ['it says another form', 'export const pipelineFormat = 2, pipeline = {}', 'does not hold the pipeline'],
  ])('has a file of something else: %s', async (_, text, message) => {
    const { repository } = await kept(await withFile(`${text}\n`))
    await expect(repository.load('hits', built.version)).rejects.toMatchObject({
      code: 'PLAN_FORMAT_UNKNOWN',
      message: expect.stringContaining(message),
    })
  })

  it('contradicts itself, and is not saved', async () => {
    const objects = memoryObjectStore()
    const repository = createPlanRepository({ objects, open: openBundleIn(cache) })
    for (const wrong of [
      { ...built, code: 'other' },
      { ...built, bundle: built.bundle.subarray(1) },
    ]) {
      await expect(repository.save(wrong, facts)).rejects.toMatchObject({ code: 'PLAN_CORRUPT' })
    }
    expect(await objects.list('')).toEqual([])
  })
})

describe('plans by version', () => {
  it("are the release's own from its modules, and others from the repository, once each", async () => {
    const { repository, opened } = await kept()
    const release = asBuilt(hitsPipeline, built)
    expect(await createPlanVersions({ release, repository }).load(built.version)).toBe(release)
    expect(opened).toEqual([])
    const versions = createPlanVersions({ release: hitsPipeline, repository })
    const [one, two] = await Promise.all([versions.load(built.version), versions.load(built.version)])
    expect(one).toBe(two)
    expect(opened).toHaveLength(1)
  })

  it('are asked for again where one could not be had', async () => {
    const { objects, repository } = await kept()
    const versions = createPlanVersions({ release: hitsPipeline, repository })
    await objects.remove(bundleName)
    await expect(versions.load(built.version)).rejects.toThrow('is missing')
    await objects.put(bundleName, built.bundle)
    expect(versionOf(await versions.load(built.version))).toBe(built.version)
  })
})

describe("the release's own pipeline", () => {
  it('has the version that its build gave it', () => {
    const own = asBuilt(hitsPipeline, built)
    expect(versionOf(own)).toBe(built.version)
    expect(own.lambdas).toBe(hitsPipeline.lambdas)
  })

  it('is refused where the build is of other modules', () => {
    const text = built.text.replaceAll('no-bots', 'no-robots')
    const other = { ...built, text, version: planVersion(text, built.code) }
    expect(() => asBuilt(hitsPipeline, other)).toThrow('not of these modules')
    expect(() => asBuilt(hitsPipeline, { ...built, version: '0' })).toThrow('not of these modules')
  })
})

it('a record keeps what a later release puts beside', () => {
  const record = { ...recordOf(built), later: 1 }
  expect(decodeRecord('x', encodeRecord(record))).toEqual(recordOf(built))
})

function recordOf({ bundle: _, ...rest }: BuiltPlan) {
  return { ...rest, ...facts }
}

function turned(bytes: Uint8Array, at: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}
