import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { suites, suitesNamed } from './suites.ts'

const here = fileURLToPath(new URL('.', import.meta.url))

describe('the suites of the command', () => {
  it('have names of their own, and take less time quickly than fully', () => {
    expect(new Set(suites.map(({ name }) => name)).size).toBe(suites.length)
    for (const { full, quick } of suites) expect(quick.seconds).toBeLessThanOrEqual(full.seconds)
  })

  it('are programs that exist', () => {
    for (const { program } of suites) expect(existsSync(`${here}/${program}.ts`) ? '' : program).toBe('')
  })

  it('leave no file of pairs out', () => {
    const files = readdirSync(here).filter((file) => file.endsWith('.bench.ts'))
    const run = suites.filter(({ program }) => program === 'run-suite').map(({ name }) => `${name}.bench.ts`)
    expect(run.sort()).toEqual(files.sort())
  })

  it('are chosen by whole names, and by parts that are no whole name', () => {
    const chosen = (...parts: string[]) => suitesNamed(parts).map(({ name }) => name)
    expect(chosen('cells')).toEqual(['cells'])
    expect(chosen('rerun-')).toEqual(['rerun-memory', 'rerun-live', 'rerun-live-paced'])
    expect(chosen('idle', 'star')).toEqual(['start', 'idle'])
    expect(chosen('nobody')).toEqual([])
    expect(suitesNamed([])).toBe(suites)
  })

  it('that take too long for all are chosen by their whole names only', () => {
    expect(suitesNamed(['month']).map(({ name }) => name)).not.toContain('lake-month-full-days')
    expect(suitesNamed(['lake-month-full-days'])).toHaveLength(1)
  })
})
