import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { planVersion } from '../../plan/canonical.ts'
import { sha256Of } from '../../runtime/plans/repository.ts'
import { releasePlan } from './release-plans.ts'

const folder = mkdtempSync(join(tmpdir(), 'hitlake-release-'))
afterAll(() => rmSync(folder, { recursive: true }))

const bundle = Buffer.from('export const pipeline = 1\n')
const entry = {
  ...{ version: planVersion('{}', 'c'), file: 'hits.mjs', sha256: sha256Of(bundle) },
  ...{ code: 'c', text: '{}', format: 1, dataSets: { sources: '1' } },
}

function written(manifest: unknown = { hits: entry }, file: Buffer = bundle): string {
  const made = mkdtempSync(join(folder, 'build-'))
  writeFileSync(join(made, 'manifest.json'), typeof manifest === 'string' ? manifest : JSON.stringify(manifest))
  writeFileSync(join(made, 'hits.mjs'), file)
  return made
}

describe("the release's built plan", () => {
  it('is what the build says of it, with its file', async () => {
    const { file: _, dataSets: inside, ...facts } = entry
    expect(await releasePlan('hits', written())).toEqual({ ...facts, pipeline: 'hits', inside, bundle })
  })

  it('is none beside sources, and of a pipeline that is not made one file', async () => {
    expect(await releasePlan('hits')).toBeUndefined()
    expect(await releasePlan('sessions', written())).toBeUndefined()
  })

  it.each([
    ['is another file than was built', () => written({ hits: entry }, Buffer.from('export const pipeline = 2\n'))],
    ['is listed by no list', () => written('{')],
    ['lies elsewhere', () => written({ hits: { ...entry, file: '../hits.mjs' } })],
    ['has parts missing', () => written({ hits: { ...entry, code: undefined } })],
  ])('that %s stops the start', async (_, place) => {
    await expect(releasePlan('hits', place())).rejects.toMatchObject({ code: 'PLAN_CORRUPT' })
  })

  it('whose file is gone stops the start', async () => {
    const place = written()
    rmSync(join(place, 'hits.mjs'))
    await expect(releasePlan('hits', place)).rejects.toMatchObject({ code: 'PLAN_CORRUPT' })
  })
})
