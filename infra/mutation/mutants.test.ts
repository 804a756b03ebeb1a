/** Holds the planted bugs to the code they are planted in: a bug whose place is gone proves nothing any more. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { occurrences, planted } from './mutant.ts'
import { mutants } from './mutants/all.ts'
import { page, type Results } from './page.ts'

const pathOf = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const textOf = (path: string) => readFileSync(pathOf(path), 'utf8')

describe('planted bugs', () => {
  it('are at least 30, each with a name of its own', () => {
    expect(mutants.length).toBeGreaterThanOrEqual(30)
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length)
  })

  it.each(mutants)('$name is planted where its text occurs exactly once', (mutant) => {
    expect(occurrences(textOf(mutant.file), mutant.search)).toBe(1)
    expect(mutant.replace).not.toBe(mutant.search)
  })

  it('name tests that exist', () => {
    const missing = mutants.flatMap(({ tests }) => tests).filter((path) => !existsSync(pathOf(path)))
    expect(missing).toEqual([])
  })

  it('are all on their page, each with the test that caught it', () => {
    const results = JSON.parse(textOf('infra/mutation/results.json')) as Results
    expect(Object.keys(results)).toEqual(mutants.map(({ name }) => name))
    expect(textOf('docs/reference/planted-bugs.md')).toBe(page(mutants, results))
  })
})

describe('planting a bug', () => {
  const mutant = {
    name: 'a-bug',
    file: 'a.ts',
    search: 'a < b',
    replace: "a <= b && '$&' !== ''",
    wrong: '',
    tests: ['a.test.ts'],
  } as const

  it('changes its one place and nothing else', () => {
    expect(planted('if (a < b) f(a)', mutant)).toBe("if (a <= b && '$&' !== '') f(a)")
  })

  it('is refused where the text is gone or is there twice', () => {
    expect(() => planted('if (b > a) f(a)', mutant)).toThrow(/a-bug: the text to replace occurs 0 times in a.ts/)
    expect(() => planted('a < b || a < b', mutant)).toThrow(/occurs 2 times/)
  })
})
