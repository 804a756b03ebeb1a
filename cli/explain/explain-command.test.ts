import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { hitsPipeline } from '../../pipelines/jobs/hits.ts'
import { visits } from '../../pipelines/jobs/sessions.ts'
import { versionOf } from '../../pipelines/plan/draft.ts'
import { explainPlan } from '../../pipelines/plan/explain.ts'
import type { Api } from '../client/api.ts'
import { createPipelineCatalog } from './catalog.ts'
import { diffServer, diffText, diffTwo, type ExplainOptions, explainPipelines, printDiff } from './explain-command.ts'
import { loadPipelines } from './release-pipelines.ts'

const folder = mkdtempSync(join(tmpdir(), 'hitlake-explain-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

const pipelines = await loadPipelines()
function printed(name: string | undefined, options: ExplainOptions = {}): string[] {
  const lines: string[] = []
  explainPipelines(pipelines, name, options, { out: (line) => lines.push(line) })
  return lines
}

describe('explain', () => {
  it('prints one pipeline, or all of them, in words', () => {
    expect(printed('hits')).toEqual([explainPlan(hitsPipeline.plan).trimEnd()])
    expect(printed(undefined)).toHaveLength(2)
  })

  it('prints a drawing, or the plan that diff reads', () => {
    expect(printed('hits', { mermaid: true })[0]).toMatch(/^flowchart TD\n {2}s0\(\["read hits/)
    expect(printed(undefined, { json: true })).toEqual([hitsPipeline.text, visits.text])
  })

  it('speaks of plans that were built apart, where a folder of them is named, and of no others', async () => {
    await expect(loadPipelines(folder)).rejects.toThrow(`there is no plan of 'hits' in ${folder}`)
  })

  it('names the pipelines that there are, where one is not', () => {
    expect(() => printed('clicks')).toThrow("there is no pipeline 'clicks'; there are hits, sessions")
  })
})

describe('diff', () => {
  const other = hitsPipeline.text.replace('"withinMs":86400000', '"withinMs":3600000')

  it('compares files and pipelines of this release', async () => {
    expect((await diffTwo(pipelines, 'hits', file('same.json', hitsPipeline.text))).verdict).toBe('same')
    expect((await diffTwo(pipelines, file('hour.json', other), 'hits')).changes).toMatchObject([
      { step: 'drop-repeats', what: 'longer time', verdict: 'redeploy' },
    ])
  })

  it('says what it cannot read', async () => {
    await expect(diffTwo(pipelines, 'hits', join(folder, 'none.json'))).rejects.toThrow(
      'neither a file that can be read nor',
    )
    await expect(diffTwo(pipelines, 'hits', file('broken.json', '{'))).rejects.toThrow(
      'this is no plan: it is not JSON',
    )
  })

  it('compares what a server runs with this release, data sets too', async () => {
    const dataSets = { isbot: '5' }
    const catalog = createPipelineCatalog({ load: loadPipelines, dataSets: async () => dataSets })
    const api: Pick<Api, 'get'> = {
      async get(path) {
        const found = await catalog.find(path.split('/').at(-1) ?? '')
        return { status: 200, body: JSON.parse(JSON.stringify(found)), headers: new Headers() }
      },
    }
    expect((await diffServer(api, pipelines, 'hits', dataSets)).verdict).toBe('same')
    const newer = await diffServer(api, pipelines, 'hits', { isbot: '6' })
    expect(newer.changes).toMatchObject([{ what: "data set 'isbot': 5 became 6", verdict: 'rebuild needed' }])
    await expect(diffServer(api, pipelines, 'clicks', {})).rejects.toThrow("there is no pipeline 'clicks'")
  })

  it('prints each change with its reason and what comes next, and ends with 1 where a deployment is not all', async () => {
    const lines: string[] = []
    const terminal = { out: (line: string) => lines.push(line) }
    const small = await diffTwo(pipelines, file('a.json', other), 'hits')
    expect(printDiff(small, 'text', terminal)).toBe(0)
    expect(lines).toEqual([
      'redeploy',
      '  drop-repeats: longer time (redeploy)',
      '    keys older than 1h are forgotten already; it is complete 24h from now',
      '    next: deploy',
    ])
    const grave = await diffTwo(
      pipelines,
      file('b.json', hitsPipeline.text.replace('"unit":"hour"', '"unit":"day"')),
      'hits',
    )
    expect(printDiff(grave, 'json', terminal)).toBe(1)
    expect(JSON.parse(lines.at(-1) ?? '')).toEqual(JSON.parse(JSON.stringify(grave)))
    expect(diffText(grave)).toContain('  hourly: rebuild; daily follows by itself')
  })
})

describe('the catalog', () => {
  const catalog = createPipelineCatalog({ load: loadPipelines, dataSets: async () => ({}) })

  it('shows the pipelines of this release, by the hash that rows carry', async () => {
    expect(await catalog.list()).toEqual([
      {
        ...{ name: 'hits', hash: hitsPipeline.hash({}), runs: 'stream', jobs: hitsPipeline.plan.jobs },
        ...{ live: versionOf(hitsPipeline), release: versionOf(hitsPipeline), waits: false },
      },
      {
        ...{ name: 'sessions', hash: visits.hash({}), runs: 'bounded', jobs: {} },
        ...{ live: versionOf(visits), release: versionOf(visits), waits: false },
      },
    ])
    expect(await catalog.find('clicks')).toBeUndefined()
  })

  it('compares what is sent with what runs, in this order', async () => {
    const body = JSON.parse(hitsPipeline.text.replace('"withinMs":86400000', '"withinMs":3600000'))
    expect(await catalog.diff('hits', body)).toMatchObject({ changes: [{ what: 'shorter time' }] })
    await expect(catalog.diff('hits', { format: 2 })).rejects.toThrow('form 2 is of a newer release')
  })
})
