import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { KeyHolder, KeyRight } from '../../core/ports/control-store.ts'
import {
  authorize,
  authorizeKey,
  bearerKey,
  createKeyDirectory,
  defaultKeyTtlMs,
  defaultUnknownTtlMs,
  hashKey,
  type KeyDirectoryOptions,
  keyMaxLength,
  mintKey,
} from './keys.ts'

const holderOf = (merchant: string, rights: readonly KeyRight[] = ['write']): KeyHolder => ({
  key: { hash: '', merchant: merchant as MerchantId, kind: 'server', rights, origins: [], quota: null, tool: null },
  merchant: {
    id: merchant as MerchantId,
    name: merchant,
    timeZone: 'UTC',
    currency: 'EUR',
    blockedNames: [],
    visitorSeed: '0',
    retentionDays: null,
  },
})

/** A store of keys that counts questions and can be cut off; it answers when it is let. */
function scriptedStore(keys: Record<string, KeyHolder>) {
  const byHash = new Map(Object.entries(keys).map(([key, holder]) => [hashKey(key), holder]))
  const script = { asked: 0, down: false, gate: undefined as Promise<void> | undefined, byHash }
  const findKey = async (hash: string) => {
    script.asked += 1
    const answer = byHash.get(hash)
    await script.gate
    if (script.down) throw new Error('the store does not answer')
    return answer
  }
  return { ...script, script, findKey }
}

function setUp(keys: Record<string, KeyHolder>, options: Partial<KeyDirectoryOptions> = {}) {
  const clock = new ManualClock(0)
  const { script, findKey } = scriptedStore(keys)
  return { clock, script, directory: createKeyDirectory({ store: { findKey }, clock, ...options }) }
}

describe('a key directory', () => {
  it('finds a key that was found before without a promise and without the store', async () => {
    const { directory, script } = setUp({ good: holderOf('shop') })
    expect((await directory.find('good'))?.merchant?.id).toBe('shop')
    const again = directory.find('good')
    expect(again).not.toBeInstanceOf(Promise)
    expect(again).toMatchObject({ merchant: { id: 'shop' } })
    expect(script.asked).toBe(1)
  })

  it('asks once for any number of equal misses at a time', async () => {
    const { directory, script } = setUp({ good: holderOf('shop') })
    const found = await Promise.all(Array.from({ length: 50 }, () => directory.find('good')))
    expect(found.every((holder) => holder?.merchant?.id === 'shop')).toBe(true)
    expect(script.asked).toBe(1)
  })

  it('asks again once what it knows is older than its time to live', async () => {
    const { directory, script, clock } = setUp({ good: holderOf('shop') })
    await directory.find('good')
    clock.advance(defaultKeyTtlMs - 1)
    expect(directory.find('good')).not.toBeInstanceOf(Promise)
    clock.advance(1)
    expect(directory.find('good')).toBeInstanceOf(Promise)
    expect(script.asked).toBe(2)
  })

  it('goes on finding a key it knew while the store does not answer, and says so for one it never knew', async () => {
    const { directory, script, clock } = setUp({ good: holderOf('shop'), other: holderOf('other') })
    await directory.find('good')
    script.down = true
    clock.advance(defaultKeyTtlMs)
    expect((await directory.find('good'))?.merchant?.id).toBe('shop')
    await expect(directory.find('other')).rejects.toThrow('does not answer')
    script.down = false
    expect((await directory.find('other'))?.merchant?.id).toBe('other')
  })

  it('remembers for a short time that a key is unknown', async () => {
    const { directory, script, clock } = setUp({})
    expect(await directory.find('nobody')).toBeUndefined()
    clock.advance(defaultUnknownTtlMs - 1)
    expect(directory.find('nobody')).toBeUndefined()
    expect(script.asked).toBe(1)
    script.byHash.set(hashKey('nobody'), holderOf('late'))
    clock.advance(1)
    expect((await directory.find('nobody'))?.merchant?.id).toBe('late')
  })

  it('loses no good key to a flood of unknown ones', async () => {
    const { directory, script } = setUp({ good: holderOf('shop') }, { maxEntries: 10, maxUnknown: 10 })
    await directory.find('good')
    for (let n = 0; n < 1_000; n += 1) await directory.find(`random-${n}`)
    expect(directory.find('good')).toMatchObject({ merchant: { id: 'shop' } })
    expect(script.asked).toBe(1_001)
  })

  it('forgets the key used least once it holds as many as it may', async () => {
    const { directory, script } = setUp({ a: holderOf('a'), b: holderOf('b'), c: holderOf('c') }, { maxEntries: 2 })
    for (const key of ['a', 'b', 'c']) await directory.find(key)
    expect(directory.find('c')).not.toBeInstanceOf(Promise)
    expect(directory.find('b')).not.toBeInstanceOf(Promise)
    expect(directory.find('a')).toBeInstanceOf(Promise)
    expect(script.asked).toBe(4)
  })

  it('refuses with 503 beyond its number of questions at once, and only keys it does not know', async () => {
    let open: () => void = () => undefined
    const { directory, script, clock } = setUp({ good: holderOf('shop') }, { maxQuestions: 2 })
    await directory.find('good')
    clock.advance(defaultKeyTtlMs)
    script.gate = new Promise((resolve) => {
      open = resolve
    })
    const waiting = [directory.find('x'), directory.find('y')]
    expect(() => directory.find('z')).toThrow(expect.objectContaining({ status: 503, code: 'overloaded' }))
    expect(directory.find('good')).toMatchObject({ merchant: { id: 'shop' } })
    open()
    await Promise.all(waiting)
    expect(await directory.find('z')).toBeUndefined()
  })

  it('takes no text longer than a key can be to the store', () => {
    const { directory, script } = setUp({})
    expect(directory.find('k'.repeat(keyMaxLength + 1))).toBeUndefined()
    expect(script.asked).toBe(0)
    expect(directory.find('k'.repeat(keyMaxLength))).toBeInstanceOf(Promise)
  })

  it('asks again for the keys of a merchant it is told to forget, and for no others', async () => {
    const { directory, script } = setUp({ a: holderOf('a'), b: holderOf('b') })
    await directory.find('a')
    await directory.find('b')
    script.byHash.set(hashKey('a'), holderOf('a', ['read']))
    directory.forgetMerchant('a' as MerchantId)
    expect((await directory.find('a'))?.key.rights).toEqual(['read'])
    expect(directory.find('b')).not.toBeInstanceOf(Promise)
  })

  it('does not keep an answer that was on its way when the merchant was forgotten', async () => {
    let open: () => void = () => undefined
    const { directory, script } = setUp({ a: holderOf('a') })
    script.gate = new Promise((resolve) => {
      open = resolve
    })
    const old = directory.find('a')
    script.byHash.set(hashKey('a'), holderOf('a', ['read']))
    directory.forgetMerchant('a' as MerchantId)
    const fresh = directory.find('a')
    open()
    await old
    expect((await fresh)?.key.rights).toEqual(['read'])
    expect((await directory.find('a'))?.key.rights).toEqual(['read'])
  })

  it('does not keep an answer that came after the merchant was forgotten, though nobody asked again', async () => {
    let open: () => void = () => undefined
    const { directory, script } = setUp({ a: holderOf('a') })
    script.gate = new Promise((resolve) => {
      open = resolve
    })
    const old = directory.find('a')
    directory.forgetMerchant('a' as MerchantId)
    open()
    await old
    expect(directory.find('a')).toBeInstanceOf(Promise)
  })

  it('does not bring a key back that the store no longer had, when the store does not answer', async () => {
    const { directory, script, clock } = setUp({ gone: holderOf('shop') })
    await directory.find('gone')
    script.byHash.clear()
    clock.advance(defaultKeyTtlMs)
    expect(await directory.find('gone')).toBeUndefined()
    script.down = true
    clock.advance(defaultUnknownTtlMs)
    await expect(directory.find('gone')).rejects.toThrow('does not answer')
  })

  it('knows nothing after it was cleared, unknown keys included', async () => {
    const { directory, script } = setUp({ good: holderOf('shop') })
    await directory.find('good')
    await directory.find('nobody')
    directory.clear()
    await Promise.all([directory.find('good'), directory.find('nobody')])
    expect(script.asked).toBe(4)
  })
})

