import { describe, expect, it } from 'vitest'
import { decideBase } from './decide-base.ts'

describe('the plan that is live after a start', () => {
  it.each([
    ['nothing was ever recorded', null, 'same', 'wait', 'take over'],
    ['nothing was ever recorded, whatever the policy', null, 'same', 'adopt', 'take over'],
    ['it is the one of the release', 'new', 'same', 'wait', 'same'],
    ['it is the one of the release, whatever the policy', 'new', 'same', 'adopt', 'same'],
    ['the release makes the same rows', 'old', 'same', 'wait', 'take over'],
    ['what is there is right, and goes on', 'old', 'redeploy', 'wait', 'take over'],
    ['rows of the past would differ', 'old', 'rebuild needed', 'wait', 'wait'],
    ['it cannot go on from what is there', 'old', 'breaking', 'wait', 'wait'],
    ['it cannot be read', 'old', null, 'wait', 'wait'],
    ['rows of the past would differ, and every release takes over', 'old', 'rebuild needed', 'adopt', 'take over'],
    ['it cannot go on, and every release takes over', 'old', 'breaking', 'adopt', 'take over'],
    ['it cannot be read, and every release takes over', 'old', null, 'adopt', 'take over'],
  ] as const)('where %s', (_, live, diff, policy, decided) => {
    expect(decideBase({ live, release: 'new', diff, policy })).toBe(decided)
  })
})
