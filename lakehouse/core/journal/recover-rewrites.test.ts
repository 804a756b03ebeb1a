import { describe, expect, it } from 'vitest'
import type { RewrittenEntry } from './entries.ts'
import { endOfChain } from './recover-rewrites.ts'

const entry = (replaces: string | null, snapshot: string): RewrittenEntry => ({
  kind: 'rewritten',
  stamp: { at: 0, owner: 'me', number: 0 },
  table: 'hits',
  rewrite: { snapshot, replaces, touched: [] },
})

describe('rewrites since the copy', () => {
  // s1 - r1 - r2        the copy has s1
  it('lead from what the store has to the newest that counted', () => {
    const entries = [entry('s1', 'r1'), entry('r1', 'r2')]
    expect(endOfChain('s1', entries)).toBe('r2')
    expect(endOfChain('r1', entries)).toBe('r2')
    expect(endOfChain('r2', entries)).toBe('r2')
  })

  // s1 - r1 - s2        r9 was on its way from s1 when s2 was published: the store refused it, and it lacks s2's rows
  it('never lead back before the last publication', () => {
    const entries = [entry('s1', 'r1'), entry('s1', 'r9')]
    expect(endOfChain('s2', entries)).toBe('s2')
  })

  // s1 - r1 - (rolled back to s1) - r2
  it('lead back by a rollback, wherever on the way the copy was made', () => {
    const back = [entry('s1', 'r1'), entry('r1', 's1')]
    expect(endOfChain('s1', back)).toBe('s1')
    expect(endOfChain('r1', back)).toBe('s1')
    const on = [...back, entry('s1', 'r2')]
    expect(endOfChain('s1', on)).toBe('r2')
    expect(endOfChain('r1', on)).toBe('r2')
    expect(endOfChain('r2', on)).toBe('r2')
  })

  it('lead on though a clock that was behind wrote the first of them last', () => {
    expect(endOfChain('s1', [entry('r1', 'r2'), entry('s1', 'r1')])).toBe('r2')
  })

  it('that only raised versions lead nowhere, and none leads round in a circle', () => {
    expect(endOfChain('s1', [entry('s1', 'r1'), entry('r1', 'r1')])).toBe('r1')
    expect(endOfChain('a', [entry('a', 'b'), entry('b', 'c'), entry('c', 'a')])).toBe('a')
    expect(endOfChain(null, [])).toBeNull()
  })
})
