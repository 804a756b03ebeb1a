import { describe, expect, it } from 'vitest'
import { KnownTags, maxTags } from './known-tags.ts'

describe('ETags a reader knows', () => {
  it('are the last of each address', () => {
    const tags = new KnownTags()
    tags.remember('/a', '1')
    tags.remember('/a', '2')
    expect(tags.of('/a')).toBe('2')
    expect(tags.of('/b')).toBeUndefined()
  })

  it('are forgotten where there are more than the limit, and not before', () => {
    const tags = new KnownTags()
    for (let index = 0; index < maxTags; index++) tags.remember(`/${index}`, 'x')
    tags.remember('/0', 'y')
    expect([tags.of('/0'), tags.of('/1')]).toEqual(['y', 'x'])
    tags.remember('/more', 'z')
    expect([tags.of('/0'), tags.of('/more')]).toEqual([undefined, 'z'])
  })
})
