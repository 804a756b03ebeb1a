import { describe, expect, it } from 'vitest'
import type { MerchantId } from '../../core/ids.ts'
import type { StoredKey } from '../../core/ports/control-store.ts'
import { canonicalOrigin, checkOrigin, originMaxLength } from './origins.ts'
import { ProblemError } from './problem.ts'

const keyOf = (origins: readonly string[], kind: StoredKey['kind'] = 'browser'): StoredKey => ({
  hash: '',
  merchant: 'demo' as MerchantId,
  kind,
  rights: ['write'],
  origins,
  quota: null,
  tool: null,
})

function passes(key: StoredKey, origin?: string, referer?: string): boolean {
  try {
    checkOrigin(key, { origin, referer })
    return true
  } catch (error) {
    expect(error).toMatchObject({ status: 403, code: 'bad_origin' })
    expect(error).toBeInstanceOf(ProblemError)
    return false
  }
}

describe('an origin', () => {
  it.each([
    ['https://shop.example', 'https://shop.example'],
    ['HTTPS://Shop.Example', 'https://shop.example'],
    ['https://shop.example:443', 'https://shop.example'],
    ['http://localhost:3000', 'http://localhost:3000'],
    ['http://[::1]:3000', 'http://[::1]:3000'],
    ['https://größe.example', 'https://xn--gre-6ka8i.example'],
    ['https://*.shop.example', 'https://*.shop.example'],
    ['https://*.Shop.example:8443', 'https://*.shop.example:8443'],
  ])('%s is kept as browsers write it', (text, kept) => {
    expect(canonicalOrigin(text)).toBe(kept)
  })

  it.each([
    '',
    'shop.example',
    'https://',
    'https://shop.example/',
    'https://shop.example/cart',
    'https://shop.example?x',
    'https://user@shop.example',
    'https://shop.example:99999',
    'https://*',
    'https://*.',
    'https://*.*.example',
    'https://shop.*.example',
    'https://a b.example',
    'ftp://shop.example',
    'javascript:alert(1)',
    'null',
    '*',
  ])('%j is none', (text) => {
    expect(canonicalOrigin(text)).toBeUndefined()
  })

  it('has a limit of length', () => {
    const long = (length: number) => `https://${'a.'.repeat(length)}`.slice(0, length - 1).concat('a')
    expect(canonicalOrigin(long(200))).toBe(long(200))
    expect(canonicalOrigin(`https://a:${'0'.repeat(originMaxLength)}1`)).toBeUndefined()
  })
})

describe('a key bound to origins', () => {
  const key = keyOf(['https://shop.example', 'https://*.shop.example', 'http://localhost:3000'])

  it('passes requests of these origins', () => {
    for (const origin of [
      'https://shop.example',
      'https://www.shop.example',
      'https://a.b.shop.example',
      'http://localhost:3000',
    ]) {
      expect(passes(key, origin), origin).toBe(true)
    }
  })

  it('refuses all others, whatever they look like', () => {
    for (const origin of [
      'https://evil.example',
      'http://shop.example',
      'https://shop.example:8443',
      'https://evilshop.example',
      'https://shop.example.evil.example',
      'https://.shop.example',
      'https://evil.example/.shop.example',
      'https://evil.example?.shop.example',
      'https://evil.example#.shop.example',
      'https://*.shop.example@evil.example',
      'http://localhost',
      'null',
      '',
    ]) {
      expect(passes(key, origin), origin).toBe(false)
    }
  })

  it('keeps the domain itself apart from its subdomains', () => {
    expect(passes(keyOf(['https://*.shop.example']), 'https://shop.example')).toBe(false)
    expect(passes(keyOf(['https://shop.example']), 'https://www.shop.example')).toBe(false)
  })

  it('goes by the Referer where there is no Origin, as with images, and by nothing else', () => {
    expect(passes(key, undefined, 'https://www.shop.example/cart?x=1')).toBe(true)
    expect(passes(key, undefined, 'https://evil.example/https://shop.example')).toBe(false)
    expect(passes(key, undefined, 'nonsense')).toBe(false)
    expect(passes(key)).toBe(false)
    expect(passes(key, 'https://evil.example', 'https://shop.example/')).toBe(false)
  })
})

it('keys of servers, and browser keys bound to none, pass from anywhere', () => {
  for (const free of [keyOf([]), keyOf(['https://shop.example'], 'server')]) {
    expect(passes(free)).toBe(true)
    expect(passes(free, 'https://evil.example')).toBe(true)
  }
})
