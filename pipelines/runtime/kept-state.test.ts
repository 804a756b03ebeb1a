import { describe, expect, it } from 'vitest'
import type { PlanStep } from '../plan/node/step.ts'
import { heirsOf } from './kept-state.ts'

const step = (name: string, was: readonly string[] = []) => ({ name, was }) as PlanStep

describe('saved state', () => {
  it('is gone on with by the step of its name, though another had that name before', () => {
    const heirs = heirsOf([step('new', ['old']), step('old')], ['new', 'old'], 'a job')
    expect([...heirs]).toEqual([
      ['new', 'new'],
      ['old', 'old'],
    ])
  })

  it('is gone on with by the first of the former names that has some', () => {
    expect([...heirsOf([step('c', ['b', 'a'])], ['a'], 'a job')]).toEqual([['c', 'a']])
  })

  it('of one step that nobody goes on with is refused, though another’s is gone on with', () => {
    const heirs = () => heirsOf([step('kept')], ['kept', 'lost'], "job 'hits'")
    expect(heirs).toThrow(/'lost' has saved state in job 'hits', but the plan has no such step/)
  })

  it('is none of a step that has none', () => {
    expect([...heirsOf([step('a'), step('b')], ['b'], 'a job')]).toEqual([['b', 'b']])
  })
})
