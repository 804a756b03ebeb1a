import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { hitsPipeline } from '../../pipelines/jobs/hits.ts'
import { pipelineFormat } from '../../pipelines/plan/draft.ts'
import { changedSources, hitsEntry as entry, sources as root } from '../../pipelines/test/support/built-releases.ts'
import { sourceData } from '../../schemas/sources/known-sources.ts'
import { bundlePlan } from './bundle-plan.mjs'

const made = await bundlePlan({ entry, root })

const copied = changedSources()
const copy = copied.root
afterAll(() => copied.remove())
/** What is made where the text of a file is another. */
const changed = (file: string, from: string, to: string) => copied.bundle([{ file, from, to }])

const steps = ({ text }: { readonly text: string }) =>
  new Map((JSON.parse(text).steps as { name: string }[]).map((step) => [step.name, JSON.stringify(step)]))

describe('the file of a plan', () => {
  it('is the same bytes, made twice and in another folder', async () => {
    expect(await bundlePlan({ entry, root })).toEqual(made)
    expect(await bundlePlan({ entry, root: copy })).toEqual(made)
  })

  it('needs nothing beside it but Node, and has no comments of the sources', () => {
    const imports = [...made.bundle.matchAll(/^import .* from "(.*)";$/gm)].map(([, name]) => name)
    expect(imports.filter((name) => !name?.startsWith('node:'))).toEqual([])
    expect(made.bundle).not.toMatch(/\brequire\(|import\(|import\.meta/)
    expect(made.bundle).not.toContain('Start reading here')
    expect(made.bundle).not.toContain(root)
  })

  it('holds the plan of the sources, its form, and what data sets are inside', () => {
    const codeless = (text: string) => JSON.parse(text, (key, value) => (key === 'code' ? null : value))
    expect(codeless(made.text)).toEqual(codeless(hitsPipeline.text))
    expect(made).toMatchObject({ format: pipelineFormat, dataSets: { sources: sourceData.version } })
  })
})

describe('the version of a plan', () => {
  it('is the same where a comment or the layout changed', async () => {
    const commented = await changed(
      'pipelines/jobs/enrich.ts',
      'const ownAgent',
      '// Another reason.\n\n  const ownAgent',
    )
    expect(commented).toMatchObject({ code: made.code, text: made.text })
  })

  it('is another where a function changed that a step calls, though the plan is the same', async () => {
    const called = await changed('pipelines/jobs/page-path.ts', '.slice(0, pathMaxLength)', '.slice(1, pathMaxLength)')
    expect(called.text).toBe(made.text)
    expect(called.code).not.toBe(made.code)
  })

  it('names the step alone where a lambda itself changed', async () => {
    const own = await changed('pipelines/jobs/hits.ts', '(hit) => !hit.bot', '(hit) => hit.bot !== true')
    expect(own.code).toBe(made.code)
    const [was, is] = [steps(made), steps(own)]
    expect([...is].filter(([name, step]) => was.get(name) !== step).map(([name]) => name)).toEqual(['no-bots'])
  })

  it('is told by the plan alone where the definition changed', async () => {
    const longer = await changed('pipelines/jobs/hits.ts', "within: '24h'", "within: '48h'")
    expect(longer.text).not.toBe(made.text)
    expect(longer.code).toBe(made.code)
  })

  it('is the same where what builds plans, or a data set inside, changed', async () => {
    const builder = await changed('pipelines/plan/draft.ts', 'is given no function', 'has no function')
    expect(builder.sha256).not.toBe(made.sha256)
    expect(builder).toMatchObject({ code: made.code, text: made.text })
    const data = await changed('schemas/sources/sources.v1.json', '"gclid"', '"gclid2"')
    expect(data.sha256).not.toBe(made.sha256)
    expect(data).toMatchObject({ code: made.code, text: made.text })
  })

  it('is the same where a function moved to another file', async () => {
    const place = join(copy, 'pipelines/jobs/urls.ts')
    const own = 'export function parseUrl(text: string): URL | null {\n  return URL.parse(text)\n}\n'
    writeFileSync(place, own)
    const elsewhere = "import { parseUrl } from './urls.ts'\nexport { parseUrl }\n"
    const moved = await changed('pipelines/jobs/page-path.ts', own, elsewhere)
    rmSync(place)
    expect(moved).toMatchObject({ code: made.code, text: made.text })
  })
})

it('a file that cannot stand alone is not made', async () => {
  writeFileSync(join(copy, 'core/lonely.ts'), "import { x } from './nowhere.ts'\nexport const pipeline = x\n")
  await expect(bundlePlan({ entry: 'core/lonely.ts', root: copy })).rejects.toThrow()
})
