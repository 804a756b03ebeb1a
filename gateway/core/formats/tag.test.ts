import { describe, expect, it } from 'vitest'
import { contentHash, entityTag, type TagFacts, tagsMaxLength, tagToKeep } from './tag.ts'

const facts: TagFacts = {
  format: 'json',
  hash: 'a-Hash_of22characters0',
  complete: false,
  asOfMs: 1_800_000_000_000,
  served: { cache: 1, rollup: 2, daily: 3, sessions: 4, raw: 5 },
}
const tag = entityTag(facts)

describe('an entity tag', () => {
  it('is strong, and differs wherever a byte of the body does', () => {
    expect(tag).toMatch(/^"[\x21\x23-\x7e]+"$/)
    const others = [
      { format: 'csv' as const },
      { hash: 'another' },
      { complete: true },
      { asOfMs: facts.asOfMs + 1 },
      { served: { ...facts.served, cache: 12, rollup: 2 } },
      { served: { ...facts.served, cache: 1, rollup: 22 } },
    ].map((change) => entityTag({ ...facts, ...change }))
    expect(new Set([tag, ...others]).size).toBe(others.length + 1)
  })

  it('is kept while the numbers stand, at another asOf and from another source, as it was sent', () => {
    const later = entityTag({ ...facts, asOfMs: facts.asOfMs + 60_000, served: { ...facts.served, cache: 9 } })
    expect(tagToKeep(tag, later)).toBe(tag)
    expect(tagToKeep(`"x", W/${tag} , "y"`, later)).toBe(tag)
    expect(tagToKeep('*', later)).toBe(later)
  })

  it('is not kept where the answer says something else, or by what is no tag of ours', () => {
    for (const change of [{ format: 'csv' as const }, { hash: 'a-Hash_of22characters1' }, { complete: true }]) {
      expect(tagToKeep(tag, entityTag({ ...facts, ...change }))).toBeUndefined()
    }
    for (const sent of [undefined, '', '""', tag.slice(0, -1), tag.slice(1), `${tag.slice(0, -1)}\r\nx: y"`]) {
      expect(tagToKeep(sent, tag), sent).toBeUndefined()
    }
  })

  it('hashes the parts of a content, not only their text', () => {
    const hashes = [['ab', 'c'], ['a', 'bc'], ['abc'], ['abc', ''], ['c', 'ab']].map(contentHash)
    expect(new Set(hashes).size).toBe(hashes.length)
    expect(contentHash(['ab', 'c'])).toBe(hashes[0])
  })

  it('is looked for in a header of a stated length', () => {
    const padded = (length: number) => `${tag},`.padEnd(length, 'x')
    expect(tagToKeep(padded(tagsMaxLength), tag)).toBe(tag)
    expect(tagToKeep(padded(tagsMaxLength + 1), tag)).toBeUndefined()
  })
})
