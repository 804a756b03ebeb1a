import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileCheck } from './compile-check.ts'
import { depthOf, explainRefusal } from './explain-refusal.ts'
import { hitSchema } from './hit-schema.ts'
import { anySentHit } from './sent-hit-under-test.ts'

const nested = (depth: number): unknown => JSON.parse('{"a":'.repeat(depth) + '1'.padEnd(depth + 1, '}'))
const page = { name: 'page_view' }
const check = compileCheck(hitSchema)
const money = { amount: 1, currency: 'EUR' }

describe('a refusal', () => {
  it.each<[string, unknown, string, string]>([
    ['no name', {}, 'bad_field', '/name'],
    ['an empty name', { name: '' }, 'bad_field', '/name'],
    ['a name of 65', { name: 'x'.repeat(65) }, 'bad_field', '/name'],
    ['a name of two lines', { name: 'a\nb' }, 'bad_field', '/name'],
    ['a name that is null', { name: null }, 'bad_field', '/name'],
    ['a number for an id', { ...page, id: 5 }, 'bad_field', '/id'],
    ['an empty id', { ...page, id: '' }, 'bad_field', '/id'],
    ['half a character in a visitor', { ...page, visitor: '\ud83d' }, 'bad_field', '/visitor'],
    ['a session of 65', { ...page, session: 'x'.repeat(65) }, 'bad_field', '/session'],
    ['a user with DEL', { ...page, user: 'a\x7f' }, 'bad_field', '/user'],
    ['33 characters of two UTF-16 units for a name', { name: '𝒳'.repeat(33) }, 'bad_field', '/name'],
    ['513 of them in a prop', { ...page, props: { a: '𝒳'.repeat(513) } }, 'bad_field', '/props/a'],
    ['a length that is none for a name', { name: { length: { toString: 1 } } }, 'bad_field', '/name'],
    ['a length that is none for a url', { ...page, url: { length: { toString: 1 } } }, 'bad_field', '/url'],
    ['a length that is none for items', { ...page, items: { length: { toString: 1 } } }, 'bad_field', '/items'],
    ['a url of 2,049', { ...page, url: 'x'.repeat(2_049) }, 'bad_field', '/url'],
    ['a referrer of 2,049', { ...page, referrer: 'x'.repeat(2_049) }, 'bad_field', '/referrer'],
    ['a title of 301', { ...page, title: 'x'.repeat(301) }, 'bad_field', '/title'],
    ['NUL in a title', { ...page, title: 'a\0' }, 'bad_field', '/title'],
    ['a time without a zone', { ...page, time: '2026-03-01T09:00:00' }, 'bad_field', '/time'],
    ['a time that is null', { ...page, time: null }, 'bad_field', '/time'],
    ['a currency without an amount', { ...page, revenue: { currency: 'EUR' } }, 'bad_field', '/revenue/amount'],
    ['an amount without a currency', { ...page, revenue: { amount: 1 } }, 'bad_field', '/revenue/currency'],
    ['a number for revenue', { ...page, revenue: 5 }, 'bad_field', '/revenue'],
    [
      'an amount of 7 decimals',
      { ...page, revenue: { ...money, amount: '1.1234567' } },
      'bad_amount',
      '/revenue/amount',
    ],
    ['an amount of 10^12', { ...page, revenue: { ...money, amount: 1e12 } }, 'bad_amount', '/revenue/amount'],
    [
      'an amount beyond numbers',
      { ...page, revenue: JSON.parse('{"amount":1e400,"currency":"EUR"}') },
      'bad_amount',
      '/revenue/amount',
    ],
    ['an amount that is null', { ...page, revenue: { ...money, amount: null } }, 'bad_amount', '/revenue/amount'],
    ['an unknown currency', { ...page, revenue: { ...money, currency: 'ZZZ' } }, 'bad_currency', '/revenue/currency'],
    ['a price in words', { ...page, items: [{}, { price: 'ten' }] }, 'bad_amount', '/items/1/price'],
    ['101 items', { ...page, items: Array(101).fill({}) }, 'bad_field', '/items'],
    ['an object for items', { ...page, items: {} }, 'bad_field', '/items'],
    ['an infinite quantity', { ...page, items: [JSON.parse('{"quantity":1e400}')] }, 'bad_field', '/items/0/quantity'],
    [
      '65 props',
      { ...page, props: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [i, i])) },
      'bad_field',
      '/props',
    ],
    ['a prop key of 65', { ...page, props: { ['k'.repeat(65)]: 1 } }, 'bad_field', `/props/${'k'.repeat(65)}`],
    ['a prop key of two lines', { ...page, props: { 'a\nb': 1 } }, 'bad_field', '/props/a\nb'],
    ['a prop of 1,025', { ...page, props: { a: 'x'.repeat(1_025) } }, 'bad_field', '/props/a'],
    ['a prop that is a list', { ...page, props: { 'a/b~c': [] } }, 'bad_field', '/props/a~1b~0c'],
    ['a list for props', { ...page, props: [] }, 'bad_field', '/props'],
    ['a prop __proto__', { ...page, props: JSON.parse('{"__proto__":1}') }, 'bad_field', '/props/__proto__'],
    ['a prop constructor', { ...page, props: { constructor: 1 } }, 'bad_field', '/props/constructor'],
    ['a field __proto__', JSON.parse('{"name":"x","__proto__":{"id":"y"}}'), 'bad_field', '/__proto__'],
    ['a field constructor', { ...page, constructor: 1, other: 2 }, 'bad_field', '/constructor'],
    ['__proto__ deeper', { ...page, context: JSON.parse('{"__proto__":1}') }, 'bad_field', '/context/__proto__'],
    ['an unknown field', { ...page, revenu: 1 }, 'unknown_field', '/revenu'],
    ['a merchant of its own choosing', { ...page, merchant: 'other' }, 'unknown_field', '/merchant'],
    [
      'an unknown field deeper',
      { ...page, context: { campaign: { medium: 'x', gclid: 'y' } } },
      'unknown_field',
      '/context/campaign/gclid',
    ],
    ['a user agent of 513', { ...page, context: { userAgent: 'x'.repeat(513) } }, 'bad_field', '/context/userAgent'],
    ['9 levels', { ...page, props: nested(8) }, 'too_deep', ''],
    ['8 levels, which are one too many for props alone', { ...page, props: nested(7) }, 'bad_field', '/props/a'],
    ['a hit that is a text', 'page_view', 'bad_field', ''],
    ['a hit that is null', null, 'bad_field', ''],
    ['a hit that is a list', [page], 'bad_field', ''],
  ])('of %s says what and where', (_name, hit, code, pointer) => {
    expect(check(hit)).toBe(false)
    expect(explainRefusal(hit)).toMatchObject({ code, pointer })
    expect(explainRefusal(hit).message).not.toBe('')
  })

  it('takes no longer for a million wrong things than for the first of them', () => {
    const million = 1_000_000
    const items = Array(million).fill(1)
    expect(explainRefusal({ ...page, items })).toMatchObject({ code: 'bad_field', pointer: '/items' })
    const props = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`k${i}`, []]))
    expect(explainRefusal({ ...page, props })).toMatchObject({ code: 'bad_field', pointer: '/props' })
    expect(explainRefusal({ ...page, ...props })).toMatchObject({ code: 'unknown_field', pointer: '/k0' })
    expect(explainRefusal({ ...page, context: props })).toMatchObject({ code: 'unknown_field', pointer: '/context/k0' })
  })

  it('stays small and well-formed, whatever the name of the field', () => {
    const { pointer, message } = explainRefusal({ ...page, [`\ud800${'long'.repeat(1_000)}`]: 1 })
    expect(pointer.length).toBeLessThan(110)
    expect(Buffer.from(pointer).toString()).toBe(pointer)
    expect(message.length).toBeLessThan(200)
  })

  it('is found for every JSON that the check refuses, points at something, and never throws', () => {
    fc.assert(
      fc.property(anySentHit, (value) => {
        const { code, pointer, message } = explainRefusal(value)
        if (check(value)) return
        expect(['bad_field', 'unknown_field', 'bad_amount', 'bad_currency', 'too_deep']).toContain(code)
        expect(message).not.toBe('the hit is not as documented')
        expect(message.length).toBeLessThan(200)
        const parts = pointer.split('/').slice(1)
        // All but the last part, which may be what is missing, lead somewhere.
        let at = value as Record<string, unknown>
        for (const part of parts.slice(0, -1)) at = at[part.replaceAll('~1', '/').replaceAll('~0', '~')] as typeof at
        if (parts.length > 0) expect(typeof at).toBe('object')
      }),
      { numRuns: 5_000 },
    )
  })
})

describe('depth', () => {
  it('counts objects and arrays inside each other, up to one beyond the limit', () => {
    expect([1, 'x', null, [], {}, [[1], {}], nested(8), [nested(8)]].map((value) => depthOf(value, 8))).toEqual([
      0, 0, 0, 1, 1, 2, 8, 9,
    ])
    expect(depthOf(nested(5_000), 8)).toBe(9)
  })
})
