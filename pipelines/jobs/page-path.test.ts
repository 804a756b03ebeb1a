import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { pagePath, pathMaxLength } from './page-path.ts'

describe('the path of a page', () => {
  it.each([
    ['https://shop.example', '/'],
    ['https://shop.example/', '/'],
    ['https://shop.example/shoes/', '/shoes'],
    ['https://shop.example/shoes?size=42#reviews', '/shoes'],
    ['https://shop.example?ref=/mail', '/'],
    ['HTTPS://SHOP.example:8443//Shoes///Red//', '/Shoes/Red'],
    ['https://shop.example/a/../b/./c', '/b/c'],
    ['https://shop.example/a%2Fb/%7euser', '/a%2Fb/%7euser'],
    ['https://shop.example/schöne schuhe', '/sch%C3%B6ne%20schuhe'],
    ['https://shop.example\\back', '/back'],
    [' https://shop.example/spaces ', '/spaces'],
    ['/only/a/path/?q=1', '/only/a/path'],
    ['//shop.example/looks-like-a-host', '/shop.example/looks-like-a-host'],
    ['/', '/'],
    ['app://shop/cart', '/cart'],
  ])('of %s is %s', (url, path) => {
    expect(pagePath(url)).toBe(path)
  })

  it.each([
    null,
    '',
    'shoes',
    'shop.example/shoes',
    'mailto:ann@shop.example',
    'javascript:void(0)',
    'https://',
    '#top',
  ])('of %s is none', (url) => {
    expect(pagePath(url)).toBeNull()
  })

  it('is cut at its limit without breaking a character, and neither ends in a slash nor doubles one', () => {
    const exactly = `/${'a'.repeat(pathMaxLength - 1)}`
    expect(pagePath(exactly)).toBe(exactly)
    expect(pagePath(`${exactly}b`)).toBe(exactly)
    expect(pagePath(`/${'a'.repeat(pathMaxLength - 2)}/more`)).toBe(`/${'a'.repeat(pathMaxLength - 2)}`)
    for (const fill of [0, 1, 2]) {
      const cut = pagePath(`/${'a'.repeat(fill)}${'ü'.repeat(1_000)}`) ?? ''
      expect(cut.length).toBeGreaterThan(pathMaxLength - 3)
      expect(cut).toMatch(/^\/a*(%C3%BC)*(%C3)?$/)
    }
  })

  it('of a path is itself, begins with a slash, and holds no query, fragment or double slash', () => {
    const piece = fc.constantFrom(
      'a',
      'Z',
      '/',
      '//',
      '.',
      '..',
      '%',
      '%2F',
      '%2e',
      'ü',
      ' ',
      '\\',
      '?',
      '#',
      ':',
      '@',
      '\t',
      '💚',
    )
    const text = fc.oneof(
      fc.webUrl({ withQueryParameters: true, withFragments: true }),
      fc.array(piece, { maxLength: 20 }).map((pieces) => `/${pieces.join('')}`),
      fc.array(piece, { maxLength: 20 }).map((pieces) => `https://shop.example/${pieces.join('')}`),
      fc.string({ unit: 'binary' }),
      fc.integer({ min: 2_030, max: 2_060 }).map((length) => `/${'ü/'.repeat(length)}`.slice(0, length)),
    )
    fc.assert(
      fc.property(text, (url) => {
        const path = pagePath(url)
        if (path === null) return
        expect(pagePath(path)).toBe(path)
        expect(path).toMatch(/^\//)
        expect(path).not.toMatch(/[?#]|\/\/|.\/$/)
        expect(path.length).toBeLessThanOrEqual(pathMaxLength)
      }),
      { numRuns: 2_000 },
    )
  })
})
