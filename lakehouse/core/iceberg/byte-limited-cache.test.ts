import { describe, expect, it } from 'vitest'
import { ByteLimitedCache } from './byte-limited-cache.ts'

describe('a cache limited by bytes', () => {
  it('holds exactly its limit, and lets go of the one unused longest beyond it', () => {
    const cache = new ByteLimitedCache<string>(10)
    cache.set('a', 'A', 5)
    cache.set('b', 'B', 5)
    expect([cache.get('a'), cache.get('b'), cache.bytes]).toEqual(['A', 'B', 10])
    cache.get('a')
    cache.set('c', 'C', 1)
    expect([cache.get('a'), cache.get('b'), cache.get('c'), cache.bytes]).toEqual(['A', undefined, 'C', 6])
  })

  it('counts a name set twice once', () => {
    const cache = new ByteLimitedCache<string>(10)
    cache.set('a', 'A', 9)
    cache.set('a', 'B', 4)
    expect([cache.get('a'), cache.bytes]).toEqual(['B', 4])
  })

  it('does not keep what is larger than all of it, nor drop others for it', () => {
    const cache = new ByteLimitedCache<string>(10)
    cache.set('a', 'A', 5)
    cache.set('huge', 'H', 11)
    expect([cache.get('a'), cache.get('huge'), cache.bytes]).toEqual(['A', undefined, 5])
  })
})
