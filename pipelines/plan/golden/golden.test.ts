/** Plans as files: a change of what a definition means shows here, and says what the change of the form must be. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { hitsPipeline } from '../../jobs/hits.ts'
import { visits } from '../../jobs/sessions.ts'
import { canonicalJson } from '../canonical.ts'
import type { Pipeline } from '../draft.ts'
import { explainPlan } from '../explain.ts'
import { explainMermaid } from '../explain-mermaid.ts'
import { parsePlan, planOf } from '../node/parse-plan.ts'
import { fixedCount, hoppingDistinct, sessions, stateless } from './plans.ts'

const named = (plans: readonly Pipeline[]) => plans.map((one) => [one.plan.name, one] as const)
const samples = named([stateless, fixedCount, hoppingDistinct, sessions])
// Files of plan and text of the shipped ones are beside them in pipelines/jobs.
const all = [...named([hitsPipeline, visits]), ...samples]

describe.each(samples)('the plan %s', (name, { plan }) => {
  it('is its file; hashes of lambdas left out, for they change with the compiler', async () => {
    const pretty = JSON.stringify(plan, (key, value) => (key === 'code' ? codeless(value) : value), 2)
    await expect(`${pretty}\n`).toMatchFileSnapshot(`${name}.plan.json`)
  })

  it('reads in words as in its file', async () => {
    await expect(explainPlan(plan)).toMatchFileSnapshot(`${name}.plan.txt`)
  })
})

describe.each(all)('the plan %s', (name, { plan, text }) => {
  it('is drawn as in its file', async () => {
    await expect(explainMermaid(plan)).toMatchFileSnapshot(`${name}.plan.mmd`)
  })

  it('is the same bytes after a way through text, in whatever order the text has its keys', () => {
    expect(canonicalJson(parsePlan(text))).toBe(text)
    const turned = JSON.parse(text, (_, value) =>
      value !== null && typeof value === 'object' && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).reverse())
        : value,
    )
    expect(JSON.stringify(turned)).not.toBe(text)
    expect(canonicalJson(planOf(turned))).toBe(text)
  })
})

function codeless(code: unknown): unknown {
  if (typeof code === 'object' && code !== null)
    return Object.fromEntries(Object.keys(code).map((key) => [key, '(code)']))
  return code === null ? null : '(code)'
}

describe('the reference page', () => {
  it('shows the plan fixed-count as it is', () => {
    const page = readFileSync(new URL('../../../docs/reference/pipelines.md', import.meta.url), 'utf8')
    const [, example = ''] = /```ts\n([\s\S]*?)```/.exec(page) ?? []
    expect(example).toContain("'fixed-count'")
    expect(readFileSync(new URL('plans.ts', import.meta.url), 'utf8')).toContain(example)
  })
})
