import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { goalOf, goals, withGoals } from './goals.ts'
import { heldByTests } from './held.ts'
import { resultsFolder } from './record.ts'
import { suites } from './suites.ts'

describe('the list of goals', () => {
  it('has each goal once, and each figure answers one goal', () => {
    const names = goals.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    const figures = goals.flatMap((goal) => goal.figures)
    expect(new Set(figures).size).toBe(figures.length)
  })

  it('names suites that the command knows, or a longer run of one', () => {
    const known = suites.map(({ name }) => name)
    // Those of issue 9 come from commands of their own.
    for (const figure of goals.filter(({ issue }) => issue !== 9).flatMap((goal) => goal.figures)) {
      const [suite = ''] = figure.split(': ')
      expect(known.some((name) => suite === name || suite.startsWith(`${name}-`)) ? '' : suite).toBe('')
    }
  })

  it('gives a recorded figure its goal and issue, and leaves others as they are', () => {
    const figures = [
      { name: 'collector: batches of 50', value: 1, unit: 'ratio' },
      { name: 'tea', value: 1, unit: 'ratio' },
    ]
    expect(withGoals('collector', figures)).toEqual([
      { ...figures[0], goal: { at: 'least', value: 0.6 }, issue: 3 },
      figures[1],
    ])
  })

  it('decides, and not the figure, where both say what is wanted', () => {
    const figure = { name: 'collector: batches of 50', goal: { at: 'least', value: 0.1 }, issue: 9 } as const
    expect(goalOf('collector', figure)).toMatchObject({ value: 0.6, issue: 3 })
    expect(goalOf('tea', figure)).toMatchObject({ value: 0.1, issue: 9 })
  })

  it('names tests that exist for what is no figure', () => {
    const root = join(resultsFolder, '..', '..')
    for (const { test } of heldByTests) expect(existsSync(join(root, test)) ? '' : test).toBe('')
  })
})