describe('a minted key', () => {
  it('says what it is for and carries 32 random bytes that a URL can hold', () => {
    const random = seededRandom(1)
    expect(mintKey(random, 'write')).toMatch(/^hl_w_[A-Za-z0-9_-]{43}$/)
    expect(mintKey(random, 'read')).toMatch(/^hl_r_[A-Za-z0-9_-]{43}$/)
    expect(mintKey(random, 'admin')).toMatch(/^hl_a_[A-Za-z0-9_-]{43}$/)
    expect(mintKey(random, 'admin')).not.toBe(mintKey(random, 'admin'))
  })

  it('is kept as its SHA-256', () => {
    // FIPS 180-2, appendix B.1
    expect(hashKey('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  })
})

describe('asking for a right', () => {
  it('answers 401 no_key without a key, 401 bad_key for a strange one, 403 forbidden without the right', async () => {
    const { directory } = setUp({ good: holderOf('shop', ['read']) })
    expect(() => authorizeKey(directory, undefined, 'read')).toThrow(
      expect.objectContaining({ status: 401, code: 'no_key' }),
    )
    expect(() => authorizeKey(directory, '', 'read')).toThrow(expect.objectContaining({ code: 'no_key' }))
    await expect(authorizeKey(directory, 'strange', 'read')).rejects.toMatchObject({ status: 401, code: 'bad_key' })
    await expect(authorizeKey(directory, 'good', 'write')).rejects.toMatchObject({ status: 403, code: 'forbidden' })
    expect(authorizeKey(directory, 'good', 'read')).toMatchObject({ merchant: { id: 'shop' } })
  })

  it('takes no right for another: an administrator does not write, a writer does not administer', () => {
    expect(() => authorize(holderOf('a', ['admin']), 'write')).toThrow(expect.objectContaining({ code: 'forbidden' }))
    expect(() => authorize(holderOf('a', ['write', 'read', 'historical']), 'admin')).toThrow(
      expect.objectContaining({ code: 'forbidden' }),
    )
  })

  it('reads the key of a Bearer header in any spelling of the scheme, and of nothing else', () => {
    expect(bearerKey('Bearer k')).toBe('k')
    expect(bearerKey('bearer  k ')).toBe('k')
    for (const header of [undefined, '', 'Bearer', 'Bearer ', 'Basic k', 'Bearer a b', 'k'])
      expect(bearerKey(header)).toBeUndefined()
  })
})
